//! When something of which ticket is due: derived from the state, so that neither the next instant nor
//! what is due then is looked for in every ticket.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::away::Away;
use super::chase;
use crate::ids::TicketId;
use crate::state::State;

/// The wakes of all tickets.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    in_order: BTreeSet<(Timestamp, TicketId)>,
    of: BTreeMap<TicketId, Timestamp>,
    /// Tickets that have changed, or were woken, since they were last looked at.
    pub(super) stale: BTreeSet<TicketId>,
}

impl Wakes {
    /// Looks at every ticket that has changed.
    pub(super) fn follow(&mut self, state: &State, away: &BTreeMap<TicketId, Away>) {
        let stale = std::mem::take(&mut self.stale);
        self.refresh(state, away, stale);
    }

    /// Looks at these tickets.
    pub(super) fn refresh(&mut self, state: &State, away: &BTreeMap<TicketId, Away>, tickets: BTreeSet<TicketId>) {
        for id in tickets {
            if let Some(before) = self.of.remove(&id) {
                self.in_order.remove(&(before, id));
            }
            if let Some(at) = state.tickets.get(&id).and_then(chase::next_wake) {
                let at = away.get(&id).map_or(at, |away| at.max(away.until));
                self.of.insert(id, at);
                self.in_order.insert((at, id));
            }
        }
    }

    /// What is due first.
    pub(super) fn first(&self) -> Option<(Timestamp, TicketId)> {
        self.in_order.first().copied()
    }

    /// Everything that is due, in the order of the tickets.
    pub(super) fn due(&self, now: Timestamp) -> Vec<TicketId> {
        let mut due: Vec<TicketId> = self.in_order.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        due.sort_unstable();
        due
    }
}
