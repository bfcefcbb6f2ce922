//! The process: it starts, takes in what waits, obeys the pump, is reloaded, and dies.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use watchbell_engine::commit::Commit;
use watchbell_engine::detect::{DetectRule, Detector};
use watchbell_engine::ids::{Epoch, InputId, ProbeId, SendId};
use watchbell_engine::input::{Envelope, Input};
use watchbell_engine::observation::Verdict;
use watchbell_engine::pump::{BATCH, Command, Pump};
use watchbell_engine::schedule::Schedule;
use watchbell_engine::time::{Millis, shifted};
use watchbell_engine::view::LiveView;

use crate::check::{Rule, view_agrees};
use crate::plant::Plant;
use crate::script::{CrashPoint, Setup, StoreMode};
use crate::world::{Event, World};

/// How soon a start that found no store is tried again.
const RESTARTS_AFTER: Millis = Millis::secs(2);

/// More than this at one instant is a loop.
const ROUNDS: usize = 1_000;

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) epoch: u64,
    pub(crate) pump: Pump,
    /// What waits to be decided.
    pub(crate) inbox: VecDeque<(Option<u64>, Envelope)>,
    /// One settled verdict for each probe, the newest.
    pub(crate) verdicts: BTreeMap<ProbeId, Verdict>,
    /// What waits for the commit in flight and then goes first.
    pub(crate) orders: VecDeque<Order>,
    pub(crate) commit: Option<Arc<Commit>>,
    pub(crate) watches_commit: bool,
    pub(crate) detectors: BTreeMap<ProbeId, (DetectRule, Detector)>,
    pub(crate) schedule: Schedule,
    pub(crate) running: BTreeSet<ProbeId>,
    pub(crate) confirming: BTreeSet<ProbeId>,
    /// Which ask waits for the answer with this tag.
    pub(crate) asked: BTreeMap<u64, usize>,
    /// Sends that left before they were durable.
    pub(crate) unrecorded: BTreeSet<SendId>,
    pub(crate) view: LiveView,
}

/// Something that goes before all inputs.
#[derive(Debug)]
pub(crate) enum Order {
    Reload(Setup),
    Clock(i64),
}

