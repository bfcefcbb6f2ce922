//! How a rotation's load is shared: nights, weekends, holidays, hours and rest of each person.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{Expanded, people_of, window};
use crate::catalog::{Calendar, Catalog, Rotation};
use crate::ids::PersonId;
use crate::time::{Millis, elapsed};

/// A night lasts from here, local time …
const NIGHT_FROM: Time = time(22, 0, 0, 0);
/// … to here on the next day.
const NIGHT_TO: Time = time(6, 0, 0, 0);

/// What one person carries over a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Who.
    pub person: PersonId,
    /// Times on duty; what follows without a break is one.
    pub shifts: u32,
    /// Nights (22:00 to 06:00 local) that a shift touches.
    pub nights: u32,
    /// Weekends (Saturday and Sunday, local) that a shift touches.
    pub weekends: u32,
    /// Holidays of the rotation's calendar that a shift touches.
    pub holidays: u32,
    /// Hours on duty.
    pub hours: f64,
    /// The shortest pause between two shifts, hours; null with fewer than two.
    pub shortest_rest_hours: Option<f64>,
}

/// The load of everybody in the rotation, and of whoever stands in, by id; `expanded` is the rotation over
/// the span in question.
pub fn fairness(catalog: &Catalog, rotation: &Rotation, expanded: &Expanded) -> Vec<Load> {
    let mut spans: BTreeMap<PersonId, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    for person in people_of(rotation) {
        spans.entry(person).or_default();
    }
    for shift in &expanded.shifts {
        let own = spans.entry(shift.on_duty.person.clone()).or_default();
        match own.last_mut() {
            Some(last) if shift.from <= last.1 => last.1 = last.1.max(shift.to),
            Some(_) | None => own.push((shift.from, shift.to)),
        }
    }
    let calendar = window::calendar_of(catalog, rotation);
    spans.into_iter().map(|(person, spans)| load(person, &spans, &rotation.zone, calendar)).collect()
}

fn load(person: PersonId, spans: &[(Timestamp, Timestamp)], zone: &TimeZone, calendar: &Calendar) -> Load {
    let (mut nights, mut weekends, mut holidays) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for &(from, to) in spans {
        for date in days(from, to, zone) {
            if touches((from, to), (date, NIGHT_FROM), (next(date), NIGHT_TO), zone) {
                nights.insert(date);
            }
            let on_it = touches((from, to), (date, Time::midnight()), (next(date), Time::midnight()), zone);
            match date.weekday() {
                Weekday::Saturday if on_it => drop(weekends.insert(date)),
                Weekday::Sunday if on_it => drop(weekends.insert(date.yesterday().unwrap_or(date))),
                _ => {}
            }
            if on_it && calendar.holidays.contains(&date) {
                holidays.insert(date);
            }
        }
    }
    let total = spans.iter().fold(Millis::ZERO, |sum, &(from, to)| Millis(sum.0 + elapsed(from, to).0));
    let rests = spans.iter().zip(spans.iter().skip(1)).map(|(a, b)| elapsed(a.1, b.0));
    Load {
        person,
        shifts: count(spans.len()),
        nights: count(nights.len()),
        weekends: count(weekends.len()),
        holidays: count(holidays.len()),
        hours: hours(total),
        shortest_rest_hours: rests.min().map(hours),
    }
}

/// The local dates that a span may touch, a night that began the day before included.
fn days(from: Timestamp, to: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Date> {
    let first = from.to_zoned(zone.clone()).date();
    let first = first.yesterday().unwrap_or(first);
    let last = to.to_zoned(zone.clone()).date();
    first.series(1.day()).take_while(move |date| *date <= last)
}

/// Whether two spans share an instant, the second one in wall time.
fn touches(span: (Timestamp, Timestamp), from: (Date, Time), to: (Date, Time), zone: &TimeZone) -> bool {
    let instant = |(date, time): (Date, Time)| date.to_datetime(time).to_zoned(zone.clone()).map(|z| z.timestamp());
    matches!((instant(from), instant(to)), (Ok(from), Ok(to)) if span.0 < to && from < span.1)
}

fn next(date: Date) -> Date {
    date.tomorrow().unwrap_or(date)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// To a hundredth: what people compare.
fn hours(time: Millis) -> f64 {
    (time.0 as f64 / 36_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalog, layer, only, over, rotation};
    use super::super::{Recorded, expand};
    use super::*;
    use crate::catalog::Days;
    use crate::catalog::TurnEvery::{Days as EveryDays, Weeks};

    fn loads(rotation: &Rotation, recorded: &Recorded, from: &str, to: &str) -> Vec<Load> {
        let (from, to) = (from.parse().expect("an instant"), to.parse().expect("an instant"));
        let catalog = catalog();
        fairness(&catalog, rotation, &expand(&catalog, rotation, recorded, from, to))
    }

    #[test]
    fn weeks_are_nights_weekends_and_holidays() {
        // 28 September to 12 October 2026: the National Day week (1 to 7 October) lies in both weeks.
        let weekly = layer("weekly", &["li", "wang"], Weeks(1), "mon 09:00", "2026-09-28");
        let rotation = rotation("Asia/Shanghai", vec![weekly]);
        let found = loads(&rotation, &Recorded::default(), "2026-09-28T01:00:00Z", "2026-10-12T01:00:00Z");
        let row = |load: &Load| (load.person.to_string(), load.nights, load.weekends, load.holidays, load.hours);
        // Li hands off on Monday 5 October 09:00: 1 to 5 October are five holidays of hers.
        assert_eq!(row(&found[0]), ("li".into(), 7, 1, 5, 168.0));
        assert_eq!(row(&found[1]), ("wang".into(), 7, 1, 3, 168.0));
        assert_eq!((found[0].shifts, found[0].shortest_rest_hours), (1, None));
    }

    #[test]
    fn rest_is_the_shortest_pause_and_days_alone_are_no_nights() {
        let days = layer("days", &["li"], EveryDays(1), "09:00", "2026-01-05");
        let nights = layer("nights", &["wang", "chen"], EveryDays(1), "20:00", "2026-01-05");
        let nights = only(nights, &[(Days::Any, "20:00", "09:00")]);
        let rotation = rotation("UTC", vec![days, nights]);
        let recorded = Recorded {
            overrides: vec![over(Some(1), "li", "2026-01-06T20:00:00Z", "2026-01-06T23:00:00Z")],
            absences: Vec::new(),
        };
        let found = loads(&rotation, &recorded, "2026-01-05T09:00:00Z", "2026-01-09T09:00:00Z");
        let by = |id: &str| found.iter().find(|load| load.person.as_str() == id).expect("a load").clone();
        assert_eq!((by("li").nights, by("li").shifts, by("li").hours), (1, 4, 47.0), "the override until 23:00");
        assert_eq!(by("li").shortest_rest_hours, Some(10.0));
        assert_eq!((by("wang").nights, by("chen").nights), (2, 2));
        assert_eq!(by("wang").shortest_rest_hours, Some(35.0));
    }

    #[test]
    fn a_clock_change_makes_a_night_longer() {
        let nights =
            only(layer("nights", &["li"], EveryDays(1), "22:00", "2026-10-01"), &[(Days::Any, "22:00", "06:00")]);
        let mut rotation = rotation("Europe/Berlin", vec![nights]);
        rotation.gaps_allowed = Some("nights alone".into());
        let found = loads(&rotation, &Recorded::default(), "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
        assert_eq!((found[0].nights, found[0].hours, found[0].weekends), (1, 9.0, 1));
    }
}
