//! Alerts and tickets: a fault fires, joins, changes, ends; a ticket opens, reopens, resolves.

use super::Turn;
use super::away::RECOVERED;
use crate::fact::{Because, Firing, MessageKind, Routed, Stage, What};
use crate::ids::{DedupKey, TicketId};
use crate::input::Actor;
use crate::label::Labels;
use crate::routing;
use crate::state::{Phase, Ticket};
use crate::time::elapsed;
use crate::word::{ResolvedAs, Severity};

impl Turn<'_> {
    /// A fault is there. Returns its ticket, where it has one.
    pub(super) fn fire(&mut self, alert: Firing) -> Option<TicketId> {
        if let Some(ticket) = self.state().firing_ticket(&alert.key) {
            let id = ticket.id;
            self.flaps_down(id, &alert.key);
            self.change(id, alert);
            return Some(id);
        }
        if let Some(quiet) = self.kept_quiet(&alert) {
            self.keep_quiet(alert, quiet);
            return None;
        }
        self.count_change(&alert.key, alert.probe.as_ref());
        let routed = routing::route(self.catalog, &alert.key, &alert.labels, alert.severity);
        if let Some(id) = self.state().open_in_group(&routed.group) {
            self.join(id, alert, &routed);
            return Some(id);
        }
        Some(match self.reopens(&alert.key, &routed) {
            Some(id) => self.reopen(id, alert, routed),
            None => self.open_or_fold(alert, routed),
        })
    }

    fn reopens(&self, key: &DedupKey, routed: &Routed) -> Option<TicketId> {
        let ticket = self.state().tickets.get(self.state().by_key.get(key)?)?;
        let Phase::Resolved(closed) = &ticket.phase else { return None };
        // Zero means never, even within the same instant.
        (elapsed(closed.at, self.now) < routed.reopen_within).then_some(ticket.id)
    }

    fn reopen(&mut self, id: TicketId, alert: Firing, routed: Routed) -> TicketId {
        let occurrence = self.state().tickets.get(&id).map_or(2, |t| t.occurrence + 1);
        let revision = self.catalog.revision.clone();
        self.record(Some(id), What::TicketReopened { alert, routed, occurrence, revision });
        self.enter(id, 1, Stage::Step(0), Because::Reopened);
        self.advance(id);
        id
    }

    pub(super) fn join(&mut self, id: TicketId, alert: Firing, routed: &Routed) {
        let Some(ticket) = self.state().tickets.get(&id) else { return };
        let urgent = ticket.storm.is_some() && routed.priority < ticket.routed.priority;
        let urgent = urgent && !matches!(ticket.phase, Phase::Resolved(_));
        let pages = urgent || pages_again(ticket, alert.severity, self.now, routed);
        let priority = ticket.routed.priority.min(routed.priority);
        self.record(Some(id), What::AlertJoined { alert, priority });
        if pages {
            self.enter(id, 1, Stage::Step(0), Because::Regrouped);
        }
        self.advance(id);
    }

    /// A live fault is told again: nothing new makes no fact.
    fn change(&mut self, id: TicketId, mut alert: Firing) {
        let Some(ticket) = self.state().tickets.get(&id) else { return };
        let Some(before) = ticket.member(&alert.key).map(|m| &m.alert) else { return };
        if says_the_same(before, &alert) {
            return;
        }
        alert.started_at = before.started_at.min(alert.started_at);
        alert.seen = before.seen.min(alert.seen);
        alert.last_good = before.last_good.or(alert.last_good);
        let worse = alert.severity > ticket.worst;
        let held = matches!(ticket.phase, Phase::Held { .. } | Phase::OffHours { .. });
        let chased = matches!(ticket.phase, Phase::Triggered(_));
        let mut routed = routing::route(self.catalog, &alert.key, &alert.labels, alert.severity);
        if ticket.storm.is_some() {
            routed.group = ticket.routed.group.clone(); // a storm stays one
        }
        let priority = ticket.routed.priority.min(routed.priority);
        // A fault that got worse is escalated as its severity now asks, under the same ticket.
        let rerouted = worse.then_some(routed);
        self.record(Some(id), What::AlertChanged { alert, priority, rerouted });
        // What is being chased goes on; a person may have escalated it in spite of a silence.
        let pages = if chased { worse } else { (worse || held) && !self.hold_if_quiet(id) };
        if pages {
            self.enter(id, 1, Stage::Step(0), Because::Regrouped);
        }
        self.advance(id);
    }

    /// A fault is over. Returns the ticket it belonged to.
    pub(super) fn end(&mut self, key: &DedupKey, reason: &str) -> Option<TicketId> {
        if let Some(explained_by) = self.state().quiet.get(key).map(|q| q.quiet.explained_by()) {
            self.record(explained_by, What::QuietResolved { key: key.clone() });
            return None;
        }
        if self.state().set_aside.contains(key) {
            self.record(None, What::QuietResolved { key: key.clone() });
            return None;
        }
        let ticket = self.state().firing_ticket(key)?;
        let (id, chased) = (ticket.id, matches!(ticket.phase, Phase::Triggered(_)));
        if self.flaps_up(id, key) {
            return Some(id);
        }
        let loud = chased && self.held_by(id).is_none();
        let away = self.engine.away.get(&id).is_some_and(|away| away.until > self.now);
        let recovered = away.then_some(RECOVERED);
        self.record(Some(id), What::AlertResolved { key: key.clone(), reason: recovered.unwrap_or(reason).into() });
        if self.state().tickets.get(&id).is_some_and(|t| !t.is_firing()) {
            self.is_back(id);
            self.close(id, ResolvedAs::SelfRecovered, recovered.map(Into::into), Actor::engine());
        } else if loud {
            self.hold_if_quiet(id); // it may have been paged for this one alone
        }
        Some(id)
    }

    /// Ends a ticket and tells everybody who was paged.
    pub(super) fn close(&mut self, id: TicketId, resolved_as: ResolvedAs, cause: Option<String>, by: Actor) {
        let name = by.name.clone();
        self.record(Some(id), What::TicketResolved { resolved_as, cause, by });
        self.tell_everybody(id, MessageKind::Resolved, Some(name), None);
    }

    /// Tickets go on when their probe is gone from the configuration, and say so once.
    pub(super) fn note_gone_probes(&mut self) {
        let gone = |t: &Ticket| {
            let probes =
                t.members.iter().filter(|m| m.is_firing() && !m.probe_gone).filter_map(|m| m.alert.probe.clone());
            probes.filter(|p| !self.catalog.probes.contains_key(p)).map(|p| (t.id, p)).collect::<Vec<_>>()
        };
        let all: Vec<_> = self.state().tickets.values().filter(|t| t.is_open()).flat_map(gone).collect();
        for (id, probe) in all {
            self.record(Some(id), What::ProbeGone { probe });
        }
    }
}

/// Whether an alert is told again with nothing new. When it lapses is no news by itself.
fn says_the_same(before: &Firing, now: &Firing) -> bool {
    (before.severity, before.kind, &before.summary, &before.labels)
        == (now.severity, now.kind, &now.summary, &now.labels)
        && words_of(before) == words_of(now)
}

fn words_of(alert: &Firing) -> Option<(&Labels, Option<&str>)> {
    alert.told.as_ref().map(|told| (&told.annotations, told.link.as_deref()))
}

/// Whether a new member of an open ticket pages: it is worse than all before, the ticket was taken too
/// long ago, or paging was held for the others alone.
fn pages_again(ticket: &Ticket, severity: Severity, now: jiff::Timestamp, routed: &Routed) -> bool {
    match &ticket.phase {
        Phase::Triggered(_) => severity > ticket.worst,
        Phase::Acknowledged(acked) => severity > ticket.worst || elapsed(acked.at, now) > routed.regroup_after,
        Phase::Held { .. } | Phase::OffHours { .. } => true,
        Phase::Resolved(_) => false,
    }
}
