//! What can be broken on purpose, and the log of who broke what when.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many switches the log remembers.
const LOG_KEPT: usize = 100;

/// One way to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Invoice verification answers 503.
    Verification503,
    /// Invoice verification takes longer than its bound, and shorter than a probe's timeout.
    Slow,
    /// The approval endpoints answer 500.
    ApprovalsStopped,
}

impl Fault {
    /// Every fault, in the order of the buttons.
    pub const ALL: [Self; 3] = [Self::Verification503, Self::Slow, Self::ApprovalsStopped];

    /// The value of its button.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verification503 => "verification503",
            Self::Slow => "slow",
            Self::ApprovalsStopped => "approvals_stopped",
        }
    }

    /// The fault of a button.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == name)
    }

    /// The label of its button, in Chinese and English.
    pub const fn button(self) -> (&'static str, &'static str) {
        match self {
            Self::Verification503 => ("弄坏发票验真", "Break invoice verification"),
            Self::Slow => ("让发票验真变慢", "Make verification slow"),
            Self::ApprovalsStopped => ("停掉审批", "Stop approvals"),
        }
    }

    /// What then happens, for the story.
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Verification503 => "invoice verification answers 503",
            Self::Slow => "invoice verification takes 1.7 s",
            Self::ApprovalsStopped => "the approval endpoints answer 500",
        }
    }
}

/// What is broken now, and what was switched before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BreakState {
    /// Each fault that is on, and since when.
    pub faults: BTreeMap<Fault, Timestamp>,
    /// Every switch, oldest first; bounded.
    pub log: Vec<BreakLog>,
    /// How often each endpoint was asked.
    pub served: BTreeMap<String, u64>,
}

/// One switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakLog {
    /// When.
    pub at: Timestamp,
    /// What was broken; `None` for a heal, which mends everything.
    pub fault: Option<Fault>,
}

/// The switches behind the service.
#[derive(Debug, Default)]
pub(super) struct Switches {
    on: BTreeMap<Fault, Timestamp>,
    log: VecDeque<BreakLog>,
}

impl Switches {
    pub(super) fn switch_on(&mut self, fault: Fault, now: Timestamp) {
        if let std::collections::btree_map::Entry::Vacant(slot) = self.on.entry(fault) {
            slot.insert(now);
            self.note(BreakLog { at: now, fault: Some(fault) });
        }
    }

    pub(super) fn switch_off(&mut self, now: Timestamp) {
        if !self.on.is_empty() {
            self.on.clear();
            self.note(BreakLog { at: now, fault: None });
        }
    }

    pub(super) fn on(&self) -> BTreeMap<Fault, Timestamp> {
        self.on.clone()
    }

    pub(super) fn log(&self) -> Vec<BreakLog> {
        self.log.iter().cloned().collect()
    }

    fn note(&mut self, entry: BreakLog) {
        if self.log.len() == LOG_KEPT {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }
}
