//! Every line that one look at the world supports.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use watchbell_engine::ids::{ProbeId, TicketId};
use watchbell_engine::time::{Millis, after, elapsed};
use watchbell_engine::view::{AttemptView, NextStep, PageView, TicketState, TicketView};

use super::cast::Cast;
use super::checks;
use super::look::Seen;

/// The promise: from the first broken moment to the first page handed over.
pub(super) const LIMIT: Millis = Millis::secs(30);

/// A run may have started this much before the switch and still have met the fault: a probe's timeout.
const RUN_AT_MOST: Millis = Millis::secs(3);

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Somebody broke it.
    Broken,
    /// A run found it.
    Seen,
    /// Detection settled.
    Confirmed,
    /// The ticket was opened.
    Ticket,
    /// A page was handed over, or was not taken.
    Page,
    /// Something else that people did or that came next.
    Note,
    /// Somebody has it.
    Acknowledged,
    /// The escalation has ended.
    Stopped,
    /// Somebody mended it.
    Healed,
    /// The ticket is over.
    Resolved,
    /// Everybody who was paged knows the end.
    Told,
}

impl Stage {
    /// The word at the head of the line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Seen => "seen",
            Self::Confirmed => "confirmed",
            Self::Ticket => "ticket",
            Self::Page => "page",
            Self::Note => "note",
            Self::Acknowledged => "ack",
            Self::Stopped => "stopped",
            Self::Healed => "healed",
            Self::Resolved => "resolved",
            Self::Told => "told",
        }
    }
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What makes it the same line at the next look.
    pub(super) key: String,
    /// When it happened.
    pub at: Timestamp,
    /// What it tells of.
    pub stage: Stage,
    /// How long after the fault itself.
    pub plus: Option<Millis>,
    /// In words.
    pub text: String,
    clock: String,
}

/// `03:12:10.6 page      +6.5 s 李娜, mail accepted (limit 30 s, worst case by check 23 s)`
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = self.plus.map(|plus| format!("+{:.1} s", plus.as_secs_f64())).unwrap_or_default();
        write!(f, "{} {:<9} {plus:>7} {}", self.clock, self.stage.as_str(), self.text)
    }
}

/// Collects lines that count from one origin.
struct Lines<'a> {
    cast: &'a Cast,
    out: Vec<Line>,
}

impl Lines<'_> {
    fn push(&mut self, key: String, stage: Stage, at: Timestamp, origin: Option<Timestamp>, text: String) {
        let clock = self.cast.clock(at);
        self.out.push(Line { key, at, stage, plus: origin.map(|origin| elapsed(origin, at)), text, clock });
    }
}

/// Every line, in no particular order.
pub(super) fn all(seen: &Seen, cast: &Cast, would_come: &BTreeMap<TicketId, NextStep>) -> Vec<Line> {
    let mut lines = Lines { cast, out: Vec::new() };
    switches(&mut lines, seen);
    for ticket in &seen.tickets {
        let pages = seen.pages_of(ticket.id);
        opening(&mut lines, seen, ticket, pages);
        for page in pages {
            attempts(&mut lines, seen, ticket, page);
        }
        answering(&mut lines, seen, ticket, would_come.get(&ticket.id));
        notes(&mut lines, seen, ticket);
        ending(&mut lines, seen, ticket);
    }
    lines.out
}

fn switches(lines: &mut Lines<'_>, seen: &Seen) {
    for switch in &seen.broken.log {
        let key = format!("switch/{}", switch.at);
        match switch.fault {
            Some(fault) => lines.push(key, Stage::Broken, switch.at, None, fault.effect().into()),
            None => {
                let origin = seen.broken.log.iter().rev().find(|s| s.fault.is_some() && s.at < switch.at).map(|s| s.at);
                lines.push(key, Stage::Healed, switch.at, origin, "the expense service works again".into());
            }
        }
    }
}

/// When it was broken: by the switch where that explains the fault, else by the first failing run.
pub(super) fn origin(seen: &Seen, first_failing: Timestamp) -> Timestamp {
    let explains = |at: &Timestamp| *at <= after(first_failing, RUN_AT_MOST);
    let switched = seen.broken.log.iter().rev().filter(|s| s.fault.is_some()).map(|s| s.at).find(explains);
    switched.unwrap_or(first_failing)
}

