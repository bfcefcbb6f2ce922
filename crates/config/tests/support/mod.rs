//! A configuration directory made from one text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchbell_config::{Report, Secrets, Sources, read};
use watchbell_engine::Timestamp;

/// The first week of 2026, in which most examples begin.
pub(crate) fn now() -> Timestamp {
    "2026-01-08T04:00:00Z".parse().expect("a time")
}

/// Writes the text as a directory: `### path` begins another file, the first is watchbell.yaml.
pub(crate) fn directory(name: &str, text: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).expect("an old directory goes");
    }
    std::fs::create_dir_all(&dir).expect("a directory");
    let (mut path, mut content) = (dir.join("watchbell.yaml"), String::new());
    for line in text.lines() {
        if let Some(next) = line.strip_prefix("### ") {
            put(&path, &content);
            (path, content) = (dir.join(next), String::new());
        } else {
            content += line;
            content += "\n";
        }
    }
    put(&path, &content);
    dir
}

fn put(path: &Path, content: &str) {
    std::fs::create_dir_all(path.parent().expect("inside the directory")).expect("a directory");
    std::fs::write(path, content).expect("a file");
}

/// Sources whose environment has `SET` and nothing else.
pub(crate) fn sources(dir: PathBuf, vars: &[(&str, &str)]) -> Sources {
    let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
    Sources { dir, vars, env: Arc::new(|name| (name == "SET").then(|| "a-secret-of-the-environment".to_owned())) }
}

/// Reads a text as `check` would.
pub(crate) fn check(name: &str, text: &str) -> Report {
    read(&sources(directory(name, text), &[]), Secrets::WarnIfMissing, now())
}

/// Errors and warnings as people see them.
pub(crate) fn shown(report: &Report) -> String {
    let mut text = String::new();
    for (word, mistakes) in [("error", &report.errors), ("warning", &report.warnings)] {
        for mistake in mistakes {
            text += &format!("{word}: {mistake}\n\n");
        }
    }
    text
}
