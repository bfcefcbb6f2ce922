//! Entering a step: which one it should be, whether it is time, and whom it should page.

use jiff::Timestamp;
use watchbell_engine::catalog::{Catalog, Policy, Target};
use watchbell_engine::condition::Condition;
use watchbell_engine::fact::{Because, Fact, Stage, What};
use watchbell_engine::ids::{PageId, PersonId, PolicyId, TicketId};
use watchbell_engine::word::Severity;

use super::right_people::{Judge, Story, begins_anew};
use super::{Rule, hours};

/// Where in which policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) policy: PolicyId,
    pub(crate) pass: u32,
    pub(crate) stage: Stage,
}

/// A step that was entered.
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) due: Timestamp,
    /// Whom it should page, in the order of the policy.
    pub(crate) expected: Vec<PersonId>,
    /// The pages it began.
    pub(crate) pages: Vec<PageId>,
}

impl Judge<'_, '_> {
    pub(crate) fn begin_entry(&mut self, id: TicketId, fact: &Fact) {
        let What::StepEntered { policy, pass, stage, due, because, revision, home, .. } = &fact.what else { return };
        let Some(catalog) = self.catalogs.get(revision) else {
            return self.wrong.say(Rule::RightPeople, format!("{id} entered a step under an unknown revision"));
        };
        if !catalog.policies.contains_key(policy) {
            return self.wrong.say(Rule::RightPeople, format!("{id} entered a step of an unknown policy"));
        }
        let story = self.tickets.entry(id).or_default();
        if let Some(text) = is_too_soon(story, because, fact.at) {
            self.wrong.say(Rule::RightPeople, format!("{id} gave way, but {text}"));
        }
        story.asked_to_escalate = false;
        story.answered = false;
        let entered = Place { policy: policy.clone(), pass: *pass, stage: *stage };
        let anew = Place { policy: home.as_ref().unwrap_or(policy).clone(), pass: 1, stage: Stage::Step(0) };
        let from = match (story.entry.as_ref().map(|e| &e.place), because) {
            (_, Because::WindowOpened) => entered.clone(),
            (Some(before), Because::Away { .. }) if *before == entered => entered.clone(),
            (Some(before), because) if !begins_anew(because) && before.stage != Stage::Named => {
                match catalog.policies.get(&before.policy) {
                    Some(policy) => next(policy, before),
                    None => anew,
                }
            }
            _ => anew,
        };
        let given = story.given.clone();
        let (right, expected) = if *stage == Stage::Named {
            (entered.clone(), given.into_iter().collect())
        } else {
            self.first_staffed(id, catalog, from, fact.at)
        };
        let at_rest = *stage == Stage::CatchAll && right.stage == Stage::CatchAll;
        if right != entered && !at_rest {
            self.wrong.say(Rule::RightPeople, format!("{id} entered {entered:?}, {right:?} was next"));
        }
        let entry = Entry { place: entered, due: *due, expected, pages: Vec::new() };
        self.tickets.entry(id).or_default().entry = Some(entry);
    }

    /// The first stage from a place on that has somebody, through the policies it leads to; a whole pass
    /// without anybody leads to the catch-all.
    fn first_staffed(
        &mut self,
        id: TicketId,
        catalog: &Catalog,
        mut place: Place,
        at: Timestamp,
    ) -> (Place, Vec<PersonId>) {
        let mut without_anybody = 0;
        loop {
            let Some(policy) = catalog.policies.get(&place.policy) else { return (place, Vec::new()) };
            let step = match place.stage {
                Stage::Step(n) => policy.steps.get(n as usize),
                Stage::CatchAll | Stage::Named => return (place, self.named(catalog, policy, Stage::CatchAll, at)),
            };
            let fulfilled = step.is_none_or(|s| self.is_fulfilled(id, &s.when, catalog, at));
            if let Some(to) = step.filter(|_| fulfilled).and_then(|s| s.leads_to()) {
                place = Place { policy: to.clone(), pass: 1, stage: Stage::Step(0) };
                without_anybody = 0;
                continue;
            }
            let people = if fulfilled { self.named(catalog, policy, place.stage, at) } else { Vec::new() };
            if !people.is_empty() {
                return (place, people);
            }
            without_anybody += 1;
            place = next(policy, &place);
            if without_anybody >= policy.steps.len() {
                place.stage = Stage::CatchAll;
            }
        }
    }

