//! Answers in words, for people at a terminal; lines that read well aloud.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_engine::label::Matcher;
use watchbell_engine::view::{MaintenanceView, NextStep, TicketState, TicketView, WhyOutcome, WhyView};
use watchbell_engine::why_not::WhyNot;
use watchbell_sim::simulate::{Simulated, SimulatedPage};

use crate::web::api::shapes::{Oncall, Silences, SuppressedList};

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
        TicketState::Triggered => match t.held_until {
            Some(until) => format!("held until {}", moment(until, zone)),
            None => [next(&t.next_step, zone), still_to_acknowledge(t)].concat(),
        },
        TicketState::Acknowledged => match (&t.acknowledged_by, t.snoozed_until) {
            (Some(by), Some(until)) => format!("{by} has it, again at {}", moment(until, zone)),
            (Some(by), None) => format!("{by} has it"),
            (None, _) => String::new(),
        },
        TicketState::Resolved => {
            let how = t.resolved_as.map_or(String::new(), |how| how.to_string());
            t.merged_into.map_or(how.clone(), |into| format!("{how}, merged into {into}"))
        }
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

/// Where everybody in the step must, and somebody did.
fn still_to_acknowledge(t: &TicketView) -> String {
    if t.acknowledged_by_some.is_empty() || t.still_to_acknowledge.is_empty() {
        return String::new();
    }
    let by: Vec<&str> = t.acknowledged_by_some.iter().map(|ack| ack.by.as_str()).collect();
    let missing: Vec<String> = t.still_to_acknowledge.iter().map(ToString::to_string).collect();
    format!(" · acknowledged by {}, still to acknowledge: {}", by.join(", "), missing.join(", "))
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

/// Every silence that has not ended.
pub(super) fn silences(list: &Silences, zone: &TimeZone) -> String {
    let mut lines = Vec::new();
    for s in &list.silences {
        let state = match (s.active, s.ends_soon) {
            (false, _) => format!("pending from {}", moment(s.from, zone)),
            (true, true) => format!("ends soon, {} still firing", s.silenced),
            (true, false) => format!("{} quiet", s.silenced),
        };
        let until = moment(s.until, zone);
        lines.push(format!("{}  {}  until {until}  {state}  by {}: {}", s.id, matchers(&s.matchers), s.by, s.reason));
    }
    for s in &list.recurring {
        let state = if s.active { format!("{} quiet", s.silenced) } else { "next".into() };
        let (from, until) = (moment(s.from, zone), moment(s.until, zone));
        let what = matchers(&s.matchers);
        lines.push(format!("{}  {what}  {from} to {until}  {state}  by {}: {}", s.id, s.owner, s.reason));
    }
    if lines.is_empty() { "no silence".into() } else { lines.join("\n") }
}

/// Maintenance windows, a line each.
pub(super) fn windows(list: &[MaintenanceView], zone: &TimeZone) -> String {
    let row = |m: &MaintenanceView| {
        let state = if m.active { format!("{} quiet now", m.quiet) } else { "to come".into() };
        let (from, until) = (moment(m.from, zone), moment(m.until, zone));
        format!("{}  {}  {}  {from} to {until}  {state}", m.id, m.title, matchers(&m.matchers))
    };
    if list.is_empty() { "no maintenance".into() } else { list.iter().map(row).collect::<Vec<_>>().join("\n") }
}

fn matchers(matchers: &[Matcher]) -> String {
    matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Everything that nobody is paged for.
pub(super) fn suppressed(list: &SuppressedList, zone: &TimeZone) -> String {
    let mut lines = vec![match list.suppressed.len() {
        0 => "nothing is suppressed: everything that fires is paged".to_owned(),
        1 => "1 alert is not paged".to_owned(),
        n => format!("{n} alerts are not paged"),
    }];
    for s in &list.suppressed {
        let by = s.by.as_ref().map_or(String::new(), |by| format!(" ({by})"));
        let until = s.until.map_or(String::new(), |at| format!(" until {}", moment(at, zone)));
        let ticket = s.ticket.map_or(String::new(), |t| format!(", see {t}"));
        let since = moment(s.since, zone);
        lines.push(format!("  {}  {}{by} since {since}{until}{ticket}", s.alert.dedup_key, s.why));
    }
    lines.join("\n")
}

/// One answer.
pub(super) fn why_not(said: &WhyNot) -> String {
    let instead = match said.instead.as_slice() {
        [] => String::new(),
        people => {
            format!("\npaged instead: {}", people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    };
    format!("{}: {}{instead}", said.ticket, said.text)
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

/// Who would be paged, a line a page, and who is passed over.
pub(super) fn simulated(answer: &Simulated, zone: &TimeZone) -> String {
    let route = answer.route.as_ref().map_or(String::new(), |r| format!(", route {r}"));
    let priority = answer.priority.map_or(String::new(), |p| format!(" as {p}"));
    let mut lines =
        vec![format!("a fault at {}{priority}{route} (from the {})", moment(answer.at, zone), answer.source)];
    let width =
        |of: fn(&SimulatedPage) -> String| answer.pages.iter().map(|p| of(p).chars().count()).max().unwrap_or(0);
    let place = |p: &SimulatedPage| match p.step {
        Some(step) => format!("{} step {step}", p.policy),
        None => format!("{} catch-all", p.policy),
    };
    let (person, channel) = (width(|p| p.person.to_string()), width(|p| p.channel.to_string()));
    let places = answer.pages.iter().map(|p| place(p).chars().count()).max().unwrap_or(0);
    for p in &answer.pages {
        let (at, late) = (moment(p.at, zone), after(p.after_ms));
        let (who, over) = (p.person.as_str(), p.channel.as_str());
        let line = format!(
            "  {at}  {late:>8}  {who:person$}  {over:channel$}  {:places$}  {}; {}",
            place(p),
            p.reason,
            p.because
        );
        lines.push(line);
    }
    if answer.pages.is_empty() {
        lines.push("  nobody would be paged".into());
    }
    let notes = answer.notes.iter().map(|n| format!("  {}  {}", moment(n.at, zone), n.text));
    if !answer.notes.is_empty() {
        lines.push("notes:".into());
        lines.extend(notes);
    }
    lines.join("\n")
}

/// `+1m 05s` after the fault.
pub(super) fn after(ms: u64) -> String {
    let (secs, tenths) = (ms / 1_000, ms % 1_000 / 100);
    match (secs / 3_600, secs / 60 % 60, secs % 60) {
        (0, 0, s) => format!("+{s}.{tenths}s"),
        (0, m, s) => format!("+{m}m {s:02}s"),
        (h, m, s) => format!("+{h}h {m:02}m {s:02}s"),
    }
}

pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string()
}
