//! watchbell: probes the endpoints that a platform lives on, pages the engineer on duty, keeps
//! escalating until a human answers, and tells everybody else.
//!
//! The rooms and their floors are described in `docs/architecture.md`; a test reads the `use crate::`
//! lines against that table. A room may import rooms of lower floors, never one of its own floor.

pub mod app;
pub mod cli;
pub mod clock;
pub mod delivery;
pub mod demo;
pub mod driver;
pub mod gate;
pub mod inbox;
pub mod intake;
pub mod probers;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod words;
