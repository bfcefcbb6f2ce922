//! What happened, with the reason for it. Folding the facts rebuilds the state; timeline and `why`
//! are queries over them. A fact holds all that it needs, so that it replays under any later YAML.
//!
//! Facts are versioned from the first commit ([`What::VERSION`]): a kind or version that this build
//! does not know is refused by name, never skipped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::{Absence, LadderEntry, Localized, Override};
use crate::duty_notice::DutyAbout;
use crate::ids::{
    AbsenceId, ChannelId, DedupKey, DutyNoticeId, Epoch, FactNo, LayerId, NoticeId, OverrideId, PageId, PersonId, PolicyId, ProbeId,
    Revision, RotationId, SendId, SilenceId, TestId, TicketId,
};
use crate::input::Actor;
use crate::label::{Labels, Matcher};
use crate::observation::RunSummary;
use crate::time::Millis;
use crate::view::Why;
use crate::word::{FailureKind, Priority, Receipt, ResolvedAs, Severity};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Its number in the store, from 1, without gaps.
    pub no: FactNo,
    /// The epoch that decided it.
    pub epoch: Epoch,
    /// When it was decided.
    pub at: Timestamp,
    /// The ticket whose story it belongs to.
    pub ticket: Option<TicketId>,
    /// What it says.
    pub what: What,
}

/// An alert as it fires: all that routes, pages and tickets need of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// What makes it the same fault.
    pub key: DedupKey,
    /// The probe, where one found it.
    pub probe: Option<ProbeId>,
    /// Why it is not up.
    pub kind: Option<FailureKind>,
    /// How bad.
    pub severity: Severity,
    /// What broke, for people: the probe's title, or the sender's summary.
    pub title: Localized,
    /// What does not work for users.
    pub impact: Option<Localized>,
    /// One line with the finding.
    pub summary: String,
    /// What routes and silences see.
    pub labels: Labels,
    /// The owning team.
    pub owner: Option<String>,
    /// The first steps of the runbook, and where the rest is.
    pub runbook: Vec<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When its first run's outcome was known, or the signal arrived.
    pub seen: Timestamp,
    /// When detection settled, or the signal arrived.
    pub confirmed: Timestamp,
    /// When all was well for the last time, as far as is known.
    pub last_good: Option<Timestamp>,
    /// So many runs in a row found it.
    pub runs: u32,
    /// What was asked and what came back.
    pub run: Option<RunSummary>,
}

/// Where a route led.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// The route's name.
    pub route: String,
    /// How to escalate.
    pub policy: PolicyId,
    /// How urgent.
    pub priority: Priority,
    /// What shares a ticket.
    pub group: String,
    /// See [`crate::catalog::Route::reopen_within`].
    pub reopen_within: Millis,
    /// See [`crate::catalog::Route::regroup_after`].
    pub regroup_after: Millis,
}

/// Why a firing alert has no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiet {
    /// A silence matches.
    Silenced(SilenceId),
    /// `info` never pages.
    Info,
}

/// Where in a policy a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A step, from 0.
    Step(u32),
    /// All passes are used up.
    CatchAll,
}

impl Stage {
    /// The step as people count, from 1.
    pub fn shown(self) -> Option<u32> {
        match self {
            Self::Step(index) => Some(index + 1),
            Self::CatchAll => None,
        }
    }
}

/// Why a step was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// The ticket was opened.
    Opened,
    /// The ticket was reopened.
    Reopened,
    /// Nobody acknowledged the step before in time.
    NotAcknowledged,
    /// Nobody of the step before could be reached.
    NobodyReached,
    /// Everybody of the step before declined.
    Declined,
    /// A person asked for it.
    Escalated,
    /// A snooze ended.
    SnoozeEnded,
    /// The acknowledgement ran out.
    AckTimedOut,
    /// A silence ended and it is still firing.
    SilenceEnded(SilenceId),
    /// A worse alert joined, or one joined long after the acknowledgement.
    Regrouped,
    /// The policy is gone from the configuration, and the ticket was routed anew.
    Rerouted,
}

