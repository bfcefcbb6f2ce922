//! The projections of all tickets from the facts alone: what `doctor` compares, and `doctor --rebuild` writes.

use std::collections::BTreeMap;

use crate::catalog::Catalog;
use crate::commit::TicketRow;
use crate::decide;
use crate::fact::Fact;
use crate::ids::{FactNo, TicketId};
use crate::state::State;

/// What the facts come to.
#[derive(Debug)]
pub struct Rebuilt {
    /// The state after the last fact; marks are not facts and are not in it.
    pub state: State,
    /// Every ticket that the facts tell of, as it stood after its last one.
    pub tickets: BTreeMap<TicketId, TicketRow>,
}

/// Folds all facts of a store, from the first. `catalog` lends titles and whoever is paged next, which are
/// shown by the configuration in force.
pub fn rebuild(facts: &[Fact], catalog: &Catalog) -> Rebuilt {
    let mut last: BTreeMap<TicketId, FactNo> = BTreeMap::new();
    for fact in facts {
        if let Some(ticket) = fact.ticket {
            last.insert(ticket, fact.no);
        }
    }
    let (mut state, mut tickets) = (State::default(), BTreeMap::new());
    for fact in facts {
        state.apply(fact);
        let Some(id) = fact.ticket.filter(|id| last.get(id) == Some(&fact.no)) else { continue };
        // A ticket is forgotten by the state some time after its end, and is complete here.
        if let Some(ticket) = state.tickets.get(&id) {
            tickets.insert(id, decide::projection(&state, catalog, fact.at, ticket));
        }
    }
    Rebuilt { state, tickets }
}

/// What of two projections of one ticket differs, by the names of the fields. What the configuration in
/// force says anew each time (title, impact, next step) is not compared.
pub fn differences(stored: &TicketRow, rebuilt: &TicketRow) -> Vec<&'static str> {
    let (a, b) = (&stored.view, &rebuilt.view);
    let mut out = Vec::new();
    let mut differ = |name: &'static str, same: bool| {
        if !same {
            out.push(name);
        }
    };
    differ("state", a.state == b.state);
    differ("priority", a.priority == b.priority);
    differ("policy", a.policy == b.policy);
    differ("step", a.step == b.step);
    differ("owner", a.owner == b.owner);
    differ("opened_at", a.opened_at == b.opened_at);
    differ("impact_started", a.impact_started == b.impact_started);
    differ("detected", a.detected == b.detected);
    differ("first_page_accepted", a.first_page_accepted == b.first_page_accepted);
    differ("acknowledged_at", a.acknowledged_at == b.acknowledged_at);
    differ("acknowledged_by", a.acknowledged_by == b.acknowledged_by);
    differ("restored", a.restored == b.restored);
    differ("resolved_at", a.resolved_at == b.resolved_at);
    differ("resolved_as", a.resolved_as == b.resolved_as);
    differ("reopened", a.reopened == b.reopened);
    differ("alerts", a.alerts == b.alerts);
    differ("pages", stored.pages == rebuilt.pages);
    out
}
