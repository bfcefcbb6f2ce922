//! Somebody is paged within thirty seconds while any channel of a person whose turn it is works, and ten more
//! for each entry that may have to give way before; and a fault is known within its probe's own time.
//!
//! Both count from the last disturbance of the world, since what is broken delays.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_engine::catalog::{Catalog, Policy, Target};
use watchbell_engine::fact::{Because, Fact, MessageKind, Stage, What};
use watchbell_engine::ids::{DedupKey, PersonId, ProbeId, TicketId};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::rotation;
use watchbell_engine::state::{Phase, Ticket};
use watchbell_engine::time::{Millis, elapsed, shifted};

use super::{Rule, no_silent_end, view_agrees};
use crate::script::{Health, StoreMode};
use crate::world::World;

/// The promise.
const PAGED_WITHIN: Millis = Millis::secs(30);

/// An entry that nobody accepts gives way after so long.
const ENTRY_GIVES_WAY: Millis = Millis::secs(10);

/// The same, where somebody can be reached whom the step that was entered names: an entry or two may give way.
const FIRST_PAGED_WITHIN: Millis = Millis::secs(60);

/// What a run may be late, and deciding and committing take, beside the probe's own times.
const DECIDED_WITHIN: Millis = Millis::secs(5);

/// What is remembered to judge by.
#[derive(Debug)]
pub(crate) struct Paging {
    /// When something was last changed in the world that may delay a page.
    disturbed: Timestamp,
    tickets: BTreeMap<TicketId, Watched>,
    /// Since when each target has been as it is.
    targets: BTreeMap<ProbeId, Timestamp>,
}

/// Of one ticket, in steady time.
#[derive(Debug)]
struct Watched {
    entered: Timestamp,
    /// Where in the policy that was.
    from: Stage,
    disturbed: Timestamp,
    paged: Option<Timestamp>,
    told: bool,
}

impl Default for Paging {
    fn default() -> Self {
        Self { disturbed: Timestamp::MIN, tickets: BTreeMap::new(), targets: BTreeMap::new() }
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self { entered: Timestamp::MIN, from: Stage::Step(0), disturbed: Timestamp::MIN, paged: None, told: false }
    }
}

impl Paging {
    /// A step of a ticket was entered.
    pub(crate) fn recorded(&mut self, fact: &Fact, at: Timestamp) {
        let (What::StepEntered { because, stage, .. }, Some(ticket)) = (&fact.what, fact.ticket) else { return };
        let watched = self.tickets.entry(ticket).or_default();
        // A step that gives way because nobody was reached takes nothing from the time that was promised.
        if *because != Because::NobodyReached {
            (watched.entered, watched.from, watched.told) = (at, *stage, false);
        }
    }

    /// A target has another health from now on.
    pub(crate) fn target_changed(&mut self, probe: &ProbeId, at: Timestamp) {
        self.targets.insert(probe.clone(), at);
    }

    /// All targets work.
    pub(crate) fn mended(&mut self) {
        self.targets.clear();
    }

    /// A page did not get through by chance.
    pub(crate) fn failed(&mut self, ticket: Option<TicketId>, at: Timestamp) {
        if let Some(watched) = ticket.map(|t| self.tickets.entry(t).or_default()) {
            watched.disturbed = at;
        }
    }

    /// A message is at its person.
    pub(crate) fn arrived(&mut self, message: &Outgoing, at: Timestamp) {
        if let Some(page) = message.page.filter(|_| message.kind == MessageKind::Page) {
            for ticket in message.also.iter().map(|also| also.ticket).chain([page.ticket]) {
                self.tickets.entry(ticket).or_default().paged = Some(at);
            }
        }
    }
}

impl World {
    /// Something was broken or mended.
    pub(crate) fn disturbed(&mut self) {
        self.watch.paging.disturbed = self.steady;
    }

    /// An instant of the wall clock in steady time.
    pub(crate) fn steady_of(&self, wall: Timestamp) -> Timestamp {
        shifted(wall, -self.ahead_ms)
    }

    /// Every few seconds: whether everybody who must be paged is, and what is shown is so.
    pub(crate) fn look(&mut self) {
        let Some(process) = &self.process else { return };
        if process.commit.is_some() || self.store.mode != StoreMode::Works {
            return self.disturbed();
        }
        let mut wrong = Vec::new();
        wrong.extend(self.watch.replay.memory(process.pump.state(), &self.store).map(|text| (Rule::Replay, text)));
        wrong.extend(view_agrees::look(&process.view, &self.store.state).into_iter().map(|t| (Rule::ViewAgrees, t)));
        wrong.extend(self.unseen_faults().into_iter().map(|t| (Rule::PagedInTime, t)));
        for ticket in self.store.state.tickets.values() {
            let told = self.watch.paging.tickets.get(&ticket.id).is_some_and(|w| w.told);
            if let Some(found) = self.is_not_pursued(ticket).filter(|_| !told) {
                self.watch.paging.tickets.entry(ticket.id).or_default().told = true;
                wrong.push(found);
            }
        }
        wrong.into_iter().for_each(|(rule, text)| self.violated(rule, text));
    }

