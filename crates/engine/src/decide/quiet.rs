//! Not paging, with a reason: what keeps an alert or a ticket quiet now, and what happens when that ends.
//!
//! Every reason is narrow and has an end; when it ends, what still fires is paged from step 1. A reason
//! that rests on another alert holds only while somebody was really told of that one.

use jiff::Timestamp;

use super::sources::Sources;
use super::{Engine, Turn};
use crate::catalog::{Catalog, ProbeInfo};
use crate::fact::{Because, Fact, Firing, MessageKind, Quiet, Stage, What};
use crate::ids::{DedupKey, SilenceId, TicketId};
use crate::input::Actor;
use crate::label::{Matcher, all_match};
use crate::not_paging::{Expect, SETTLE};
use crate::state::{Member, Phase, Silence, Ticket};
use crate::time::{Millis, after};
use crate::word::Severity;

/// After what it depends on came up again an alert waits for its own next run, but never longer.
const NEXT_RUN_AT_MOST: Millis = Millis::secs(30);

/// What watchbell or a person says by itself is kept quiet by silences alone.
const OF_PEOPLE_AND_OURSELVES: [&str; 2] = ["self:", "api:declare-"];

/// Whether a person or watchbell itself says it.
pub(super) fn is_of_people_or_ourselves(alert: &Firing) -> bool {
    OF_PEOPLE_AND_OURSELVES.iter().any(|head| alert.key.as_str().starts_with(head))
}

/// Something that keeps quiet for a time of its own.
pub(super) struct Hush {
    quiet: Quiet,
    from: Timestamp,
    until: Timestamp,
}

/// When an alert that waits has waited long enough.
pub(super) fn settles_at(quiet: &Quiet) -> Option<Timestamp> {
    if let Quiet::Settling { until } = quiet { Some(*until) } else { None }
}

/// Whether somebody was really told of this occurrence: a provider took a page, or a person has it.
fn is_told(ticket: &Ticket) -> bool {
    ticket.is_open() && (ticket.first_page_accepted.is_some() || matches!(ticket.phase, Phase::Acknowledged(_)))
}

impl Engine {
    /// Follows what a fact means for alerts that are kept quiet.
    pub(super) fn note_quiet(&mut self, fact: &Fact, catalog: &Catalog) {
        match &fact.what {
            What::AlertQuiet { alert, quiet: Quiet::Settling { until }, .. } => {
                self.settling.insert((*until, alert.key.clone()));
            }
            What::TicketOpened { alert, .. }
            | What::TicketReopened { alert, .. }
            | What::AlertJoined { alert, .. }
            | What::AlertChanged { alert, .. } => self.sources.put(alert, catalog),
            What::AlertResolved { key, .. } => self.sources.take(key),
            What::TicketResolved { .. } => {
                let ticket = fact.ticket.and_then(|id| self.state.tickets.get(&id));
                for member in ticket.iter().flat_map(|t| &t.members) {
                    self.sources.take(&member.alert.key);
                }
            }
            What::SilenceAdded { .. }
            | What::SilenceChanged { .. }
            | What::SilenceEnded { .. }
            | What::SilenceExpiring { .. }
            | What::MaintenanceAdded { .. }
            | What::MaintenanceEnded { .. } => {
                self.windows_due = Some(self.windows_due.map_or(fact.at, |at| at.min(fact.at)));
            }
            _ => {}
        }
        let moves = matches!(
            fact.what,
            What::AlertResolved { .. }
                | What::AlertChanged { .. }
                | What::TicketResolved { .. }
                | What::Flapped { up: true, .. }
        );
        if let (true, Some(ticket)) = (moves, fact.ticket)
            && self.state.explained.contains_key(&ticket)
        {
            self.moved.insert(ticket);
        }
    }
}

