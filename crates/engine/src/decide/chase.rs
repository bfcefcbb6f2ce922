//! Pursuing: entering steps, beginning entries, giving way, until a human answers.

use jiff::Timestamp;

use super::Turn;
use super::people::{Ask, Staff};
use super::walk::{Found, Passed};
use crate::catalog::{Catalog, Require};
use crate::condition::Situation;
use crate::fact::{Because, Quiet, Skip, Stage, What};
use crate::ids::{PageId, PersonId, PolicyId, TicketId};
use crate::paging::{self, Due};
use crate::routing;
use crate::state::{Acked, Chase, Phase, State, StepWait, Ticket};
use crate::time::after;
use crate::view::{NextStep, PageState};

/// Nothing that is due at one instant takes more rounds than this: every round begins an entry, starts a
/// try, or enters a step, and each of them moves its own deadline into the future.
const ROUNDS: usize = 10_000;

/// When something of this ticket is due next.
pub(super) fn next_wake(ticket: &Ticket) -> Option<Timestamp> {
    let calm = ticket.members.iter().filter(|m| ticket.is_open() && m.is_firing());
    let calm = calm.filter_map(|m| m.flapping.as_ref()).map(|f| f.calm_at);
    ticket.notices.iter().filter_map(super::send::notice_wake).chain(chase_wake(ticket)).chain(calm).min()
}

/// When the next page of this ticket, or the next step, is due.
pub(super) fn chase_wake(ticket: &Ticket) -> Option<Timestamp> {
    let phase = match &ticket.phase {
        Phase::Triggered(chase) => ticket.waits.iter().map(|w| w.at).chain([chase.due]).min(),
        Phase::OffHours { until } => Some(*until),
        Phase::Acknowledged(Acked { wake, .. }) => wake.as_ref().map(|w| w.at),
        Phase::Held { .. } | Phase::Resolved(_) => None,
    };
    let chased = matches!(ticket.phase, Phase::Triggered(_));
    let pages = if chased { ticket.live_pages() } else { Vec::new() };
    let pages = pages.into_iter().filter_map(|(page, newest)| paging::next_wake(page, newest));
    phase.into_iter().chain(pages).min()
}

/// What happens next on a ticket if nobody does anything, by the duty at that time.
pub(super) fn next_step(state: &State, catalog: &Catalog, ticket: &Ticket) -> NextStep {
    let (at, anew) = match &ticket.phase {
        Phase::Triggered(chase) => {
            let waits = ticket.waits.iter().filter(|w| w.at < chase.due).min_by_key(|w| w.at);
            if let Some(ask) = waits.and_then(|w| asks(state, catalog, ticket, Under::This(&w.policy), w.at)) {
                let (stage, at) = waits.map_or((chase.stage, chase.due), |w| (w.stage, w.at));
                return NextStep { at: Some(at), to: people(&ask, chase.pass, stage) };
            }
            (chase.due, false)
        }
        Phase::Acknowledged(Acked { wake: Some(wake), by, .. }) => {
            let named = by.person.clone().filter(|_| wake.because == Because::AckTimedOut);
            if let Some(person) = named {
                return NextStep { at: Some(wake.at), to: vec![person] };
            }
            (wake.at, true)
        }
        Phase::OffHours { until } => (*until, true),
        Phase::Held { quiet, until } => {
            let silence = if let Quiet::Silenced(id) = quiet { state.silences.get(id).map(|s| s.until) } else { None };
            match silence.or(*until) {
                Some(at) => (at, true),
                None => return NextStep::default(),
            }
        }
        Phase::Acknowledged(_) | Phase::Resolved(_) => return NextStep::default(),
    };
    let under = if anew { Under::Home } else { Under::Present };
    let Some(ask) = asks(state, catalog, ticket, under, at) else { return NextStep { at: Some(at), to: Vec::new() } };
    let (pass, stage) = match &ticket.phase {
        Phase::Triggered(chase) if !anew => ask.following(chase.pass, chase.stage),
        _ => (1, Stage::Step(0)), // after a pause it begins from the first step
    };
    NextStep { at: Some(at), to: people(&ask, pass, stage) }
}

fn people(ask: &Ask<'_>, pass: u32, stage: Stage) -> Vec<PersonId> {
    ask.staffed(pass, stage).staff.called.into_iter().map(|c| c.person).collect()
}

/// Under which of its policies a ticket is asked about.
#[derive(Clone, Copy)]
enum Under<'a> {
    /// The one it is in.
    Present,
    /// The one from which a new start begins.
    Home,
    /// This one, if it is there.
    This(&'a PolicyId),
}

