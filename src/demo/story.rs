//! The story of a fault, told line by line from what the running server and the demo's sinks show.
//!
//! Telling is pure: [`Story::tell`] turns one look at the world into the lines that are new. Looking
//! goes over the public HTTP API alone ([`look::Onlooker`]), so that the demo shows nothing which a
//! user could not see.
//!
//! May import: `clock`, the engine's view types, the config crate. Never: the store, the engine's
//! state, or anything that decides.

mod auto;
mod cast;
mod checks;
mod follow;
mod lines;
mod look;
#[cfg(test)]
mod tests;

pub use auto::{DidNotHappen, Limits, Played, play};
pub use cast::Cast;
pub use follow::follow;
pub use lines::{Line, Stage};
pub use look::{LookError, Onlooker, Seen};

use std::collections::{BTreeMap, BTreeSet};

use watchbell_engine::ids::TicketId;
use watchbell_engine::view::{NextStep, TicketState};

/// Remembers what was told, so that each line comes once.
#[derive(Debug)]
pub struct Story {
    cast: Cast,
    told: BTreeSet<String>,
    /// What would have happened next, as long as nobody had acknowledged.
    would_come: BTreeMap<TicketId, NextStep>,
}

impl Story {
    /// A story with these people in it, of which nothing has been told.
    pub fn new(cast: Cast) -> Self {
        Self { cast, told: BTreeSet::new(), would_come: BTreeMap::new() }
    }

    /// The lines that this look adds, in the order in which things happened.
    pub fn tell(&mut self, seen: &Seen) -> Vec<Line> {
        for ticket in &seen.tickets {
            if ticket.state == TicketState::Triggered && ticket.next_step.at.is_some() {
                self.would_come.insert(ticket.id, ticket.next_step.clone());
            }
        }
        let mut new: Vec<Line> = lines::all(seen, &self.cast, &self.would_come)
            .into_iter()
            .filter(|line| self.told.insert(line.key.clone()))
            .collect();
        new.sort_by_key(|line| line.at);
        new
    }

    /// The people in it.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }
}
