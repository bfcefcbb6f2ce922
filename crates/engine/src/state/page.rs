//! Pages, notices and their tries.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::LadderEntry;
use crate::duty_notice::NoticeAbout;
use crate::fact::{MessageKind, Stage};
use crate::ids::{ChannelId, DutyNoticeId, NoticeId, PageId, PersonId, PolicyId};
use crate::view::{PageState, Stages, Why};
use crate::word::{Priority, Receipt};

/// One obligation to reach one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// `INC-42-p7`.
    pub id: PageId,
    /// Who.
    pub person: PersonId,
    /// The occurrence it belongs to.
    pub occurrence: u32,
    /// The step entry it belongs to.
    pub entry: u32,
    /// Where in the policy.
    pub stage: Stage,
    /// Under which policy.
    pub policy: PolicyId,
    /// At which priority it began.
    pub priority: Priority,
    /// Why this person.
    pub why: Why,
    /// When it began.
    pub started_at: Timestamp,
    /// From when the ladder counts: the start, moved along when the clock is stepped.
    pub counts_from: Timestamp,
    /// The entries there are.
    pub ladder: Vec<LadderEntry>,
    /// When each entry that has begun did so; moved along when the clock is stepped, and to the start of a
    /// process that takes its tries over.
    pub begun: Vec<Timestamp>,
    /// Its tries; try `n` is at `n - 1`.
    pub tries: Vec<Try>,
    /// Where it stands.
    pub state: PageState,
    /// Its step gave way: no further entry begins, but a person who was not reached is still tried.
    pub step_over: bool,
    /// The person declined.
    pub declined: bool,
    /// When each stage on the way to it was passed.
    pub stages: Stages,
    /// The message of another page is to tell it.
    #[serde(default)]
    pub within: Option<Within>,
    /// The pages that its own messages tell too.
    #[serde(default)]
    pub tells: Vec<PageId>,
}

/// A page that the message of another page is to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Within {
    /// Whose message.
    pub lead: PageId,
    /// Pursued by itself from then on, unless it was told by then; moved along when the clock is stepped.
    pub until: Timestamp,
}

impl Page {
    /// Whether any provider took it.
    pub fn is_accepted(&self) -> bool {
        self.tries.iter().any(Try::is_accepted)
    }

    /// Whether it is still being pursued, reached or not.
    pub fn is_live(&self) -> bool {
        matches!(self.state, PageState::Pursuing | PageState::Unreachable)
    }

    /// The newest try on a channel.
    pub fn last_try(&self, channel: &ChannelId) -> Option<&Try> {
        self.tries.iter().rev().find(|t| t.channel == *channel)
    }

    /// The channels on which something was tried, in the order of the first try.
    pub fn channels(&self) -> Vec<ChannelId> {
        let mut out: Vec<ChannelId> = Vec::new();
        for tried in &self.tries {
            if !out.contains(&tried.channel) {
                out.push(tried.channel.clone());
            }
        }
        out
    }
}

/// One try to hand a message to a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// From 1, within the message.
    pub n: u32,
    /// Over which channel.
    pub channel: ChannelId,
    /// When it was decided.
    pub at: Timestamp,
    /// Since when its report is awaited: from `at`, moved along when the clock is stepped, and to the start of
    /// a process that takes it over.
    pub asked: Timestamp,
    /// What came of it; `None` while it is under way.
    pub ended: Option<Ended>,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The receipt.
    pub receipt: Receipt,
    /// When it came.
    pub at: Timestamp,
    /// The same, moved along when the clock is stepped: to be compared with what moves too.
    pub counts_from: Timestamp,
    /// When the message was handed to the provider.
    pub handed_over: Option<Timestamp>,
    /// What the provider said.
    pub detail: Option<String>,
    /// When it is tried again, as a new try.
    pub retry_at: Option<Timestamp>,
}

impl Try {
    /// Whether a provider took it.
    pub fn is_accepted(&self) -> bool {
        self.ended.as_ref().is_some_and(|e| e.receipt.is_accepted())
    }

    /// Whether somebody may have got it, as far as that is known by now.
    pub fn may_have_arrived(&self) -> bool {
        self.ended.as_ref().is_some_and(|e| e.receipt.may_have_arrived())
    }

    /// When it is to be tried again.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.ended.as_ref().and_then(|e| e.retry_at)
    }
}

/// A follow-up that is owed to somebody who was paged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `INC-42-n3`.
    pub id: NoticeId,
    /// To whom.
    pub person: PersonId,
    /// Over which channel.
    pub channel: ChannelId,
    /// What it tells.
    pub kind: MessageKind,
    /// After which page.
    pub page: PageId,
    /// Who acted.
    pub by: Option<String>,
    /// Its tries; try `n` is at `n - 1`.
    pub tries: Vec<Try>,
}

/// A message about duty, or about a silence, that is owed to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyNotice {
    /// `DUTY-3`.
    pub id: DutyNoticeId,
    /// To whom.
    pub person: PersonId,
    /// Over which channel.
    pub channel: ChannelId,
    /// What it tells.
    pub kind: MessageKind,
    /// Of which duty or silence.
    pub about: NoticeAbout,
    /// When it was decided.
    pub owed_at: Timestamp,
    /// Its tries; try `n` is at `n - 1`.
    pub tries: Vec<Try>,
}

impl DutyNotice {
    /// Whether nothing more will come of it.
    pub fn is_over(&self) -> bool {
        self.tries.last().is_some_and(|tried| tried.ended.is_some() && tried.retry_at().is_none())
    }
}
