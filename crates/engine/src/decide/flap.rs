//! Flapping: a probe that comes and goes keeps its ticket, which says so, until it is calm. The first page
//! of an occurrence is never withheld, and what is being pursued goes on.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::Turn;
use crate::fact::What;
use crate::ids::{DedupKey, ProbeId, TicketId};
use crate::input::Actor;
use crate::not_paging::FlapRule;
use crate::time::after;
use crate::word::ResolvedAs;

/// When each key of a probe with a rule changed, the oldest first; begun anew after a start, as streaks are.
pub(super) type Changes = BTreeMap<DedupKey, VecDeque<Timestamp>>;

impl Turn<'_> {
    fn flap_rule(&self, probe: Option<&ProbeId>) -> Option<FlapRule> {
        self.catalog.probes.get(probe?)?.flap
    }

    /// Counts a change of a probe between firing and not; whether that is too many.
    pub(super) fn count_change(&mut self, key: &DedupKey, probe: Option<&ProbeId>) -> bool {
        let Some(rule) = self.flap_rule(probe) else { return false };
        let now = self.now;
        let changes = self.engine.changes.entry(key.clone()).or_default();
        changes.push_back(now);
        while changes.front().is_some_and(|at| after(*at, rule.within) <= now) {
            changes.pop_front();
        }
        changes.len() >= rule.changes as usize
    }

    /// A live alert is over: it flaps, where that was one change too many. Whether it keeps its place.
    pub(super) fn flaps_up(&mut self, id: TicketId, key: &DedupKey) -> bool {
        let Some(member) = self.state().tickets.get(&id).and_then(|t| t.member(key)) else { return false };
        let (probe, flapping) = (member.alert.probe.clone(), member.flapping.clone());
        if flapping.as_ref().is_some_and(|f| f.up) {
            return true; // it was told twice
        }
        let too_many = self.count_change(key, probe.as_ref());
        let Some(rule) = self.flap_rule(probe.as_ref()).filter(|_| too_many || flapping.is_some()) else {
            return false;
        };
        let calm_at = after(self.now, rule.within);
        self.record(Some(id), What::Flapped { key: key.clone(), up: true, calm_at });
        true
    }

    /// A flapping alert that was up fires again.
    pub(super) fn flaps_down(&mut self, id: TicketId, key: &DedupKey) {
        let Some(member) = self.state().tickets.get(&id).and_then(|t| t.member(key)) else { return };
        let (probe, flapping) = (member.alert.probe.clone(), member.flapping.clone());
        let Some(before) = flapping.filter(|f| f.up) else { return };
        self.count_change(key, probe.as_ref());
        let calm_at = self.flap_rule(probe.as_ref()).map_or(before.calm_at, |rule| after(self.now, rule.within));
        self.record(Some(id), What::Flapped { key: key.clone(), up: false, calm_at });
    }

    /// What has been calm for long enough flaps no more: what is up is over, what is down is simply down.
    pub(super) fn calm_down(&mut self, id: TicketId) -> bool {
        let Some(ticket) = self.state().tickets.get(&id).filter(|t| t.is_open()) else { return false };
        let calm =
            |m: &&crate::state::Member| m.is_firing() && m.flapping.as_ref().is_some_and(|f| f.calm_at <= self.now);
        let Some(member) = ticket.members.iter().find(calm) else { return false };
        let (key, up) = (member.alert.key.clone(), member.flapping.as_ref().is_some_and(|f| f.up));
        self.engine.changes.remove(&key);
        self.record(Some(id), What::FlapEnded { key: key.clone() });
        if up {
            self.record(Some(id), What::AlertResolved { key, reason: "it is up, and has been calm".into() });
            if self.state().tickets.get(&id).is_some_and(|t| t.firing().next().is_none()) {
                self.close(id, ResolvedAs::SelfRecovered, None, Actor::engine());
            }
        }
        true
    }
}
