//! The people who are on duty together, and what an override makes of them.

use std::sync::LazyLock;

use super::OnDuty;
use crate::catalog::Override;
use crate::ids::{LayerId, OverrideId, PersonId};

/// The name under which temporary schedules stand among the layers; no layer can have it as its id.
pub const TEMPORARY: &str = "temporary";

static TEMPORARY_LAYER: LazyLock<LayerId> = LazyLock::new(|| LayerId::from(TEMPORARY));

/// Why somebody is on duty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason<'a> {
    Layer(&'a LayerId),
    /// `None` for one in YAML.
    Override(Option<OverrideId>),
}

/// Somebody on duty.
#[derive(Clone)]
pub(super) struct Seat<'a> {
    pub(super) person: &'a PersonId,
    reason: Reason<'a>,
    /// Everybody who had this seat before, the last one last: whoever is away, or was replaced.
    before: Vec<&'a PersonId>,
}

impl<'a> Seat<'a> {
    /// The seat of somebody whose turn it is.
    pub(super) fn own(person: &'a PersonId, layer: &'a LayerId) -> Self {
        Self { person, reason: Reason::Layer(layer), before: Vec::new() }
    }

    /// The seat of `away`, taken by the next one of the layer.
    pub(super) fn instead(person: &'a PersonId, away: &'a PersonId, layer: &'a LayerId) -> Self {
        Self { person, reason: Reason::Layer(layer), before: vec![away] }
    }

    /// A seat in a temporary schedule.
    pub(super) fn temporary(person: &'a PersonId) -> Self {
        Self::own(person, &TEMPORARY_LAYER)
    }

    /// Whether nothing that is shown tells the two apart.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.person == other.person && self.reason == other.reason && self.before.last() == other.before.last()
    }

    pub(super) fn on_duty(&self) -> OnDuty {
        let (layer, override_) = match self.reason {
            Reason::Layer(layer) => (Some(layer.clone()), None),
            Reason::Override(id) => (None, Some(id.map_or_else(|| "yaml".to_owned(), |id| id.to_string()))),
        };
        let stands_in_for = self.before.last().map(|person| (*person).clone());
        OnDuty { person: self.person.clone(), layer, override_, stands_in_for }
    }

    /// Whether this is the seat of `person`, who may have it no more.
    fn is_of(&self, person: &PersonId) -> bool {
        self.person == person || self.before.contains(&person)
    }
}

/// Whether the two crews are the same people for the same reasons.
pub(super) fn are_alike(one: &[Seat<'_>], other: &[Seat<'_>]) -> bool {
    one.len() == other.len() && one.iter().all(|seat| other.iter().any(|o| o.is_like(seat)))
}

/// What an override whose person can be there makes of a crew. One for everybody is alone on duty; one
/// that replaces a person takes over that person's seat, where there is one, and leaves the others as
/// they are. Whoever has a seat of their own already covers both.
pub(super) fn take_over<'a>(crew: &mut Vec<Seat<'a>>, over: &'a Override) {
    let reason = Reason::Override(over.id);
    let Some(replaced) = &over.replaces else {
        crew.clear();
        crew.push(Seat { person: &over.person, reason, before: Vec::new() });
        return;
    };
    let Some(place) = crew.iter().position(|seat| seat.is_of(replaced)) else { return };
    if crew.iter().enumerate().any(|(n, seat)| n != place && *seat.person == over.person) {
        crew.remove(place);
        return;
    }
    let seat = &mut crew[place];
    let had_it = std::mem::replace(&mut seat.person, &over.person);
    seat.before.retain(|person| *person != replaced && *person != had_it);
    if had_it != replaced {
        seat.before.push(had_it);
    }
    seat.before.push(replaced);
    seat.reason = reason;
}
