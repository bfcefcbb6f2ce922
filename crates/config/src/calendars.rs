//! `calendars`, and the built-in `china`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use serde::Deserialize;
use watchbell_engine::catalog::Calendar;
use watchbell_engine::ids::CalendarId;

use crate::gather::{self, Item};
use crate::mistake::Mistakes;
use crate::scalar;
use crate::tree::Node;

/// The calendar that is always there.
pub(crate) const CHINA: &str = "china";
/// Working days as the State Council published them.
const CHINA_DATA: &str = include_str!("../data/china-working-days.json");

#[derive(Deserialize)]
struct Published {
    years: BTreeMap<i16, Year>,
}

#[derive(Deserialize)]
struct Year {
    holidays: BTreeMap<Date, String>,
    workdays: BTreeMap<Date, String>,
}

/// The built-in calendar.
pub(crate) fn china() -> Calendar {
    let published: Published = serde_json::from_str(CHINA_DATA).expect("the data file is part of the program");
    let mut calendar = Calendar::default();
    for (number, year) in published.years {
        calendar.years.insert(number);
        calendar.holidays.extend(year.holidays.into_keys());
        calendar.make_up.extend(year.workdays.into_keys());
    }
    calendar
}

/// Every calendar. One with the id `china` adds to the built-in one, so that a newly published year needs
/// no new version of the program.
pub(crate) fn read(items: &[Item<'_>], out: &mut Mistakes) -> BTreeMap<CalendarId, Calendar> {
    let mut calendars = BTreeMap::from([(CalendarId::from(CHINA), china())]);
    for item in items {
        let Some((id, read)) = calendar(item.node, out) else { continue };
        let calendar: &mut Calendar = calendars.entry(id).or_default();
        // What is written here is newer than what is built in.
        calendar.holidays.retain(|day| !read.make_up.contains(day));
        calendar.make_up.retain(|day| !read.holidays.contains(day));
        calendar.holidays.extend(read.holidays);
        calendar.make_up.extend(read.make_up);
        calendar.years.extend(read.years);
    }
    calendars
}

fn calendar(node: &Node, out: &mut Mistakes) -> Option<(CalendarId, Calendar)> {
    let map = out.map(node, "a calendar", &["id", "holidays", "make_up", "years"])?;
    let id = gather::id_of(map, "company", out);
    let holidays = days(map, "holidays", out);
    let make_up = days(map, "make_up", out);
    for (day, node) in &make_up {
        if holidays.contains_key(day) {
            out.error(&node.spot(), format!("{day} is both a holiday and a make-up workday"), None);
        } else if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            out.warn(&node.spot(), format!("{day} is a weekday and is worked anyway"), None);
        }
    }
    let mut years = BTreeSet::new();
    for node in map.get("years").map_or(&[][..], |n| out.list(n, "a list of years")) {
        years.extend(out.value(node, "a year", |t| scalar::whole(t, 2000, 2200)).and_then(|y| i16::try_from(y).ok()));
    }
    // A year of which days are listed has been published.
    years.extend(holidays.keys().chain(make_up.keys()).map(|day| day.year()));
    let (holidays, make_up) = (holidays.into_keys().collect(), make_up.into_keys().collect());
    Some((CalendarId::from(id?), Calendar { holidays, make_up, years }))
}

fn days<'n>(map: &'n Node, key: &str, out: &mut Mistakes) -> BTreeMap<Date, &'n Node> {
    let nodes = map.get(key).map_or(&[][..], |n| out.list(n, "a list of dates"));
    nodes.iter().filter_map(|node| Some((out.value(node, "a date", scalar::date)?, node))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_built_in_calendar_knows_make_up_workdays() {
        let china = china();
        assert!(china.years.contains(&2026));
        assert!(!china.is_workday(date(2026, 2, 17)), "Spring Festival");
        assert!(china.is_workday(date(2024, 2, 4)), "a Sunday that is worked");
        assert!(china.is_workday(date(2026, 3, 3)) && !china.is_workday(date(2026, 3, 7)));
    }
}
