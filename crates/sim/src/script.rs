//! What is to happen in a night: the configuration, who and what breaks when, and how chance interferes.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use watchbell_engine::catalog::Catalog;
use watchbell_engine::detect::DetectRule;
use watchbell_engine::heartbeat::Beat;
use watchbell_engine::ids::{ChannelId, PersonId, ProbeId};
use watchbell_engine::input::{Deed, Signal};
use watchbell_engine::time::Millis;
use watchbell_engine::word::FailureKind;

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
    pub chaos: Option<Chaos>,
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
}

impl Mode {
    /// Whether the message reaches the person.
    pub const fn arrives(self) -> bool {
        matches!(self, Self::Accepts | Self::AnswerLost)
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

/// What goes wrong by chance, beside what is written. All in percent of messages.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// The process dies about so often in the night, at any step.
    pub crashes: u64,
    /// The store is in trouble about so often.
    pub store_troubles: u64,
    /// A message arrives, and the answer is lost.
    pub lost_answers: u64,
    /// A report comes twice.
    pub doubled_reports: u64,
    /// A provider says no for good.
    pub refusals: u64,
    /// A provider says not now.
    pub failures: u64,
    /// A provider says nothing.
    pub hangs: u64,
    /// Somebody who would sleep acknowledges, declines or escalates a page.
    pub answers: u64,
}

impl Chaos {
    /// Everything at once.
    pub const ALL: Self = Self {
        crashes: 3,
        store_troubles: 2,
        lost_answers: 8,
        doubled_reports: 20,
        refusals: 5,
        failures: 8,
        hangs: 4,
        answers: 25,
    };
}
