//! What must hold at any moment, looked at while the night goes on.
//!
//! The heart of it: while a ticket is triggered and some channel of a person whose turn it is works,
//! somebody is paged within thirty seconds, and ten more for each entry that may have to give way before;
//! counted from the last disturbance of the world, since what is broken delays.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use watchbell_engine::catalog::{Catalog, Policy, Target};
use watchbell_engine::fact::{MessageKind, Quiet, Stage};
use watchbell_engine::ids::{DedupKey, PersonId, SendId, TicketId};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::rotation;
use watchbell_engine::state::{Phase, Ticket};
use watchbell_engine::time::{Millis, elapsed, shifted};
use watchbell_engine::word::Level;

use crate::script::StoreMode;
use crate::world::World;

/// The promise.
const PAGED_WITHIN: Millis = Millis::secs(30);

/// An entry that nobody accepts gives way after so long.
const ENTRY_GIVES_WAY: Millis = Millis::secs(10);

/// A step that is over for longer than this is not being pursued.
const OVERDUE: Millis = Millis::secs(5);

/// What is remembered to judge by.
#[derive(Debug)]
pub struct Watch {
    /// When something was last changed in the world that may delay a page.
    disturbed: Timestamp,
    tickets: BTreeMap<TicketId, Watched>,
    arrived: BTreeMap<SendId, u32>,
    /// So many arrivals more than one are the price of crashes.
    allowed: BTreeMap<SendId, u32>,
    looked_at: u64,
}

/// Of one ticket, in steady time.
#[derive(Debug)]
struct Watched {
    entered: Timestamp,
    disturbed: Timestamp,
    paged: Option<Timestamp>,
    told: bool,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            disturbed: Timestamp::MIN,
            tickets: BTreeMap::new(),
            arrived: BTreeMap::new(),
            allowed: BTreeMap::new(),
            looked_at: 0,
        }
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self { entered: Timestamp::MIN, disturbed: Timestamp::MIN, paged: None, told: false }
    }
}

impl Watch {
    /// A crash left these in doubt: each may come once more.
    pub(crate) fn allow_again(&mut self, in_doubt: &BTreeSet<SendId>) {
        for send in in_doubt {
            *self.allowed.entry(*send).or_default() += 1;
        }
    }

    /// A step of a ticket was entered.
    pub(crate) fn entered(&mut self, ticket: Option<TicketId>, at: Timestamp) {
        if let Some(watched) = ticket.map(|t| self.tickets.entry(t).or_default()) {
            watched.entered = at;
            watched.told = false;
        }
    }

    /// A page did not get through; by chance, or because the channel is told to be so.
    pub(crate) fn failed(&mut self, ticket: Option<TicketId>, at: Timestamp, by_chance: bool) {
        if let Some(watched) = ticket.filter(|_| by_chance).map(|t| self.tickets.entry(t).or_default()) {
            watched.disturbed = at;
        }
    }

    /// A message is at its person; what is wrong with that.
    pub(crate) fn arrived(&mut self, message: &Outgoing, at: Timestamp) -> Option<String> {
        if let Some(page) = message.page.filter(|_| message.kind == MessageKind::Page) {
            self.tickets.entry(page.ticket).or_default().paged = Some(at);
        }
        let count = self.arrived.entry(message.send).or_default();
        *count += 1;
        let allowed = 1 + self.allowed.get(&message.send).copied().unwrap_or(0);
        (*count > allowed).then(|| format!("{} arrives {count} times, {allowed} would be the price", message.send))
    }
}

impl World {
    /// Something was broken or mended.
    pub(crate) fn disturbed(&mut self) {
        self.watch.disturbed = self.steady;
    }

    /// An instant of the wall clock in steady time.
    pub(crate) fn steady_of(&self, wall: Timestamp) -> Timestamp {
        shifted(wall, -self.ahead_ms)
    }

    /// After every commit: what the durable state must not say.
    pub(crate) fn look_at_state(&mut self) {
        let mut wrong = Vec::new();
        let mut open_keys: BTreeSet<&DedupKey> = BTreeSet::new();
        for ticket in self.store.state.tickets.values() {
            let pursued = ticket.pages.iter().filter(|p| p.is_live());
            let chased = matches!(ticket.phase, Phase::Triggered(_));
            for page in pursued.filter(|p| !chased || p.occurrence != ticket.occurrence) {
                wrong.push(format!("{} is pursued though {} has been answered", page.id, ticket.id));
            }
        }
        for ticket in self.store.state.tickets.values().filter(|t| t.is_open()) {
            for member in ticket.firing() {
                if !open_keys.insert(&member.alert.key) {
                    wrong.push(format!("{} is live in two open tickets", member.alert.key));
                }
            }
            if ticket.firing().next().is_none() {
                wrong.push(format!("{} is open without a live alert", ticket.id));
            }
            if let Phase::Held { quiet: Quiet::Silenced(silence), .. } = &ticket.phase
                && !self.store.state.silences.contains_key(silence)
            {
                wrong.push(format!("{} is held by {silence}, which has ended", ticket.id));
            }
        }
        for verdict in self.store.state.verdicts.values() {
            let key = DedupKey::probe(&verdict.probe);
            let known = self.store.state.is_firing(&key) || self.store.state.set_aside.contains(&key);
            let in_force = self.setup.catalog.probes.contains_key(&verdict.probe);
            // What comes and goes keeps its ticket while it is up.
            let flaps = self.store.state.firing_ticket(&key).and_then(|t| t.member(&key)).is_some_and(|m| !m.is_down());
            if in_force && !flaps && known == (verdict.level == Level::Up) {
                wrong.push(format!("{key} is {} and its alert says otherwise", verdict.level));
            }
        }
        wrong.into_iter().for_each(|text| self.violated(text));
    }

