//! What broke, in a few words and in one line.

use watchbell_engine::observation::RunSummary;
use watchbell_engine::outgoing::{About, AlertBrief};
use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, Level, Locale, Severity};

use super::clean::one_line;
use super::kind::{kind_sentence, kind_short};
use super::text::{InWords, Text};

/// The longest title in a first line, characters: a phone shows about 40, a lock screen about 100.
const TITLE_MAX: usize = 60;

/// The longest finding, request or expectation in a line, characters.
const PART_MAX: usize = 160;

/// `P1 发票验真中断`: priority, title and what is the matter with it.
pub(super) fn headline(about: &About, locale: Locale) -> String {
    let title = title(about, locale);
    match (state_word(&about.alert), locale) {
        (Some(word), Locale::ZhCn) => format!("{} {title}{}", about.priority, word.zh_cn),
        (Some(word), Locale::En) => format!("{} {title} {}", about.priority, word.en),
        (None, Locale::ZhCn | Locale::En) => format!("{} {title}", about.priority),
    }
}

/// The kind as it stands behind the headline.
pub(super) fn short(alert: &AlertBrief, locale: Locale) -> Option<String> {
    alert.kind.map(|kind| kind_short(kind, alert.run.as_ref().and_then(|run| run.status), locale))
}

/// The finding without bodies, headers and evidence: `POST /v1/invoices/verify 返回 503,应为 200`.
/// `None` where there is nothing to say beyond the title.
pub(super) fn finding(about: &About, locale: Locale) -> Option<String> {
    let alert = &about.alert;
    let Some(kind) = alert.kind else {
        let summary = one_line(&alert.summary, PART_MAX);
        return (!summary.is_empty() && summary != title(about, locale)).then_some(summary);
    };
    Some(match &alert.run {
        Some(run) => with_request(run, locale, kind),
        None => kind_sentence(kind, locale).into(),
    })
}

fn with_request(run: &RunSummary, locale: Locale, kind: FailureKind) -> String {
    let sentence = kind_sentence(kind, locale);
    let request = run.request.as_deref().map(|text| one_line(text, PART_MAX)).unwrap_or_default();
    let expected = expected(run, locale);
    match (kind, run.status, run.total) {
        (FailureKind::Status | FailureKind::RateLimited, Some(status), _) => match locale {
            Locale::ZhCn => joined(&request, " ", &format!("返回 {status}{expected}")),
            Locale::En => joined(&request, " ", &format!("answered {status}{expected}")),
        },
        (FailureKind::Latency, _, Some(total)) => match locale {
            Locale::ZhCn => joined(&request, " ", &format!("用时 {}{expected}", seconds(total))),
            Locale::En => joined(&request, " ", &format!("took {}{expected}", seconds(total))),
        },
        (kind, Some(status), _) if kind != FailureKind::CertExpiring => match locale {
            Locale::ZhCn => joined(&request, " ", &format!("返回 {status},但{sentence}{expected}")),
            Locale::En => joined(&request, " ", &format!("answered {status}, but {sentence}{expected}")),
        },
        // Nothing was answered: what had been expected of the answer is beside the point.
        (_, Some(_) | None, _) => match locale {
            Locale::ZhCn => joined(&request, ":", sentence),
            Locale::En => joined(&request, ": ", sentence),
        },
    }
}

fn expected(run: &RunSummary, locale: Locale) -> String {
    let Some(expected) = run.expected.as_deref().map(|text| one_line(text, PART_MAX)) else { return String::new() };
    match locale {
        Locale::ZhCn => format!(",应为 {expected}"),
        Locale::En => format!(", expected {expected}"),
    }
}

fn joined(request: &str, between: &str, rest: &str) -> String {
    if request.is_empty() { rest.into() } else { format!("{request}{between}{rest}") }
}

fn seconds(total: Millis) -> String {
    if total.0 < 1_000 { format!("{} ms", total.0) } else { format!("{:.1} s", total.as_secs_f64()) }
}

fn title(about: &About, locale: Locale) -> String {
    one_line(about.title.get(locale), TITLE_MAX)
}

/// What is the matter with the thing that the title names. A title that a sender wrote says it itself,
/// and of a certificate that ends soon the kind says it all.
fn state_word(alert: &AlertBrief) -> Option<Text> {
    alert.probe.as_ref()?;
    let Some(kind) = alert.kind else { return Some(Level::Down.text()) };
    let slow_or_limited = matches!(kind, FailureKind::Latency | FailureKind::RateLimited);
    if kind == FailureKind::CertExpiring {
        None
    } else if kind == FailureKind::HeartbeatMissed {
        Some(Text::new("失联", "silent"))
    } else if kind == FailureKind::HeartbeatFailed {
        Some(Text::new("失败", "failed"))
    } else if kind == FailureKind::HeartbeatOverrun {
        Some(Text::new("超时", "overdue"))
    } else if slow_or_limited && alert.severity <= Severity::Warning {
        Some(Level::Degraded.text())
    } else {
        Some(Level::Down.text())
    }
}