/// Why a person or a step was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// Nobody is on duty.
    NobodyOnDuty {
        /// In which rotation.
        rotation: RotationId,
    },
    /// The person is disabled.
    Disabled,
    /// The person is gone from the configuration.
    Gone,
    /// There is no channel to reach the person for this priority.
    NoContact,
    /// The step has nobody left to page.
    NobodyLeft,
}

/// What a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Somebody must act.
    Page,
    /// Somebody has it.
    Acknowledged,
    /// It was passed on.
    Escalated,
    /// It is over.
    Resolved,
    /// It is called off: silenced.
    Cancelled,
    /// A test.
    Test,
    /// Somebody comes on duty, or goes off.
    DutyHandoff,
    /// Somebody will come on duty.
    DutyReminder,
}

impl MessageKind {
    /// The `type` of the webhook.
    pub const fn webhook_type(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Acknowledged => "page.acknowledged",
            Self::Escalated => "page.escalated",
            Self::Resolved => "page.resolved",
            Self::Cancelled => "page.cancelled",
            Self::Test => "test",
            Self::DutyHandoff => "duty.handoff",
            Self::DutyReminder => "duty.reminder",
        }
    }
}

/// Somebody who is recorded as on duty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyRecord {
    /// Who.
    pub person: PersonId,
    /// By which layer; `None` for an override.
    pub layer: Option<LayerId>,
}

