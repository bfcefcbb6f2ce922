//! What happened, with the reason for it. Folding the facts rebuilds the state; timeline and `why`
//! are queries over them. A fact holds all that it needs, so that it replays under any later YAML.
//!
//! Facts are versioned from the first commit ([`What::VERSION`]): a kind or version that this build
//! does not know is refused by name, never skipped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::{Absence, LadderEntry, Localized, Override, Require};
use crate::cover::Cover;
use crate::duty_notice::NoticeAbout;
use crate::ids::{
    AbsenceId, ChannelId, CoverId, DedupKey, DutyNoticeId, Epoch, FactNo, LayerId, MaintenanceId, NoticeId, OverrideId,
    PageId, PersonId, PolicyId, ProbeId, Revision, RotationId, SendId, SilenceId, TestId, TicketId,
};
use crate::input::Actor;
use crate::label::{Labels, Matcher};
use crate::not_paging::Expect;
use crate::observation::RunSummary;
use crate::time::Millis;
use crate::view::Why;
use crate::word::{CoverOutcome, FailureKind, Level, Priority, Receipt, ResolvedAs, Severity};

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
    /// What a source outside says beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Box<Told>>,
    /// `degraded` or `down`, where a probe found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

/// What a source outside says of an alert beside what routes and pages need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Words for people, by their names at the source.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// Where the source shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it is over unless the source says it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapses: Option<Lapse>,
}

/// When an alert is over unless its source says it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapse {
    /// When.
    pub at: Timestamp,
    /// The source named this instant; otherwise it is so long after the source was heard.
    pub named: bool,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiet {
    /// A recorded silence matches.
    Silenced(SilenceId),
    /// `info` never pages.
    Info,
    /// A recurring silence of the configuration matches.
    Standing {
        /// Its id in YAML.
        silence: String,
        /// When this window of it ends.
        until: Timestamp,
    },
    /// It is expected inside a maintenance window.
    Maintenance {
        /// The window's id in YAML, or `MNT-3`.
        window: String,
        /// When the window ends.
        until: Timestamp,
    },
    /// Another alert explains it, and somebody was told of that one.
    Inhibited {
        /// The key of that alert.
        by: DedupKey,
        /// Its ticket.
        ticket: TicketId,
    },
    /// What it depends on is down, and somebody was told of that.
    Depends {
        /// The probe it depends on.
        on: ProbeId,
        /// That probe's ticket.
        ticket: TicketId,
    },
    /// It waits a moment for what may explain it.
    Settling {
        /// Then it pages.
        until: Timestamp,
    },
}

impl Quiet {
    /// The ticket that explains it: when that one moves, the alert is looked at again.
    pub fn explained_by(&self) -> Option<TicketId> {
        match self {
            Self::Inhibited { ticket, .. } | Self::Depends { ticket, .. } => Some(*ticket),
            Self::Silenced(_)
            | Self::Info
            | Self::Standing { .. }
            | Self::Maintenance { .. }
            | Self::Settling { .. } => None,
        }
    }

    /// When it ends by itself, where the reason alone says so.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Standing { until, .. } | Self::Maintenance { until, .. } | Self::Settling { until } => Some(*until),
            Self::Silenced(_) | Self::Info | Self::Inhibited { .. } | Self::Depends { .. } => None,
        }
    }

    /// The word for lists and metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Silenced(_) | Self::Standing { .. } => "silence",
            Self::Info => "info",
            Self::Maintenance { .. } => "maintenance",
            Self::Inhibited { .. } => "inhibition",
            Self::Depends { .. } => "dependency",
            Self::Settling { .. } => "settling",
        }
    }
}

/// Where in a policy a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A step, from 0.
    Step(u32),
    /// All passes are used up.
    CatchAll,
    /// One person beside the policy: whoever it was given to, or whose acknowledgement ran out.
    Named,
}