/// Asks about the staff of a ticket at an instant. A policy that is gone from the configuration gives way
/// to the one the route named, and that one to where the ticket is routed now.
fn asks<'a>(
    state: &'a State,
    catalog: &'a Catalog,
    ticket: &'a Ticket,
    under: Under<'_>,
    at: Timestamp,
) -> Option<Ask<'a>> {
    let (home, present) = (ticket.home_policy(), &ticket.routed.policy);
    let lead = ticket.lead();
    let rerouted = || routing::route(catalog, &lead.key, &lead.labels, lead.severity).policy;
    let wanted = match under {
        Under::Present => present,
        Under::Home => home,
        Under::This(id) => id,
    };
    let (policy, home) = match (catalog.policies.get(wanted), catalog.policies.get(home)) {
        (Some(policy), _) => (policy, (policy.id != *home).then(|| home.clone())),
        (None, Some(policy)) => (policy, None),
        (None, None) => (catalog.policies.get(&rerouted())?, None),
    };
    let labels = ticket.firing().map(|m| &m.alert.labels).collect();
    let situation = Situation { severity: lead.severity, priority: ticket.routed.priority, labels };
    Some(Ask { catalog, recorded: &state.recorded, route: &ticket.routed.route, policy, home, situation, at })
}

impl Turn<'_> {
    /// Does everything that is due now on one ticket.
    pub(super) fn advance(&mut self, id: TicketId) {
        if let Some(later) = &mut self.later {
            later.insert(id);
            return;
        }
        if self.is_away(id) {
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
            Phase::Acknowledged(Acked { wake: Some(wake), by, .. }) if wake.at <= self.now => {
                let (because, by) = (wake.because.clone(), by.clone());
                if self.hold_if_quiet(id) {
                    return true;
                }
                match because {
                    Because::AckTimedOut => self.ack_ran_out(id, &by),
                    because => self.enter(id, 1, Stage::Step(0), because),
                }
                true
            }
            Phase::OffHours { until } if *until <= self.now => {
                if !self.hold_if_quiet(id) {
                    self.enter(id, 1, Stage::Step(0), Because::HoursBegan);
                }
                true
            }
            Phase::Acknowledged(_) | Phase::Held { .. } | Phase::OffHours { .. } | Phase::Resolved(_) => false,
        };
        moved || self.advance_notices(id)
    }

    fn advance_triggered(&mut self, id: TicketId, chase: &Chase) -> bool {
        if self.enter_what_waited(id, chase.pass) {
            return true;
        }
        if chase.due <= self.now {
            match chase.entry {
                // The process died before anybody could be asked.
                0 => self.enter(id, 1, Stage::Step(0), Because::Opened),
                _ => self.give_way(id, chase, Because::NotAcknowledged),
            }
            return true;
        }
        if let Some((page, due)) = self.due_page(id) {
            match due {
                Due::Begin(entry) => self.begin_entry(page, entry),
                Due::Retry(channel) => self.start_try(page, channel),
                Due::Lost(n) => self.lose_try(page, n),
                Due::Unreachable => self.record(Some(id), What::PageUnreachable { page }),
                Due::Loosen => self.record(Some(id), What::PageLoosened { page }),
            }
            return true;
        }
        self.give_way_if_nobody_is_left(id, chase)
    }

    fn due_page(&self, id: TicketId) -> Option<(PageId, Due)> {
        let ticket = self.state().tickets.get(&id)?;
        let mut live = ticket.live_pages().into_iter();
        let begins_later = |due: &Due| self.gathering && *due == Due::Begin(0);
        live.find_map(|(page, newest)| {
            let due = paging::due(page, newest, self.now).filter(|due| !begins_later(due))?;
            Some((page.id, due))
        })
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
            match page.state {
                PageState::Pursuing => return false,
                PageState::Ended if !page.declined => return false,
                // Where all must acknowledge, some have.
                PageState::Answered | PageState::Ended | PageState::Unreachable => {}
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

    /// Enters a step whose window is open now: the first of those that waited; the others come in order.
    fn enter_what_waited(&mut self, id: TicketId, pass: u32) -> bool {
        let Some(ticket) = self.state().tickets.get(&id) else { return false };
        let due = ticket.waits.iter().filter(|w| w.at <= self.now);
        let shown = |w: &&StepWait| (w.policy != *ticket.home_policy(), w.stage.shown());
        let Some(StepWait { policy, stage, .. }) = due.min_by_key(shown).cloned() else { return false };
        let pass = if policy == ticket.routed.policy { pass } else { 1 };
        self.enter_under(id, Under::This(&policy), (pass, stage), Because::WindowOpened);
        true
    }

    /// Enters the first stage from here on that has somebody. Duty is asked now, of the present catalog. A
    /// new start begins in the policy that the route named.
    pub(super) fn enter(&mut self, id: TicketId, pass: u32, stage: Stage, because: Because) {
        let anew = (pass, stage) == (1, Stage::Step(0));
        let under = if anew { Under::Home } else { Under::Present };
        self.enter_under(id, under, (pass, stage), because);
    }

    fn enter_under(&mut self, id: TicketId, under: Under<'_>, (pass, stage): (u32, Stage), because: Because) {
        self.is_back(id);
        if self.keep_for_hours(id, &because) {
            return;
        }
        let Some(ticket) = self.state().tickets.get(&id) else { return };
        let wanted = match under {
            Under::Present => &ticket.routed.policy,
            Under::Home => ticket.home_policy(),
            Under::This(policy) => policy,
        };
        let known = self.catalog.policies.contains_key(wanted);
        let (pass, stage, because) =
            if known { (pass, stage, because) } else { (1, Stage::Step(0), Because::Rerouted) };
        let Some(ask) = asks(self.state(), self.catalog, ticket, under, self.now) else { return };
        let Found { policy, home, pass, stage, staff, passed_over } = ask.staffed(pass, stage);
        let step = match stage {
            Stage::Step(index) => policy.steps.get(index as usize),
            Stage::CatchAll | Stage::Named => None,
        };
        let lasts = step.map_or(policy.catch_all.every, |s| s.ack_within);
        let require = step.map_or(Require::One, |s| s.require);
        let (policy, entry, due) = (policy.id.clone(), ticket.entries + 1, after(self.now, lasts));
        for Passed { policy, stage, staff } in passed_over {
            self.pass_over(id, policy, stage, staff);
        }
        let revision = self.catalog.revision.clone();
        let entered = What::StepEntered { policy, entry, pass, stage, due, because, revision, home, require };
        self.record(Some(id), entered);
        self.page_everybody(id, stage, staff);
    }

    fn pass_over(&mut self, id: TicketId, policy: PolicyId, stage: Stage, mut staff: Staff) {
        let opens = staff.skipped.iter().find_map(|(_, skip)| match skip {
            Skip::NotNow { opens } => *opens,
            _ => None,
        });
        if !staff.skipped.iter().any(|(_, skip)| matches!(skip, Skip::NotNow { .. })) {
            staff.skipped.push((None, Skip::NobodyLeft));
        }
        self.record_skips(id, &policy, stage, staff);
        let waits = |t: &Ticket| t.waits.iter().any(|w| w.policy == policy && w.stage == stage && Some(w.at) == opens);
        if let Some(opens) = opens
            && !self.state().tickets.get(&id).is_some_and(waits)
        {
            let revision = self.catalog.revision.clone();
            self.record(Some(id), What::StepWaits { policy, stage, opens, revision });
        }
    }

    pub(super) fn page_everybody(&mut self, id: TicketId, stage: Stage, mut staff: Staff) {
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
        let Some(policy) = self.state().tickets.get(&id).map(|t| t.routed.policy.clone()) else { return };
        self.record_skips(id, &policy, stage, staff);
    }

    pub(super) fn record_skips(&mut self, id: TicketId, policy: &PolicyId, stage: Stage, staff: Staff) {
        for (person, skip) in staff.skipped {
            let revision = self.catalog.revision.clone();
            self.record(Some(id), What::Skipped { stage, person, skip, policy: policy.clone(), revision });
        }
    }

    /// Asks about the staff of the policy that a ticket is in, as things stand now.
    pub(super) fn ask_for<T>(&self, id: TicketId, question: impl FnOnce(&Ask<'_>) -> T) -> Option<T> {
        let ticket = self.state().tickets.get(&id)?;
        asks(self.state(), self.catalog, ticket, Under::Present, self.now).map(|ask| question(&ask))
    }

    /// Asks about the staff of the policy from which a new start begins.
    pub(super) fn ask_anew<T>(&self, id: TicketId, question: impl FnOnce(&Ask<'_>) -> T) -> Option<T> {
        let ticket = self.state().tickets.get(&id)?;
        asks(self.state(), self.catalog, ticket, Under::Home, self.now).map(|ask| question(&ask))
    }
}
