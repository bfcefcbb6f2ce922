//! The JSON of the API beside the engine's own views. The command line reads what it is sent with the same types.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchbell_engine::catalog::Localized;
use watchbell_engine::ids::{ChannelId, CoverId, LayerId, PersonId, ProbeId, RotationId, TicketId};
use watchbell_engine::label::{Labels, Matcher};
use watchbell_engine::not_paging::Expect;
use watchbell_engine::observation::Observation;
use watchbell_engine::rotation::{OnDuty, Shift};
use watchbell_engine::suppressed::Suppressed;
use watchbell_engine::view::{
    AbsenceView, CoverView, MaintenanceView, OnDutyView, OverrideView, PageView, SilenceView, TicketView, TimelineEntry,
};
use watchbell_engine::word::{FailureKind, Level, Outcome, ResolvedAs, Severity};

use crate::gate::Role;

/// `GET tickets`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tickets {
    /// Newest first.
    pub tickets: Vec<TicketView>,
    /// What to ask for as `before` to go on; null at the end.
    pub next: Option<String>,
}

/// `GET tickets/{id}/timeline`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Always null: a timeline comes whole.
    pub next: Option<String>,
}

/// `GET pages`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pages {
    /// Oldest first.
    pub pages: Vec<PageView>,
    /// Always null: a ticket's pages come whole.
    pub next: Option<String>,
}

/// `GET oncall`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oncall {
    /// As of when.
    pub at: Timestamp,
    /// `server` or `files`.
    pub source: String,
    /// Every rotation, by id.
    pub rotations: Vec<RotationDuty>,
}

/// `POST simulate`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateAsk {
    /// When the fault begins: an instant, or a wall time of the configuration's zone; now, where missing.
    pub at: Option<String>,
    /// The probe that sees it.
    pub probe: Option<ProbeId>,
    /// For a fault that is told from outside: its labels.
    #[serde(default)]
    pub labels: Labels,
    /// For a fault that is told from outside: how bad; `critical` where missing.
    pub severity: Option<Severity>,
    /// Who is paged acknowledges so long after the page has come: `3m`; nobody does, where missing.
    pub ack_after: Option<String>,
    /// Only this person acknowledges.
    pub by: Option<PersonId>,
    /// How long is looked at: `1h`.
    #[serde(rename = "for")]
    pub length: Option<String>,
}

/// Who is on duty in one rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationDuty {
    /// Which.
    pub id: RotationId,
    /// Whether this is from the record of who was on duty; computed from the configuration otherwise.
    #[serde(default)]
    pub recorded: bool,
    /// Usually one person; several where several are on duty at once; nobody where empty.
    pub on_duty: Vec<OnDutyView>,
}

/// What `rota` prints; `GET rotations/{id}/shifts` answers one of its rotations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rota {
    /// `server` or `files`.
    pub source: String,
    /// By id.
    pub rotations: Vec<RotationShifts>,
}

/// A rotation over a span: shifts and gaps cover it; shifts overlap where several are on duty at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationShifts {
    /// Which.
    pub id: RotationId,
    /// By their starts; they overlap where several people are on duty together.
    pub shifts: Vec<ShiftView>,
    /// In order.
    pub gaps: Vec<GapView>,
}

/// One shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftView {
    /// Who.
    pub person: PersonId,
    /// The layer; null for an override.
    pub layer: Option<LayerId>,
    /// From.
    pub from: Timestamp,
    /// To, exclusive.
    pub to: Timestamp,
    /// The override: `OVR-3`, or `yaml`; null for a layer, and where the record does not say.
    #[serde(rename = "override", default)]
    pub override_: Option<String>,
    /// Whom the person stands in for.
    #[serde(default)]
    pub stands_in_for: Option<PersonId>,
    /// Whether it began by the record of who was on duty; computed from the configuration otherwise.
    #[serde(default)]
    pub recorded: bool,
}

impl ShiftView {
    /// A shift; one that began in the span of the record is recorded.
    pub fn new(shift: Shift, recorded: bool) -> Self {
        let Shift { on_duty: OnDuty { person, layer, override_, stands_in_for }, from, to } = shift;
        Self { person, layer, from, to, override_, stands_in_for, recorded }
    }
}

/// A span in which nobody is on duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapView {
    /// From.
    pub from: Timestamp,
    /// To, exclusive.
    pub to: Timestamp,
}

/// `GET rotations`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotations {
    /// By id.
    pub rotations: Vec<RotationView>,
    /// Always null.
    pub next: Option<String>,
}

/// A rotation as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationView {
    /// Its id.
    pub id: RotationId,
    /// The zone of its wall times.
    pub time_zone: String,
    /// From the lowest to the highest.
    pub layers: Vec<LayerView>,
    /// Those in YAML, then the recorded ones that have not ended.
    pub overrides: Vec<OverrideView>,
    /// Why gaps are right.
    pub gaps_allowed: Option<String>,
}

