//! The people who are on duty together, and what overrides make of them.
//!
//! A seat remembers everybody whose it was before. An override that replaces somebody takes every seat that
//! is or was theirs, back to them: of two that replace the same person the later one has it, and one
//! that replaces a stand-in who has lost the seat finds none. The seat of somebody who is away and for
//! whom nobody of the layer can stand in is vacant: it counts for nothing, unless an override fills it.

use std::sync::LazyLock;

use super::OnDuty;
use crate::catalog::Override;
use crate::ids::{LayerId, OverrideId, PersonId};

/// The name under which temporary schedules stand among the layers; no layer can have it as its id.
pub const TEMPORARY: &str = "temporary";

/// [`TEMPORARY`] as a layer.
pub(super) static TEMPORARY_LAYER: LazyLock<LayerId> = LazyLock::new(|| LayerId::from(TEMPORARY));

/// Why somebody is on duty.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason<'a> {
    Layer(&'a LayerId),
    /// `None` for one in YAML.
    Override(Option<OverrideId>),
}

/// Where a seat comes from: a layer or a temporary schedule, and how many of them come before it.
#[derive(Clone, Copy)]
pub(super) struct Level<'a> {
    pub(super) layer: &'a LayerId,
    pub(super) rank: usize,
}

/// A place in the crew.
#[derive(Clone)]
pub(super) struct Seat<'a> {
    /// Who has it; who should have it, where it is vacant.
    pub(super) person: &'a PersonId,
    /// Everybody whose it was before, the last one last: who is away, and who was replaced.
    before: Vec<&'a PersonId>,
    reason: Reason<'a>,
    rank: usize,
    pub(super) is_vacant: bool,
}

impl<'a> Seat<'a> {
    /// The seat of somebody whose turn it is.
    pub(super) fn own(person: &'a PersonId, level: Level<'a>) -> Self {
        let (reason, rank) = (Reason::Layer(level.layer), level.rank);
        Self { person, before: Vec::new(), reason, rank, is_vacant: false }
    }

    /// The seat of `away`, taken by another one of the layer.
    pub(super) fn instead(person: &'a PersonId, away: &'a PersonId, level: Level<'a>) -> Self {
        Self { before: vec![away], ..Self::own(person, level) }
    }

    /// The seat of `away`, which nobody can take.
    pub(super) fn vacant(away: &'a PersonId, level: Level<'a>) -> Self {
        Self { is_vacant: true, ..Self::own(away, level) }
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

    fn is_taken_from(&mut self, replaced: &'a PersonId) -> bool {
        if self.person == replaced {
            self.before.push(replaced);
            return true;
        }
        let place = self.before.iter().rposition(|person| *person == replaced);
        place.inspect(|place| self.before.truncate(place + 1)).is_some()
    }
}

/// Whether anybody is in it.
pub(super) fn has_somebody(crew: &[Seat<'_>]) -> bool {
    crew.iter().any(|seat| !seat.is_vacant)
}

/// Whether two settled crews are the same people for the same reasons.
pub(super) fn are_alike(one: &[Seat<'_>], other: &[Seat<'_>]) -> bool {
    one.len() == other.len() && one.iter().all(|seat| other.iter().any(|o| o.is_like(seat)))
}

/// What an override whose person is there makes of a crew. One for everybody is alone on duty; one that
/// replaces a person has that person's seats, where there are any, and leaves the others as they are.
pub(super) fn take_over<'a>(crew: &mut Vec<Seat<'a>>, over: &'a Override) {
    let reason = Reason::Override(over.id);
    let Some(replaced) = &over.replaces else {
        crew.clear();
        crew.push(Seat { person: &over.person, before: Vec::new(), reason, rank: 0, is_vacant: false });
        return;
    };
    for seat in crew {
        if seat.is_taken_from(replaced) {
            (seat.person, seat.reason, seat.is_vacant) = (&over.person, reason, false);
        }
    }
}

/// What is left when all overrides have been asked: of the first layer that has somebody, everybody
/// once; somebody with several seats in the first that is their own.
pub(super) fn settle(crew: &mut Vec<Seat<'_>>) {
    if let ([] | [_], true) = (&**crew, has_somebody(crew) || crew.is_empty()) {
        return;
    }
    let rank = crew.iter().filter(|seat| !seat.is_vacant).map(|seat| seat.rank).min();
    crew.retain(|seat| !seat.is_vacant && Some(seat.rank) == rank);
    let mut place = 0;
    while place < crew.len() {
        let (person, is_own) = (crew[place].person, crew[place].before.is_empty());
        let twin = |(n, other): (usize, &Seat<'_>)| {
            n != place && other.person == person && (n < place || (!is_own && other.before.is_empty()))
        };
        if crew.iter().enumerate().any(twin) {
            crew.remove(place);
        } else {
            place += 1;
        }
    }
}
