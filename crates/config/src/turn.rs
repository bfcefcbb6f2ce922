//! When a layer hands off: `weekly mon 09:00 since 2026-01-05`, or the long form.

use jiff::civil::Date;
use watchbell_engine::catalog::{HandoffAt, Turn, TurnBy, TurnEvery};

use crate::mistake::Mistakes;
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};
use crate::windows;

const EXAMPLE: &str = "weekly mon 09:00 since 2026-01-05";
/// Largest count of hours, days, weeks or months in a turn.
const MAX_COUNT: u64 = 10_000;

/// A turn in either form.
pub(crate) fn read(node: &Node, out: &mut Mistakes) -> Option<Turn> {
    match node.value {
        Value::Map(_) => long(node, out),
        Value::Null | Value::Scalar(_) | Value::List(_) => out.value(node, "a turn", short),
    }
}

fn long(node: &Node, out: &mut Mistakes) -> Option<Turn> {
    let map = out.map(node, "a turn", &["every", "at", "since", "by"])?;
    let every = out.required(map, "every", "1 week").and_then(|n| match n.value {
        Value::List(_) => windows::week(n, out).and_then(|days| on_weekdays(days, n, out)),
        Value::Null | Value::Scalar(_) | Value::Map(_) => out.value(n, "how often", every),
    });
    let at_node = out.required(map, "at", "\"mon 09:00\"");
    let at = every.and_then(|every| out.value(at_node?, "a wall time", |text| at(text, every)));
    let since = out.required(map, "since", "2026-01-05").and_then(|n| out.value(n, "a date", scalar::date));
    let by = map.get("by").map_or(Some(TurnBy::Calendar), |n| out.value(n, "what counts as a turn", by));
    Some(Turn { every: every?, at: at?, since: since?, by: by? })
}

/// `calendar` or `active`.
pub(crate) fn by(text: &str) -> Result<TurnBy, Problem> {
    match text {
        "calendar" => Ok(TurnBy::Calendar),
        "active" => Ok(TurnBy::Active),
        other => Err(Problem::new(format!("`{other}` is not one of calendar, active"))),
    }
}

/// `daily AT`, `weekly DAY AT`, `monthly N AT`, `every 8 hours at AT`, `every mon,thu at AT`, each with `since DATE`.
fn short(text: &str) -> Result<Turn, Problem> {
    let bad = || {
        let forms = "daily 09:00, weekly mon 09:00, monthly 15 09:00 or every 8 hours at 09:00";
        Problem::new(format!("`{text}` is not a turn")).hint(format!("write {forms}, and then since 2026-01-05"))
    };
    let (rhythm, since) = match text.split_once(" since ") {
        Some((rhythm, since)) => {
            (rhythm.trim(), scalar::date(since.trim()).map_err(|p| placed(p, text, since.trim()))?)
        }
        None => return Err(bad().hint(format!("say when the first person begins: {EXAMPLE}"))),
    };
    let words: Vec<&str> = rhythm.split_whitespace().collect();
    let (every, at_words) = match words.as_slice() {
        ["daily", at @ ..] => (TurnEvery::Days(1), at),
        ["weekly", at @ ..] => (TurnEvery::Weeks(1), at),
        ["monthly", at @ ..] => (TurnEvery::Months(1), at),
        ["every", days, "at", at @ ..] => (TurnEvery::Weekdays(windows::weekdays(days).map_err(|_| bad())?), at),
        ["every", count, unit, "at", at @ ..] => (self::every(&format!("{count} {unit}")).map_err(|_| bad())?, at),
        _ => return Err(bad()),
    };
    let at_text = at_words.join(" ");
    let at = at(&at_text, every).map_err(|problem| placed(problem, text, &at_text))?;
    Ok(Turn { every, at, since, by: TurnBy::Calendar })
}

/// Points at a part of the text.
fn placed(problem: Problem, text: &str, part: &str) -> Problem {
    match text.find(part) {
        Some(at) if !part.is_empty() => problem.within(text[..at].chars().count(), part.chars().count()),
        Some(_) | None => problem,
    }
}

fn on_weekdays(days: [bool; 7], node: &Node, out: &mut Mistakes) -> Option<TurnEvery> {
    if !days.contains(&true) {
        out.error(&node.spot(), "a turn without a weekday never hands off", Some("write [mon, wed, fri]".into()));
        return None;
    }
    Some(TurnEvery::Weekdays(days))
}

