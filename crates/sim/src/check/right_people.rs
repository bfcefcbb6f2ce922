//! Those are paged whom the policy names and the oracle has on duty, and nobody else; in the policy's order,
//! not too soon, nobody after an answer, and whoever was reached is told the end.
//!
//! Judged afterwards, from the facts alone. The rules are worked out here once more, from the paging and
//! ticket rules as they are written; who is on duty is asked of an oracle that the caller brings.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use watchbell_engine::catalog::{Catalog, Rotation};
use watchbell_engine::fact::{Because, Fact, Firing, MessageKind, What};
use watchbell_engine::ids::{ChannelId, DedupKey, PageId, PersonId, Revision, SendId, SendSubject, TicketId};
use watchbell_engine::rotation::Recorded;
use watchbell_engine::time::{Millis, after, shifted};
use watchbell_engine::word::{Priority, Receipt};

use super::entry::Entry;
use super::{Rule, Violation};

/// Who is on duty, worked out independently of the engine.
pub type DutyOracle<'a> = dyn FnMut(&Catalog, &Rotation, &Recorded, Timestamp) -> Vec<PersonId> + 'a;

/// Every configuration that was in force, by its revision.
#[derive(Clone, Debug, Default)]
pub struct Catalogs(BTreeMap<Revision, Arc<Catalog>>);

impl Catalogs {
    /// Takes one in.
    pub fn add(&mut self, catalog: &Arc<Catalog>) {
        self.0.insert(catalog.revision.clone(), Arc::clone(catalog));
    }

    /// The one with this revision.
    pub fn get(&self, revision: &Revision) -> Option<&Catalog> {
        self.0.get(revision).map(AsRef::as_ref)
    }
}

/// What is wrong with a night, in the order of its facts.
pub fn facts(facts: &[Fact], catalogs: &Catalogs, duty: &mut DutyOracle<'_>) -> Vec<Violation> {
    let wrong = Wrong { at: Timestamp::MIN, found: Vec::new() };
    let mut judge = Judge { catalogs, duty, recorded: Recorded::default(), tickets: BTreeMap::new(), wrong };
    facts.iter().for_each(|fact| judge.take(fact));
    let open: Vec<TicketId> = judge.tickets.keys().copied().collect();
    open.into_iter().for_each(|id| judge.end_entry(id));
    judge.wrong.found
}

/// What is wrong, at the instant of the fact that is looked at.
pub(crate) struct Wrong {
    at: Timestamp,
    found: Vec<Violation>,
}

impl Wrong {
    pub(crate) fn say(&mut self, rule: Rule, text: impl Into<String>) {
        self.found.push(Violation { rule, at: self.at, text: text.into() });
    }
}

pub(crate) struct Judge<'a, 'b> {
    pub(crate) catalogs: &'a Catalogs,
    pub(crate) duty: &'a mut DutyOracle<'b>,
    pub(crate) recorded: Recorded,
    pub(crate) tickets: BTreeMap<TicketId, Story>,
    pub(crate) wrong: Wrong,
}

/// What a ticket's facts have told so far.
pub(crate) struct Story {
    pub(crate) occurrence: u32,
    /// Somebody has it, it is held, or it is over.
    pub(crate) answered: bool,
    pub(crate) entry: Option<Entry>,
    pub(crate) asked_to_escalate: bool,
    pub(crate) pages: BTreeMap<PageId, PageStory>,
    pub(crate) priority: Priority,
    /// What fires.
    pub(crate) alerts: BTreeMap<DedupKey, Firing>,
    /// To whom it was given, or who has it.
    pub(crate) given: Option<PersonId>,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            occurrence: 0,
            answered: false,
            entry: None,
            asked_to_escalate: false,
            pages: BTreeMap::new(),
            priority: Priority::P1,
            alerts: BTreeMap::new(),
            given: None,
        }
    }
}

/// What a page's facts have told so far.
#[derive(Default)]
pub(crate) struct PageStory {
    pub(crate) occurrence: u32,
    pub(crate) person: Option<PersonId>,
    pub(crate) is_accepted: bool,
    pub(crate) declined: bool,
    /// Its person acknowledged, where others must do so too.
    pub(crate) answered: bool,
    pub(crate) unreachable: bool,
    entry_begun: Option<Timestamp>,
    tries: BTreeMap<ChannelId, Tries>,
    sends: BTreeMap<SendId, ChannelId>,
    told_end: Vec<ChannelId>,
}

