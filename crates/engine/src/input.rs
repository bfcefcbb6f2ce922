//! Everything that can reach the engine, and what it answers. All of it is serialisable, so that a
//! follower can hand it to a leader.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cover::CoverSpan;
use crate::fact::Told;
use crate::heartbeat::Beat;
use crate::ids::{
    AbsenceId, ChannelId, CoverId, DedupKey, InputId, MaintenanceId, OverrideId, PageId, PersonId, ProbeId, RotationId,
    SendId, SilenceId, TestId, TicketId,
};
use crate::label::{Labels, Matcher};
use crate::not_paging::Expect;
use crate::observation::Verdict;
use crate::time::Millis;
use crate::word::{Receipt, ResolvedAs, Severity};

/// The longest silence and maintenance window there is: what is quiet for longer belongs into the configuration.
pub const SILENCE_AT_MOST: Millis = Millis::hours(30 * 24);

/// An input with its identity; a repeat of the id gets the same answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Unique per request; chosen by the sender.
    pub id: InputId,
    /// What it says.
    pub input: Input,
}

/// What can reach the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Detection settled on a level. Told once after every start and reload too.
    Verdict(Verdict),
    /// A source outside says that something fires or is over.
    Signal(Signal),
    /// A source says many things at once: all of it is durable before any of it is answered, and nobody is
    /// paged before all of it was taken in.
    Signals(Vec<Signal>),
    /// A job says that it lives.
    Beat {
        /// The heartbeat.
        probe: ProbeId,
        /// What it says.
        beat: Beat,
    },
    /// A person or a token asks for something.
    Act(Act),
    /// A channel reports what became of a message.
    Report(SendReport),
    /// Time has come for something that was due.
    Tick,
    /// The wall clock moved by so many milliseconds against the boot clock.
    ClockStepped {
        /// Positive when the wall clock jumped ahead.
        by_ms: i64,
    },
    /// A start or take-over: the outbox rows of earlier epochs that have no outcome.
    TookOver {
        /// Oldest first.
        unfinished: Vec<Unfinished>,
    },
    /// A new catalog is in force.
    Reloaded,
}

/// A fire or a resolve from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// What makes it the same fault as another: `api:<key>`, `am:<fingerprint>`, …
    pub dedup_key: DedupKey,
    /// Fire or resolve.
    pub action: SignalAction,
    /// One line for a person.
    pub summary: String,
    /// How bad.
    pub severity: Severity,
    /// What routes and silences see; `severity` is added.
    pub labels: Labels,
    /// When it started, where the source says so; never later than its arrival.
    pub started_at: Option<Timestamp>,
    /// Who sent it: the name of a token, `self`.
    pub source: String,
    /// What only some sources say.
    #[serde(default)]
    pub more: More,
}

/// What only some sources say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct More {
    /// The source says it again and again for as long as it lasts. Once a person has ended the ticket, such a
    /// repeat is no news until the source has said that it is over, or says nothing more.
    pub level: bool,
    /// One line with the finding, where it is not the summary.
    pub details: Option<String>,
    /// What to do about it.
    pub runbook: Vec<String>,
    /// Kept with the alert.
    pub told: Option<Box<Told>>,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalAction {
    /// The fault is there.
    Fire,
    /// It is over.
    Resolve,
    /// Somebody has it, says the source; nothing where it is not open.
    Acknowledge,
    /// Something was changed; written down, and nobody is paged.
    Change,
}

/// Something that a person or a token asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who asks, and how we know.
    pub by: Actor,
    /// For what.
    pub what: Deed,
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The person, where it is known to be one of the catalog.
    pub person: Option<PersonId>,
    /// As shown: the person's name, or the token's.
    pub name: String,
    /// Through which door.
    pub via: Via,
}

/// Through which door somebody acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The link of a page that was sent to this person.
    Link,
    /// A link posted to a room: the name is what they said, unverified.
    Room {
        /// The room.
        room: PersonId,
    },
    /// The API with a token (CLI and scripts too).
    Api,
    /// watchbell itself.
    Engine,
}

