//! Hands observations to history without ever waiting for it.

use std::collections::VecDeque;
use std::sync::Arc;

use prometheus::IntCounter;
use tokio::sync::mpsc;
use watchbell_engine::observation::Observation;
use watchbell_engine::word::Outcome;

/// How many failures are held back while history is slow: at 200 failures a second, five seconds.
const FAILURES_HELD: usize = 1_000;

/// The way to history.
pub(super) struct HistoryTap {
    sender: mpsc::Sender<Arc<Observation>>,
    held: VecDeque<Arc<Observation>>,
    dropped: IntCounter,
}

impl HistoryTap {
    pub(super) fn new(sender: mpsc::Sender<Arc<Observation>>, dropped: IntCounter) -> Self {
        Self { sender, held: VecDeque::new(), dropped }
    }

    /// Hands a run on. While history is full, successes are dropped and counted; failures wait a while.
    pub(super) fn tell(&mut self, run: Arc<Observation>) {
        while let Some(held) = self.held.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(held)) = self.sender.try_send(held) {
                self.held.push_front(held);
                break;
            }
        }
        let refused = if self.held.is_empty() {
            match self.sender.try_send(run) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(run) | mpsc::error::TrySendError::Closed(run)) => run,
            }
        } else {
            run
        };
        if refused.outcome == Outcome::Up || self.held.len() >= FAILURES_HELD || self.sender.is_closed() {
            self.dropped.inc();
        } else {
            self.held.push_back(refused);
        }
    }
}
