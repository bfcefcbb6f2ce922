//! Nobody is paged once an answer is durable: no page is released for a ticket that is not triggered, and
//! none of it is pursued.

use watchbell_engine::fact::{MessageKind, Quiet};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::state::{Phase, State};

/// What is wrong with the durable state.
pub(crate) fn look(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for ticket in state.tickets.values() {
        let chased = matches!(ticket.phase, Phase::Triggered(_));
        let pursued = ticket.pages.iter().filter(|p| p.is_live());
        for page in pursued.filter(|p| !chased || p.occurrence != ticket.occurrence) {
            wrong.push(format!("{} is pursued though {} has been answered", page.id, ticket.id));
        }
        if let Phase::Held { quiet: Quiet::Silenced(silence), .. } = &ticket.phase
            && !state.silences.contains_key(silence)
        {
            wrong.push(format!("{} is held by {silence}, which has ended", ticket.id));
        }
    }
    wrong
}

/// What is wrong with a release under this durable state.
pub(crate) fn released(state: &State, message: &Outgoing) -> Option<String> {
    if message.kind != MessageKind::Page {
        return None;
    }
    let ticket = message.page.and_then(|p| state.tickets.get(&p.ticket));
    let wanted = ticket.is_some_and(|t| matches!(t.phase, Phase::Triggered(_)));
    (!wanted).then(|| format!("{} is released though nobody is to be paged any more", message.send))
}
