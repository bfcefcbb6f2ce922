//! Entering a step: which one it should be, whether it is time, and whom it should page.

use jiff::Timestamp;
use watchbell_engine::catalog::{Catalog, Policy, Target};
use watchbell_engine::fact::{Because, Fact, Stage, What};
use watchbell_engine::ids::{PageId, PersonId, TicketId};

use super::Rule;
use super::right_people::{Judge, Story, begins_anew};

/// A step that was entered.
pub(crate) struct Entry {
    pub(crate) pass: u32,
    pub(crate) stage: Stage,
    pub(crate) due: Timestamp,
    /// Whom it should page, in the order of the policy.
    pub(crate) expected: Vec<PersonId>,
    /// The pages it began.
    pub(crate) pages: Vec<PageId>,
}

impl Judge<'_, '_> {
    pub(crate) fn begin_entry(&mut self, id: TicketId, fact: &Fact) {
        let What::StepEntered { policy, pass, stage, due, because, revision, .. } = &fact.what else { return };
        let Some(catalog) = self.catalogs.get(revision) else {
            return self.wrong.say(Rule::RightPeople, format!("{id} entered a step under an unknown revision"));
        };
        let Some(policy) = catalog.policies.get(policy) else {
            return self.wrong.say(Rule::RightPeople, format!("{id} entered a step of an unknown policy"));
        };
        let story = self.tickets.entry(id).or_default();
        if let Some(text) = is_too_soon(story, because, fact.at) {
            self.wrong.say(Rule::RightPeople, format!("{id} gave way, but {text}"));
        }
        story.asked_to_escalate = false;
        story.answered = false;
        let before = story.entry.as_ref().filter(|_| !begins_anew(because)).map(|e| (e.pass, e.stage));
        let (right, expected) = self.first_staffed(catalog, policy, before, fact.at);
        let at_rest = *stage == Stage::CatchAll && right.1 == Stage::CatchAll;
        if right != (*pass, *stage) && !at_rest {
            self.wrong.say(Rule::RightPeople, format!("{id} entered {stage:?} of pass {pass}, {right:?} was next"));
        }
        let entry = Entry { pass: *pass, stage: *stage, due: *due, expected, pages: Vec::new() };
        self.tickets.entry(id).or_default().entry = Some(entry);
    }

    /// The first stage after `before` that has somebody; a whole pass without anybody leads to the
    /// catch-all.
    fn first_staffed(
        &mut self,
        catalog: &Catalog,
        policy: &Policy,
        before: Option<(u32, Stage)>,
        at: Timestamp,
    ) -> ((u32, Stage), Vec<PersonId>) {
        let mut place = before.map_or((1, Stage::Step(0)), |place| next(policy, place));
        for _ in 0..policy.steps.len() {
            let people = self.named(catalog, policy, place.1, at);
            if !people.is_empty() || place.1 == Stage::CatchAll {
                return (place, people);
            }
            place = next(policy, place);
        }
        let place = (place.0, Stage::CatchAll);
        (place, self.named(catalog, policy, Stage::CatchAll, at))
    }

    /// Whom a stage names who is there, is not disabled, and has an address.
    fn named(&mut self, catalog: &Catalog, policy: &Policy, stage: Stage, at: Timestamp) -> Vec<PersonId> {
        let mut named = Vec::new();
        match stage {
            Stage::CatchAll => named.push(policy.catch_all.person.clone()),
            Stage::Step(n) => {
                for target in policy.steps.get(n as usize).map(|s| s.page.as_slice()).unwrap_or_default() {
                    match target {
                        Target::Person(id) => named.push(id.clone()),
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
fn next(policy: &Policy, (pass, stage): (u32, Stage)) -> (u32, Stage) {
    let Stage::Step(n) = stage else { return (pass, Stage::CatchAll) };
    let last = n as usize + 1 >= policy.steps.len();
    match (last, pass > policy.repeat) {
        (false, _) => (pass, Stage::Step(n + 1)),
        (true, false) => (pass + 1, Stage::Step(0)),
        (true, true) => (pass, Stage::CatchAll),
    }
}

/// What speaks against giving way.
fn is_too_soon(story: &Story, because: &Because, at: Timestamp) -> Option<String> {
    let entry = story.entry.as_ref()?;
    let pages = || entry.pages.iter().filter_map(|p| story.pages.get(p));
    match because {
        Because::NotAcknowledged => (at < entry.due).then(|| format!("it had time until {}", entry.due)),
        Because::NobodyReached => {
            pages().any(|p| p.is_accepted && !p.declined).then(|| "somebody had been reached".to_owned())
        }
        Because::Declined => {
            let all = pages().all(|p| p.declined || (p.unreachable && !p.is_accepted));
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
        | Because::Rerouted => None,
    }
}
