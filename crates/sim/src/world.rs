//! The world: one queue of what is to happen, in steady time, and the loop that lets it happen.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use watchbell_engine::fact::Fact;
use watchbell_engine::ids::{ChannelId, PageId, PersonId, ProbeId};
use watchbell_engine::input::SendReport;
use watchbell_engine::observation::Observation;
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::state::State;
use watchbell_engine::time::{Millis, after, shifted};

use crate::ask::Ask;
use crate::check::{Catalogs, Rule, Violation, Watch};
use crate::commits::StoreAnswer;
use crate::log::Log;
use crate::plant::Plant;
use crate::process::Process;
use crate::rng::Rng;
use crate::script::{CrashPoint, Faults, Habit, Happening, Health, Mode, Night, Setup, StoreMode};
use crate::store::Store;

/// How often the world is looked at for what must not be.
const LOOK_EVERY: Millis = Millis::secs(5);

/// How long everything has to come to rest once nothing is broken any more.
const SETTLES_WITHIN: Millis = Millis::mins(20);

/// What is in the queue. What belongs to a process carries its epoch, and dies with it.
#[derive(Debug)]
pub(crate) enum Event {
    Happens(Box<Happening>),
    /// The process is started.
    Start,
    RunEnds {
        epoch: u64,
        run: Box<Observation>,
    },
    Confirm {
        epoch: u64,
        probe: ProbeId,
    },
    StoreWrites {
        epoch: u64,
    },
    StoreAnswers {
        epoch: u64,
        answer: StoreAnswer,
    },
    RetryCommit {
        epoch: u64,
    },
    LookForDistress {
        epoch: u64,
    },
    HandOver {
        epoch: u64,
        message: Box<Outgoing>,
    },
    Report {
        epoch: u64,
        report: Box<SendReport>,
    },
    /// A message leaves that lay about; see [`crate::plant`].
    Release {
        epoch: u64,
        message: Box<Outgoing>,
    },
    /// A message that its provider was late with.
    Arrives(Box<Outgoing>),
    AskAgain(usize),
    /// Somebody looks at the world.
    Look,
}

/// Something that reached somebody.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// What.
    pub message: Outgoing,
}

/// The world.
#[derive(Debug)]
pub struct World {
    /// Every message that reached somebody, in order.
    pub arrivals: Vec<Arrival>,
    /// The store.
    pub store: Store,
    /// What must not have been, and was.
    pub violations: Vec<Violation>,
    pub(crate) setup: Setup,
    pub(crate) catalogs: Catalogs,
    /// Steady time: never set, never backwards.
    pub(crate) steady: Timestamp,
    /// The wall clock against steady time.
    pub(crate) ahead_ms: i64,
    pub(crate) rng: Rng,
    pub(crate) faults: Option<Faults>,
    pub(crate) plant: Option<Plant>,
    pub(crate) targets: BTreeMap<ProbeId, Health>,
    pub(crate) modes: BTreeMap<(ChannelId, Option<PersonId>), Mode>,
    pub(crate) habits: BTreeMap<PersonId, Habit>,
    /// Pages that somebody has answered, or is about to.
    pub(crate) read: BTreeSet<PageId>,
    pub(crate) process: Option<Process>,
    pub(crate) armed: Option<(CrashPoint, Millis)>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) log: Log,
    pub(crate) watch: Watch,
    queue: BTreeMap<(Timestamp, u64), Event>,
    queued: u64,
    end: Timestamp,
}

impl World {
    /// The world at the beginning of a night.
    pub fn new(night: Night) -> Self {
        let end = after(night.start, night.lasts);
        let mut world = Self {
            arrivals: Vec::new(),
            store: Store::default(),
            violations: Vec::new(),
            catalogs: Catalogs::default(),
            setup: night.setup,
            steady: night.start,
            ahead_ms: 0,
            rng: Rng::new(night.seed),
            faults: night.faults,
            plant: night.plant,
            targets: BTreeMap::new(),
            modes: BTreeMap::new(),
            habits: BTreeMap::new(),
            read: BTreeSet::new(),
            process: None,
            armed: None,
            asks: Vec::new(),
            log: Log::default(),
            watch: Watch::default(),
            queue: BTreeMap::new(),
            queued: 0,
            end,
        };
        world.push(Millis::ZERO, Event::Start);
        world.push(LOOK_EVERY, Event::Look);
        for (at, happening) in night.events {
            world.push(at, Event::Happens(Box::new(happening)));
        }
        world.store.begin_with(night.start, night.before);
        world
    }

    /// Lives through the night.
    pub fn run(&mut self) {
        self.run_until(self.end);
    }

    /// Mends everything that is broken, and lives on until all has come to rest; how long that was.
    pub fn heal(&mut self) -> Millis {
        self.faults = None;
        self.armed = None;
        self.modes.clear();
        self.store.mode = StoreMode::Works;
        self.targets.clear();
        self.watch.paging.mended();
        self.disturbed();
        if self.process.is_none() {
            self.push(Millis::ZERO, Event::Start);
        }
        self.end = after(self.steady, SETTLES_WITHIN);
        self.run_until(self.end);
        self.has_settled();
        SETTLES_WITHIN
    }