#[derive(Default)]
struct Tries {
    failures: usize,
    /// Nothing before this instant; the end of time where only a new entry may try again.
    not_before: Option<Timestamp>,
    accepted: bool,
}

impl Judge<'_, '_> {
    fn take(&mut self, fact: &Fact) {
        self.wrong.at = fact.at;
        match &fact.what {
            What::OverrideAdded { override_, .. } => self.recorded.overrides.push(override_.clone()),
            What::OverrideRemoved { override_id, .. } => {
                self.recorded.overrides.retain(|o| o.id != Some(*override_id));
            }
            What::AbsenceAdded { absence, .. } => self.recorded.absences.push(absence.clone()),
            What::AbsenceRemoved { absence_id, .. } => {
                self.recorded.absences.retain(|a| a.id != Some(*absence_id));
            }
            What::ClockShifted { by_ms } => self.shift(*by_ms),
            _ => {
                if let Some(id) = fact.ticket {
                    self.take_of_ticket(id, fact);
                }
            }
        }
    }

    fn take_of_ticket(&mut self, id: TicketId, fact: &Fact) {
        let story = self.tickets.entry(id).or_default();
        match &fact.what {
            What::TicketOpened { alert, routed, .. } => {
                (story.occurrence, story.priority) = (1, routed.priority);
                story.alerts.insert(alert.key.clone(), alert.clone());
            }
            What::TicketReopened { occurrence, alert, routed, .. } => {
                (story.occurrence, story.answered, story.priority) = (*occurrence, false, routed.priority);
                story.alerts = [(alert.key.clone(), alert.clone())].into();
            }
            What::AlertJoined { alert, priority } | What::AlertChanged { alert, priority, .. } => {
                story.priority = *priority;
                story.alerts.insert(alert.key.clone(), alert.clone());
            }
            What::AlertResolved { key, .. } => _ = story.alerts.remove(key),
            What::Assigned { to, .. } => story.given = Some(to.clone()),
            What::AcknowledgedByOne { by, page } => {
                for (id, own) in &mut story.pages {
                    own.answered |= Some(*id) == *page || own.person == by.person && by.person.is_some();
                }
            }
            What::TakenOver { by, .. } => {
                story.answered = true;
                story.given = by.person.clone();
            }
            What::PageTold { page, channel, .. } => {
                let page = story.pages.entry(*page).or_default();
                page.is_accepted = true;
                let told = Tries { failures: 0, not_before: Some(Timestamp::MAX), accepted: true };
                page.tries.insert(channel.clone(), told);
            }
            What::StepEntered { .. } => {
                self.end_entry(id);
                self.begin_entry(id, fact);
            }
            What::PageStarted { page, person, .. } => {
                let started =
                    PageStory { occurrence: story.occurrence, person: Some(person.clone()), ..PageStory::default() };
                story.pages.insert(*page, started);
                if let Some(entry) = &mut story.entry {
                    entry.pages.push(*page);
                }
            }
            What::EntryBegun { page, .. } => {
                story.pages.entry(*page).or_default().entry_begun = Some(fact.at);
            }
            What::PageUnreachable { page } => story.pages.entry(*page).or_default().unreachable = true,
            What::Declined { page, .. } => story.pages.entry(*page).or_default().declined = true,
            What::Escalated { .. } => story.asked_to_escalate = true,
            What::Acknowledged { page, by, .. } => {
                story.answered = true;
                story.given = by.person.clone();
                let earlier = page.and_then(|p| story.pages.get(&p)).is_some_and(|p| p.occurrence != story.occurrence);
                if earlier {
                    self.wrong
                        .say(Rule::RightPeople, format!("{id} was taken through a page of an earlier occurrence"));
                }
            }
            What::Snoozed { .. } | What::Held { .. } | What::HeldBack { .. } | What::KeptForHours { .. } => {
                story.answered = true;
            }
            What::TicketResolved { .. } | What::MergedInto { .. } => {
                story.answered = true;
                story.alerts.clear();
                self.end_is_told_later(id);
            }
            What::SendStarted { send, channel, kind: MessageKind::Page, .. } => {
                self.try_starts(id, *send, channel, fact.at);
            }
            What::SendEnded { send, receipt, .. } => self.try_ends(id, *send, *receipt, fact.at),
            What::NoticeOwed { person, channel, kind: MessageKind::Resolved, .. } => {
                for page in story.pages.values_mut().filter(|p| p.person.as_ref() == Some(person)) {
                    page.told_end.retain(|c| c != channel);
                }
            }
            _ => {}
        }
    }

