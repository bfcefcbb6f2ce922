//! Days from an iCalendar file (RFC 5545): all-day events, once or every year.
//!
//! Strict on purpose: a calendar decides who is on duty, so that an event that is not understood is refused by
//! name instead of being passed over.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::Date;

/// Largest file that is read or fetched, bytes: ten times the largest public holiday calendar.
pub const ICAL_MAX_BYTES: usize = 2 * 1024 * 1024;
/// The most days that one event can last.
const EVENT_DAYS_MAX: i32 = 366;
/// An event of every year is written out up to this year.
const LAST_YEAR: i16 = 2100;

/// The days of a calendar file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IcalDays {
    /// Every day of every event.
    pub days: BTreeSet<Date>,
    /// The years that have been published: those of the events that do not come back every year, or all,
    /// where every event does.
    pub years: BTreeSet<i16>,
}

/// Why a text is no calendar that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IcalProblem {
    /// Something else was found: a web page, an empty file.
    #[error("this is not an iCalendar file: it does not begin with BEGIN:VCALENDAR and end with END:VCALENDAR")]
    NotACalendar,
    /// A calendar without a day says nothing.
    #[error("there is no all-day event in it")]
    Empty,
    /// An event with something that could change its days.
    #[error("line {line}: the event `{event}` {why}")]
    Event {
        /// Of the event's beginning, from 1.
        line: usize,
        /// Its summary, or its number.
        event: String,
        /// What is wrong.
        why: String,
    },
}

/// Reads a calendar.
pub fn ical_days(text: &str) -> Result<IcalDays, IcalProblem> {
    let lines = unfolded(text);
    let is = |line: Option<&(usize, String)>, what: &str| line.is_some_and(|(_, l)| l.eq_ignore_ascii_case(what));
    if !is(lines.first(), "BEGIN:VCALENDAR") || !is(lines.last(), "END:VCALENDAR") {
        return Err(IcalProblem::NotACalendar);
    }
    let mut out = IcalDays::default();
    let mut yearly = BTreeSet::new();
    let mut event: Option<Event> = None;
    // What is nested in an event (an alarm) or stands beside it (a time zone) says nothing about its days.
    let mut nested = 0_u32;
    for (line, text) in &lines {
        let (name, value) = property(text);
        match (name.as_str(), value.to_ascii_uppercase().as_str(), &mut event) {
            ("BEGIN", "VEVENT", None) => event = Some(Event::new(*line)),
            ("BEGIN", _, Some(_)) => nested += 1,
            ("END", "VEVENT", Some(done)) if nested == 0 => {
                done.days(&mut out.days, &mut out.years, &mut yearly)?;
                event = None;
            }
            ("END", _, Some(_)) => nested = nested.saturating_sub(1),
            (_, _, Some(open)) if nested == 0 => open.take(name, value),
            (_, _, _) => {}
        }
    }
    if event.is_some() {
        return Err(IcalProblem::NotACalendar);
    }
    if out.days.is_empty() && yearly.is_empty() {
        return Err(IcalProblem::Empty);
    }
    if out.years.is_empty() {
        out.years.extend(yearly.iter().map(|day: &Date| day.year()));
    }
    out.days.extend(yearly);
    Ok(out)
}

/// Logical lines with the numbers of their first lines: a line that begins with a blank goes on with the one before.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (n, line) in text.trim_start_matches('\u{FEFF}').lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            (_, _) if line.trim().is_empty() => {}
            (_, _) => lines.push((n + 1, line.trim_end().to_owned())),
        }
    }
    lines
}

/// The name without parameters, and the value: the colon is the first one outside quotes.
fn property(line: &str) -> (String, &str) {
    let mut quoted = false;
    let colon = line.find(|c: char| {
        quoted ^= c == '"';
        c == ':' && !quoted
    });
    let (head, value) = colon.map_or((line, ""), |at| (&line[..at], &line[at + 1..]));
    (head.split(';').next().unwrap_or_default().to_ascii_uppercase(), value.trim())
}

struct Event {
    line: usize,
    fields: BTreeMap<String, String>,
    except: Vec<String>,
}

