//! Serving the pump's commands, one at a time; the commit with patience.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use watchbell_engine::commit::Commit;
use watchbell_engine::fact::What;
use watchbell_engine::ids::SendSubject;
use watchbell_engine::pump::{BATCH, Command};

use super::{Driver, DriverError};
use crate::store::{CommitError, StoreError};

/// A snapshot is written after so many facts (design, storage).
const SNAPSHOT_EVERY: u64 = 10_000;

/// After so many it is written though inputs wait.
const SNAPSHOT_AT_LAST: u64 = 10 * SNAPSHOT_EVERY;

/// The pause before a failed commit is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// How often a commit under way is looked at for trouble.
const DISTRESS_CHECK: Duration = Duration::from_millis(250);

/// What is known of a commit.
enum Outcome {
    Done,
    Again,
}

impl Driver {
    /// Does everything that the pump asks for, commits included.
    pub(super) async fn serve(&mut self, commands: Vec<Command>) -> Result<(), DriverError> {
        let mut queue = VecDeque::from(commands);
        while let Some(command) = queue.pop_front() {
            match command {
                Command::Commit(commit) => match self.commit(&commit).await? {
                    Outcome::Done => {
                        queue.extend(self.pump.committed(self.deps.clock.now()));
                        self.after_commit(&commit);
                    }
                    Outcome::Again => queue.extend(self.pump.retry()),
                },
                Command::Release { messages, recorded } => self.release(messages, recorded),
                Command::Answer(tag, answer) => {
                    if let Some(reply) = self.replies.remove(&tag) {
                        let _ = reply.send(answer); // whoever asked may have hung up
                    }
                }
                Command::Publish(view) => self.deps.live.view.store(view),
            }
        }
        self.snapshot_if_due();
        Ok(())
    }

    /// A snapshot takes its time, and a storm makes the facts for one in a single commit: whoever waits comes
    /// first, unless there always is somebody.
    fn snapshot_if_due(&mut self) {
        let due = self.facts_since_snapshot >= SNAPSHOT_EVERY && self.deps.inbox.is_idle();
        if due || self.facts_since_snapshot >= SNAPSHOT_AT_LAST {
            self.snapshot();
        }
    }

    fn release(&self, messages: Vec<watchbell_engine::outgoing::Outgoing>, recorded: bool) {
        if !recorded {
            self.deps.metrics.unrecorded_pages.inc_by(messages.len() as u64);
            tracing::error!(pages = messages.len(), "the store cannot be written: first pages go out unrecorded");
        }
        for message in messages {
            self.deps.delivery.send(message);
        }
    }

    /// One try to commit. While it takes too long, faults that our own probes see are taken in and
    /// paged all the same.
    async fn commit(&mut self, commit: &Arc<Commit>) -> Result<Outcome, DriverError> {
        let started = Instant::now();
        let store = self.deps.store.clone();
        let writing = store.commit(commit);
        tokio::pin!(writing);
        let mut check = tokio::time::interval(DISTRESS_CHECK);
        let written = loop {
            tokio::select! {
                biased;
                written = &mut writing => break written,
                _ = check.tick() => self.look_for_distress(),
            }
        };
        self.deps.metrics.commit.observe(started.elapsed().as_secs_f64());
        let outcome = match written {
            Ok(()) => return Ok(Outcome::Done),
            Err(CommitError::Fenced { .. }) => return Err(DriverError::Fenced),
            // It was written before, when its answer got lost and nobody could be asked.
            Err(CommitError::Failed(StoreError::OutOfOrder { .. })) => self.look_up().await?,
            Err(error @ CommitError::Failed(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a commit failed; it is tried again");
                Outcome::Again
            }
            Err(error @ CommitError::Unknown(_)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a commit has no known outcome; it is looked up"
                );
                self.look_up().await?
            }
        };
        if matches!(outcome, Outcome::Again) {
            self.deps.metrics.commit_failures.inc();
            self.look_for_distress();
            if self.stop.is_cancelled() {
                return Err(DriverError::Unwritten);
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        Ok(outcome)
    }

    /// Whether a commit without a known outcome took place, by its last fact number. One without facts
    /// is harmless to repeat.
    async fn look_up(&self) -> Result<Outcome, DriverError> {
        let Some(last) = self.pump.last_in_flight() else { return Ok(Outcome::Again) };
        Ok(match self.deps.store.last_fact_of(self.pump.epoch()).await {
            Ok(Some(found)) if found >= last => Outcome::Done,
            Ok(Some(_)) => Outcome::Again,
            // Whether it took place before the other one came, nobody can tell any more: nothing is answered.
            Ok(None) => return Err(DriverError::Fenced),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store does not answer");
                Outcome::Again
            }
        })
    }

    fn look_for_distress(&mut self) {
        let now = self.deps.clock.now();
        if !self.pump.is_in_distress(now) {
            return;
        }
        let receipts = self.deps.inbox.take_receipts(BATCH);
        let verdicts = self.deps.inbox.take_verdicts(BATCH);
        let inputs = receipts.into_iter().chain(verdicts).map(|p| (None, p.envelope)).collect();
        // While a commit is in flight this only decides; nothing comes back.
        let commands = self.pump.take(now, inputs);
        debug_assert!(commands.is_empty(), "nothing is flushed while a commit is in flight");
        if let Some(Command::Release { messages, recorded }) = self.pump.distress(now) {
            self.release(messages, recorded);
        }
    }

    fn after_commit(&mut self, commit: &Commit) {
        self.count_stages(commit);
        self.facts_since_snapshot += commit.facts.len() as u64;
    }

    /// The stage times of each first page that was accepted (promise 1).
    fn count_stages(&self, commit: &Commit) {
        for fact in &commit.facts {
            let What::SendEnded { send, receipt, .. } = &fact.what else { continue };
            let SendSubject::Page(id) = send.subject else { continue };
            let row = commit.tickets.iter().find(|t| t.view.id == id.ticket);
            let first = row.is_some_and(|t| receipt.is_accepted() && t.view.first_page_accepted == Some(fact.at));
            let page = row.and_then(|t| t.pages.iter().find(|p| p.id == id)).filter(|_| first);
            let Some((page, broken)) = page.and_then(|p| Some((p, p.stages.broken?))) else { continue };
            let stages = [
                ("seen", page.stages.seen),
                ("confirmed", page.stages.confirmed),
                ("ticket", page.stages.ticket),
                ("handed_over", page.stages.handed_over),
                ("accepted", page.stages.accepted),
            ];
            for (stage, at) in stages.into_iter().filter_map(|(name, at)| Some((name, at?))) {
                let seconds = at.duration_since(broken).as_secs_f64().max(0.0);
                self.deps.metrics.page_stage.with_label_values(&[stage]).observe(seconds);
            }
        }
    }
}
