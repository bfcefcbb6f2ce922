//! The loop that serves the engine's pump: moves its commands to store, channels and view, and brings
//! back what happened. Owns the epoch and recovery after a start.
//!
//! May import: `clock`, `inbox`, `store`, `telemetry`, `delivery`. Never decides.

mod aside;
mod recover;
mod serve;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use watchbell_config::Config;
use watchbell_engine::ids::InputId;
use watchbell_engine::input::{Answer, Envelope, Input};
use watchbell_engine::pump::{BATCH, Pump};

use crate::clock::Clock;
use crate::delivery::DeliveryHandle;
use crate::inbox::{InboxReader, Live, Pending};
use crate::store::Store;
use crate::telemetry::Metrics;

use aside::Asides;
pub use recover::RecoverError;

/// How often the wall clock is compared, and an idle store is written to prove that it can be.
const PULSE: Duration = Duration::from_secs(2);

/// The wall clock may depart this far before the engine is told (design, section 4).
const CLOCK_TOLERANCE_MS: i64 = 2_000;

/// Why the loop ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Another process has taken over the store.
    #[error("another watchbell has taken over this store; this one ends so that only one pages")]
    Fenced,
    /// The end came while the store could not be written.
    #[error("the store could not be written until the end; what was not recorded is decided anew after the next start")]
    Unwritten,
}

/// What the loop works with.
#[derive(Debug)]
pub struct DriverDeps {
    /// The one clock.
    pub clock: Clock,
    /// Where facts go.
    pub store: Store,
    /// Where inputs come from.
    pub inbox: InboxReader,
    /// Where the view is shown.
    pub live: Arc<Live>,
    /// The process's metrics.
    pub metrics: Metrics,
    /// Where messages go.
    pub delivery: DeliveryHandle,
}

/// A new configuration to put in force.
#[derive(Debug)]
pub struct Reload {
    /// It.
    pub config: Arc<Config>,
    /// Told when it is in force and recorded.
    pub done: oneshot::Sender<()>,
}

/// The loop.
#[derive(Debug)]
pub struct Driver {
    deps: DriverDeps,
    pump: Pump,
    replies: BTreeMap<u64, oneshot::Sender<Answer>>,
    next_tag: u64,
    facts_since_snapshot: u64,
    /// What goes on beside the loop and may hang as long as the store does.
    aside: Asides,
    /// Cancelled when the loop is to end.
    stop: CancellationToken,
}

impl Driver {
    /// Serves until `stop`; then writes a snapshot and gives the store back.
    pub async fn run(
        mut self,
        mut reloads: mpsc::Receiver<Reload>,
        stop: CancellationToken,
    ) -> Result<Store, DriverError> {
        self.stop = stop.clone();
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            let mut first = None;
            let until_wake = self.until_wake();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(reload) = reloads.recv() => self.reload(reload).await?,
                // Before the inbox, which is never empty in a storm.
                _ = pulse.tick() => self.pulse().await?,
                Some(done) = self.aside.next() => self.came_of(done)?,
                pending = self.deps.inbox.ready() => first = pending,
                () = tokio::time::sleep(until_wake) => {}
            }
            self.take(first).await?;
        }
        // What was accepted before the stop is decided and answered before we go.
        self.take(None).await?;
        self.last_snapshot().await;
        Ok(self.deps.store)
    }

    async fn take(&mut self, first: Option<Pending>) -> Result<(), DriverError> {
        let mut inputs: Vec<(Option<u64>, Envelope)> = Vec::new();
        let waiting = self.deps.inbox.take(BATCH - usize::from(first.is_some()));
        for pending in first.into_iter().chain(waiting) {
            let tag = pending.reply.map(|reply| self.expect_answer(reply));
            inputs.push((tag, pending.envelope));
        }
        let commands = self.pump.take(self.deps.clock.now(), inputs);
        self.serve(commands).await
    }

    fn expect_answer(&mut self, reply: oneshot::Sender<Answer>) -> u64 {
        self.next_tag += 1;
        self.replies.insert(self.next_tag, reply);
        self.next_tag
    }

    fn until_wake(&self) -> Duration {
        let Some((at, _)) = self.pump.next_wake() else { return Duration::from_secs(3_600) };
        let left = at.duration_since(self.deps.clock.now());
        // Timers of the runtime round down to a millisecond; a wake a moment early would spin.
        Duration::try_from(left).unwrap_or_default() + Duration::from_millis(1)
    }

    async fn reload(&mut self, reload: Reload) -> Result<(), DriverError> {
        let catalog = Arc::clone(&reload.config.catalog);
        // Delivery looks up addresses in the configuration in force: it must know the new people before
        // the first page to one of them is decided.
        self.deps.live.config.store(reload.config);
        let commands = self.pump.reload(self.deps.clock.now(), catalog);
        self.serve(commands).await?;
        // Whoever asked may have gone; the reload stands all the same.
        let _ = reload.done.send(());
        Ok(())
    }

    /// Follows a stepped wall clock, and proves that an idle store can be written.
    async fn pulse(&mut self) -> Result<(), DriverError> {
        let by_ms = self.deps.clock.departure_ms();
        if by_ms.abs() > CLOCK_TOLERANCE_MS {
            tracing::warn!(by_ms, "the wall clock was stepped; deadlines counted from events move with it");
            self.deps.clock.follow(by_ms);
            let now = self.deps.clock.now();
            let id = InputId::from(format!("clock-{}", now.as_microsecond()));
            let commands = self.pump.take(now, vec![(None, Envelope { id, input: Input::ClockStepped { by_ms } })]);
            return self.serve(commands).await;
        }
        self.prove_store();
        Ok(())
    }
}
