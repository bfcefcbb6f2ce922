//! Who is on duty: a pure function of the configuration and the recorded overrides, nothing else.
//! Preview, API, CLI and pager ask this one module.
//!
//! `turn` says when a layer hands off, `window` when it is active, `layer` puts the two together
//! for one layer, `expand` lays overrides and layers over each other for a span, and `zone` is
//! the little that all of them need of a time zone. May import: the catalog, ids, jiff. Never: a
//! clock, memory between two questions.
//!
//! Overrides are asked before layers, recorded ones before those in YAML, the latest first; layers
//! from the last to the first. The first that has an available person (in the catalog, not disabled)
//! answers; one whose person is not available is passed over as if it were not there.

mod expand;
mod layer;
mod turn;
mod window;
mod zone;

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use crate::catalog::{Catalog, Override, Rotation};
use crate::ids::{LayerId, PersonId};

pub use self::expand::expand;
pub(crate) use self::window::{calendar, periods};
pub(crate) use self::zone::first_instant;
use self::layer::Seated;

/// How many days [`shift_at`] and [`next_change`] look ahead and back: a shift of three months, the
/// longest that teams write, is seen whole.
pub const HORIZON_DAYS: i64 = 100;

/// The spans that are searched one after the other; most shifts end within the first.
const SEARCH_DAYS: [i64; 3] = [2, 16, HORIZON_DAYS];

/// Somebody on duty at an instant, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDuty {
    /// Who.
    pub person: PersonId,
    /// The layer; `None` for an override.
    pub layer: Option<LayerId>,
    /// The override that put the person there: `OVR-3`, or `yaml` for one in the configuration.
    pub override_: Option<String>,
}

impl OnDuty {
    fn by_override(over: &Override) -> Self {
        let label = over.id.map_or_else(|| "yaml".to_owned(), |id| id.to_string());
        Self { person: over.person.clone(), layer: None, override_: Some(label) }
    }

    fn by_layer(person: &PersonId, layer: &LayerId) -> Self {
        Self { person: person.clone(), layer: Some(layer.clone()), override_: None }
    }
}

/// A span in which the same person is on duty for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Who, and why.
    pub on_duty: OnDuty,
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
}

/// A span in which nobody is on duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
}

/// A rotation over a span: shifts and gaps tile it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// In order; adjacent ones with the same person and reason are joined.
    pub shifts: Vec<Shift>,
    /// In order.
    pub gaps: Vec<Gap>,
}

/// Who is on duty in `rotation` at `at`; nobody where `None`. `recorded` are the overrides that were
/// recorded at run time, oldest first (those of other rotations are passed over); those of the
/// configuration are in the rotation.
pub fn on_duty(catalog: &Catalog, rotation: &Rotation, recorded: &[Override], at: Timestamp) -> Option<OnDuty> {
    let over = overrides(catalog, rotation, recorded).find(|over| over.from <= at && at < over.to);
    over.map(OnDuty::by_override).or_else(|| {
        let calendar = window::calendar_of(catalog, rotation);
        rotation.layers.iter().rev().find_map(|layer| {
            let person = Seated::of(catalog, rotation, calendar, layer)?.person_at(at)?;
            Some(OnDuty::by_layer(person, &layer.id))
        })
    })
}

/// The shift that contains `at`, with its true start and end looked for within [`HORIZON_DAYS`] to
/// either side; an end beyond that is `None`.
pub fn shift_at(
    catalog: &Catalog,
    rotation: &Rotation,
    recorded: &[Override],
    at: Timestamp,
) -> Option<(OnDuty, Option<Timestamp>, Option<Timestamp>)> {
    let on_duty = on_duty(catalog, rotation, recorded, at)?;
    let (mut start, mut end) = (None, None);
    for days in SEARCH_DAYS {
        let (from, to) = (days_away(at, -days), days_away(at, days));
        let shifts = expand(catalog, rotation, recorded, from, to).shifts;
        if let Some(shift) = shifts.iter().find(|shift| shift.from <= at && at < shift.to) {
            start = (shift.from > from).then_some(shift.from);
            end = (shift.to < to).then_some(shift.to);
        }
        if start.is_some() && end.is_some() {
            break;
        }
    }
    Some((on_duty, start, end))
}

/// The next instant after `at` at which the answer of [`on_duty`] may change; `None` for never. It is
/// the true next change where that lies within [`HORIZON_DAYS`], else the end of that horizon.
pub fn next_change(catalog: &Catalog, rotation: &Rotation, recorded: &[Override], at: Timestamp) -> Option<Timestamp> {
    if !may_change_after(catalog, rotation, recorded, at) {
        return None;
    }
    let ends = SEARCH_DAYS.map(|days| days_away(at, days));
    let change = ends.iter().find_map(|&to| {
        let Expanded { shifts, gaps } = expand(catalog, rotation, recorded, at, to);
        let shift = shifts.first().filter(|shift| shift.from == at).map(|shift| shift.to);
        let end = shift.or_else(|| gaps.first().filter(|gap| gap.from == at).map(|gap| gap.to))?;
        (end < to).then_some(end)
    });
    change.or(ends.last().copied()).filter(|&end| end > at && end < Timestamp::MAX)
}

/// Everybody in the rotation's layers, each once, in the order in which they are first named: whom
/// `who: all` means. Includes the disabled; those who only stand in by an override are not in it.
pub fn people_of(rotation: &Rotation) -> Vec<PersonId> {
    let mut people: Vec<PersonId> = Vec::new();
    for person in rotation.layers.iter().flat_map(|layer| &layer.people) {
        if !people.contains(person) {
            people.push(person.clone());
        }
    }
    people
}

/// The first span of [from, to) in which the configuration alone has nobody on duty.
pub fn first_gap(catalog: &Catalog, rotation: &Rotation, from: Timestamp, to: Timestamp) -> Option<Gap> {
    expand(catalog, rotation, &[], from, to).gaps.first().copied()
}

/// The overrides of this rotation whose person is available, the one that wins first.
fn overrides<'a>(
    catalog: &'a Catalog,
    rotation: &'a Rotation,
    recorded: &'a [Override],
) -> impl Iterator<Item = &'a Override> {
    let recorded = recorded.iter().rev().filter(|over| over.rotation == rotation.id);
    recorded.chain(rotation.overrides.iter().rev()).filter(|over| is_available(catalog, &over.person))
}

/// Whether a person can be on duty at all.
fn is_available(catalog: &Catalog, person: &PersonId) -> bool {
    catalog.people.get(person).is_some_and(|person| !person.disabled)
}

/// Whether anything is left that could change the answer after `at`.
fn may_change_after(catalog: &Catalog, rotation: &Rotation, recorded: &[Override], at: Timestamp) -> bool {
    let calendar = window::calendar_of(catalog, rotation);
    overrides(catalog, rotation, recorded).any(|over| over.to > at && over.to > over.from)
        || (rotation.layers.iter())
            .filter_map(|layer| Seated::of(catalog, rotation, calendar, layer))
            .any(|seated| seated.may_change_after(at))
}

/// `at` moved by whole days of 24 hours, held inside the calendar.
fn days_away(at: Timestamp, days: i64) -> Timestamp {
    let edge = if days < 0 { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(edge)
}
