//! The one task that starts runs when they are due, and takes in what they found.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_config::{Check, Config, ProbeSpec};
use watchbell_engine::detect::Detector;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::observation::Observation;
use watchbell_engine::word::{Level, Outcome};

use super::history::HistoryTap;
use super::run::{Runner, Tools};
use super::timetable::{Due, Timetable};
use crate::clock::Clock;
use crate::inbox::{Inbox, Live, RunRequest};
use crate::telemetry::Metrics;

/// The fewest and the most runs at a time. The most: 10,000 probes every 10 s that all hang for 3 s.
const RUNS_AT_A_TIME: (usize, usize) = (64, 4_096);

/// Descriptors that are left for everything else: stores, screens, channels.
const DESCRIPTORS_SPARED: usize = 256;

/// The share of runs at a time that only confirming runs may take: one in eight.
const CONFIRM_SHARE: usize = 8;

/// After a sleep of the machine, a probe with a longer interval runs at once; the others wait for their
/// next slot, so that not everything starts in the same moment.
const CATCHES_UP_ABOVE: Duration = Duration::from_secs(60);

/// What many depend on is not looked at more often than this out of turn.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// The prober room; see [`Probers::start`].
#[derive(Debug)]
pub struct Probers;

/// What the probers are given.
#[derive(Debug)]
pub struct ProbersDeps {
    /// The process's clock.
    pub clock: Clock,
    /// Where settled verdicts go.
    pub inbox: Inbox,
    /// Where the last runs are shown.
    pub live: Arc<Live>,
    /// The process's own metrics.
    pub metrics: Metrics,
    /// Where every run is kept; never waited for.
    pub history: mpsc::Sender<Arc<Observation>>,
}

/// The running probers.
#[derive(Debug)]
pub struct ProbersHandle {
    config: watch::Sender<Arc<Config>>,
}

impl Probers {
    /// Starts running the probes of `config`, until `stop`.
    pub fn start(
        deps: ProbersDeps,
        config: Arc<Config>,
        run_now: mpsc::Receiver<RunRequest>,
        stop: CancellationToken,
        tracker: &TaskTracker,
    ) -> ProbersHandle {
        Self::start_with(deps, config, run_now, stop, tracker, runs_at_a_time())
    }

    /// As [`Probers::start`], with so many runs at a time.
    pub(super) fn start_with(
        deps: ProbersDeps,
        config: Arc<Config>,
        run_now: mpsc::Receiver<RunRequest>,
        stop: CancellationToken,
        tracker: &TaskTracker,
        runs_at_a_time: usize,
    ) -> ProbersHandle {
        let (sender, changes) = watch::channel(config);
        tracker.spawn(Scheduler::new(deps, runs_at_a_time).run(changes, run_now, stop));
        ProbersHandle { config: sender }
    }
}

impl ProbersHandle {
    /// Puts another configuration in force. Probes that are the same in it keep their streaks and their
    /// phase; every settled verdict is told once more.
    pub fn reload(&self, config: Arc<Config>) {
        self.config.send_replace(config);
    }
}

struct Scheduler {
    deps: ProbersDeps,
    history: HistoryTap,
    probes: BTreeMap<ProbeId, Probe>,
    timetable: Timetable,
    runs: JoinSet<(Observation, Timestamp)>,
    /// Which probe a task runs, and which making of it.
    running: HashMap<Id, (ProbeId, u64)>,
    /// Due, but too much is running; confirming runs first. At most one of each probe.
    waiting: VecDeque<Due>,
    runs_at_a_time: usize,
    /// Counts the makings of probes, so that the result of a replaced one is told apart.
    makings: u64,
}

/// One probe in force.
struct Probe {
    fingerprint: u64,
    making: u64,
    every: Duration,
    runner: Arc<Runner>,
    detector: Detector,
    is_running: bool,
    is_waiting: bool,
    /// What it cannot be up without: looked at out of turn when it fails.
    depends_on: Vec<ProbeId>,
    /// When it was last looked at because something that depends on it failed.
    looked_at: Option<Instant>,
    /// Nobody counts its runs.
    is_free: bool,
    /// Who waits for the run that is under way.
    asked_now: Vec<oneshot::Sender<Observation>>,
    /// Who asked while one was under way: they want one that begins after their question.
    asked_next: Vec<oneshot::Sender<Observation>>,
}

impl Scheduler {
    fn new(deps: ProbersDeps, runs_at_a_time: usize) -> Self {
        Self {
            history: HistoryTap::new(deps.history.clone(), deps.metrics.history_dropped.clone()),
            timetable: Timetable::new(Instant::now(), deps.clock.now()),
            deps,
            probes: BTreeMap::new(),
            runs: JoinSet::new(),
            running: HashMap::new(),
            waiting: VecDeque::new(),
            runs_at_a_time,
            makings: 0,
        }
    }