impl Actor {
    /// watchbell itself.
    pub fn engine() -> Self {
        Self { person: None, name: "watchbell".into(), via: Via::Engine }
    }
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// I have it: paging stops. Safe to ask twice.
    Ack {
        /// Which ticket.
        ticket: TicketId,
        /// The page whose link was used; a page of an earlier occurrence is refused.
        page: Option<PageId>,
    },
    /// It is over.
    Resolve {
        /// Which ticket.
        ticket: TicketId,
        /// How.
        resolved_as: ResolvedAs,
        /// Why it happened, in words.
        cause: Option<String>,
    },
    /// Page the next step at once.
    Escalate {
        /// Which ticket.
        ticket: TicketId,
        /// The page whose link was used.
        page: Option<PageId>,
    },
    /// I cannot take it. Gives way when nobody else of the step is left.
    Decline {
        /// The page whose link was used.
        page: PageId,
    },
    /// I have it; page again then, if it is still open.
    Snooze {
        /// Which ticket.
        ticket: TicketId,
        /// Until when; in the future.
        until: Timestamp,
    },
    /// I have it, in the place of whoever has it or is being paged.
    Take {
        /// Which ticket.
        ticket: TicketId,
    },
    /// This person has to see to it: paged as a step of one.
    Assign {
        /// Which ticket.
        ticket: TicketId,
        /// Who.
        person: PersonId,
    },
    /// It is the same as another: its alerts move there, and it is over.
    Merge {
        /// Which ticket.
        ticket: TicketId,
        /// The one that goes on.
        into: TicketId,
    },
    /// A word for the timeline.
    Note {
        /// Which ticket.
        ticket: TicketId,
        /// The word.
        text: String,
    },
    /// A person found a fault that no probe sees.
    Declare {
        /// One line.
        summary: String,
        /// How bad.
        severity: Severity,
        /// What routes see.
        labels: Labels,
    },
    /// Page nobody for what matches, until then.
    AddSilence {
        /// All must match; never empty.
        matchers: Vec<Matcher>,
        /// From when; at once where `None` or past.
        #[serde(default)]
        from: Option<Timestamp>,
        /// Until when; in the future, and at most [`SILENCE_AT_MOST`] after the start.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Give a silence another end: longer or shorter.
    ChangeSilence {
        /// Which.
        silence: SilenceId,
        /// Until when; in the future.
        until: Timestamp,
    },
    /// End a silence now.
    EndSilence {
        /// Which.
        silence: SilenceId,
    },
    /// Expect trouble of what matches between two instants, and page nobody for it.
    AddMaintenance {
        /// What is done, for people.
        title: String,
        /// All must match; never empty.
        matchers: Vec<Matcher>,
        /// From when; at once where `None` or past.
        from: Option<Timestamp>,
        /// Until when; in the future, and at most [`SILENCE_AT_MOST`] after the start.
        until: Timestamp,
        /// What is expected; anything else pages.
        expect: Expect,
        /// Hold running escalations too.
        cover_running: bool,
    },
    /// End a recorded maintenance window now.
    EndMaintenance {
        /// Which.
        maintenance: MaintenanceId,
    },
    /// Somebody stands in.
    AddOverride {
        /// Whose duty.
        rotation: RotationId,
        /// Who.
        person: PersonId,
        /// From when.
        from: Timestamp,
        /// To when, after `from`.
        to: Timestamp,
        /// Only for this person, while that person would be on duty; for everybody, where `None`.
        #[serde(default)]
        replaces: Option<PersonId>,
    },
    /// Take an override back.
    RemoveOverride {
        /// Which.
        override_id: OverrideId,
    },
    /// Somebody has no duty for a while.
    AddAbsence {
        /// Who.
        person: PersonId,
        /// From when.
        from: Timestamp,
        /// To when, after `from`.
        to: Timestamp,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Take an absence back.
    RemoveAbsence {
        /// Which.
        absence_id: AbsenceId,
    },
    /// Ask others to take a shift. Nobody's duty changes before somebody accepts.
    AskCover {
        /// In which rotation.
        rotation: RotationId,
        /// Whose shift.
        person: PersonId,
        /// From when.
        from: Timestamp,
        /// To when, after `from`.
        to: Timestamp,
        /// Whom; everybody else of the rotation where `None`.
        asked: Option<PersonId>,
        /// What `person` takes of the one who is asked in return.
        swap_for: Option<CoverSpan>,
        /// A word to those who are asked.
        note: Option<String>,
    },
    /// Take the shift that was asked for.
    AcceptCover {
        /// Which request.
        cover: CoverId,
        /// Who takes it.
        person: PersonId,
    },
    /// The one person who was asked cannot.
    DeclineCover {
        /// Which request.
        cover: CoverId,
        /// Who cannot.
        person: PersonId,
    },
    /// Take a request back.
    WithdrawCover {
        /// Which.
        cover: CoverId,
    },
    /// Send a test page.
    TestPage {
        /// To whom.
        person: PersonId,
        /// Over which channel; the first of the person's urgent ladder where `None`.
        channel: Option<ChannelId>,
    },
}

/// What a channel reports of one send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendReport {
    /// Which send.
    pub send: SendId,
    /// When it was handed to the provider.
    pub handed_over: Option<Timestamp>,
    /// What came of it.
    pub receipt: Receipt,
    /// What the provider said; short, no secret.
    pub detail: Option<String>,
    /// How long the provider wants us to wait.
    pub retry_after: Option<Millis>,
}

/// An outbox row of an earlier epoch without an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Which send.
    pub send: SendId,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// What the engine answers; shown to the source only once it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Taken in; there is nothing more to say.
    Done,
    /// About a ticket, which the live view shows as it is now.
    Ticket {
        /// Which.
        ticket: TicketId,
        /// It had been so before.
        already: bool,
    },
    /// A signal was taken in.
    Signal {
        /// Its key.
        dedup_key: DedupKey,
        /// Its ticket; `None` while it is silenced or only informs.
        ticket: Option<TicketId>,
    },
    /// Signals were taken in: the ticket of each, in their order.
    Signals(Vec<Option<TicketId>>),
    /// A silence was recorded.
    Silence(SilenceId),
    /// A maintenance window was recorded.
    Maintenance(MaintenanceId),
    /// An override was recorded.
    Override(OverrideId),
    /// An absence was recorded.
    Absence(AbsenceId),
    /// A cover request was recorded or answered.
    Cover(CoverId),
    /// A test page is being sent.
    Test(TestId),
    /// It cannot be done.
    Refused(Refusal),
}

