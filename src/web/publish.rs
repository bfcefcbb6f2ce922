//! What the public may know: the state of each component, since when. A component turns red only after
//! [`PUBLISH_AFTER`], or once a human has it; recovery shows at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_engine::catalog::Catalog;
use watchbell_engine::ids::DedupKey;
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::view::{AlertState, LiveView, TicketState};
use watchbell_engine::word::{Level, Severity};

/// A fault is shown to the public when it has lasted this long (design, section 8).
pub(super) const PUBLISH_AFTER: Millis = Millis::mins(2);

/// The state of a component; a later one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Public {
    /// All that we check answers.
    Operational,
    /// Nothing is known.
    Unknown,
    /// It answers, slowly or not quite as it should.
    Degraded,
    /// A part of it is down.
    Partial,
    /// All of it is down.
    Major,
}

/// A component as the public sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Component {
    /// Its name, all that the public learns of what is behind it.
    pub(super) name: String,
    /// How it is.
    pub(super) state: Public,
    /// Since when, where it is not well.
    pub(super) since: Option<Timestamp>,
}

/// What was found of one check.
#[derive(Clone, Copy)]
struct Finding {
    level: Option<Level>,
    since: Option<Timestamp>,
}

/// Every component of the catalog, in order.
pub(super) fn components(catalog: &Catalog, view: &LiveView, now: Timestamp) -> Vec<Component> {
    let mut found: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
    for (id, info) in &catalog.probes {
        let verdict = view.verdicts.get(id);
        let key = DedupKey::probe(id);
        let fault = verdict.filter(|v| v.level != Level::Up);
        let shown = fault.filter(|v| is_public(view, &key, v.since, now));
        let level = match (verdict, shown) {
            (None, _) => None,
            (Some(_), None) => Some(Level::Up),
            (Some(_), Some(fault)) => Some(fault.level),
        };
        found.entry(&info.component).or_default().push(Finding { level, since: shown.map(|v| v.since) });
    }
    for ticket in view.tickets.values() {
        for alert in ticket.view.alerts.iter().filter(|a| a.probe.is_none() && a.state == AlertState::Firing) {
            let component = alert.labels.get("component").and_then(|name| found.get_mut(name.as_str()));
            let Some(findings) = component else { continue };
            if is_public(view, &alert.dedup_key, alert.started_at, now) {
                let level = if alert.severity >= Severity::Error { Level::Down } else { Level::Degraded };
                findings.push(Finding { level: Some(level), since: Some(alert.started_at) });
            }
        }
    }
    found.into_iter().map(|(name, findings)| component(name, &findings)).collect()
}

/// Whether a fault has lasted long enough, or a human has it.
fn is_public(view: &LiveView, key: &DedupKey, since: Timestamp, now: Timestamp) -> bool {
    let owned = || {
        let held = view.tickets.values().filter(|t| t.view.state == TicketState::Acknowledged);
        held.flat_map(|t| &t.view.alerts).any(|a| a.dedup_key == *key && a.state == AlertState::Firing)
    };
    elapsed(since, now) >= PUBLISH_AFTER || owned()
}

fn component(name: &str, findings: &[Finding]) -> Component {
    let known = || findings.iter().filter_map(|f| f.level);
    let state = match known().max() {
        None => Public::Unknown,
        Some(Level::Up) => Public::Operational,
        Some(Level::Degraded) => Public::Degraded,
        Some(Level::Down) if known().all(|level| level == Level::Down) => Public::Major,
        Some(Level::Down) => Public::Partial,
    };
    Component { name: name.into(), state, since: findings.iter().filter_map(|f| f.since).min() }
}

/// The state that stands over all of them.
pub(super) fn banner(components: &[Component]) -> Public {
    let all_down = !components.is_empty() && components.iter().all(|c| c.state == Public::Major);
    match components.iter().map(|c| c.state).max() {
        None => Public::Unknown,
        Some(Public::Major) if !all_down => Public::Partial,
        Some(state) => state,
    }
}