/// `1 week`, `2 days`, `8 hours`, `3 months`, or weekdays: `mon-fri`, `mon,thu`.
fn every(text: &str) -> Result<TurnEvery, Problem> {
    if let Ok(days) = windows::weekdays(text) {
        return Ok(TurnEvery::Weekdays(days));
    }
    let bad = || {
        let forms = "write it as 1 week, 2 days, 8 hours, 1 month, or as weekdays: [mon, wed, fri]";
        Problem::new(format!("`{text}` is not how often")).hint(forms)
    };
    let (count, unit) = text.split_once(' ').ok_or_else(bad)?;
    let count = scalar::whole(count, 1, MAX_COUNT).map_err(|_| bad())?;
    let count = u32::try_from(count).map_err(|_| bad())?;
    match unit.trim() {
        "hour" | "hours" => Ok(TurnEvery::Hours(count)),
        "day" | "days" => Ok(TurnEvery::Days(count)),
        "week" | "weeks" => Ok(TurnEvery::Weeks(count)),
        "month" | "months" => Ok(TurnEvery::Months(count)),
        _ => Err(bad()),
    }
}

/// `09:00` for hours, days and weekdays, `mon 09:00` for weeks, `15 09:00` for months.
fn at(text: &str, every: TurnEvery) -> Result<HandoffAt, Problem> {
    let bad =
        |form: &str| Problem::new(format!("`{text}` is not when such a turn hands off")).hint(format!("write {form}"));
    let parts = text.split_once(' ');
    match every {
        TurnEvery::Hours(_) | TurnEvery::Days(_) | TurnEvery::Weekdays(_) => {
            let time = scalar::time_of_day(text, false).map_err(|_| bad("09:00"))?;
            Ok(HandoffAt { time, weekday: None, day: None })
        }
        TurnEvery::Weeks(_) => {
            let (day, time) = parts.ok_or_else(|| bad("mon 09:00"))?;
            let time = scalar::time_of_day(time.trim(), false).map_err(|_| bad("mon 09:00"))?;
            Ok(HandoffAt { time, weekday: Some(scalar::weekday(day)?), day: None })
        }
        TurnEvery::Months(_) => {
            let (day, time) = parts.ok_or_else(|| bad("15 09:00"))?;
            let time = scalar::time_of_day(time.trim(), false).map_err(|_| bad("15 09:00"))?;
            let day = scalar::whole(day, 1, 31).ok().and_then(|day| i8::try_from(day).ok());
            Ok(HandoffAt { time, weekday: None, day: Some(day.ok_or_else(|| bad("15 09:00, a day from 1 to 31"))?) })
        }
    }
}

/// Weekly from a Monday long past: the turn of a layer whose one person is always on duty.
pub(crate) fn always() -> Turn {
    Turn {
        every: TurnEvery::Weeks(1),
        at: HandoffAt { time: jiff::civil::Time::midnight(), weekday: Some(jiff::civil::Weekday::Monday), day: None },
        since: Date::constant(2024, 1, 1),
        by: TurnBy::Calendar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Weekday, date, time};

    #[test]
    fn both_forms_say_the_same() {
        let weekly = short("weekly mon 09:00 since 2026-01-05").expect("a turn");
        assert_eq!(weekly.every, TurnEvery::Weeks(1));
        assert_eq!(weekly.at, HandoffAt { time: time(9, 0, 0, 0), weekday: Some(Weekday::Monday), day: None });
        assert_eq!(weekly.since, date(2026, 1, 5));
        assert_eq!(short("every 1 week at mon 09:00 since 2026-01-05"), Ok(weekly));
        assert_eq!(short("monthly 15 09:00 since 2026-01-05").map(|t| t.at.day), Ok(Some(15)));
        assert_eq!(short("every 8 hours at 09:00 since 2026-01-05").map(|t| t.every), Ok(TurnEvery::Hours(8)));
        assert!(short("daily 22:00 since 2026-01-05").is_ok());
        let days = [true, false, false, true, false, false, false];
        assert_eq!(short("every mon,thu at 09:00 since 2026-01-05").map(|t| t.every), Ok(TurnEvery::Weekdays(days)));
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        assert_eq!(short("weekly mo 09:00 since 2026-01-05").expect_err("weekday").within, Some((7, 8)));
        assert_eq!(short("daily 09:00 since 2026-13-05").expect_err("date").within, Some((18, 10)));
        for bad in [
            "",
            "weekly",
            "weekly mon 09:00",
            "every 0 days at 09:00 since 2026-01-05",
            "every 2 fortnights at 09:00 since 2026-01-05",
            "monthly 32 09:00 since 2026-01-05",
        ] {
            assert!(short(bad).is_err(), "{bad}");
        }
    }
}
