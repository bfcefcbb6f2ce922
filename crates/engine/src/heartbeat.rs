//! Heartbeats: when a beat is due, and what its absence means.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::time::Millis;

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
    /// Nothing is known yet; beats are expected from now on.
    pub fn fresh(now: Timestamp) -> Self {
        Self { expected_since: now, last_success: None, running_since: None, failed: None }
    }

    /// What is known after a beat.
    pub fn after(self, beat: Beat, now: Timestamp) -> Self {
        let _ = (beat, now);
        unimplemented!("heartbeat")
    }
}

impl HeartbeatRule {
    /// x
    pub fn deadline(&self, mark: &HeartbeatMark) -> Option<(Timestamp, crate::word::FailureKind)> {
        let _ = mark;
        unimplemented!("heartbeat")
    }
    /// x
    pub fn judge(&self, mark: &HeartbeatMark, now: Timestamp) -> Option<(crate::word::FailureKind, Timestamp)> {
        let _ = (mark, now);
        unimplemented!("heartbeat")
    }
}