/// A layer as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerView {
    /// Its id.
    pub id: LayerId,
    /// In the order of their turns.
    pub people: Vec<PersonId>,
}

/// `GET rotations/{id}/overrides`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Those in YAML, then the recorded ones that have not ended.
    pub overrides: Vec<OverrideView>,
    /// Always null.
    pub next: Option<String>,
}

/// `GET absences`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absences {
    /// Those in YAML, then the recorded ones that have not ended.
    pub absences: Vec<AbsenceView>,
    /// Always null.
    pub next: Option<String>,
}

/// `POST absences`: from when, and to when or for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsenceAsk {
    /// Who.
    pub person: PersonId,
    /// From when; a time without an offset is local to the person.
    pub from: String,
    /// To when.
    #[serde(default)]
    pub to: Option<String>,
    /// For so long from `from` on.
    #[serde(rename = "for", default)]
    pub length: Option<String>,
    /// Why, as far as colleagues should know.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `GET people/{id}/feed` and `GET rotations/{id}/feed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedView {
    /// The address; whoever has it may read it.
    pub url: String,
    /// The same for programs that subscribe by it.
    pub webcal: String,
}

/// `GET silences`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silences {
    /// Those that have not ended.
    pub silences: Vec<SilenceView>,
    /// Those that the configuration brings back again and again: the present window, else the next.
    #[serde(default)]
    pub recurring: Vec<RecurringSilence>,
    /// Always null.
    pub next: Option<String>,
}

/// A recurring silence of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecurringSilence {
    /// Its id in YAML.
    pub id: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// From when: the present window, else the next.
    pub from: Timestamp,
    /// To when.
    pub until: Timestamp,
    /// Whether it is in force.
    pub active: bool,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// How many alerts it keeps quiet now.
    pub silenced: u32,
}

/// `GET maintenance`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenances {
    /// Those that have not ended.
    pub maintenance: Vec<MaintenanceView>,
    /// Always null.
    pub next: Option<String>,
}

/// `GET suppressed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressedList {
    /// Every alert that nobody is paged for, the oldest first.
    pub suppressed: Vec<Suppressed>,
    /// How many, by why.
    pub counts: std::collections::BTreeMap<String, u64>,
    /// Always null.
    pub next: Option<String>,
}

/// `GET probes`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probes {
    /// By id.
    pub probes: Vec<ProbeView>,
    /// Always null.
    pub next: Option<String>,
}

/// A probe and how it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeView {
    /// Its id.
    pub id: ProbeId,
    /// What people call it.
    pub title: Localized,
    /// What does not work for users while it is down.
    pub impact: Option<Localized>,
    /// Its service.
    pub service: String,
    /// Its component of the status page.
    pub component: String,
    /// The team that owns it.
    pub owner: Option<String>,
    /// The severity of `down`.
    pub severity: Severity,
    /// What is believed of it; null before anything was settled.
    pub level: Option<Level>,
    /// Why it is not up.
    pub kind: Option<FailureKind>,
    /// Since when it is so.
    pub since: Option<Timestamp>,
    /// Time between runs, milliseconds; null for heartbeats.
    pub every_ms: Option<u64>,
    /// From fault to page at worst, seconds; null for heartbeats.
    pub worst_case_s: Option<f64>,
    /// The newest run.
    pub last: Option<RunView>,
}

/// A run in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// When it started.
    pub at: Timestamp,
    /// What it found.
    pub outcome: Outcome,
    /// How long it took, milliseconds.
    pub total_ms: Option<f64>,
}

/// `GET probes/{id}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeDetail {
    /// As in the list.
    #[serde(flatten)]
    pub probe: ProbeView,
    /// The newest run, with all that it saw.
    pub observation: Option<Observation>,
    /// The last runs, oldest first.
    pub recent: Vec<RunView>,
}

/// `GET tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// By name; never the token itself.
    pub tokens: Vec<TokenView>,
    /// Always null.
    pub next: Option<String>,
}

/// A token's description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Its name: whose it is.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
}

/// `POST tokens` answers it, this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The token.
    pub token: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// `POST tickets/{id}/resolve`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveAsk {
    /// How; `fixed` where it is not said.
    #[serde(rename = "as", default = "fixed")]
    pub resolved_as: ResolvedAs,
    /// Why it happened.
    #[serde(default)]
    pub cause: Option<String>,
}

fn fixed() -> ResolvedAs {
    ResolvedAs::Fixed
}

/// `POST tickets/{id}/snooze`: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnoozeAsk {
    /// For so long from now on.
    #[serde(rename = "for", default)]
    pub length: Option<String>,
    /// Until then.
    #[serde(default)]
    pub until: Option<String>,
}

/// `POST tickets/{id}/note`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteAsk {
    /// The word for the timeline.
    pub text: String,
}

