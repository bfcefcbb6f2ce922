//! `only`: the windows in which a layer is active.

use jiff::civil::{Date, Time};
use watchbell_engine::catalog::{Days, Window};

use crate::mistake::Mistakes;
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};

/// The windows of a layer.
pub(crate) fn read(node: &Node, out: &mut Mistakes) -> Vec<Window> {
    let items = out.list(node, "a list of windows");
    if items.is_empty() && matches!(node.value, Value::List(_)) {
        let hint = "remove `only`, and the layer is always active".to_owned();
        out.error(&node.spot(), "a layer without a window is never active", Some(hint));
    }
    items.iter().filter_map(|item| window(item, out)).collect()
}

fn window(node: &Node, out: &mut Mistakes) -> Option<Window> {
    let map = out.map(node, "a window", &["days", "from", "to", "dates"])?;
    let days = map.get("days").map_or(Some(Days::Any), |n| days(n, out));
    let time = |out: &mut Mistakes, key: &str, end: bool| match map.get(key) {
        Some(node) => out.value(node, "a time of day", |text| scalar::time_of_day(text, end)),
        None => Some(Time::midnight()),
    };
    let (from, to) = (time(out, "from", false), time(out, "to", true));
    let dates = match map.get("dates") {
        Some(node) => Some(dates(node, out)?),
        None => None,
    };
    Some(Window { days: days?, from: from?, to: to?, dates })
}

/// `workdays`, `restdays`, or weekdays and ranges: `mon-fri`, `[sat, sun]`, `mon, wed-fri`.
fn days(node: &Node, out: &mut Mistakes) -> Option<Days> {
    match &node.value {
        Value::List(_) => week(node, out).map(Days::Weekdays),
        Value::Null | Value::Scalar(_) | Value::Map(_) => out.value(node, "days", |text| match text {
            "workdays" => Ok(Days::Workdays),
            "restdays" => Ok(Days::Restdays),
            "any" | "every day" => Ok(Days::Any),
            other => weekdays(other).map(Days::Weekdays),
        }),
    }
}

/// A list of weekdays and ranges.
pub(crate) fn week(node: &Node, out: &mut Mistakes) -> Option<[bool; 7]> {
    let mut week = [false; 7];
    for item in out.list(node, "a list of weekdays") {
        let read = out.value(item, "a weekday", weekdays)?;
        week.iter_mut().zip(read).for_each(|(day, on)| *day |= on);
    }
    Some(week)
}

/// Weekdays and ranges in one text: `mon-fri`, `mon, wed-fri`.
pub(crate) fn weekdays(text: &str) -> Result<[bool; 7], Problem> {
    let bad =
        || Problem::new(format!("`{text}` names no days")).hint("write workdays, restdays, mon-fri or [sat, sun]");
    let index = |day: &str| scalar::WEEKDAYS.iter().position(|d| *d == day.trim()).ok_or_else(bad);
    let mut week = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (index(first)?, index(last)?),
            None => (index(part)?, index(part)?),
        };
        // A range may run over the end of the week: `fri-mon`.
        let length = (last + 7 - first) % 7;
        (first..=first + length).for_each(|day| week[day % 7] = true);
    }
    Ok(week)
}

/// `2026-10-01..2026-10-07`, `[first, last]`, `{ from, to }` or one day; both ends count.
fn dates(node: &Node, out: &mut Mistakes) -> Option<(Date, Date)> {
    let (first, last) = match &node.value {
        Value::List(items) => match items.as_slice() {
            [first, last] => (out.value(first, "a date", scalar::date)?, out.value(last, "a date", scalar::date)?),
            _ => {
                out.error(
                    &node.spot(),
                    "`dates` has a first and a last day",
                    Some("write [2026-10-01, 2026-10-07]".into()),
                );
                return None;
            }
        },
        Value::Map(_) => {
            let map = out.map(node, "`dates`", &["from", "to"])?;
            let from = out.required(map, "from", "2026-10-01").and_then(|n| out.value(n, "a date", scalar::date));
            let to = out.required(map, "to", "2026-10-07").and_then(|n| out.value(n, "a date", scalar::date));
            (from?, to?)
        }
        Value::Null | Value::Scalar(_) => out.value(node, "dates", |text| match text.split_once("..") {
            Some((first, last)) => Ok((scalar::date(first.trim())?, scalar::date(last.trim())?)),
            None => scalar::date(text).map(|day| (day, day)),
        })?,
    };
    if first > last {
        out.error(&node.spot(), format!("the first day {first} comes after the last day {last}"), None);
        return None;
    }
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_may_run_over_the_end_of_the_week() {
        let on = |text: &str| {
            let week = weekdays(text).expect(text);
            scalar::WEEKDAYS.iter().zip(week).filter(|(_, on)| *on).map(|(d, _)| *d).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(on("mon-fri"), "mon tue wed thu fri");
        assert_eq!(on("fri-mon"), "mon fri sat sun");
        assert_eq!(on("mon, wed-thu"), "mon wed thu");
        assert_eq!(on("sun-sun"), "sun");
        assert!(weekdays("funday").is_err() && weekdays("").is_err() && weekdays("mon-").is_err());
    }
}
