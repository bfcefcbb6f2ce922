//! What reading a configuration gave; `check` prints it.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use watchbell_engine::ids::ProbeId;
use watchbell_engine::time::Millis;

use crate::clock::ClockLine;
use crate::mistake::Mistake;
use crate::model::Config;

/// Everything that is to be said about a configuration.
#[derive(Clone, Debug)]
pub struct Report {
    /// What must be changed, in the order of the files.
    pub errors: Vec<Mistake>,
    /// What is allowed and probably not wanted.
    pub warnings: Vec<Mistake>,
    /// The worst case of each probe that could be read, in the order of their ids.
    pub probes: Vec<ProbeBudget>,
    /// What was not written and was filled in, one sentence each.
    pub filled_in: Vec<String>,
    /// What the clock changes of the next 12 months do to the rotations.
    pub clock_changes: Vec<ClockLine>,
    /// The configuration; there exactly when there are no errors.
    pub config: Option<Config>,
}

/// From the first moment of a fault to the first page handed over, at worst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeBudget {
    /// Which probe.
    pub id: ProbeId,
    /// `None` for heartbeats.
    pub worst_case: Option<Millis>,
    /// How it adds up: `every 5s + timeout 3s + … = 23 s`. Empty for heartbeats.
    pub sum: String,
}

impl Report {
    /// Whether the configuration can be run.
    pub fn is_ok(&self) -> bool {
        self.config.is_some()
    }
}

/// `{"ok","errors","warnings","probes"}` of `check --format json`, and `filled_in` and `clock_changes`.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Report", 6)?;
        json.serialize_field("ok", &self.is_ok())?;
        json.serialize_field("errors", &self.errors)?;
        json.serialize_field("warnings", &self.warnings)?;
        json.serialize_field("probes", &self.probes)?;
        json.serialize_field("filled_in", &self.filled_in)?;
        json.serialize_field("clock_changes", &self.clock_changes)?;
        json.end()
    }
}

/// `{"id","worst_case_s"}`.
impl Serialize for ProbeBudget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("ProbeBudget", 2)?;
        json.serialize_field("id", &self.id)?;
        match self.worst_case {
            // Whole seconds are written without a point, as the sum is.
            Some(Millis(ms)) if ms % 1_000 == 0 => json.serialize_field("worst_case_s", &(ms / 1_000))?,
            Some(time) => json.serialize_field("worst_case_s", &time.as_secs_f64())?,
            None => json.serialize_field("worst_case_s", &None::<u64>)?,
        }
        json.end()
    }
}
