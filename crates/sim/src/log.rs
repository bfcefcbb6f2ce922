//! The story of a night, line by line, as people would tell it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    at: Timestamp,
    text: String,
    /// Lines with the same key are told once and counted.
    fold: Option<String>,
}

impl Log {
    /// Adds a line.
    pub fn say(&mut self, at: Timestamp, text: impl Into<String>) {
        self.lines.push(Line { at, text: text.into(), fold: None });
    }

    /// Adds a line that is told once for all of the same key.
    pub fn say_once(&mut self, at: Timestamp, key: String, text: impl Into<String>) {
        self.lines.push(Line { at, text: text.into(), fold: Some(key) });
    }

    /// The whole story in local times: a line with the date and offset wherever one of them changes.
    pub fn text(&self, zone: &TimeZone) -> String {
        let mut out = String::new();
        let mut counted: BTreeMap<&str, (usize, &Line)> = BTreeMap::new();
        let mut day = String::new();
        for line in &self.lines {
            if let Some(key) = &line.fold {
                let seen = counted.entry(key).or_insert((0, line));
                seen.0 += 1;
                if seen.0 > 1 {
                    continue;
                }
            }
            let local = line.at.to_zoned(zone.clone());
            let today = local.strftime("%a %Y-%m-%d %:z").to_string();
            if today != day {
                let _ = writeln!(out, "{today}"); // a String takes everything
                day = today;
            }
            let _ = writeln!(out, "  {}  {}", local.strftime("%H:%M:%S"), line.text);
        }
        let mut again: Vec<_> = counted.into_values().filter(|(n, _)| *n > 1).collect();
        again.sort_by_key(|(_, line)| line.at);
        if !again.is_empty() {
            out.push_str("again\n");
        }
        for (n, line) in again {
            let _ = writeln!(out, "  {n} times  {}", line.text);
        }
        out
    }
}
