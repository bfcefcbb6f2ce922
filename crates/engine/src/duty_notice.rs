//! Messages about duty itself or a silence, not about a ticket: what each one tells, frozen when it was decided.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::Localized;
use crate::cover::CoverAbout;
use crate::ids::{PersonId, RotationId, SilenceId, TicketId};
use crate::label::Matcher;
use crate::time::Millis;
use crate::word::Priority;

/// A message about duty that is older than this is not worth telling any more.
pub const WORTH: Millis = Millis::hours(1);

/// How many open tickets a handoff names; the rest is counted.
pub const TICKETS_NAMED: usize = 10;

/// What a message that is about no ticket is about. As it stands in facts, the two differ by their fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NoticeAbout {
    /// Somebody's duty.
    Duty(DutyAbout),
    /// A silence that ends soon.
    Silence(SilenceAbout),
}

/// What its author is told of a silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceAbout {
    /// Which.
    pub silence: SilenceId,
    /// When it ends, as things stand.
    pub until: Timestamp,
    /// What it keeps quiet.
    pub matchers: Vec<Matcher>,
    /// Why, in the author's words.
    pub reason: String,
    /// How many alerts still fire in it.
    pub firing: u32,
}

/// What a message about duty is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyAbout {
    /// In which rotation.
    pub rotation: RotationId,
    /// What happens.
    pub event: DutyEvent,
    /// Since or from when the duty in question is the person's; for who goes off, when it ended.
    pub from: Timestamp,
    /// Until when, as things stand.
    pub until: Option<Timestamp>,
    /// Who had it before, or who has it now.
    pub others: Vec<DutyPerson>,
    /// Open tickets, the oldest first.
    pub tickets: Vec<OpenTicket>,
    /// How many more are open.
    pub more_tickets: u32,
    /// The request, where it is about one that somebody takes a shift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<CoverAbout>,
}

/// What happens to somebody's duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyEvent {
    /// The person is on duty from now on.
    ComesOn,
    /// The person is on duty no more.
    GoesOff,
    /// A shift is coming.
    Reminder,
    /// Somebody asks that a shift is taken, or is told the answer.
    Cover,
}

/// Somebody, with the name that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyPerson {
    /// The id.
    pub id: PersonId,
    /// The name.
    pub name: String,
}

/// A ticket that whoever comes on duty should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTicket {
    /// Its id.
    pub id: TicketId,
    /// What broke.
    pub title: Localized,
    /// How urgent.
    pub priority: Priority,
    /// Somebody has it.
    pub acknowledged: bool,
}
