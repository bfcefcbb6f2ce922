//! `docs/failure-kinds.md` explains every failure kind: pages and tickets link to its anchors.

use watchbell_engine::word::FailureKind;

#[test]
fn every_failure_kind_is_explained_once() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/failure-kinds.md");
    let text = std::fs::read_to_string(path).expect("docs/failure-kinds.md");
    let explained: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let known: Vec<&str> = FailureKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(explained, known, "the headings are the anchors, in the order of the vocabulary");

    for section in text.split("\n### ").skip(1) {
        let (kind, body) = section.split_once('\n').expect("a heading and its text");
        assert!(body.contains("**Look at:**"), "{kind} does not say where to look");
    }
}
