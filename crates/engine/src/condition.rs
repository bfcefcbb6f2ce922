//! Conditions on a step and office hours: what they ask, and whether it is so.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::catalog::{Catalog, Window};
use crate::ids::CalendarId;
use crate::label::{self, Labels, Matcher};
use crate::rotation;
use crate::time::{Millis, after};
use crate::word::{Priority, Severity};

/// Nothing waits longer than this for a window: the longest holiday and the days around it. What opens
/// later counts as never.
pub const LONGEST_WAIT: Millis = Millis::hours(24 * 14);

/// A span of wall time in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// When.
    pub window: Window,
    /// Whose wall time it is.
    pub zone: TimeZone,
    /// What `workdays` and `restdays` ask; plain Monday to Friday where `None`.
    pub calendar: Option<CalendarId>,
}

impl Hours {
    /// Whether this instant lies inside.
    pub fn is_open(&self, catalog: &Catalog, at: Timestamp) -> bool {
        self.opens(catalog, at) == Some(at)
    }

    /// The first instant inside, from `at` on; `None` where that is further away than [`LONGEST_WAIT`].
    pub fn opens(&self, catalog: &Catalog, at: Timestamp) -> Option<Timestamp> {
        let wall = self.zone.to_datetime(at);
        let calendar = rotation::calendar(catalog, self.calendar.as_ref());
        let days = i64::try_from(LONGEST_WAIT.0 / Millis::hours(24).0).unwrap_or(i64::MAX);
        let first = wall.date().checked_sub(1.day()).ok()?;
        let last = wall.date().checked_add(days.days()).ok()?;
        let periods = rotation::periods(std::slice::from_ref(&self.window), calendar, first, last, wall);
        let opens = periods.into_iter().find_map(|period| {
            if period.contains(wall) {
                return Some(at);
            }
            let from = rotation::first_instant(&self.zone, period.from)?.max(at);
            // A window that a clock change skips whole never opens that day.
            period.contains(self.zone.to_datetime(from)).then_some(from)
        });
        opens.filter(|opens| *opens <= after(at, LONGEST_WAIT))
    }
}

/// The first instant from `at` on that lies inside one of them.
pub fn opens(hours: &[Hours], catalog: &Catalog, at: Timestamp) -> Option<Timestamp> {
    hours.iter().filter_map(|h| h.opens(catalog, at)).min()
}

/// What a step asks before it pages. What is empty asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The worst live alert has one of these severities.
    pub severities: Vec<Severity>,
    /// The ticket has one of these priorities.
    pub priorities: Vec<Priority>,
    /// All match the labels of a live alert.
    pub matchers: Vec<Matcher>,
    /// The instant lies in one of these.
    pub during: Vec<Hours>,
}

/// What conditions are asked about: a ticket as it is now.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// The severity of the worst live alert.
    pub severity: Severity,
    /// The ticket's priority.
    pub priority: Priority,
    /// The labels of each live alert.
    pub labels: Vec<&'a Labels>,
}

/// Whether a condition is fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fulfilled {
    /// It is.
    Yes,
    /// It will be at this instant, if nothing but the time changes.
    Opens(Timestamp),
    /// It is not.
    No,
}

impl Condition {
    /// Whether it asks nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is so at `at`.
    pub fn judge(&self, catalog: &Catalog, situation: &Situation<'_>, at: Timestamp) -> Fulfilled {
        if !self.fits(situation) {
            return Fulfilled::No;
        }
        if self.during.is_empty() {
            return Fulfilled::Yes;
        }
        match opens(&self.during, catalog, at) {
            Some(opens) if opens <= at => Fulfilled::Yes,
            Some(opens) => Fulfilled::Opens(opens),
            None => Fulfilled::No,
        }
    }

    /// Whether everything but the time is so.
    pub fn fits(&self, situation: &Situation<'_>) -> bool {
        let severity = self.severities.is_empty() || self.severities.contains(&situation.severity);
        let priority = self.priorities.is_empty() || self.priorities.contains(&situation.priority);
        let matches = |labels: &&Labels| label::all_match(&self.matchers, labels);
        severity && priority && (self.matchers.is_empty() || situation.labels.iter().any(matches))
    }
}

/// Low urgency waits for office hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// When people are paged after all.
    pub until: Vec<Hours>,
    /// Of these priorities; never P1 or P2.
    pub priorities: Vec<Priority>,
}

impl Hold {
    /// Until when a ticket of this priority is not paged; `None` where it is paged now.
    pub fn holds(&self, catalog: &Catalog, priority: Priority, at: Timestamp) -> Option<Timestamp> {
        if priority.is_urgent() || !self.priorities.contains(&priority) {
            return None;
        }
        opens(&self.until, catalog, at).filter(|opens| *opens > at)
    }
}

/// How far apart two instants are, for people: `3 min`, `2 h 5 min`.
pub fn length_text(from: Timestamp, to: Timestamp) -> String {
    let minutes = to.duration_since(from).max(SignedDuration::ZERO).as_mins();
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalog::{CatchAll, Days};
    use crate::word::Locale;

    fn nothing() -> Catalog {
        Catalog {
            revision: "r".into(),
            zone: TimeZone::UTC,
            locale: Locale::En,
            people: BTreeMap::new(),
            rotations: BTreeMap::new(),
            calendars: BTreeMap::new(),
            policies: BTreeMap::new(),
            default_policy: "default".into(),
            self_policy: None,
            routes: Vec::new(),
            channels: BTreeMap::new(),
            probes: BTreeMap::new(),
            catch_all: CatchAll { person: "di".into(), every: Millis::mins(5) },
            not_paging: crate::not_paging::NotPaging::default(),
        }
    }

    fn office(from: &str, to: &str) -> Hours {
        let time = |text: &str| text.parse().expect("a time");
        let window = Window { days: Days::Workdays, from: time(from), to: time(to), dates: None };
        Hours { window, zone: TimeZone::get("Asia/Shanghai").expect("bundled"), calendar: None }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn office_hours_open_on_the_next_workday() {
        let (catalog, office) = (nothing(), office("09:00", "18:00"));
        // A Friday evening waits for Monday; the end is outside, the start is inside.
        assert_eq!(office.opens(&catalog, at("2026-11-20T10:00:00Z")), Some(at("2026-11-23T01:00:00Z")));
        assert!(office.is_open(&catalog, at("2026-11-23T01:00:00Z")));
        assert!(!office.is_open(&catalog, at("2026-11-23T10:00:00Z")));
        assert_eq!(office.opens(&catalog, at("2026-11-23T02:00:00Z")), Some(at("2026-11-23T02:00:00Z")));
    }

    #[test]
    fn a_window_may_run_past_midnight_and_a_late_one_counts_as_never() {
        let (catalog, night) = (nothing(), office("22:00", "06:00"));
        // 05:59 of a Saturday belongs to the Friday night.
        assert!(night.is_open(&catalog, at("2026-11-20T21:59:00Z")));
        assert_eq!(night.opens(&catalog, at("2026-11-20T22:00:00Z")), Some(at("2026-11-23T14:00:00Z")));
        let day = "2027-03-01".parse().expect("a date");
        let once = Hours { window: Window { dates: Some((day, day)), ..night.window }, ..night };
        assert_eq!(once.opens(&catalog, at("2026-11-20T22:00:00Z")), None);
    }
}