impl Stage {
    /// The step as people count, from 1.
    pub fn shown(self) -> Option<u32> {
        match self {
            Self::Step(index) => Some(index + 1),
            Self::CatchAll | Self::Named => None,
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
    /// Whatever else kept it quiet is over, and it is still firing.
    QuietEnded(Quiet),
    /// A worse alert joined, or one joined long after the acknowledgement.
    Regrouped,
    /// The policy is gone from the configuration, and the ticket was routed anew.
    Rerouted,
    /// The window that the step waited for is open.
    WindowOpened,
    /// Office hours began.
    HoursBegan,
    /// It was given to this person.
    Assigned,
    /// It fell due then, and watchbell was not there: decided anew from the present.
    Away {
        /// When it fell due.
        since: Timestamp,
    },
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
    /// The step's condition is not fulfilled.
    NotNow {
        /// When the step is entered after all, if the ticket is still being pursued then.
        opens: Option<Timestamp>,
    },
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
    /// Somebody asks that a shift is taken, or is told the answer.
    DutyCover,
    /// A silence of the reader ends soon, and something still fires in it.
    SilenceExpiring,
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
            Self::DutyCover => "duty.cover",
            Self::SilenceExpiring => "silence.expiring",
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
        /// What the storm is about, where it is the ticket of one: a service, or a probe that others depend on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        storm: Option<String>,
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
    /// A fault comes and goes: its ticket stays open and says so.
    Flapped {
        /// Its key.
        key: DedupKey,
        /// Whether it is up for now.
        up: bool,
        /// It counts as calm then, unless it changes again.
        calm_at: Timestamp,
    },
    /// A fault that came and went is calm.
    FlapEnded {
        /// Its key.
        key: DedupKey,
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
        /// The policy that the route named, where it led to this one.
        #[serde(default)]
        home: Option<PolicyId>,
        /// Who must acknowledge.
        #[serde(default)]
        require: Require,
    },
    /// A step waits for its window; the steps after it go on.
    StepWaits {
        /// Of which policy.
        policy: PolicyId,
        /// Which.
        stage: Stage,
        /// When its window opens.
        opens: Timestamp,
        /// Under which revision.
        revision: Revision,
    },
    /// Nobody is paged before office hours begin.
    KeptForHours {
        /// When they begin.
        until: Timestamp,
        /// Under which policy.
        policy: PolicyId,
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
    /// The page is told in the message of another page to the same person.
    PageGathered {
        /// Which.
        page: PageId,
        /// Whose message tells it.
        lead: PageId,
        /// Pursued by itself from then on, unless it was told by then.
        until: Timestamp,
    },
    /// A provider took the message that tells this page too.
    PageTold {
        /// Which.
        page: PageId,
        /// The message.
        by: SendId,
        /// Over which channel.
        channel: ChannelId,
    },
    /// The page is pursued by itself from now on: the message that was to tell it did not get through.
    PageLoosened {
        /// Which.
        page: PageId,
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
    /// One of those who must all acknowledge has done so.
    AcknowledgedByOne {
        /// Who.
        by: Actor,
        /// Through which page.
        page: Option<PageId>,
    },
    /// Whoever has it said so again: the time of the acknowledgement begins anew.
    AckRenewed {
        /// Who.
        by: Actor,
        /// When it is paged again if still open.
        times_out: Option<Timestamp>,
    },
    /// Somebody has it in the place of whoever had it.
    TakenOver {
        /// Who.
        by: Actor,
        /// When it is paged again if still open.
        times_out: Option<Timestamp>,
    },
    /// It was given to somebody, who is paged.
    Assigned {
        /// Who gave it.
        by: Actor,
        /// To whom.
        to: PersonId,
    },
    /// Its alerts belong to another ticket from now on, and it is over.
    MergedInto {
        /// Which.
        into: TicketId,
        /// Who did it.
        by: Actor,
    },
    /// The alerts of another ticket are its own from now on.
    MergedFrom {
        /// Which.
        from: TicketId,
        /// Who did it.
        by: Actor,
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
        /// When the acknowledgement runs out, which a word puts off.
        #[serde(default)]
        times_out: Option<Timestamp>,
    },
    /// A silence stops the paging of an open ticket.
    Held {
        /// Which.
        silence: SilenceId,
        /// Until when at most.
        until: Timestamp,
    },
    /// Something other than a recorded silence stops the paging of an open ticket.
    HeldBack {
        /// What.
        quiet: Quiet,
        /// Until when at most.
        until: Option<Timestamp>,
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
        /// From when, where it does not begin at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Timestamp>,
    },
    /// A silence was given another end.
    SilenceChanged {
        /// Which.
        silence: SilenceId,
        /// Until when now.
        until: Timestamp,
        /// Who asked.
        by: Actor,
    },
    /// The author of a silence is told that it ends soon while what it keeps quiet still fires.
    SilenceExpiring {
        /// Which.
        silence: SilenceId,
        /// How many alerts it keeps quiet.
        firing: u32,
    },
    /// A silence ended.
    SilenceEnded {
        /// Which.
        silence: SilenceId,
        /// Who ended it; watchbell itself when its time came.
        by: Actor,
    },
    /// A maintenance window was recorded.
    MaintenanceAdded {
        /// Its id.
        maintenance: MaintenanceId,
        /// What is done, for people.
        title: String,
        /// All must match.
        matchers: Vec<Matcher>,
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
        /// What is expected inside.
        expect: Expect,
        /// Holds running escalations too.
        cover_running: bool,
        /// Who asked.
        by: Actor,
    },
    /// A recorded maintenance window ended.
    MaintenanceEnded {
        /// Which.
        maintenance: MaintenanceId,
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
    /// Somebody asks others to take a shift.
    CoverAsked {
        /// Who, which, whom.
        cover: Cover,
    },
    /// A request that somebody takes a shift is over.
    CoverAnswered {
        /// Which.
        cover: CoverId,
        /// What became of it.
        outcome: CoverOutcome,
        /// Who accepted or declined.
        person: Option<PersonId>,
        /// Who said so; watchbell itself when its time was over.
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
    /// Somebody is to be told of their duty, or of their silence that ends.
    DutyNoticeOwed {
        /// Its id.
        notice: DutyNoticeId,
        /// To whom.
        person: PersonId,
        /// Over which channel; a quiet one.
        channel: ChannelId,
        /// What it tells.
        kind: MessageKind,
        /// Of which duty or silence.
        about: NoticeAbout,
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
            Self::Flapped { .. } => "flapped",
            Self::FlapEnded { .. } => "flap_ended",
            Self::ProbeGone { .. } => "probe_gone",
            Self::StepEntered { .. } => "step_entered",
            Self::Skipped { .. } => "skipped",
            Self::StepWaits { .. } => "step_waits",
            Self::KeptForHours { .. } => "kept_for_hours",
            Self::PageGathered { .. } => "page_gathered",
            Self::PageTold { .. } => "page_told",
            Self::PageLoosened { .. } => "page_loosened",
            Self::AcknowledgedByOne { .. } => "acknowledged_by_one",
            Self::AckRenewed { .. } => "ack_renewed",
            Self::TakenOver { .. } => "taken_over",
            Self::Assigned { .. } => "assigned",
            Self::MergedInto { .. } => "merged_into",
            Self::MergedFrom { .. } => "merged_from",
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
            Self::HeldBack { .. } => "held_back",
            Self::SilenceAdded { .. } => "silence_added",
            Self::SilenceChanged { .. } => "silence_changed",
            Self::SilenceExpiring { .. } => "silence_expiring",
            Self::SilenceEnded { .. } => "silence_ended",
            Self::MaintenanceAdded { .. } => "maintenance_added",
            Self::MaintenanceEnded { .. } => "maintenance_ended",
            Self::OverrideAdded { .. } => "override_added",
            Self::OverrideRemoved { .. } => "override_removed",
            Self::AbsenceAdded { .. } => "absence_added",
            Self::AbsenceRemoved { .. } => "absence_removed",
            Self::CoverAsked { .. } => "cover_asked",
            Self::CoverAnswered { .. } => "cover_answered",
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

    /// [`What::body`] as text, without building the value first: a storm writes thousands in one commit.
    pub fn body_text(&self) -> String {
        let whole = serde_json::to_string(self).unwrap_or_else(|e| unreachable!("a fact is plain data: {e}"));
        // `{"kind":BODY}`
        let body = whole.strip_suffix('}').and_then(|w| w.split_once(':')).map(|(_, body)| body);
        body.unwrap_or("null").to_owned()
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
