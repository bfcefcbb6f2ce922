//! The writer: takes runs in at once, writes them in batches, and forgets what is too old.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntCounter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use watchbell_engine::observation::Observation;
use watchbell_engine::word::Outcome;

use super::fold::{Entry, Failure, Fold, Interval, Minute, Run};
use super::retain;
use crate::store::db::{Db, Tx, insert};

/// Rows of one batch.
const BATCH: usize = 500;

/// Rows that may wait while the database is slow or away: some 10 MB, and two minutes of 400 runs a second.
const WAITING: usize = 50_000;

/// How long a row waits for company.
const LINGER: Duration = Duration::from_secs(1);

/// How often minutes and intervals are settled and old rows deleted, in ticks of [`LINGER`].
const SETTLE_EVERY: u32 = 60;

/// A row with what it takes to forget it: successes go first.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    successes: VecDeque<Run>,
    others: VecDeque<Entry>,
}

impl Waiting {
    /// Adds rows and says how many had to be dropped for them: the oldest successes, and only when none
    /// of those is left the oldest of the rest.
    pub(super) fn add(&mut self, entries: Vec<Entry>, at_most: usize) -> u64 {
        for entry in entries {
            match entry {
                Entry::Run(run) if run.outcome == Outcome::Up => self.successes.push_back(run),
                Entry::Run(_) | Entry::Failure(_) | Entry::Minute(_) | Entry::Interval(_) => {
                    self.others.push_back(entry);
                }
            }
        }
        let mut dropped = 0;
        while self.len() > at_most {
            if self.successes.pop_front().is_none() {
                self.others.pop_front();
            }
            dropped += 1;
        }
        dropped
    }

    /// Takes out the next batch.
    pub(super) fn batch(&mut self) -> Vec<Entry> {
        let others = self.others.len().min(BATCH);
        let mut batch: Vec<Entry> = self.others.drain(..others).collect();
        let successes = self.successes.len().min(BATCH - others);
        batch.extend(self.successes.drain(..successes).map(Entry::Run));
        batch
    }

    pub(super) fn len(&self) -> usize {
        self.successes.len() + self.others.len()
    }
}

/// What a batch came to; the rows come back when they could not be written.
pub(super) type Written = Result<(), Vec<Entry>>;

/// The writer's memory.
#[derive(Debug)]
pub(super) struct Writer {
    db: Db,
    dropped: IntCounter,
    stop: CancellationToken,
    fold: Fold,
    waiting: Waiting,
    /// The batch under way.
    flight: Option<JoinHandle<Written>>,
    /// The last batch failed; said once in the log.
    failing: bool,
    /// The next batch is followed by forgetting what is too old.
    forget: bool,
    /// Probes that failed since that was done last.
    failed: BTreeSet<String>,
}

impl Writer {
    pub(super) fn new(db: Db, dropped: IntCounter, stop: CancellationToken) -> Self {
        Self {
            db,
            dropped,
            stop,
            fold: Fold::default(),
            waiting: Waiting::default(),
            flight: None,
            failing: false,
            forget: false,
            failed: BTreeSet::new(),
        }
    }

