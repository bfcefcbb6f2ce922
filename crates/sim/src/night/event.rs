//! What happens in a night, as it is written.
#![allow(missing_docs, reason = "the words are those of the YAML, and what each does stands at `Happening`")]

use std::collections::BTreeMap;

use crate::script::{CrashPoint, Habit, Happening, Health, Mode, Setup, StoreMode};
use serde::{Deserialize, Serialize};
use watchbell_engine::Timestamp;
use watchbell_engine::cover::CoverSpan;
use watchbell_engine::fact::{Lapse, Told};
use watchbell_engine::heartbeat::Beat;
use watchbell_engine::ids::{
    AbsenceId, ChannelId, CoverId, DedupKey, OverrideId, PageId, PersonId, ProbeId, RotationId, SilenceId, TicketId,
};
use watchbell_engine::input::{Deed, More, Signal, SignalAction};
use watchbell_engine::label::Matcher;
use watchbell_engine::time::{Millis, after};
use watchbell_engine::word::{FailureKind, ResolvedAs, Severity};

use super::{ConfigText, Span};

/// An event: when, and what.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Written {
    /// Counted from the start.
    pub at: Span,
    #[serde(flatten)]
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    Break(Broken),
    Heal(ProbeId),
    Fire(Fire),
    Over(String),
    Beat {
        probe: ProbeId,
        says: Says,
    },
    Ack(Act),
    Decline(Act),
    Escalate(Act),
    Snooze {
        by: PersonId,
        ticket: TicketId,
        r#for: Span,
    },
    Resolve {
        by: PersonId,
        ticket: TicketId,
        r#as: ResolvedAs,
        cause: Option<String>,
    },
    Take {
        by: PersonId,
        ticket: TicketId,
    },
    Assign {
        by: PersonId,
        ticket: TicketId,
        to: PersonId,
    },
    Merge {
        by: PersonId,
        ticket: TicketId,
        into: TicketId,
    },
    Note {
        by: PersonId,
        ticket: TicketId,
        text: String,
    },
    Declare {
        by: PersonId,
        summary: String,
        severity: Severity,
    },
    Silence {
        by: PersonId,
        r#match: Vec<Matcher>,
        r#for: Span,
        reason: String,
        /// Begins so much later.
        #[serde(default)]
        r#in: Option<Span>,
    },
    ChangeSilence {
        by: PersonId,
        silence: SilenceId,
        /// Until so long after now.
        r#for: Span,
    },
    EndSilence {
        by: PersonId,
        silence: SilenceId,
    },
    Override {
        by: PersonId,
        rotation: RotationId,
        person: PersonId,
        r#for: Span,
        #[serde(default)]
        replaces: Option<PersonId>,
    },
    RemoveOverride {
        by: PersonId,
        id: OverrideId,
    },
    Away {
        by: PersonId,
        person: PersonId,
        r#for: Span,
        #[serde(default)]
        reason: Option<String>,
    },
    Back {
        by: PersonId,
        id: AbsenceId,
    },
    /// `by` asks for cover of a span that begins so much later.
    Cover {
        by: PersonId,
        rotation: RotationId,
        #[serde(default)]
        r#in: Option<Span>,
        r#for: Span,
        #[serde(default)]
        ask: Option<PersonId>,
        /// The shift that is taken in return begins so much later, and is as long.
        #[serde(default)]
        swap_in: Option<Span>,
    },
    AcceptCover {
        by: PersonId,
        id: CoverId,
    },
    DeclineCover {
        by: PersonId,
        id: CoverId,
    },
    WithdrawCover {
        by: PersonId,
        id: CoverId,
    },
    TestPage {
        by: PersonId,
        to: PersonId,
        via: Option<ChannelId>,
    },
    Channel {
        id: ChannelId,
        of: Option<PersonId>,
        is: Behaves,
    },
    Person {
        id: PersonId,
        acks_after: Option<Span>,
        declines_after: Option<Span>,
    },
    Crash {
        #[serde(default)]
        when: When,
        down_for: Span,
    },
    Store {
        is: StoreIs,
        r#for: Span,
    },
    Clock(Span),
    Reload(ConfigText),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    pub probe: ProbeId,
    pub kind: Option<FailureKind>,
    pub status: Option<u16>,
    pub slow: Option<Span>,
    #[serde(default)]
    pub inconclusive: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fire {
    pub key: String,
    pub severity: Severity,
    pub summary: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// It is said again and again, and over when it is not said for so long.
    pub lapses_after: Option<Span>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    pub by: PersonId,
    pub ticket: Option<TicketId>,
    pub page: Option<PageId>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    Success,
    Start,
    Fail,
    Exit(i32),
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaves {
    Accepts,
    Refuses,
    FailsForNow,
    Hangs,
    AnswerLost,
    Loses,
    Delays,
    Doubles,
    FailsAndDelivers,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    #[default]
    Now,
    BeforeCommit,
    BeforeRelease,
    BeforeHandOver,
    BeforeReport,
    BeforeAnswer,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreIs {
    Fails,
    Hangs,
    SaysNothing,
}

impl What {
    /// As the world takes them, with how much later than the event.
    pub fn happenings(
        &self,
        at: Timestamp,
        setup: &mut dyn FnMut(&ConfigText) -> Result<Setup, String>,
    ) -> Result<Vec<(Millis, Happening)>, String> {
        let later = |span: &Span| after(at, span.millis());
        let now = |happening| vec![(Millis::ZERO, happening)];
        Ok(match self {
            Self::Break(broken) => now(Happening::Target { probe: broken.probe.clone(), health: broken.health() }),
            Self::Heal(probe) => now(Happening::Target { probe: probe.clone(), health: Health::Up }),
            Self::Fire(fire) => now(Happening::Signal(fire.signal(at))),
            Self::Over(key) => now(Happening::Signal(signal(key, SignalAction::Resolve, Severity::Error))),
            Self::Beat { probe, says } => now(Happening::Beat { probe: probe.clone(), beat: says.beat() }),
            Self::Store { is, r#for } => {
                vec![(Millis::ZERO, Happening::Store(is.mode())), (r#for.millis(), Happening::Store(StoreMode::Works))]
            }
            Self::Channel { id, of, is } => {
                now(Happening::Channel { channel: id.clone(), person: of.clone(), mode: is.mode() })
            }
            Self::Person { id, acks_after, declines_after } => {
                let habit = match (acks_after, declines_after) {
                    (Some(wait), _) => Habit::Acks(wait.millis()),
                    (None, Some(wait)) => Habit::Declines(wait.millis()),
                    (None, None) => Habit::Sleeps,
                };
                now(Happening::Habit { person: id.clone(), habit })
            }
            Self::Crash { when, down_for } => now(Happening::Crash { when: when.point(), down_for: down_for.millis() }),
            Self::Clock(by) => now(Happening::Clock { by_ms: by.0 }),
            Self::Reload(config) => now(Happening::Reload(setup(config)?)),
            Self::Ack(act) => now(act.happening(|ticket, page| Deed::Ack { ticket, page })?),
            Self::Escalate(act) => now(act.happening(|ticket, page| Deed::Escalate { ticket, page })?),
            Self::Decline(act) => {
                let page = act.page.ok_or("a page is declined, not a ticket")?;
                now(acts(&act.by, Deed::Decline { page }))
            }
            Self::Snooze { by, ticket, r#for } => now(acts(by, Deed::Snooze { ticket: *ticket, until: later(r#for) })),
            Self::Resolve { by, ticket, r#as, cause } => {
                now(acts(by, Deed::Resolve { ticket: *ticket, resolved_as: *r#as, cause: cause.clone() }))
            }
            Self::Take { by, ticket } => now(acts(by, Deed::Take { ticket: *ticket })),
            Self::Assign { by, ticket, to } => now(acts(by, Deed::Assign { ticket: *ticket, person: to.clone() })),
            Self::Merge { by, ticket, into } => now(acts(by, Deed::Merge { ticket: *ticket, into: *into })),
            Self::Note { by, ticket, text } => now(acts(by, Deed::Note { ticket: *ticket, text: text.clone() })),
            Self::Declare { by, summary, severity } => {
                let labels = BTreeMap::new();
                now(acts(by, Deed::Declare { summary: summary.clone(), severity: *severity, labels }))
            }
            Self::Silence { by, r#match, r#for, reason, r#in } => {
                let (matchers, reason) = (r#match.clone(), reason.clone());
                let from = r#in.as_ref().map(later);
                let until = after(from.unwrap_or(at), r#for.millis());
                now(acts(by, Deed::AddSilence { matchers, from, until, reason }))
            }
            Self::ChangeSilence { by, silence, r#for } => {
                now(acts(by, Deed::ChangeSilence { silence: *silence, until: later(r#for) }))
            }
            Self::EndSilence { by, silence } => now(acts(by, Deed::EndSilence { silence: *silence })),
            Self::Override { by, rotation, person, r#for, replaces } => {
                let (rotation, person, replaces) = (rotation.clone(), person.clone(), replaces.clone());
                now(acts(by, Deed::AddOverride { rotation, person, from: at, to: later(r#for), replaces }))
            }
            Self::Away { by, person, r#for, reason } => {
                let (person, reason) = (person.clone(), reason.clone());
                now(acts(by, Deed::AddAbsence { person, from: at, to: later(r#for), reason }))
            }
            Self::Back { by, id } => now(acts(by, Deed::RemoveAbsence { absence_id: *id })),
            Self::RemoveOverride { by, id } => now(acts(by, Deed::RemoveOverride { override_id: *id })),
            Self::Cover { by, rotation, r#in, r#for, ask, swap_in } => {
                let span = |begins: Timestamp| CoverSpan { from: begins, to: after(begins, r#for.millis()) };
                let CoverSpan { from, to } = span(r#in.as_ref().map_or(at, later));
                let swap_for = swap_in.as_ref().map(|swap_in| span(later(swap_in)));
                let (rotation, person, asked) = (rotation.clone(), by.clone(), ask.clone());
                now(acts(by, Deed::AskCover { rotation, person, from, to, asked, swap_for, note: None }))
            }
            Self::AcceptCover { by, id } => now(acts(by, Deed::AcceptCover { cover: *id, person: by.clone() })),
            Self::DeclineCover { by, id } => now(acts(by, Deed::DeclineCover { cover: *id, person: by.clone() })),
            Self::WithdrawCover { by, id } => now(acts(by, Deed::WithdrawCover { cover: *id })),
            Self::TestPage { by, to, via } => {
                now(acts(by, Deed::TestPage { person: to.clone(), channel: via.clone() }))
            }
        })
    }
}

fn acts(by: &PersonId, deed: Deed) -> Happening {
    Happening::Act { person: by.clone(), deed }
}

fn signal(key: &str, action: SignalAction, severity: Severity) -> Signal {
    Signal {
        dedup_key: DedupKey::from(format!("api:{key}")),
        action,
        summary: key.into(),
        severity,
        labels: BTreeMap::new(),
        started_at: None,
        source: "ci".into(),
        more: More::default(),
    }
}

impl Broken {
    /// A connection refused.
    pub(crate) fn of(probe: &ProbeId) -> Self {
        Self { probe: probe.clone(), kind: None, status: None, slow: None, inconclusive: false }
    }

    fn health(&self) -> Health {
        if self.inconclusive {
            return Health::Unknowable;
        }
        if let Some(slow) = self.slow {
            return Health::Slow(slow.millis());
        }
        let kind =
            self.kind.unwrap_or(if self.status.is_some() { FailureKind::Status } else { FailureKind::ConnectRefused });
        Health::Down { kind, status: self.status }
    }
}

impl Fire {
    fn signal(&self, now: Timestamp) -> Signal {
        let signal = signal(&self.key, SignalAction::Fire, self.severity);
        let told = self.lapses_after.as_ref().map(|span| {
            let lapses = Some(Lapse { at: after(now, span.millis()), named: true });
            Box::new(Told { lapses, ..Told::default() })
        });
        let more = More { level: told.is_some(), told, ..More::default() };
        Signal { summary: self.summary.clone().unwrap_or(signal.summary), labels: self.labels.clone(), more, ..signal }
    }
}

impl Act {
    fn happening(&self, deed: impl Fn(TicketId, Option<PageId>) -> Deed) -> Result<Happening, String> {
        let ticket = self.ticket.or(self.page.map(|p| p.ticket)).ok_or("an act names a ticket or a page")?;
        Ok(acts(&self.by, deed(ticket, self.page)))
    }
}

impl Says {
    fn beat(self) -> Beat {
        match self {
            Self::Success => Beat::Success,
            Self::Start => Beat::Start,
            Self::Fail => Beat::Fail,
            Self::Exit(code) => Beat::Exit(code),
        }
    }
}

impl Behaves {
    fn mode(self) -> Mode {
        match self {
            Self::Accepts => Mode::Accepts,
            Self::Refuses => Mode::Refuses,
            Self::FailsForNow => Mode::FailsForNow,
            Self::Hangs => Mode::Hangs,
            Self::AnswerLost => Mode::AnswerLost,
            Self::Loses => Mode::Loses,
            Self::Delays => Mode::Delays,
            Self::Doubles => Mode::Doubles,
            Self::FailsAndDelivers => Mode::FailsAndDelivers,
        }
    }
}

impl When {
    fn point(self) -> CrashPoint {
        match self {
            Self::Now => CrashPoint::Now,
            Self::BeforeCommit => CrashPoint::BeforeCommit,
            Self::BeforeRelease => CrashPoint::BeforeRelease,
            Self::BeforeHandOver => CrashPoint::BeforeHandOver,
            Self::BeforeReport => CrashPoint::BeforeReport,
            Self::BeforeAnswer => CrashPoint::BeforeAnswer,
        }
    }
}

impl StoreIs {
    fn mode(self) -> StoreMode {
        match self {
            Self::Fails => StoreMode::Fails,
            Self::Hangs => StoreMode::Hangs,
            Self::SaysNothing => StoreMode::SaysNothing,
        }
    }
}
