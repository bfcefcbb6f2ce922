//! The canary (promise 7): a target of our own breaks on command, and the page about it must come back to
//! us, all the time. What is measured is the real way: schedule, run, detection, decision, commit, outbox,
//! delivery over HTTP. See `docs/decisions/0009-canary.md`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_config::{Canary as Rule, Check, Config, Expect, HttpCheck, IpChoice, ProbeSpec, Secret, TlsOptions};
use watchbell_engine::detect::{DetectRule, DownAfter};
use watchbell_engine::ids::ProbeId;
use watchbell_engine::time::Millis;
use watchbell_engine::word::{Level, Severity};

use super::alarm::Alarm;
use super::serve::{self, ServeError};
use crate::inbox::{Inbox, Live};
use crate::telemetry::Metrics;
use crate::words::Unwell;

/// So many runs of its probe fit into one round: two find the fault, one the recovery.
const RUNS_A_ROUND: u64 = 6;

/// The longest time between two runs, and for one.
const RUN_EVERY_MAX: Millis = Millis::secs(5);
const RUN_TIMEOUT_MAX: Millis = Millis::secs(3);

/// A page that has not come back after two thirds of a round is lost; the rest is for the recovery.
const LOST_AFTER: (u32, u32) = (2, 3);

/// So many rounds in a row must come back before the alarm is over.
const WELL_AFTER: u32 = 2;

/// How often we look whether the probe has seen the recovery, and for a canary while it is switched off.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const OFF: Duration = Duration::from_secs(5);

/// The target that breaks, and the place where the pages come back.
#[derive(Clone)]
pub(super) struct Nest {
    address: SocketAddr,
    state: Arc<Target>,
}

#[derive(Default)]
struct Target {
    broken: AtomicBool,
    back: Notify,
}

impl Nest {
    /// Listens on loopback, on a port that the system chooses.
    pub(super) async fn build() -> Result<(Self, TcpListener), ServeError> {
        let listener = serve::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
        let address = serve::address_of(&listener)?;
        Ok((Self { address, state: Arc::default() }, listener))
    }

    /// Where delivery sends the pages of the canary.
    pub(super) fn loop_back(&self) -> Secret {
        Secret::new(format!("http://{}/loop-back", self.address))
    }

    /// Answers until `stop`.
    pub(super) fn serve(&self, listener: TcpListener, stop: &CancellationToken, tracker: &TaskTracker) {
        let router = Router::new()
            .route("/target", get(answer))
            .route("/loop-back", post(came_back))
            .with_state(Arc::clone(&self.state));
        tracker.spawn(serve::serve(listener, router, None, stop.clone()));
    }

    /// The configuration as the probers run it: with the canary's probe among the others.
    pub(super) fn with_probe(&self, config: &Arc<Config>) -> Arc<Config> {
        let Some(rule) = config.canary else { return Arc::clone(config) };
        let Ok(url) = format!("http://{}/target", self.address).parse() else {
            unreachable!("an address of ours is part of a web address")
        };
        let mut config = Config::clone(config);
        let spec = probe(rule, url);
        config.probes.insert(spec.id.clone(), spec);
        Arc::new(config)
    }

    /// Breaks the target and waits for the page; how long it took.
    async fn round(&self, within: Duration) -> Option<Duration> {
        let begun = Instant::now();
        let back = self.state.back.notified();
        tokio::pin!(back);
        back.as_mut().enable();
        self.state.broken.store(true, Ordering::Relaxed);
        let came = tokio::time::timeout(within, back).await;
        self.state.broken.store(false, Ordering::Relaxed);
        came.ok().map(|()| begun.elapsed())
    }
}

