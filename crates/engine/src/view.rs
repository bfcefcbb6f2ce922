//! What the outside sees: the JSON of the API, made from the state, published after each commit.
//! Times are RFC 3339 UTC; what is not known is null and never left out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{
    AbsenceId, ChannelId, CoverId, DedupKey, LayerId, OverrideId, PageId, PersonId, PolicyId, ProbeId, Revision,
    RotationId, SilenceId, TestId, TicketId,
};
use crate::label::{Labels, Matcher};
use crate::word::{FailureKind, Priority, Receipt, ResolvedAs, Severity};

/// The state of a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// Being paged, or held by a silence.
    Triggered,
    /// A person has it.
    Acknowledged,
    /// Over.
    Resolved,
}

impl TicketState {
    /// The word in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// A ticket as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TicketView {
    /// `INC-42`.
    pub id: TicketId,
    /// What broke, in the language of the catalog's default locale.
    pub title: String,
    /// Where it stands.
    pub state: TicketState,
    /// How urgent.
    pub priority: Priority,
    /// How it escalates.
    pub policy: PolicyId,
    /// The step that is being paged, from 1; null in the catch-all and once it is over.
    pub step: Option<u32>,
    /// The team that owns it.
    pub owner: Option<String>,
    /// What does not work for users.
    pub impact: Option<String>,
    /// The service of its first alert.
    pub service: Option<String>,
    /// The component of its first alert.
    pub component: Option<String>,
    /// Where it is shown, below `public_url`.
    pub url: String,
    /// When the ticket was opened.
    pub opened_at: Timestamp,
    /// When the first failing run started.
    pub impact_started: Timestamp,
    /// When that run's outcome was known.
    pub detected: Timestamp,
    /// When a provider first accepted a page of this occurrence.
    pub first_page_accepted: Option<Timestamp>,
    /// When somebody took it.
    pub acknowledged_at: Option<Timestamp>,
    /// Who took it.
    pub acknowledged_by: Option<String>,
    /// When the last alert ended.
    pub restored: Option<Timestamp>,
    /// When the ticket was ended.
    pub resolved_at: Option<Timestamp>,
    /// How it was ended.
    pub resolved_as: Option<ResolvedAs>,
    /// How often it was reopened.
    pub reopened: u32,
    /// Until when nobody is paged at a person's wish.
    pub snoozed_until: Option<Timestamp>,
    /// Nobody is paged before then: it waits for office hours.
    #[serde(default)]
    pub held_until: Option<Timestamp>,
    /// When the acknowledgement runs out and whoever has it is paged again.
    #[serde(default)]
    pub ack_times_out: Option<Timestamp>,
    /// The one person who is paged beside the policy: it was given to them, or their acknowledgement ran out.
    #[serde(default)]
    pub assigned_to: Option<PersonId>,
    /// Steps that were passed over and are paged when their window opens.
    #[serde(default)]
    pub waiting: Vec<WaitingView>,
    /// Who has acknowledged the present step, where everybody in it must.
    #[serde(default)]
    pub acknowledged_by_some: Vec<AckView>,
    /// Who is still to acknowledge the present step, where everybody in it must: only who was paged in it counts.
    #[serde(default)]
    pub still_to_acknowledge: Vec<PersonId>,
    /// The ticket that goes on in its place.
    #[serde(default)]
    pub merged_into: Option<TicketId>,
    /// What happens next if nobody does anything.
    pub next_step: NextStep,
    /// Its alerts, in the order they joined.
    pub alerts: Vec<AlertView>,
    /// How many further alerts are not paged because this ticket explains them.
    #[serde(default)]
    pub explains: u32,
    /// An alert of it comes and goes: it stays open until that is calm.
    #[serde(default)]
    pub flapping: bool,
    /// The storm, where it is the ticket of one.
    #[serde(default)]
    pub storm: Option<StormView>,
}

/// Many alerts of one service, in one ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormView {
    /// The service, or the probe that the others depend on.
    pub of: String,
    /// Whether further alerts become members.
    pub rages: bool,
    /// So many members fire.
    pub firing: u32,
    /// So many are over.
    pub resolved: u32,
}

/// A fault that comes and goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapView {
    /// Since when.
    pub since: Timestamp,
    /// Whether it is up for now.
    pub up: bool,
    /// It counts as calm then, unless it changes again.
    pub calm_at: Timestamp,
}

