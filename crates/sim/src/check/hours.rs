//! Whether a condition is so, worked out from the wall clock alone.

use jiff::{Timestamp, ToSpan};
use watchbell_engine::catalog::{Catalog, Days};
use watchbell_engine::condition::{Condition, Hours};
use watchbell_engine::label::{Labels, all_match};
use watchbell_engine::word::{Priority, Severity};

/// Whether a step may page for a ticket of this severity and priority, with these live alerts.
pub(crate) fn is_so(
    when: &Condition,
    catalog: &Catalog,
    (severity, priority): (Severity, Priority),
    live: &[&Labels],
    at: Timestamp,
) -> bool {
    (when.severities.is_empty() || when.severities.contains(&severity))
        && (when.priorities.is_empty() || when.priorities.contains(&priority))
        && (when.matchers.is_empty() || live.iter().any(|labels| all_match(&when.matchers, labels)))
        && (when.during.is_empty() || when.during.iter().any(|hours| is_open(hours, catalog, at)))
}

/// A window belongs to the day on which it starts, and may go on into the next.
fn is_open(hours: &Hours, catalog: &Catalog, at: Timestamp) -> bool {
    let wall = hours.zone.to_datetime(at);
    let (window, today) = (&hours.window, wall.date());
    let yesterday = today.saturating_sub(1.day());
    [(yesterday, true), (today, false)].into_iter().any(|(day, is_before)| {
        let calendar = hours.calendar.as_ref().and_then(|id| catalog.calendars.get(id)).cloned().unwrap_or_default();
        let starts = match window.days {
            Days::Any => true,
            Days::Weekdays(days) => days[usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())],
            Days::Workdays => calendar.is_workday(day),
            Days::Restdays => !calendar.is_workday(day),
        };
        let starts = starts && window.dates.is_none_or(|(first, last)| first <= day && day <= last);
        let into_the_next = window.to <= window.from;
        let time = wall.time();
        starts
            && match (is_before, into_the_next) {
                (false, false) => window.from <= time && time < window.to,
                (false, true) => window.from <= time,
                (true, false) => false,
                (true, true) => time < window.to,
            }
    })
}
