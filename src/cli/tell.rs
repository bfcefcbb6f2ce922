//! Answers in words, for people at a terminal; lines that read well aloud.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_engine::view::{NextStep, TicketState, TicketView, WhyOutcome, WhyView};

use crate::web::api::shapes::Oncall;

/// One line a ticket.
pub(super) fn tickets(tickets: &[TicketView], zone: &TimeZone) -> String {
    if tickets.is_empty() {
        return "no tickets".into();
    }
    tickets.iter().map(|t| ticket(t, zone)).collect::<Vec<_>>().join("\n")
}

/// A ticket in one line: what, how it stands, what comes next.
pub(super) fn ticket(t: &TicketView, zone: &TimeZone) -> String {
    let stands = match t.state {
        TicketState::Triggered => next(&t.next_step, zone),
        TicketState::Acknowledged => match (&t.acknowledged_by, t.snoozed_until) {
            (Some(by), Some(until)) => format!("{by} has it, again at {}", moment(until, zone)),
            (Some(by), None) => format!("{by} has it"),
            (None, _) => String::new(),
        },
        TicketState::Resolved => t.resolved_as.map_or(String::new(), |how| how.to_string()),
    };
    let stands = if stands.is_empty() { String::new() } else { format!(" · {stands}") };
    format!(
        "{} {} {} {} · since {}{stands}",
        t.id,
        t.priority,
        t.state.as_str(),
        t.title,
        moment(t.impact_started, zone)
    )
}

fn next(step: &NextStep, zone: &TimeZone) -> String {
    match (step.at, step.to.is_empty()) {
        (Some(at), false) => {
            let to: Vec<String> = step.to.iter().map(ToString::to_string).collect();
            format!("{} next, at {}", to.join(", "), moment(at, zone))
        }
        (Some(at), true) => format!("again at {}", moment(at, zone)),
        (None, _) => String::new(),
    }
}

/// Every decision, oldest first.
pub(super) fn why(why: &WhyView, zone: &TimeZone) -> String {
    let noun = if why.decisions.len() == 1 { "decision" } else { "decisions" };
    let mut out = format!("{}: {} {noun}", why.ticket, why.decisions.len());
    for d in &why.decisions {
        let outcome = match d.outcome {
            WhyOutcome::Paged => "paged",
            WhyOutcome::Skipped => "skipped",
            WhyOutcome::Suppressed => "not paged",
        };
        let who = d.person.as_ref().map_or(String::new(), |p| format!(" {p}"));
        let over = d.channel.as_ref().map_or(String::new(), |c| format!(" over {c}"));
        out.push_str(&format!("\n  {}  {outcome}{who}{over}: {}", moment(d.at, zone), d.reason));
        let step = d.step.map(|n| format!("step {n}"));
        let policy = d.policy.as_ref().map(|p| format!("policy {p}"));
        let revision = d.revision.as_ref().map(|r| format!("revision {r}"));
        let place: Vec<String> = [policy, step, revision].into_iter().flatten().collect();
        if !place.is_empty() {
            out.push_str(&format!(" ({})", place.join(", ")));
        }
    }
    out
}

/// Who is on duty, a line a rotation.
pub(super) fn oncall(answer: &Oncall, zone: &TimeZone) -> String {
    let recorded = answer.rotations.iter().any(|rotation| rotation.recorded);
    let how = if recorded { ", as it was recorded" } else { "" };
    let mut lines = vec![format!("on duty at {} (from the {}{how})", moment(answer.at, zone), answer.source)];
    for rotation in &answer.rotations {
        if rotation.on_duty.is_empty() {
            lines.push(format!("  {}: nobody", rotation.id));
        }
        for duty in &rotation.on_duty {
            let until = duty.until.map_or(String::new(), |at| format!(" until {}", moment(at, zone)));
            let by = duty.layer.as_ref().map_or("override".into(), |layer| format!("layer {layer}"));
            lines.push(format!("  {}: {}{until} ({by})", rotation.id, duty.person));
        }
    }
    lines.join("\n")
}

pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string()
}
