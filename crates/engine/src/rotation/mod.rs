//! Who is on duty: a pure function of the configuration and what was recorded, nothing else.
//! Preview, API, CLI and pager ask this one module.
//!
//! `turn` says when a layer hands off, `window` when it is active, `layer` puts the two together
//! for one layer, `people` knows who can have a duty when, `crew` is the people who have it together,
//! `clock` tells what clock changes do to shifts, `expand` lays temporary schedules, layers and overrides over
//! each other for a span, `changes` compares two configurations, `fairness` counts what each person carries,
//! `past` reads what was recorded, and `zone` is the little that all of them need of a time zone. May import: the catalog, ids, jiff. Never: a
//! clock, memory between two questions.
//!
//! At any instant the temporary schedules are asked from the last to the first, then the layers from the
//! last to the first, and the first that has somebody gives the crew. Then come the overrides, those of the
//! configuration before the recorded ones and the earliest first, so that the latest has the last word: one for
//! everybody is alone on duty, one that replaces a person takes that person's seat and no other.
//!
//! Whoever is not in the catalog, or disabled, or away is on duty nowhere. An override or a temporary shift
//! of theirs is passed over as if it were not there. In a layer the next in the order stands in for who is
//! away; where nobody can, and no override fills the seat, the layer below is asked.

mod changes;
mod clock;
mod crew;
mod expand;
mod fairness;
mod layer;
mod past;
mod people;
mod turn;
mod window;
mod zone;

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalog::{Absence, Catalog, Override, Rotation, Temporary};
use crate::ids::{LayerId, PersonId};

pub use self::changes::{Change, Changes, changes, with_kept};
pub use self::clock::{ClockChange, ClockEffect, clock_changes};
pub use self::crew::TEMPORARY;
use self::crew::{Level, Seat, TEMPORARY_LAYER, has_somebody, settle, take_over};
pub use self::fairness::{Load, fairness};
use self::layer::Seated;
pub use self::past::{joined, recorded_shifts};
use self::people::People;
pub(crate) use self::window::{calendar, periods};
pub(crate) use self::zone::first_instant;

/// How many days [`shift_at`] and [`next_change`] look ahead and back: a shift of three months, the
/// longest that teams write, is seen whole.
pub const HORIZON_DAYS: i64 = 100;

/// The spans that are searched one after the other; most shifts end within the first.
const SEARCH_DAYS: [i64; 3] = [2, 16, HORIZON_DAYS];

/// What was recorded at run time, oldest first; of all rotations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Who stands in.
    pub overrides: Vec<Override>,
    /// Who has no duty.
    #[serde(default)]
    pub absences: Vec<Absence>,
}

impl Recorded {
    /// What has not ended at `at`.
    pub fn after(&self, at: Timestamp) -> Self {
        Self {
            overrides: self.overrides.iter().filter(|o| o.to > at).cloned().collect(),
            absences: self.absences.iter().filter(|a| a.to > at).cloned().collect(),
        }
    }
}

/// Somebody on duty at an instant, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDuty {
    /// Who.
    pub person: PersonId,
    /// The layer ([`TEMPORARY`] for a temporary schedule); `None` for an override.
    pub layer: Option<LayerId>,
    /// The override that put the person there: `OVR-3`, or `yaml` for one in the configuration.
    pub override_: Option<String>,
    /// Whom the person stands in for: who is away, or whom the override replaces.
    pub stands_in_for: Option<PersonId>,
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

/// A rotation over a span: shifts cover all of it but the gaps, and overlap where several people are on duty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// By their starts; adjacent ones with the same person and reason are joined.
    pub shifts: Vec<Shift>,
    /// In order.
    pub gaps: Vec<Gap>,
}

/// Who is on duty in `rotation` at `at`, in the order of their seats; nobody where empty. What was
/// recorded for other rotations is passed over; what the configuration says is in the rotation.
pub fn on_duty(catalog: &Catalog, rotation: &Rotation, recorded: &Recorded, at: Timestamp) -> Vec<OnDuty> {
    let people = People { catalog, recorded };
    let mut crew = crew_without_overrides(people, rotation, at);
    for over in overrides(people, rotation) {
        if over.from <= at && at < over.to && !people.is_away(&over.person, at) {
            take_over(&mut crew, over);
        }
    }
    settle(&mut crew);
    crew.iter().map(Seat::on_duty).collect()
}

