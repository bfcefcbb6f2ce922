//! Hands messages to their channels and reports what became of each, exactly once, through the inbox.
//!
//! Every channel has its own places: one that hangs delays no other. One send is cut off after
//! [`Tuning::send_timeout`]; then nobody knows whether it arrived, and that is what is reported. How a
//! channel sends and where a person is reached are looked up when the message is sent, in the
//! configuration in force.
//!
//! May import: `clock`, `inbox`, `telemetry`, `words`, the engine and config crates. Never: knows
//! policies or rotations, decides whether a message is still wanted, or tries again by itself.

mod dingtalk;
mod dispatch;
mod http;
mod mail;
mod robots;
mod sent;
mod sign;
mod smtp;
mod waiting;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_config::model::Secret;
use watchbell_engine::ids::{ChannelId, PageId};
use watchbell_engine::outgoing::Outgoing;

use crate::clock::Clock;
use crate::inbox::{Inbox, Live};
use crate::telemetry::Metrics;

use dispatch::Dispatch;

/// After this a send is cut off (design, order of a decision).
pub const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// A message that has waited this long for a place in its channel is given back, to be decided anew.
/// Together with [`SEND_TIMEOUT`] well below the engine's `REPORT_WITHIN`, after which a try counts as lost
/// and is made again: what still waits here must not go out beside its own successor.
pub const PLACE_TIMEOUT: Duration = Duration::from_secs(15);

/// Makes the links that pages carry.
pub trait LinkMaker: Send + Sync {
    /// The address of the page's own link: GET shows, POST acts.
    fn ack_url(&self, page: PageId, channel: &ChannelId) -> String;
}

/// What delivery needs.
pub struct DeliveryDeps {
    /// The time of day.
    pub clock: Clock,
    /// Where reports go.
    pub inbox: Inbox,
    /// The configuration in force.
    pub live: Arc<Live>,
    /// Where messages are counted.
    pub metrics: Metrics,
    /// Makes the links that pages carry.
    pub links: Arc<dyn LinkMaker>,
    /// Where the pages of the canary go: a webhook back to ourselves.
    pub loop_back: Secret,
    /// What tests change.
    pub tuning: Tuning,
}

/// What is the same in every installation; tests change it.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// After this a send is cut off.
    pub send_timeout: Duration,
    /// After this a message stops waiting for a place in its channel.
    pub place_timeout: Duration,
    /// PEM of the only roots that mail servers are verified against; the platform's where `None`.
    pub smtp_roots: Option<Vec<u8>>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { send_timeout: SEND_TIMEOUT, place_timeout: PLACE_TIMEOUT, smtp_roots: None }
    }
}

/// The room itself.
#[derive(Debug)]
pub struct Delivery;

impl Delivery {
    /// Starts it on the current runtime. When `stop` is cancelled, what is under way is finished and what
    /// still waits is reported as to be tried again, so that nothing is lost.
    pub fn start(deps: DeliveryDeps, stop: CancellationToken, tracker: &TaskTracker) -> DeliveryHandle {
        let dispatch = Arc::new(Dispatch::new(deps, stop));
        tracker.spawn(Arc::clone(&dispatch).watch_age());
        DeliveryHandle { dispatch, tracker: tracker.clone(), runtime: Handle::current() }
    }
}

/// Takes messages; cheap to clone.
#[derive(Clone)]
pub struct DeliveryHandle {
    dispatch: Arc<Dispatch>,
    tracker: TaskTracker,
    runtime: Handle,
}

impl DeliveryHandle {
    /// Takes a message and returns at once. What became of it comes back through the inbox.
    pub fn send(&self, message: Outgoing) {
        let waiting = self.dispatch.queue(&message);
        self.tracker.spawn_on(Arc::clone(&self.dispatch).deliver(message, waiting), &self.runtime);
    }
}

impl std::fmt::Debug for DeliveryHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeliveryHandle").field("under_way", &self.tracker.len()).finish()
    }
}
