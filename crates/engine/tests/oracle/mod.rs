//! Who is on duty, worked out the slow way: minute by minute, with arithmetic of its own, from the
//! rotation rules as they are written. It shares the catalog's types with the implementation and
//! nothing else; of a time zone it asks only the offset at an instant.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use watchbell_engine::catalog::{Absence, Calendar, Catalog, Days, Layer, Rotation, Turn, TurnBy, TurnEvery, Window};
use watchbell_engine::ids::PersonId;
use watchbell_engine::rotation::Recorded;

pub(crate) const DAY: i64 = 1_440;

/// What the wall clock of a zone shows, for a span of instants; all in minutes since 1970.
pub(crate) struct WallClock {
    pub(crate) zone: TimeZone,
    pub(crate) from: i64,
    /// Since when which offset holds.
    pub(crate) offsets: Vec<(i64, i64)>,
}

impl WallClock {
    /// Looks at every hour and halves the hours in which the offset changes.
    pub(crate) fn new(zone: &str, first_year: i16, days: i64) -> Self {
        let zone = TimeZone::get(zone).expect("a zone of the bundled database");
        let offset = |minute: i64| i64::from(zone.to_offset(instant(minute, 0)).seconds()) / 60;
        let from = day_number(first_year, 1, 1) * DAY;
        let mut offsets = vec![(from, offset(from))];
        for hour in 0..days * 24 {
            let (mut low, mut high) = (from + hour * 60, from + hour * 60 + 60);
            if offset(low) == offset(high) {
                continue;
            }
            while high - low > 1 {
                let middle = (low + high) / 2;
                if offset(middle) == offset(low) { low = middle } else { high = middle }
            }
            offsets.push((high, offset(high)));
        }
        Self { zone, from, offsets }
    }

    fn wall(&self, minute: i64, hint: &mut usize) -> i64 {
        while self.offsets.get(*hint + 1).is_some_and(|(since, _)| *since <= minute) {
            *hint += 1;
        }
        minute + self.offsets[*hint].1
    }
}

pub(crate) fn instant(minute: i64, second: i64) -> Timestamp {
    Timestamp::from_second(minute * 60 + second).expect("inside the calendar")
}

/// Days since 1970 of a civil date.
pub(crate) fn day_number(year: i16, month: i8, day: i8) -> i64 {
    let (y, m) =
        if month <= 2 { (i64::from(year) - 1, i64::from(month) + 9) } else { (year.into(), i64::from(month) - 3) };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (m * 153 + 2) / 5 + i64::from(day) - 1 - 719_468
}

fn number_of(date: Date) -> i64 {
    day_number(date.year(), date.month(), date.day())
}

fn minute_of(time: Time) -> i64 {
    i64::from(time.hour()) * 60 + i64::from(time.minute())
}

