//! From single runs to what is written of them. Pure: no clock, no database.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::observation::{Evidence, Observation};
use watchbell_engine::time::micros;
use watchbell_engine::word::{FailureKind, Outcome};

use crate::store::db::json;

/// One minute, microseconds.
pub(super) const MINUTE_US: i64 = 60_000_000;

/// After this long without a run, and three times the usual distance, nothing is known any more.
const SILENT_US: i64 = 60_000_000;

/// A probe that did not run for this long is forgotten here; a daily one, and a late one at that, is not.
const FORGOTTEN_US: i64 = 26 * 60 * MINUTE_US;

/// The usual distance of runs is the largest of this many: confirmation runs follow each other closely.
const DISTANCES: usize = 8;

/// One row to write.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    Run(Run),
    Failure(Failure),
    Minute(Minute),
    Interval(Interval),
}

/// A run, in short.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) probe: ProbeId,
    pub(super) at_us: i64,
    pub(super) outcome: Outcome,
    pub(super) kind: Option<FailureKind>,
    pub(super) total_us: Option<i64>,
}

/// A run that was not up: the whole observation, or without its evidence.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) probe: ProbeId,
    pub(super) at_us: i64,
    pub(super) body: String,
}

/// A minute of a probe, or a part of it; parts add up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Minute {
    pub(super) probe: ProbeId,
    pub(super) minute_us: i64,
    pub(super) counts: Counts,
}

/// What happened in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) up: i64,
    pub(super) degraded: i64,
    pub(super) down: i64,
    pub(super) inconclusive: i64,
    /// How many runs had a total.
    pub(super) timed: i64,
    pub(super) total_us: i64,
    pub(super) max_us: i64,
}

/// A span in which every run found the same; open where `to_us` is missing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) probe: ProbeId,
    pub(super) from_us: i64,
    pub(super) to_us: Option<i64>,
    pub(super) seen_us: i64,
    pub(super) outcome: Outcome,
}

/// What the writer remembers of each probe.
#[derive(Debug, Default)]
pub(super) struct Fold {
    probes: BTreeMap<ProbeId, Track>,
    newest_us: Option<i64>,
}

#[derive(Debug)]
struct Track {
    /// What the last failing run of the present streak was; `None` while it is up.
    streak: Option<(Outcome, Option<FailureKind>)>,
    open: Option<Open>,
    last_us: i64,
    distances: [i64; DISTANCES],
    next_distance: usize,
    minute_us: i64,
    counts: Counts,
}

#[derive(Debug)]
struct Open {
    outcome: Outcome,
    from_us: i64,
    /// Something came since the row was written.
    stale: bool,
}

impl Fold {
    /// Takes in a run and says what is to be written.
    pub(super) fn take(&mut self, run: &Observation) -> Vec<Entry> {
        let at_us = micros(run.at);
        self.newest_us = self.newest_us.max(Some(at_us));
        let total_us = run.phases_ms.total.filter(|ms| ms.is_finite()).map(|ms| (ms * 1_000.0) as i64);
        let mut out =
            vec![Entry::Run(Run { probe: run.probe.clone(), at_us, outcome: run.outcome, kind: run.kind, total_us })];
        let track = self.probes.entry(run.probe.clone()).or_insert_with(|| Track::new(at_us));
        if let Some(full) = track.failing(run) {
            out.push(Entry::Failure(Failure { probe: run.probe.clone(), at_us, body: failure_body(run, full) }));
        }
        out.extend(track.count(&run.probe, at_us, run.outcome, total_us));
        out.extend(track.extend(&run.probe, at_us, run.outcome));
        out
    }

    /// Once a minute: minutes that are over, intervals that went on, and those of probes that fell silent.
    pub(super) fn settle(&mut self) -> Vec<Entry> {
        let Some(now_us) = self.newest_us else { return Vec::new() };
        let mut out = Vec::new();
        for (probe, track) in &mut self.probes {
            if track.minute_us < minute_of(now_us) {
                out.extend(track.take_minute(probe));
            }
            if now_us - track.last_us > track.silent_after() {
                out.extend(track.close(probe));
            } else {
                out.extend(track.refresh(probe));
            }
        }
        // A slow probe must be remembered between its runs, one that is gone for good need not be.
        self.probes.retain(|_, track| now_us - track.last_us < FORGOTTEN_US);
        out
    }