    /// Runs until it is told to stop, then writes what is left.
    pub(super) async fn run(mut self, mut runs: mpsc::Receiver<Arc<Observation>>) {
        let recovery = {
            let db = self.db.clone();
            tokio::spawn(async move {
                if let Err(error) = retain::recover(&db).await {
                    tracing::warn!(%error, "the history of before the start could not be settled");
                }
                Ok(())
            })
        };
        // Nothing is written before the past is settled; runs are taken in all the same.
        self.flight = Some(recovery);
        let mut tick = tokio::time::interval(LINGER);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        let mut buffer = Vec::with_capacity(BATCH);
        loop {
            buffer.clear();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                written = landed(&mut self.flight) => self.landed(written),
                _ = tick.tick() => {
                    ticks = (ticks + 1) % SETTLE_EVERY;
                    if ticks == 0 {
                        let settled = self.fold.settle();
                        self.hold(settled);
                        self.forget = true;
                    }
                    self.depart();
                }
                taken = runs.recv_many(&mut buffer, BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    self.take(&buffer);
                    if self.waiting.len() >= BATCH && !self.failing {
                        self.depart();
                    }
                }
            }
        }
        self.finish(runs).await;
    }

    pub(super) fn take(&mut self, runs: &[Arc<Observation>]) {
        for run in runs {
            let entries = self.fold.take(run);
            self.hold(entries);
        }
    }

    /// How many rows wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The batch under way.
    #[cfg(test)]
    pub(super) fn flight(&mut self) -> &mut Option<JoinHandle<Written>> {
        &mut self.flight
    }

    fn hold(&mut self, entries: Vec<Entry>) {
        let dropped = self.waiting.add(entries, WAITING);
        self.dropped.inc_by(dropped);
    }

    /// Sends the next batch off, where none is under way.
    pub(super) fn depart(&mut self) {
        if self.flight.is_some() || self.waiting.len() == 0 {
            return;
        }
        let batch = self.waiting.batch();
        self.failed.extend(probes_that_failed(&batch));
        let forget = std::mem::take(&mut self.forget).then(|| std::mem::take(&mut self.failed));
        let (db, newest) = (self.db.clone(), self.fold.newest());
        self.flight = Some(tokio::spawn(async move {
            if let Err(error) = write(&db, &batch).await {
                tracing::debug!(%error, "a batch of history could not be written");
                return Err(batch);
            }
            if let (Some(newest), Some(failed)) = (newest, forget)
                && let Err(error) = retain::forget(&db, newest, &failed).await
            {
                tracing::debug!(%error, "old history could not be deleted");
            }
            Ok(())
        }));
    }

    pub(super) fn landed(&mut self, written: Written) {
        self.flight = None;
        match written {
            Ok(()) => {
                if std::mem::replace(&mut self.failing, false) {
                    tracing::info!("history is being written again");
                }
                if self.waiting.len() >= BATCH {
                    self.depart();
                }
            }
            Err(batch) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!("history cannot be written; probing and paging go on, it is tried every second");
                }
                // Back in front of what came meanwhile.
                let later = std::mem::take(&mut self.waiting);
                self.hold(batch);
                self.waiting.successes.extend(later.successes);
                self.waiting.others.extend(later.others);
                self.hold(Vec::new());
            }
        }
    }

    async fn finish(mut self, mut runs: mpsc::Receiver<Arc<Observation>>) {
        runs.close();
        while let Some(run) = runs.recv().await {
            self.take(&[run]);
        }
        let last = self.fold.finish();
        self.hold(last);
        loop {
            if self.flight.is_some() {
                let written = landed(&mut self.flight).await;
                self.landed(written);
            }
            if self.failing || self.waiting.len() == 0 {
                break;
            }
            self.depart();
        }
        if self.waiting.len() > 0 {
            self.dropped.inc_by(self.waiting.len() as u64);
        }
    }
}

/// Waits for the batch under way; for ever where there is none.
pub(super) async fn landed(flight: &mut Option<JoinHandle<Written>>) -> Written {
    match flight {
        // A batch that panicked is lost; the next one tries anew.
        Some(handle) => handle.await.unwrap_or(Ok(())),
        None => std::future::pending().await,
    }
}

fn probes_that_failed(batch: &[Entry]) -> impl Iterator<Item = String> {
    batch.iter().filter_map(|entry| match entry {
        Entry::Failure(failure) => Some(failure.probe.to_string()),
        Entry::Run(_) | Entry::Minute(_) | Entry::Interval(_) => None,
    })
}

/// Writes a batch, all or nothing.
pub(super) async fn write(db: &Db, batch: &[Entry]) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    match rows(&mut tx, batch).await {
        Ok(()) => tx.commit().await,
        Err(error) => {
            tx.rollback().await?;
            Err(error)
        }
    }
}

