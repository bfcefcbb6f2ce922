//! `calendars`, and the built-in `china`.
//!
//! A calendar may come from an iCalendar file, or from a web address: of that one the last good copy is read,
//! which the server keeps in `calendars/` beside the YAML. Nothing here uses the network.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use jiff::civil::{Date, Weekday};
use serde::Deserialize;
use watchbell_engine::catalog::Calendar;
use watchbell_engine::ids::CalendarId;

use crate::context::Context;
use crate::gather::{self, Item};
use crate::ical::{ICAL_MAX_BYTES, IcalDays, ical_days};
use crate::mistake::Mistakes;
use crate::model::CalendarFeed;
use crate::scalar;
use crate::tree::Node;
use crate::web_address;

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

/// Where copies of calendars from web addresses are kept.
const COPIES: &str = "calendars";

/// Everything that the calendars of a configuration say.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) calendars: BTreeMap<CalendarId, Calendar>,
    /// Those that come from web addresses.
    pub(crate) feeds: BTreeMap<CalendarId, CalendarFeed>,
    /// The names and texts of the files that were read: they belong to the revision.
    pub(crate) files: BTreeMap<String, String>,
}

/// Every calendar. One with the id `china` adds to the built-in one, so that a newly published year needs
/// no new version of the program.
pub(crate) fn read(items: &[Item<'_>], context: &Context<'_>, out: &mut Mistakes) -> Read {
    let mut all = Read { calendars: BTreeMap::from([(CalendarId::from(CHINA), china())]), ..Read::default() };
    for item in items {
        let Some((id, read)) = calendar(item.node, context, &mut all, out) else { continue };
        let calendar: &mut Calendar = all.calendars.entry(id).or_default();
        // What is written here is newer than what is built in.
        calendar.holidays.retain(|day| !read.make_up.contains(day));
        calendar.make_up.retain(|day| !read.holidays.contains(day));
        calendar.holidays.extend(read.holidays);
        calendar.make_up.extend(read.make_up);
        calendar.years.extend(read.years);
    }
    all
}

fn calendar(node: &Node, context: &Context<'_>, all: &mut Read, out: &mut Mistakes) -> Option<(CalendarId, Calendar)> {
    let map = out.map(node, "a calendar", &["id", "holidays", "make_up", "years", "ical", "kind"])?;
    let id = gather::id_of(map, "company", out).map(CalendarId::from);
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
    let mut calendar = Calendar { holidays, make_up, years };
    let kind = out.optional(map, "kind", "what the days are", kind).unwrap_or(Kind::Holidays);
    match (map.get("ical"), map.get("kind")) {
        (Some(node), _) => {
            let read = id.as_ref().and_then(|id| ical(node, id, context, all, out)).unwrap_or_default();
            calendar.years.extend(read.years);
            match kind {
                Kind::Holidays => calendar.holidays.extend(read.days),
                Kind::Workdays => calendar.make_up.extend(read.days),
            }
        }
        (None, Some(node)) => out.error(&node.spot(), "`kind` says what the days of `ical` are", None),
        (None, None) => {}
    }
    Some((id?, calendar))
}

/// What the days of an iCalendar file are.
#[derive(Clone, Copy)]
enum Kind {
    Holidays,
    Workdays,
}

fn kind(text: &str) -> Result<Kind, scalar::Problem> {
    match text {
        "holidays" => Ok(Kind::Holidays),
        "workdays" => Ok(Kind::Workdays),
        other => Err(scalar::Problem::new(format!("`{other}` is not one of holidays, workdays"))),
    }
}

/// `{ file: PATH }` or `{ url: URL }`.
fn ical(node: &Node, id: &CalendarId, context: &Context<'_>, all: &mut Read, out: &mut Mistakes) -> Option<IcalDays> {
    let map = out.map(node, "an iCalendar file", &["file", "url"])?;
    let (key, from) = out.exactly_one(map, "an iCalendar file", &["file", "url"])?;
    if key == "file" {
        let name = out.text(from, "the path of a file")?;
        return ical_file(context.dir, name, all).map_err(|why| out.error(&from.spot(), why, None)).ok();
    }
    let given = context.private(from, "a web address", out)?;
    if let Some(problem) = given.known().and_then(|text| web_address::http(text, true).err()) {
        out.error(&from.spot(), problem.message, problem.hint);
        return None;
    }
    let name = format!("{COPIES}/{id}.ics");
    let is_new = all.feeds.insert(id.clone(), CalendarFeed { url: given.secret(), copy: context.dir.join(&name) });
    if is_new.is_some() {
        out.error(&from.spot(), format!("the calendar `{id}` has two web addresses"), None);
    }
    if !context.dir.join(&name).exists() {
        let hint = format!("the server fetches it when it starts and every day, into {name}");
        out.warn(&from.spot(), format!("there is no copy of the calendar `{id}` yet: it has no days"), Some(hint));
        return None;
    }
    // A copy that went bad must not keep the server from paging: it is fetched anew.
    ical_file(context.dir, &name, all).map_err(|why| out.warn(&from.spot(), why, None)).ok()
}

/// What an iCalendar file says, or why it cannot be used. It belongs to the revision.
fn ical_file(dir: &Path, name: &str, all: &mut Read) -> Result<IcalDays, String> {
    let text = text_of(&dir.join(name)).map_err(|why| format!("{name} cannot be read: {why}"))?;
    let days = ical_days(&text).map_err(|problem| format!("{name}: {problem}"))?;
    all.files.insert(name.to_owned(), text);
    Ok(days)
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path);
    let read = opened.and_then(|file| file.take(ICAL_MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(error.to_string()),
        Ok(read) if read > ICAL_MAX_BYTES => Err("it is larger than 2 MiB".into()),
        Ok(_) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into()),
    }
}

/// Warns of written calendars that no rotation asks.
pub(crate) fn unasked<'a>(items: &[Item<'_>], asked: impl Iterator<Item = &'a CalendarId>, out: &mut Mistakes) {
    let asked: BTreeSet<&str> = asked.map(CalendarId::as_str).collect();
    for item in items {
        if let Some(node) = item.node.get("id")
            && let Some(id) = node.text().filter(|id| !asked.contains(id))
        {
            let hint = format!("write calendar: {id} in a rotation, or remove it");
            out.warn(&node.spot(), format!("no rotation asks the calendar `{id}`"), Some(hint));
        }
    }
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