impl Event {
    fn new(line: usize) -> Self {
        Self { line, fields: BTreeMap::new(), except: Vec::new() }
    }

    fn take(&mut self, name: String, value: &str) {
        if name == "EXDATE" {
            self.except.extend(value.split(',').map(str::to_owned));
        } else {
            self.fields.insert(name, value.to_owned());
        }
    }

    fn refuse(&self, why: impl Into<String>) -> IcalProblem {
        let event = self.fields.get("SUMMARY").cloned().unwrap_or_else(|| "without a summary".into());
        IcalProblem::Event { line: self.line, event: event.chars().take(60).collect(), why: why.into() }
    }

    /// Adds the event's days: to `yearly` where it comes back every year.
    fn days(
        &self,
        once: &mut BTreeSet<Date>,
        years: &mut BTreeSet<i16>,
        yearly: &mut BTreeSet<Date>,
    ) -> Result<(), IcalProblem> {
        if self.fields.get("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")) {
            return Ok(());
        }
        if let Some(name) = ["RDATE", "RECURRENCE-ID", "EXRULE"].iter().find(|name| self.fields.contains_key(**name)) {
            return Err(self.refuse(format!("has {name}, which is not understood; write its days out")));
        }
        let except: BTreeSet<Date> = self.except.iter().map(|day| self.date(day)).collect::<Result<_, _>>()?;
        let start = self.fields.get("DTSTART").ok_or_else(|| self.refuse("has no DTSTART"))?;
        let first = self.date(start)?;
        let length = self.length(first)?;
        let put = |first: Date, to: &mut BTreeSet<Date>| {
            let days = (0..length).filter_map(|n| first.checked_add(n.days()).ok());
            to.extend(days.filter(|_| !except.contains(&first)));
        };
        match self.fields.get("RRULE") {
            None => {
                put(first, once);
                years.extend([first, first.checked_add((length - 1).days()).unwrap_or(first)].map(Date::year));
            }
            Some(rule) => self.every_year(rule, first)?.into_iter().for_each(|first| put(first, yearly)),
        }
        Ok(())
    }

    fn length(&self, first: Date) -> Result<i32, IcalProblem> {
        let length = match (self.fields.get("DTEND"), self.fields.get("DURATION")) {
            (Some(end), _) => first.until(self.date(end)?).map(|span| span.get_days()).unwrap_or(0),
            (None, Some(text)) => {
                let count = |unit: char| text.strip_prefix('P')?.strip_suffix(unit)?.parse::<i32>().ok();
                let days = count('D').or_else(|| count('W').and_then(|weeks| weeks.checked_mul(7)));
                days.ok_or_else(|| self.refuse(format!("lasts `{text}`, which is not a number of days")))?
            }
            (None, None) => 1,
        };
        // Some programs write the same day as start and end of an event of one day.
        let length = if length == 0 { 1 } else { length };
        let why = || self.refuse(format!("lasts {length} days; 1 to {EVENT_DAYS_MAX} can be meant"));
        (1..=EVENT_DAYS_MAX).contains(&length).then_some(length).ok_or_else(why)
    }

    /// The first days of each year's event.
    fn every_year(&self, rule: &str, first: Date) -> Result<Vec<Date>, IcalProblem> {
        let (mut count, mut until, mut is_yearly) = (usize::MAX, Date::MAX, false);
        let strange = || self.refuse(format!("comes back by `{rule}`: only every year is understood"));
        for part in rule.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(strange)?;
            match (name.to_ascii_uppercase().as_str(), value) {
                ("FREQ", value) => is_yearly = value.eq_ignore_ascii_case("YEARLY"),
                ("INTERVAL", "1") | ("WKST", _) => {}
                ("COUNT", value) => count = value.parse().map_err(|_| strange())?,
                // Of a time only the day counts.
                ("UNTIL", value) => until = self.date(value.split('T').next().unwrap_or_default())?,
                // That is the day of the start, said once more.
                ("BYMONTH", value) if value.parse() == Ok(first.month()) => {}
                ("BYMONTHDAY", value) if value.parse() == Ok(first.day()) => {}
                (_, _) => return Err(strange()),
            }
        }
        if !is_yearly {
            return Err(strange());
        }
        // A year without the day (29 February) is passed over.
        let dates = (first.year()..=LAST_YEAR).filter_map(|year| Date::new(year, first.month(), first.day()).ok());
        Ok(dates.take(count).take_while(|day| *day <= until).collect())
    }

    /// `20261001`. An event at a time of day is refused: on which days it falls depends on the zone.
    fn date(&self, text: &str) -> Result<Date, IcalProblem> {
        if text.len() > 8 && text.contains('T') {
            return Err(self.refuse(format!("is at a time (`{text}`), and not all day")));
        }
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
        let date = match (text.len(), part(0, 4), part(4, 6), part(6, 8)) {
            (8, Some(year), Some(month), Some(day)) => {
                i8::try_from(month).ok().zip(i8::try_from(day).ok()).and_then(|(m, d)| Date::new(year, m, d).ok())
            }
            (_, _, _, _) => None,
        };
        date.ok_or_else(|| self.refuse(format!("has `{text}`, which is not a date")))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn calendar(events: &str) -> Result<IcalDays, IcalProblem> {
        ical_days(&format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.replace('\n', "\r\n")))
    }

    fn event(lines: &str) -> String {
        format!("BEGIN:VEVENT\nUID:1\nSUMMARY:a day\n{lines}\nEND:VEVENT\n")
    }

    #[test]
    fn days_ends_and_foldings_are_read() {
        let read = calendar(&event(
            "DTSTART;VALUE=DATE;X-A=\"b:c\":2026\n 1001\nDTEND;VALUE=DATE:20261004\nBEGIN:VALARM\nDTSTART:x\nEND:VALARM",
        ));
        let days = (1..4).map(|day| date(2026, 10, day)).collect();
        assert_eq!(read, Ok(IcalDays { days, years: [2026].into() }));
        let week = calendar(&event("DTSTART:20261228\nDURATION:P1W")).expect("a week");
        assert_eq!((week.days.len(), week.years), (7, [2026, 2027].into()));
    }

    #[test]
    fn what_comes_back_every_year_is_known_for_good() {
        let read = calendar(&event("DTSTART:20240229\nRRULE:FREQ=YEARLY;UNTIL=20330101T000000Z\nEXDATE:20280229"));
        let read = read.expect("leap days");
        assert_eq!(read.days, [date(2024, 2, 29), date(2032, 2, 29)].into());
        let both = calendar(&(event("DTSTART:20250501\nRRULE:FREQ=YEARLY;COUNT=3") + &event("DTSTART:20260102")));
        let both = both.expect("days");
        assert!(both.days.contains(&date(2027, 5, 1)) && !both.days.contains(&date(2028, 5, 1)));
        assert_eq!(both.years, [2026].into(), "of the others only 2026 is published");
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let refused = |lines: &str| calendar(&event(lines)).expect_err(lines).to_string();
        assert_eq!(
            refused("DTSTART:20261001T090000Z"),
            "line 3: the event `a day` is at a time (`20261001T090000Z`), and not all day"
        );
        assert!(refused("DTSTART:20261001\nRRULE:FREQ=WEEKLY").contains("only every year is understood"));
        assert!(refused("DTSTART:20261001\nRRULE:FREQ=YEARLY;BYDAY=1MO").contains("BYDAY"));
        assert!(refused("DTSTART:20261301").contains("not a date"));
        assert!(refused("DTSTART:20261001\nDTEND:20260901").contains("lasts"));
        assert!(refused("DTSTART:20261001\nRDATE:20261005").contains("RDATE"));
        assert!(refused("SUMMARY:x").contains("no DTSTART"));
        assert_eq!(calendar(""), Err(IcalProblem::Empty));
        assert_eq!(calendar(&event("DTSTART:20261001\nSTATUS:CANCELLED")), Err(IcalProblem::Empty));
        for text in ["", "<html>", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261001\nEND:VCALENDAR"] {
            assert_eq!(ical_days(text), Err(IcalProblem::NotACalendar), "{text}");
        }
    }
}
