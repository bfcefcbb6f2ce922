//! The engine's one door, and the handle through which everybody sees what it made of things.
//!
//! Inputs come in over bounded lanes and are answered only when they are durable. Verdicts are levels:
//! each probe and site has a one-slot mailbox in which the newest wins, so that probing never waits.
//!
//! May import: `clock`, the engine and config crates.

mod lanes;
mod live;

pub use lanes::{Inbox, InboxReader, Lane, Pending, Unavailable};
pub use live::{Control, Live, ProbeBoard, ProbeLive, ReloadDone, ReloadRefused, RunRequest};
