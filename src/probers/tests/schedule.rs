//! The scheduler as a whole: confirmation, overlap, reload, runs out of turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_config::{Config, Server as Listen, StoreUrl};
use watchbell_engine::catalog::{Catalog, CatchAll};
use watchbell_engine::input::Input;
use watchbell_engine::observation::Verdict;
use watchbell_engine::view::LiveView;
use watchbell_engine::word::{Level, Locale};

use super::server::{Act, Server, answer};
use super::*;
use crate::inbox::{Inbox, InboxReader, Live, ProbeBoard, RunRequest};
use crate::probers::{Probers, ProbersDeps, ProbersHandle};

/// How long a test waits for what must happen.
const LIMIT: Duration = Duration::from_secs(20);

fn config(probes: impl IntoIterator<Item = ProbeSpec>) -> Arc<Config> {
    let catalog = Catalog {
        revision: "r1".into(),
        zone: TimeZone::UTC,
        locale: Locale::En,
        people: BTreeMap::new(),
        rotations: BTreeMap::new(),
        calendars: BTreeMap::new(),
        policies: BTreeMap::new(),
        default_policy: "default".into(),
        self_policy: None,
        routes: Vec::new(),
        channels: BTreeMap::new(),
        probes: BTreeMap::new(),
        catch_all: CatchAll { person: "me".into(), every: Millis::mins(5) },
    };
    Arc::new(Config {
        dir: ".".into(),
        catalog: Arc::new(catalog),
        server: Listen {
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: "http://localhost".into(),
            edge: None,
            tls: None,
        },
        store: StoreUrl::Sqlite("unused.db".into()),
        channels: BTreeMap::new(),
        contacts: BTreeMap::new(),
        probes: probes.into_iter().map(|spec| (spec.id.clone(), spec)).collect(),
        watchdog: None,
        calendar_feeds: BTreeMap::new(),
        filled_in: Vec::new(),
    })
}

