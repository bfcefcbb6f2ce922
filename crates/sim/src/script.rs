//! What is to happen in a night: the configuration, who and what breaks when, and how chance interferes.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchbell_engine::catalog::Catalog;
use watchbell_engine::detect::DetectRule;
use watchbell_engine::fact::What;
use watchbell_engine::heartbeat::Beat;
use watchbell_engine::ids::{ChannelId, PersonId, ProbeId};
use watchbell_engine::input::{Deed, Signal};
use watchbell_engine::time::Millis;
use watchbell_engine::word::FailureKind;

use crate::plant::Plant;

/// A night.
#[derive(Clone, Debug)]
pub struct Night {
    /// When it begins.
    pub start: Timestamp,
    /// How long it lasts.
    pub lasts: Millis,
    /// What all chance is drawn from.
    pub seed: u64,
    /// The configuration it begins with.
    pub setup: Setup,
    /// What happens, counted from the start.
    pub events: Vec<(Millis, Happening)>,
    /// What goes wrong by chance; nothing, where `None`.
    pub faults: Option<Faults>,
    /// What is recorded before the first start: overrides, silences.
    pub before: Vec<What>,
    /// A defect of ours that is built in, to see that it is found.
    pub plant: Option<Plant>,
}

/// A configuration as the world needs it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What decisions know.
    pub catalog: Arc<Catalog>,
    /// How each probe is run; heartbeats are not here.
    pub runs: BTreeMap<ProbeId, ProbeRun>,
}

/// How a probe is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeRun {
    /// Time between starts.
    pub every: Millis,
    /// When a run is cut off.
    pub timeout: Millis,
    /// How runs become a verdict.
    pub rule: DetectRule,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A probed endpoint is so from now on.
    Target {
        /// Which probe sees it.
        probe: ProbeId,
        /// How it is.
        health: Health,
    },
    /// A source outside says something, again and again until it is answered.
    Signal(Signal),
    /// A job says something.
    Beat {
        /// The heartbeat.
        probe: ProbeId,
        /// What it says.
        beat: Beat,
    },
    /// Somebody asks for something, again and again until it is answered.
    Act {
        /// Who.
        person: PersonId,
        /// For what.
        deed: Deed,
    },
    /// A channel behaves so from now on.
    Channel {
        /// Which.
        channel: ChannelId,
        /// For this person alone; for everybody without a mode of their own, where `None`.
        person: Option<PersonId>,
        /// How it behaves.
        mode: Mode,
    },
    /// Somebody treats pages so from now on.
    Habit {
        /// Who.
        person: PersonId,
        /// How.
        habit: Habit,
    },
    /// The process dies.
    Crash {
        /// At which step.
        when: CrashPoint,
        /// How long it is away.
        down_for: Millis,
    },
    /// The store behaves so from now on.
    Store(StoreMode),
    /// The wall clock is set.
    Clock {
        /// Positive: ahead.
        by_ms: i64,
    },
    /// A new configuration is put in force.
    Reload(Setup),
}

/// How a probed endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As expected.
    Up,
    /// It answers wrongly or not at all.
    Down {
        /// How.
        kind: FailureKind,
        /// The status that comes back, where one does.
        status: Option<u16>,
    },
    /// It answers after so long, which is degraded.
    Slow(Millis),
    /// Our own fault: nothing can be said.
    Unknowable,
}

/// How a channel behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It takes the message and says so.
    Accepts,
    /// It says no for good.
    Refuses,
    /// It says not now.
    FailsForNow,
    /// It says nothing, and the message never arrives.
    Hangs,
    /// The message arrives, and the answer is lost.
    AnswerLost,
    /// It says that it took the message, which never arrives.
    Loses,
    /// It takes the message and delivers it a minute later.
    Delays,
    /// It takes the message and delivers it twice.
    Doubles,
    /// It says not now, and the message arrives.
    FailsAndDelivers,
}

impl Mode {
    /// Whether the message reaches the person.
    pub const fn arrives(self) -> bool {
        matches!(self, Self::Accepts | Self::AnswerLost | Self::Delays | Self::Doubles | Self::FailsAndDelivers)
    }
}

/// What somebody does with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Sleeps.
    Sleeps,
    /// Acknowledges through its link after so long.
    Acks(Millis),
    /// Declines through its link after so long.
    Declines(Millis),
}

/// At which step the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// At once.
    Now,
    /// When the next commit is decided, before the store has it.
    BeforeCommit,
    /// When the next commit with a message is durable, before anything is released.
    BeforeRelease,
    /// When the next message has been released, before its provider has it.
    BeforeHandOver,
    /// When the next message is at its provider, before the report is back.
    BeforeReport,
    /// When the next answer is durable, before whoever asked has it.
    BeforeAnswer,
}

/// How the store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// It writes and says so.
    Works,
    /// It says no.
    Fails,
    /// It says nothing until it is cut off.
    Hangs,
    /// It writes, and the answer is lost.
    SaysNothing,
}

/// What goes wrong by chance, beside what is written: so many times in ten thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The process dies between two steps.
    #[serde(skip_serializing_if = "none")]
    pub crashes: u64,
    /// A commit is refused.
    #[serde(skip_serializing_if = "none")]
    pub commit_fails: u64,
    /// A commit hangs until it is cut off, and is not written.
    #[serde(skip_serializing_if = "none")]
    pub commit_hangs: u64,
    /// A commit is written, and said to have failed.
    #[serde(skip_serializing_if = "none")]
    pub commit_says_no: u64,
    /// A provider takes a message, which never arrives.
    #[serde(skip_serializing_if = "none")]
    pub lost: u64,
    /// A message arrives late.
    #[serde(skip_serializing_if = "none")]
    pub late: u64,
    /// A message arrives twice.
    #[serde(skip_serializing_if = "none")]
    pub doubled: u64,
    /// A message arrives, and the answer is lost.
    #[serde(skip_serializing_if = "none")]
    pub lost_answers: u64,
    /// A report comes twice.
    #[serde(skip_serializing_if = "none")]
    pub doubled_reports: u64,
    /// A provider says no for good.
    #[serde(skip_serializing_if = "none")]
    pub refusals: u64,
    /// A provider says not now.
    #[serde(skip_serializing_if = "none")]
    pub failures: u64,
    /// A provider says not now, and the message arrives.
    #[serde(skip_serializing_if = "none")]
    pub error_then_arrives: u64,
    /// A provider says nothing.
    #[serde(skip_serializing_if = "none")]
    pub hangs: u64,
    /// Somebody who would sleep acknowledges, declines, escalates or snoozes a page.
    #[serde(skip_serializing_if = "none")]
    pub answers: u64,
    /// Somebody who has answered uses the same link once more, later.
    #[serde(skip_serializing_if = "none")]
    pub old_links: u64,
}

/// For serde, which hands in a reference.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn none(ratio: &u64) -> bool {
    *ratio == 0
}

impl Faults {
    /// Everything at once.
    pub const ALL: Self = Self {
        crashes: 10,
        commit_fails: 50,
        commit_hangs: 20,
        commit_says_no: 50,
        lost: 200,
        late: 300,
        doubled: 300,
        lost_answers: 800,
        doubled_reports: 2_000,
        refusals: 500,
        failures: 800,
        error_then_arrives: 300,
        hangs: 400,
        answers: 2_500,
        old_links: 2_000,
    };
}
