//! Pursuing: entering steps, beginning entries, giving way, until a human answers.

use jiff::Timestamp;

use super::Turn;
use super::people::{Ask, Staff};
use crate::catalog::{Catalog, Policy};
use crate::fact::{Because, Quiet, Skip, Stage, What};
use crate::ids::{PageId, TicketId};
use crate::paging::{self, Due};
use crate::routing;
use crate::state::{Acked, Chase, Phase, State, Ticket};
use crate::time::after;
use crate::view::{NextStep, PageState};

/// Nothing that is due at one instant takes more rounds than this: every round begins an entry, starts a
/// try, or enters a step, and each of them moves its own deadline into the future.
const ROUNDS: usize = 10_000;

/// When something of this ticket is due next.
pub(super) fn next_wake(ticket: &Ticket) -> Option<Timestamp> {
    let notices = ticket.notices.iter().filter_map(super::send::notice_wake);
    let phase = match &ticket.phase {
        Phase::Triggered(chase) => Some(chase.due),
        Phase::Acknowledged(Acked { wake, .. }) => wake.as_ref().map(|w| w.at),
        Phase::Held { .. } | Phase::Resolved(_) => None,
    };
    let chased = matches!(ticket.phase, Phase::Triggered(_));
    let pages = if chased { ticket.live_pages() } else { Vec::new() };
    let pages = pages.into_iter().filter_map(|(page, newest)| paging::next_wake(page, newest));
    let calm = ticket.members.iter().filter(|m| ticket.is_open() && m.is_firing());
    let calm = calm.filter_map(|m| m.flapping.as_ref()).map(|f| f.calm_at);
    notices.chain(phase).chain(pages).chain(calm).min()
}

/// What happens next on a ticket if nobody does anything, by the duty at that time.
pub(super) fn next_step(state: &State, catalog: &Catalog, ticket: &Ticket) -> NextStep {
    let (at, (pass, stage)) = match &ticket.phase {
        Phase::Triggered(chase) => (chase.due, (chase.pass, chase.stage)),
        Phase::Acknowledged(Acked { wake: Some(wake), .. }) => (wake.at, (0, Stage::CatchAll)),
        Phase::Held { quiet, until } => {
            let silence = if let Quiet::Silenced(id) = quiet { state.silences.get(id).map(|s| s.until) } else { None };
            match silence.or(*until) {
                Some(at) => (at, (0, Stage::CatchAll)),
                None => return NextStep::default(),
            }
        }
        Phase::Acknowledged(_) | Phase::Resolved(_) => return NextStep::default(),
    };
    let Some(policy) = policy_of(catalog, ticket) else { return NextStep { at: Some(at), to: Vec::new() } };
    let (route, priority) = (ticket.routed.route.as_str(), ticket.routed.priority);
    let ask = Ask { catalog, recorded: &state.recorded, route, policy, priority, at };
    let (pass, stage) = match pass {
        0 => (1, Stage::Step(0)), // after a pause it begins from the first step
        pass => ask.following(pass, stage),
    };
    let (_, _, staff, _) = ask.staffed(pass, stage);
    NextStep { at: Some(at), to: staff.called.into_iter().map(|c| c.person).collect() }
}

/// The policy of a ticket; one that is gone from the configuration is routed anew.
fn policy_of<'a>(catalog: &'a Catalog, ticket: &Ticket) -> Option<&'a Policy> {
    let rerouted = || {
        let lead = ticket.lead();
        catalog.policies.get(&routing::route(catalog, &lead.key, &lead.labels, lead.severity).policy)
    };
    catalog.policies.get(&ticket.routed.policy).or_else(rerouted)
}