    fn is_fulfilled(&self, id: TicketId, when: &Condition, catalog: &Catalog, at: Timestamp) -> bool {
        let Some(story) = self.tickets.get(&id) else { return true };
        let severity = story.alerts.values().map(|alert| alert.severity).max().unwrap_or(Severity::Critical);
        let live: Vec<_> = story.alerts.values().map(|alert| &alert.labels).collect();
        hours::is_so(when, catalog, (severity, story.priority), &live, at)
    }

    /// Whom a stage names who is there, is not disabled, and has an address.
    fn named(&mut self, catalog: &Catalog, policy: &Policy, stage: Stage, at: Timestamp) -> Vec<PersonId> {
        let mut named = Vec::new();
        match stage {
            Stage::CatchAll | Stage::Named => named.push(policy.catch_all.person.clone()),
            Stage::Step(n) => {
                for target in policy.steps.get(n as usize).map(|s| s.page.as_slice()).unwrap_or_default() {
                    match target {
                        Target::Person(id) => named.push(id.clone()),
                        Target::Policy(_) => {}
                        Target::Rotation(id) => {
                            let rotation = catalog.rotations.get(id);
                            named
                                .extend(rotation.into_iter().flat_map(|r| (self.duty)(catalog, r, &self.recorded, at)));
                        }
                        Target::WholeRotation(id) => {
                            let layers = catalog.rotations.get(id).map(|r| r.layers.as_slice()).unwrap_or_default();
                            named.extend(layers.iter().flat_map(|l| l.people.iter().cloned()));
                        }
                    }
                }
            }
        }
        let mut once = Vec::new();
        for id in named {
            let there = catalog.people.get(&id).is_some_and(|p| !p.disabled && !p.channels.is_empty());
            if there && !once.contains(&id) {
                once.push(id);
            }
        }
        once
    }
}

/// What comes after a stage.
fn next(policy: &Policy, place: &Place) -> Place {
    let Place { pass, stage, .. } = *place;
    let (pass, stage) = match stage {
        Stage::Step(n) => match ((n as usize + 1) >= policy.steps.len(), pass > policy.repeat) {
            (false, _) => (pass, Stage::Step(n + 1)),
            (true, false) => (pass + 1, Stage::Step(0)),
            (true, true) => (pass, Stage::CatchAll),
        },
        Stage::CatchAll | Stage::Named => (pass, Stage::CatchAll),
    };
    Place { policy: policy.id.clone(), pass, stage }
}

/// What speaks against giving way.
fn is_too_soon(story: &Story, because: &Because, at: Timestamp) -> Option<String> {
    let entry = story.entry.as_ref()?;
    let pages = || entry.pages.iter().filter_map(|p| story.pages.get(p));
    match because {
        Because::NotAcknowledged => (at < entry.due).then(|| format!("it had time until {}", entry.due)),
        Because::NobodyReached => {
            pages().any(|p| p.is_accepted && !p.declined && !p.answered).then(|| "somebody had been reached".to_owned())
        }
        Because::Declined => {
            let all = pages().all(|p| p.declined || p.answered || (p.unreachable && !p.is_accepted));
            (!all || !pages().any(|p| p.declined)).then(|| "not everybody had declined".to_owned())
        }
        Because::Escalated => (!story.asked_to_escalate).then(|| "nobody had asked for it".to_owned()),
        Because::Opened
        | Because::Reopened
        | Because::SnoozeEnded
        | Because::AckTimedOut
        | Because::SilenceEnded(_)
        | Because::QuietEnded(_)
        | Because::Regrouped
        | Because::Rerouted
        | Because::WindowOpened
        | Because::HoursBegan
        | Because::Assigned
        | Because::Away { .. } => None,
    }
}
