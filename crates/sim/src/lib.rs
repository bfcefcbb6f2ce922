//! A made-up world around the engine's pump: probes that find what they are told to find, channels that
//! accept, refuse, hang or lose their answer, people who acknowledge or sleep, a store that fails, a
//! process that dies between any two steps, a clock that is set.
//!
//! One thread, one seed, simulated time: the same night with the same seed is the same story. It runs
//! the very pump that the server runs, so that a page that can be lost is lost here first.
//!
//! May import: `watchbell_engine`. Never: real I/O, a clock, randomness that is not drawn from the seed.

pub mod check;
pub mod log;
pub mod rng;
pub mod script;
pub mod store;
pub mod watch;

mod ask;
mod commits;
mod people;
mod process;
mod runs;
mod sends;
mod tell;
mod world;

pub use script::{Chaos, CrashPoint, Habit, Happening, Health, Mode, Night, ProbeRun, Setup, StoreMode};
pub use world::{Arrival, World};
