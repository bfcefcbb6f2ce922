//! Heartbeats: when a beat is due, and what its absence means.
//!
//! A beat is due `every` after the last success, or at the next cron time after it; before the first
//! success both are counted from when beats were first expected. It is missed when `grace` has passed as
//! well. A start is no success. A failure that the job reports holds until a success, whatever else
//! is missed meanwhile. May import: time, words, jiff. Never: a clock.

mod cron;

#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::cron::{BadCron, Cron, parse_cron};
use crate::time::{Millis, after};
use crate::word::FailureKind;

/// The resolution in which instants are stored: a beat at the exact deadline is in time, and the
/// heartbeat is down this much later.
const TICK: SignedDuration = SignedDuration::from_micros(1);

/// When beats are due.
#[derive(Clone, Debug, PartialEq)]
pub struct HeartbeatRule {
    /// How often.
    pub expected: Expected,
    /// How late a beat may be.
    pub grace: Millis,
    /// How long a run may take from `/start` to its end.
    pub max_run: Option<Millis>,
}

/// The rhythm of a heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// Within this long after the last one.
    Every(Millis),
    /// At these wall times.
    Cron {
        /// Five fields: minute, hour, day of month, month, day of week (0 or 7 = Sunday).
        cron: String,
        /// The zone of the wall times.
        zone: TimeZone,
    },
}

/// What a job says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beat {
    /// It ended well.
    Success,
    /// It begins.
    Start,
    /// It failed.
    Fail,
    /// It ended with this exit code; 0 is success.
    Exit(i32),
}

/// The last that is known of a heartbeat; a row in `marks`, upserted with the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatMark {
    /// Since when beats are expected: the first start with this probe.
    pub expected_since: Timestamp,
    /// The last success.
    pub last_success: Option<Timestamp>,
    /// The start of the run that has not ended.
    pub running_since: Option<Timestamp>,
    /// The last failure, when it is newer than the last success.
    pub failed: Option<Failed>,
}

/// A failure that a job reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// When.
    pub at: Timestamp,
    /// With which exit code, where it said one.
    pub exit: Option<i32>,
}

impl HeartbeatMark {
    /// Nothing has been heard; beats are expected from `now` on.
    pub fn fresh(now: Timestamp) -> Self {
        Self { expected_since: now, last_success: None, running_since: None, failed: None }
    }

    /// What is known after `beat` came at `now`. A start while a run has not ended begins anew: the
    /// earlier run ended without a word, and the missing success will tell.
    pub fn after(self, beat: Beat, now: Timestamp) -> Self {
        match beat {
            Beat::Success | Beat::Exit(0) => {
                Self { last_success: Some(now), running_since: None, failed: None, ..self }
            }
            Beat::Start => Self { running_since: Some(now), ..self },
            Beat::Fail => Self { running_since: None, failed: Some(Failed { at: now, exit: None }), ..self },
            Beat::Exit(code) => {
                Self { running_since: None, failed: Some(Failed { at: now, exit: Some(code) }), ..self }
            }
        }
    }
}

impl HeartbeatRule {
    /// The first instant at which, without any further beat, it is down, and as what: just past the
    /// last instant at which a beat is in time. It may lie in the past. `None` where it is down
    /// already because the job failed, and where nothing is ever due again.
    pub fn deadline(&self, mark: &HeartbeatMark) -> Option<(Timestamp, FailureKind)> {
        if mark.failed.is_some() {
            return None;
        }
        let (limit, kind) = self.limit(mark)?;
        Some((limit.checked_add(TICK).ok()?, kind))
    }

    /// What is wrong at `now`, and since when: the time of the failure, or of the deadline that passed.
    pub fn judge(&self, mark: &HeartbeatMark, now: Timestamp) -> Option<(FailureKind, Timestamp)> {
        if let Some(failed) = mark.failed {
            return Some((FailureKind::HeartbeatFailed, failed.at));
        }
        let (limit, kind) = self.limit(mark)?;
        let down = limit.checked_add(TICK).ok()?;
        (now >= down).then_some((kind, limit))
    }

    /// The last instant at which the next beat is in time; the earlier one of a missed beat and an
    /// overrun.
    fn limit(&self, mark: &HeartbeatMark) -> Option<(Timestamp, FailureKind)> {
        let missed = self.due(mark).map(|due| (after(due, self.grace), FailureKind::HeartbeatMissed));
        let overrun = (mark.running_since.zip(self.max_run))
            .map(|(since, max_run)| (after(since, max_run), FailureKind::HeartbeatOverrun));
        missed.into_iter().chain(overrun).min_by_key(|(limit, _)| *limit)
    }

    /// When the next success is due; `None` for a cron expression that cannot be read, which the
    /// configuration does not let through, or that has no further time.
    fn due(&self, mark: &HeartbeatMark) -> Option<Timestamp> {
        let base = mark.last_success.unwrap_or(mark.expected_since);
        match &self.expected {
            Expected::Every(every) => Some(after(base, *every)),
            Expected::Cron { cron, zone } => parse_cron(cron).ok()?.next_after(base, zone),
        }
    }
}
