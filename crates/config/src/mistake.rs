//! Mistakes in the YAML: where, what, what to do; and the collector that every reader writes to.
//!
//! Owns: how a mistake is shown, and that no snippet shows a secret.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use crate::tree::{KeyPath, Place};

/// A mistake in the YAML, shown on the line that holds it. `check` reports every mistake at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Relative to the configuration directory; the directory or flag itself where no file is meant.
    pub file: String,
    /// From 1; `None` where no line is meant.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    /// The keys that lead there: `probes[2].http.url`. Empty at the root of a file.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line and a mark under the place. Secrets in it are blotted out.
    #[serde(skip)]
    pub snippet: Option<String>,
}

impl Mistake {
    /// Place and message in one line.
    pub fn headline(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}: {}", self.file, self.message),
            (Some(_), None) | (None, _) => format!("{}: {}", self.file, self.message),
        }
    }

    /// A mistake that stands in no file: a flag, a missing directory.
    pub(crate) fn outside(
        what: impl Into<String>,
        path: &str,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let (file, path, message) = (what.into(), path.into(), message.into());
        Self { file, line: None, column: None, path, message, hint, snippet: None }
    }
}

/// Place and message, the line with a mark under the place, the hint.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhelp: {hint}")?;
        }
        Ok(())
    }
}

/// A place together with the keys that lead there.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) place: Place,
    pub(crate) path: KeyPath,
    /// What stands there is not to be shown.
    pub(crate) hidden: bool,
}

impl Spot {
    /// A spot whose line may be shown.
    pub(crate) fn new(place: Place, path: KeyPath) -> Self {
        Self { place, path, hidden: false }
    }
}

/// Collects what is found. Readers record and go on.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    errors: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

impl Mistakes {
    /// Records a mistake.
    pub(crate) fn error(&mut self, at: &Spot, message: impl Into<String>, hint: Option<String>) {
        self.errors.push(placed(at, message.into(), hint));
    }

    /// Records something that is allowed and probably not wanted.
    pub(crate) fn warn(&mut self, at: &Spot, message: impl Into<String>, hint: Option<String>) {
        self.warnings.push(placed(at, message.into(), hint));
    }

    /// Records a mistake that stands in no file.
    pub(crate) fn push(&mut self, mistake: Mistake) {
        self.errors.push(mistake);
    }

    /// Records a warning that stands in no file.
    pub(crate) fn push_warning(&mut self, mistake: Mistake) {
        self.warnings.push(mistake);
    }

    /// How many errors there are so far.
    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Errors and warnings, each once, in the order of their places.
    pub(crate) fn finish(self) -> (Vec<Mistake>, Vec<Mistake>) {
        (in_order(self.errors), in_order(self.warnings))
    }
}

fn in_order(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    // A value behind an anchor is read once for each use and is wrong once.
    let mut seen = BTreeSet::new();
    mistakes.retain(|m| seen.insert((m.file.clone(), m.line, m.column, m.message.clone())));
    mistakes
}

fn placed(at: &Spot, message: String, hint: Option<String>) -> Mistake {
    let Place { file, line, column, width } = &at.place;
    let whole_file = *line == 0;
    Mistake {
        file: file.name.clone(),
        line: (!whole_file).then_some(*line),
        column: (!whole_file).then_some(*column),
        path: at.path.to_string(),
        message,
        hint,
        snippet: (!whole_file).then(|| snippet(file.line(*line), *line, *column, *width, at.hidden)),
    }
}

/// Longest part of a line that is shown, in characters.
const SHOWN: usize = 120;

/// The line with its number, and a mark under the place.
fn snippet(source: &str, line: usize, column: usize, width: usize, hidden: bool) -> String {
    let mut chars: Vec<char> = blotted(source).chars().collect();
    if hidden {
        chars.iter_mut().skip(column - 1).take(width).for_each(|c| *c = star(*c));
    }
    let from = if column > SHOWN - 20 { column - 40 } else { 0 }.min(chars.len());
    let to = (from + SHOWN).min(chars.len());
    let shown: String = chars[from..to].iter().map(|c| if *c == '\t' { ' ' } else { *c }).collect();
    let before: usize = chars[from..(column - 1).clamp(from, to)].iter().map(|c| columns(*c)).sum();
    let until = (column - 1 + width).clamp(from, to.max(from));
    let marked: usize = chars[(column - 1).clamp(from, until)..until].iter().map(|c| columns(*c)).sum();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let (pad, mark) = (" ".repeat(before), "^".repeat(marked.max(1)));
    format!(" {number} | {shown}\n {margin} | {pad}{mark}")
}

/// How many columns of a terminal a character takes: two for the scripts of East Asia.
fn columns(c: char) -> usize {
    let wide = matches!(u32::from(c), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
        | 0xFE30..=0xFE4F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD);
    if wide { 2 } else { 1 }
}

static SECRETS: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    [
        // A value under a key that holds secrets; `{env: …}` is no secret and stays.
        r#"(?i)(?:password|secret|token|bearer|authorization|cookie|ping|api[-_]?key)["']?\s*:\s*("[^"]*"?|'[^']*'?|\[[^\]]*\]?|[^\s{\[,}"'#|>](?:[^,}#]*[^,}#\s])?)"#,
        r"://([^/\s@]+)@",
        r#"(?i)[?&](?:access_token|token|key|secret|sign|password)=([^&\s"']+)"#,
    ]
    .map(|pattern| Regex::new(pattern).expect("the pattern is a literal"))
});

/// As wide as the character it covers.
fn star(c: char) -> char {
    if columns(c) == 2 { '\u{FF0A}' } else { '*' }
}

/// The line with stars in the place of secrets, each as wide as the character it covers.
fn blotted(line: &str) -> String {
    let secrets: Vec<_> = SECRETS
        .iter()
        .flat_map(|pattern| pattern.captures_iter(line))
        .filter_map(|found| found.get(1).map(|part| part.range()))
        .collect();
    let hides = |at: usize| secrets.iter().any(|secret| secret.contains(&at));
    line.char_indices().map(|(at, c)| if hides(at) { star(c) } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_the_place_in_wide_scripts_too() {
        assert_eq!(snippet("名: 错误的值", 2, 4, 5, false), " 2 | 名: 错误的值\n   |     ^^^^^^^^");
        assert_eq!(snippet("", 9, 70, 5, false), " 9 | \n   | ^", "a place that is not there must not panic");
        let long = format!("{}x: y", " ".repeat(300));
        assert_eq!(snippet("  hunter2", 3, 3, 7, true), " 3 |   *******\n   |   ^^^^^^^");
        assert!(snippet(&long, 1, 304, 1, false).ends_with('^'));
    }

    #[test]
    fn snippets_show_no_secret() {
        for line in [
            "password: hunter2",
            "mail: { password: 'hunter2', tls: none }",
            "token: \"hunter2\"",
            "http://me:hunter2@example.com/",
            "ping: https://dead-man.example/hunter2",
            "url: https://x/robot/send?access_token=hunter2",
            "password: [ hunter2 ]",
            "密码 password: hunter2密",
            "{ url: \"https://x/?token=hunter2 x\", authorization: \"hunter2 发\" }",
        ] {
            assert!(!blotted(line).contains("hunter2"), "{line} shows as {}", blotted(line));
        }
        assert_eq!(blotted("password: { env: SMTP_PASSWORD }"), "password: { env: SMTP_PASSWORD }");
    }
}
