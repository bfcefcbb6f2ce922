//! One atomic step of the store: facts, the projections that queries read, outbox rows and marks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::{Fact, Lapse};
use crate::heartbeat::HeartbeatMark;
use crate::ids::{CanaryId, DedupKey, Epoch, ProbeId, SendId, SiteId, TicketId};
use crate::observation::Verdict;
use crate::outgoing::Outgoing;
use crate::view::{PageView, TicketView};

/// What one commit writes, all or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The epoch it was decided in; the store refuses an older one than its own.
    pub epoch: Epoch,
    /// When it was decided.
    pub at: Option<Timestamp>,
    /// New facts, numbered without gaps after the last committed one.
    pub facts: Vec<Fact>,
    /// Tickets that the facts touched, as they are now.
    pub tickets: Vec<TicketRow>,
    /// New sends.
    pub outbox: Vec<Outgoing>,
    /// Sends that have an outcome now.
    pub ended: Vec<SendId>,
    /// Rows of earlier epochs that are sent again as they are: they belong to this epoch now.
    pub adopted: Vec<SendId>,
    /// Last values, upserted in order: of one key the last one counts.
    pub marks: Vec<Mark>,
}

impl Commit {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.outbox.is_empty()
            && self.ended.is_empty()
            && self.adopted.is_empty()
            && self.marks.is_empty()
    }
}

/// A ticket with its pages, as queries read it; rebuilt from facts by `doctor --rebuild`.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketRow {
    /// The ticket.
    pub view: TicketView,
    /// Its pages, oldest first.
    pub pages: Vec<PageView>,
}

impl TicketRow {
    /// Its id.
    pub fn id(&self) -> TicketId {
        self.view.id
    }
}

/// A last value, upserted with the commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The committed verdict of a probe at a site.
    Verdict(Verdict),
    /// The last that is known of a heartbeat.
    Heartbeat {
        /// Which.
        probe: ProbeId,
        /// What is known.
        mark: HeartbeatMark,
    },
    /// When an alert is over unless its source says it again, where that has moved since its fact.
    Lapse {
        /// Which alert.
        key: DedupKey,
        /// `None` once it is over: the row goes.
        lapse: Option<LapseMark>,
    },
    /// The last round of the canary.
    Canary(CanaryId),
}

/// What is known of a source that says an alert again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LapseMark {
    /// When the alert is over.
    pub lapse: Lapse,
    /// When the source was heard.
    pub heard: Timestamp,
}

impl Mark {
    /// The key of the row: kind and what it is about.
    pub fn key(&self) -> String {
        match self {
            Self::Verdict(v) => verdict_key(&v.probe, &v.site),
            Self::Heartbeat { probe, .. } => format!("heartbeat/{probe}"),
            Self::Lapse { key, .. } => format!("lapse/{key}"),
            Self::Canary(_) => "canary".into(),
        }
    }

    /// Whether the row is to go.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Lapse { lapse: None, .. })
    }
}

/// The key of a verdict's mark.
pub fn verdict_key(probe: &ProbeId, site: &SiteId) -> String {
    format!("verdict/{probe}/{site}")
}
