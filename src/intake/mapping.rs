//! From an alert of Prometheus to a signal: severity, title, details, runbook.

use jiff::Timestamp;
use watchbell_config::AlertSource;
use watchbell_engine::fact::{Lapse, Told};
use watchbell_engine::ids::DedupKey;
use watchbell_engine::input::{More, Signal, SignalAction};
use watchbell_engine::label::Labels;
use watchbell_engine::word::Severity;

/// What the sender wrote as `severity`, where that is no word of ours. Routes and silences see our word.
pub(super) const SENT: &str = "severity_sent";

/// The longest annotation that is kept, characters.
const WORDS_MAX: usize = 4_096;

/// The longest title and details, characters: they are read on a phone.
const LINE_MAX: usize = 300;

/// One alert as it was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
    pub(super) started_at: Option<Timestamp>,
    pub(super) link: Option<String>,
    pub(super) firing: bool,
    pub(super) lapses: Option<Lapse>,
}

/// The signal of an alert that is said again for as long as it lasts.
pub(super) fn signal(sent: Sent, dedup_key: DedupKey, source: &AlertSource, sender: &str) -> Signal {
    let Sent { mut labels, mut annotations, started_at, link, firing, lapses } = sent;
    let severity = severity(&mut labels, source.severity);
    if !firing {
        return plain(dedup_key, SignalAction::Resolve, sender);
    }
    annotations.values_mut().for_each(|words| cut(words, WORDS_MAX));
    for (name, value) in &source.labels {
        if !labels.contains_key(name) {
            labels.insert(name.clone(), value.clone());
        }
    }
    let first = |names: &[&str]| {
        let found = names.iter().find_map(|name| annotations.get(*name).filter(|words| !words.trim().is_empty()));
        found.map(|words| line(words))
    };
    let title = first(&["summary", "title"]).or_else(|| labels.get("alertname").map(|name| line(name)));
    let details = first(&["description", "message"]);
    let runbook = first(&["runbook_url", "runbook"]);
    let more = More {
        level: true,
        details,
        runbook: runbook.into_iter().collect(),
        told: Some(Box::new(Told { annotations, link: link.filter(|link| is_web(link)), lapses })),
    };
    let summary = title.unwrap_or_else(|| "an alert without a name".into());
    let source = sender.to_owned();
    Signal { dedup_key, action: SignalAction::Fire, summary, severity, labels, started_at, source, more }
}

/// A signal that says nothing but what to do with its key.
pub(super) fn plain(dedup_key: DedupKey, action: SignalAction, sender: &str) -> Signal {
    let (summary, labels, source) = (String::new(), Labels::new(), sender.to_owned());
    Signal {
        dedup_key,
        action,
        summary,
        severity: Severity::Error,
        labels,
        started_at: None,
        source,
        more: More::default(),
    }
}

/// Our severity of an alert; its label says the same from here on, and what was sent is kept beside it.
fn severity(labels: &mut Labels, default: Severity) -> Severity {
    let sent = labels.get("severity").map(String::as_str);
    let severity = match sent.map(str::to_ascii_lowercase).as_deref() {
        Some("critical" | "page" | "fatal" | "emergency") => Severity::Critical,
        Some("error" | "major" | "high") => Severity::Error,
        Some("warning" | "warn" | "minor") => Severity::Warning,
        Some("info" | "none") => Severity::Info,
        Some(_) | None => default,
    };
    if sent != Some(severity.as_str()) {
        let sent = labels.insert("severity".into(), severity.to_string());
        sent.into_iter().for_each(|sent| {
            labels.insert(SENT.into(), sent);
        });
    }
    severity
}

/// Links are shown to people: only what a browser opens without harm.
pub(super) fn is_web(link: &str) -> bool {
    link.starts_with("http://") || link.starts_with("https://")
}

/// The first line, not too long.
pub(super) fn line(text: &str) -> String {
    let mut line = text.trim().lines().next().unwrap_or_default().trim_end().to_owned();
    cut(&mut line, LINE_MAX);
    line
}

/// Cuts a text to so many characters, the last of which then says that there was more.
pub(super) fn cut(text: &mut String, max: usize) {
    if text.len() > max
        && let Some((at, _)) = text.char_indices().nth(max)
    {
        text.truncate(at);
        text.pop();
        text.push('…');
    }
}
