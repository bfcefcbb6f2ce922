//! What was answered is durable when it is answered, so that no crash takes it back: an acknowledgement, a
//! signal, a silence, an override.

use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::{DedupKey, TicketId};
use watchbell_engine::input::{Act, Answer, Deed, Input, SignalAction};

use crate::store::Store;

/// What is wrong with this answer to this input.
pub(crate) fn answered(store: &Store, input: &Input, answer: &Answer) -> Option<String> {
    match (input, answer) {
        (Input::Act(Act { what: Deed::Ack { ticket, .. }, by }), Answer::Ticket { .. }) => (!is_taken(store, *ticket))
            .then(|| format!("{} was told that {ticket} is theirs, and nothing of it is durable", by.name)),
        (Input::Act(Act { what: Deed::Resolve { ticket, .. }, by }), Answer::Ticket { .. }) => {
            (!is_over(store, *ticket))
                .then(|| format!("{} was told that {ticket} is over, and nothing of it is durable", by.name))
        }
        (Input::Signal(signal), Answer::Signal { dedup_key, .. }) if signal.action == SignalAction::Fire => {
            (!is_known(store, dedup_key)).then(|| format!("{dedup_key} was taken in, and nothing of it is durable"))
        }
        (_, Answer::Silence(id)) => {
            let recorded = |f: &Fact| matches!(&f.what, What::SilenceAdded { silence, .. } if silence == id);
            (!store.facts.iter().rev().any(recorded)).then(|| format!("{id} was answered, and is not durable"))
        }
        (_, Answer::Override(id)) => {
            let recorded = |f: &Fact| match &f.what {
                What::OverrideAdded { override_, .. } => override_.id == Some(*id),
                What::OverrideRemoved { override_id, .. } => override_id == id,
                _ => false,
            };
            (!store.facts.iter().rev().any(recorded)).then(|| format!("{id} was answered, and is not durable"))
        }
        _ => None,
    }
}

/// Somebody has it, had it, or it is over.
fn is_taken(store: &Store, ticket: TicketId) -> bool {
    let taken = |what: &What| {
        matches!(
            what,
            What::Acknowledged { .. }
                | What::AcknowledgedByOne { .. }
                | What::TakenOver { .. }
                | What::Snoozed { .. }
                | What::TicketResolved { .. }
                | What::MergedInto { .. }
        )
    };
    store.facts.iter().rev().any(|f| f.ticket == Some(ticket) && taken(&f.what))
}

fn is_over(store: &Store, ticket: TicketId) -> bool {
    store
        .facts
        .iter()
        .rev()
        .any(|f| f.ticket == Some(ticket) && matches!(f.what, What::TicketResolved { .. } | What::MergedInto { .. }))
}

fn is_known(store: &Store, key: &DedupKey) -> bool {
    store.facts.iter().rev().any(|f| match &f.what {
        What::TicketOpened { alert, .. }
        | What::TicketReopened { alert, .. }
        | What::AlertJoined { alert, .. }
        | What::AlertChanged { alert, .. }
        | What::AlertQuiet { alert, .. } => alert.key == *key,
        _ => false,
    })
}
