//! When each probe starts: stable phases on one heap, so that starts are spread evenly and neither
//! a restart nor a reload makes a burst. Pure; the caller brings the time.
//!
//! The slots of a probe are the instants `t` with `t mod every = hash(id) mod every`, counted in
//! microseconds since 1970: the same after every restart and on every machine. Times must not run
//! backwards (the `clock` room's do not); a clock that is set shows in the phases of the next start only.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use jiff::Timestamp;

use crate::ids::ProbeId;
use crate::time::{Millis, elapsed, from_micros, micros};

/// A probe with a longer interval than this makes its first run within it, so that it is seen soon
/// after a start; its slots follow.
pub const FIRST_RUN_WITHIN: Millis = Millis::mins(1);

/// The longest interval that is kept apart from longer ones, in microseconds: a thousand years.
const LONGEST_US: i64 = 1_000 * 366 * 86_400 * 1_000_000;

/// A probe whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub probe: ProbeId,
    /// When it should have started.
    pub slot: Timestamp,
    /// How late it is.
    pub lag: Millis,
    /// Slots after `slot` that have passed as well and are left out.
    pub skipped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    every: Millis,
    due_us: i64,
}

/// When each probe starts next.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    probes: BTreeMap<ProbeId, Entry>,
    /// Earliest first. An item is stale where `probes` says otherwise; the first is never stale.
    heap: BinaryHeap<Reverse<(i64, ProbeId)>>,
}

impl Schedule {
    /// A schedule without probes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a probe, or changes its interval. It starts first at its next slot after `now`, or within
    /// [`FIRST_RUN_WITHIN`] where that is sooner. One that is there with this interval keeps its time.
    pub fn insert(&mut self, probe: ProbeId, every: Millis, now: Timestamp) {
        if self.probes.get(&probe).is_some_and(|entry| entry.every == every) {
            return;
        }
        let due_us = first_slot(&probe, every, micros(now));
        self.probes.insert(probe.clone(), Entry { every, due_us });
        self.heap.push(Reverse((due_us, probe)));
        self.tidy();
    }

    /// Takes a probe out; harmless where it is not there.
    pub fn remove(&mut self, probe: &ProbeId) {
        self.probes.remove(probe);
        self.tidy();
    }

    /// Makes `probes` all there is: for a reload. Those whose interval stays keep their time.
    pub fn replace(&mut self, probes: BTreeMap<ProbeId, Millis>, now: Timestamp) {
        self.probes.retain(|probe, _| probes.contains_key(probe));
        for (probe, every) in probes {
            self.insert(probe, every, now);
        }
        self.tidy();
    }

    /// When the next probe is due; `None` without probes.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.heap.peek().and_then(|Reverse((due_us, _))| from_micros(*due_us))
    }

    /// All that are due at `now`, the longest due first, each moved on to its next slot after `now`.
    pub fn pop_due(&mut self, now: Timestamp) -> Vec<Due> {
        let now_us = micros(now);
        let mut due = Vec::new();
        while self.heap.peek().is_some_and(|Reverse((due_us, _))| *due_us <= now_us) {
            let Some(Reverse((slot_us, probe))) = self.heap.pop() else { break };
            if let Some(entry) = self.probes.get_mut(&probe).filter(|entry| entry.due_us == slot_us) {
                let following = slot_after(&probe, entry.every, slot_us);
                entry.due_us = slot_after(&probe, entry.every, now_us);
                let skipped = (entry.due_us - following) / every_us(entry.every);
                self.heap.push(Reverse((entry.due_us, probe.clone())));
                let slot = from_micros(slot_us).unwrap_or(now);
                due.push(Due { probe, slot, lag: elapsed(slot, now), skipped: u64::try_from(skipped).unwrap_or(0) });
            }
        }
        self.tidy();
        due
    }

    /// Keeps the first item of the heap true, and the heap from growing by what is stale.
    fn tidy(&mut self) {
        if self.heap.len() > 2 * self.probes.len() + 64 {
            self.heap = self.probes.iter().map(|(probe, entry)| Reverse((entry.due_us, probe.clone()))).collect();
        }
        let probes = &self.probes;
        let is_stale = |Reverse((due_us, probe)): &Reverse<(i64, ProbeId)>| {
            probes.get(probe).is_none_or(|entry| entry.due_us != *due_us)
        };
        while self.heap.peek().is_some_and(is_stale) {
            self.heap.pop();
        }
    }
}

/// An interval in microseconds, at least a millisecond.
fn every_us(every: Millis) -> i64 {
    i64::try_from(every.0.max(1).saturating_mul(1_000)).unwrap_or(LONGEST_US).min(LONGEST_US)
}

/// The first slot of a probe after `us`.
fn slot_after(probe: &ProbeId, every: Millis, us: i64) -> i64 {
    let every = every_us(every);
    let phase = phase(probe, every);
    us.saturating_add(every - (us.saturating_sub(phase)).rem_euclid(every))
}

/// Where a probe that is new starts: at its slot, or at that of a one-minute probe of its name where
/// its own is further away than that.
fn first_slot(probe: &ProbeId, every: Millis, us: i64) -> i64 {
    slot_after(probe, every, us).min(slot_after(probe, every.min(FIRST_RUN_WITHIN), us))
}

fn phase(probe: &ProbeId, every_us: i64) -> i64 {
    let hash = stable_hash(probe.as_str()) % every_us.unsigned_abs();
    i64::try_from(hash).unwrap_or(0)
}

/// FNV-1a, then the finisher of SplitMix64: names that differ in a last digit differ in FNV's low bits
/// only by little, and it is the low bits that become the phase. Never changed: phases rest on it.
fn stable_hash(text: &str) -> u64 {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