    async fn run(
        mut self,
        mut changes: watch::Receiver<Arc<Config>>,
        mut run_now: mpsc::Receiver<RunRequest>,
        stop: CancellationToken,
    ) {
        let first = Arc::clone(&changes.borrow_and_update());
        self.put_in_force(&first);
        loop {
            let next = self.timetable.next_due();
            let wake = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = wake => self.start_due(),
                Some(done) = self.runs.join_next_with_id() => self.finished(done),
                Ok(()) = changes.changed() => {
                    let config = Arc::clone(&changes.borrow_and_update());
                    self.put_in_force(&config);
                }
                Some(request) = run_now.recv() => self.asked(request),
            }
        }
    }

    fn put_in_force(&mut self, config: &Config) {
        // Files of certificates, the hosts file and the resolver's configuration are read again.
        let tools = Arc::new(Tools::new(self.deps.clock.clone(), &self.deps.metrics));
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.probes);
        for spec in config.probes.values() {
            let Some(runner) = Runner::new(spec, &tools) else { continue };
            let fingerprint = fingerprint(spec);
            let probe = match before.remove(&spec.id) {
                Some(same) if same.fingerprint == fingerprint => Probe { runner: Arc::new(runner), ..same },
                other => {
                    self.makings += 1;
                    if other.is_some() {
                        self.timetable.remove(&spec.id);
                    }
                    Probe::new(spec, runner, fingerprint, self.makings)
                }
            };
            let known = config.catalog.probes.get(&spec.id);
            let depends_on = known.map(|info| info.depends_on.clone()).unwrap_or_default();
            let probe = Probe { depends_on, is_free: spec.runs_per_day.is_none(), ..probe };
            if let Some(verdict) = probe.detector.current() {
                self.deps.inbox.tell_verdict(verdict.clone());
            }
            self.timetable.insert(spec.id.clone(), spec.every, now);
            self.probes.insert(spec.id.clone(), probe);
        }
        before.keys().for_each(|gone| self.timetable.remove(gone));
        self.deps.live.probes.keep(|id| config.probes.contains_key(id));
        let theirs = self.probes.keys().filter(|id| !id.is_our_own()).count();
        tracing::info!(probes = theirs, "{theirs} probes are in force");
    }

    fn start_due(&mut self) {
        let now = Instant::now();
        while let Some(due) = self.timetable.pop_due(now) {
            self.start(due, now);
        }
    }

    /// Starts a run that is due, or notes why not.
    fn start(&mut self, due: Due, now: Instant) {
        let is_full = self.runs.len() >= self.room(due.confirms);
        let Some(probe) = self.probes.get_mut(&due.probe) else { return };
        let lag = now.saturating_duration_since(due.at);
        let skipped = |why| self.deps.metrics.runs_skipped.with_label_values(&[why]);
        skipped("late").inc_by(due.missed);
        if probe.is_running {
            skipped("overlap").inc();
        } else if probe.is_waiting || (lag >= probe.every && probe.every <= CATCHES_UP_ABOVE && !due.confirms) {
            skipped("late").inc();
        } else if is_full {
            probe.is_waiting = true;
            if due.confirms { self.waiting.push_front(due) } else { self.waiting.push_back(due) }
        } else {
            self.begin(due);
        }
    }

    fn begin(&mut self, due: Due) {
        let Some(probe) = self.probes.get_mut(&due.probe) else { return };
        probe.is_running = true;
        // What a run waited for its turn delays it but spoils nothing; what it waits from here on does.
        let begun = Instant::now();
        self.deps.metrics.schedule_lag.observe(begun.saturating_duration_since(due.at).as_secs_f64());
        let (runner, clock, making) = (Arc::clone(&probe.runner), self.deps.clock.clone(), probe.making);
        let task = self.runs.spawn(async move {
            let run = runner.run(due.confirms, begun).await;
            (run, clock.now())
        });
        self.running.insert(task.id(), (due.probe, making));
    }

    /// Begins what waits, as far as there is room.
    fn begin_waiting(&mut self) {
        while self.waiting.front().is_some_and(|due| self.runs.len() < self.room(due.confirms)) {
            let Some(due) = self.waiting.pop_front() else { return };
            let Some(probe) = self.probes.get_mut(&due.probe).filter(|p| p.is_waiting) else { continue };
            probe.is_waiting = false;
            if !probe.is_running {
                self.begin(due);
            }
        }
    }

    fn room(&self, confirms: bool) -> usize {
        if confirms { self.runs_at_a_time } else { self.runs_at_a_time - self.runs_at_a_time / CONFIRM_SHARE }
    }

    fn asked(&mut self, request: RunRequest) {
        let Some(probe) = self.probes.get_mut(&request.probe) else { return };
        if probe.is_running {
            probe.asked_next.push(request.reply);
            return;
        }
        probe.asked_now.push(request.reply);
        self.start_out_of_turn(request.probe);
    }

    /// A run that somebody asked for goes before everything that waits.
    fn start_out_of_turn(&mut self, probe: ProbeId) {
        let now = Instant::now();
        self.start(Due { probe, at: now, confirms: true, missed: 0 }, now);
    }

    /// Something fails: what it depends on is looked at now, so that its state is known before anybody is
    /// paged. At most once a second each, however many depend on it.
    fn look_at_parents(&mut self, parents: &[ProbeId]) {
        let now = Instant::now();
        for id in parents {
            let Some(parent) = self.probes.get_mut(id).filter(|p| p.is_free && !p.is_running && !p.is_waiting) else {
                continue;
            };
            if parent.looked_at.is_none_or(|at| now.saturating_duration_since(at) >= LOOKED_AT_EVERY) {
                parent.looked_at = Some(now);
                self.start_out_of_turn(id.clone());
            }
        }
    }

    fn finished(&mut self, done: Result<(Id, (Observation, Timestamp)), JoinError>) {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some((id, making)) = self.running.remove(&id) else { return };
        match done {
            Ok((_, (run, ended))) => self.take_in(&id, making, run, ended),
            Err(error) => tracing::error!(probe.id = %id, %error, "the run of probe {id} broke off"),
        }
        if let Some(probe) = self.probes.get_mut(&id).filter(|p| p.making == making) {
            probe.is_running = false;
            probe.asked_now = std::mem::take(&mut probe.asked_next);
            if !probe.asked_now.is_empty() {
                self.start_out_of_turn(id);
            }
        }
        self.begin_waiting();
    }

    fn take_in(&mut self, id: &ProbeId, making: u64, run: Observation, ended: Timestamp) {
        let kind = run.kind.map_or("none", |k| k.as_str());
        // Our own probe fails on purpose all the time: it stands in no count, no history and no log.
        let ours = id.is_our_own();
        if !ours {
            self.deps.metrics.runs.with_label_values(&[run.outcome.as_str(), kind]).inc();
        }
        let Some(probe) = self.probes.get_mut(id).filter(|p| p.making == making) else { return };
        let was_known = probe.detector.current().is_some();
        let was_up = probe.detector.current().is_none_or(|v| v.level != Level::Down);
        let step = probe.detector.observe(&run, ended);
        let is_new = run.outcome == Outcome::Down && was_up;
        let parents = if is_new { probe.depends_on.clone() } else { Vec::new() };
        for reply in probe.asked_now.drain(..) {
            drop(reply.send(run.clone())); // who asked may have gone
        }
        let run = Arc::new(run);
        self.deps.live.probes.record(Arc::clone(&run), probe.detector.current().map(|v| v.level));
        if !ours {
            self.history.tell(run);
        }
        if let Some(verdict) = step.verdict {
            if !ours && (was_known || verdict.level != Level::Up) {
                tracing::info!(probe.id = %id, level = %verdict.level, kind, "probe {id} is {}", verdict.level);
            }
            self.deps.inbox.tell_verdict(verdict);
        }
        match step.confirm_after {
            Some(after) => self.timetable.confirm(id.clone(), Instant::now() + after.duration()),
            None => self.timetable.forget_confirm(id),
        }
        self.look_at_parents(&parents);
    }
}