/// Why something cannot be done. The text is for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 404
    #[error("there is no ticket {0}")]
    NoSuchTicket(TicketId),
    /// 409
    #[error("{0} is resolved already; nothing is being paged")]
    AlreadyResolved(TicketId),
    /// 409
    #[error("this page was about an earlier occurrence of {0}, which has been reopened since; open the newest page")]
    EarlierOccurrence(TicketId),
    /// 404
    #[error("there is no page {0}")]
    NoSuchPage(PageId),
    /// 404
    #[error("there is no person `{0}` in the configuration")]
    NoSuchPerson(PersonId),
    /// 404
    #[error("there is no rotation `{0}` in the configuration")]
    NoSuchRotation(RotationId),
    /// 404
    #[error("there is no heartbeat `{0}` in the configuration")]
    NoSuchHeartbeat(ProbeId),
    /// 404
    #[error("there is no silence {0}, or it has ended")]
    NoSuchSilence(SilenceId),
    /// 404
    #[error("there is no recorded maintenance window {0}, or it has ended")]
    NoSuchMaintenance(MaintenanceId),
    /// 404
    #[error("there is no recorded override {0}")]
    NoSuchOverride(OverrideId),
    /// 404
    #[error("there is no recorded absence {0}")]
    NoSuchAbsence(AbsenceId),
    /// 404
    #[error("there is no open cover request {0}: it was answered or taken back, or its time is over")]
    NoSuchCover(CoverId),
    /// 409
    #[error("`{person}` is not on duty in `{rotation}` then; {}", who_is(on_duty))]
    NotTheirDuty {
        /// Who.
        person: PersonId,
        /// Where.
        rotation: RotationId,
        /// Who is.
        on_duty: Vec<PersonId>,
    },
    /// 409
    #[error("`{person}` was not asked by {cover}, and cannot answer it")]
    NotAsked {
        /// Which request.
        cover: CoverId,
        /// Who.
        person: PersonId,
    },
    /// 409
    #[error("`{0}` is away then; take the absence back first")]
    IsAway(PersonId),
    /// 422
    #[error("there is nobody else in `{0}` who could be asked")]
    NobodyToAsk(RotationId),
    /// 422
    #[error("the two shifts of a swap must not overlap")]
    SwapsOverlap,
    /// 422
    #[error("nobody can stand in for themselves (`{0}`)")]
    ForThemselves(PersonId),
    /// 422
    #[error("`{person}` has no contact on channel `{channel}`")]
    NoContact {
        /// Who.
        person: PersonId,
        /// Over what.
        channel: ChannelId,
    },
    /// 422
    #[error("`{0}` has no contact at all")]
    NoContacts(PersonId),
    /// 422
    #[error("`{0}` is disabled and cannot be paged")]
    Disabled(PersonId),
    /// 422
    #[error("{0} cannot be merged into itself")]
    MergesIntoItself(TicketId),
    /// 422
    #[error("the end must lie in the future and after the start")]
    EndsBeforeItStarts,
    /// 422
    #[error("a silence or a maintenance window lasts at most 30 days")]
    TooLong,
    /// 422
    #[error("at least one matcher is needed, or everything would be quiet")]
    MatchesEverything,
    /// 422
    #[error("`{0}` must not be empty")]
    Empty(String),
}

fn who_is(on_duty: &[PersonId]) -> String {
    let names: Vec<&str> = on_duty.iter().map(PersonId::as_str).collect();
    if names.is_empty() { "nobody is".into() } else { format!("on duty: {}", names.join(", ")) }
}