fn crew_without_overrides<'a>(people: People<'a>, rotation: &'a Rotation, at: Timestamp) -> Vec<Seat<'a>> {
    let temporary = (rotation.temporary.iter().rev().enumerate())
        .filter(|(_, temporary)| temporary.from <= at && at < temporary.to)
        .map(|(rank, temporary)| temporary_crew(people, temporary, Level { layer: &TEMPORARY_LAYER, rank }, at));
    let calendar = window::calendar_of(people.catalog, rotation);
    let layers = (rotation.temporary.len()..).zip(rotation.layers.iter().rev()).filter_map(|(rank, layer)| {
        let seated = Seated::of(people, rotation, calendar, layer, rank)?;
        Some(seated.crew(people, seated.turn_at(at)?, at))
    });
    let mut all = Vec::new();
    for crew in temporary.chain(layers) {
        all.extend(crew);
        if has_somebody(&all) {
            break;
        }
    }
    all
}

/// The seats of a temporary schedule at `at`, an instant inside its window; nobody has two.
fn temporary_crew<'a>(people: People<'a>, temporary: &'a Temporary, level: Level<'a>, at: Timestamp) -> Vec<Seat<'a>> {
    let mut crew: Vec<Seat<'a>> = Vec::new();
    for shift in temporary.shifts.iter().filter(|shift| shift.from <= at && at < shift.to) {
        let person = &shift.person;
        if people.is_available(person) && !crew.iter().any(|seat| seat.person == person) {
            let is_away = people.is_away(person, at);
            crew.push(if is_away { Seat::vacant(person, level) } else { Seat::own(person, level) });
        }
    }
    crew
}

/// The rotation from `from` to `to`; everything is empty where the span is.
pub fn expand(catalog: &Catalog, rotation: &Rotation, recorded: &Recorded, from: Timestamp, to: Timestamp) -> Expanded {
    expand::expanded(People { catalog, recorded }, rotation, from, to)
}

/// The shifts that contain `at`, with their true starts and ends looked for within [`HORIZON_DAYS`] to
/// either side; an end beyond that is `None`.
pub fn shift_at(
    catalog: &Catalog,
    rotation: &Rotation,
    recorded: &Recorded,
    at: Timestamp,
) -> Vec<(OnDuty, Option<Timestamp>, Option<Timestamp>)> {
    let on_duty = on_duty(catalog, rotation, recorded, at);
    let mut found: Vec<_> = on_duty.into_iter().map(|on_duty| (on_duty, None, None)).collect();
    for days in SEARCH_DAYS {
        if found.iter().all(|(_, start, end)| start.is_some() && end.is_some()) {
            break;
        }
        let (from, to) = (days_away(at, -days), days_away(at, days));
        let shifts = expand(catalog, rotation, recorded, from, to).shifts;
        for (on_duty, start, end) in &mut found {
            let contains = |shift: &&Shift| shift.from <= at && at < shift.to && shift.on_duty == *on_duty;
            if let Some(shift) = shifts.iter().find(contains) {
                *start = (shift.from > from).then_some(shift.from);
                *end = (shift.to < to).then_some(shift.to);
            }
        }
    }
    found
}

/// The next instant after `at` at which the answer of [`on_duty`] may change; `None` for never. It is
/// the true next change where that lies within [`HORIZON_DAYS`], else the end of that horizon.
pub fn next_change(catalog: &Catalog, rotation: &Rotation, recorded: &Recorded, at: Timestamp) -> Option<Timestamp> {
    let people = People { catalog, recorded };
    if !may_change_after(people, rotation, at) {
        return None;
    }
    let ends = SEARCH_DAYS.map(|days| days_away(at, days));
    let change = ends.iter().find_map(|&to| expand::first_change(people, rotation, at, to));
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
    expand(catalog, rotation, &Recorded::default(), from, to).gaps.first().copied()
}

/// The overrides of this rotation whose person can be on duty at all, the one that has the last word last.
fn overrides<'a>(people: People<'a>, rotation: &'a Rotation) -> impl Iterator<Item = &'a Override> {
    let recorded = people.recorded.overrides.iter().filter(|over| over.rotation == rotation.id);
    let all = rotation.overrides.iter().chain(recorded);
    all.filter(move |over| over.from < over.to && people.is_available(&over.person))
}

/// Whether anything is left that could change the answer after `at`.
fn may_change_after(people: People<'_>, rotation: &Rotation, at: Timestamp) -> bool {
    let calendar = window::calendar_of(people.catalog, rotation);
    let named = rotation.layers.iter().flat_map(|layer| &layer.people);
    let named = named.chain(rotation.temporary.iter().flat_map(|t| t.shifts.iter().map(|s| &s.person)));
    overrides(people, rotation).any(|over| over.to > at)
        || rotation.temporary.iter().any(|temporary| temporary.to > at)
        || named.flat_map(|person| people.absences(person)).any(|absence| absence.to > at)
        || (rotation.layers.iter())
            .filter_map(|layer| Seated::of(people, rotation, calendar, layer, 0))
            .any(|seated| seated.may_change_after(at))
}

/// `at` moved by whole days of 24 hours, held inside the calendar.
fn days_away(at: Timestamp, days: i64) -> Timestamp {
    let edge = if days < 0 { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(edge)
}
