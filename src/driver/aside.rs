//! What goes on beside the loop: the proof that an idle store can be written, and snapshots. A store that
//! hangs holds up neither verdicts nor pages through them.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;
use watchbell_engine::commit::Commit;
use watchbell_engine::ids::FactNo;
use watchbell_engine::view::LiveView;

use super::{Driver, DriverError};
use crate::store::{CommitError, StoreError};

/// An idle store that was written this recently needs no further proof.
const PROOF_LASTS: i64 = 2;

/// What came of something that went on beside the loop.
#[derive(Debug)]
pub(super) enum Aside {
    /// An empty commit, and when it was begun.
    Proof(Timestamp, Result<(), CommitError>),
    /// A snapshot.
    Snapshot(Result<(), StoreError>),
}

/// What goes on; at most one proof and one snapshot. Each ends by itself within the bound of the store.
#[derive(Debug, Default)]
pub(super) struct Asides {
    tasks: JoinSet<Aside>,
    proving: bool,
    saving: bool,
}

impl Asides {
    /// Waits for the next one to end; `None` where nothing goes on, or where one broke off.
    pub(super) async fn next(&mut self) -> Option<Aside> {
        let done = self.tasks.join_next().await?;
        match done {
            Ok(aside) => {
                match &aside {
                    Aside::Proof(..) => self.proving = false,
                    Aside::Snapshot(_) => self.saving = false,
                }
                Some(aside)
            }
            Err(error) => {
                tracing::error!(%error, "something beside the loop broke off");
                // Whichever it was: two at once do no harm.
                (self.proving, self.saving) = (false, false);
                None
            }
        }
    }
}

impl Driver {
    /// An idle store is written, so that readiness and the outside watchdog rest on a fresh commit.
    pub(super) fn prove_store(&mut self) {
        let now = self.deps.clock.now();
        let last = self.deps.live.view.load().last_commit;
        let fresh = last.is_some_and(|at| now.duration_since(at).as_secs() < PROOF_LASTS);
        if fresh || self.aside.proving {
            return;
        }
        self.aside.proving = true;
        let (store, epoch) = (self.deps.store.clone(), self.pump.epoch());
        self.aside.tasks.spawn(async move {
            let nothing = Commit { epoch, at: Some(now), ..Commit::default() };
            Aside::Proof(now, store.commit(&nothing).await)
        });
    }

    /// Keeps the state as it is now. It is written down here and saved beside the loop.
    pub(super) fn snapshot(&mut self) {
        if self.aside.saving {
            return;
        }
        if let Some((upto, text)) = self.written_down() {
            self.facts_since_snapshot = 0;
            self.aside.saving = true;
            let store = self.deps.store.clone();
            self.aside.tasks.spawn(async move { Aside::Snapshot(store.save_snapshot(upto, &text).await) });
        }
    }

    /// The snapshot at the end, after everything else.
    pub(super) async fn last_snapshot(&mut self) {
        while !self.aside.tasks.is_empty() {
            self.aside.next().await;
        }
        if let Some((upto, text)) = self.written_down() {
            told(&self.deps.store.save_snapshot(upto, &text).await);
        }
    }

    /// Takes in what came of something beside the loop.
    pub(super) fn came_of(&mut self, aside: Aside) -> Result<(), DriverError> {
        match aside {
            Aside::Proof(at, Ok(())) => {
                let mut view = LiveView::clone(&self.deps.live.view.load());
                view.at = view.at.max(Some(at));
                view.last_commit = view.last_commit.max(Some(at));
                self.pump.proven(at);
                self.deps.live.view.store(Arc::new(view));
            }
            Aside::Proof(_, Err(CommitError::Fenced { .. })) => return Err(DriverError::Fenced),
            Aside::Proof(_, Err(error)) => {
                self.deps.metrics.commit_failures.inc();
                tracing::error!(error = &error as &dyn std::error::Error, "the store cannot be written");
            }
            Aside::Snapshot(done) => told(&done),
        }
        Ok(())
    }

    fn written_down(&self) -> Option<(FactNo, String)> {
        let state = self.pump.state();
        match serde_json::to_string(state) {
            Ok(text) => Some((state.last_fact, text)),
            Err(error) => {
                tracing::error!(%error, "the state could not be written as a snapshot");
                None
            }
        }
    }
}

fn told(saved: &Result<(), StoreError>) {
    if let Err(error) = saved {
        // A snapshot is a cache: without it the next start folds more facts.
        tracing::warn!(error = error as &dyn std::error::Error, "no snapshot was written");
    }
}
