//! A message on its way out: everything its text needs, frozen when it was decided, so that delivery
//! knows neither policies nor rotations and a re-send says the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::Localized;
use crate::duty_notice::{DutyAbout, SilenceAbout};
use crate::fact::MessageKind;
use crate::ids::{ChannelId, DedupKey, PageId, PersonId, ProbeId, SendId, TicketId};
use crate::label::Labels;
use crate::observation::RunSummary;
use crate::view::{TicketState, Why};
use crate::word::{FailureKind, Locale, Priority, ResolvedAs, Severity};

/// One message to one person over one channel; the body of an outbox row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Which try of which message.
    pub send: SendId,
    /// What it tells.
    pub kind: MessageKind,
    /// The page it is or follows up; `None` for a test.
    pub page: Option<PageId>,
    /// To whom.
    pub person: PersonId,
    /// The name of that person.
    pub person_name: String,
    /// Whether it goes to a room.
    pub room: bool,
    /// In which language.
    pub locale: Locale,
    /// The IANA name of the zone for times.
    pub zone: String,
    /// Over which channel.
    pub channel: ChannelId,
    /// What it is about; `None` for a test.
    pub about: Option<About>,
    /// Other pages to the same person that this message tells too.
    #[serde(default)]
    pub also: Vec<Also>,
    /// Who acted, where somebody did: acknowledged, escalated, resolved, asked for the test.
    pub by: Option<String>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Of which duty it tells, where it is about duty and not about a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duty: Option<DutyAbout>,
    /// Of which silence it tells its author, where it is about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<SilenceAbout>,
}

/// The ticket and the alert that a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The ticket.
    pub ticket: TicketId,
    /// Which occurrence of it, from 1.
    pub occurrence: u32,
    /// What broke.
    pub title: Localized,
    /// What does not work for users.
    pub impact: Option<Localized>,
    /// Where it stands.
    pub state: TicketState,
    /// How urgent.
    pub priority: Priority,
    /// When the ticket was opened.
    pub opened_at: Timestamp,
    /// How it was ended, for the end.
    pub resolved_as: Option<ResolvedAs>,
    /// When it was ended.
    pub resolved_at: Option<Timestamp>,
    /// What happens next if nobody acknowledges: when, and the names of those who are paged then.
    pub next_at: Option<Timestamp>,
    /// The ids of those who are paged then.
    pub next_to: Vec<PersonId>,
    /// Their names.
    pub next_names: Vec<String>,
    /// Why this person.
    pub why: Option<Why>,
    /// Paging had been held by a silence before.
    pub was_silenced: bool,
    /// Since when it had been kept quiet.
    #[serde(default)]
    pub muted_since: Option<Timestamp>,
    /// Nobody is paged before then: it waits for office hours.
    #[serde(default)]
    pub held_until: Option<Timestamp>,
    /// The ticket that goes on in its place, where it was merged.
    #[serde(default)]
    pub merged_into: Option<TicketId>,
    /// So many live alerts the ticket has.
    pub live_alerts: u32,
    /// The worst live alert, or the last one that ended.
    pub alert: AlertBrief,
    /// The first steps of the runbook.
    pub runbook: Vec<String>,
}

/// A page that the message of another page tells too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Also {
    /// Its ticket.
    pub ticket: TicketId,
    /// Its id; its link acknowledges it.
    pub page: PageId,
    /// What broke.
    pub title: Localized,
    /// How urgent.
    pub priority: Priority,
    /// Why it is not up.
    pub kind: Option<FailureKind>,
    /// One line with the finding.
    pub summary: String,
}

/// The alert as a message shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertBrief {
    /// Its key.
    pub dedup_key: DedupKey,
    /// The probe, where one found it.
    pub probe: Option<ProbeId>,
    /// Why it is not up.
    pub kind: Option<FailureKind>,
    /// How bad.
    pub severity: Severity,
    /// One line with the finding.
    pub summary: String,
    /// Its labels.
    pub labels: Labels,
    /// When it started.
    pub started_at: Timestamp,
    /// When all was well for the last time.
    pub last_good: Option<Timestamp>,
    /// So many runs in a row found it.
    pub runs: u32,
    /// What was asked and what came back.
    pub run: Option<RunSummary>,
}

/// The follow-up or page identity that providers see: the same on every retry of one message over one
/// channel, different for a follow-up. Holds no `.`, as Standard Webhooks ask.
pub fn webhook_id(message: &Outgoing) -> String {
    let subject = message.page.map_or_else(|| message.send.subject.to_string(), |page| page.to_string());
    match message.kind {
        MessageKind::Page
        | MessageKind::Test
        | MessageKind::DutyHandoff
        | MessageKind::DutyReminder
        | MessageKind::DutyCover
        | MessageKind::SilenceExpiring => {
            format!("{subject}-{}", message.channel)
        }
        MessageKind::Acknowledged | MessageKind::Escalated | MessageKind::Resolved | MessageKind::Cancelled => {
            // A page can be followed up twice with the same word, after a reopening: the notice id tells them apart.
            format!("{subject}-{}-{}", message.channel, message.send.subject)
        }
    }
}
