//! A key is live in one open ticket at most, and an open ticket has a live alert.

use std::collections::BTreeSet;

use watchbell_engine::ids::DedupKey;
use watchbell_engine::state::State;

/// What is wrong with the durable state.
pub(crate) fn look(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut live: BTreeSet<&DedupKey> = BTreeSet::new();
    for ticket in state.tickets.values().filter(|t| t.is_open()) {
        for member in ticket.firing() {
            if !live.insert(&member.alert.key) {
                wrong.push(format!("{} is live in two open tickets", member.alert.key));
            }
        }
        if ticket.firing().next().is_none() {
            wrong.push(format!("{} is open without a live alert", ticket.id));
        }
    }
    for key in state.quiet.keys().filter(|key| live.contains(key)) {
        wrong.push(format!("{key} is live in a ticket and kept quiet"));
    }
    wrong
}