    /// At the end: everything that is still open ends with its last run.
    pub(super) fn finish(&mut self) -> Vec<Entry> {
        let mut out = Vec::new();
        for (probe, track) in &mut self.probes {
            out.extend(track.take_minute(probe));
            out.extend(track.close(probe));
        }
        self.probes.clear();
        out
    }

    /// The newest run: what retention counts from.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.newest_us.and_then(watchbell_engine::time::from_micros)
    }
}

impl Track {
    fn new(at_us: i64) -> Self {
        Self {
            streak: None,
            open: None,
            last_us: at_us,
            distances: [0; DISTANCES],
            next_distance: 0,
            minute_us: minute_of(at_us),
            counts: Counts::default(),
        }
    }

    /// `None` for a good run; else whether it is kept with its evidence: the first of a streak, and each
    /// change of outcome or kind.
    fn failing(&mut self, run: &Observation) -> Option<bool> {
        if run.outcome == Outcome::Up {
            self.streak = None;
            return None;
        }
        let found = Some((run.outcome, run.kind));
        Some(std::mem::replace(&mut self.streak, found) != found)
    }

    fn count(&mut self, probe: &ProbeId, at_us: i64, outcome: Outcome, total_us: Option<i64>) -> Option<Entry> {
        let over = if minute_of(at_us) == self.minute_us { None } else { self.take_minute(probe) };
        self.minute_us = minute_of(at_us);
        match outcome {
            Outcome::Up => self.counts.up += 1,
            Outcome::Degraded => self.counts.degraded += 1,
            Outcome::Down => self.counts.down += 1,
            Outcome::Inconclusive => self.counts.inconclusive += 1,
        }
        if let Some(total_us) = total_us {
            self.counts.timed += 1;
            self.counts.total_us += total_us;
            self.counts.max_us = self.counts.max_us.max(total_us);
        }
        over
    }

    fn take_minute(&mut self, probe: &ProbeId) -> Option<Entry> {
        let counts = std::mem::take(&mut self.counts);
        (counts != Counts::default())
            .then(|| Entry::Minute(Minute { probe: probe.clone(), minute_us: self.minute_us, counts }))
    }

    /// Extends the open interval, or ends it and begins the next. An outcome holds from its run until the
    /// next run; over a silence nothing holds.
    fn extend(&mut self, probe: &ProbeId, at_us: i64, outcome: Outcome) -> Vec<Entry> {
        if self.open.is_some() && at_us <= self.last_us {
            return Vec::new(); // two runs out of order change nothing
        }
        let mut out = Vec::new();
        let silent = at_us - self.last_us > self.silent_after();
        self.distances[self.next_distance] = at_us - self.last_us;
        self.next_distance = (self.next_distance + 1) % DISTANCES;
        if silent {
            out.extend(self.close(probe));
        }
        self.last_us = at_us;
        match &mut self.open {
            Some(open) if open.outcome == outcome => open.stale = true,
            Some(_) | None => {
                out.extend(self.close(probe));
                self.open = Some(Open { outcome, from_us: at_us, stale: true });
                out.extend(self.refresh(probe));
            }
        }
        out
    }

    fn refresh(&mut self, probe: &ProbeId) -> Option<Entry> {
        let open = self.open.as_mut().filter(|open| open.stale)?;
        open.stale = false;
        Some(Entry::Interval(Interval {
            probe: probe.clone(),
            from_us: open.from_us,
            to_us: None,
            seen_us: self.last_us,
            outcome: open.outcome,
        }))
    }

    fn close(&mut self, probe: &ProbeId) -> Option<Entry> {
        let open = self.open.take()?;
        Some(Entry::Interval(Interval {
            probe: probe.clone(),
            from_us: open.from_us,
            to_us: Some(self.last_us),
            seen_us: self.last_us,
            outcome: open.outcome,
        }))
    }

    fn silent_after(&self) -> i64 {
        let usual = self.distances.iter().copied().max().unwrap_or(0);
        (3 * usual).clamp(SILENT_US, FORGOTTEN_US)
    }
}

fn minute_of(at_us: i64) -> i64 {
    at_us - at_us.rem_euclid(MINUTE_US)
}

fn failure_body(run: &Observation, full: bool) -> String {
    if full {
        return json(run);
    }
    let short = Observation {
        probe: run.probe.clone(),
        at: run.at,
        site: run.site.clone(),
        outcome: run.outcome,
        kind: run.kind,
        message: run.message.clone(),
        phases_ms: run.phases_ms,
        assertions: Vec::new(),
        evidence: Evidence::default(),
    };
    json(&short)
}
