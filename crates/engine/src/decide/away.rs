//! After a time in which watchbell was not there: what fell due meanwhile is decided anew from the
//! present, once for each ticket, instead of being done one after the other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::digest::APART;
use super::{Turn, chase};
use crate::catalog::Catalog;
use crate::fact::{Because, Firing, Stage};
use crate::ids::{PersonId, ProbeId, TicketId};
use crate::state::{Member, Phase, Ticket};
use crate::time::{Millis, after};

/// What fell due longer ago than this, fell due while watchbell was not there.
const AWAY: Millis = Millis::secs(60);

/// A fault that our own probes saw is paged anew after its probe has settled again, at most so much later.
const SETTLES_WITHIN: Millis = Millis::secs(15);

/// What the end of a fault says that was over before it was looked at again.
pub(super) const RECOVERED: &str = "recovered while watchbell was not there";

/// A ticket of which something fell due while watchbell was not there.
#[derive(Clone, Debug)]
pub(super) struct Away {
    /// When it fell due.
    since: Timestamp,
    /// Decided at the latest.
    pub(super) until: Timestamp,
    /// The probes that have not settled yet.
    unheard: BTreeSet<ProbeId>,
}

impl super::Engine {
    /// When windows are looked at again that ended while watchbell was not there: after the probes have had
    /// the time to settle.
    pub(super) fn windows_after_away(&self, now: Timestamp) -> Option<Timestamp> {
        self.started.map(|started| after(started, SETTLES_WITHIN)).filter(|at| *at > now)
    }
}

impl Turn<'_> {
    /// Finds what fell due while watchbell was not there.
    pub(super) fn find_overdue(&self) -> BTreeMap<TicketId, Away> {
        let long_ago = |at: &Timestamp| after(*at, AWAY) <= self.now;
        let open = self.state().tickets.values().filter(|t| t.is_open());
        let overdue = open.filter_map(|t| Some((t, chase::chase_wake(t).filter(long_ago)?)));
        let away = |(ticket, since): (&Ticket, Timestamp)| {
            let unheard = probes_of(self.catalog, ticket.firing()).unwrap_or_default();
            let until = if unheard.is_empty() { self.now } else { after(self.now, SETTLES_WITHIN) };
            (ticket.id, Away { since, until, unheard })
        };
        overdue.map(away).collect()
    }

    /// Whether alerts that were kept quiet until an instant at which watchbell was not there wait for our own
    /// probes, from which they all come: they may be over.
    pub(super) fn may_recover<'a>(&self, until: Timestamp, alerts: impl Iterator<Item = &'a Firing>) -> bool {
        let Some(started) = self.engine.started else { return false };
        if after(until, AWAY) > started || self.now >= after(started, SETTLES_WITHIN) {
            return false;
        }
        let mut all = alerts.peekable();
        all.peek().is_some() && all.all(|a| a.probe.as_ref().is_some_and(|p| is_run(self.catalog, p)))
    }

    /// A probe has settled for the first time in this process. What waited for it alone is decided; where
    /// many wait, they are decided together.
    pub(super) fn heard(&mut self, probe: &ProbeId) {
        if self.engine.away.is_empty() {
            return;
        }
        let now = self.now;
        self.engine.away.retain(|_, away| away.until >= now); // the others were answered meanwhile
        self.engine.away.values_mut().for_each(|away| _ = away.unheard.remove(probe));
        let waits = |away: &Away| !away.unheard.is_empty() && away.until > self.now;
        if self.engine.away.len() > APART && self.engine.away.values().any(waits) {
            return;
        }
        let ripe = self.engine.away.iter_mut().filter(|(_, away)| away.unheard.is_empty());
        let ripe: Vec<TicketId> = ripe.map(|(id, away)| (*id, away.until = self.now).0).collect();
        self.engine.wakes.stale.extend(&ripe);
        self.advance_together(&ripe);
    }

    /// Whether a ticket still waits for its probes; one whose time has come is decided now.
    pub(super) fn is_away(&mut self, id: TicketId) -> bool {
        match self.engine.away.get(&id).map(|away| (away.until, away.since)) {
            None => false,
            Some((until, _)) if until > self.now => true,
            Some((_, since)) => {
                self.is_back(id);
                self.decide_anew(id, since);
                false
            }
        }
    }

    /// A ticket is nobody's matter here any more: it was decided, answered or ended.
    pub(super) fn is_back(&mut self, id: TicketId) {
        if self.engine.away.remove(&id).is_some() {
            self.engine.wakes.stale.insert(id);
        }
    }

    /// A step that is over gives way, once. One that is not goes on as it is, unless others are on duty now.
    fn decide_anew(&mut self, id: TicketId, since: Timestamp) {
        let Some(ticket) = self.state().tickets.get(&id) else { return };
        let Phase::Triggered(chase) = &ticket.phase else { return };
        if chase.entry == 0 || ticket.waits.iter().any(|w| w.at <= self.now) {
            return; // begins, or enters what waited, in the usual way
        }
        let (pass, stage) = (chase.pass, chase.stage);
        let place = if chase.due <= self.now {
            self.ask_for(id, |ask| ask.following(pass, stage))
        } else if stage != Stage::Named && self.others_are_on_duty(id, chase.entry, stage) {
            Some((pass, stage))
        } else {
            None
        };
        if let Some((pass, stage)) = place {
            self.enter(id, pass, stage, Because::Away { since });
        }
    }

    fn others_are_on_duty(&self, id: TicketId, entry: u32, stage: Stage) -> bool {
        let Some(ticket) = self.state().tickets.get(&id) else { return false };
        let asked: BTreeSet<&PersonId> =
            ticket.current_pages().filter(|p| p.entry == entry).map(|p| &p.person).collect();
        let now = self.ask_for(id, |ask| ask.staff(stage)).map(|staff| staff.called).unwrap_or_default();
        asked != now.iter().map(|called| &called.person).collect()
    }
}

/// The probes behind alerts that all come from probes of ours; `None` where one does not.
fn probes_of<'a>(catalog: &Catalog, alerts: impl Iterator<Item = &'a Member>) -> Option<BTreeSet<ProbeId>> {
    let probe = |m: &Member| m.alert.probe.clone().filter(|p| is_run(catalog, p));
    alerts.map(probe).collect()
}

/// A heartbeat is told of by its job, and settles by waiting alone.
fn is_run(catalog: &Catalog, probe: &ProbeId) -> bool {
    catalog.probes.get(probe).is_some_and(|p| p.heartbeat.is_none())
}
