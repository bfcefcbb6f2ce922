//! Runs probes, names every failure by its kind, and tells the settled verdicts.
//!
//! Owns: the scheduler, the runners for HTTP and TCP with their own timed connector, the judgement of
//! answers, and one detector per probe. May import: `clock`, `inbox`, `telemetry`, the engine and
//! config crates. Never: waits for storage or pages; a full history channel drops successes, a verdict
//! goes into a mailbox.

mod assert;
mod body;
mod certificate;
mod connect;
mod decimal;
mod dns;
mod fault;
mod history;
mod http;
mod json;
mod latency;
mod mask;
mod redirect;
mod run;
mod scheduler;
mod target;
mod tcp;
mod timetable;
mod tls;
mod trace;

#[cfg(test)]
mod tests;

pub use run::run_once;
pub use scheduler::{Probers, ProbersDeps, ProbersHandle};