impl Turn<'_> {
    /// Why this alert would not page now; `None` where it pages.
    pub(super) fn kept_quiet(&self, alert: &Firing) -> Option<Quiet> {
        if alert.severity == Severity::Info {
            return Some(Quiet::Info);
        }
        if let Some(hush) = self.silenced(alert) {
            return Some(hush.quiet);
        }
        if is_of_people_or_ourselves(alert) {
            return None;
        }
        let maintenance = self.in_maintenance(alert, false).map(|hush| hush.quiet);
        let explained = maintenance.or_else(|| self.inhibited(alert));
        explained.or_else(|| self.depends(alert)).or_else(|| self.settling(alert))
    }

    /// The recorded or recurring silence that lasts longest.
    fn silenced(&self, alert: &Firing) -> Option<Hush> {
        if let Some((id, silence)) = self.state().silence_for(&alert.labels, self.now) {
            return Some(Hush { quiet: Quiet::Silenced(id), from: silence.from, until: silence.until });
        }
        let standing = self.catalog.not_paging.silences.iter().filter(|s| all_match(&s.matchers, &alert.labels));
        let open = standing.filter_map(|s| Some((s.when.at(self.now)?, s)));
        let ((from, until), silence) = open.max_by_key(|((_, until), _)| *until)?;
        Some(Hush { quiet: Quiet::Standing { silence: silence.id.clone(), until }, from, until })
    }

    /// The maintenance window that expects this alert; with `running`, only one that holds running
    /// escalations too.
    fn in_maintenance(&self, alert: &Firing, running: bool) -> Option<Hush> {
        let covers = |matchers: &[Matcher], expect: &Expect, cover_running: bool| {
            (!running || cover_running) && all_match(matchers, &alert.labels) && expect.covers(alert)
        };
        let recorded = self.state().maintenance.iter().filter(|(_, m)| m.is_active(self.now));
        let recorded = recorded.filter(|(_, m)| covers(&m.matchers, &m.expect, m.cover_running));
        let recorded = recorded.map(|(id, m)| (m.until, m.from, id.to_string()));
        let written = self.catalog.not_paging.maintenance.iter();
        let written = written.filter(|m| covers(&m.matchers, &m.expect, m.cover_running));
        let written = written.filter_map(|m| m.when.at(self.now).map(|(from, until)| (until, from, m.id.clone())));
        let (until, from, window) = recorded.chain(written).max()?;
        Some(Hush { quiet: Quiet::Maintenance { window, until }, from, until })
    }

    /// A live alert that explains this one, and of which somebody was told.
    fn inhibited(&self, alert: &Firing) -> Option<Quiet> {
        for (n, rule) in self.catalog.not_paging.inhibit.iter().enumerate() {
            if !all_match(&rule.target, &alert.labels) {
                continue;
            }
            let both = all_match(&rule.source, &alert.labels);
            let Some(values) = rule.values(&alert.labels) else { continue };
            for key in self.engine.sources.of_rule(n, values) {
                let Some(ticket) = self.told_of(key).filter(|_| *key != alert.key) else { continue };
                // Two that could each explain the other explain nothing.
                let mutual = both && ticket.member(key).is_some_and(|m| all_match(&rule.target, &m.alert.labels));
                if !mutual {
                    return Some(Quiet::Inhibited { by: key.clone(), ticket: ticket.id });
                }
            }
        }
        None
    }

    /// Something it depends on is down, and somebody was told of that; or that one is quiet itself, because
    /// of what it depends on.
    fn depends(&self, alert: &Firing) -> Option<Quiet> {
        self.parents(alert).iter().find_map(|parent| {
            let key = DedupKey::probe(parent);
            if let Some(ticket) = self.told_of(&key) {
                return Some(Quiet::Depends { on: parent.clone(), ticket: ticket.id });
            }
            match &self.state().quiet.get(&key)?.quiet {
                Quiet::Depends { on, ticket } if self.explains(*ticket, &DedupKey::probe(on)) => {
                    Some(Quiet::Depends { on: on.clone(), ticket: *ticket })
                }
                _ => None,
            }
        })
    }

    fn explains(&self, ticket: TicketId, key: &DedupKey) -> bool {
        self.told_of(key).is_some_and(|t| t.id == ticket)
    }

    /// The ticket of what is down right now, where somebody was told.
    fn told_of(&self, key: &DedupKey) -> Option<&Ticket> {
        let ticket = self.state().firing_ticket(key)?;
        (is_told(ticket) && ticket.member(key).is_some_and(Member::is_down)).then_some(ticket)
    }

    fn probe_of(&self, alert: &Firing) -> Option<&ProbeInfo> {
        self.catalog.probes.get(alert.probe.as_ref()?)
    }

    fn parents(&self, alert: &Firing) -> &[crate::ids::ProbeId] {
        self.probe_of(alert).map_or(&[], |p| p.depends_on.as_slice())
    }

    /// Waits a moment for what may explain it: always for what it depends on, for an inhibitor only where
    /// it is not critical. It waits once; what was kept quiet by a dependency waits for its own next run.
    fn settling(&self, alert: &Firing) -> Option<Quiet> {
        let before = self.state().quiet.get(&alert.key).map(|q| &q.quiet);
        let until = match before {
            Some(Quiet::Settling { until }) => *until,
            Some(Quiet::Depends { .. }) => {
                let run = self.probe_of(alert).map_or(SETTLE, |p| p.one_run);
                after(self.now, run.min(NEXT_RUN_AT_MOST).max(SETTLE))
            }
            // Both may have ended together, told in two breaths.
            Some(Quiet::Inhibited { .. }) if alert.severity < Severity::Critical => after(self.now, SETTLE),
            // It has been there for long enough to know what explains it.
            Some(_) => return None,
            None if !self.parents(alert).is_empty() => after(self.now, SETTLE),
            None if alert.severity < Severity::Critical && self.is_inhibitable(alert) => after(self.now, SETTLE),
            None => return None,
        };
        (self.now < until).then_some(Quiet::Settling { until })
    }

    fn is_inhibitable(&self, alert: &Firing) -> bool {
        let rules = &self.catalog.not_paging.inhibit;
        rules.iter().any(|rule| all_match(&rule.target, &alert.labels) && rule.values(&alert.labels).is_some())
    }

    /// Records that an alert is quiet; nothing new makes no fact.
    pub(super) fn keep_quiet(&mut self, alert: Firing, quiet: Quiet) {
        let before = self.state().quiet.get(&alert.key);
        let same = before.is_some_and(|q| {
            q.quiet == quiet
                && (q.alert.severity, q.alert.kind, &q.alert.labels) == (alert.severity, alert.kind, &alert.labels)
        });
        if !same {
            let revision = self.catalog.revision.clone();
            let ticket = quiet.explained_by();
            let left = before.and_then(|q| q.quiet.explained_by()).filter(|left| Some(*left) != ticket);
            self.out.touched.extend(left); // it shows how many it explains
            self.record(ticket, What::AlertQuiet { alert, quiet, revision });
        }
    }

    /// Why a ticket opens that was kept quiet before.
    pub(super) fn after_quiet(&self, key: &DedupKey) -> Option<Because> {
        Some(match self.state().quiet.get(key)?.muted_by.clone()? {
            Quiet::Silenced(id) => Because::SilenceEnded(id),
            other => Because::QuietEnded(other),
        })
    }

    /// Looks at one quiet alert: it pages, or is quiet for the reason there is now.
    fn look_at_quiet(&mut self, key: &DedupKey) {
        let Some(quiet) = self.state().quiet.get(key) else { return };
        let (alert, explained_by) = (quiet.alert.clone(), quiet.quiet.explained_by());
        self.out.touched.extend(explained_by);
        self.fire(alert);
    }

    /// Alerts whose explanation moved are looked at again.
    pub(super) fn follow_explanations(&mut self) {
        while let Some(ticket) = self.engine.moved.pop_first() {
            let keys = self.state().explained.get(&ticket).cloned().unwrap_or_default();
            keys.iter().for_each(|key| self.look_at_quiet(key));
        }
    }

    /// Alerts that have waited long enough are paged, unless something explains them now.
    pub(super) fn look_at_settled(&mut self) {
        while let Some((_, key)) = self.engine.settling.first().filter(|(at, _)| *at <= self.now).cloned() {
            self.engine.settling.pop_first();
            let waits = self.state().quiet.get(&key).and_then(|q| settles_at(&q.quiet));
            if waits.is_some_and(|until| until <= self.now) {
                self.look_at_quiet(&key);
            }
        }
    }

    /// The rules may be others now.
    pub(super) fn rules_changed(&mut self) {
        self.engine.windows_due = Some(self.now);
        self.engine.sources = Sources::rebuilt(&self.engine.state, self.catalog);
        self.engine.moved.extend(self.engine.state.explained.keys());
    }

    /// Looks at everything that a beginning or an end of a silence or a window may change, when it is time.
    pub(super) fn look_at_windows(&mut self) {
        if self.engine.windows_due.is_none_or(|due| due > self.now) {
            return;
        }
        self.end_recorded();
        self.warn_of_ends();
        let keys = self
            .state()
            .quiet
            .iter()
            .filter(|(_, q)| !self.quiet_may_recover(&q.quiet, None, std::iter::once(&q.alert)));
        let keys: Vec<DedupKey> = keys.map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| self.look_at_quiet(key));
        self.look_at_held();
        let again = self.engine.windows_after_away(self.now);
        self.engine.windows_due = self.next_window().into_iter().chain(again).min();
    }

    /// Silences and windows whose time has come end.
    fn end_recorded(&mut self) {
        let ended = |(id, s): &(&SilenceId, &Silence)| {
            s.until <= self.now && !self.may_recover(s.until, self.silenced_by(**id))
        };
        let silences = self.state().silences.iter().filter(ended).map(|(id, _)| *id);
        for silence in silences.collect::<Vec<_>>() {
            self.record(None, What::SilenceEnded { silence, by: Actor::engine() });
        }
        let windows = self.state().maintenance.iter().filter(|(_, m)| m.until <= self.now).map(|(id, _)| *id);
        for maintenance in windows.collect::<Vec<_>>() {
            self.record(None, What::MaintenanceEnded { maintenance, by: Actor::engine() });
        }
    }

    /// What a silence keeps quiet, with a ticket or without.
    fn silenced_by(&self, silence: SilenceId) -> impl Iterator<Item = &Firing> {
        let quiet = self.state().quiet.values().filter(move |q| q.quiet == Quiet::Silenced(silence)).map(|q| &q.alert);
        let held = self.state().tickets.values();
        let held =
            held.filter(move |t| matches!(&t.phase, Phase::Held { quiet, .. } if *quiet == Quiet::Silenced(silence)));
        quiet.chain(held.flat_map(Ticket::firing).map(|m| &m.alert))
    }

    fn quiet_may_recover<'a>(
        &self,
        quiet: &Quiet,
        until: Option<Timestamp>,
        alerts: impl Iterator<Item = &'a Firing>,
    ) -> bool {
        let silence =
            if let Quiet::Silenced(id) = quiet { self.state().silences.get(id).map(|s| s.until) } else { None };
        let until = silence.or_else(|| quiet.until()).or(until).filter(|until| *until <= self.now);
        until.is_some_and(|until| self.may_recover(until, alerts))
    }

    /// Open tickets: those that are chased may have to be held, those that are held may have to be paged.
    fn look_at_held(&mut self) {
        let open =
            self.state().tickets.values().filter(|t| matches!(t.phase, Phase::Triggered(_) | Phase::Held { .. }));
        for id in open.map(|t| t.id).collect::<Vec<_>>() {
            let before = match self.state().tickets.get(&id).map(|t| &t.phase) {
                Some(Phase::Held { quiet, until }) => Some((quiet.clone(), *until)),
                _ => None,
            };
            if before.is_none() && !self.is_newly_quiet(id) {
                continue; // a person escalated it since
            }
            if self.hold_if_quiet(id) {
                continue;
            }
            let Some((before, until)) = before else { continue };
            let ticket = self.state().tickets.get(&id);
            if ticket.is_some_and(|t| self.quiet_may_recover(&before, until, t.firing().map(|m| &m.alert))) {
                continue;
            }
            let because = match before {
                Quiet::Silenced(silence) => Because::SilenceEnded(silence),
                other => Because::QuietEnded(other),
            };
            self.enter(id, 1, Stage::Step(0), because);
            self.advance(id);
        }
    }

    /// Whether what keeps a chased ticket quiet began after somebody was last paged for it: what was paged
    /// in spite of a silence goes on.
    fn is_newly_quiet(&self, id: TicketId) -> bool {
        let Some(ticket) = self.state().tickets.get(&id) else { return false };
        let paged = ticket.current_pages().map(|p| p.started_at).max().unwrap_or(ticket.occurred_at);
        let hushes = ticket.firing().filter_map(|m| self.holds(&m.alert));
        hushes.map(|hush| hush.from).max().is_some_and(|from| from >= paged)
    }

    /// When a silence or a window begins or ends next, or a warning of an end is due.
    fn next_window(&self) -> Option<Timestamp> {
        let rules = &self.catalog.not_paging;
        let written = rules.silences.iter().map(|s| &s.when).chain(rules.maintenance.iter().map(|m| &m.when));
        let written = written.filter_map(|when| when.next_change(self.now));
        let silences = self.state().silences.values();
        let silences = silences.flat_map(|s| [Some(s.from), super::quiet_acts::warns_at(s), Some(s.until)]).flatten();
        let recorded = self.state().maintenance.values().flat_map(|m| [m.from, m.until]);
        written.chain(silences.chain(recorded).filter(|at| *at > self.now)).min()
    }

    /// Holds the paging of a ticket all of whose live alerts are kept quiet; whether it is held.
    pub(super) fn hold_if_quiet(&mut self, id: TicketId) -> bool {
        let Some(Hush { quiet, until, .. }) = self.held_by(id) else { return false };
        let Some(phase) = self.state().tickets.get(&id).map(|t| &t.phase) else { return false };
        if matches!(phase, Phase::Held { quiet: before, .. } if *before == quiet) {
            return true;
        }
        let chased = matches!(phase, Phase::Triggered(_));
        let held = match quiet {
            Quiet::Silenced(silence) => What::Held { silence, until },
            quiet => What::HeldBack { quiet, until: Some(until) },
        };
        self.record(Some(id), held);
        if chased {
            self.tell_everybody(id, MessageKind::Cancelled, None, None);
        }
        true
    }

    /// Of what keeps every live alert of a ticket quiet, the one that ends first: then one of its alerts
    /// may have to be paged. `None` where an alert is not covered. Maintenance holds an open ticket only
    /// where it says so; dependencies and inhibition never do.
    pub(super) fn held_by(&self, id: TicketId) -> Option<Hush> {
        let firing = self.state().tickets.get(&id)?.firing();
        let all: Option<Vec<Hush>> = firing.map(|m| self.holds(&m.alert)).collect();
        all?.into_iter().min_by_key(|hush| hush.until)
    }

    /// What would hold a running escalation of this alert.
    fn holds(&self, alert: &Firing) -> Option<Hush> {
        self.silenced(alert).or_else(|| self.in_maintenance(alert, true))
    }
}
