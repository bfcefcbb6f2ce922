//! Five-field cron over wall time, as Unix reads it.
//!
//! We read the fields ourselves, so that a mistake is named by its field, and hand crate `cron` plain
//! lists: it counts days of the week from 1 = Sunday, joins day of month and day of week by AND where
//! Unix has OR, and is wrong across clock changes. So it only ever sees naive wall time, dressed as UTC.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How many wall times in a row may lie in a repeated stretch before the search gives up: every
/// minute of a day lived twice.
const REPEATED: usize = 1_500;

/// A field of a cron expression: its name, its values, and the names that stand for values.
struct FieldRule {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MINUTE: FieldRule = FieldRule { name: "minute", min: 0, max: 59, names: &[] };
const HOUR: FieldRule = FieldRule { name: "hour", min: 0, max: 23, names: &[] };
const DAY_OF_MONTH: FieldRule = FieldRule { name: "day of month", min: 1, max: 31, names: &[] };
const MONTH: FieldRule = FieldRule {
    name: "month",
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAY_OF_WEEK: FieldRule =
    FieldRule { name: "day of week", min: 0, max: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// Why a text is not a five-field cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCron {
    /// Not five fields.
    #[error("`{text}` has {found} fields; cron takes five: minute, hour, day of month, month, day of week")]
    Fields {
        /// What was given.
        text: String,
        /// How many there are.
        found: usize,
    },
    /// A field that cannot be read.
    #[error("`{value}` is no {field}: use {min} to {max}, `*`, lists `1,3`, ranges `1-5` and steps `*/2`")]
    Value {
        /// Which field.
        field: &'static str,
        /// The part that is wrong.
        value: String,
        /// The least value.
        min: u32,
        /// The greatest value.
        max: u32,
    },
    /// A date that no year has.
    #[error("`{text}` never comes: no month named has such a day")]
    Never {
        /// What was given.
        text: String,
    },
}

/// A five-field cron expression that has been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    /// It is due when any of these is: two where both day fields are restricted (Unix reads them as OR).
    any_of: Vec<::cron::Schedule>,
}

/// Reads `minute hour day-of-month month day-of-week`; 0 and 7 are Sunday, names of months and
/// weekdays may stand for numbers. Where both day fields are restricted (neither begins with `*`),
/// a day matches when either does.
pub fn parse_cron(text: &str) -> Result<Cron, BadCron> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return Err(BadCron::Fields { text: text.into(), found: fields.len() });
    };
    let restricted = |field: &str| !field.starts_with('*');
    let either = restricted(day) && restricted(weekday);
    let minute = list(&values(&MINUTE, minute)?);
    let hour = list(&values(&HOUR, hour)?);
    let day = list(&values(&DAY_OF_MONTH, day)?);
    let month = list(&values(&MONTH, month)?);
    let mut weekdays: Vec<u32> = values(&DAY_OF_WEEK, weekday)?.iter().map(|day| day % 7 + 1).collect();
    weekdays.sort_unstable();
    weekdays.dedup();
    let weekday = list(&weekdays);
    let days = if either { vec![(day.as_str(), "*"), ("*", weekday.as_str())] } else { vec![(&*day, &*weekday)] };
    let any_of = days.into_iter().map(|(day, weekday)| {
        let text = format!("0 {minute} {hour} {day} {month} {weekday}");
        ::cron::Schedule::from_str(&text).expect("plain lists of values in range are a schedule")
    });
    let cron = Cron { any_of: any_of.collect() };
    // 2000 is a leap year and the crate's calendar goes on for a century.
    let start = NaiveDate::from_ymd_opt(2000, 1, 1).and_then(|date| date.and_hms_opt(0, 0, 0));
    match start.and_then(|start| cron.next_wall(start)) {
        Some(_) => Ok(cron),
        None => Err(BadCron::Never { text: text.into() }),
    }
}

impl Cron {
    /// The next time it is due after `after` in `zone`; `None` past the year 2100. A wall time that a
    /// clock change skips is due as much later as the gap is long, one that is repeated is due the
    /// first time only.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut wall = naive(zone.to_datetime(after))?;
        for _ in 0..REPEATED {
            wall = self.next_wall(wall)?;
            let due = zone.to_ambiguous_timestamp(civil(wall)?).compatible().ok()?;
            if due > after {
                return Some(due);
            }
        }
        None
    }

    fn next_wall(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let next = |schedule: &::cron::Schedule| schedule.after(&after.and_utc()).next();
        self.any_of.iter().filter_map(next).min().map(|at| at.naive_utc())
    }
}

/// The values of a field, in order.
fn values(rule: &FieldRule, field: &str) -> Result<Vec<u32>, BadCron> {
    let mut wanted = vec![false; rule.max as usize + 1];
    for part in field.split(',') {
        let bad = || BadCron::Value { field: rule.name, value: part.into(), min: rule.min, max: rule.max };
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0).ok_or_else(bad)?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (rule.min, rule.max),
            Some((first, last)) => (value(rule, first).ok_or_else(bad)?, value(rule, last).ok_or_else(bad)?),
            // A step needs a range to walk; `5/15` means different things to different crons.
            None if part.contains('/') => return Err(bad()),
            None => (value(rule, range).ok_or_else(bad)?, value(rule, range).ok_or_else(bad)?),
        };
        if first > last {
            return Err(bad());
        }
        (first..=last).step_by(step).for_each(|n| wanted[n as usize] = true);
    }
    Ok((rule.min..=rule.max).filter(|n| wanted[*n as usize]).collect())
}

fn value(rule: &FieldRule, text: &str) -> Option<u32> {
    let named = || rule.names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let value = match named() {
        Some(place) => rule.min + u32::try_from(place).ok()?,
        None => text.parse().ok().filter(|_| digits)?,
    };
    (rule.min..=rule.max).contains(&value).then_some(value)
}

fn list(values: &[u32]) -> String {
    values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// The wall time as the cron crate takes it, without parts of a second; `None` before 1970.
fn naive(wall: DateTime) -> Option<NaiveDateTime> {
    let secs = wall.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_secs();
    Some(chrono::DateTime::from_timestamp(secs, 0).filter(|_| secs >= 0)?.naive_utc())
}

fn civil(wall: NaiveDateTime) -> Option<DateTime> {
    let since_1970 = SignedDuration::from_secs(wall.and_utc().timestamp());
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since_1970).ok()
}