fn opening(lines: &mut Lines<'_>, seen: &Seen, ticket: &TicketView, pages: &[PageView]) {
    let id = ticket.id;
    let from = Some(origin(seen, ticket.impact_started));
    let summary = ticket.alerts.first().map(|alert| alert.summary.as_str()).unwrap_or_default();
    let probe = probe_of(ticket).map(|probe| format!("probe {probe}: ")).unwrap_or_default();
    lines.push(format!("{id}/seen"), Stage::Seen, ticket.detected, from, format!("{probe}{summary}"));
    if let Some(confirmed) = pages.first().and_then(|page| page.stages.confirmed) {
        let text = "seen again by runs on fresh connections: not a blip".into();
        lines.push(format!("{id}/confirmed"), Stage::Confirmed, confirmed, from, text);
    }
    let text = format!("{id} {} {}, policy {}", ticket.priority, ticket.title, ticket.policy);
    lines.push(format!("{id}/ticket"), Stage::Ticket, ticket.opened_at, from, text);
}

fn attempts(lines: &mut Lines<'_>, seen: &Seen, ticket: &TicketView, page: &PageView) {
    let from = Some(origin(seen, page.stages.broken.unwrap_or(ticket.impact_started)));
    for attempt in &page.attempts {
        let Some(receipt) = attempt.receipt else { continue };
        let who = format!("{}, {}", lines.cast.name(&page.person), attempt.channel);
        let text = if receipt.is_accepted() {
            format!("{who} accepted{}", promise(lines.cast, ticket, page, attempt))
        } else {
            let detail = attempt.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
            format!("{who} did not take it ({receipt}{detail})")
        };
        lines.push(format!("{}/{}", page.id, attempt.n), Stage::Page, attempt.at, from, text);
    }
}

/// The limit and the sum that `check` prints, beside the first page of a ticket alone: the promise is about it.
fn promise(cast: &Cast, ticket: &TicketView, page: &PageView, attempt: &AttemptView) -> String {
    if page.id.n != 1 || attempt.n != 1 {
        return String::new();
    }
    let worst = probe_of(ticket).and_then(|probe| cast.worst_case.get(probe));
    let by_check = worst.map(|sum| format!(", worst case by check {} s", sum.as_secs_f64())).unwrap_or_default();
    format!(" (limit {} s{by_check})", LIMIT.as_secs_f64())
}

fn answering(lines: &mut Lines<'_>, seen: &Seen, ticket: &TicketView, would_come: Option<&NextStep>) {
    let (Some(at), Some(by)) = (ticket.acknowledged_at, &ticket.acknowledged_by) else { return };
    let (id, from) = (ticket.id, Some(origin(seen, ticket.impact_started)));
    lines.push(format!("{id}/ack/{at}"), Stage::Acknowledged, at, from, format!("{by} has it"));
    if !checks::pursues_nobody(seen.pages_of(id)) {
        return;
    }
    let next = would_come.and_then(|next| {
        let names: Vec<&str> = next.to.iter().map(|person| lines.cast.name(person)).collect();
        Some(format!("; {} would have been paged at {}", names.join(", "), lines.cast.clock(next.at?)))
    });
    let text = format!("the escalation has ended{}", next.unwrap_or_default());
    lines.push(format!("{id}/stopped/{at}"), Stage::Stopped, at, from, text);
}

fn notes(lines: &mut Lines<'_>, seen: &Seen, ticket: &TicketView) {
    let mut steps = 0;
    for entry in seen.timeline_of(ticket.id) {
        let tell = match entry.kind.as_str() {
            "escalated" | "declined" | "snoozed" | "noted" | "held" | "skipped" | "page_unreachable"
            | "ticket_reopened" | "alert_joined" => true,
            "step_entered" => {
                steps += 1;
                steps > 1 // the first one is the page itself
            }
            _ => false,
        };
        if tell {
            let from = Some(origin(seen, ticket.impact_started));
            lines.push(format!("fact/{}", entry.fact), Stage::Note, entry.at, from, entry.text.clone());
        }
    }
}

fn ending(lines: &mut Lines<'_>, seen: &Seen, ticket: &TicketView) {
    let Some(at) = ticket.resolved_at else { return };
    if ticket.state != TicketState::Resolved {
        return;
    }
    let (id, from) = (ticket.id, Some(origin(seen, ticket.impact_started)));
    let how = ticket.resolved_as.map(|how| format!(" as {how}")).unwrap_or_default();
    let lasted = elapsed(ticket.impact_started, ticket.restored.unwrap_or(at)).as_secs_f64();
    let text = format!("{id} resolved{how}; users felt it for {lasted:.1} s");
    lines.push(format!("{id}/resolved/{at}"), Stage::Resolved, at, from, text);
    if let Some(told) = checks::everybody_told(seen, lines.cast, ticket) {
        let names: Vec<&str> = told.people.iter().map(|person| lines.cast.name(person)).collect();
        let text = format!("everybody who was paged knows that it is over: {}", names.join(", "));
        lines.push(format!("{id}/told/{at}"), Stage::Told, told.at, from, text);
    }
}

fn probe_of(ticket: &TicketView) -> Option<&ProbeId> {
    ticket.alerts.iter().find_map(|alert| alert.probe.as_ref())
}
