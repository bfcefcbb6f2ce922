//! Asking others to take a shift: what is asked for, and what a message about it tells.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CoverId, PersonId, RotationId};
use crate::input::Actor;
use crate::word::CoverOutcome;

/// A span of duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverSpan {
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
}

impl CoverSpan {
    /// Whether the two have an instant in common.
    pub fn meets(self, from: Timestamp, to: Timestamp) -> bool {
        self.from < to && from < self.to
    }
}

/// A request that nobody has answered yet. Nobody's duty changes by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// `CVR-3`.
    pub id: CoverId,
    /// Whose duty is asked for.
    pub rotation: RotationId,
    /// The person who asks.
    pub person: PersonId,
    /// From when.
    pub from: Timestamp,
    /// To when.
    pub to: Timestamp,
    /// Who was asked; everybody else of the rotation where `None`.
    pub asked: Option<PersonId>,
    /// What the person who asks takes in return.
    pub swap_for: Option<CoverSpan>,
    /// A word to those who are asked.
    pub note: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Who recorded it.
    pub by: Actor,
}

impl Cover {
    /// When it lapses: what is left of the shift can be taken until its end, a swap until the first of the two ends.
    pub fn lapses(&self) -> Timestamp {
        self.swap_for.map_or(self.to, |swap| self.to.min(swap.to))
    }
}

/// What a message about a request tells beside the duty itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverAbout {
    /// `CVR-3`.
    pub id: CoverId,
    /// What became of it; `None` for the question itself.
    pub outcome: Option<CoverOutcome>,
    /// What is offered in return.
    pub swap_for: Option<CoverSpan>,
    /// A word from the person who asks.
    pub note: Option<String>,
}
