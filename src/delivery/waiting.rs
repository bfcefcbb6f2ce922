//! The age of the oldest message that waits to be handed over.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use prometheus::Gauge;
use watchbell_engine::time::elapsed;

use crate::clock::Clock;

/// Everything that waits, oldest first.
pub(super) struct Waiting {
    clock: Clock,
    oldest: Gauge,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    counter: u64,
    members: BTreeSet<(Timestamp, u64)>,
}

/// A place in the line; given up when it is dropped.
pub(super) struct Place {
    waiting: Arc<Waiting>,
    member: (Timestamp, u64),
}

impl Waiting {
    pub(super) fn new(clock: Clock, oldest: Gauge) -> Self {
        Self { clock, oldest, line: Mutex::default() }
    }

    /// Lines up a message that was decided at that time.
    pub(super) fn enter(self: &Arc<Self>, decided_at: Timestamp) -> Place {
        let member = {
            let mut line = self.line();
            line.counter += 1;
            let member = (decided_at, line.counter);
            line.members.insert(member);
            member
        };
        self.refresh();
        Place { waiting: Arc::clone(self), member }
    }

    /// Shows the present age.
    pub(super) fn refresh(&self) {
        let first = self.line().members.first().copied();
        let age = first.map_or(0.0, |(decided_at, _)| elapsed(decided_at, self.clock.now()).as_secs_f64());
        self.oldest.set(age);
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.line().members.remove(&self.member);
        self.waiting.refresh();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_those_that_wait_is_shown() {
        let at = |secs: i64| Timestamp::from_second(1_700_000_000 + secs).expect("an instant");
        let clock = Clock::manual(at(10));
        let gauge = Gauge::new("age", "age").expect("a gauge");
        let waiting = Arc::new(Waiting::new(clock.clone(), gauge.clone()));
        let first = waiting.enter(at(4));
        let second = waiting.enter(at(9));
        assert_eq!(gauge.get(), 6.0);
        drop(first);
        assert_eq!(gauge.get(), 1.0);
        clock.set(at(20));
        waiting.refresh();
        assert_eq!(gauge.get(), 11.0);
        drop(second);
        assert_eq!(gauge.get(), 0.0);
    }
}
