//! The only reader of the system clock: one `now` for the whole process.
//!
//! `now` is the wall time at start plus the boot time since, so that it never runs backwards and does
//! not jump when somebody sets the wall clock. How far the wall clock has departed from it is asked
//! with [`Clock::departure_ms`]; the driver tells the engine and then calls [`Clock::follow`].
//!
//! May import: nothing of this crate.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// A shared clock; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    System {
        /// Wall minus boot, microseconds.
        offset_us: AtomicI64,
    },
    Manual {
        now_us: AtomicI64,
    },
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(Inner::System { offset_us: AtomicI64::new(wall_us() - boot_us()) }))
    }

    /// A clock that stands still until [`Clock::set`] moves it; for tests.
    pub fn manual(now: Timestamp) -> Self {
        Self(Arc::new(Inner::Manual { now_us: AtomicI64::new(now.as_microsecond()) }))
    }

    /// Now, in whole microseconds.
    pub fn now(&self) -> Timestamp {
        let us = match &*self.0 {
            Inner::System { offset_us } => boot_us() + offset_us.load(Ordering::Relaxed),
            Inner::Manual { now_us } => now_us.load(Ordering::Relaxed),
        };
        Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
    }

    /// By how much the wall clock has departed from [`Clock::now`]; positive when it jumped ahead.
    pub fn departure_ms(&self) -> i64 {
        match &*self.0 {
            Inner::System { offset_us } => (wall_us() - boot_us() - offset_us.load(Ordering::Relaxed)) / 1_000,
            Inner::Manual { .. } => 0,
        }
    }

    /// Moves `now` by so many milliseconds, after the engine has been told.
    pub fn follow(&self, by_ms: i64) {
        match &*self.0 {
            Inner::System { offset_us } => offset_us.fetch_add(by_ms * 1_000, Ordering::Relaxed),
            Inner::Manual { now_us } => now_us.fetch_add(by_ms * 1_000, Ordering::Relaxed),
        };
    }

    /// Sets a manual clock; a system clock is not moved.
    pub fn set(&self, now: Timestamp) {
        if let Inner::Manual { now_us } = &*self.0 {
            now_us.store(now.as_microsecond(), Ordering::Relaxed);
        }
    }
}

/// Microseconds since 1970 by the wall clock.
fn wall_us() -> i64 {
    micros(clock_gettime(ClockId::Realtime))
}

/// Microseconds since boot, suspend included.
fn boot_us() -> i64 {
    micros(clock_gettime(ClockId::Boottime))
}

fn micros(t: rustix::time::Timespec) -> i64 {
    t.tv_sec * 1_000_000 + t.tv_nsec / 1_000
}