/// What a fact says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A process took over.
    Started {
        /// Its revision.
        revision: Revision,
    },
    /// A new catalog is in force.
    Reloaded {
        /// Its revision.
        revision: Revision,
    },
    /// The wall clock moved; deadlines counted from events move with it.
    ClockShifted {
        /// Positive when the wall clock jumped ahead.
        by_ms: i64,
    },
    /// Who is on duty changed.
    DutyChanged {
        /// In which rotation.
        rotation: RotationId,
        /// From now on.
        on_duty: Vec<DutyRecord>,
        /// Under which revision.
        revision: Revision,
        /// The handoff, where it was waited for: this is recorded a moment later. The time of the fact, where
        /// `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    },

    /// A fault without a ticket: silenced, or only informing.
    AlertQuiet {
        /// The alert.
        alert: Firing,
        /// Why it is quiet.
        quiet: Quiet,
        /// Under which revision.
        revision: Revision,
    },
    /// A quiet fault is over.
    QuietResolved {
        /// Its key.
        key: DedupKey,
    },
    /// The first fault of a new ticket.
    TicketOpened {
        /// The alert.
        alert: Firing,
        /// Where the route led.
        routed: Routed,
        /// Under which revision.
        revision: Revision,
    },
    /// The fault is back soon after the resolve.
    TicketReopened {
        /// The alert.
        alert: Firing,
        /// Where the route led.
        routed: Routed,
        /// The occurrence that begins, from 2.
        occurrence: u32,
        /// Under which revision.
        revision: Revision,
    },
    /// A further fault of an open ticket.
    AlertJoined {
        /// The alert.
        alert: Firing,
        /// The priority from now on; never less urgent than before.
        priority: Priority,
    },
    /// A live fault has another severity, kind or finding.
    AlertChanged {
        /// The alert as it is now.
        alert: Firing,
        /// The priority from now on.
        priority: Priority,
        /// Where its route leads now that it is worse than everything before; the ticket follows.
        #[serde(default)]
        rerouted: Option<Routed>,
    },
    /// A fault of the ticket is over.
    AlertResolved {
        /// Its key.
        key: DedupKey,
        /// Why we think so.
        reason: String,
    },
    /// The probe behind an alert is gone from the configuration; the ticket goes on.
    ProbeGone {
        /// Which.
        probe: ProbeId,
    },

    /// A step, or the catch-all, is being paged.
    StepEntered {
        /// Under which policy.
        policy: PolicyId,
        /// Counts every entry within the occurrence, from 1; part of a page's identity.
        entry: u32,
        /// The pass through the policy, from 1.
        pass: u32,
        /// Where.
        stage: Stage,
        /// When the next step is due.
        due: Timestamp,
        /// Why now.
        because: Because,
        /// Under which revision.
        revision: Revision,
    },
    /// A step, or a person in it, was passed over.
    Skipped {
        /// Where.
        stage: Stage,
        /// Who; `None` for a whole step or rotation.
        person: Option<PersonId>,
        /// Why.
        skip: Skip,
        /// Under which policy.
        policy: PolicyId,
        /// Under which revision.
        revision: Revision,
    },
    /// Somebody is to be reached.
    PageStarted {
        /// Its id.
        page: PageId,
        /// Who.
        person: PersonId,
        /// Which entries there are, and when.
        ladder: Vec<LadderEntry>,
        /// Why this person.
        why: Why,
    },
    /// An entry of the ladder begins.
    EntryBegun {
        /// Of which page.
        page: PageId,
        /// Which entry, from 0.
        entry: u32,
    },
    /// No channel took the page.
    PageUnreachable {
        /// Which.
        page: PageId,
    },
    /// A message was handed to the outbox.
    SendStarted {
        /// Which try of which message.
        send: SendId,
        /// To whom.
        person: PersonId,
        /// Over which channel.
        channel: ChannelId,
        /// What it tells.
        kind: MessageKind,
        /// The page it follows up or is.
        page: Option<PageId>,
    },
    /// What became of a message.
    SendEnded {
        /// Which.
        send: SendId,
        /// What came of it.
        receipt: Receipt,
        /// When it was handed to the provider.
        handed_over: Option<Timestamp>,
        /// What the provider said.
        detail: Option<String>,
        /// When it is tried again; `None` for never.
        retry_at: Option<Timestamp>,
    },

    /// A person has it.
    Acknowledged {
        /// Who.
        by: Actor,
        /// Through which page.
        page: Option<PageId>,
        /// When it is paged again if still open (`ack_timeout`).
        times_out: Option<Timestamp>,
    },
    /// A person asked for the next step.
    Escalated {
        /// Who.
        by: Actor,
        /// Through which page.
        page: Option<PageId>,
    },
    /// A person cannot take it.
    Declined {
        /// Who.
        by: Actor,
        /// Through which page.
        page: PageId,
    },
    /// A person has it, and wants to be paged again then.
    Snoozed {
        /// Who.
        by: Actor,
        /// Until when.
        until: Timestamp,
    },
    /// A person left a word.
    Noted {
        /// Who.
        by: Actor,
        /// The word.
        text: String,
    },
    /// A silence stops the paging of an open ticket.
    Held {
        /// Which.
        silence: SilenceId,
        /// Until when at most.
        until: Timestamp,
    },
    /// The ticket is over.
    TicketResolved {
        /// How.
        resolved_as: ResolvedAs,
        /// Why it happened.
        cause: Option<String>,
        /// Who ended it.
        by: Actor,
    },

    /// A silence was recorded.
    SilenceAdded {
        /// Its id.
        silence: SilenceId,
        /// All must match.
        matchers: Vec<Matcher>,
        /// Until when.
        until: Timestamp,
        /// Who asked.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// A silence ended.
    SilenceEnded {
        /// Which.
        silence: SilenceId,
        /// Who ended it; watchbell itself when its time came.
        by: Actor,
    },
    /// An override was recorded.
    OverrideAdded {
        /// It.
        override_: Override,
        /// Who asked.
        by: Actor,
    },
    /// An override was taken back.
    OverrideRemoved {
        /// Which.
        override_id: OverrideId,
        /// Who asked.
        by: Actor,
    },
    /// An absence was recorded.
    AbsenceAdded {
        /// It.
        absence: Absence,
        /// Who asked.
        by: Actor,
    },
    /// An absence was taken back.
    AbsenceRemoved {
        /// Which.
        absence_id: AbsenceId,
        /// Who asked.
        by: Actor,
    },
    /// A follow-up is owed to somebody who was paged.
    NoticeOwed {
        /// Its id.
        notice: NoticeId,
        /// To whom.
        person: PersonId,
        /// Over which channel.
        channel: ChannelId,
        /// What it tells.
        kind: MessageKind,
        /// After which page.
        page: PageId,
        /// Who acted.
        by: Option<String>,
    },
    /// Somebody is to be told of their duty.
    DutyNoticeOwed {
        /// Its id.
        notice: DutyNoticeId,
        /// To whom.
        person: PersonId,
        /// Over which channel; a quiet one.
        channel: ChannelId,
        /// What it tells.
        kind: MessageKind,
        /// Of which duty.
        about: DutyAbout,
    },
    /// Somebody is not told of their duty: it would come too late.
    DutyNoticeDropped {
        /// In which rotation.
        rotation: RotationId,
        /// Who.
        person: PersonId,
        /// What it would have told.
        kind: MessageKind,
        /// Why.
        reason: String,
    },
    /// A test page was asked for.
    TestAsked {
        /// Its id.
        test: TestId,
        /// To whom.
        person: PersonId,
        /// Over which channel.
        channel: ChannelId,
        /// Who asked.
        by: Actor,
    },
}

impl What {
    /// The version of every kind of fact that this build writes.
    pub const VERSION: u32 = 1;

    /// The name of the kind, as it stands in the store.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Reloaded { .. } => "reloaded",
            Self::ClockShifted { .. } => "clock_shifted",
            Self::DutyChanged { .. } => "duty_changed",
            Self::AlertQuiet { .. } => "alert_quiet",
            Self::QuietResolved { .. } => "quiet_resolved",
            Self::TicketOpened { .. } => "ticket_opened",
            Self::TicketReopened { .. } => "ticket_reopened",
            Self::AlertJoined { .. } => "alert_joined",
            Self::AlertChanged { .. } => "alert_changed",
            Self::AlertResolved { .. } => "alert_resolved",
            Self::ProbeGone { .. } => "probe_gone",
            Self::StepEntered { .. } => "step_entered",
            Self::Skipped { .. } => "skipped",
            Self::PageStarted { .. } => "page_started",
            Self::EntryBegun { .. } => "entry_begun",
            Self::PageUnreachable { .. } => "page_unreachable",
            Self::SendStarted { .. } => "send_started",
            Self::SendEnded { .. } => "send_ended",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Escalated { .. } => "escalated",
            Self::Declined { .. } => "declined",
            Self::Snoozed { .. } => "snoozed",
            Self::Noted { .. } => "noted",
            Self::Held { .. } => "held",
            Self::TicketResolved { .. } => "ticket_resolved",
            Self::SilenceAdded { .. } => "silence_added",
            Self::SilenceEnded { .. } => "silence_ended",
            Self::OverrideAdded { .. } => "override_added",
            Self::OverrideRemoved { .. } => "override_removed",
            Self::AbsenceAdded { .. } => "absence_added",
            Self::AbsenceRemoved { .. } => "absence_removed",
            Self::NoticeOwed { .. } => "notice_owed",
            Self::DutyNoticeOwed { .. } => "duty_notice_owed",
            Self::DutyNoticeDropped { .. } => "duty_notice_dropped",
            Self::TestAsked { .. } => "test_asked",
        }
    }

    /// The JSON that the store keeps beside kind and version: the fields alone.
    pub fn body(&self) -> serde_json::Value {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(map)) => map.into_iter().next().map_or(serde_json::Value::Null, |(_, v)| v),
            Ok(other) => other,
            Err(e) => unreachable!("a fact is plain data and always serialises: {e}"),
        }
    }

    /// Reads a fact back from the store.
    pub fn read(kind: &str, version: u32, body: serde_json::Value) -> Result<Self, UnknownFact> {
        if version != Self::VERSION {
            return Err(UnknownFact {
                kind: kind.into(),
                version,
                why: format!("this build knows version {}", Self::VERSION),
            });
        }
        serde_json::from_value(serde_json::json!({ kind: body })).map_err(|e| UnknownFact {
            kind: kind.into(),
            version,
            why: e.to_string(),
        })
    }
}

/// A fact in the store that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fact `{kind}` version {version} cannot be read by this build ({why}); use the newer build that wrote it")]
pub struct UnknownFact {
    /// The kind.
    pub kind: String,
    /// The version.
    pub version: u32,
    /// What is wrong.
    pub why: String,
}
