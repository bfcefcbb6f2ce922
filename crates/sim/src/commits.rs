//! Commits: the store writes them or not, and says so or not.

use std::sync::Arc;

use watchbell_engine::commit::Commit;
use watchbell_engine::pump::Command;
use watchbell_engine::time::Millis;

use crate::check::{Rule, levels_agree, one_ticket, quiet_after_answer};
use crate::script::{CrashPoint, StoreMode};
use crate::world::{Event, World};

/// After a failed commit the driver waits so long.
const RETRY_PAUSE: Millis = Millis(250);

/// How often the driver looks at a commit that takes its time.
const DISTRESS_CHECK: Millis = Millis(250);

/// When a call to a store that says nothing is cut off.
const CUT_OFF: Millis = Millis::secs(5);

/// What the process hears of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreAnswer {
    Done,
    Failed,
    Unknown,
}

impl World {
    pub(crate) fn begin_commit(&mut self, commit: Arc<Commit>) {
        if self.dies_at(CrashPoint::BeforeCommit) {
            return;
        }
        let takes = self.takes(3, 1, 300);
        let Some(process) = &mut self.process else { return };
        process.commit = Some(commit);
        let epoch = process.epoch;
        let watches = std::mem::replace(&mut process.watches_commit, true);
        self.push(takes, Event::StoreWrites { epoch });
        if !watches {
            self.push(DISTRESS_CHECK, Event::LookForDistress { epoch });
        }
    }

    pub(crate) fn store_writes(&mut self) {
        let Some((commit, epoch)) = self.process.as_ref().and_then(|p| Some((p.commit.clone()?, p.epoch))) else {
            return;
        };
        let mode = self.store_mode_by_chance();
        let (answer, wait) = match mode {
            StoreMode::Fails => (StoreAnswer::Failed, Millis(50)),
            StoreMode::Hangs => (StoreAnswer::Unknown, CUT_OFF),
            StoreMode::SaysNothing => (StoreAnswer::Unknown, Millis(500)),
            StoreMode::Works => (StoreAnswer::Done, self.takes(2, 1, 200)),
        };
        // It was written before, when its answer got lost and the store could not be asked: the numbers are
        // there, and the driver looks it up.
        let written = commit.facts.last().is_some_and(|last| self.store.last_fact() >= last.no);
        let writes = matches!(mode, StoreMode::Works | StoreMode::SaysNothing);
        if writes && written {
            return self.push(wait, Event::StoreAnswers { epoch, answer: StoreAnswer::Unknown });
        }
        if writes {
            let before = self.store.facts.len();
            let commit = self.planted_commit(&commit);
            if let Err(broken) = self.store.write(&commit) {
                self.violated(Rule::InOrder, broken);
            }
            self.facts_are_durable(before);
            if !commit.outbox.is_empty() && self.dies_at(CrashPoint::BeforeRelease) {
                return;
            }
        }
        self.push(wait, Event::StoreAnswers { epoch, answer });
    }

    fn store_mode_by_chance(&mut self) -> StoreMode {
        if self.store.mode != StoreMode::Works {
            return self.store.mode;
        }
        let drawn = if self.by_ratio(|f| f.commit_fails) {
            StoreMode::Fails
        } else if self.by_ratio(|f| f.commit_hangs) {
            StoreMode::Hangs
        } else if self.by_ratio(|f| f.commit_says_no) {
            StoreMode::SaysNothing
        } else {
            return StoreMode::Works;
        };
        self.disturbed();
        drawn
    }

    /// Tells the facts from this one on, and looks at what they add up to.
    fn facts_are_durable(&mut self, from: usize) {
        self.tell_facts(from);
        let mut wrong = Vec::new();
        for n in from..self.store.facts.len() {
            let at = self.steady_of(self.store.facts[n].at);
            if self.plant.is_some() {
                self.planted_end(&self.store.facts[n].clone());
            }
            wrong.extend(self.watch.recorded(&self.store.facts[n], at).map(|text| (Rule::NoSilentEnd, text)));
        }
        let state = &self.store.state;
        wrong.extend(self.watch.ends.look(state).into_iter().map(|text| (Rule::NoSilentEnd, text)));
        wrong.extend(one_ticket::look(state).into_iter().map(|text| (Rule::OneTicket, text)));
        wrong.extend(quiet_after_answer::look(state).into_iter().map(|text| (Rule::QuietAfterAnswer, text)));
        wrong.extend(levels_agree::look(state, &self.setup).into_iter().map(|text| (Rule::LevelsAgree, text)));
        wrong.into_iter().for_each(|(rule, text)| self.violated(rule, text));
    }

    pub(crate) fn store_answers(&mut self, answer: StoreAnswer) {
        let Some(process) = &self.process else { return };
        let last = process.pump.last_in_flight();
        let answers = matches!(self.store.mode, StoreMode::Works | StoreMode::SaysNothing);
        let found = || answers && last.is_some_and(|last| self.store.last_fact() >= last);
        let epoch = process.epoch;
        let done = match answer {
            StoreAnswer::Done => true,
            StoreAnswer::Failed => false,
            StoreAnswer::Unknown => found(),
        };
        if !done {
            self.look_for_distress_now();
            return self.push(RETRY_PAUSE, Event::RetryCommit { epoch });
        }
        if let Some(process) = &mut self.process {
            process.commit = None;
            process.watches_commit = false;
        }
        self.with_pump(watchbell_engine::pump::Pump::committed);
    }

    pub(crate) fn retry_commit(&mut self) {
        self.with_pump(|pump, _| pump.retry().into_iter().collect());
    }

    pub(crate) fn look_for_distress(&mut self) {
        let Some(epoch) = self.process.as_ref().filter(|p| p.commit.is_some()).map(|p| p.epoch) else { return };
        self.look_for_distress_now();
        self.push(DISTRESS_CHECK, Event::LookForDistress { epoch });
    }

    fn look_for_distress_now(&mut self) {
        let now = self.now();
        let Some(process) = self.process.as_mut().filter(|p| p.pump.is_in_distress(now)) else { return };
        let urgent = process.take_urgent();
        let commands = process.pump.take(now, urgent);
        if !commands.is_empty() {
            self.violated(Rule::InOrder, "something was flushed while a commit was in flight");
        }
        let first_pages =
            |pump: &mut watchbell_engine::pump::Pump, now| -> Vec<Command> { pump.distress(now).into_iter().collect() };
        self.with_pump(first_pages);
    }
}