impl Turn<'_> {
    /// Does everything that is due now on one ticket.
    pub(super) fn advance(&mut self, id: TicketId) {
        if let Some(later) = &mut self.later {
            later.insert(id);
            return;
        }
        for _ in 0..ROUNDS {
            if !self.advance_once(id) {
                return;
            }
        }
        debug_assert!(false, "{id} does not come to rest");
    }

    fn advance_once(&mut self, id: TicketId) -> bool {
        if self.calm_down(id) {
            return true;
        }
        let Some(ticket) = self.engine.state.tickets.get(&id) else { return false };
        let moved = match &ticket.phase {
            Phase::Triggered(chase) => {
                let chase = chase.clone();
                self.advance_triggered(id, &chase)
            }
            Phase::Acknowledged(Acked { wake: Some(wake), .. }) if wake.at <= self.now => {
                let because = wake.because.clone();
                if !self.hold_if_quiet(id) {
                    self.enter(id, 1, Stage::Step(0), because);
                }
                true
            }
            Phase::Acknowledged(_) | Phase::Held { .. } | Phase::Resolved(_) => false,
        };
        moved || self.advance_notices(id)
    }

    fn advance_triggered(&mut self, id: TicketId, chase: &Chase) -> bool {
        if chase.due <= self.now {
            self.give_way(id, chase, Because::NotAcknowledged);
            return true;
        }
        if let Some((page, due)) = self.due_page(id) {
            match due {
                Due::Begin(entry) => self.begin_entry(page, entry),
                Due::Retry(channel) => self.start_try(page, channel),
                Due::Lost(n) => self.lose_try(page, n),
                Due::Unreachable => self.record(Some(id), What::PageUnreachable { page }),
            }
            return true;
        }
        self.give_way_if_nobody_is_left(id, chase)
    }

    fn due_page(&self, id: TicketId) -> Option<(PageId, Due)> {
        let ticket = self.state().tickets.get(&id)?;
        let mut live = ticket.live_pages().into_iter();
        live.find_map(|(page, newest)| Some((page.id, paging::due(page, newest, self.now)?)))
    }

    /// A step in which nobody is reached, or everybody declined, gives way at once.
    fn give_way_if_nobody_is_left(&mut self, id: TicketId, chase: &Chase) -> bool {
        if chase.stage == Stage::CatchAll {
            return false; // the last resort is asked again in its own time
        }
        let Some(ticket) = self.state().tickets.get(&id) else { return false };
        let mut pages = ticket.current_pages().filter(|p| p.entry == chase.entry).peekable();
        if pages.peek().is_none() {
            return false;
        }
        let mut declined = false;
        for page in pages {
            declined |= page.declined;
            if !page.declined && page.state != PageState::Unreachable {
                return false;
            }
        }
        self.give_way(id, chase, if declined { Because::Declined } else { Because::NobodyReached });
        true
    }

    fn give_way(&mut self, id: TicketId, chase: &Chase, because: Because) {
        let next = self.ask_for(id, |ask| ask.following(chase.pass, chase.stage));
        let (pass, stage) = next.unwrap_or((1, Stage::Step(0)));
        self.enter(id, pass, stage, because);
    }

    /// Enters the first stage from here on that has somebody. Duty is asked now, of the present catalog.
    pub(super) fn enter(&mut self, id: TicketId, pass: u32, stage: Stage, because: Because) {
        let Some(ticket) = self.state().tickets.get(&id) else { return };
        let known = self.catalog.policies.contains_key(&ticket.routed.policy);
        let (pass, stage, because) =
            if known { (pass, stage, because) } else { (1, Stage::Step(0), Because::Rerouted) };
        let Some((pass, stage, staff, passed_over)) = self.ask_for(id, |ask| ask.staffed(pass, stage)) else { return };
        for (stage, mut staff) in passed_over {
            staff.skipped.push((None, Skip::NobodyLeft));
            self.record_skips(id, stage, staff);
        }
        let Some(ticket) = self.state().tickets.get(&id) else { return };
        let Some(policy) = policy_of(self.catalog, ticket) else { return };
        let lasts = match stage {
            Stage::Step(index) => policy.steps.get(index as usize).map_or(policy.catch_all.every, |s| s.ack_within),
            Stage::CatchAll => policy.catch_all.every,
        };
        let (policy, entry) = (policy.id.clone(), ticket.entries + 1);
        let revision = self.catalog.revision.clone();
        let due = after(self.now, lasts);
        self.record(Some(id), What::StepEntered { policy, entry, pass, stage, due, because, revision });
        self.page_everybody(id, stage, staff);
    }

    fn page_everybody(&mut self, id: TicketId, stage: Stage, mut staff: Staff) {
        for called in std::mem::take(&mut staff.called) {
            let n = self.state().tickets.get(&id).map_or(0, |t| t.pages.len());
            let page = PageId { ticket: id, n: u32::try_from(n + 1).unwrap_or(u32::MAX) };
            self.record(
                Some(id),
                What::PageStarted { page, person: called.person, ladder: called.ladder, why: called.why },
            );
        }
        if stage == Stage::CatchAll && !staff.skipped.is_empty() {
            staff.skipped.push((None, Skip::NobodyLeft));
        }
        self.record_skips(id, stage, staff);
    }

    fn record_skips(&mut self, id: TicketId, stage: Stage, staff: Staff) {
        let Some(policy) = self.state().tickets.get(&id).map(|t| t.routed.policy.clone()) else { return };
        for (person, skip) in staff.skipped {
            let revision = self.catalog.revision.clone();
            self.record(Some(id), What::Skipped { stage, person, skip, policy: policy.clone(), revision });
        }
    }

    /// Asks about the staff of a ticket's policy as things stand now.
    pub(super) fn ask_for<T>(&self, id: TicketId, question: impl FnOnce(&Ask<'_>) -> T) -> Option<T> {
        let ticket = self.state().tickets.get(&id)?;
        let ask = Ask {
            catalog: self.catalog,
            recorded: &self.state().recorded,
            route: &ticket.routed.route,
            policy: policy_of(self.catalog, ticket)?,
            priority: ticket.routed.priority,
            at: self.now,
        };
        Some(question(&ask))
    }
}
