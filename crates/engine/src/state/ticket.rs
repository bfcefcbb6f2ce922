//! A ticket: `triggered → acknowledged → resolved`, and perhaps again.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::members::Members;
use super::page::{Notice, Page};
use crate::catalog::{Localized, Require};
use crate::fact::{Because, Firing, Quiet, Routed, Stage};
use crate::ids::{DedupKey, PageId, PersonId, PolicyId, ProbeId, TicketId};
use crate::input::Actor;
use crate::view::TicketState;
use crate::word::{ResolvedAs, Severity};

/// An incident ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// `INC-42`.
    pub id: TicketId,
    /// How it escalates; the policy follows a reload, the group never changes.
    pub routed: Routed,
    /// Counts from 1; a reopening begins the next.
    pub occurrence: u32,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When this occurrence began: opened or reopened.
    pub occurred_at: Timestamp,
    /// Where it stands.
    pub phase: Phase,
    /// Its alerts, in the order they joined.
    pub members: Members,
    /// The highest severity of this occurrence so far.
    pub worst: Severity,
    /// Pages of all occurrences, oldest first; page `n` is at `n - 1`.
    pub pages: Vec<Page>,
    /// Follow-ups, oldest first; notice `n` is at `n - 1`.
    pub notices: Vec<Notice>,
    /// How often a step was entered in this occurrence.
    pub entries: u32,
    /// The pass and stage that were entered last in this occurrence.
    pub reached: (u32, Stage),
    /// When a provider first accepted a page of this occurrence.
    pub first_page_accepted: Option<Timestamp>,
    /// Who first took this occurrence, and when.
    pub taken: Option<(Actor, Timestamp)>,
    /// When the last alert ended.
    pub restored: Option<Timestamp>,
    /// Its paging was held by a silence in this occurrence.
    pub was_silenced: bool,
    /// Since when it was quiet before it was paged, for the text of its pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_since: Option<Timestamp>,
    /// The policy that the route named, where it led to the present one: a new start begins there.
    #[serde(default)]
    pub home: Option<PolicyId>,
    /// Steps that wait for their window.
    #[serde(default)]
    pub waits: Vec<StepWait>,
    /// Who has acknowledged the present step, of those who must all do so.
    #[serde(default)]
    pub acks: Vec<(Actor, Timestamp)>,
    /// Where its alerts went when it was merged.
    #[serde(default)]
    pub merged_into: Option<TicketId>,
    /// What the storm is about, where it is the ticket of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<String>,
}

/// A step that was passed over and is entered when its window opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepWait {
    /// Of which policy.
    pub policy: PolicyId,
    /// Which.
    pub stage: Stage,
    /// When its window opens: a calendar instant, which stays when the clock is stepped.
    pub at: Timestamp,
}

/// One alert of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The alert as it was last told.
    pub alert: Firing,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its probe is gone from the configuration.
    pub probe_gone: bool,
    /// It comes and goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Flapping>,
}

/// A fault that comes and goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// Since when.
    pub since: Timestamp,
    /// Whether it is up for now.
    pub up: bool,
    /// It counts as calm then, unless it changes again.
    pub calm_at: Timestamp,
}

impl Member {
    /// Whether the fault is there.
    pub fn is_firing(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether it is there right now: not between two faults of one that comes and goes.
    pub fn is_down(&self) -> bool {
        self.is_firing() && !self.flapping.as_ref().is_some_and(|f| f.up)
    }
}

/// Where a ticket stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Somebody is being paged.
    Triggered(Chase),
    /// Something keeps the paging back.
    Held {
        /// What.
        quiet: Quiet,
        /// Until when at most, where that is known.
        until: Option<Timestamp>,
    },
    /// It waits for office hours.
    OffHours {
        /// When they begin: a calendar instant, which stays when the clock is stepped.
        until: Timestamp,
    },
    /// A person has it.
    Acknowledged(Acked),
    /// Over.
    Resolved(Closed),
}

/// A step that is being paged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chase {
    /// The entry it is, from 1; its pages carry the same number.
    pub entry: u32,
    /// The pass through the policy, from 1.
    pub pass: u32,
    /// Where.
    pub stage: Stage,
    /// When it gives way.
    pub due: Timestamp,
    /// Who must acknowledge.
    #[serde(default)]
    pub require: Require,
}

