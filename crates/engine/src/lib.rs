//! The pure core of watchbell: the words of the product as types, and every decision about them.
//!
//! Nothing in this crate reads a clock, does I/O, or draws a random number: time and chance are
//! arguments. [`Engine`] folds facts into a [`state::State`], decides what an input means, and says
//! when it wants to be woken next; [`pump`] is the pure loop around it that turns batches of inputs
//! into commits, released effects and answers.
//!
//! May import: nothing of this workspace. Never: tokio, sqlx, the system clock.

pub mod budget;
pub mod catalog;
pub mod commit;
pub mod condition;
pub mod cover;
pub mod detect;
pub mod duty_notice;
pub mod explain;
pub mod fact;
pub mod heartbeat;
pub mod ids;
pub mod input;
pub mod label;
pub mod not_paging;
pub mod observation;
pub mod outgoing;
pub mod paging;
pub mod pump;
pub mod rebuild;
pub mod rotation;
pub mod routing;
pub mod schedule;
pub mod state;
pub mod suppressed;
pub mod time;
pub mod view;
pub mod why_not;
pub mod word;

mod decide;

pub use decide::{Decision, Engine, WakeReason};
pub use jiff::Timestamp;
