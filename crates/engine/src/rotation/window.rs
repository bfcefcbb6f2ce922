//! When a layer is active: its `only` windows as periods of local wall time.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};

use crate::catalog::{Calendar, Catalog, Days, Rotation, Window};
use crate::ids::CalendarId;

/// Plain Monday to Friday, for a rotation without a calendar.
static PLAIN: Calendar = Calendar { holidays: BTreeSet::new(), make_up: BTreeSet::new(), years: BTreeSet::new() };

/// The calendar that the rotation's `workdays` and `restdays` ask.
pub(super) fn calendar_of<'a>(catalog: &'a Catalog, rotation: &Rotation) -> &'a Calendar {
    calendar(catalog, rotation.calendar.as_ref())
}

/// A calendar by its id; plain Monday to Friday where there is none.
pub(crate) fn calendar<'a>(catalog: &'a Catalog, id: Option<&CalendarId>) -> &'a Calendar {
    id.and_then(|id| catalog.calendars.get(id)).unwrap_or(&PLAIN)
}

/// A span of wall time in which a layer is active. An instant is inside when its wall time is, so a
/// repeated hour is inside twice and a skipped one never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// From this wall time, inclusive.
    pub(crate) from: DateTime,
    /// To this wall time, exclusive.
    pub(crate) to: DateTime,
}

impl Period {
    /// Whether `wall` lies inside.
    pub(crate) fn contains(&self, wall: DateTime) -> bool {
        self.from <= wall && wall < self.to
    }
}

/// The periods that start on the days `first` to `last` (inclusive) and end after `since`, in order
/// and apart from each other.
///
/// A window that begins while another still runs prolongs it and is no period of its own; one
/// that begins at the very end of another is. So overlapping lines of YAML count as one turn of a
/// `by: active` layer, and whole days in a row as one turn each.
pub(crate) fn periods(
    windows: &[Window],
    calendar: &Calendar,
    first: Date,
    last: Date,
    since: DateTime,
) -> Vec<Period> {
    let mut starts = Vec::new();
    let mut day = Some(first).filter(|first| *first <= last);
    while let Some(date) = day {
        starts.extend(windows.iter().filter(|window| starts_on(window, calendar, date)).map(|window| on(window, date)));
        day = date.tomorrow().ok().filter(|next| *next <= last);
    }
    starts.retain(|period| period.to > since);
    starts.sort_unstable_by_key(|period| (period.from, period.to));
    let mut out: Vec<Period> = Vec::with_capacity(starts.len());
    for period in starts {
        match out.last_mut() {
            Some(running) if period.from < running.to || period.from == running.from => {
                running.to = running.to.max(period.to);
            }
            Some(_) | None => out.push(period),
        }
    }
    out
}

fn starts_on(window: &Window, calendar: &Calendar, date: Date) -> bool {
    let in_dates = window.dates.is_none_or(|(first, last)| first <= date && date <= last);
    in_dates
        && match window.days {
            Days::Any => true,
            Days::Weekdays(days) => days[date.weekday().to_monday_zero_offset() as usize],
            Days::Workdays => calendar.is_workday(date),
            Days::Restdays => !calendar.is_workday(date),
        }
}

/// The window as it runs from `date`; past midnight where its end is not after its start.
fn on(window: &Window, date: Date) -> Period {
    let end = if window.to > window.from { Ok(date) } else { date.tomorrow() };
    Period { from: date.to_datetime(window.from), to: end.map_or(DateTime::MAX, |end| end.to_datetime(window.to)) }
}
