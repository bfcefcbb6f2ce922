//! What is due next: the slots of every probe and the runs that confirm, on the monotonic clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::time::Millis;

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) probe: ProbeId,
    /// When it was to begin.
    pub(super) at: Instant,
    /// A confirming run, out of the probe's slots.
    pub(super) confirms: bool,
}

/// Slots lie at `phase + k × every`, the phase being a hash of the probe's id: starts are spread evenly,
/// and a restart or reload moves none of them.
#[derive(Debug)]
pub(super) struct Timetable {
    /// The wall time, in microseconds, of an instant of the monotonic clock; slots count from 1970.
    anchor: (Instant, u64),
    /// The rhythm and the next slot of each probe; an entry of the heap for another instant is stale.
    slots: BTreeMap<ProbeId, (Millis, Instant)>,
    heap: BinaryHeap<Reverse<(Instant, bool, ProbeId)>>,
    confirms: BTreeMap<ProbeId, Instant>,
}

impl Timetable {
    pub(super) fn new(now: Instant, wall: Timestamp) -> Self {
        let wall_us = u64::try_from(wall.as_microsecond()).unwrap_or(0);
        Self { anchor: (now, wall_us), slots: BTreeMap::new(), heap: BinaryHeap::new(), confirms: BTreeMap::new() }
    }

    /// Adds a probe, or gives it another rhythm.
    pub(super) fn insert(&mut self, probe: ProbeId, every: Millis, now: Instant) {
        if self.slots.get(&probe).is_some_and(|(known, _)| *known == every) {
            return;
        }
        let first = self.slot_after(&probe, every, now);
        self.slots.insert(probe.clone(), (every, first));
        self.heap.push(Reverse((first, false, probe)));
    }

    pub(super) fn remove(&mut self, probe: &ProbeId) {
        self.slots.remove(probe);
        self.confirms.remove(probe);
    }

    /// Asks for a confirming run; until it is due, slots are passed over.
    pub(super) fn confirm(&mut self, probe: ProbeId, at: Instant) {
        self.confirms.insert(probe.clone(), at);
        self.heap.push(Reverse((at, true, probe)));
    }

    /// Takes a confirming run back.
    pub(super) fn forget_confirm(&mut self, probe: &ProbeId) {
        self.confirms.remove(probe);
    }

    /// When to look again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next thing that is due at `now`. A probe that missed several slots is due once, for the first
    /// of them; its next slot lies after `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        loop {
            self.heap.peek().filter(|Reverse((at, ..))| *at <= now)?;
            let Reverse((at, confirms, probe)) = self.heap.pop()?;
            if confirms {
                if self.confirms.get(&probe) == Some(&at) {
                    self.confirms.remove(&probe);
                    return Some(Due { probe, at, confirms });
                }
                continue;
            }
            let Some((every, _)) = self.slots.get(&probe).copied().filter(|(_, next)| *next == at) else { continue };
            let next = self.slot_after(&probe, every, now);
            self.slots.insert(probe.clone(), (every, next));
            self.heap.push(Reverse((next, false, probe.clone())));
            if !self.confirms.contains_key(&probe) {
                return Some(Due { probe, at, confirms });
            }
        }
    }

    fn slot_after(&self, probe: &ProbeId, every: Millis, now: Instant) -> Instant {
        let every_us = every_us(every);
        let now_us = self.wall_us(now);
        let since_slot = (now_us + every_us - phase_us(probe, every_us)) % every_us;
        now + Duration::from_micros(every_us - since_slot)
    }

    fn wall_us(&self, at: Instant) -> u64 {
        let (anchor, wall_us) = self.anchor;
        wall_us + u64::try_from(at.saturating_duration_since(anchor).as_micros()).unwrap_or(u64::MAX / 2)
    }
}

fn every_us(every: Millis) -> u64 {
    every.0.saturating_mul(1_000).max(1_000)
}

/// The probe's own place within `every`: FNV-1a with a finisher, the same in every version.
fn phase_us(probe: &ProbeId, every_us: u64) -> u64 {
    let hash = probe
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed ^ (mixed >> 33)) % every_us
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
        assert_eq!(due, [Due { probe: "site".into(), at: confirm, confirms: true }]);
        table.confirm("site".into(), confirm + Duration::from_secs(1));
        table.forget_confirm(&"site".into());
        let next = slot + EVERY.duration();
        assert_eq!(drain(&mut table, next), [Due { probe: "site".into(), at: next, confirms: false }]);
    }

    #[test]
    fn missed_slots_are_due_once() {
        let (mut table, now) = table();
        table.insert("site".into(), EVERY, now);
        let slot = table.next_due().expect("a slot");
        let late = slot + Duration::from_secs(61);
        assert_eq!(drain(&mut table, late), [Due { probe: "site".into(), at: slot, confirms: false }]);
        assert!(table.next_due().is_some_and(|next| next > late));
    }

    #[test]
    fn another_rhythm_leaves_nothing_of_the_old_one() {
        let (mut table, now) = table();
        table.insert("site".into(), Millis::secs(10), now);
        table.remove(&"site".into());
        table.insert("site".into(), EVERY, now);
        assert_eq!(drain(&mut table, now + EVERY.duration()).len(), 1);
        table.remove(&"site".into());
        assert_eq!(drain(&mut table, now + Duration::from_secs(60)), []);
    }
}