async fn rows(tx: &mut Tx, batch: &[Entry]) -> Result<(), sqlx::Error> {
    let (mut runs, mut failures, mut minutes, mut intervals) = (vec![], vec![], BTreeMap::new(), BTreeMap::new());
    for entry in batch {
        match entry {
            Entry::Run(run) => runs.push(run_row(run)),
            Entry::Failure(Failure { probe, at_us, body }) => {
                failures.push([probe.as_str().into(), (*at_us).into(), body.as_str().into()]);
            }
            Entry::Minute(minute) => {
                minutes.entry((&minute.probe, minute.minute_us)).or_insert_with(Vec::new).push(minute);
            }
            // The newest row of an interval says it all.
            Entry::Interval(interval) => {
                intervals.insert((&interval.probe, interval.from_us), interval_row(interval));
            }
        }
    }
    const RUNS: &str = "INSERT INTO runs (probe, at_us, outcome, kind, total_us) VALUES";
    insert::<5>(tx, RUNS, runs, "").await?;
    insert::<3>(tx, "INSERT INTO failures (probe, at_us, body) VALUES", failures, "").await?;
    insert::<9>(tx, MINUTES, minutes.into_values().map(|parts| minute_row(&parts)).collect(), MINUTES_AGAIN).await?;
    insert::<5>(tx, INTERVALS, intervals.into_values().collect(), INTERVALS_AGAIN).await
}

const MINUTES: &str =
    "INSERT INTO minutes (probe, minute_us, up, degraded, down, inconclusive, timed, total_us, max_us) VALUES";

/// Parts of a minute add up.
const MINUTES_AGAIN: &str = "ON CONFLICT (probe, minute_us) DO UPDATE SET up = minutes.up + excluded.up,
    degraded = minutes.degraded + excluded.degraded, down = minutes.down + excluded.down,
    inconclusive = minutes.inconclusive + excluded.inconclusive, timed = minutes.timed + excluded.timed,
    total_us = minutes.total_us + excluded.total_us,
    max_us = CASE WHEN excluded.max_us > minutes.max_us THEN excluded.max_us ELSE minutes.max_us END";

pub(super) const INTERVALS: &str = "INSERT INTO intervals (probe, from_us, to_us, seen_us, outcome) VALUES";

pub(super) const INTERVALS_AGAIN: &str =
    "ON CONFLICT (probe, from_us) DO UPDATE SET to_us = excluded.to_us, seen_us = excluded.seen_us";

type Value = crate::store::db::Value;

fn run_row(run: &Run) -> [Value; 5] {
    [
        run.probe.as_str().into(),
        run.at_us.into(),
        run.outcome.as_str().into(),
        run.kind.map(|kind| kind.as_str().to_string()).into(),
        run.total_us.into(),
    ]
}

/// One row for all parts of a minute: a row cannot be touched twice in one statement.
fn minute_row(parts: &[&Minute]) -> [Value; 9] {
    let sum = |field: fn(&Minute) -> i64| -> i64 { parts.iter().map(|part| field(part)).sum() };
    let first = parts.first().expect("a minute is grouped from at least one part");
    [
        first.probe.as_str().into(),
        first.minute_us.into(),
        sum(|m| m.counts.up).into(),
        sum(|m| m.counts.degraded).into(),
        sum(|m| m.counts.down).into(),
        sum(|m| m.counts.inconclusive).into(),
        sum(|m| m.counts.timed).into(),
        sum(|m| m.counts.total_us).into(),
        parts.iter().map(|part| part.counts.max_us).max().unwrap_or(0).into(),
    ]
}

pub(super) fn interval_row(interval: &Interval) -> [Value; 5] {
    [
        interval.probe.as_str().into(),
        interval.from_us.into(),
        interval.to_us.into(),
        interval.seen_us.into(),
        interval.outcome.as_str().into(),
    ]
}
