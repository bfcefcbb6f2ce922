//! Chance that can be had again: SplitMix64 (Steele, Lea, Flood 2014), which needs no more than a seed.

use std::ops::Range;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(in crate::story) struct Chance(u64);

impl Chance {
    pub(in crate::story) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another chance, so that two who draw do not disturb each other.
    pub(in crate::story) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub(in crate::story) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(in crate::story) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.below(range.end - range.start))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