/// What happens next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// When.
    pub at: Option<Timestamp>,
    /// Who is paged then, by the present duty.
    pub to: Vec<PersonId>,
}

/// A step that waits for its window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// Of which policy.
    pub policy: PolicyId,
    /// Which, from 1.
    pub step: Option<u32>,
    /// When its window opens.
    pub until: Timestamp,
}

/// One of several who must all acknowledge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckView {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// One alert of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertView {
    /// `probe:invoice-verify`.
    pub dedup_key: DedupKey,
    /// The probe, where one found it.
    pub probe: Option<ProbeId>,
    /// Why it is not up.
    pub kind: Option<FailureKind>,
    /// How bad.
    pub severity: Severity,
    /// `firing` or `resolved`.
    pub state: AlertState,
    /// One line for a person.
    pub summary: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What routes and silences see.
    pub labels: Labels,
    /// It comes and goes.
    #[serde(default)]
    pub flapping: Option<FlapView>,
    /// Words for people, by their names at the source.
    #[serde(default)]
    pub annotations: Labels,
    /// Where the source shows it.
    #[serde(default)]
    pub link: Option<String>,
}

/// Whether an alert is live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The fault is there.
    Firing,
    /// It is over.
    Resolved,
}

/// The state of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageState {
    /// Nobody has answered yet.
    Pursuing,
    /// This person answered.
    Answered,
    /// The ticket was answered or ended otherwise.
    Ended,
    /// No channel accepted it.
    Unreachable,
}

/// A page as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageView {
    /// `INC-42-p7`.
    pub id: PageId,
    /// Its ticket.
    pub ticket: TicketId,
    /// Who is to be reached.
    pub person: PersonId,
    /// Under which policy.
    pub policy: PolicyId,
    /// For which step, from 1; null for the catch-all.
    pub step: Option<u32>,
    /// Where it stands.
    pub state: PageState,
    /// When it began.
    pub started_at: Timestamp,
    /// Each try, in order.
    pub attempts: Vec<AttemptView>,
    /// Why this person: the duty or the name in the policy.
    pub why: Why,
    /// When each stage of the way to this page was passed.
    pub stages: Stages,
}

/// One try on one contact over one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Within the page, over all channels, from 1.
    pub n: u32,
    /// Over which channel.
    pub channel: ChannelId,
    /// When it was handed over.
    pub at: Timestamp,
    /// What came of it; null while it is under way.
    pub receipt: Option<Receipt>,
    /// What the provider said.
    pub detail: Option<String>,
}

/// When each stage on the way to a page was passed (promise 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// The first failing run started; at most `every` after the fault itself.
    pub broken: Option<Timestamp>,
    /// Its outcome was known.
    pub seen: Option<Timestamp>,
    /// Detection settled.
    pub confirmed: Option<Timestamp>,
    /// The ticket was opened, reopened or joined.
    pub ticket: Option<Timestamp>,
    /// The first attempt was handed to a provider.
    pub handed_over: Option<Timestamp>,
    /// A provider accepted.
    pub accepted: Option<Timestamp>,
}

/// Why a person is the one (promise 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The revision that was asked.
    pub revision: Revision,
    /// The route that matched.
    pub route: String,
    /// The rotation whose duty it is, where the step names one.
    pub rotation: Option<RotationId>,
    /// The layer that put the person on duty.
    pub layer: Option<LayerId>,
    /// The override that did.
    #[serde(rename = "override")]
    pub override_: Option<String>,
    /// Until when the person is on duty.
    pub until: Option<Timestamp>,
    /// In words: `on duty in expense-primary (layer weekly)`, `named by the step`, `catch-all`.
    pub text: String,
}

/// One decision of `why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyDecision {
    /// When.
    pub at: Timestamp,
    /// What was decided.
    pub outcome: WhyOutcome,
    /// About whom.
    pub person: Option<PersonId>,
    /// Over which channel.
    pub channel: Option<ChannelId>,
    /// In words.
    pub reason: String,
    /// Under which revision.
    pub revision: Option<Revision>,
    /// Under which policy.
    pub policy: Option<PolicyId>,
    /// In which step, from 1.
    pub step: Option<u32>,
    /// By which rotation.
    pub rotation: Option<RotationId>,
    /// By which layer.
    pub layer: Option<LayerId>,
    /// By which override.
    #[serde(rename = "override")]
    pub override_: Option<String>,
    /// By which silence.
    pub silence: Option<SilenceId>,
}

