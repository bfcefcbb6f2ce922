//! A made-up world around the engine's pump: probes that find what they are told to find, channels that
//! accept, refuse, hang or lose their answer, people who acknowledge or sleep, a store that fails, a
//! process that dies between any two steps, a clock that is set.
//!
//! One thread, one seed, simulated time: the same night with the same seed is the same story. It runs
//! the very pump that the server runs, so that a page that can be lost is lost here first.
//!
//! `night` is how a night is written, `random` draws one, `shrink` makes a failing one small, `check` says what
//! must never be, `plant` builds defects in so that each check is seen to work, and `simulate` answers who
//! would be paged.
//!
//! May import: `watchbell_engine`. Never: real I/O, a clock, randomness that is not drawn from the seed.

pub mod check;
pub mod log;
pub mod night;
pub mod plant;
pub mod random;
pub mod rng;
pub mod script;
pub mod shrink;
pub mod simulate;
pub mod store;

mod ask;
mod commits;
mod people;
mod process;
mod runs;
mod sends;
mod tell;
mod world;

pub use script::{CrashPoint, Faults, Habit, Happening, Health, Mode, Night, ProbeRun, Setup, StoreMode};
pub use world::{Arrival, World};
