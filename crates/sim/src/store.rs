//! A store that is a list. What is written is read back from JSON, as the real one does, so that a start
//! rests on what a start would find.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_engine::commit::{Commit, Mark};
use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::{Epoch, FactNo, SendId};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::state::State;

use crate::script::StoreMode;

/// The store.
#[derive(Debug)]
pub struct Store {
    /// Every fact, in order.
    pub facts: Vec<Fact>,
    /// The facts folded, and the marks: what a start would begin with.
    pub state: State,
    /// Outbox rows without an outcome.
    pub unfinished: BTreeMap<SendId, Outgoing>,
    /// Who may write.
    pub epoch: Epoch,
    /// How it behaves.
    pub mode: StoreMode,
    marks: BTreeMap<String, Mark>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            facts: Vec::new(),
            state: State::default(),
            unfinished: BTreeMap::new(),
            epoch: Epoch(0),
            mode: StoreMode::Works,
            marks: BTreeMap::new(),
        }
    }
}

impl Store {
    /// Writes a commit, all or nothing. The text says which of our own rules it breaks.
    pub fn write(&mut self, commit: &Commit) -> Result<(), String> {
        if commit.epoch != self.epoch {
            return Err(format!("epoch {} writes while {} holds the store", commit.epoch.0, self.epoch.0));
        }
        for fact in &commit.facts {
            let expected = self.facts.last().map_or(FactNo(1), |f| f.no.next());
            if fact.no != expected {
                return Err(format!("fact {} was written where {} is next", fact.no.0, expected.0));
            }
            let what = What::read(fact.what.kind(), What::VERSION, fact.what.body()).map_err(|e| e.to_string())?;
            if what != fact.what {
                return Err(format!("fact {} reads back differently", fact.no.0));
            }
            let fact = Fact { what, ..fact.clone() };
            self.state.apply(&fact);
            self.facts.push(fact);
        }
        for message in &commit.outbox {
            if self.unfinished.insert(message.send, message.clone()).is_some() {
                return Err(format!("{} was put in the outbox twice", message.send));
            }
        }
        for send in &commit.ended {
            self.unfinished.remove(send);
        }
        for mark in &commit.marks {
            self.state.mark(mark.clone());
            self.marks.insert(mark.key(), mark.clone());
        }
        Ok(())
    }

    /// Facts that were recorded before the night.
    pub(crate) fn begin_with(&mut self, at: Timestamp, before: Vec<What>) {
        for what in before {
            let fact = Fact { no: self.last_fact().next(), epoch: self.epoch, at, ticket: None, what };
            self.state.apply(&fact);
            self.facts.push(fact);
        }
    }

    /// The number of the last fact.
    pub fn last_fact(&self) -> FactNo {
        self.facts.last().map_or(FactNo(0), |f| f.no)
    }

    /// The state as a start folds it, from the first fact on.
    pub fn recover(&self) -> State {
        let mut state = State::default();
        self.facts.iter().for_each(|fact| state.apply(fact));
        self.marks.values().for_each(|mark| state.mark(mark.clone()));
        state
    }

    /// The same without the last acknowledgement; see [`crate::plant`].
    pub(crate) fn recover_without_last_answer(&self) -> State {
        let last = self.facts.iter().rposition(|f| matches!(f.what, What::Acknowledged { .. }));
        let mut state = State::default();
        let kept = self.facts.iter().enumerate().filter(|(n, _)| Some(*n) != last);
        kept.for_each(|(_, fact)| state.apply(fact));
        self.marks.values().for_each(|mark| state.mark(mark.clone()));
        state
    }

    /// Outbox rows without an outcome, oldest first.
    pub fn unfinished(&self) -> Vec<Outgoing> {
        let mut rows: Vec<Outgoing> = self.unfinished.values().cloned().collect();
        rows.sort_by_key(|m| (m.decided_at, m.send));
        rows
    }
}