impl Probe {
    fn new(spec: &ProbeSpec, runner: Runner, fingerprint: u64, making: u64) -> Self {
        Self {
            fingerprint,
            making,
            every: spec.every.duration(),
            runner: Arc::new(runner),
            detector: Detector::new(spec.detect),
            depends_on: Vec::new(),
            looked_at: None,
            is_free: true,
            is_running: false,
            is_waiting: false,
            asked_now: Vec::new(),
            asked_next: Vec::new(),
        }
    }
}

/// A number that is the same for the same probe, secrets included.
fn fingerprint(spec: &ProbeSpec) -> u64 {
    struct Hash(DefaultHasher);
    impl fmt::Write for Hash {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut hash = Hash(DefaultHasher::new());
    let mut secret = |text: &str| {
        hash.0.write(text.as_bytes());
        hash.0.write_u8(0xff); // no UTF-8 text holds it, so that two texts differ from one
    };
    match &spec.check {
        Check::Http(check) => {
            let values = check.headers.iter().map(|(_, value)| value);
            values.chain(&check.body).chain(&check.authorization).for_each(|value| secret(value.reveal()));
        }
        Check::Heartbeat { token } => secret(token.reveal()),
        Check::Tcp(_) => (),
    }
    write!(hash, "{spec:?}").expect("hashing cannot fail");
    hash.0.finish()
}

/// How many runs fit into the descriptors that this process may open.
fn runs_at_a_time() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).and_then(|soft| soft.parse::<usize>().ok());
    let (least, most) = RUNS_AT_A_TIME;
    soft.map_or(most, |soft| soft.saturating_sub(DESCRIPTORS_SPARED).clamp(least, most))
}
