//! The guides: every command in them is one that we have, every piece of YAML one that `check` takes, every
//! metric one that there is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Parser;
use watchbell_config::{Secrets, Sources};

use super::args::Cli;
use crate::clock::Clock;

/// What the pieces of YAML of a guide are added to.
const AROUND: &str = r#"
channels: { hook: { webhook: {} } }
people: [ { id: me, contacts: { hook: "http://127.0.0.1:9/me" } } ]
probes: [ { id: site, tcp: "127.0.0.1:9" } ]
"#;

fn guides() -> Vec<(PathBuf, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let files = std::fs::read_dir(dir).expect("docs").map(|entry| entry.expect("an entry").path());
    let guides = files.filter(|path| path.extension().is_some_and(|e| e == "md"));
    guides.map(|path| (path.clone(), std::fs::read_to_string(path).expect("a guide"))).collect()
}

/// The blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == format!("```{language}") {
            out.push(lines.by_ref().take_while(|line| line.trim() != "```").collect::<Vec<_>>().join("\n"));
        }
    }
    out
}

/// The words of a command line, as a shell splits them: quotes, and a comment at the end.
fn words(line: &str) -> Vec<String> {
    let (mut out, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => out.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    out
}

#[test]
fn every_command_in_the_guides_is_one_that_we_have() {
    let mut seen = 0;
    for (path, text) in guides() {
        for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()).flat_map(|line| line.split(" && ")) {
            let words = words(line.trim());
            if words.first().is_some_and(|word| word == "watchbell") {
                seen += 1;
                if let Err(error) = Cli::try_parse_from(&words) {
                    panic!("{}: {line}\n{error}", path.display());
                }
            }
        }
    }
    assert!(seen > 10, "the guides have commands in them: {seen}");
}

#[test]
fn every_piece_of_yaml_in_the_guides_for_people_is_taken() {
    let mut seen = 0;
    for (path, text) in guides() {
        // The reference has pieces that lean on each other; its own test is the shipped configuration.
        if !["on-call.md", "operations.md"].iter().any(|name| path.ends_with(name)) {
            continue;
        }
        for block in blocks(&text, "yaml") {
            seen += 1;
            let dir = tempfile::tempdir().expect("a directory");
            std::fs::write(dir.path().join("watchbell.yaml"), format!("{AROUND}{block}\n")).expect("a file");
            let sources = Sources::process(dir.path(), BTreeMap::new());
            let report = watchbell_config::read(&sources, Secrets::WarnIfMissing, Clock::system().now());
            let mistakes: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
            assert!(mistakes.is_empty(), "{}:\n{block}\n{}", path.display(), mistakes.join("\n"));
        }
    }
    assert!(seen >= 2, "{seen}");
}

#[test]
fn every_metric_in_the_guides_is_one_that_there_is() {
    let known = include_str!("../telemetry.rs");
    for (path, text) in guides() {
        for (at, _) in text.match_indices("watchbell_") {
            let name: String = text[at..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            assert!(known.contains(&format!("\"{name}\"")), "{}: {name}", path.display());
        }
    }
}

#[test]
fn a_shell_and_we_split_alike() {
    assert_eq!(words("watchbell ack INC-42   # stops it"), ["watchbell", "ack", "INC-42"]);
    assert_eq!(words("watchbell note INC-1 \"it's back\" ''"), ["watchbell", "note", "INC-1", "it's back", ""]);
}
