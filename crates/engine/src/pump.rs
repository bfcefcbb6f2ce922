//! The pure loop around the engine: batches of inputs go in; commits, released messages and answers
//! come out. The shell that serves it does one thing per command and brings back what happened.
//!
//! Order of a decision: decide, fold in, add to the batch; commit; then answer sources, release
//! messages, publish the view. State is never rolled back, since nothing was shown before the commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::commit::Commit;
use crate::decide::{Decision, Engine, WakeReason};
use crate::ids::{Epoch, FactNo, InputId, SendId, SendSubject};
use crate::input::{Answer, Envelope, Input};
use crate::outgoing::Outgoing;
use crate::state::State;
use crate::time::{Millis, elapsed};
use crate::view::LiveView;

/// A batch holds at most so many inputs.
pub const BATCH: usize = 512;

/// When no commit has succeeded for this long while one is wanted, first pages for faults that our own
/// probes see go out unrecorded.
pub const UNRECORDED_AFTER: Millis = Millis::secs(3);

/// At most so many pages go out unrecorded until a commit succeeds.
pub const UNRECORDED_PAGES: usize = 256;

/// What the shell does next.
#[derive(Debug)]
pub enum Command {
    /// Write this, and bring back [`Pump::committed`], or ask [`Pump::retry`] for it again.
    Commit(Arc<Commit>),
    /// Hand these to their channels. `recorded` is false for first pages that went out before the store
    /// could be written.
    Release {
        /// The messages.
        messages: Vec<Outgoing>,
        /// Whether they are in the store.
        recorded: bool,
    },
    /// Answer whoever handed in the input with this tag.
    Answer(u64, Answer),
    /// Show this to everybody.
    Publish(Arc<LiveView>),
}

/// The loop's state.
#[derive(Debug)]
pub struct Pump {
    engine: Engine,
    catalog: Arc<Catalog>,
    view: LiveView,
    in_flight: Option<InFlight>,
    /// Decided while a commit is in trouble; written after it.
    waiting: Batch,
    /// Went out before they were in the store.
    unrecorded: BTreeSet<SendId>,
}

#[derive(Debug)]
struct InFlight {
    commit: Arc<Commit>,
    batch: Batch,
    since: Timestamp,
}

#[derive(Debug, Default)]
struct Batch {
    decision: Decision,
    answers: Vec<(u64, Answer)>,
    /// Messages of an earlier epoch, ready to go again with the commit.
    adopted: Vec<Outgoing>,
}

impl Pump {
    /// A pump over a recovered state.
    pub fn new(state: State, epoch: Epoch, catalog: Arc<Catalog>) -> Self {
        let engine = Engine::new(state, epoch);
        let view = LiveView::default();
        Self { engine, catalog, view, in_flight: None, waiting: Batch::default(), unrecorded: BTreeSet::new() }
    }

    /// The first thing after a start: what an earlier epoch left unfinished is asked of the engine.
    pub fn take_over(&mut self, now: Timestamp, unfinished: Vec<Outgoing>) -> Vec<Command> {
        let rows =
            unfinished.iter().map(|m| crate::input::Unfinished { send: m.send, decided_at: m.decided_at }).collect();
        let envelope = Envelope { id: InputId::from("take-over"), input: Input::TookOver { unfinished: rows } };
        self.decide(now, None, &envelope);
        let adopted = &self.waiting.decision.adopted;
        self.waiting.adopted = unfinished.into_iter().filter(|m| adopted.contains(&m.send)).collect();
        self.flush(now)
    }

    /// Takes in what waits. While a commit is in flight only verdicts and receipts may come in, so that
    /// faults are seen though the store cannot be written, and nobody is woken because a receipt could not
    /// be; everything else waits in its lane.
    pub fn take(&mut self, now: Timestamp, inputs: Vec<(Option<u64>, Envelope)>) -> Vec<Command> {
        debug_assert!(
            self.in_flight.is_none()
                || inputs.iter().all(|(_, e)| matches!(e.input, Input::Verdict(_) | Input::Report(_) | Input::Tick)),
            "while a commit is in flight only verdicts and receipts come in"
        );
        for (tag, envelope) in inputs {
            self.decide(now, tag, &envelope);
        }
        self.tick(now);
        self.flush(now)
    }

    /// A new catalog is in force.
    pub fn reload(&mut self, now: Timestamp, catalog: Arc<Catalog>) -> Vec<Command> {
        let id = InputId::from(format!("reload-{}-{}", catalog.revision, now.as_microsecond()));
        self.catalog = catalog;
        self.decide(now, None, &Envelope { id, input: Input::Reloaded });
        self.flush(now)
    }