impl World {
    /// The process starts, unless there is no store.
    pub(crate) fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        match self.store.mode {
            StoreMode::Works | StoreMode::SaysNothing => {}
            StoreMode::Fails | StoreMode::Hangs => return self.push(RESTARTS_AFTER, Event::Start),
        }
        self.store.epoch = Epoch(self.store.epoch.0 + 1);
        self.disturbed();
        let (epoch, state, unfinished) = (self.store.epoch, self.store.recover(), self.store.unfinished());
        let state = self.planted_start(state);
        if state != self.store.state {
            self.violated(Rule::Replay, "a start folds another state than the one that was committed");
        }
        self.log.say(self.now(), format!("watchbell starts, {} messages unfinished", unfinished.len()));
        self.catalogs.add(&self.setup.catalog);
        let catalog = self.planted_catalog(&self.setup.catalog);
        self.process = Some(Process {
            epoch: epoch.0,
            pump: Pump::new(state, epoch, catalog),
            inbox: VecDeque::new(),
            verdicts: BTreeMap::new(),
            orders: VecDeque::new(),
            commit: None,
            watches_commit: false,
            detectors: BTreeMap::new(),
            schedule: Schedule::new(),
            running: BTreeSet::new(),
            confirming: BTreeSet::new(),
            asked: BTreeMap::new(),
            unrecorded: BTreeSet::new(),
            view: LiveView::default(),
        });
        self.schedule_probes();
        self.with_pump(|pump, now| pump.take_over(now, unfinished));
    }

    /// The process dies: what it held in memory is gone, and what it had handed out is in doubt.
    pub(crate) fn crash(&mut self, down_for: Millis) {
        let Some(process) = self.process.take() else { return };
        self.armed = None;
        self.log.say(self.now(), format!("watchbell dies for {down_for}"));
        let in_doubt: BTreeSet<SendId> =
            self.store.unfinished.keys().copied().chain(process.unrecorded.iter().copied()).collect();
        self.watch.doubles.allow_again(&in_doubt);
        self.disturbed();
        self.push(down_for, Event::Start);
    }

    /// Dies if it is to die here, or by chance.
    pub(crate) fn dies_at(&mut self, point: CrashPoint) -> bool {
        let planned = self.armed.filter(|(when, _)| *when == point).map(|(_, down_for)| down_for);
        let by_chance = planned.is_none() && self.by_ratio(|f| f.crashes);
        let Some(down_for) = planned.or_else(|| by_chance.then(|| self.down_by_chance())) else { return false };
        self.crash(down_for);
        true
    }

    /// Most come back at once, some after minutes.
    fn down_by_chance(&mut self) -> Millis {
        let long = self.rng.chance(20);
        Millis(if long { self.rng.between(10_000, 180_000) } else { self.rng.between(200, 3_000) })
    }

    pub(crate) fn set_clock(&mut self, by_ms: i64) {
        self.disturbed();
        match &mut self.process {
            Some(process) => process.orders.push_back(Order::Clock(by_ms)),
            None => self.ahead_ms += by_ms,
        }
    }

    pub(crate) fn reload(&mut self, setup: Setup) {
        self.disturbed();
        self.setup = setup.clone();
        self.catalogs.add(&setup.catalog);
        if let Some(process) = &mut self.process {
            process.orders.push_back(Order::Reload(setup));
        }
    }

    /// When the process wants to do something by itself, in steady time.
    pub(crate) fn process_wakes(&self) -> Option<Timestamp> {
        let process = self.process.as_ref()?;
        let wake = || Some(shifted(process.pump.next_wake()?.0, -self.ahead_ms).max(self.steady));
        let may_wake = process.commit.is_none() && self.plant != Some(Plant::NeverWakes);
        let wake = if may_wake { wake() } else { None };
        [wake, process.schedule.next_due()].into_iter().flatten().min()
    }

    /// Takes in what waits, as long as no commit is under way.
    pub(crate) fn serve(&mut self) {
        for _ in 0..ROUNDS {
            let now = self.now();
            let Some(process) = self.process.as_mut().filter(|p| p.commit.is_none()) else { return };
            if let Some(order) = process.orders.pop_front() {
                self.follow(order);
                continue;
            }
            let due =
                self.plant != Some(Plant::NeverWakes) && process.pump.next_wake().is_some_and(|(at, _)| at <= now);
            if process.inbox.is_empty() && process.verdicts.is_empty() && !due {
                return;
            }
            let count = process.inbox.len().min(BATCH);
            let mut batch: Vec<_> = process.inbox.drain(..count).collect();
            batch.extend(process.take_verdicts());
            self.with_pump(|pump, now| pump.take(now, batch));
        }
        self.violated(Rule::InOrder, "the pump does not come to rest");
        self.process = None;
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::Clock(by_ms) => {
                self.ahead_ms += by_ms;
                let id = InputId::from(format!("clock-{}", self.now().as_microsecond()));
                let told = vec![(None, Envelope { id, input: Input::ClockStepped { by_ms } })];
                self.with_pump(|pump, now| pump.take(now, told));
            }
            Order::Reload(setup) => {
                self.schedule_probes();
                let catalog = self.planted_catalog(&setup.catalog);
                self.with_pump(|pump, now| pump.reload(now, catalog));
            }
        }
    }

    /// Asks the pump and does what it says.
    pub(crate) fn with_pump(&mut self, ask: impl FnOnce(&mut Pump, Timestamp) -> Vec<Command>) {
        let now = self.now();
        let Some(process) = &mut self.process else { return };
        let epoch = process.epoch;
        let commands = ask(&mut process.pump, now);
        for command in commands {
            if !self.is_alive(epoch) {
                return; // it died over the one before
            }
            match command {
                Command::Commit(commit) => self.begin_commit(commit),
                Command::Release { messages, recorded } => self.release(messages, recorded),
                Command::Answer(tag, answer) if !self.dies_at(CrashPoint::BeforeAnswer) => self.answered(tag, &answer),
                Command::Answer(..) => {}
                Command::Publish(view) => self.publish((*view).clone()),
            }
        }
    }

    fn publish(&mut self, view: LiveView) {
        let wrong = view_agrees::contradicts_itself(&view);
        wrong.into_iter().for_each(|text| self.violated(Rule::ViewAgrees, text));
        if self.plant == Some(Plant::ViewNotPublished) {
            return;
        }
        if let Some(process) = &mut self.process {
            process.view = view;
        }
    }
}

impl Process {
    /// What may come in while a commit is under way: reports and verdicts.
    pub(crate) fn take_urgent(&mut self) -> Vec<(Option<u64>, Envelope)> {
        let inbox = std::mem::take(&mut self.inbox);
        let is_report = |(_, e): &(Option<u64>, Envelope)| matches!(e.input, Input::Report(_));
        let (reports, others): (VecDeque<_>, VecDeque<_>) = inbox.into_iter().partition(is_report);
        self.inbox = others;
        reports.into_iter().chain(self.take_verdicts()).collect()
    }

    /// Empties the mailboxes.
    pub(crate) fn take_verdicts(&mut self) -> Vec<(Option<u64>, Envelope)> {
        let verdicts = std::mem::take(&mut self.verdicts);
        let envelope = |v: Verdict| Envelope {
            id: InputId::from(format!("verdict-{}-{}", v.probe, v.confirmed.as_microsecond())),
            input: Input::Verdict(v),
        };
        verdicts.into_values().map(|v| (None, envelope(v))).collect()
    }
}
