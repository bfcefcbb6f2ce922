//! One layer by itself: whose turn it is where it is active.
//!
//! Turn k of a layer that seats n at once belongs to the n places from k·n on, so that everybody has as
//! many turns as everybody else. Whoever of them is away leaves the seat to the next in the order who is
//! there and has no seat of this turn; the other seats stay as they are. The place of somebody who is
//! disabled or unknown is not there at all.
//!
//! With `by: calendar` the person is the one of the last handoff. With `by: active` turns are counted
//! in periods of activity, whatever the unit of `every`: its count is how many periods in a row one
//! person has, and the first period that is not over at the first handoff is number 0. Periods are counted
//! in wall time, whether or not a clock change swallowed one. A layer without `only` has no periods to
//! count and turns by the calendar.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::crew::{Level, Seat};
use super::people::People;
use super::turn::Handoffs;
use super::window::{Period, periods};
use super::zone::{Stretch, stretches};
use crate::catalog::{Calendar, Layer, Rotation, TurnBy};
use crate::ids::PersonId;

/// A layer that somebody can be on duty in.
pub(super) struct Seated<'a> {
    layer: &'a Layer,
    level: Level<'a>,
    zone: &'a TimeZone,
    calendar: &'a Calendar,
    handoffs: Handoffs<'a>,
    /// In the order of their turns; `None` for one who is disabled or not in the catalog.
    people: Vec<Option<&'a PersonId>>,
}

/// A span that belongs to one turn.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) turn: i64,
}

impl<'a> Seated<'a> {
    /// `None` where nobody can ever be on duty in it.
    pub(super) fn of(
        people: People<'a>,
        rotation: &'a Rotation,
        calendar: &'a Calendar,
        layer: &'a Layer,
        rank: usize,
    ) -> Option<Self> {
        let people: Vec<_> =
            layer.people.iter().map(|person| Some(person).filter(|id| people.is_available(id))).collect();
        people.iter().any(Option::is_some).then_some(())?;
        let zone = layer.zone_in(rotation);
        let handoffs = Handoffs::of(&layer.turn, zone)?;
        let level = Level { layer: &layer.id, rank };
        Some(Self { layer, level, zone, calendar, handoffs, people })
    }

    /// Everybody who can be on duty in it, by their places.
    pub(super) fn people(&self) -> impl Iterator<Item = &'a PersonId> + '_ {
        self.people.iter().copied().flatten()
    }

    /// The seats of a turn at `at`, also those that are vacant; nobody has two.
    pub(super) fn crew(&self, people: People<'a>, turn: i64, at: Timestamp) -> Vec<Seat<'a>> {
        let places = self.places(turn);
        let mut crew: Vec<Seat<'a>> = Vec::with_capacity(places.len());
        let own = |place: usize| self.people[place].filter(|id| !people.is_away(id, at));
        for &place in &places {
            let Some(person) = self.people[place] else { continue };
            let has_seat = |crew: &[Seat<'_>], id: &PersonId| crew.iter().any(|seat| seat.person == id);
            if own(place).is_some() {
                if !has_seat(&crew, person) {
                    crew.push(Seat::own(person, self.level));
                }
                continue;
            }
            // Those whose own turn it is come first, whatever their place.
            let has_turn = |id: &PersonId| places.iter().any(|other| own(*other) == Some(id));
            let order = self.people.iter().cycle().skip(place + 1).take(self.people.len()).copied().flatten();
            let mut next = order.filter(|id| !people.is_away(id, at) && !has_turn(id) && !has_seat(&crew, id));
            crew.push(match next.next() {
                Some(stand_in) => Seat::instead(stand_in, person, self.level),
                None => Seat::vacant(person, self.level),
            });
        }
        crew
    }

    fn places(&self, turn: i64) -> Vec<usize> {
        let len = self.people.len();
        let first = usize::try_from(turn.rem_euclid(i64::try_from(len).unwrap_or(i64::MAX))).unwrap_or(0);
        let at_once = self.at_once();
        (0..at_once).map(|n| (first * at_once + n) % len).collect()
    }

    fn at_once(&self) -> usize {
        usize::try_from(self.layer.at_once).unwrap_or(usize::MAX).clamp(1, self.people.len())
    }

    /// Whether every turn has the same places in it.
    fn is_always_the_same(&self) -> bool {
        self.at_once() == self.people.len()
    }

    /// Which turn it is at `at`; none before the first handoff and outside the windows.
    pub(super) fn turn_at(&self, at: Timestamp) -> Option<i64> {
        if at < self.handoffs.start() {
            return None;
        }
        if self.layer.only.is_empty() {
            return self.handoffs.last_before(at);
        }
        let wall = self.zone.to_datetime(at);
        let periods = self.periods(wall, wall);
        let n = periods.iter().position(|period| period.contains(wall))?;
        match self.layer.turn.by {
            TurnBy::Calendar => self.handoffs.last_before(at),
            TurnBy::Active => Some(self.turn_of_period(n)),
        }
    }

    /// Which turn it is when in [from, to), in order and apart from each other.
    pub(super) fn held(&self, from: Timestamp, to: Timestamp) -> Vec<Held> {
        let from = from.max(self.handoffs.start());
        if from >= to {
            return Vec::new();
        }
        if self.layer.only.is_empty() {
            return self.turns(from, to);
        }
        let stretches = stretches(self.zone, from, to);
        // Wall time runs backwards over a repeated hour, so both ends are looked for in all stretches.
        let first = stretches.iter().map(Stretch::wall_from).min().unwrap_or(DateTime::MIN);
        let last = stretches.iter().map(Stretch::wall_to).max().unwrap_or(DateTime::MAX);
        let periods = self.periods(first, last);
        match self.layer.turn.by {
            TurnBy::Calendar => common(&self.turns(from, to), &active(&stretches, &periods)),
            TurnBy::Active => (active(&stretches, &periods).into_iter())
                .map(|(n, from, to)| Held { from, to, turn: self.turn_of_period(n) })
                .collect(),
        }
    }

    /// Whether [`Self::turn_at`] can answer anything else after `at` than at it.
    pub(super) fn may_change_after(&self, at: Timestamp) -> bool {
        let alone = self.people.windows(2).all(|pair| pair[0] == pair[1]);
        !alone || !self.layer.only.is_empty() || self.handoffs.start() > at
    }

    /// The turns that [from, to) touches, whether or not the layer is active; `from` is not before the start.
    fn turns(&self, from: Timestamp, to: Timestamp) -> Vec<Held> {
        if self.is_always_the_same() {
            return vec![Held { from, to, turn: 0 }];
        }
        let mut out = Vec::new();
        let Some(mut k) = self.handoffs.last_before(from) else { return out };
        let mut start = from;
        while start < to {
            let end = self.handoffs.nth(k + 1).unwrap_or(to).min(to);
            if start < end {
                out.push(Held { from: start, to: end, turn: k });
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
fn common(turns: &[Held], active: &[(usize, Timestamp, Timestamp)]) -> Vec<Held> {
    let mut out = Vec::new();
    let mut turns = turns.iter().peekable();
    for &(_, from, to) in active {
        while let Some(turn) = turns.peek().filter(|turn| turn.from < to) {
            let (start, end) = (turn.from.max(from), turn.to.min(to));
            if start < end {
                out.push(Held { from: start, to: end, turn: turn.turn });
            }
            if turn.to > to {
                break;
            }
            turns.next();
        }
    }
    out
}
