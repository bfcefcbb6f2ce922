//! One layer by itself: whose turn it is where it is active.
//!
//! With `by: calendar` the person is the one of the last handoff. With `by: active` turns are counted
//! in periods of activity, whatever the unit of `every`: its count is how many periods in a row one
//! person has, and the first period that is not over at the first handoff is number 0. Periods are counted
//! in wall time, whether or not a clock change swallowed one. A layer without `only` has no periods to
//! count and turns by the calendar.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::is_available;
use super::turn::Handoffs;
use super::window::{Period, periods};
use super::zone::{Stretch, stretches};
use crate::catalog::{Calendar, Catalog, Layer, Rotation, TurnBy};
use crate::ids::PersonId;

/// A layer that somebody can be on duty in.
pub(super) struct Seated<'a> {
    layer: &'a Layer,
    rotation: &'a Rotation,
    calendar: &'a Calendar,
    handoffs: Handoffs<'a>,
    /// In the order of their turns; `None` for one who is disabled or not in the catalog.
    people: Vec<Option<&'a PersonId>>,
}

/// A span in which one place in the order of turns has the duty.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) person: &'a PersonId,
}

impl<'a> Seated<'a> {
    /// `None` where nobody can ever be on duty in it.
    pub(super) fn of(
        catalog: &'a Catalog,
        rotation: &'a Rotation,
        calendar: &'a Calendar,
        layer: &'a Layer,
    ) -> Option<Self> {
        let people: Vec<_> =
            layer.people.iter().map(|person| Some(person).filter(|id| is_available(catalog, id))).collect();
        people.iter().any(Option::is_some).then_some(())?;
        let handoffs = Handoffs::of(&layer.turn, &rotation.zone)?;
        Some(Self { layer, rotation, calendar, handoffs, people })
    }

    /// Who has the turn at `at`; nobody before the first handoff, outside the windows, and where it
    /// is the turn of somebody who is not available.
    pub(super) fn person_at(&self, at: Timestamp) -> Option<&'a PersonId> {
        if at < self.handoffs.start() {
            return None;
        }
        if self.layer.only.is_empty() {
            return self.person_of(self.handoffs.last_before(at)?);
        }
        let wall = self.rotation.zone.to_datetime(at);
        let periods = self.periods(wall, wall);
        let n = periods.iter().position(|period| period.contains(wall))?;
        match self.layer.turn.by {
            TurnBy::Calendar => self.person_of(self.handoffs.last_before(at)?),
            TurnBy::Active => self.person_of(self.turn_of_period(n)),
        }
    }

    /// Who has it when in [from, to), in order and apart from each other.
    pub(super) fn held(&self, from: Timestamp, to: Timestamp) -> Vec<Held<'a>> {
        let from = from.max(self.handoffs.start());
        if from >= to {
            return Vec::new();
        }
        if self.layer.only.is_empty() {
            return self.turns(from, to);
        }
        let stretches = stretches(&self.rotation.zone, from, to);
        // Wall time runs backwards over a repeated hour, so both ends are looked for in all stretches.
        let first = stretches.iter().map(Stretch::wall_from).min().unwrap_or(DateTime::MIN);
        let last = stretches.iter().map(Stretch::wall_to).max().unwrap_or(DateTime::MAX);
        let periods = self.periods(first, last);
        match self.layer.turn.by {
            TurnBy::Calendar => common(&self.turns(from, to), &active(&stretches, &periods)),
            TurnBy::Active => (active(&stretches, &periods).into_iter())
                .filter_map(|(n, from, to)| {
                    self.person_of(self.turn_of_period(n)).map(|person| Held { from, to, person })
                })
                .collect(),
        }
    }

    /// Whether [`Self::person_at`] can answer anything else after `at` than at it.
    pub(super) fn may_change_after(&self, at: Timestamp) -> bool {
        let alone = self.people.windows(2).all(|pair| pair[0] == pair[1]);
        !alone || !self.layer.only.is_empty() || self.handoffs.start() > at
    }

    /// The turns that [from, to) touches, whether or not the layer is active; `from` is not before the start.
    fn turns(&self, from: Timestamp, to: Timestamp) -> Vec<Held<'a>> {
        if let [person] = self.people[..] {
            return person.map(|person| Held { from, to, person }).into_iter().collect();
        }
        let mut out = Vec::new();
        let Some(mut k) = self.handoffs.last_before(from) else { return out };
        let mut start = from;
        while start < to {
            let end = self.handoffs.nth(k + 1).unwrap_or(to).min(to);
            if let Some(person) = self.person_of(k).filter(|_| start < end) {
                out.push(Held { from: start, to: end, person });
            }
            (start, k) = (end, k + 1);
        }
        out
    }

    /// The periods that wall times from `first` to `last` can touch. Those of a `by: active` layer
    /// are all since its first handoff, so that their place in the list is their number.
    fn periods(&self, first: DateTime, last: DateTime) -> Vec<Period> {
        let (since, first) = match self.layer.turn.by {
            TurnBy::Calendar => (DateTime::MIN, first.date()),
            TurnBy::Active => (self.handoffs.first_wall(), self.handoffs.first_wall().date()),
        };
        let day_before = first.yesterday().unwrap_or(Date::MIN);
        periods(&self.layer.only, self.calendar, day_before, last.date(), since)
    }

    fn turn_of_period(&self, n: usize) -> i64 {
        i64::try_from(n).unwrap_or(i64::MAX) / self.handoffs.count()
    }

    fn person_of(&self, turn: i64) -> Option<&'a PersonId> {
        let len = i64::try_from(self.people.len()).unwrap_or(i64::MAX);
        let place = usize::try_from(turn.checked_rem_euclid(len)?).ok()?;
        self.people.get(place).copied().flatten()
    }
}

/// The periods as instants, each with its number.
fn active(stretches: &[Stretch], periods: &[Period]) -> Vec<(usize, Timestamp, Timestamp)> {
    let mut out = Vec::new();
    for stretch in stretches {
        let (wall_from, wall_to) = (stretch.wall_from(), stretch.wall_to());
        let skip = periods.partition_point(|period| period.to <= wall_from);
        let touched = periods.iter().enumerate().skip(skip).take_while(|(_, period)| period.from < wall_to);
        out.extend(touched.map(|(n, period)| (n, stretch.instant(period.from), stretch.instant(period.to))));
    }
    out
}

/// The turns, cut down to where the layer is active.
fn common<'a>(turns: &[Held<'a>], active: &[(usize, Timestamp, Timestamp)]) -> Vec<Held<'a>> {
    let mut out = Vec::new();
    let mut turns = turns.iter().peekable();
    for &(_, from, to) in active {
        while let Some(turn) = turns.peek().filter(|turn| turn.from < to) {
            let (start, end) = (turn.from.max(from), turn.to.min(to));
            if start < end {
                out.push(Held { from: start, to: end, person: turn.person });
            }
            if turn.to > to {
                break;
            }
            turns.next();
        }
    }
    out
}
