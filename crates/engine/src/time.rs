//! Lengths of time and the few sums the engine does with them.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A length of time in whole milliseconds, as YAML, facts and timers use it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(secs * 1_000)
    }

    /// So many minutes.
    pub const fn mins(mins: u64) -> Self {
        Self::secs(mins * 60)
    }

    /// So many hours.
    pub const fn hours(hours: u64) -> Self {
        Self::mins(hours * 60)
    }

    /// In seconds, for sums that are shown to people.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// As the standard library's duration.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// `self + other`, never overflowing.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self - other`, zero where that would be negative.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self` so many times over, never overflowing.
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The shortest form a person would write in YAML: `250ms`, `90s`, `5m`, `24h`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0s"),
            ms if ms % 3_600_000 == 0 => write!(f, "{}h", ms / 3_600_000),
            ms if ms % 60_000 == 0 => write!(f, "{}m", ms / 60_000),
            ms if ms % 1_000 == 0 => write!(f, "{}s", ms / 1_000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The instant `by` after `at`; the end of time where that would lie beyond it.
pub fn after(at: Timestamp, by: Millis) -> Timestamp {
    let by = SignedDuration::from_millis(i64::try_from(by.0).unwrap_or(i64::MAX));
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The instant `by_ms` milliseconds away from `at`, in either direction.
pub fn shifted(at: Timestamp, by_ms: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(by_ms)).unwrap_or(if by_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// How long ago `earlier` was at `now`; zero where it lies in the future.
pub fn elapsed(earlier: Timestamp, now: Timestamp) -> Millis {
    let ms = now.duration_since(earlier).as_millis();
    Millis(u64::try_from(ms.max(0)).unwrap_or(u64::MAX))
}

/// Microseconds since 1970, the form in which the store keeps instants.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The instant of so many microseconds since 1970; `None` for one that no calendar reaches.
pub fn from_micros(us: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(us).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_write_them() {
        let shown = [250, 1_000, 90_000, 300_000, 86_400_000, 0].map(|ms| Millis(ms).to_string());
        assert_eq!(shown, ["250ms", "1s", "90s", "5m", "24h", "0s"]);
    }

    #[test]
    fn sums_stay_inside_the_calendar() {
        assert_eq!(after(Timestamp::MAX, Millis::secs(1)), Timestamp::MAX);
        assert_eq!(elapsed(Timestamp::MAX, Timestamp::MIN), Millis::ZERO);
    }
}
