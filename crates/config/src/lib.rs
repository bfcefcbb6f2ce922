//! YAML to a checked [`Config`], or every mistake with its place and hint.
//!
//! Owns: reading a configuration directory, the strict tree reader, defaults, secrets, `vars`, the
//! revision. May import: `watchbell_engine`. Never: the network, the system clock.

mod calendars;
mod channels;
mod clock;
mod conditions;
mod context;
mod duty_messages;
mod fields;
mod files;
mod gaps;
mod gather;
mod ical;
mod idle;
mod init;
mod integrations;
mod mistake;
mod not_paging;
mod paths;
mod pattern;
mod people;
mod policies;
mod probe;
mod reader;
mod report;
mod rotations;
mod routes;
mod scalar;
mod server;
mod spans;
mod tree;
mod turn;
mod vars;
mod web_address;
mod windows;

pub mod model;

pub use clock::ClockLine;
pub use context::Secrets;
pub use files::{Env, Sources};
pub use ical::{ICAL_MAX_BYTES, IcalDays, IcalProblem, ical_days};
pub use init::init_files;
pub use mistake::Mistake;
pub use model::*;
pub use reader::read;
pub use report::{ProbeBudget, Report};
