//! What the public may know: the state of each component, since when. A component turns red only after
//! [`PUBLISH_AFTER`], or once a human has it; recovery shows at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_engine::catalog::Catalog;
use watchbell_engine::ids::{DedupKey, ProbeId};
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::view::{AlertState, LiveView, TicketState};
use watchbell_engine::word::{FailureKind, Level, Severity};

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

/// What is believed of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Believed {
    /// How it is.
    pub(super) level: Level,
    /// Since when.
    pub(super) since: Timestamp,
    /// Why it is not up.
    pub(super) kind: Option<FailureKind>,
}

/// What is believed of a probe: its committed verdict; for a heartbeat, which has none, its alert or its last
/// success. `None` before anything was settled.
pub(super) fn believed(view: &LiveView, id: &ProbeId) -> Option<Believed> {
    if let Some(v) = view.verdicts.get(id) {
        return Some(Believed { level: v.level, since: v.since, kind: v.kind });
    }
    let ticketed = view.tickets.values().flat_map(|t| &t.view.alerts);
    let mut alerts = ticketed.chain(view.quiet.iter().map(|q| &q.alert));
    let firing = alerts.find(|a| a.probe.as_ref() == Some(id) && a.state == AlertState::Firing);
    if let Some(alert) = firing {
        return Some(Believed { level: level_of(alert.severity), since: alert.started_at, kind: alert.kind });
    }
    let last = view.beats.get(id)?.last_success?;
    Some(Believed { level: Level::Up, since: last, kind: None })
}

/// What an alert that no verdict stands behind means for whoever uses the service.
fn level_of(severity: Severity) -> Level {
    if severity >= Severity::Error { Level::Down } else { Level::Degraded }
}

/// Every component of the catalog, in order.
pub(super) fn components(catalog: &Catalog, view: &LiveView, now: Timestamp) -> Vec<Component> {
    let mut found: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
    for (id, info) in &catalog.probes {
        let believed = believed(view, id);
        let fault = believed.filter(|b| b.level != Level::Up);
        let shown = fault.filter(|b| is_public(view, &DedupKey::probe(id), b.since, now));
        let level = believed.map(|_| shown.map_or(Level::Up, |fault| fault.level));
        found.entry(&info.component).or_default().push(Finding { level, since: shown.map(|b| b.since) });
    }
    for ticket in view.tickets.values() {
        for alert in ticket.view.alerts.iter().filter(|a| a.probe.is_none() && a.state == AlertState::Firing) {
            let component = alert.labels.get("component").and_then(|name| found.get_mut(name.as_str()));
            let Some(findings) = component else { continue };
            if is_public(view, &alert.dedup_key, alert.started_at, now) {
                findings.push(Finding { level: Some(level_of(alert.severity)), since: Some(alert.started_at) });
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

/// The state that stands over all of them; what is not known of one does not hide what is known of others.
pub(super) fn banner(components: &[Component]) -> Public {
    let all_down = !components.is_empty() && components.iter().all(|c| c.state == Public::Major);
    match components.iter().map(|c| c.state).filter(|s| *s != Public::Unknown).max() {
        None => Public::Unknown,
        Some(Public::Major) if !all_down => Public::Partial,
        Some(state) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component_of(levels: &[Option<Level>]) -> Public {
        let findings: Vec<Finding> = levels.iter().map(|level| Finding { level: *level, since: None }).collect();
        component("x", &findings).state
    }

    #[test]
    fn a_component_is_as_bad_as_its_worst_part() {
        use Level::{Degraded, Down, Up};
        for (levels, expected) in [
            (&[][..], Public::Unknown),
            (&[None], Public::Unknown),
            (&[Some(Up), None], Public::Operational),
            (&[Some(Up), Some(Degraded)], Public::Degraded),
            (&[Some(Up), Some(Down)], Public::Partial),
            (&[Some(Down), Some(Down)], Public::Major),
            (&[Some(Down), None], Public::Major),
        ] {
            assert_eq!(component_of(levels), expected, "{levels:?}");
        }
    }

    #[test]
    fn the_banner_says_major_only_when_nothing_works() {
        let of = |states: &[Public]| {
            let named = |state: &Public| Component { name: "x".into(), state: *state, since: None };
            banner(&states.iter().map(named).collect::<Vec<_>>())
        };
        use Public::{Degraded, Major, Operational, Partial, Unknown};
        assert_eq!(of(&[Operational, Unknown]), Operational);
        assert_eq!(of(&[Unknown]), Unknown);
        assert_eq!(of(&[Operational, Degraded]), Degraded);
        assert_eq!(of(&[Operational, Major]), Partial);
        assert_eq!(of(&[Major, Major]), Major);
        assert_eq!(of(&[]), Unknown);
    }
}