    /// The commit in flight is durable.
    pub fn committed(&mut self, now: Timestamp) -> Vec<Command> {
        let Some(done) = self.in_flight.take() else { return Vec::new() };
        let mut out = Vec::new();
        self.view = self.engine.view(&self.catalog, now, &self.view, &done.batch.decision.touched);
        self.view.last_commit = Some(now);
        out.push(Command::Publish(Arc::new(self.view.clone())));
        let unrecorded = std::mem::take(&mut self.unrecorded);
        let (sent, kept): (Vec<SendId>, Vec<SendId>) =
            unrecorded.into_iter().partition(|id| done.commit.outbox.iter().any(|m| m.send == *id));
        self.unrecorded = kept.into_iter().collect();
        // What was given up while the commit was under way has been decided anew since.
        let ended = |m: &Outgoing| self.engine.state().find_try(m.send).is_some_and(|t| t.ended.is_some());
        let fresh = done.commit.outbox.iter().filter(|m| !sent.contains(&m.send)).cloned();
        let messages: Vec<Outgoing> = done.batch.adopted.into_iter().chain(fresh).filter(|m| !ended(m)).collect();
        if !messages.is_empty() {
            out.push(Command::Release { messages, recorded: true });
        }
        out.extend(done.batch.answers.into_iter().map(|(tag, answer)| Command::Answer(tag, answer)));
        out.extend(self.flush(now));
        out
    }

    /// The commit in flight failed, certainly: the same one again, with the same fact numbers.
    pub fn retry(&self) -> Option<Command> {
        self.in_flight.as_ref().map(|f| Command::Commit(Arc::clone(&f.commit)))
    }

    /// While the store cannot be written for too long: first pages that our own probes ask for go out
    /// unrecorded, once over each channel, and are written afterwards.
    pub fn distress(&mut self, now: Timestamp) -> Option<Command> {
        if self.is_in_distress(now) {
            self.engine.could_not_hear(now);
        }
        let flying = self.in_flight.as_ref().filter(|_| self.is_in_distress(now))?;
        let waiting = flying.commit.outbox.iter().chain(&self.waiting.decision.outbox);
        let room = UNRECORDED_PAGES.saturating_sub(self.unrecorded.len());
        let state = self.engine.state();
        let urgent = |m: &&Outgoing| is_first_of_a_probe(state, m) && !self.unrecorded.contains(&m.send);
        let messages: Vec<Outgoing> = waiting.filter(urgent).take(room).cloned().collect();
        self.unrecorded.extend(messages.iter().map(|m| m.send));
        (!messages.is_empty()).then_some(Command::Release { messages, recorded: false })
    }

    /// Whether a commit has been under way for so long that first pages do not wait for it any more.
    pub fn is_in_distress(&self, now: Timestamp) -> bool {
        self.in_flight.as_ref().is_some_and(|f| elapsed(f.since, now) >= UNRECORDED_AFTER)
    }

    /// An empty commit of the shell's own succeeded: the store can be written.
    pub fn proven(&mut self, now: Timestamp) {
        self.view.last_commit = self.view.last_commit.max(Some(now));
    }

    /// The epoch it decides in.
    pub fn epoch(&self) -> Epoch {
        self.engine.epoch()
    }

    /// The last fact of the commit in flight; to be looked up when its outcome is unknown. `None` for a
    /// commit without facts, which is harmless to repeat.
    pub fn last_in_flight(&self) -> Option<FactNo> {
        self.in_flight.as_ref().and_then(|f| f.commit.facts.last()).map(|f| f.no)
    }

    /// When something is due next, and what.
    pub fn next_wake(&self) -> Option<(Timestamp, WakeReason)> {
        self.engine.next_wake(&self.catalog)
    }

    /// The state, for snapshots.
    pub fn state(&self) -> &State {
        self.engine.state()
    }

    fn decide(&mut self, now: Timestamp, tag: Option<u64>, envelope: &Envelope) {
        let answer = self.engine.decide(&self.catalog, now, envelope, &mut self.waiting.decision);
        if let Some(tag) = tag {
            self.waiting.answers.push((tag, answer));
        }
    }

    fn tick(&mut self, now: Timestamp) {
        if self.next_wake().is_some_and(|(at, _)| at <= now) {
            let id = InputId::from(format!("tick-{}", now.as_microsecond()));
            self.decide(now, None, &Envelope { id, input: Input::Tick });
        }
    }

    /// Sends what waits to the store, unless a commit is under way. What needs no commit is answered at
    /// once: everything it rests on is durable.
    fn flush(&mut self, now: Timestamp) -> Vec<Command> {
        if self.in_flight.is_some() {
            return Vec::new();
        }
        let mut batch = std::mem::take(&mut self.waiting);
        let mut decision = std::mem::take(&mut batch.decision);
        self.engine.call_off(&self.catalog, now, &mut decision, &self.unrecorded);
        let touched = decision.touched.clone();
        let commit = self.engine.commit(&self.catalog, now, decision);
        if commit.is_empty() {
            return batch.answers.into_iter().map(|(tag, answer)| Command::Answer(tag, answer)).collect();
        }
        batch.decision.touched = touched;
        let commit = Arc::new(commit);
        self.in_flight = Some(InFlight { commit: Arc::clone(&commit), batch, since: now });
        vec![Command::Commit(commit)]
    }
}

/// The first try on its channel, still wanted, of a page for a fault that our own probes see.
fn is_first_of_a_probe(state: &State, message: &Outgoing) -> bool {
    let probed = message.about.as_ref().is_some_and(|a| a.alert.probe.is_some());
    let SendSubject::Page(id) = message.send.subject else { return false };
    let Some(page) = state.tickets.get(&id.ticket).and_then(|t| t.page(id)).filter(|p| p.is_live()) else {
        return false;
    };
    let first = page.tries.iter().find(|t| t.channel == message.channel);
    probed && first.is_some_and(|t| t.n == message.send.attempt && t.ended.is_none())
}
