//! Everything that nobody is paged for now, and why: listed and counted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::Quiet;
use crate::ids::TicketId;
use crate::view::{AlertState, AlertView, LiveView, TicketLive, TicketState};

/// The words of [`Suppressed::why`], in the order of lists and metrics.
pub const WHYS: [&str; 9] =
    ["silence", "maintenance", "inhibition", "dependency", "storm", "flap", "hold", "info", "settling"];

/// An alert that nobody is paged for by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// The alert.
    pub alert: AlertView,
    /// Why: one of [`WHYS`].
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when at most; null where it ends with something else.
    pub until: Option<Timestamp>,
    /// By what: the silence, the window, or the alert that explains it.
    pub by: Option<String>,
    /// The ticket that explains or holds it.
    pub ticket: Option<TicketId>,
    /// As it is recorded, for whoever words it; null where the ticket says it.
    pub quiet: Option<Quiet>,
}

/// Everything that is suppressed, the oldest first.
pub fn suppressed(view: &LiveView) -> Vec<Suppressed> {
    let alone = view.quiet.iter().map(|quiet| Suppressed {
        alert: quiet.alert.clone(),
        why: quiet.reason.why.clone(),
        since: quiet.reason.since,
        until: quiet.reason.until,
        by: quiet.reason.by.clone(),
        ticket: quiet.reason.ticket,
        quiet: Some(quiet.reason.quiet.clone()),
    });
    let mut all: Vec<Suppressed> = alone.chain(view.tickets.values().flat_map(|ticket| of_ticket(ticket))).collect();
    all.sort_by(|a, b| a.since.cmp(&b.since).then_with(|| a.alert.dedup_key.cmp(&b.alert.dedup_key)));
    all
}

/// How many are suppressed, by why; every word is there.
pub fn counts(view: &LiveView) -> BTreeMap<&'static str, u64> {
    let all = suppressed(view);
    WHYS.into_iter().map(|why| (why, all.iter().filter(|s| s.why == why).count() as u64)).collect()
}

fn of_ticket(ticket: &TicketLive) -> Vec<Suppressed> {
    if ticket.view.state == TicketState::Resolved {
        return Vec::new();
    }
    let firing = ticket.view.alerts.iter().filter(|a| a.state == AlertState::Firing);
    if let Some(until) = ticket.view.held_until {
        let for_hours = |alert: &AlertView| Suppressed {
            alert: alert.clone(),
            why: "hold".into(),
            since: alert.started_at,
            until: Some(until),
            by: None,
            ticket: Some(ticket.view.id),
            quiet: None,
        };
        return firing.map(for_hours).collect();
    }
    let Some(held) = &ticket.held_by else { return folded(ticket) };
    let row = |alert: &AlertView| Suppressed {
        alert: alert.clone(),
        why: held.why.clone(),
        since: held.since,
        until: held.until,
        by: held.by.clone(),
        ticket: Some(ticket.view.id),
        quiet: Some(held.quiet.clone()),
    };
    firing.map(row).collect()
}

/// Of a ticket that pages: members of a storm behind its first, and what comes and goes and is up.
fn folded(ticket: &TicketLive) -> Vec<Suppressed> {
    let firing = ticket.view.alerts.iter().filter(|a| a.state == AlertState::Firing).enumerate();
    let row = |(n, alert): (usize, &AlertView)| {
        let flaps = alert.flapping.as_ref().filter(|f| f.up);
        let (why, since, until, by) = match (flaps, &ticket.view.storm) {
            (Some(flap), _) => ("flap", flap.since, Some(flap.calm_at), None),
            (None, Some(storm)) if n > 0 => ("storm", alert.started_at, None, Some(storm.of.clone())),
            (None, _) => return None,
        };
        let (alert, ticket) = (alert.clone(), Some(ticket.view.id));
        Some(Suppressed { alert, why: why.into(), since, until, by, ticket, quiet: None })
    };
    firing.filter_map(row).collect()
}
