//! Telling an outside dead-man's service that we live, only while we really do: scheduler, commits
//! and outbox have all moved lately.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use watchbell_config::{Check, Config};
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::view::LiveView;

use crate::clock::Clock;
use crate::inbox::{Live, ProbeBoard};
use crate::telemetry::Metrics;

/// Everything must have moved within this long (promise 7).
const MOVED_WITHIN: Millis = Millis::secs(30);

/// The outside service has this long to answer.
const PING_WITHIN: Duration = Duration::from_secs(10);

/// How often we look for a watchdog in the configuration while there is none.
const NO_WATCHDOG: Duration = Duration::from_secs(5);

/// Pings until `stop`, by the configuration in force.
pub(super) async fn run(live: Arc<Live>, clock: Clock, metrics: Metrics, stop: CancellationToken) {
    let started = clock.now();
    let client = match reqwest::Client::builder().no_proxy().timeout(PING_WITHIN).build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "the watchdog cannot be pinged"),
    };
    loop {
        let config = live.config.load_full();
        let every = config.watchdog.as_ref().map_or(NO_WATCHDOG, |w| w.every.duration());
        if let Some(watchdog) = &config.watchdog {
            match stuck(&config, &live.view.load(), &live.probes, metrics.outbox_oldest.get(), started, clock.now()) {
                None => ping(&client, watchdog.ping.reveal()).await,
                Some(what) => tracing::error!(what, "the watchdog is not pinged"),
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

async fn ping(client: &reqwest::Client, url: &str) {
    match client.get(url).send().await.and_then(reqwest::Response::error_for_status) {
        Ok(_) => tracing::debug!("the watchdog was told that we live"),
        // The address is a secret: whoever knows it can pretend that we live.
        Err(error) => tracing::warn!(error = %error.without_url(), "the watchdog could not be told that we live"),
    }
}

/// What has not moved lately, in words.
fn stuck(
    config: &Config,
    view: &LiveView,
    board: &ProbeBoard,
    outbox_oldest_s: f64,
    started: Timestamp,
    now: Timestamp,
) -> Option<&'static str> {
    let since = |at: Option<Timestamp>| elapsed(at.unwrap_or(started).max(started), now);
    if since(view.last_commit) > MOVED_WITHIN {
        return Some("no commit has succeeded for 30 s");
    }
    if outbox_oldest_s > MOVED_WITHIN.as_secs_f64() {
        return Some("a message has waited for 30 s to be handed over");
    }
    let runs = |p: &&watchbell_config::ProbeSpec| !matches!(p.check, Check::Heartbeat { .. });
    let fastest = config.probes.values().filter(runs).map(|p| p.every).min();
    let last_run = board.all().values().filter_map(|p| p.last.as_ref().map(|run| run.at)).max();
    // A configuration of slow probes alone is not stuck between two of their runs.
    let patience = fastest.map(|every| MOVED_WITHIN.max(every.times(2)));
    patience.is_some_and(|patience| since(last_run) > patience).then_some("no probe has run lately")
}
