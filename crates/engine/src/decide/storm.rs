//! Storms: where a service has too many new tickets at once, further ones become members of one ticket.
//! Nothing is dropped, P1 always pages by itself, and it ends when it is calm.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::Turn;
use crate::catalog::Catalog;
use crate::fact::{Because, Firing, Routed, Stage, What};
use crate::ids::TicketId;
use crate::state::{State, Ticket};
use crate::time::{after, elapsed};
use crate::word::Priority;

/// What is remembered of the last minutes; derived, and begun anew after a start.
#[derive(Debug, Default)]
pub(super) struct Storms {
    /// When tickets were opened, by policy and root.
    opened: BTreeMap<String, VecDeque<Timestamp>>,
    /// When the last alert joined the storm of a group.
    joined: BTreeMap<String, Timestamp>,
}

/// What a storm is counted by: the probe at the root of the dependencies, else the service.
pub(super) fn root_of(alert: &Firing, catalog: &Catalog) -> Option<String> {
    if super::quiet::is_of_people_or_ourselves(alert) {
        return None;
    }
    let mut root = alert.probe.as_ref().and_then(|id| catalog.probes.get(id));
    let first = root.map(|probe| &probe.id);
    // The configuration has no cycles; the bound is for one that slipped in.
    for _ in 0..catalog.probes.len() {
        match root.and_then(|probe| probe.depends_on.first()).and_then(|id| catalog.probes.get(id)) {
            Some(parent) => root = Some(parent),
            None => break,
        }
    }
    let root = root.map(|probe| &probe.id).filter(|root| Some(*root) != first);
    root.map(ToString::to_string).or_else(|| alert.labels.get("service").filter(|s| !s.is_empty()).cloned())
}

/// When the last alert joined, as far as the ticket itself tells.
fn last_member(ticket: &Ticket) -> Timestamp {
    ticket.members.iter().map(|m| m.alert.confirmed).max().unwrap_or(ticket.opened_at)
}

impl Turn<'_> {
    /// Opens a ticket of its own, or makes it a member of the storm that rages.
    pub(super) fn open_or_fold(&mut self, alert: Firing, mut routed: Routed) -> TicketId {
        let rule = self.catalog.not_paging.storm.filter(|_| routed.priority != Priority::P1);
        let Some((rule, root)) = rule.zip(root_of(&alert, self.catalog)) else {
            return self.open(alert, routed, None);
        };
        let group = format!("storm|{}|{root}", routed.policy);
        let now = self.now;
        if let Some(id) = self.state().open_in_group(&group) {
            let last = self.engine.storms.joined.get(&group).copied();
            let last = last.or_else(|| self.state().tickets.get(&id).map(last_member));
            if last.is_some_and(|last| elapsed(last, now) <= rule.within) {
                self.engine.storms.joined.insert(group, now);
                self.join(id, alert, &routed);
                return id;
            }
        }
        let opened = self.engine.storms.opened.entry(group.clone()).or_default();
        while opened.front().is_some_and(|at| after(*at, rule.within) <= now) {
            opened.pop_front();
        }
        if opened.len() < rule.tickets as usize {
            opened.push_back(now);
            return self.open(alert, routed, None);
        }
        self.engine.storms.opened.remove(&group);
        self.engine.storms.joined.insert(group.clone(), now);
        routed.group = group;
        self.open(alert, routed, Some(root))
    }

    /// Opens a ticket and pages step 1; with a root, the ticket of a storm.
    fn open(&mut self, alert: Firing, routed: Routed, storm: Option<String>) -> TicketId {
        let id = TicketId(self.state().last_ticket + 1);
        let revision = self.catalog.revision.clone();
        let because = self.after_quiet(&alert.key).unwrap_or(Because::Opened);
        self.record(Some(id), What::TicketOpened { alert, routed, revision, storm });
        self.enter(id, 1, Stage::Step(0), because);
        self.advance(id);
        id
    }
}

/// Whether a storm's ticket still takes in further alerts.
pub(super) fn rages(ticket: &Ticket, catalog: &Catalog, state: &State) -> bool {
    let within = catalog.not_paging.storm.map(|rule| rule.within);
    within.is_some_and(|within| elapsed(last_member(ticket), state.last_at) <= within)
}
