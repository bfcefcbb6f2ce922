//! When a layer hands off: every n-th hour, day, week or month, each computed from the first handoff
//! and never from the one before it, so that no clamped day and no clock change accumulates.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::zone::first_instant;
use crate::catalog::{Turn, TurnEvery};

const SECS_PER_HOUR: i64 = 3_600;
const SECS_PER_DAY: i64 = 86_400;

/// The handoffs of one layer.
#[derive(Clone, Copy)]
pub(super) struct Handoffs<'a> {
    turn: &'a Turn,
    zone: &'a TimeZone,
    /// The wall time of the first.
    first: DateTime,
    /// The instant of the first; before it the layer has nobody.
    start: Timestamp,
}

impl<'a> Handoffs<'a> {
    /// `None` where the first one lies beyond the calendar: such a layer never has anybody.
    pub(super) fn of(turn: &'a Turn, zone: &'a TimeZone) -> Option<Self> {
        let first = first_date(turn)?.to_datetime(turn.at.time);
        Some(Self { turn, zone, first, start: first_instant(zone, first)? })
    }

    /// The instant of the first.
    pub(super) fn start(&self) -> Timestamp {
        self.start
    }

    /// The wall time of the first.
    pub(super) fn first_wall(&self) -> DateTime {
        self.first
    }

    /// How many units a turn lasts, at least 1.
    pub(super) fn count(&self) -> i64 {
        match self.turn.every {
            TurnEvery::Hours(n) | TurnEvery::Days(n) | TurnEvery::Weeks(n) | TurnEvery::Months(n) => {
                i64::from(n.max(1))
            }
            TurnEvery::Weekdays(_) => 1,
        }
    }

    /// The instant of the `k`-th handoff, the first being 0; `None` beyond the calendar.
    pub(super) fn nth(&self, k: i64) -> Option<Timestamp> {
        if let TurnEvery::Hours(_) = self.turn.every {
            let secs = k.checked_mul(self.count())?.checked_mul(SECS_PER_HOUR)?;
            return self.start.checked_add(SignedDuration::from_secs(secs)).ok();
        }
        first_instant(self.zone, self.wall(k)?)
    }

    /// The wall time at which the `k`-th handoff should come; `None` beyond the calendar, and for hours,
    /// which are counted and not read off a clock.
    pub(super) fn wall(&self, k: i64) -> Option<DateTime> {
        let units = k.checked_mul(self.count())?;
        let date = match self.turn.every {
            TurnEvery::Hours(_) => return None,
            TurnEvery::Days(_) => days_after(self.first.date(), units)?,
            TurnEvery::Weeks(_) => days_after(self.first.date(), units.checked_mul(7)?)?,
            TurnEvery::Months(_) => {
                let month = month_number(self.first.date()).checked_add(units)?;
                date_in_month(month, self.day_of_month())?
            }
            TurnEvery::Weekdays(days) => {
                let listed = listed(days);
                let in_week = i64::try_from(listed.len()).ok()?;
                // Counted from the first of the listed days in the week of the first handoff.
                let n = units.checked_add(handoffs_before(days, self.first.date()))?;
                let day = *listed.get(usize::try_from(n.rem_euclid(in_week)).ok()?)?;
                let days = n.div_euclid(in_week).checked_mul(7)?.checked_add(day)?;
                days_after(monday_of(self.first.date())?, days)?
            }
        };
        Some(date.to_datetime(self.turn.at.time))
    }

    /// The last handoff at or before `at`; `None` before the first. Where several share an instant
    /// (a day that a zone skipped), the last of them.
    pub(super) fn last_before(&self, at: Timestamp) -> Option<i64> {
        if at < self.start {
            return None;
        }
        let today = self.zone.to_datetime(at).date();
        let units = match self.turn.every {
            TurnEvery::Hours(_) => return Some(at.duration_since(self.start).as_secs() / SECS_PER_HOUR / self.count()),
            TurnEvery::Days(_) => days_between(self.first.date(), today),
            TurnEvery::Weeks(_) => days_between(self.first.date(), today) / 7,
            TurnEvery::Months(_) => month_number(today) - month_number(self.first.date()),
            TurnEvery::Weekdays(days) => {
                let first = self.first.date();
                let weeks = (days_between(first, today) + weekday_number(first)).div_euclid(7);
                let in_week = i64::try_from(listed(days).len()).ok()?;
                weeks * in_week + handoffs_before(days, today) - handoffs_before(days, first)
            }
        };
        // The date alone may be one off, since the handoff comes at some hour of it.
        let mut k = (units / self.count()).max(0);
        while self.nth(k + 1).is_some_and(|next| next <= at) {
            k += 1;
        }
        while k > 0 && self.nth(k).is_none_or(|this| this > at) {
            k -= 1;
        }
        Some(k)
    }

    fn day_of_month(&self) -> i8 {
        self.turn.at.day.unwrap_or(self.turn.since.day())
    }
}

/// The first date on or after `since` on which the layer hands off. A missing weekday or day of the
/// month is that of `since`.
fn first_date(turn: &Turn) -> Option<Date> {
    match turn.every {
        TurnEvery::Hours(_) | TurnEvery::Days(_) => Some(turn.since),
        TurnEvery::Weeks(_) => {
            let weekday = turn.at.weekday.unwrap_or(turn.since.weekday());
            let ahead = weekday.to_monday_zero_offset() - turn.since.weekday().to_monday_zero_offset();
            days_after(turn.since, i64::from(ahead.rem_euclid(7)))
        }
        TurnEvery::Weekdays(days) => {
            let ahead = (0..7).find(|n| days[((weekday_number(turn.since) + n) % 7) as usize])?;
            days_after(turn.since, ahead)
        }
        TurnEvery::Months(_) => {
            let day = turn.at.day.unwrap_or(turn.since.day());
            let month = month_number(turn.since);
            date_in_month(month, day).filter(|date| *date >= turn.since).or_else(|| date_in_month(month + 1, day))
        }
    }
}

/// The places of the chosen weekdays, Monday being 0.
fn listed(days: [bool; 7]) -> Vec<i64> {
    (0_i64..).zip(days).filter(|(_, chosen)| *chosen).map(|(n, _)| n).collect()
}

/// How many of the chosen weekdays come before that of `date` in its week.
fn handoffs_before(days: [bool; 7], date: Date) -> i64 {
    listed(days).iter().filter(|day| **day < weekday_number(date)).count().try_into().unwrap_or(0)
}

/// Monday is 0.
fn weekday_number(date: Date) -> i64 {
    date.weekday().to_monday_zero_offset().into()
}

fn monday_of(date: Date) -> Option<Date> {
    days_after(date, -weekday_number(date))
}

/// Months since the year 0.
fn month_number(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// The day of that month, or its last where it has no such day.
fn date_in_month(month: i64, day: i8) -> Option<Date> {
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    let first = Date::new(year, i8::try_from(month.rem_euclid(12)).ok()? + 1, 1).ok()?;
    Date::new(year, first.month(), day.clamp(1, first.days_in_month())).ok()
}

fn days_after(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().try_days(days).ok()?).ok()
}

fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_secs() / SECS_PER_DAY
}
