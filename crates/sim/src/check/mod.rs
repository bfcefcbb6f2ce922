//! What must never be, whatever breaks: one file for each rule, which its first line states in one sentence.
//!
//! Most rules are looked at while a night is lived through: at every commit, release, answer and arrival,
//! and every few seconds. Those about order and people are judged afterwards, from the facts alone.

pub(crate) mod answers_kept;
mod entry;
mod few_doubles;
mod hours;
pub(crate) mod levels_agree;
mod no_silent_end;
pub(crate) mod one_ticket;
mod paged_in_time;
pub(crate) mod quiet_after_answer;
mod replay;
mod right_people;
mod settles;
pub(crate) mod view_agrees;

use std::fmt;

use jiff::Timestamp;
use watchbell_engine::fact::Fact;

pub use right_people::{Catalogs, DutyOracle, facts};

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Somebody is paged within the time that is promised, while any channel works.
    PagedInTime,
    /// Those are paged whom the policy names and the oracle has on duty, in the policy's order and pace.
    RightPeople,
    /// A key is live in one open ticket.
    OneTicket,
    /// Nobody is paged after an answer is durable.
    QuietAfterAnswer,
    /// The facts fold to the state that was acted on.
    Replay,
    /// A page ends by an answer, a person or the end of the fault; else it goes on.
    NoSilentEnd,
    /// What is shown is what the facts say.
    ViewAgrees,
    /// An alert is as its probe's verdict.
    LevelsAgree,
    /// Once nothing is broken any more, everything comes to rest.
    Settles,
    /// A message arrives once, and once more for each crash that left it in doubt.
    FewDoubles,
    /// What was answered is durable.
    AnswersKept,
    /// The store is written in order, and the pump comes to rest.
    InOrder,
}

/// What must not have been, and was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule it breaks.
    pub rule: Rule,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// What was.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}: {}", self.rule, self.at, self.text)
    }
}

/// What the rules remember of a night.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) paging: paged_in_time::Paging,
    pub(crate) doubles: few_doubles::Doubles,
    pub(crate) ends: no_silent_end::Ends,
    pub(crate) replay: replay::Replay,
}

impl Watch {
    /// A fact is durable.
    pub(crate) fn recorded(&mut self, fact: &Fact, steady: Timestamp) -> Option<String> {
        self.paging.recorded(fact, steady);
        self.ends.recorded(fact)
    }
}
