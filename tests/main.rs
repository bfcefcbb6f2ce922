//! The one integration test binary of watchbell: the house as a whole, and rooms against the real world
//! outside them. Other binaries are not looked for (`autotests = false`): a module here is what runs.

mod commands;
mod delivery;
mod licences;
#[path = "support/postgres.rs"]
mod postgres;
mod rooms;
mod story;
