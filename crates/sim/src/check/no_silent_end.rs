//! Every page ends by an answer, a person's word or the end of the fault; as long as none of these is
//! recorded it is pursued, and what is due next happens.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::{DedupKey, PageId, PersonId, TicketId};
use watchbell_engine::input::Via;
use watchbell_engine::state::{Phase, State, Ticket};
use watchbell_engine::time::{Millis, elapsed};

/// A step that is over for longer than this is not being pursued: after an absence the probes have fifteen
/// seconds to say how things are.
const OVERDUE: Millis = Millis::secs(20);

/// What the facts have told of each ticket.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    tickets: BTreeMap<TicketId, Owed>,
}

#[derive(Debug, Default)]
struct Owed {
    /// Pages that nobody has ended.
    pages: Vec<(PageId, PersonId)>,
    /// Faults that are not over.
    live: Vec<DedupKey>,
}

impl Ends {
    /// Takes a durable fact in; what is wrong with it.
    pub(crate) fn recorded(&mut self, fact: &Fact) -> Option<String> {
        let owed = self.tickets.entry(fact.ticket?).or_default();
        match &fact.what {
            What::TicketOpened { alert, .. } | What::TicketReopened { alert, .. } | What::AlertJoined { alert, .. } => {
                owed.live.retain(|key| *key != alert.key);
                owed.live.push(alert.key.clone());
            }
            What::AlertResolved { key, .. } => owed.live.retain(|k| k != key),
            What::PageStarted { page, person, .. } => owed.pages.push((*page, person.clone())),
            What::Declined { page, .. } => owed.pages.retain(|(p, _)| p != page),
            What::AcknowledgedByOne { by, page } => {
                owed.pages.retain(|(id, person)| Some(*id) != *page && by.person.as_ref() != Some(person));
            }
            What::Acknowledged { .. }
            | What::Snoozed { .. }
            | What::Held { .. }
            | What::HeldBack { .. }
            | What::TakenOver { .. }
            | What::KeptForHours { .. } => owed.pages.clear(),
            // Its faults are another ticket's from now on.
            What::MergedInto { .. } => *owed = Owed::default(),
            What::TicketResolved { by, .. } => {
                let live = std::mem::take(&mut owed.live);
                owed.pages.clear();
                if by.via == Via::Engine && !live.is_empty() {
                    return Some(format!("{:?} was ended by nobody while {live:?} fired", fact.ticket));
                }
            }
            _ => {}
        }
        None
    }

    /// What is wrong with the durable state.
    pub(crate) fn look(&self, state: &State) -> Vec<String> {
        let mut wrong = Vec::new();
        for (id, owed) in &self.tickets {
            let Some(ticket) = state.tickets.get(id) else { continue };
            let live = |id: &PageId| ticket.page(*id).is_some_and(watchbell_engine::state::Page::is_live);
            for (page, _) in owed.pages.iter().filter(|(id, _)| !live(id)) {
                wrong.push(format!("{page} is not pursued any more, and nobody answered it"));
            }
            if !owed.live.is_empty() && !ticket.is_open() {
                wrong.push(format!("{id} is over, and {:?} is not", owed.live));
            }
        }
        wrong
    }
}

/// Whether what is due next does not happen, `quiet` after the world was disturbed last: the next step, or
/// paging anew where what kept it back has an end.
pub(crate) fn is_overdue(ticket: &Ticket, now: Timestamp, quiet: Millis) -> Option<String> {
    let due = match &ticket.phase {
        Phase::Triggered(chase) => chase.due,
        Phase::Held { until: Some(until), .. } | Phase::OffHours { until } => *until,
        Phase::Held { until: None, .. } | Phase::Acknowledged(_) | Phase::Resolved(_) => return None,
    };
    let overdue = elapsed(due, now);
    (quiet > OVERDUE && overdue > OVERDUE).then(|| format!("{} was to go on {overdue} ago", ticket.id))
}