    /// The story, minute by minute, in the configuration's time zone.
    pub fn timeline(&self) -> String {
        self.log.text(&self.setup.catalog.zone)
    }

    /// Every fact that is durable.
    pub fn facts(&self) -> &[Fact] {
        &self.store.facts
    }

    /// The durable state.
    pub fn state(&self) -> &State {
        &self.store.state
    }

    /// The configurations there were.
    pub fn catalogs(&self) -> &Catalogs {
        &self.catalogs
    }

    /// What the process takes for now.
    pub(crate) fn now(&self) -> Timestamp {
        shifted(self.steady, self.ahead_ms)
    }

    pub(crate) fn push(&mut self, wait: Millis, event: Event) {
        self.queued += 1;
        self.queue.insert((after(self.steady, wait), self.queued), event);
    }

    /// What must not be.
    pub(crate) fn violated(&mut self, rule: Rule, text: impl Into<String>) {
        let violation = Violation { rule, at: self.now(), text: text.into() };
        self.log.say(self.now(), format!("VIOLATED {violation}"));
        self.violations.push(violation);
    }

    /// Whether a fault of this kind strikes now.
    pub(crate) fn by_ratio(&mut self, of: impl Fn(&Faults) -> u64) -> bool {
        self.faults.is_some_and(|faults| self.rng.ratio(of(&faults)))
    }

    /// A length of time by chance; the usual one in a night without chaos.
    pub(crate) fn takes(&mut self, usual_ms: u64, from_ms: u64, to_ms: u64) -> Millis {
        Millis(if self.faults.is_some() { self.rng.between(from_ms, to_ms) } else { usual_ms })
    }

    fn run_until(&mut self, end: Timestamp) {
        loop {
            self.serve();
            let queued = self.queue.keys().next().map(|(at, _)| *at);
            let Some(next) = [queued, self.process_wakes()].into_iter().flatten().min().filter(|at| *at <= end) else {
                self.steady = end;
                return;
            };
            self.steady = self.steady.max(next);
            if queued == Some(next)
                && let Some((_, event)) = self.queue.pop_first()
            {
                self.take(event);
            }
            self.start_due_runs();
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Happens(happening) => self.happens(*happening),
            Event::Start => self.start(),
            Event::RunEnds { epoch, run } if self.is_alive(epoch) => self.run_ends(&run),
            Event::Confirm { epoch, probe } if self.is_alive(epoch) => self.confirm(&probe),
            Event::StoreWrites { epoch } if self.is_alive(epoch) => self.store_writes(),
            Event::StoreAnswers { epoch, answer } if self.is_alive(epoch) => self.store_answers(answer),
            Event::RetryCommit { epoch } if self.is_alive(epoch) => self.retry_commit(),
            Event::LookForDistress { epoch } if self.is_alive(epoch) => self.look_for_distress(),
            Event::Release { epoch, message } if self.is_alive(epoch) => self.let_go(vec![*message], true),
            Event::HandOver { epoch, message } if self.is_alive(epoch) => self.hand_over(*message),
            Event::Report { epoch, report } if self.is_alive(epoch) => self.report(*report),
            Event::Arrives(message) => self.arrives(*message),
            Event::AskAgain(ask) => self.ask(ask),
            Event::Look => {
                self.look();
                self.push(LOOK_EVERY, Event::Look);
            }
            // It died with its process.
            Event::RunEnds { .. }
            | Event::Confirm { .. }
            | Event::StoreWrites { .. }
            | Event::StoreAnswers { .. }
            | Event::RetryCommit { .. }
            | Event::LookForDistress { .. }
            | Event::HandOver { .. }
            | Event::Release { .. }
            | Event::Report { .. } => {}
        }
    }

    pub(crate) fn is_alive(&self, epoch: u64) -> bool {
        self.process.as_ref().is_some_and(|p| p.epoch == epoch)
    }

    fn happens(&mut self, happening: Happening) {
        if let Some(told) = crate::tell::happening(&happening) {
            self.log.say(self.now(), told);
        }
        match happening {
            Happening::Target { probe, health } => {
                self.watch.paging.target_changed(&probe, self.steady);
                self.targets.insert(probe, health);
            }
            Happening::Signal(signal) => self.ask_anew(Ask::signal(signal)),
            Happening::Beat { probe, beat } => self.ask_anew(Ask::beat(probe, beat)),
            Happening::Act { person, deed } => self.act(&person, deed),
            Happening::Channel { channel, person, mode } => {
                self.modes.insert((channel, person), mode);
                self.disturbed();
            }
            Happening::Habit { person, habit } => {
                self.habits.insert(person, habit);
            }
            Happening::Crash { when: CrashPoint::Now, down_for } => self.crash(down_for),
            Happening::Crash { when, down_for } => self.armed = Some((when, down_for)),
            Happening::Store(mode) => {
                self.store.mode = mode;
                self.disturbed();
            }
            Happening::Clock { by_ms } => self.set_clock(by_ms),
            Happening::Reload(setup) => self.reload(setup),
        }
    }
}
