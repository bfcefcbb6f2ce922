//! What a failing run saw, for those who hold a link or a token. Secrets were masked when it was recorded.

use std::time::Duration;

use watchbell_engine::ids::ProbeId;
use watchbell_engine::observation::Observation;
use watchbell_engine::view::{AlertState, TicketView};
use watchbell_engine::word::{Locale, Outcome};

use super::App;
use super::show::{Face, ms};
use crate::words::InWords as _;
use crate::words::screen::Label;

/// History must not hold up the page that somebody was woken for.
const HISTORY_WITHIN: Duration = Duration::from_millis(300);

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// What.
    pub(super) name: &'static str,
    /// How much.
    pub(super) value: String,
}

/// A failing run as screens show it.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    /// What was asked and found.
    pub(super) lines: Vec<Line>,
    /// How long each phase took.
    pub(super) phases: Vec<Line>,
    /// Assertions that did not hold.
    pub(super) failed: Vec<String>,
    /// Head and first part of the body.
    pub(super) answer: Option<String>,
}

/// The newest failing run behind a ticket.
pub(super) async fn of_ticket(app: &App, ticket: &TicketView, face: &Face) -> Option<Evidence> {
    let worst = ticket.alerts.iter().filter(|a| a.probe.is_some());
    let worst = worst.max_by_key(|a| (a.state == AlertState::Firing, a.severity))?;
    let run = newest_failure(app, worst.probe.as_ref()?).await?;
    Some(shown(&run, face))
}

async fn newest_failure(app: &App, probe: &ProbeId) -> Option<Observation> {
    let board = app.live.probes.get(probe).and_then(|live| live.last);
    if let Some(run) = board.filter(|run| matches!(run.outcome, Outcome::Down | Outcome::Degraded)) {
        return Some((*run).clone());
    }
    match tokio::time::timeout(HISTORY_WITHIN, app.store.history().last_failures(probe, 1)).await {
        Ok(Ok(runs)) => runs.into_iter().next(),
        Ok(Err(error)) => {
            tracing::warn!(%error, probe.id = %probe, "the history of {probe} cannot be read");
            None
        }
        Err(_) => None,
    }
}

fn shown(run: &Observation, face: &Face) -> Evidence {
    let locale = face.locale;
    let seen = &run.evidence;
    let at = face.at(run.at);
    let lines = [
        (Label::Finding, run.message.clone()),
        (Label::HttpStatus, seen.status.map(|s| s.to_string())),
        (Label::Kind, run.kind.map(|k| format!("{} ({k})", k.words(locale)))),
        (Label::Request, seen.request.clone()),
        (Label::Remote, seen.remote.clone()),
        (Label::SeenAt, Some(format!("{} ({})", at.text, at.utc))),
    ];
    let lines = lines.into_iter().filter_map(|(name, value)| Some(Line { name: name.get(locale), value: value? }));
    let failed = run.assertions.iter().filter(|a| !a.ok);
    let failed =
        failed.map(|a| a.found.as_ref().map_or_else(|| a.what.clone(), |found| format!("{}: {found}", a.what)));
    let head: String = seen.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let answer = match (&seen.body, head.is_empty()) {
        (None, true) => None,
        (None, false) => Some(head),
        (Some(body), true) => Some(body.clone()),
        (Some(body), false) => Some(format!("{head}\n{body}")),
    };
    Evidence { lines: lines.collect(), phases: phases(run, locale), failed: failed.collect(), answer }
}

fn phases(run: &Observation, locale: Locale) -> Vec<Line> {
    let p = run.phases_ms;
    let all = [
        (Label::PhaseDns, p.dns),
        (Label::PhaseConnect, p.connect),
        (Label::PhaseTls, p.tls),
        (Label::PhaseTtfb, p.ttfb),
        (Label::PhaseTransfer, p.transfer),
        (Label::PhaseTotal, p.total),
    ];
    all.into_iter().filter_map(|(name, took)| Some(Line { name: name.get(locale), value: ms(took?) })).collect()
}
