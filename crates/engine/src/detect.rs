//! Detection: from the runs of one probe to a verdict, with confirmation. Pure; one [`Detector`] per
//! probe and site. Streaks are not stored: after a restart a fault is confirmed anew.

use jiff::Timestamp;

use crate::observation::{Observation, Verdict};
use crate::time::Millis;
use crate::word::Severity;

/// How runs become a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetectRule {
    /// How many failing runs make `down`.
    pub down_after: DownAfter,
    /// After a first failing run the next one follows this soon, on a fresh connection.
    pub confirm_after: Millis,
    /// So many good runs in a row end it.
    pub up_after: u32,
    /// The severity of `down`.
    pub severity: Severity,
}

/// How many failing runs make `down`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownAfter {
    /// So many in a row.
    InARow(u32),
    /// So many of the last `of`.
    OutOf {
        /// The threshold.
        k: u32,
        /// The window, at least `k`.
        of: u32,
    },
}

impl DownAfter {
    /// The number of failing runs that it takes.
    pub const fn failures(self) -> u32 {
        match self {
            Self::InARow(k) | Self::OutOf { k, .. } => k,
        }
    }
}

/// What to do after a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The verdict, when the run settled one that differs from the last (level, kind or severity), and
    /// after the first conclusive settling of this detector.
    pub verdict: Option<Verdict>,
    /// Run again this soon after the end of this run, on a fresh connection, instead of waiting for the slot.
    pub confirm_after: Option<Millis>,
}

/// The memory of one probe's runs.
#[derive(Clone, Debug)]
pub struct Detector {
    rule: DetectRule,
}

impl Detector {
    /// A detector that knows nothing yet.
    pub fn new(rule: DetectRule) -> Self {
        Self { rule }
    }

    /// Takes in one run, whose outcome was known at `ended`.
    pub fn observe(&mut self, run: &Observation, ended: Timestamp) -> Step {
        let _ = (self.rule, run, ended);
        unimplemented!("detect")
    }
}
