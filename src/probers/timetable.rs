//! What is due next: the slots of every probe and the runs that confirm, on the monotonic clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::schedule::Schedule;
use watchbell_engine::time::Millis;

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) probe: ProbeId,
    /// When it was to begin.
    pub(super) at: Instant,
    /// A confirming run, out of the probe's slots.
    pub(super) confirms: bool,
    /// Slots after this one that have passed as well.
    pub(super) missed: u64,
}

/// The engine's schedule of slots, told the monotonic clock, with confirming runs beside it.
#[derive(Debug)]
pub(super) struct Timetable {
    schedule: Schedule,
    /// One instant by both clocks. The schedule's times go on from here with the monotonic clock alone, so
    /// that a wall clock that is set moves no slot of a running process.
    anchor: (Instant, Timestamp),
    /// Slots that are due and have not been taken.
    ready: VecDeque<Due>,
    /// Earliest first. An item is stale where `confirms` says otherwise.
    heap: BinaryHeap<Reverse<(Instant, ProbeId)>>,
    confirms: BTreeMap<ProbeId, Instant>,
}

impl Timetable {
    pub(super) fn new(now: Instant, wall: Timestamp) -> Self {
        Self {
            schedule: Schedule::new(),
            anchor: (now, wall),
            ready: VecDeque::new(),
            heap: BinaryHeap::new(),
            confirms: BTreeMap::new(),
        }
    }

    /// Adds a probe, or gives it another rhythm.
    pub(super) fn insert(&mut self, probe: ProbeId, every: Millis, now: Instant) {
        self.schedule.insert(probe, every, self.wall(now));
    }

    pub(super) fn remove(&mut self, probe: &ProbeId) {
        self.schedule.remove(probe);
        self.confirms.remove(probe);
    }

    /// Asks for a confirming run; until it is due, slots are passed over.
    pub(super) fn confirm(&mut self, probe: ProbeId, at: Instant) {
        self.confirms.insert(probe.clone(), at);
        self.heap.push(Reverse((at, probe)));
    }

    /// Takes a confirming run back.
    pub(super) fn forget_confirm(&mut self, probe: &ProbeId) {
        self.confirms.remove(probe);
    }

    /// When to look again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let slot = self.schedule.next_due().map(|at| self.instant(at));
        let confirm = self.heap.peek().map(|Reverse((at, _))| *at);
        slot.into_iter().chain(confirm).min()
    }

    /// The next thing that is due at `now`, confirming runs first. A probe that missed several slots is
    /// due once, for the first of them; its next slot lies after `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        for due in self.schedule.pop_due(self.wall(now)) {
            // One that is being confirmed has its next run already; the slot would only cut the pause short.
            if !self.confirms.contains_key(&due.probe) {
                let at = self.instant(due.slot);
                self.ready.push_back(Due { probe: due.probe, at, confirms: false, missed: due.skipped });
            }
        }
        while self.heap.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, probe))) = self.heap.pop() else { break };
            if self.confirms.get(&probe) == Some(&at) {
                self.confirms.remove(&probe);
                return Some(Due { probe, at, confirms: true, missed: 0 });
            }
        }
        self.ready.pop_front()
    }

    fn wall(&self, at: Instant) -> Timestamp {
        let (anchor, wall) = self.anchor;
        let since = i64::try_from(at.saturating_duration_since(anchor).as_micros()).unwrap_or(i64::MAX);
        wall.checked_add(jiff::SignedDuration::from_micros(since)).unwrap_or(Timestamp::MAX)
    }

    /// The first instant at which `wall` has come.
    fn instant(&self, at: Timestamp) -> Instant {
        let (anchor, wall) = self.anchor;
        let since = at.duration_since(wall).as_micros();
        anchor + Duration::from_micros(u64::try_from(since).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Millis = Millis::secs(5);

    fn table() -> (Timetable, Instant) {
        let now = Instant::now();
        (Timetable::new(now, "2026-11-22T03:12:00Z".parse().expect("an instant")), now)
    }

    fn drain(table: &mut Timetable, now: Instant) -> Vec<Due> {
        std::iter::from_fn(|| table.pop_due(now)).collect()
    }

    #[test]
    fn slots_keep_their_phase_over_a_restart() {
        let (mut one, now) = table();
        one.insert("site".into(), EVERY, now);
        let first = one.next_due().expect("a slot");
        assert!(first > now && first <= now + EVERY.duration());
        assert_eq!(drain(&mut one, first).len(), 1);
        assert_eq!(one.next_due(), Some(first + EVERY.duration()));

        // Twelve seconds later by both clocks, another process.
        let later = now + Duration::from_secs(12);
        let mut other = Timetable::new(later, "2026-11-22T03:12:12Z".parse().expect("an instant"));
        other.insert("site".into(), EVERY, later);
        let since = other.next_due().expect("a slot") - first;
        assert_eq!(since.as_micros() % EVERY.duration().as_micros(), 0, "{since:?}");
    }

    #[test]
    fn starts_are_spread_evenly() {
        let (mut table, now) = table();
        (0..1_000).for_each(|i| table.insert(format!("probe-{i}").into(), EVERY, now));
        let mut per_tenth = [0; 10];
        for due in drain(&mut table, now + EVERY.duration()) {
            per_tenth[((due.at - now).as_millis() as usize / 500).min(9)] += 1;
        }
        assert!(per_tenth.iter().all(|n| (60..=140).contains(n)), "{per_tenth:?}");
    }

    #[test]
    fn slots_are_passed_over_while_a_confirming_run_is_asked_for() {
        let (mut table, now) = table();
        table.insert("site".into(), EVERY, now);
        let slot = table.next_due().expect("a slot");
        let confirm = slot + Duration::from_secs(2);
        table.confirm("site".into(), confirm);
        let due = drain(&mut table, confirm);
        assert_eq!(due, [Due { probe: "site".into(), at: confirm, confirms: true, missed: 0 }]);
        table.confirm("site".into(), confirm + Duration::from_secs(1));
        table.forget_confirm(&"site".into());
        let next = slot + EVERY.duration();
        assert_eq!(drain(&mut table, next), [Due { probe: "site".into(), at: next, confirms: false, missed: 0 }]);
    }

    #[test]
    fn missed_slots_are_due_once() {
        let (mut table, now) = table();
        table.insert("site".into(), EVERY, now);
        let slot = table.next_due().expect("a slot");
        let late = slot + Duration::from_secs(61);
        assert_eq!(drain(&mut table, late), [Due { probe: "site".into(), at: slot, confirms: false, missed: 12 }]);
        assert!(table.next_due().is_some_and(|next| next > late));
    }

    #[test]
    fn another_rhythm_leaves_nothing_of_the_old_one() {
        let (mut table, now) = table();
        table.insert("site".into(), Millis::secs(10), now);
        table.confirm("site".into(), now);
        table.remove(&"site".into());
        table.insert("site".into(), EVERY, now);
        assert_eq!(drain(&mut table, now + EVERY.duration()).len(), 1);
        table.remove(&"site".into());
        assert_eq!(drain(&mut table, now + Duration::from_secs(60)), []);
    }
}
