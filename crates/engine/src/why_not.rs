//! `why-not PERSON TICKET`: why somebody was not paged for the present occurrence of a ticket. One answer,
//! read from the facts and the configuration; nothing is decided here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Policy, Step, Target};
use crate::explain::quiet_text;
use crate::fact::{Fact, Skip, Stage, What};
use crate::ids::{PersonId, PolicyId, RotationId, TicketId};
use crate::rotation::{self, Recorded};
use crate::time::after;

/// Why somebody was not paged, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The person was paged.
    Paged,
    /// The policy does not name the person, nor a rotation with the person.
    NotNamed,
    /// Somebody else was on duty.
    NotOnDuty,
    /// The person was away.
    Away,
    /// The step that names the person was not reached yet.
    NotYet,
    /// Somebody had it before that step was reached.
    AcknowledgedBefore,
    /// It was over before that step was reached.
    ResolvedBefore,
    /// It is kept quiet by a silence.
    Silenced,
    /// Its paging is held for another reason.
    Held,
    /// The person is disabled.
    Disabled,
    /// There is no channel to the person.
    NoContact,
    /// The person came into the configuration later, or was gone from it.
    Gone,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyNot {
    /// The ticket.
    pub ticket: TicketId,
    /// The person.
    pub person: PersonId,
    /// In a word.
    pub answer: Answer,
    /// In a sentence.
    pub text: String,
    /// When it happened; for `not_yet` when the person would be paged, if nobody does anything.
    pub at: Option<Timestamp>,
    /// The step that it is about, from 1.
    pub step: Option<u32>,
    /// Who was paged instead.
    pub instead: Vec<PersonId>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The ticket.
    pub ticket: TicketId,
    /// The person.
    pub person: &'a PersonId,
    /// The facts of the ticket, oldest first.
    pub facts: &'a [Fact],
    /// The configuration in force.
    pub catalog: &'a Catalog,
    /// Recorded overrides and absences.
    pub recorded: &'a Recorded,
}

/// Why this person was not paged.
pub fn why_not(asked: Question<'_>) -> WhyNot {
    let here: Vec<&Fact> = asked.facts.iter().filter(|f| f.ticket == Some(asked.ticket)).collect();
    let begins = |f: &&Fact| matches!(f.what, What::TicketOpened { .. } | What::TicketReopened { .. });
    let from = here.iter().rposition(begins).unwrap_or(0);
    let story = Story { asked, facts: &here[from..] };
    let (answer, text, at, step) = story.answer();
    let instead = story.instead(step);
    WhyNot { ticket: asked.ticket, person: asked.person.clone(), answer, text, at, step, instead }
}

type Said = (Answer, String, Option<Timestamp>, Option<u32>);

/// A stage of a policy; on the way to another policy the step that leads there.
type Leg<'a> = (&'a Policy, Stage);

/// The facts of the present occurrence.
struct Story<'a> {
    asked: Question<'a>,
    facts: &'a [&'a Fact],
}

