//! What is found without looking at every ticket: the open tickets of a group, the next to be forgotten.
//! Kept by `apply` alone.

use jiff::Timestamp;

use super::ticket::Phase;
use super::{REMEMBERED, State};
use crate::ids::TicketId;
use crate::time::elapsed;

impl State {
    /// Takes a ticket that is about to move out of `by_group` and `closed`.
    pub(super) fn leave_index(&mut self, id: TicketId) {
        let Some(ticket) = self.tickets.get(&id) else { return };
        if let Phase::Resolved(closed) = &ticket.phase {
            self.closed.remove(&(closed.at, id));
        } else if let Some(group) = self.by_group.get_mut(&ticket.routed.group) {
            group.remove(&id);
            if group.is_empty() {
                self.by_group.remove(&ticket.routed.group);
            }
        }
    }

    pub(super) fn enter_index(&mut self, id: TicketId) {
        let Some(ticket) = self.tickets.get(&id) else { return };
        if let Phase::Resolved(closed) = &ticket.phase {
            self.closed.insert((closed.at, id));
        } else {
            self.by_group.entry(ticket.routed.group.clone()).or_default().insert(id);
        }
    }

    pub(super) fn forget_old(&mut self, at: Timestamp) {
        let kept = self.tickets.len();
        while let Some((_, id)) = self.closed.first().copied().filter(|(ended, _)| elapsed(*ended, at) > REMEMBERED) {
            self.closed.pop_first();
            let forgotten = self.tickets.remove(&id).map(|t| t.members.into_vec()).unwrap_or_default();
            // Other sources than probes tell of a fault anew whenever they like, and many never tell of its end.
            for member in forgotten.into_iter().filter(|m| m.alert.probe.is_none()) {
                if self.by_key.get(&member.alert.key) == Some(&id) {
                    self.set_aside.remove(&member.alert.key);
                }
            }
        }
        if self.tickets.len() < kept {
            let tickets = &self.tickets;
            self.by_key.retain(|_, id| tickets.contains_key(id));
        }
    }
}
