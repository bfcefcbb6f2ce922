//! Low urgency waits for office hours: which tickets are kept, and until when.

use jiff::Timestamp;

use super::Turn;
use crate::catalog::Catalog;
use crate::fact::{Because, MessageKind, Stage, What};
use crate::ids::TicketId;
use crate::routing;
use crate::state::{Phase, Ticket};

/// Until when nobody is paged for a ticket, by what its route or else its policy says now.
fn kept_until(catalog: &Catalog, ticket: &Ticket, at: Timestamp) -> Option<Timestamp> {
    let lead = ticket.lead();
    let own = routing::matched(catalog, &lead.key, &lead.labels).and_then(|route| route.hold.as_ref());
    let policy = catalog.policies.get(ticket.home_policy()).and_then(|policy| policy.hold.as_ref());
    own.or(policy)?.holds(catalog, ticket.routed.priority, at)
}

impl Turn<'_> {
    /// Keeps a ticket of low urgency for office hours instead of entering a step; whether it is kept. What
    /// a person asked for is done at any hour.
    pub(super) fn keep_for_hours(&mut self, id: TicketId, because: &Because) -> bool {
        if matches!(because, Because::Escalated | Because::SnoozeEnded | Because::Assigned) {
            return false;
        }
        let Some(ticket) = self.state().tickets.get(&id).filter(|t| t.is_open()) else { return false };
        let Some(until) = kept_until(self.catalog, ticket, self.now) else { return false };
        if ticket.phase == (Phase::OffHours { until }) {
            return true;
        }
        let chased = matches!(ticket.phase, Phase::Triggered(_));
        let (policy, revision) = (ticket.home_policy().clone(), self.catalog.revision.clone());
        self.record(Some(id), What::KeptForHours { until, policy, revision });
        if chased {
            self.tell_everybody(id, MessageKind::Cancelled, None, None);
        }
        true
    }

    /// Under another catalog office hours may be others, or none.
    pub(super) fn look_at_hours(&mut self) {
        let kept = |t: &&Ticket| matches!(t.phase, Phase::OffHours { .. });
        let kept: Vec<TicketId> = self.state().tickets.values().filter(kept).map(|t| t.id).collect();
        for id in kept {
            self.enter(id, 1, Stage::Step(0), Because::HoursBegan);
        }
    }
}