/// What became of a page that was considered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyOutcome {
    /// The person was paged.
    Paged,
    /// Nobody could be paged here; it gave way.
    Skipped,
    /// Somebody wanted quiet.
    Suppressed,
}

/// `why TICKET`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyView {
    /// The ticket.
    pub ticket: TicketId,
    /// Every decision, oldest first.
    pub decisions: Vec<WhyDecision>,
}

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The number of the fact behind it.
    pub fact: u64,
    /// When.
    pub at: Timestamp,
    /// The fact's kind.
    pub kind: String,
    /// In words, in English; screens translate by `kind`.
    pub text: String,
    /// Who did it, where a person did.
    pub by: Option<String>,
}

/// Somebody on duty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDutyView {
    /// Who.
    pub person: PersonId,
    /// The layer; null for an override.
    pub layer: Option<LayerId>,
    /// Since when, without a break.
    pub since: Option<Timestamp>,
    /// Until when, as things stand.
    pub until: Option<Timestamp>,
}

/// A silence as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceView {
    /// `SIL-3`.
    pub id: SilenceId,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// From when.
    pub from: Timestamp,
    /// To when; there is always an end.
    pub until: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How many alerts it keeps quiet now.
    pub silenced: u32,
    /// Whether it is in force; one that begins later is pending.
    #[serde(default)]
    pub active: bool,
    /// It ends within a quarter of an hour and still keeps something quiet.
    #[serde(default)]
    pub ends_soon: bool,
}

/// A maintenance window as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceView {
    /// `MNT-3`, or the id in YAML.
    pub id: String,
    /// What is done.
    pub title: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// From when; of a recurring one the present window, else the next.
    pub from: Timestamp,
    /// To when.
    pub until: Timestamp,
    /// Whether it is in force.
    pub active: bool,
    /// Whether it comes again, by the configuration.
    pub recurring: bool,
    /// What is expected inside; anything else pages.
    pub expect: crate::not_paging::Expect,
    /// Whether it holds running escalations too.
    pub cover_running: bool,
    /// Who asked for it.
    pub by: String,
    /// How many alerts it keeps quiet now.
    pub quiet: u32,
}

/// Why something is quiet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietReason {
    /// `silence`, `maintenance`, `inhibition`, `dependency`, `info`, `settling`, …
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when at most; null where it ends with something else.
    pub until: Option<Timestamp>,
    /// The silence, the window, or the alert that explains it.
    pub by: Option<String>,
    /// The ticket that explains it.
    pub ticket: Option<TicketId>,
    /// The recorded silence, where it is one.
    pub silence: Option<SilenceId>,
    /// As it is recorded.
    pub quiet: crate::fact::Quiet,
}

/// A recorded override as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideView {
    /// `OVR-3`; null for one written in YAML.
    pub id: Option<OverrideId>,
    /// Whose duty.
    pub rotation: RotationId,
    /// Who stands in.
    pub person: PersonId,
    /// From when.
    pub from: Timestamp,
    /// To when.
    pub to: Timestamp,
    /// Stands in for this person alone; null for everybody.
    #[serde(default)]
    pub replaces: Option<PersonId>,
}

/// A request that somebody takes a shift, as the API shows it while nobody has answered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverView {
    /// `CVR-3`.
    pub id: CoverId,
    /// Whose duty.
    pub rotation: RotationId,
    /// Who asks.
    pub person: PersonId,
    /// From when.
    pub from: Timestamp,
    /// To when.
    pub to: Timestamp,
    /// Who is asked; null for everybody else of the rotation.
    pub asked: Option<PersonId>,
    /// What `person` takes in return.
    pub swap_for: Option<crate::cover::CoverSpan>,
    /// A word to those who are asked.
    pub note: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
}

impl From<&crate::cover::Cover> for CoverView {
    fn from(it: &crate::cover::Cover) -> Self {
        Self {
            id: it.id,
            rotation: it.rotation.clone(),
            person: it.person.clone(),
            from: it.from,
            to: it.to,
            asked: it.asked.clone(),
            swap_for: it.swap_for,
            note: it.note.clone(),
            asked_at: it.asked_at,
        }
    }
}

