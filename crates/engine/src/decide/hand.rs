//! Handing a ticket on: to a person, from a person, into another ticket; acknowledgements that need all.

use jiff::Timestamp;

use super::Turn;
use super::people::{Called, Staff};
use crate::catalog::Require;
use crate::fact::{Because, MessageKind, Skip, Stage, What};
use crate::ids::{PageId, PersonId, TicketId};
use crate::input::{Actor, Answer, Refusal};
use crate::routing;
use crate::state::{Acked, Phase, Ticket, Wake};
use crate::time::after;
use crate::view::PageState;

impl Turn<'_> {
    /// When an acknowledgement that is given now runs out.
    pub(super) fn ack_times_out(&self, ticket: &Ticket) -> Option<Timestamp> {
        let timeout = self.catalog.policies.get(ticket.home_policy()).and_then(|p| p.ack_timeout);
        timeout.map(|length| after(self.now, length))
    }

    /// The new end of an acknowledgement that runs out, after a word or another acknowledgement.
    pub(super) fn put_off(&self, ticket: &Ticket) -> Option<Timestamp> {
        let runs_out = matches!(
            &ticket.phase,
            Phase::Acknowledged(Acked { wake: Some(Wake { because: Because::AckTimedOut, .. }), .. })
        );
        self.ack_times_out(ticket).filter(|_| runs_out)
    }

    /// Where everybody must acknowledge, one does. `true` once nobody is left to do so.
    pub(super) fn acknowledged_by_one(&mut self, id: TicketId, page: Option<PageId>, by: &Actor) -> bool {
        let Some(ticket) = self.state().tickets.get(&id) else { return true };
        let Phase::Triggered(chase) = &ticket.phase else { return true };
        if chase.require == Require::One {
            return true;
        }
        let entry = chase.entry;
        if !ticket.acks.iter().any(|(before, _)| before == by) {
            self.record(Some(id), What::AcknowledgedByOne { by: by.clone(), page });
        }
        let Some(ticket) = self.state().tickets.get(&id) else { return true };
        let mut asked = ticket.current_pages().filter(|p| p.entry == entry).peekable();
        asked.peek().is_some() && asked.all(|p| p.state == PageState::Answered)
    }

    /// Somebody has it in the place of whoever has it.
    pub(super) fn take_it(&mut self, id: TicketId, by: &Actor) -> Result<Answer, Refusal> {
        let ticket = self.open_ticket(id, None)?;
        let times_out = self.ack_times_out(ticket);
        let what = match &ticket.phase {
            Phase::Acknowledged(acked) if same(&acked.by, by) => {
                return Ok(Answer::Ticket { ticket: id, already: true });
            }
            Phase::Acknowledged(_) => What::TakenOver { by: by.clone(), times_out },
            Phase::Triggered(_) | Phase::Held { .. } | Phase::OffHours { .. } | Phase::Resolved(_) => {
                What::Acknowledged { by: by.clone(), page: None, times_out }
            }
        };
        self.record(Some(id), what);
        self.tell_everybody(id, MessageKind::Acknowledged, Some(by.name.clone()), by.person.as_ref());
        Ok(Answer::Ticket { ticket: id, already: false })
    }

    /// One person is paged, as a step of one, and must acknowledge; who declines or says nothing gives
    /// way to the policy.
    pub(super) fn assign(&mut self, id: TicketId, to: &PersonId, by: &Actor) -> Result<Answer, Refusal> {
        let ticket = self.open_ticket(id, None)?;
        if by.person.as_ref() == Some(to) {
            return self.take_it(id, by);
        }
        let person = self.catalog.people.get(to).ok_or_else(|| Refusal::NoSuchPerson(to.clone()))?;
        if person.disabled {
            return Err(Refusal::Disabled(to.clone()));
        }
        if matches!(&ticket.phase, Phase::Acknowledged(acked) if acked.by.person.as_ref() == Some(to)) {
            return Ok(Answer::Ticket { ticket: id, already: true });
        }
        self.ask_for(id, |ask| ask.reach(to)).transpose().map_err(|_| Refusal::NoContacts(to.clone()))?;
        self.record(Some(id), What::Assigned { by: by.clone(), to: to.clone() });
        self.page_named(id, to, Because::Assigned, &format!("given to them by {}", by.name));
        // Whoever was paged before is told that it was passed on; who gave it and who got it know.
        let know: Vec<PersonId> = by.person.iter().chain([to]).cloned().collect();
        self.tell_everybody_but(id, MessageKind::Escalated, Some(by.name.clone()), &know);
        self.advance(id);
        Ok(Answer::Ticket { ticket: id, already: false })
    }

    /// An acknowledgement ran out: whoever has it is paged first, then the policy.
    pub(super) fn ack_ran_out(&mut self, id: TicketId, by: &Actor) {
        let paged = by.person.as_ref().is_some_and(|person| {
            self.page_named(id, person, Because::AckTimedOut, "has it, and the acknowledgement ran out")
        });
        if !paged {
            self.enter(id, 1, Stage::Step(0), Because::AckTimedOut);
        }
    }

    /// Pages one person beside the policy; whether that was possible.
    fn page_named(&mut self, id: TicketId, person: &PersonId, because: Because, text: &str) -> bool {
        self.is_back(id);
        if self.keep_for_hours(id, &because) {
            return true;
        }
        let reached = self.ask_anew(id, |ask| {
            let lasts = ask.policy.steps.first().map_or(ask.policy.catch_all.every, |s| s.ack_within);
            let why = ask.why(text.into());
            let called = ask.reach(person).map(|ladder| Called { person: person.clone(), ladder, why });
            (ask.policy.id.clone(), lasts, called)
        });
        let Some((policy, lasts, called)) = reached else { return false };
        let staff = match called {
            Ok(called) => Staff { called: vec![called], skipped: Vec::new() },
            Err(skip) => {
                let skipped = vec![(Some(person.clone()), skip), (None, Skip::NobodyLeft)];
                self.record_skips(id, &policy, Stage::Named, Staff { called: Vec::new(), skipped });
                return false;
            }
        };
        let Some(ticket) = self.state().tickets.get(&id) else { return false };
        let (entry, pass) = (ticket.entries + 1, ticket.reached.0);
        let (stage, due, revision) = (Stage::Named, after(self.now, lasts), self.catalog.revision.clone());
        let (home, require) = (None, Require::One);
        let entered = What::StepEntered { policy, entry, pass, stage, due, because, revision, home, require };
        self.record(Some(id), entered);
        self.page_everybody(id, stage, staff);
        true
    }

    /// The alerts of one ticket move to another, and it is over.
    pub(super) fn merge(&mut self, id: TicketId, into: TicketId, by: &Actor) -> Result<Answer, Refusal> {
        if id == into {
            return Err(Refusal::MergesIntoItself(id));
        }
        self.open_ticket(into, None)?;
        let moving: Vec<_> = self.open_ticket(id, None)?.firing().map(|m| m.alert.clone()).collect();
        self.record(Some(id), What::MergedInto { into, by: by.clone() });
        self.record(Some(into), What::MergedFrom { from: id, by: by.clone() });
        for alert in moving {
            let Some(ticket) = self.state().tickets.get(&into) else { break };
            // Who merges has seen both: only what is worse, or was kept back for the others, pages again.
            let worse = alert.severity > ticket.worst;
            let pages = match &ticket.phase {
                Phase::Triggered(_) | Phase::Acknowledged(_) => worse,
                Phase::Held { .. } | Phase::OffHours { .. } => true,
                Phase::Resolved(_) => false,
            };
            let routed = routing::route(self.catalog, &alert.key, &alert.labels, alert.severity);
            let priority = ticket.routed.priority.min(routed.priority);
            self.record(Some(into), What::AlertJoined { alert, priority });
            if pages && !self.hold_if_quiet(into) {
                self.enter(into, 1, Stage::Step(0), Because::Regrouped);
            }
        }
        self.tell_everybody(id, MessageKind::Resolved, Some(by.name.clone()), None);
        self.advance(into);
        Ok(Answer::Ticket { ticket: into, already: false })
    }
}

/// Whether two actors are one person, or one token.
fn same(a: &Actor, b: &Actor) -> bool {
    match (&a.person, &b.person) {
        (None, None) => a.name == b.name,
        (a, b) => a == b,
    }
}
