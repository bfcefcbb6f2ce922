//! The YAML of the guides is what the product takes.

mod support;

use std::path::Path;

use support::{check, shown};

/// Everybody whom the guides name, and how they are reached.
const PEOPLE: &str = r#"
channels: { mail: { smtp: { host: smtp.example.com, from: oncall@example.com } } }
people:
  - { id: li.na, contacts: { mail: li.na@example.com } }
  - { id: wang.lei, contacts: { mail: wang.lei@example.com } }
  - { id: chen.yu, contacts: { mail: chen.yu@example.com } }
  - { id: zhao.min, contacts: { mail: zhao.min@example.com } }
  - { id: sun.tao, contacts: { mail: sun.tao@example.com } }
policies: [ { id: all, steps: [ { page: li.na } ], ack_timeout: 1h, catch_all: { person: li.na } } ]
probes: [ { id: site, http: "https://expense.example.com/healthz" } ]
"#;

#[test]
fn the_examples_of_the_rota_guide_are_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rota.md");
    let text = std::fs::read_to_string(path).expect("docs/rota.md");
    let blocks: Vec<&str> = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 3, "the guide has examples");
    for (n, block) in blocks.iter().enumerate() {
        let report = check(&format!("rota-guide-{n}"), &format!("{PEOPLE}### rotations/guide.yaml\n{block}"));
        assert!(report.config.is_some(), "{block}\n{}", shown(&report));
        // Who is woken by what is another guide's matter.
        let others = ["has no 2027", "loud channel", "is ever paged"];
        let expected = |message: &str| others.iter().any(|other| message.contains(other));
        assert!(report.warnings.iter().all(|w| expected(&w.message)), "{block}\n{}", shown(&report));
    }
}