/// An absence as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbsenceView {
    /// `ABS-3`; null for one written in YAML.
    pub id: Option<AbsenceId>,
    /// Who.
    pub person: PersonId,
    /// From when.
    pub from: Timestamp,
    /// To when.
    pub to: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

impl From<&crate::catalog::Absence> for AbsenceView {
    fn from(it: &crate::catalog::Absence) -> Self {
        Self { id: it.id, person: it.person.clone(), from: it.from, to: it.to, reason: it.reason.clone() }
    }
}

impl From<&crate::catalog::Override> for OverrideView {
    fn from(it: &crate::catalog::Override) -> Self {
        let (rotation, person, replaces) = (it.rotation.clone(), it.person.clone(), it.replaces.clone());
        Self { id: it.id, rotation, person, from: it.from, to: it.to, replaces }
    }
}

/// The last test page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestView {
    /// `TEST-3`.
    pub id: TestId,
    /// To whom.
    pub person: PersonId,
    /// Over which channel.
    pub channel: ChannelId,
    /// When it was handed over.
    pub at: Timestamp,
    /// What came of it; null while it is under way.
    pub receipt: Option<Receipt>,
    /// What the provider said.
    pub detail: Option<String>,
}

/// Everything the outside may look at, as of the last commit. Cheap to clone: tickets are shared.
#[derive(Clone, Debug, Default)]
pub struct LiveView {
    /// As of when; `None` before the first commit.
    pub at: Option<Timestamp>,
    /// When the last commit succeeded.
    pub last_commit: Option<Timestamp>,
    /// Open tickets, and those resolved within the last 25 hours.
    pub tickets: std::collections::BTreeMap<TicketId, std::sync::Arc<TicketLive>>,
    /// Silences that have not ended.
    pub silences: Vec<SilenceView>,
    /// Recorded maintenance windows that have not ended.
    pub maintenance: Vec<MaintenanceView>,
    /// Recorded overrides and absences that have not ended, oldest first.
    pub recorded: crate::rotation::Recorded,
    /// Cover requests that nobody has answered, oldest first.
    pub covers: Vec<CoverView>,
    /// The last test pages, oldest first; at most 20.
    pub tests: Vec<TestView>,
    /// Firing alerts without a ticket: silenced, or only informing.
    pub quiet: Vec<QuietView>,
    /// What is known of each heartbeat.
    pub beats: std::collections::BTreeMap<ProbeId, crate::heartbeat::HeartbeatMark>,
    /// The committed verdict of each probe.
    pub verdicts: std::collections::BTreeMap<ProbeId, crate::observation::Verdict>,
}

/// A ticket with what its links and pages need beside the API's JSON.
#[derive(Clone, Debug)]
pub struct TicketLive {
    /// As the API shows it.
    pub view: TicketView,
    /// Its pages, oldest first, of every occurrence.
    pub pages: Vec<PageLive>,
    /// Which occurrence it is in, from 1.
    pub occurrence: u32,
    /// What broke, in both languages.
    pub title: crate::catalog::Localized,
    /// What does not work for users, in both languages.
    pub impact: Option<crate::catalog::Localized>,
    /// The first steps of the runbook.
    pub runbook: Vec<String>,
    /// The silence that holds the paging.
    pub held: Option<SilenceId>,
    /// Whatever holds the paging.
    pub held_by: Option<QuietReason>,
    /// What the worst live alert's run saw.
    pub run: Option<crate::observation::RunSummary>,
    /// When all was well for the last time.
    pub last_good: Option<Timestamp>,
    /// So many runs in a row found the fault.
    pub runs: u32,
}

/// A page with the occurrence it belongs to.
#[derive(Clone, Debug)]
pub struct PageLive {
    /// As the API shows it.
    pub view: PageView,
    /// The occurrence of the ticket it belongs to.
    pub occurrence: u32,
}

/// A firing alert that nobody is paged for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietView {
    /// The alert.
    pub alert: AlertView,
    /// The recorded silence that matches.
    pub silence: Option<SilenceId>,
    /// Why it is quiet.
    pub reason: QuietReason,
}
