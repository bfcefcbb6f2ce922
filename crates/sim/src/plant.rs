//! Defects that are built in on purpose, so that each rule is seen to find what it is there for. They sit
//! where the world serves the pump, never in the engine: what runs in production has none of them.

use std::sync::Arc;

use watchbell_engine::catalog::Catalog;
use watchbell_engine::commit::{Commit, Mark};
use watchbell_engine::fact::{Fact, MessageKind, Stage, What};
use watchbell_engine::ids::InputId;
use watchbell_engine::input::{Act, Actor, Answer, Deed, Envelope, Input};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::state::State;
use watchbell_engine::time::Millis;
use watchbell_engine::word::{Level, Receipt, ResolvedAs};

use crate::world::{Event, World};

/// How long a page that must not be sent any more lies about.
const LIES_ABOUT: Millis = Millis::secs(90);

/// A defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// What a commit releases is forgotten, and said to have been accepted.
    ReleaseDropped,
    /// Whatever a provider says, it is taken as accepted: nothing is tried again.
    NeverRetried,
    /// Every page lies about in a queue of its own and goes out whether or not it is still wanted.
    PageAfterAnswer,
    /// Every message is handed over twice.
    SentTwice,
    /// Whoever is next in a rotation is paged, instead of whoever is on duty.
    WrongPerson,
    /// After a start it is forgotten which ticket has which key.
    TwoTickets,
    /// A start folds all facts but the last acknowledgement.
    FactLost,
    /// Nothing is shown.
    ViewNotPublished,
    /// Answers are given before they are durable.
    AnsweredTooSoon,
    /// The process does not wake for what is due.
    NeverWakes,
    /// The outcome of sends is not kept.
    OutcomeLost,
    /// When the second step begins the ticket is ended, and nobody ended it.
    EndsSilently,
    /// What detection settled on is not kept.
    VerdictLost,
    /// Two facts of a commit change places.
    FactsOutOfOrder,
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::ReleaseDropped,
        Self::NeverRetried,
        Self::PageAfterAnswer,
        Self::SentTwice,
        Self::WrongPerson,
        Self::TwoTickets,
        Self::FactLost,
        Self::ViewNotPublished,
        Self::AnsweredTooSoon,
        Self::NeverWakes,
        Self::OutcomeLost,
        Self::EndsSilently,
        Self::VerdictLost,
        Self::FactsOutOfOrder,
    ];
}

impl World {
    pub(crate) fn planted_release(&mut self, mut messages: Vec<Outgoing>) -> Vec<Outgoing> {
        let Some(epoch) = self.process.as_ref().map(|p| p.epoch) else { return messages };
        match self.plant {
            Some(Plant::ReleaseDropped) => messages.retain(|m| m.kind != MessageKind::Page),
            Some(Plant::SentTwice) => messages = messages.iter().flat_map(|m| [m.clone(), m.clone()]).collect(),
            Some(Plant::PageAfterAnswer) => {
                let (pages, others) = messages.into_iter().partition(|m| m.kind == MessageKind::Page);
                messages = others;
                for page in Vec::<Outgoing>::from_iter(pages) {
                    self.push(LIES_ABOUT, Event::Release { epoch, message: Box::new(page) });
                }
            }
            _ => {}
        }
        messages
    }

    pub(crate) fn planted_receipt(&self, receipt: Receipt) -> Receipt {
        if self.plant == Some(Plant::NeverRetried) { Receipt::Accepted } else { receipt }
    }

    pub(crate) fn planted_start(&self, mut state: State) -> State {
        match self.plant {
            Some(Plant::TwoTickets) => state.by_key.clear(),
            Some(Plant::FactLost) => state = self.store.recover_without_last_answer(),
            _ => {}
        }
        state
    }

    /// What is written of a commit.
    pub(crate) fn planted_commit(&self, commit: &Arc<Commit>) -> Arc<Commit> {
        let mut planted = (**commit).clone();
        match self.plant {
            Some(Plant::OutcomeLost) => planted.ended.clear(),
            Some(Plant::VerdictLost) => {
                planted.marks.retain(|m| !matches!(m, Mark::Verdict(v) if v.level == Level::Up));
            }
            Some(Plant::FactsOutOfOrder) if planted.facts.len() > 3 => planted.facts.swap(1, 2),
            _ => return Arc::clone(commit),
        }
        Arc::new(planted)
    }

    /// What is asked before anybody else has asked.
    pub(crate) fn planted_end(&mut self, fact: &Fact) {
        let (What::StepEntered { stage: Stage::Step(1), .. }, Some(ticket)) = (&fact.what, fact.ticket) else { return };
        if self.plant != Some(Plant::EndsSilently) {
            return;
        }
        let what = Deed::Resolve { ticket, resolved_as: ResolvedAs::Fixed, cause: None };
        let input = Input::Act(Act { by: Actor::engine(), what });
        if let Some(process) = &mut self.process {
            process.inbox.push_back((None, Envelope { id: InputId::from(format!("silently-{ticket}")), input }));
        }
    }

    /// The answer that is given before anything is durable.
    pub(crate) fn planted_answer(&self, input: &Input) -> Option<Answer> {
        match input {
            Input::Act(Act { what: Deed::Ack { ticket, .. }, .. }) if self.plant == Some(Plant::AnsweredTooSoon) => {
                Some(Answer::Ticket { ticket: *ticket, already: false })
            }
            _ => None,
        }
    }

    /// The catalog as the process reads it.
    pub(crate) fn planted_catalog(&self, catalog: &Arc<Catalog>) -> Arc<Catalog> {
        if self.plant != Some(Plant::WrongPerson) {
            return Arc::clone(catalog);
        }
        let mut wrong = (**catalog).clone();
        for layer in wrong.rotations.values_mut().flat_map(|r| &mut r.layers) {
            layer.people.rotate_left(1);
        }
        Arc::new(wrong)
    }
}