    fn is_not_pursued(&self, ticket: &Ticket) -> Option<(Rule, String)> {
        let unwatched = Watched::default();
        let watched = self.watch.paging.tickets.get(&ticket.id).unwrap_or(&unwatched);
        let since = watched.entered.max(watched.disturbed).max(self.watch.paging.disturbed);
        let quiet = elapsed(since, self.steady);
        if let Some(text) = no_silent_end::is_overdue(ticket, self.now(), quiet) {
            return Some((Rule::NoSilentEnd, text));
        }
        let Phase::Triggered(chase) = &ticket.phase else { return None };
        if watched.paged.is_some_and(|paged| paged >= watched.entered) {
            return None;
        }
        let (reachable, bound) = self.whose_turn(ticket, watched.from, chase.stage);
        // Where nothing went wrong since, whoever is asked first is reached at once.
        let calm = watched.disturbed.max(self.watch.paging.disturbed) < watched.entered;
        let bound =
            if calm && self.first_is_reached(ticket, watched.from) { bound.min(FIRST_PAGED_WITHIN) } else { bound };
        let overlong = reachable && quiet > bound;
        overlong.then(|| (Rule::PagedInTime, format!("{} is triggered, and nobody was paged for {quiet}", ticket.id)))
    }

    /// Targets that are down for longer than their probe may take to see it.
    fn unseen_faults(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (probe, since) in &self.watch.paging.targets {
            let (Some(Health::Down { .. }), Some(run)) = (self.targets.get(probe), self.setup.runs.get(probe)) else {
                continue;
            };
            let again = run.timeout.plus(run.rule.confirm_after.max(run.every));
            let window = (run.rule.down_after.window() as u64).max(u64::from(run.rule.down_after.failures()));
            let bound = run.every.plus(run.timeout).plus(again.times(window)).plus(DECIDED_WITHIN);
            let down_for = elapsed((*since).max(self.watch.paging.disturbed), self.steady);
            let key = DedupKey::probe(probe);
            let known = self.store.state.is_firing(&key) || self.store.state.set_aside.contains(&key);
            if !known && down_for > bound {
                wrong.push(format!("{probe} is down for {down_for}, and nothing is known of it"));
            }
        }
        wrong
    }

    /// Whether anybody from this stage on can be reached, and how long it may take to come to them from there,
    /// and from where the ticket stands now.
    fn whose_turn(&self, ticket: &Ticket, stage: Stage, now_at: Stage) -> (bool, Millis) {
        let catalog = &self.setup.catalog;
        let Some(policy) = catalog.policies.get(&ticket.routed.policy) else { return (false, Millis::ZERO) };
        let from = match stage {
            Stage::Step(n) => n as usize,
            Stage::Named => 0,
            Stage::CatchAll => policy.steps.len(),
        };
        let mut people: Vec<PersonId> = policy
            .steps
            .iter()
            .skip(from)
            .filter(|s| s.when.is_empty())
            .flat_map(|s| &s.page)
            .flat_map(|t| self.people_of(t))
            .collect();
        if policy.steps.iter().all(|s| s.leads_to().is_none()) {
            people.push(policy.catch_all.person.clone());
        }
        let ladder = |id: &PersonId| catalog.people.get(id).filter(|p| !p.disabled);
        let entries =
            people.iter().filter_map(ladder).map(|p| p.page_by.ladder(ticket.routed.priority).len()).sum::<usize>();
        // Whoever nobody reaches is tried in every pass before the catch-all is.
        let tried = entries as u64 * (1 + u64::from(policy.repeat));
        let bound = PAGED_WITHIN.plus(ENTRY_GIVES_WAY.times(tried)).plus(last_resort(policy, now_at));
        (people.iter().any(|id| self.can_be_reached(catalog, id, ticket)), bound)
    }

    /// Whether everybody whom this step names can be reached.
    fn first_is_reached(&self, ticket: &Ticket, stage: Stage) -> bool {
        let (catalog, Stage::Step(n)) = (&self.setup.catalog, stage) else { return false };
        let step = catalog.policies.get(&ticket.routed.policy).and_then(|p| p.steps.get(n as usize));
        let people: Vec<PersonId> = step.into_iter().flat_map(|s| &s.page).flat_map(|t| self.people_of(t)).collect();
        !people.is_empty() && people.iter().all(|id| self.can_be_reached(catalog, id, ticket))
    }

    fn people_of(&self, target: &Target) -> Vec<PersonId> {
        let (catalog, recorded) = (&self.setup.catalog, &self.store.state.recorded);
        match target {
            Target::Person(id) => vec![id.clone()],
            Target::Policy(_) => Vec::new(), // counts from where its own steps are entered
            Target::Rotation(id) => {
                let of = catalog.rotations.get(id);
                let on_duty = of.into_iter().flat_map(|r| rotation::on_duty(catalog, r, recorded, self.now()));
                on_duty.map(|d| d.person).collect()
            }
            Target::WholeRotation(id) => catalog.rotations.get(id).map(rotation::people_of).unwrap_or_default(),
        }
    }

    fn can_be_reached(&self, catalog: &Catalog, id: &PersonId, ticket: &Ticket) -> bool {
        let Some(person) = catalog.people.get(id).filter(|p| !p.disabled) else { return false };
        let mut via = person.page_by.ladder(ticket.routed.priority).iter().flat_map(|e| &e.via);
        via.any(|channel| person.channels.contains(channel) && self.mode(channel, id).arrives())
    }
}

/// In the catch-all a person who refused is asked again in time.
fn last_resort(policy: &Policy, stage: Stage) -> Millis {
    match stage {
        Stage::Step(_) | Stage::Named => Millis::ZERO,
        Stage::CatchAll => policy.catch_all.every,
    }
}
