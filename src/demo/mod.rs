//! demo
pub mod smtp;