/// `POST tickets/{id}/assign`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignAsk {
    /// Who is paged for it.
    pub person: PersonId,
}

/// `POST tickets/{id}/merge`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeAsk {
    /// The ticket that goes on.
    pub into: TicketId,
}

/// `POST tickets`: a person found a fault that no probe sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclareAsk {
    /// One line.
    pub summary: String,
    /// How bad; `error` where it is not said.
    #[serde(default = "error")]
    pub severity: Severity,
    /// What routes see.
    #[serde(default)]
    pub labels: Labels,
}

fn error() -> Severity {
    Severity::Error
}

/// `POST silences`: matchers, a mandatory end (`for` or `until`), a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceAsk {
    /// All must match: `service="invoice"`.
    pub matchers: Vec<String>,
    /// From when; at once by itself.
    #[serde(default)]
    pub from: Option<String>,
    /// For so long from its start on.
    #[serde(rename = "for", default)]
    pub length: Option<String>,
    /// Until then.
    #[serde(default)]
    pub until: Option<String>,
    /// Why.
    pub reason: String,
}

/// `POST silences/{id}`: another end (`for` from now on, or `until`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceChange {
    /// For so long from now on.
    #[serde(rename = "for", default)]
    pub length: Option<String>,
    /// Until then.
    #[serde(default)]
    pub until: Option<String>,
}

/// `POST maintenance`: what is done, where, until when, and what is expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceAsk {
    /// What is done.
    pub title: String,
    /// All must match: `service="ledger"`.
    pub matchers: Vec<String>,
    /// From when; at once by itself.
    #[serde(default)]
    pub from: Option<String>,
    /// For so long from its start on.
    #[serde(rename = "for", default)]
    pub length: Option<String>,
    /// Until then.
    #[serde(default)]
    pub until: Option<String>,
    /// What is expected; anything else pages.
    #[serde(default)]
    pub expect: Option<Expect>,
    /// Holds running escalations too.
    #[serde(default)]
    pub cover_running: bool,
}

/// `POST rotations/{id}/overrides`: from when, and to when or for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideAsk {
    /// Who stands in.
    pub person: PersonId,
    /// From when; a time without an offset is local to the rotation.
    pub from: String,
    /// To when.
    #[serde(default)]
    pub to: Option<String>,
    /// For so long from `from` on.
    #[serde(rename = "for", default)]
    pub length: Option<String>,
    /// Only for this person, while that person would be on duty; for everybody where it is not said.
    #[serde(default)]
    pub replaces: Option<PersonId>,
}

/// `GET covers`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covers {
    /// Those that nobody has answered, the oldest first.
    pub covers: Vec<CoverView>,
    /// Always null: all are shown.
    pub next: Option<String>,
}

/// `POST covers`: from when, and to when or for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverAsk {
    /// Whose duty.
    pub rotation: RotationId,
    /// Who asks; whoever the token belongs to, where it is not said.
    #[serde(default)]
    pub person: Option<PersonId>,
    /// From when; a time without an offset is local to the rotation.
    pub from: String,
    /// To when.
    #[serde(default)]
    pub to: Option<String>,
    /// For so long from `from` on.
    #[serde(rename = "for", default)]
    pub length: Option<String>,
    /// Whom; everybody else of the rotation, where it is not said.
    #[serde(default)]
    pub ask: Option<PersonId>,
    /// The shift of `ask` that `person` takes in return.
    #[serde(default)]
    pub swap_for: Option<SwapAsk>,
    /// A word to those who are asked.
    #[serde(default)]
    pub note: Option<String>,
}

/// The other half of a swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwapAsk {
    /// From when; a time without an offset is local to the rotation.
    pub from: String,
    /// To when.
    #[serde(default)]
    pub to: Option<String>,
    /// For so long from `from` on.
    #[serde(rename = "for", default)]
    pub length: Option<String>,
}

/// `POST covers/{id}/accept` and `decline`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverAnswer {
    /// Who answers; whoever the token belongs to, where it is not said.
    #[serde(default)]
    pub person: Option<PersonId>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverDone {
    /// `CVR-3`.
    pub id: CoverId,
    /// accepted, declined or withdrawn.
    pub outcome: String,
    /// Who accepted or declined.
    pub person: Option<PersonId>,
}

/// `POST test-pages`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestAsk {
    /// To whom.
    pub person: PersonId,
    /// Over which channel; the first of the person's urgent ladder where it is not said.
    #[serde(default)]
    pub channel: Option<ChannelId>,
}

/// `POST reload`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadAsk {
    /// Even when it changes who is on duty now.
    #[serde(default)]
    pub accept_shift_change: bool,
}

/// `POST tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenAsk {
    /// Whose it is; a person's id lets it act as that person.
    pub name: String,
    /// What it may do.
    pub role: Role,
}
