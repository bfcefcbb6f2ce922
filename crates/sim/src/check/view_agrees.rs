//! What is shown is what the durable facts say: the tickets, who has them, their alerts, and what is kept
//! quiet.

use watchbell_engine::fact::Quiet;
use watchbell_engine::ids::DedupKey;
use watchbell_engine::state::{Phase, State, Ticket};
use watchbell_engine::view::{AlertState, LiveView, TicketLive, TicketState};

/// What is wrong with a view while no commit is under way.
pub(crate) fn look(view: &LiveView, state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for ticket in state.tickets.values() {
        match view.tickets.get(&ticket.id) {
            Some(shown) => {
                wrong.extend(differs(shown, ticket).map(|what| format!("{} is shown with {what}", ticket.id)));
            }
            None => wrong.push(format!("{} is not shown", ticket.id)),
        }
    }
    let open = view.tickets.iter().filter(|(_, t)| t.view.state != TicketState::Resolved);
    wrong.extend(
        open.filter(|(id, _)| !state.tickets.contains_key(id)).map(|(id, _)| format!("{id} is shown and is not there")),
    );
    let shown: Vec<&DedupKey> = view.quiet.iter().map(|q| &q.alert.dedup_key).collect();
    if !shown.iter().copied().eq(state.quiet.keys()) {
        wrong.push(format!("{shown:?} are shown as quiet, {:?} are", state.quiet.keys().collect::<Vec<_>>()));
    }
    if !view.silences.iter().map(|s| s.id).eq(state.silences.keys().copied()) {
        wrong.push("other silences are shown than there are".into());
    }
    wrong
}

/// What is wrong with a view by itself.
pub(crate) fn contradicts_itself(view: &LiveView) -> Vec<String> {
    let untaken = |t: &TicketLive| t.view.state == TicketState::Triggered && t.view.acknowledged_by.is_some();
    let wrong = view.tickets.iter().filter(|(_, t)| untaken(t));
    wrong.map(|(id, _)| format!("{id} is shown as triggered and as taken")).collect()
}

fn differs(shown: &TicketLive, ticket: &Ticket) -> Option<&'static str> {
    let by = ticket.taken.as_ref().map(|(by, _)| by.name.as_str());
    let held = match &ticket.phase {
        Phase::Held { quiet: Quiet::Silenced(silence), .. } => Some(*silence),
        Phase::Held { .. }
        | Phase::Triggered(_)
        | Phase::OffHours { .. }
        | Phase::Acknowledged(_)
        | Phase::Resolved(_) => None,
    };
    let live = shown.view.alerts.iter().filter(|a| a.state == AlertState::Firing).map(|a| &a.dedup_key);
    let pages = shown.pages.iter().map(|p| p.view.id);
    let differs = [
        (shown.view.state != ticket.state(), "another state"),
        (shown.view.acknowledged_by.as_deref() != by, "another person who has it"),
        (shown.occurrence != ticket.occurrence, "another occurrence"),
        (shown.held != held, "another silence"),
        (!live.eq(ticket.firing().map(|m| &m.alert.key)), "other alerts"),
        (!pages.eq(ticket.pages.iter().map(|p| p.id)), "other pages"),
    ];
    differs.into_iter().find_map(|(wrong, what)| wrong.then_some(what))
}
