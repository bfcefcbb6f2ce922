//! The live state: a fold of the facts, and the marks.
//!
//! Everything here changes only through [`State::apply`] (and, for last values, [`State::mark`]), so
//! that replaying the facts gives the same state again.

mod apply;
mod handed;
mod index;
mod members;
mod page;
mod ticket;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{LapseMark, Mark, verdict_key};
use crate::cover::Cover;
use crate::fact::{DutyRecord, Firing, Quiet};
use crate::heartbeat::HeartbeatMark;
use crate::ids::{
    CanaryId, ChannelId, CoverId, DedupKey, DutyNoticeId, FactNo, MaintenanceId, PersonId, ProbeId, RotationId,
    SilenceId, SiteId, TestId, TicketId,
};
use crate::input::Actor;
use crate::label::{self, Labels, Matcher};
use crate::not_paging::Expect;
use crate::observation::Verdict;
use crate::rotation::Recorded;
use crate::time::Millis;

pub use members::Members;
pub use page::{DutyNotice, Ended, Notice, Page, Try, Within};
pub use ticket::{Acked, Chase, Closed, Flapping, Member, Phase, StepWait, Ticket, Wake};

/// How long a resolved ticket stays in memory: its links live 24 h after the resolve (design,
/// section 8), and an hour more for clocks that disagree.
pub const REMEMBERED: Millis = Millis::hours(25);

/// How many test pages are remembered.
const TESTS_KEPT: usize = 20;

/// The live state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The last fact that was applied.
    pub last_fact: FactNo,
    /// When it was recorded.
    pub last_at: Timestamp,
    /// The last ticket that was opened.
    pub last_ticket: u64,
    /// The last silence that was recorded.
    pub last_silence: u64,
    /// The last override that was recorded.
    pub last_override: u64,
    /// The last absence that was recorded.
    #[serde(default)]
    pub last_absence: u64,
    /// The last test page.
    pub last_test: u64,
    /// The last message about duty.
    #[serde(default)]
    pub last_duty_notice: u64,
    /// Open tickets, and those resolved within [`REMEMBERED`].
    pub tickets: BTreeMap<TicketId, Ticket>,
    /// The newest ticket of each key that `tickets` holds.
    pub by_key: BTreeMap<DedupKey, TicketId>,
    /// The open tickets of each group: found without looking at every ticket.
    pub by_group: BTreeMap<String, BTreeSet<TicketId>>,
    /// When each resolved ticket ended, the first one first: the next to be forgotten.
    pub closed: BTreeSet<(Timestamp, TicketId)>,
    /// Firing alerts without a ticket.
    pub quiet: BTreeMap<DedupKey, QuietAlert>,
    /// Faults that were still there when a person ended their ticket. Those of probes are told of again only
    /// after they were over.
    pub set_aside: BTreeSet<DedupKey>,
    /// Silences that have not ended.
    pub silences: BTreeMap<SilenceId, Silence>,
    /// The last maintenance window that was recorded.
    #[serde(default)]
    pub last_maintenance: u64,
    /// Recorded maintenance windows that have not ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub maintenance: BTreeMap<MaintenanceId, Maintenance>,
    /// Quiet alerts by the ticket that explains them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub explained: BTreeMap<TicketId, BTreeSet<DedupKey>>,
    /// Recorded overrides and absences, oldest first: `overrides` and `absences` in JSON.
    #[serde(flatten)]
    pub recorded: Recorded,
    /// Who is recorded as on duty.
    pub duty: BTreeMap<RotationId, Vec<DutyRecord>>,
    /// Messages about duty that may still be tried.
    #[serde(default)]
    pub duty_notices: BTreeMap<DutyNoticeId, DutyNotice>,
    /// The last cover request.
    #[serde(default)]
    pub last_cover: u64,
    /// Cover requests that nobody has answered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub covers: BTreeMap<CoverId, Cover>,
    /// The start of the last shift that each person was reminded of.
    #[serde(default)]
    pub reminded: BTreeMap<RotationId, BTreeMap<PersonId, Timestamp>>,
    /// The last test pages.
    pub tests: BTreeMap<TestId, TestPage>,
    /// The committed verdict by [`verdict_key`]. A mark, not a fold of facts.
    #[serde(skip)]
    pub verdicts: BTreeMap<String, Verdict>,
    /// The last of each heartbeat. A mark, not a fold of facts.
    #[serde(skip)]
    pub beats: BTreeMap<ProbeId, HeartbeatMark>,
    /// When alerts are over unless their source says them again, where that has moved since their fact. A
    /// mark, not a fold of facts.
    #[serde(skip)]
    pub lapses: BTreeMap<DedupKey, LapseMark>,
    /// The last round of the canary. A mark, not a fold of facts.
    #[serde(skip)]
    pub canary: CanaryId,
}

