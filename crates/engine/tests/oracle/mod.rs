//! Who is on duty, worked out the slow way: minute by minute, with arithmetic of its own, from the
//! rotation rules as they are written. It shares the catalog's types with the implementation and
//! nothing else; of a time zone it asks only the offset at an instant.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use watchbell_engine::catalog::{Calendar, Catalog, Days, Layer, Rotation, Turn, TurnBy, TurnEvery, Window};
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
            let chosen = (since..).filter(|day| days[weekday_of(*day) as usize]);
            chosen.skip(k as usize).next().expect("one of the days is chosen") * DAY + at
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

/// The place in `layer.people` that has the turn, for each minute of [from, to).
fn layer_timeline(layer: &Layer, calendar: &Calendar, clock: &WallClock, from: i64, to: i64) -> Vec<Option<usize>> {
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
        out.push(turn_now.map(|turn| (turn % layer.people.len() as i64) as usize));
    }
    let before = (begin.min(to) - from).max(0) as usize;
    [vec![None; before], out].concat()
}

/// Person, layer and override at one minute.
pub(crate) type Answer = Option<(String, Option<String>, Option<String>)>;

/// The answer for each minute of [from, to).
pub(crate) fn timeline(
    catalog: &Catalog,
    rotation: &Rotation,
    recorded: &Recorded,
    clock: &WallClock,
    from: i64,
    to: i64,
) -> Vec<Answer> {
    let plain = Calendar::default();
    let calendar = rotation.calendar.as_ref().map_or(&plain, |id| &catalog.calendars[id]);
    let layers: Vec<_> =
        rotation.layers.iter().map(|layer| (layer, layer_timeline(layer, calendar, clock, from, to))).collect();
    let available = |person: &str| catalog.people.get(person).is_some_and(|person| !person.disabled);
    (from..to)
        .map(|minute| {
            let at = instant(minute, 0);
            let mut answer = None;
            for (layer, people) in &layers {
                if let Some(place) = people[(minute - from) as usize] {
                    let person = layer.people[place].to_string();
                    if available(&person) {
                        answer = Some((person, Some(layer.id.to_string()), None));
                    }
                }
            }
            let recorded = recorded.overrides.iter().filter(|over| over.rotation == rotation.id);
            for over in rotation.overrides.iter().chain(recorded) {
                if over.from <= at && at < over.to && available(over.person.as_str()) {
                    let label = over.id.map_or("yaml".to_owned(), |id| format!("OVR-{}", id.0));
                    answer = Some((over.person.to_string(), None, Some(label)));
                }
            }
            answer
        })
        .collect()
}
