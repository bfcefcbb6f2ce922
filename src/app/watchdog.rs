//! Telling an outside dead-man's service that we live, only while we really do: scheduler, commits
//! and outbox have all moved lately.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use watchbell_config::{Check, Config};
use watchbell_engine::ids::DedupKey;
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::view::LiveView;

use super::{alarm, canary};
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
        return Some("a page has waited for 30 s to be handed over");
    }
    if alarm::is_known(view, &DedupKey::from("self:canary")) {
        return Some("the canary does not come back");
    }
    let runs = |p: &&watchbell_config::ProbeSpec| !matches!(p.check, Check::Heartbeat { .. });
    let ours = config.canary.map(canary::runs_every);
    let fastest = config.probes.values().filter(runs).map(|p| p.every).chain(ours).min();
    let last_run = board.look(|all| all.values().filter_map(|p| p.last.as_ref().map(|run| run.at)).max());
    // A configuration of slow probes alone is not stuck between two of their runs.
    let patience = fastest.map(|every| MOVED_WITHIN.max(every.times(2)));
    patience.is_some_and(|patience| since(last_run) > patience).then_some("no probe has run lately")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use watchbell_config::{Secrets, Sources};
    use watchbell_engine::observation::Observation;
    use watchbell_engine::view::LiveView;
    use watchbell_engine::word::{Level, Outcome};

    use super::*;
    use crate::gate::test_world::failing_run;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + secs).expect("an instant")
    }

    fn config(more: &str) -> Config {
        let dir = tempfile::tempdir().expect("a directory");
        let yaml = format!(
            "channels: {{ hook: {{ webhook: {{}} }} }}\n\
             people: [ {{ id: me, contacts: {{ hook: \"http://127.0.0.1:9/me\" }} }} ]\n{more}"
        );
        std::fs::write(dir.path().join("watchbell.yaml"), yaml).expect("a file");
        let report = watchbell_config::read(&Sources::process(dir.path(), BTreeMap::new()), Secrets::Required, at(0));
        report.config.unwrap_or_else(|| panic!("{:?}", report.errors))
    }

    fn ran(board: &ProbeBoard, when: Timestamp) {
        let run = Observation { probe: "site".into(), at: when, outcome: Outcome::Up, kind: None, ..failing_run() };
        board.record(Arc::new(run), Some(Level::Up));
    }

    #[test]
    fn it_pings_only_while_commits_outbox_and_scheduler_move() {
        let config = config("probes: [ { id: site, tcp: \"127.0.0.1:9\" } ]\n");
        let view = |last: i64| LiveView { last_commit: Some(at(last)), ..LiveView::default() };
        let board = ProbeBoard::default();
        let stuck = |view: &LiveView, oldest: f64, now: i64| stuck(&config, view, &board, oldest, at(0), at(now));
        assert_eq!(stuck(&view(0), 0.0, 30), None, "just started");
        assert_eq!(stuck(&view(31), 0.0, 31), Some("no probe has run lately"));
        ran(&board, at(100));
        assert_eq!(stuck(&view(100), 29.0, 110), None);
        assert_eq!(stuck(&view(100), 29.0, 131), Some("no commit has succeeded for 30 s"));
        assert_eq!(stuck(&view(110), 31.0, 110), Some("a page has waited for 30 s to be handed over"));
        assert_eq!(stuck(&view(140), 0.0, 140), Some("no probe has run lately"));
    }

    #[test]
    fn slow_probes_alone_are_judged_by_the_canary_where_there_is_one() {
        let slow = "probes: [ { id: site, tcp: \"127.0.0.1:9\", every: 24h } ]\n";
        let (with, without) = (config(slow), config(&format!("{slow}canary: off\n")));
        let view = LiveView { last_commit: Some(at(100)), ..LiveView::default() };
        let board = ProbeBoard::default();
        assert_eq!(stuck(&with, &view, &board, 0.0, at(0), at(100)), Some("no probe has run lately"));
        assert_eq!(stuck(&without, &view, &board, 0.0, at(0), at(100)), None);
    }
}