async fn answer(State(target): State<Arc<Target>>) -> StatusCode {
    if target.broken.load(Ordering::Relaxed) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn came_back(State(target): State<Arc<Target>>) -> StatusCode {
    target.back.notify_waiters();
    StatusCode::NO_CONTENT
}

/// The time between two runs of the canary's probe.
pub(super) fn runs_every(rule: Rule) -> Millis {
    Millis(rule.every.0 / RUNS_A_ROUND).min(RUN_EVERY_MAX)
}

fn probe(rule: Rule, url: http::Uri) -> ProbeSpec {
    let every = runs_every(rule);
    ProbeSpec {
        id: ProbeId::canary(),
        every,
        timeout: Millis(every.0 * 4 / 5).min(RUN_TIMEOUT_MAX),
        check: Check::Http(Box::new(HttpCheck {
            url,
            method: http::Method::GET,
            headers: Vec::new(),
            body: None,
            authorization: None,
            tls: TlsOptions::default(),
            redirects: 0,
            ip: IpChoice::V4,
            reuse: false,
            expect: Expect::default(),
        })),
        detect: DetectRule {
            down_after: DownAfter::InARow(2),
            confirm_after: Millis(every.0 / 10).min(Millis(250)),
            up_after: 1,
            severity: Severity::Critical,
        },
        detect_within: None,
        runs_per_day: None,
        worst_case: None,
    }
}

/// What sends the canary out and waits for it.
pub(super) struct Keeper {
    pub(super) nest: Nest,
    pub(super) inbox: Inbox,
    pub(super) live: Arc<Live>,
    pub(super) metrics: Metrics,
}

impl Keeper {
    /// Round after round, by the configuration in force, until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut rounds = Rounds::new(Instant::now());
        let mut alarm = Alarm::new("self:canary", &self.inbox, &self.live);
        while !stop.is_cancelled() {
            let Some(rule) = self.live.config.load().canary else {
                alarm.lower().await;
                rounds = Rounds::new(Instant::now());
                stop.run_until_cancelled(tokio::time::sleep(OFF)).await;
                continue;
            };
            let every = rule.every.duration();
            let next = Instant::now() + every;
            let Some(came) = stop.run_until_cancelled(self.round(every)).await else { return };
            self.count(came);
            let now = Instant::now();
            match rounds.judge(came.is_some(), now, rule.alarm_after.duration()) {
                Judgement::Silent(silent) => alarm.raise(&Unwell::Canary { silent: Millis(millis(silent)) }).await,
                Judgement::Well => alarm.lower().await,
                Judgement::Unclear => {}
            }
            stop.run_until_cancelled(tokio::time::sleep_until(next)).await;
        }
    }

    /// One round: the target must be seen well before it breaks.
    async fn round(&self, every: Duration) -> Option<Duration> {
        tokio::time::timeout(every, self.seen_well()).await.ok()?;
        self.nest.round(every * LOST_AFTER.0 / LOST_AFTER.1).await
    }

    async fn seen_well(&self) {
        let level = || self.live.probes.get(&ProbeId::canary()).and_then(|p| p.level);
        while level() != Some(Level::Up) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn count(&self, came: Option<Duration>) {
        match came {
            Some(took) => {
                self.metrics.canary_rounds.with_label_values(&["back"]).inc();
                self.metrics.canary_round_trip.set(took.as_secs_f64());
            }
            None => {
                self.metrics.canary_rounds.with_label_values(&["lost"]).inc();
                tracing::warn!("a round of the canary did not come back");
            }
        }
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// What the rounds so far say.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    /// Nothing has come back for so long.
    Silent(Duration),
    /// Some rounds in a row came back.
    Well,
    /// Neither.
    Unclear,
}

/// Counts rounds. An alarm takes time without a page *and* rounds that were lost in it: a process that was
/// stopped for an hour has missed a single one.
struct Rounds {
    last_back: Instant,
    back: u32,
    lost: u32,
}

/// The least number of lost rounds in a row for an alarm.
const LOST_ROUNDS: u32 = 2;

impl Rounds {
    fn new(now: Instant) -> Self {
        Self { last_back: now, back: 0, lost: 0 }
    }

    fn judge(&mut self, came: bool, now: Instant, alarm_after: Duration) -> Judgement {
        if came {
            (self.back, self.lost, self.last_back) = (self.back.saturating_add(1), 0, now);
            return if self.back >= WELL_AFTER { Judgement::Well } else { Judgement::Unclear };
        }
        (self.back, self.lost) = (0, self.lost.saturating_add(1));
        let silent = now.duration_since(self.last_back);
        if silent >= alarm_after && self.lost >= LOST_ROUNDS { Judgement::Silent(silent) } else { Judgement::Unclear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALARM_AFTER: Duration = Duration::from_secs(120);

    #[test]
    fn two_minutes_of_lost_rounds_raise_the_alarm_and_two_that_come_back_end_it() {
        let begun = Instant::now();
        let at = |secs: u64| begun + Duration::from_secs(secs);
        let mut rounds = Rounds::new(begun);
        assert_eq!(rounds.judge(true, at(4), ALARM_AFTER), Judgement::Unclear);
        assert_eq!(rounds.judge(true, at(34), ALARM_AFTER), Judgement::Well);
        for secs in [60, 90, 120, 150] {
            assert_eq!(rounds.judge(false, at(secs), ALARM_AFTER), Judgement::Unclear, "{secs}");
        }
        assert_eq!(rounds.judge(false, at(180), ALARM_AFTER), Judgement::Silent(Duration::from_secs(146)));
        assert_eq!(rounds.judge(true, at(210), ALARM_AFTER), Judgement::Unclear, "once may be luck");
        assert_eq!(rounds.judge(true, at(240), ALARM_AFTER), Judgement::Well);
    }

    #[test]
    fn a_process_that_was_stopped_for_an_hour_has_lost_one_round() {
        let begun = Instant::now();
        let mut rounds = Rounds::new(begun);
        assert_eq!(rounds.judge(false, begun + Duration::from_secs(3_600), ALARM_AFTER), Judgement::Unclear);
        assert_eq!(rounds.judge(true, begun + Duration::from_secs(3_604), ALARM_AFTER), Judgement::Unclear);
    }

    #[tokio::test]
    async fn the_page_about_the_broken_target_comes_back() {
        let (nest, listener) = Nest::build().await.expect("loopback");
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        nest.serve(listener, &stop, &tracker);
        let ask = |path: &str| reqwest::Client::new().get(format!("http://{}{path}", nest.address)).send();
        assert_eq!(ask("/target").await.expect("an answer").status(), 200);
        let page = async {
            while ask("/target").await.expect("an answer").status() != 503 {}
            let posted = reqwest::Client::new().post(nest.loop_back().reveal()).send().await;
            assert_eq!(posted.expect("an answer").status(), 204);
        };
        let (came, ()) = tokio::join!(nest.round(Duration::from_secs(30)), page);
        assert!(came.is_some());
        assert_eq!(ask("/target").await.expect("an answer").status(), 200, "it is well again");
        assert_eq!(nest.round(Duration::ZERO).await, None, "a page that does not come is lost");
        stop.cancel();
    }
}