/// Running probers with everything around them.
struct Bench {
    handle: ProbersHandle,
    verdicts: InboxReader,
    live: Arc<Live>,
    metrics: Metrics,
    history: mpsc::Receiver<Arc<Observation>>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Bench {
    fn start(config: Arc<Config>) -> Self {
        Self::with_room(config, 64)
    }

    fn with_room(config: Arc<Config>, runs_at_a_time: usize) -> Self {
        let (inbox, verdicts) = Inbox::new();
        let (control, _) = mpsc::channel(1);
        let (run_now, asked) = mpsc::channel(8);
        let live = Arc::new(Live {
            view: ArcSwap::from_pointee(LiveView::default()),
            config: ArcSwap::from(Arc::clone(&config)),
            probes: ProbeBoard::default(),
            control,
            run_now,
        });
        let (history, kept) = mpsc::channel(1_000);
        let metrics = Metrics::new();
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let deps =
            ProbersDeps { clock: Clock::system(), inbox, live: Arc::clone(&live), metrics: metrics.clone(), history };
        let handle = Probers::start_with(deps, config, asked, stop.clone(), &tracker, runs_at_a_time);
        Self { handle, verdicts, live, metrics, history: kept, stop, tracker }
    }

    /// The next verdict.
    async fn verdict(&mut self) -> Verdict {
        let next = async {
            loop {
                let ready = self.verdicts.ready().await;
                assert!(ready.is_none(), "probers tell verdicts only");
                if let Some(pending) = self.verdicts.take(1).pop() {
                    match pending.envelope.input {
                        Input::Verdict(verdict) => return verdict,
                        other => panic!("not a verdict: {other:?}"),
                    }
                }
            }
        };
        tokio::time::timeout(LIMIT, next).await.expect("a verdict in time")
    }

    async fn run_now(&self, probe: &str) -> Option<Observation> {
        let (reply, answer) = oneshot::channel();
        self.live.run_now.send(RunRequest { probe: probe.into(), reply }).await.expect("probers live");
        tokio::time::timeout(LIMIT, answer).await.expect("an answer in time").ok()
    }

    fn skipped(&self, why: &str) -> u64 {
        self.metrics.runs_skipped.with_label_values(&[why]).get()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(LIMIT, self.tracker.wait()).await.expect("it stops");
    }
}

fn often(id: &str, url: &str, every: u64, timeout: u64) -> ProbeSpec {
    let check = HttpCheck { reuse: true, ..http_check(url) };
    let mut spec = spec(Check::Http(Box::new(check)), Millis(timeout));
    (spec.id, spec.every) = (id.into(), Millis(every));
    spec
}

#[tokio::test]
async fn a_fault_is_confirmed_on_a_fresh_connection_and_told() {
    let ok = || answer("200 OK", "");
    let bad = || answer("503 No", "");
    // Up over a kept connection, then failing on it; everybody who comes anew is told the same.
    let first = vec![Act::Read, ok(), Act::Read, ok(), Act::Read, bad(), Act::Hold];
    let server = Server::playing(vec![first, vec![Act::Read, bad(), Act::Hold]]).await;
    let mut probe = often("site", &server.url("/"), 400, 390);
    probe.timeout = PATIENT;
    let mut bench = Bench::start(config([probe]));
    let up = bench.verdict().await;
    assert_eq!((up.level, up.kind), (Level::Up, None));
    let down = bench.verdict().await;
    assert_eq!((down.level, down.kind, down.runs), (Level::Down, Some(FailureKind::Status), 2));
    assert!(
        down.last_good.is_some_and(|good| good < down.since) && down.since < down.seen && down.seen < down.confirmed
    );
    let by_connection: Vec<_> = server.requests().iter().map(|(n, _)| *n).take(4).collect();
    assert_eq!(by_connection, [0, 0, 0, 1], "the confirming run came over a connection of its own");
    let live = bench.live.probes.get(&"site".into()).expect("on the board");
    assert_eq!((live.level, live.last.map(|run| run.outcome)), (Some(Level::Down), Some(Outcome::Down)));
    let kept = bench.history.recv().await.expect("a run in the history");
    assert_eq!(kept.outcome, Outcome::Up);
    assert!(bench.metrics.runs.with_label_values(&["down", "status"]).get() >= 2);
    assert!(bench.metrics.schedule_lag.get_sample_count() >= 4);
    bench.stop().await;
}

#[tokio::test]
async fn a_probe_never_overlaps_with_itself() {
    let server = Server::with(vec![Act::Hold]).await;
    let mut bench = Bench::start(config([often("site", &server.url("/"), 50, 400)]));
    let down = bench.verdict().await;
    assert_eq!(down.kind, Some(FailureKind::HeaderTimeout));
    assert!(bench.skipped("overlap") >= 2, "slots that fell into a run were counted");
    assert_eq!(server.most_open(), 1);
    bench.stop().await;
}

#[tokio::test]
async fn reload_keeps_what_is_the_same_and_begins_anew_what_is_not() {
    let server = Server::with(vec![Act::Read, answer("200 OK", ""), Act::Hold]).await;
    let same = often("same", &server.url("/"), 60_000, 5_000);
    let other = often("other", &server.url("/"), 60_000, 5_000);
    let mut bench = Bench::start(config([same.clone(), other.clone()]));
    let mut told = BTreeMap::new();
    for probe in ["same", "other"] {
        assert_eq!(bench.run_now(probe).await.map(|run| run.outcome), Some(Outcome::Up));
        let verdict = bench.verdict().await;
        told.insert(verdict.probe.clone(), verdict);
    }
    let changed = ProbeSpec { check: Check::Http(Box::new(http_check(&server.url("/changed")))), ..other };
    bench.handle.reload(config([same.clone(), changed.clone()]));
    let again = bench.verdict().await;
    assert_eq!(Some(&again), told.get("same"), "told once more, as it was");
    assert_eq!(bench.run_now("other").await.map(|run| run.outcome), Some(Outcome::Up));
    let anew = bench.verdict().await;
    assert_eq!(anew.probe.as_str(), "other");
    assert!(anew.since > told["other"].since, "its streak began anew");

    bench.handle.reload(config([same]));
    assert_eq!(bench.verdict().await.probe.as_str(), "same");
    assert!(bench.run_now("other").await.is_none(), "it is gone");
    let shown: BTreeSet<_> = bench.live.probes.all().into_keys().collect();
    assert_eq!(shown, BTreeSet::from(["same".into()]));
    bench.stop().await;
}

#[tokio::test]
async fn a_secret_that_changed_makes_another_probe() {
    let server = Server::with(vec![Act::Read, answer("200 OK", ""), Act::Hold]).await;
    let with = |token: &str| {
        let check = HttpCheck { authorization: Some(secret(token)), ..http_check(&server.url("/")) };
        let mut spec = spec(Check::Http(Box::new(check)), PATIENT);
        spec.every = Millis::mins(1);
        spec
    };
    let mut bench = Bench::start(config([with("Bearer one")]));
    bench.run_now("site").await.expect("it runs");
    let first = bench.verdict().await;
    bench.handle.reload(config([with("Bearer two")]));
    bench.run_now("site").await.expect("it runs");
    assert!(bench.verdict().await.since > first.since, "judged anew, not told again");
    bench.stop().await;
}

#[tokio::test]
async fn a_full_history_delays_nothing_and_drops_successes() {
    let server = Server::with(vec![Act::Read, answer("200 OK", ""), Act::Hold]).await;
    let mut bench = Bench::start(config([often("site", &server.url("/"), 60_000, 5_000)]));
    let (full, mut kept) = mpsc::channel(1);
    let mut tap = super::super::history::HistoryTap::new(full, bench.metrics.history_dropped.clone());
    let run = Arc::new(bench.run_now("site").await.expect("it runs"));
    let mut bad = (*run).clone();
    bad.outcome = Outcome::Down;
    let bad = Arc::new(bad);
    for run in [&run, &run, &bad, &run] {
        tap.tell(Arc::clone(run));
    }
    assert_eq!(bench.metrics.history_dropped.get(), 2, "two successes; the failure waits");
    assert_eq!(kept.try_recv().map(|run| run.outcome), Ok(Outcome::Up));
    tap.tell(Arc::clone(&run));
    assert_eq!(kept.try_recv().map(|run| run.outcome), Ok(Outcome::Down));
    assert!(bench.history.recv().await.is_some());
    bench.stop().await;
}

#[tokio::test]
async fn more_probes_than_room_all_have_their_turn() {
    let server = Server::with(vec![Act::Hold]).await;
    let probes = (0..20).map(|i| often(&format!("probe-{i}"), &server.url("/"), 400, 390));
    let mut bench = Bench::with_room(config(probes), 8);
    let mut down = BTreeSet::new();
    while down.len() < 20 {
        let verdict = bench.verdict().await;
        assert_eq!((verdict.level, verdict.kind), (Level::Down, Some(FailureKind::HeaderTimeout)));
        down.insert(verdict.probe);
    }
    // The server notices a moment late that a connection has ended.
    assert!(server.most_open() <= 12, "{} at once where 8 are allowed", server.most_open());
    assert!(bench.skipped("late") > 0, "slots of waiting probes were counted");
    bench.stop().await;
}

#[tokio::test]
async fn stopping_ends_runs_that_are_under_way() {
    let server = Server::with(vec![Act::Hold]).await;
    let bench = Bench::start(config([often("site", &server.url("/"), 60_000, 59_000)]));
    let (reply, answer) = oneshot::channel();
    bench.live.run_now.send(RunRequest { probe: "site".into(), reply }).await.expect("probers live");
    let begun = async {
        while server.connections() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, begun).await.expect("the run began");
    bench.stop().await;
    assert!(answer.await.is_err(), "nobody is told of half a run");
}