/// Monday is 0. The first day of 1970 was a Thursday.
fn weekday_of(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn is_workday(calendar: &Calendar, day: i64) -> bool {
    if calendar.make_up.iter().any(|date| number_of(*date) == day) {
        return true;
    }
    weekday_of(day) < 5 && !calendar.holidays.iter().any(|date| number_of(*date) == day)
}

fn starts_on(window: &Window, calendar: &[bool], base: i64, day: i64) -> bool {
    let in_dates = window.dates.is_none_or(|(first, last)| number_of(first) <= day && day <= number_of(last));
    let workday = calendar[(day - base) as usize];
    in_dates
        && match window.days {
            Days::Any => true,
            Days::Weekdays(days) => days[weekday_of(day) as usize],
            Days::Workdays => workday,
            Days::Restdays => !workday,
        }
}

fn length(window: &Window) -> i64 {
    let length = minute_of(window.to) - minute_of(window.from);
    if length <= 0 { length + DAY } else { length }
}

/// The wall minute of the `k`-th handoff (not for hours after the first).
fn handoff(turn: &Turn, k: i64) -> i64 {
    let since = number_of(turn.since);
    let at = minute_of(turn.at.time);
    match turn.every {
        TurnEvery::Hours(_) => since * DAY + at,
        TurnEvery::Days(n) => (since + k * i64::from(n)) * DAY + at,
        TurnEvery::Weeks(n) => {
            let weekday = match turn.at.weekday.expect("weeks have a weekday") {
                Weekday::Monday => 0,
                Weekday::Tuesday => 1,
                Weekday::Wednesday => 2,
                Weekday::Thursday => 3,
                Weekday::Friday => 4,
                Weekday::Saturday => 5,
                Weekday::Sunday => 6,
            };
            let first = (since..since + 7).find(|day| weekday_of(*day) == weekday).expect("every week has every day");
            (first + 7 * k * i64::from(n)) * DAY + at
        }
        TurnEvery::Weekdays(days) => {
            let mut chosen = (since..).filter(|day| days[weekday_of(*day) as usize]);
            chosen.nth(k as usize).expect("one of the days is chosen") * DAY + at
        }
        TurnEvery::Months(n) => {
            let day = i64::from(turn.at.day.expect("months have a day"));
            let (mut year, mut month) = (i64::from(turn.since.year()), i64::from(turn.since.month()));
            let mut step = |months: i64| {
                for _ in 0..months {
                    (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                }
                let day = day.min(days_in_month(year, month));
                day_number(year as i16, month as i8, day as i8)
            };
            if step(0) < since {
                step(1);
            }
            step(k * i64::from(n)) * DAY + at
        }
    }
}

/// For each wall minute from `base`: the number of the period that runs then, counted from the first
/// that is not over at wall minute `since`; those before it do not count at all.
fn period_numbers(layer: &Layer, workdays: &[bool], base_day: i64, since: i64, until: i64) -> Vec<Option<i64>> {
    let (mut number, mut end) = (-1, i64::MIN);
    let mut out = Vec::new();
    for wall in base_day * DAY..until {
        let (day, minute) = (wall.div_euclid(DAY), wall.rem_euclid(DAY));
        for window in &layer.only {
            let begins = minute_of(window.from) == minute && starts_on(window, workdays, base_day, day);
            if begins && wall + length(window) > since {
                // It is a new period unless another one is still running or began this very minute.
                let began_now = out.len() as i64 == wall - base_day * DAY + 1;
                if wall >= end && !began_now {
                    number += 1;
                }
                end = end.max(wall + length(window));
            }
        }
        out.push((wall < end).then_some(number));
    }
    out
}

fn count(turn: &Turn) -> i64 {
    match turn.every {
        TurnEvery::Hours(n) | TurnEvery::Days(n) | TurnEvery::Weeks(n) | TurnEvery::Months(n) => n.into(),
        TurnEvery::Weekdays(_) => 1,
    }
}

/// The number of the turn that has the duty, for each minute of [from, to).
fn layer_timeline(layer: &Layer, calendar: &Calendar, clock: &WallClock, from: i64, to: i64) -> Vec<Option<i64>> {
    let turn = &layer.turn;
    let begin = (number_of(turn.since) - 3) * DAY;
    let workdays: Vec<bool> = (begin / DAY..to / DAY + 5).map(|day| is_workday(calendar, day)).collect();
    let counted_since = match turn.by {
        TurnBy::Calendar => i64::MIN,
        TurnBy::Active => handoff(turn, 0),
    };
    let numbers = period_numbers(layer, &workdays, begin / DAY, counted_since, to + 2 * DAY);
    let mut out = Vec::new();
    let (mut turns, mut next, mut first) = (0_i64, handoff(turn, 0), None);
    let mut hint = 0;
    for minute in begin..to {
        let wall = clock.wall(minute, &mut hint);
        if wall >= handoff(turn, 0) && first.is_none() {
            first = Some(minute);
        }
        if let (TurnEvery::Hours(_), Some(first)) = (turn.every, first) {
            turns = (minute - first) / 60 / count(turn) + 1;
        } else {
            while wall >= next {
                turns += 1;
                next = handoff(turn, turns);
            }
        }
        if minute < from {
            continue;
        }
        let number = numbers.get((wall - begin) as usize).copied().flatten();
        let turn_now = match (layer.only.is_empty(), turn.by) {
            _ if first.is_none() => None,
            (true, _) => Some(turns - 1),
            (false, TurnBy::Calendar) => number.map(|_| turns - 1),
            (false, TurnBy::Active) => number.map(|number| number / count(turn)),
        };
        out.push(turn_now);
    }
    let before = (begin.min(to) - from).max(0) as usize;
    [vec![None; before], out].concat()
}

/// Somebody on duty: person, layer, override, and whom the person stands in for.
pub(crate) type Duty = (String, Option<String>, Option<String>, Option<String>);

/// Everybody on duty at one minute, sorted.
pub(crate) type Answer = Vec<Duty>;

/// The clocks of the zones that a rotation and its layers name, by the zones' names.
pub(crate) trait Clocks {
    fn of(&mut self, zone: &TimeZone) -> &WallClock;
}

/// A seat with everybody who ever had it in this minute, the present one last.
#[derive(Clone)]
struct Seat {
    holders: Vec<String>,
    layer: Option<String>,
    over: Option<String>,
    is_filled: bool,
}

impl Seat {
    fn duty(&self) -> Duty {
        let (last, before) = self.holders.split_last().expect("somebody has it");
        (last.clone(), self.layer.clone(), self.over.clone(), before.last().cloned())
    }
}

/// How a person is at some minute.
#[derive(Clone, Copy, PartialEq)]
enum Is {
    There,
    Away,
    Unknown,
}

/// A layer's seats in its turn number `turn`: the people stand in an endless queue and each turn takes the
/// next of it.
fn seats_of(layer: &Layer, turn: i64, is: &dyn Fn(&str) -> Is) -> Vec<Seat> {
    let order: Vec<&str> = layer.people.iter().map(PersonId::as_str).collect();
    let size = (layer.at_once as i64).clamp(1, order.len() as i64);
    let queue: Vec<usize> =
        (turn * size..turn * size + size).map(|n| n.rem_euclid(order.len() as i64) as usize).collect();
    let on_turn: Vec<&str> = queue.iter().map(|place| order[*place]).filter(|id| is(id) == Is::There).collect();
    let mut seats: Vec<Seat> = Vec::new();
    let seat = |holders: &[&str], is_filled: bool| Seat {
        holders: holders.iter().map(|id| (*id).to_owned()).collect(),
        layer: Some(layer.id.to_string()),
        over: None,
        is_filled,
    };
    let mut busy: Vec<&str> = Vec::new();
    for place in queue {
        let id = order[place];
        match is(id) {
            Is::Unknown => {}
            Is::There if busy.contains(&id) => {}
            Is::There => {
                busy.push(id);
                seats.push(seat(&[id], true));
            }
            Is::Away => {
                let others = (1..=order.len()).map(|step| order[(place + step) % order.len()]);
                let free = |other: &&str| is(other) == Is::There && !on_turn.contains(other) && !busy.contains(other);
                match others.into_iter().find(free) {
                    Some(other) => {
                        busy.push(other);
                        seats.push(seat(&[id, other], true));
                    }
                    None => seats.push(seat(&[id], false)),
                }
            }
        }
    }
    seats
}

/// Lays one override over the seats of all levels.
fn lay_over(levels: &mut Vec<Vec<Seat>>, person: &str, replaces: Option<&str>, label: String) {
    let Some(replaced) = replaces else {
        let alone = Seat { holders: vec![person.to_owned()], layer: None, over: Some(label), is_filled: true };
        *levels = vec![vec![alone]];
        return;
    };
    for seat in levels.iter_mut().flatten() {
        while seat.holders.iter().any(|id| id == replaced) {
            if seat.holders.last().is_some_and(|id| id == replaced) {
                seat.holders.push(person.to_owned());
                (seat.layer, seat.over, seat.is_filled) = (None, Some(label.clone()), true);
                break;
            }
            seat.holders.pop();
        }
    }
}

/// Everybody of the first level that has somebody, each once.
fn answer(levels: &[Vec<Seat>]) -> Answer {
    let filled = |level: &Vec<Seat>| level.iter().filter(|seat| seat.is_filled).cloned().collect::<Vec<_>>();
    let mut seats = levels.iter().map(filled).find(|seats| !seats.is_empty()).unwrap_or_default();
    seats.sort_by_key(|seat| seat.holders.len() > 1); // stable: own seats first
    let mut answer: Answer = Vec::new();
    for seat in &seats {
        let duty = seat.duty();
        if !answer.iter().any(|other| other.0 == duty.0) {
            answer.push(duty);
        }
    }
    answer.sort();
    answer
}

/// The answer for each minute of [from, to).
pub(crate) fn timeline(
    catalog: &Catalog,
    rotation: &Rotation,
    recorded: &Recorded,
    clocks: &mut dyn Clocks,
    from: i64,
    to: i64,
) -> Vec<Answer> {
    let plain = Calendar::default();
    let calendar = rotation.calendar.as_ref().map_or(&plain, |id| &catalog.calendars[id]);
    let mut layers: Vec<(&Layer, Vec<Option<i64>>)> = Vec::new();
    for layer in &rotation.layers {
        let clock = clocks.of(layer.zone.as_ref().unwrap_or(&rotation.zone));
        layers.insert(0, (layer, layer_timeline(layer, calendar, clock, from, to)));
    }
    (from..to)
        .map(|minute| {
            let at = instant(minute, 0);
            let is = |id: &str| match catalog.people.get(id).filter(|person| !person.disabled) {
                None => Is::Unknown,
                Some(person) => {
                    let recorded = recorded.absences.iter().filter(|absence| absence.person.as_str() == id);
                    let is_now = |absence: &Absence| absence.from <= at && at < absence.to;
                    if person.away.iter().chain(recorded).any(is_now) { Is::Away } else { Is::There }
                }
            };
            let mut levels: Vec<Vec<Seat>> = Vec::new();
            for plan in rotation.temporary.iter().rev().filter(|plan| plan.from <= at && at < plan.to) {
                let mut seats: Vec<Seat> = Vec::new();
                for shift in plan.shifts.iter().filter(|shift| shift.from <= at && at < shift.to) {
                    let id = shift.person.to_string();
                    if is(&id) != Is::Unknown && !seats.iter().any(|seat| seat.holders[0] == id) {
                        let is_filled = is(&id) == Is::There;
                        seats.push(Seat { holders: vec![id], layer: Some("temporary".into()), over: None, is_filled });
                    }
                }
                levels.push(seats);
            }
            for (layer, turns) in &layers {
                if let Some(turn) = turns[(minute - from) as usize] {
                    levels.push(seats_of(layer, turn, &is));
                }
            }
            let recorded = recorded.overrides.iter().filter(|over| over.rotation == rotation.id);
            for over in rotation.overrides.iter().chain(recorded) {
                if over.from <= at && at < over.to && is(over.person.as_str()) == Is::There {
                    let label = over.id.map_or("yaml".to_owned(), |id| format!("OVR-{}", id.0));
                    lay_over(&mut levels, over.person.as_str(), over.replaces.as_ref().map(PersonId::as_str), label);
                }
            }
            answer(&levels)
        })
        .collect()
}
