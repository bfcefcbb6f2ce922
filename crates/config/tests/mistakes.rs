//! Configurations that are refused: each file in `tests/bad/` with everything that is said about it.

mod support;

use proptest::prelude::*;
use support::{check, shown};

#[test]
fn mistakes() {
    insta::glob!("bad/*.yaml", |path| {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let report = check(&format!("bad-{name}"), &std::fs::read_to_string(path).expect("readable"));
        assert!(report.config.is_none() || report.errors.is_empty(), "a configuration with errors is never used");
        let json = serde_json::to_string(&report).expect("JSON");
        assert!(!shown(&report).contains("hunter2") && !json.contains("hunter2"), "no secret of the examples is shown");
        insta::assert_snapshot!(shown(&report));
    });
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let report = watchbell_config::read(
        &support::sources("/nonexistent/watchbell".into(), &[]),
        watchbell_config::Secrets::WarnIfMissing,
        support::now(),
    );
    assert_eq!(report.errors[0].headline(), "/nonexistent/watchbell: there is no such directory");
    let empty = check("empty", "");
    assert!(empty.config.is_none() && !empty.errors.is_empty(), "an empty file pages nobody");
}

#[test]
fn bytes_that_are_no_text_are_placed() {
    let dir = support::directory("bytes", "a: 1\n");
    std::fs::write(dir.join("watchbell.yaml"), b"a: 1\nb: \xff\n").expect("written");
    let report =
        watchbell_config::read(&support::sources(dir, &[]), watchbell_config::Secrets::Required, support::now());
    assert_eq!(report.errors[0].headline(), "watchbell.yaml:2:4: this is not UTF-8");
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let report = check("json", "channels: { mail: { smtp: { host: x.example } } }\n");
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["ok"], false);
    let first = json["errors"][0].as_object().expect("an object");
    let keys: Vec<_> = first.keys().map(String::as_str).collect();
    assert_eq!(keys, ["column", "file", "hint", "line", "message", "path"]);
    assert_eq!(first["path"], "channels.mail.smtp");
}

/// A configuration with most of what there is, to be damaged.
const WHOLE: &str = include_str!("whole.yaml");

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is cut out of or put into a configuration: mistakes, never a panic.
    #[test]
    fn no_text_makes_it_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, ".{0,6}|[\\[\\]{}:,&*!\"'|>#%@`~<-]{1,3}|-1|99999999999999999999|2026-13-45|''|\\{\\{vars.x\\}\\}"), 1..5)) {
        let mut chars: Vec<char> = WHOLE.chars().collect();
        for (at, cut, put) in edits {
            let at = at.index(chars.len());
            let end = (at + cut).min(chars.len());
            chars.splice(at..end, put.chars());
        }
        let report = check("damaged", &chars.into_iter().collect::<String>());
        prop_assert_eq!(report.config.is_some(), report.errors.is_empty());
    }
}
