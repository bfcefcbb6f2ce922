//! Identities: one newtype for each thing that can be named.
//!
//! Ids that people write (probes, persons, channels) are text; ids that the engine hands out
//! (tickets, pages) are counted, never drawn.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    )+};
}

text_id! {
    /// A probe, as written in YAML.
    ProbeId,
    /// A person or a room, as written in YAML. People, rotations and rooms share one id space.
    PersonId,
    /// A rotation, as written in YAML.
    RotationId,
    /// A layer of a rotation; unique within it.
    LayerId,
    /// An escalation policy.
    PolicyId,
    /// A configured channel (`mail`, `hook`, …).
    ChannelId,
    /// A working-day calendar (`china`).
    CalendarId,
    /// What makes two signals the same fault: `probe:<id>`, `am:<fingerprint>`, `pd:…`, `api:<key>`.
    DedupKey,
    /// A configuration revision: the first 12 hex digits of a hash over its files and variables.
    Revision,
    /// Where a run was made; `local` on a single node.
    SiteId,
    /// Identifies one input, so that a repeat gets the same answer.
    InputId,
}

impl DedupKey {
    /// The key of a probe's own alert.
    pub fn probe(id: &ProbeId) -> Self {
        Self::from(format!("probe:{id}"))
    }
}

impl ProbeId {
    /// The probe by which watchbell tries itself out. No YAML can name it: its ids have no colon.
    pub fn canary() -> Self {
        Self::from("self:canary")
    }

    /// Whether it belongs to watchbell itself: nobody's screens, history or counts show it.
    pub fn is_our_own(&self) -> bool {
        self.as_str().starts_with("self:")
    }
}

impl SiteId {
    /// The only site of a single node.
    pub fn local() -> Self {
        Self::from("local")
    }
}

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct NotAnId {
    /// What was given.
    pub text: String,
    /// What such an id looks like.
    pub expected: &'static str,
}

macro_rules! counted_id {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal / $expected:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = text.get(..$prefix.len()).filter(|head| head.eq_ignore_ascii_case($prefix));
                digits
                    .and_then(|_| text[$prefix.len()..].parse().ok())
                    .map(Self)
                    .ok_or_else(|| NotAnId { text: text.into(), expected: $expected })
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

counted_id! {
    /// An incident ticket. One series per store; gaps are allowed.
    TicketId = "INC-" / "a ticket id such as INC-42",
    /// A test page.
    TestId = "TEST-" / "a test page id such as TEST-3",
    /// One round of the canary.
    CanaryId = "CANARY-" / "a round of the canary such as CANARY-3",
    /// A recorded silence.
    SilenceId = "SIL-" / "a silence id such as SIL-3",
    /// A recorded maintenance window (those in YAML have ids of their own).
    MaintenanceId = "MNT-" / "a maintenance id such as MNT-3",
    /// A recorded override (overrides in YAML have no id).
    OverrideId = "OVR-" / "an override id such as OVR-3",
    /// A message about duty: a handoff, a reminder.
    DutyNoticeId = "DUTY-" / "a duty message id such as DUTY-3",
    /// A recorded absence (absences in YAML have no id).
    AbsenceId = "ABS-" / "an absence id such as ABS-3",
    /// A request that somebody takes a shift.
    CoverId = "CVR-" / "the id of a cover request such as CVR-3",
}

macro_rules! ticket_part_id {
    ($($(#[$doc:meta])* $name:ident = $mark:literal / $expected:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The ticket it belongs to.
            pub ticket: TicketId,
            /// Its number within the ticket, from 1.
            pub n: u32,
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}-", $mark, "{}"), self.ticket, self.n)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let parse = || {
                    let (ticket, n) = text.rsplit_once('-')?;
                    let n = n.strip_prefix($mark)?.parse().ok()?;
                    Some(Self { ticket: ticket.parse().ok()?, n })
                };
                parse().ok_or_else(|| NotAnId { text: text.into(), expected: $expected })
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ticket_part_id! {
    /// One obligation to reach one person: `INC-42-p7`.
    PageId = "p" / "a page id such as INC-42-p7",
    /// One message that tells somebody who was paged how it went on: `INC-42-n3`.
    NoticeId = "n" / "a notice id such as INC-42-n3",
}

/// What one outgoing message is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendSubject {
    /// A page.
    Page(PageId),
    /// A follow-up to somebody who was paged.
    Notice(NoticeId),
    /// A test page.
    Test(TestId),
    /// A round of the canary: to watchbell itself.
    Canary(CanaryId),
    /// A message about duty.
    Duty(DutyNoticeId),
}

impl fmt::Display for SendSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(id) => id.fmt(f),
            Self::Notice(id) => id.fmt(f),
            Self::Test(id) => id.fmt(f),
            Self::Canary(id) => id.fmt(f),
            Self::Duty(id) => id.fmt(f),
        }
    }
}

impl FromStr for SendSubject {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        (text.parse().map(Self::Page))
            .or_else(|_| text.parse().map(Self::Notice))
            .or_else(|_| text.parse().map(Self::Test))
            .or_else(|_| text.parse().map(Self::Canary))
            .or_else(|_| text.parse().map(Self::Duty))
            .map_err(|_: NotAnId| NotAnId {
                text: text.into(),
                expected: "the id of a page, a notice, a test page or a duty message",
            })
    }
}

/// One try to send one message over one channel; the key of an outbox row. `INC-42-p7/2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SendId {
    /// The page, notice or test page.
    pub subject: SendSubject,
    /// The attempt within it, over all channels, from 1.
    pub attempt: u32,
}

impl fmt::Display for SendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.subject, self.attempt)
    }
}

impl FromStr for SendId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let parse = || {
            let (subject, attempt) = text.rsplit_once('/')?;
            Some(Self { subject: subject.parse().ok()?, attempt: attempt.parse().ok()? })
        };
        parse().ok_or_else(|| NotAnId { text: text.into(), expected: "an outbox key such as INC-42-p7/1" })
    }
}

/// Raised in the store by every start and take-over; an older epoch can no longer commit.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// The number of a fact, from 1, without gaps, over the whole store.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactNo(pub u64);

impl FactNo {
    /// The number after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_they_are_written() {
        let page = PageId { ticket: TicketId(42), n: 7 };
        assert_eq!(page.to_string(), "INC-42-p7");
        assert_eq!("INC-42-p7".parse(), Ok(page));
        let send = SendId { subject: SendSubject::Page(page), attempt: 2 };
        assert_eq!("INC-42-p7/2".parse(), Ok(send));
        assert_eq!("inc-42".parse(), Ok(TicketId(42)), "people type ids in lower case");
    }

    #[test]
    fn what_is_not_an_id_is_refused_by_name() {
        let err = "42".parse::<TicketId>().expect_err("no prefix");
        assert_eq!(err.to_string(), "`42` is not a ticket id such as INC-42");
        assert!("發".parse::<TicketId>().is_err(), "a multi-byte text must not panic");
        assert!("INC-1-p".parse::<PageId>().is_err());
    }
}