/// A firing alert that nobody is paged for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietAlert {
    /// The alert.
    pub alert: Firing,
    /// Why.
    pub quiet: Quiet,
    /// Since when for this reason.
    #[serde(default)]
    pub since: Timestamp,
    /// Since when somebody or something wanted quiet, in one stretch; not for what only informs or settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_since: Option<Timestamp>,
    /// The last of those reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_by: Option<Quiet>,
}

/// A recorded maintenance window that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// What is done, for people.
    pub title: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// From when; it may lie in the future.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What is expected inside.
    pub expect: Expect,
    /// Holds running escalations too.
    pub cover_running: bool,
    /// Who asked.
    pub by: Actor,
}

impl Maintenance {
    /// Whether it is in force.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// A silence that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// From when; it may lie in the future.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who asked.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// The author was told that it ends soon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warned: bool,
}

impl Silence {
    /// Whether it is in force.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// A test page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestPage {
    /// To whom.
    pub person: PersonId,
    /// Over which channel.
    pub channel: ChannelId,
    /// Who asked.
    pub by: Actor,
    /// The one try.
    pub sent: Try,
}

impl State {
    /// Takes in a last value that was, or is about to be, committed.
    pub fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Verdict(verdict) => {
                self.verdicts.insert(verdict_key(&verdict.probe, &verdict.site), verdict);
            }
            Mark::Heartbeat { probe, mark } => {
                self.beats.insert(probe, mark);
            }
            Mark::Lapse { key, lapse: Some(lapse) } => {
                self.lapses.insert(key, lapse);
            }
            Mark::Lapse { key, lapse: None } => {
                self.lapses.remove(&key);
            }
            Mark::Canary(round) => self.canary = round,
        }
    }

    /// The committed verdict of a probe.
    pub fn verdict(&self, probe: &ProbeId, site: &SiteId) -> Option<&Verdict> {
        self.verdicts.get(&verdict_key(probe, site))
    }

    /// The silence that keeps these labels quiet; the one that lasts longest, where several do.
    pub fn silence_for(&self, labels: &Labels, now: Timestamp) -> Option<(SilenceId, &Silence)> {
        self.silences
            .iter()
            .filter(|(_, s)| s.is_active(now) && label::all_match(&s.matchers, labels))
            .max_by_key(|(_, s)| s.until)
            .map(|(id, s)| (*id, s))
    }

    /// The ticket that holds a live alert with this key.
    pub fn firing_ticket(&self, key: &DedupKey) -> Option<&Ticket> {
        let ticket = self.tickets.get(self.by_key.get(key)?)?;
        (ticket.is_open() && ticket.member(key).is_some_and(Member::is_firing)).then_some(ticket)
    }

    /// Whether an alert with this key is live, ticket or not.
    pub fn is_firing(&self, key: &DedupKey) -> bool {
        self.quiet.contains_key(key) || self.firing_ticket(key).is_some()
    }

    /// The open ticket of a group; the newest, where there are several.
    pub fn open_in_group(&self, group: &str) -> Option<TicketId> {
        self.by_group.get(group)?.last().copied()
    }
}