    /// Deadlines counted from events move with the clock.
    fn shift(&mut self, by_ms: i64) {
        for story in self.tickets.values_mut() {
            if let Some(entry) = &mut story.entry {
                entry.due = shifted(entry.due, by_ms);
            }
            let tries = story.pages.values_mut().flat_map(|p| p.tries.values_mut());
            tries.filter(|t| t.not_before.is_some_and(|at| at < Timestamp::MAX)).for_each(|t| {
                t.not_before = t.not_before.map(|at| shifted(at, by_ms));
            });
        }
    }

    fn try_starts(&mut self, id: TicketId, send: SendId, channel: &ChannelId, at: Timestamp) {
        let Some(story) = self.tickets.get_mut(&id) else { return };
        if story.answered {
            self.wrong.say(Rule::QuietAfterAnswer, format!("{send} went out after {id} had been answered"));
        }
        let SendSubject::Page(page) = send.subject else { return };
        let page = story.pages.entry(page).or_default();
        let by_entry = page.entry_begun == Some(at);
        let tries = page.tries.entry(channel.clone()).or_default();
        if !by_entry && tries.not_before.is_some_and(|early| at < early) {
            self.wrong.say(Rule::RightPeople, format!("{send} was tried again too soon"));
        }
        page.sends.insert(send, channel.clone());
    }

    fn try_ends(&mut self, id: TicketId, send: SendId, receipt: Receipt, at: Timestamp) {
        let SendSubject::Page(page) = send.subject else { return };
        let Some(page) = self.tickets.get_mut(&id).and_then(|s| s.pages.get_mut(&page)) else { return };
        let Some(tries) = page.sends.get(&send).and_then(|channel| page.tries.get_mut(channel)) else { return };
        match receipt {
            Receipt::Accepted | Receipt::Delivered | Receipt::Seen | Receipt::Answered => {
                page.is_accepted = true;
                *tries = Tries { failures: 0, not_before: Some(Timestamp::MAX), accepted: true };
            }
            Receipt::TryAgain | Receipt::Unknown => {
                let pause = [2, 5, 10, 30][tries.failures.min(3)];
                tries.failures += 1;
                tries.not_before = Some(after(at, Millis::secs(pause)));
            }
            Receipt::Refused | Receipt::CalledOff => tries.not_before = Some(Timestamp::MAX),
            Receipt::Lapsed => tries.not_before = Some(at),
        }
    }

    /// Everybody who was reached is owed the end; it is looked for when the night is over.
    fn end_is_told_later(&mut self, id: TicketId) {
        let Some(story) = self.tickets.get_mut(&id) else { return };
        for page in story.pages.values_mut().filter(|p| p.occurrence == story.occurrence) {
            page.told_end = page.tries.iter().filter(|(_, t)| t.accepted).map(|(c, _)| c.clone()).collect();
        }
    }

    fn end_entry(&mut self, id: TicketId) {
        let Some(story) = self.tickets.get_mut(&id) else { return };
        let untold = story.pages.iter().filter(|(_, p)| !p.told_end.is_empty()).map(|(page, _)| *page);
        for page in untold.collect::<Vec<_>>() {
            self.wrong.say(Rule::RightPeople, format!("whoever got {page} was not told that it is over"));
        }
        story.pages.values_mut().for_each(|p| p.told_end.clear());
        let Some(entry) = &story.entry else { return };
        // All are paged in one breath; their order says nothing.
        let sorted = |mut people: Vec<PersonId>| {
            people.sort();
            people
        };
        let asked = sorted(entry.pages.iter().filter_map(|p| story.pages.get(p)?.person.clone()).collect());
        let expected = sorted(entry.expected.clone());
        if asked != expected {
            let what = format!(
                "{id} {:?} pass {} paged {asked:?}, it should be {expected:?}",
                entry.place.stage, entry.place.pass
            );
            self.wrong.say(Rule::RightPeople, what);
        }
    }
}

/// Whether a step that is entered for this reason begins from the first.
pub(crate) fn begins_anew(because: &Because) -> bool {
    match because {
        Because::Opened
        | Because::Reopened
        | Because::SnoozeEnded
        | Because::AckTimedOut
        | Because::SilenceEnded(_)
        | Because::QuietEnded(_)
        | Because::Regrouped
        | Because::Rerouted
        | Because::HoursBegan
        | Because::Assigned => true,
        Because::NotAcknowledged
        | Because::NobodyReached
        | Because::Declined
        | Because::Escalated
        | Because::WindowOpened
        | Because::Away { .. } => false,
    }
}