impl Story<'_> {
    fn answer(&self) -> Said {
        self.paged().or_else(|| self.skipped()).or_else(|| self.unfit()).unwrap_or_else(|| self.by_policy())
    }

    fn paged(&self) -> Option<Said> {
        self.facts.iter().rev().find_map(|fact| match &fact.what {
            What::PageStarted { page, person, why, .. } if person == self.asked.person => {
                let text = format!("{person} was paged at {:.0} ({page}): {}", fact.at, why.text);
                Some((Answer::Paged, text, Some(fact.at), None))
            }
            _ => None,
        })
    }

    fn skipped(&self) -> Option<Said> {
        self.facts.iter().rev().find_map(|fact| match &fact.what {
            What::Skipped { stage, person: Some(person), skip, .. } if person == self.asked.person => {
                let (answer, why) = match skip {
                    Skip::Disabled => (Answer::Disabled, "is disabled"),
                    Skip::Gone => (Answer::Gone, "was not in the configuration"),
                    _ => (Answer::NoContact, "has no channel for this priority"),
                };
                let text = format!("{person} {why}, and was passed over at {:.0}", fact.at);
                Some((answer, text, Some(fact.at), stage.shown()))
            }
            _ => None,
        })
    }

    fn unfit(&self) -> Option<Said> {
        let id = self.asked.person;
        let Some(person) = self.asked.catalog.people.get(id) else {
            return Some((Answer::Gone, format!("{id} is not in the configuration"), None, None));
        };
        if person.disabled {
            return Some((Answer::Disabled, format!("{id} is disabled"), None, None));
        }
        let none = person.channels.is_empty();
        none.then(|| (Answer::NoContact, format!("there is no channel to {id}"), None, None))
    }

    /// What the policy has to say: which step would page the person, and why it did not.
    fn by_policy(&self) -> Said {
        let person = self.asked.person;
        let Some((id, policy)) = self.policy() else {
            return (Answer::NotNamed, "the policy of this ticket is gone from the configuration".into(), None, None);
        };
        if let Some(said) = self.not_on_duty() {
            return said;
        }
        match self.way(policy, self.asked.catalog.policies.len()) {
            Some(way) => self.not_reached(&way),
            None => {
                let text = format!(
                    "policy {id} names neither {person} nor a rotation with {person}, nor does one it leads to"
                );
                (Answer::NotNamed, text, None, None)
            }
        }
    }

    /// The way to the first stage that names the person: itself alone, or behind the steps that lead from one
    /// policy to the next. `depth` ends a circle, which `check` refuses.
    fn way<'p>(&'p self, policy: &'p Policy, depth: usize) -> Option<Vec<Leg<'p>>> {
        let numbered = || (0u32..).zip(&policy.steps);
        if let Some((n, _)) = numbered().find(|(_, step)| self.names(step).is_some()) {
            return Some(vec![(policy, Stage::Step(n))]);
        }
        let policies = &self.asked.catalog.policies;
        let behind = numbered().filter(|_| depth > 0).find_map(|(n, step)| {
            let mut way = self.way(policies.get(step.leads_to()?)?, depth - 1)?;
            way.insert(0, (policy, Stage::Step(n)));
            Some(way)
        });
        behind.or_else(|| (policy.catch_all.person == *self.asked.person).then(|| vec![(policy, Stage::CatchAll)]))
    }

    fn policy(&self) -> Option<(&PolicyId, &Policy)> {
        let id = self.facts.iter().rev().find_map(|fact| match &fact.what {
            What::StepEntered { policy, .. } => Some(policy),
            What::AlertChanged { rerouted: Some(routed), .. } => Some(&routed.policy),
            What::TicketOpened { routed, .. } | What::TicketReopened { routed, .. } => Some(&routed.policy),
            _ => None,
        })?;
        Some((id, self.asked.catalog.policies.get(id)?))
    }

    /// The rotation through which a step would name the person; `Some(None)` by name.
    fn names(&self, step: &Step) -> Option<Option<RotationId>> {
        let person = self.asked.person;
        step.page.iter().find_map(|target| match target {
            Target::Person(id) => (id == person).then_some(None),
            Target::Policy(_) => None, // its own steps are looked at for themselves
            Target::Rotation(id) | Target::WholeRotation(id) => {
                let rotation = self.asked.catalog.rotations.get(id)?;
                let stands_in = self.asked.recorded.overrides.iter().chain(&rotation.overrides);
                let mut stands_in = stands_in.filter(|o| o.rotation == *id);
                let of = rotation::people_of(rotation).contains(person) || stands_in.any(|o| o.person == *person);
                of.then(|| Some(id.clone()))
            }
        })
    }

    /// A step was entered that names a rotation of the person's, and somebody else was on duty then.
    fn not_on_duty(&self) -> Option<Said> {
        let (entered, id, index, rotation) = self.facts.iter().rev().find_map(|fact| match &fact.what {
            What::StepEntered { policy, stage: Stage::Step(n), .. } => {
                let step = self.asked.catalog.policies.get(policy)?.steps.get(*n as usize)?;
                Some((fact, policy, *n, self.names(step)??))
            }
            _ => None,
        })?;
        let wanted = Stage::Step(index);
        let rules = self.asked.catalog.rotations.get(&rotation);
        let on_duty =
            rules.map_or_else(Vec::new, |r| rotation::on_duty(self.asked.catalog, r, self.asked.recorded, entered.at));
        let paged = self.instead(wanted.shown());
        let names: Vec<String> = match paged.is_empty() {
            true => on_duty.iter().map(|d| d.person.to_string()).collect(),
            false => paged.iter().map(ToString::to_string).collect(),
        };
        let who = if names.is_empty() { "nobody was".to_owned() } else { format!("{} was", names.join(", ")) };
        let person = self.asked.catalog.people.get(self.asked.person);
        let written = person.map(|p| p.away.as_slice()).unwrap_or_default();
        let absences = self.asked.recorded.absences.iter().filter(|a| a.person == *self.asked.person).chain(written);
        if let Some(away) = absences.into_iter().find(|a| a.from <= entered.at && entered.at < a.to) {
            let text = format!("{} was away until {:.0}; {who}", self.asked.person, away.to);
            return Some((Answer::Away, text, Some(entered.at), wanted.shown()));
        }
        let text = format!(
            "{} was not on duty in {rotation} at {:.0}, when step {} of {id} was entered; {who}",
            self.asked.person,
            entered.at,
            index + 1
        );
        Some((Answer::NotOnDuty, text, Some(entered.at), wanted.shown()))
    }

    /// The stage that would page the person was never entered.
    fn not_reached(&self, way: &[Leg<'_>]) -> Said {
        let [(first, next), behind @ ..] = way else { unreachable!("a way has an end") };
        let (last, stage) = behind.last().unwrap_or(&way[0]);
        let step = stage.shown();
        let what = step.map_or("the catch-all".to_owned(), |n| format!("step {n}"));
        let what = if behind.is_empty() { what } else { format!("{what} of {}", last.id) };
        for fact in self.facts.iter().rev() {
            let at = Some(fact.at);
            match &fact.what {
                What::TicketResolved { by, .. } => {
                    let text = format!("it was over before {what}: resolved by {} at {:.0}", by.name, fact.at);
                    return (Answer::ResolvedBefore, text, at, step);
                }
                What::Acknowledged { by, .. } | What::Snoozed { by, .. } => {
                    let text = format!("{} took it at {:.0}, before {what}", by.name, fact.at);
                    return (Answer::AcknowledgedBefore, text, at, step);
                }
                What::Held { silence, until } => {
                    let text = format!("paging is held by silence {silence} until {until:.0} at most");
                    return (Answer::Silenced, text, at, step);
                }
                What::HeldBack { quiet, .. } => {
                    let answer = if quiet.word() == "silence" { Answer::Silenced } else { Answer::Held };
                    return (answer, format!("paging is held: {}", quiet_text(quiet)), at, step);
                }
                What::KeptForHours { until, .. } => {
                    return (Answer::Held, format!("it waits for office hours, until {until:.0}"), at, step);
                }
                What::StepEntered { stage: now, pass, due, .. } => {
                    let would = when_reached(first, (*pass, *now), *due, *next);
                    let would = behind.iter().fold(would, |at, (policy, stage)| when_led_to(policy, at?, *stage));
                    let then = would
                        .map_or_else(String::new, |at| format!(", which is due at {at:.0} if nobody acknowledges"));
                    return (Answer::NotYet, format!("{} is paged by {what}{then}", self.asked.person), would, step);
                }
                _ => {}
            }
        }
        (Answer::NotYet, format!("{} is paged by {what}, and nothing was entered yet", self.asked.person), None, step)
    }

    /// Who was paged, in this step or at all.
    fn instead(&self, step: Option<u32>) -> Vec<PersonId> {
        let (mut stage, mut people) = (None, Vec::new());
        for fact in self.facts {
            match &fact.what {
                What::StepEntered { stage: entered, .. } => stage = entered.shown(),
                What::PageStarted { person, .. }
                    if person != self.asked.person && (step.is_none() || stage == step) && !people.contains(person) =>
                {
                    people.push(person.clone());
                }
                _ => {}
            }
        }
        people
    }
}

/// When a stage is entered if nobody does anything; `None` where it is never.
fn when_reached(
    policy: &Policy,
    (mut pass, mut now): (u32, Stage),
    due: Timestamp,
    wanted: Stage,
) -> Option<Timestamp> {
    let steps = u32::try_from(policy.steps.len()).ok()?;
    let mut at = due;
    for _ in 0..(steps.saturating_mul(policy.repeat.saturating_add(2))) {
        (pass, now) = match now {
            Stage::Step(n) if n + 1 < steps => (pass, Stage::Step(n + 1)),
            Stage::Step(_) if pass <= policy.repeat => (pass + 1, Stage::Step(0)),
            _ => (pass, Stage::CatchAll),
        };
        if now == wanted {
            return Some(at);
        }
        let Stage::Step(n) = now else { return None };
        at = after(at, policy.steps.get(n as usize)?.ack_within);
    }
    None
}

/// When a stage of a policy is entered that takes over at `at`.
fn when_led_to(policy: &Policy, at: Timestamp, wanted: Stage) -> Option<Timestamp> {
    match wanted == Stage::Step(0) {
        true => Some(at),
        false => when_reached(policy, (1, Stage::Step(0)), after(at, policy.steps.first()?.ack_within), wanted),
    }
}
