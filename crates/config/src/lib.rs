//! YAML to a checked [`Config`], or every mistake with its place and hint.
//!
//! Owns: reading a configuration directory, the strict tree reader, defaults, secrets, `vars`, the
//! revision. May import: `watchbell_engine`. Never: the network, the system clock.

pub mod model;

pub use model::*;