    /// Every few seconds: whether everybody who must be paged is.
    pub(crate) fn look(&mut self) {
        let Some(process) = &self.process else { return };
        if process.commit.is_some() || self.store.mode != StoreMode::Works {
            return self.disturbed();
        }
        let facts = self.store.last_fact().0;
        if std::mem::replace(&mut self.watch.looked_at, facts) != facts && process.pump.state() != &self.store.state {
            return self.violated("the state in memory is not what was committed");
        }
        let mut wrong = Vec::new();
        for ticket in self.store.state.tickets.values() {
            if let Some(text) = self.is_not_pursued(ticket) {
                wrong.push((ticket.id, text));
            }
        }
        for (id, text) in wrong {
            if !std::mem::replace(&mut self.watch.tickets.entry(id).or_default().told, true) {
                self.violated(text);
            }
        }
    }

    fn is_not_pursued(&self, ticket: &Ticket) -> Option<String> {
        let Phase::Triggered(chase) = &ticket.phase else { return None };
        let watched = self.watch.tickets.get(&ticket.id)?;
        let since = watched.entered.max(watched.disturbed).max(self.watch.disturbed);
        let quiet = elapsed(since, self.steady);
        let overdue = elapsed(chase.due, self.now());
        if quiet > OVERDUE && overdue > OVERDUE {
            return Some(format!("{} was to go on {overdue} ago", ticket.id));
        }
        if watched.paged.is_some_and(|paged| paged >= watched.entered) {
            return None;
        }
        let (reachable, bound) = self.whose_turn(ticket, chase.stage);
        let overlong = reachable && quiet > bound;
        overlong.then(|| format!("{} is triggered, and nobody was paged for {quiet}", ticket.id))
    }

    /// Whether anybody from this stage on can be reached, and how long it may take to come to them.
    fn whose_turn(&self, ticket: &Ticket, stage: Stage) -> (bool, Millis) {
        let catalog = &self.setup.catalog;
        let Some(policy) = catalog.policies.get(&ticket.routed.policy) else { return (false, Millis::ZERO) };
        let from = match stage {
            Stage::Step(n) => n as usize,
            Stage::CatchAll => policy.steps.len(),
        };
        let mut people: Vec<PersonId> =
            policy.steps.iter().skip(from).flat_map(|s| &s.page).flat_map(|t| self.people_of(t)).collect();
        people.push(policy.catch_all.person.clone());
        let ladder = |id: &PersonId| catalog.people.get(id).filter(|p| !p.disabled);
        let entries =
            people.iter().filter_map(ladder).map(|p| p.page_by.ladder(ticket.routed.priority).len()).sum::<usize>();
        let bound = PAGED_WITHIN.plus(ENTRY_GIVES_WAY.times(entries as u64)).plus(last_resort(policy, stage));
        (people.iter().any(|id| self.can_be_reached(catalog, id, ticket)), bound)
    }

    fn people_of(&self, target: &Target) -> Vec<PersonId> {
        let (catalog, recorded) = (&self.setup.catalog, &self.store.state.overrides);
        match target {
            Target::Person(id) => vec![id.clone()],
            Target::Rotation(id) => {
                let on_duty =
                    catalog.rotations.get(id).and_then(|r| rotation::on_duty(catalog, r, recorded, self.now()));
                on_duty.map(|d| d.person).into_iter().collect()
            }
            Target::WholeRotation(id) => catalog.rotations.get(id).map(rotation::people_of).unwrap_or_default(),
        }
    }

    fn can_be_reached(&self, catalog: &Catalog, id: &PersonId, ticket: &Ticket) -> bool {
        let Some(person) = catalog.people.get(id).filter(|p| !p.disabled) else { return false };
        let mut via = person.page_by.ladder(ticket.routed.priority).iter().flat_map(|e| &e.via);
        via.any(|channel| person.channels.contains(channel) && self.mode(channel, id).arrives())
    }

    /// Long after everything was mended.
    pub(crate) fn has_settled(&mut self) {
        let mut wrong: Vec<String> = Vec::new();
        if self.process.is_none() {
            wrong.push("the process did not come back".into());
        }
        wrong.extend(self.store.unfinished.keys().map(|send| format!("{send} never got an outcome")));
        for ticket in self.store.state.tickets.values().filter(|t| t.is_open()) {
            let probed = |key: &DedupKey| key.as_str().strip_prefix("probe:").map(str::to_owned);
            let mended =
                |key: &DedupKey| probed(key).is_some_and(|p| self.setup.runs.keys().any(|id| id.as_str() == p));
            if ticket.firing().all(|m| mended(&m.alert.key)) {
                wrong.push(format!("{} is open though all is well", ticket.id));
            }
        }
        for ask in self.unanswered() {
            wrong.push(format!("nobody ever answered: {ask}"));
        }
        wrong.into_iter().for_each(|text| self.violated(text));
    }
}

/// In the catch-all a person who refused is asked again in time.
fn last_resort(policy: &Policy, stage: Stage) -> Millis {
    match stage {
        Stage::Step(_) => Millis::ZERO,
        Stage::CatchAll => policy.catch_all.every,
    }
}