impl Chase {
    /// An occurrence begins, and nobody has been asked yet.
    pub(super) fn begins(at: Timestamp) -> Self {
        Self { entry: 0, pass: 1, stage: Stage::Step(0), due: at, require: Require::One }
    }
}

/// Somebody has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    /// Who.
    pub by: Actor,
    /// Since when.
    pub at: Timestamp,
    /// When it is paged again if still open.
    pub wake: Option<Wake>,
}

/// When and why an acknowledged ticket is paged again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// When.
    pub at: Timestamp,
    /// Why: a snooze or a timeout.
    pub because: Because,
}

/// Over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Since when.
    pub at: Timestamp,
    /// How.
    pub resolved_as: ResolvedAs,
    /// Why it happened.
    pub cause: Option<String>,
    /// Who ended it.
    pub by: Actor,
}

impl Ticket {
    /// Not resolved.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Resolved(_))
    }

    /// The state as the API names it.
    pub fn state(&self) -> TicketState {
        match self.phase {
            Phase::Triggered(_) | Phase::Held { .. } | Phase::OffHours { .. } => TicketState::Triggered,
            Phase::Acknowledged(_) => TicketState::Acknowledged,
            Phase::Resolved(_) => TicketState::Resolved,
        }
    }

    /// The member with this key.
    pub fn member(&self, key: &DedupKey) -> Option<&Member> {
        self.members.get(key)
    }

    /// Whether any fault of it is there.
    pub fn is_firing(&self) -> bool {
        self.members.firing() > 0
    }

    /// The members whose fault is there.
    pub fn firing(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| m.is_firing())
    }

    /// The alert that pages and titles speak of: the worst live one, else the one that ended last.
    pub fn lead(&self) -> &Firing {
        let live = self
            .firing()
            .max_by(|a, b| (a.alert.severity.cmp(&b.alert.severity)).then(b.alert.started_at.cmp(&a.alert.started_at)));
        let ended = || self.members.iter().max_by_key(|m| m.ended_at);
        &live.or_else(ended).expect("a ticket is opened with an alert, and none is ever taken out").alert
    }

    /// What it is called: what its lead broke, or the storm.
    pub fn title(&self) -> Localized {
        let Some(root) = &self.storm else { return self.lead().title.clone() };
        let n = self.firing().count();
        Localized {
            zh_cn: format!("{root} 告警风暴({n} 个告警未恢复)"),
            en: format!("{root}: alert storm ({n} firing)"),
        }
    }

    /// When the impact of this occurrence began: the earliest start of its alerts.
    pub fn impact_started(&self) -> Timestamp {
        self.members.iter().map(|m| m.alert.started_at).min().unwrap_or(self.occurred_at)
    }

    /// The pages of the present occurrence.
    pub fn current_pages(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter().filter(|p| p.occurrence == self.occurrence)
    }

    /// The page with this id.
    pub fn page(&self, id: PageId) -> Option<&Page> {
        self.pages.get((id.n as usize).checked_sub(1)?)
    }

    pub(super) fn page_mut(&mut self, id: PageId) -> Option<&mut Page> {
        self.pages.get_mut((id.n as usize).checked_sub(1)?)
    }

    /// The live pages of the present occurrence, oldest first, and whether each is the newest page of its
    /// person: an older one is not tried again.
    pub fn live_pages(&self) -> Vec<(&Page, bool)> {
        let mut people: BTreeSet<&PersonId> = BTreeSet::new();
        let pages = self.pages.iter().rev().filter(|p| p.occurrence == self.occurrence);
        let mut live: Vec<_> = pages.map(|p| (p, people.insert(&p.person))).filter(|(p, _)| p.is_live()).collect();
        live.reverse();
        live
    }

    /// The policy from which a new start begins.
    pub fn home_policy(&self) -> &PolicyId {
        self.home.as_ref().unwrap_or(&self.routed.policy)
    }

    /// The probes of its alerts.
    pub fn probes(&self) -> impl Iterator<Item = &ProbeId> {
        self.members.iter().filter_map(|m| m.alert.probe.as_ref())
    }

    /// The page of this person in the present occurrence, newest first.
    pub fn page_of(&self, person: &PersonId) -> Option<&Page> {
        self.pages.iter().rev().find(|p| p.occurrence == self.occurrence && p.person == *person)
    }
}
