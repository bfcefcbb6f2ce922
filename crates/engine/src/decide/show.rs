//! From the state to what the outside sees.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::chase;
use super::quiet_acts::WARNED_BEFORE;
use crate::catalog::{Catalog, Require};
use crate::commit::TicketRow;
use crate::fact::{Because, Quiet, Stage};
use crate::ids::{PersonId, SiteId, TicketId};
use crate::input::Actor;
use crate::state::{Acked, Chase, Member, Page, Phase, State, StepWait, Ticket};
use crate::time::elapsed;
use crate::view::{
    AckView, AlertState, AlertView, AttemptView, CoverView, FlapView, LiveView, MaintenanceView, PageLive, PageState,
    PageView, QuietReason, QuietView, SilenceView, StormView, TestView, TicketLive, TicketView, WaitingView,
};

/// The live view after a decision: tickets that were not touched are shared with the view before.
pub(super) fn live_view(
    state: &State,
    catalog: &Catalog,
    now: Timestamp,
    before: &LiveView,
    touched: &BTreeSet<TicketId>,
) -> LiveView {
    let show = |(id, ticket): (&TicketId, &Ticket)| {
        let shown = before.tickets.get(id).filter(|_| !touched.contains(id)).cloned();
        (*id, shown.unwrap_or_else(|| Arc::new(ticket_live(state, catalog, ticket))))
    };
    let local = SiteId::local();
    LiveView {
        at: Some(now),
        last_commit: before.last_commit,
        tickets: state.tickets.iter().map(show).collect(),
        recorded: state.recorded.after(now),
        silences: silences(state, now),
        covers: state.covers.values().map(CoverView::from).collect(),
        tests: state.tests.iter().map(|(id, t)| test_view(*id, t)).collect(),
        quiet: state.quiet.values().map(|q| quiet_view(state, q)).collect(),
        maintenance: maintenance(state, now),
        beats: state.beats.clone(),
        verdicts: state
            .verdicts
            .values()
            .filter(|v| v.site == local && !v.probe.is_our_own())
            .map(|v| (v.probe.clone(), v.clone()))
            .collect(),
    }
}

/// A ticket and its pages as queries read them.
pub(super) fn ticket_row(state: &State, catalog: &Catalog, _now: Timestamp, ticket: &Ticket) -> TicketRow {
    TicketRow { view: ticket_view(state, catalog, ticket), pages: ticket.pages.iter().map(page_view).collect() }
}

fn ticket_live(state: &State, catalog: &Catalog, ticket: &Ticket) -> TicketLive {
    let lead = ticket.lead();
    let held_by = match &ticket.phase {
        Phase::Held { quiet, .. } => Some(quiet_reason(state, quiet, ticket.muted_since.unwrap_or(ticket.occurred_at))),
        Phase::Triggered(_) | Phase::OffHours { .. } | Phase::Acknowledged(_) | Phase::Resolved(_) => None,
    };
    TicketLive {
        view: ticket_view(state, catalog, ticket),
        pages: ticket.pages.iter().map(|p| PageLive { view: page_view(p), occurrence: p.occurrence }).collect(),
        occurrence: ticket.occurrence,
        title: ticket.title(),
        impact: lead.impact.clone(),
        runbook: lead.runbook.clone(),
        held: held_by.as_ref().and_then(|h| h.silence),
        held_by,
        run: lead.run.clone(),
        last_good: lead.last_good,
        runs: lead.runs,
    }
}

fn ticket_view(state: &State, catalog: &Catalog, ticket: &Ticket) -> TicketView {
    let lead = ticket.lead();
    let label = |name: &str| lead.labels.get(name).cloned();
    let (closed, snoozed_until) = match &ticket.phase {
        Phase::Resolved(closed) => (Some(closed), None),
        Phase::Acknowledged(acked) => {
            let snooze = acked.wake.as_ref().filter(|w| w.because == Because::SnoozeEnded);
            (None, snooze.map(|w| w.at))
        }
        Phase::Triggered(_) | Phase::Held { .. } | Phase::OffHours { .. } => (None, None),
    };
    let step = match &ticket.phase {
        Phase::Triggered(chase) => Stage::shown(chase.stage),
        Phase::Held { .. } | Phase::OffHours { .. } | Phase::Acknowledged(_) | Phase::Resolved(_) => None,
    };
    let held_until = match &ticket.phase {
        Phase::OffHours { until } => Some(*until),
        Phase::Triggered(_) | Phase::Held { .. } | Phase::Acknowledged(_) | Phase::Resolved(_) => None,
    };
    TicketView {
        id: ticket.id,
        title: ticket.title().get(catalog.locale).to_owned(),
        state: ticket.state(),
        priority: ticket.routed.priority,
        policy: ticket.routed.policy.clone(),
        step,
        owner: lead.owner.clone(),
        impact: lead.impact.as_ref().map(|i| i.get(catalog.locale).to_owned()),
        service: label("service"),
        component: label("component"),
        url: format!("/tickets/{}", ticket.id),
        opened_at: ticket.opened_at,
        impact_started: ticket.impact_started(),
        detected: ticket.members.iter().map(|m| m.alert.seen).min().unwrap_or(ticket.occurred_at),
        first_page_accepted: ticket.first_page_accepted,
        acknowledged_at: ticket.taken.as_ref().map(|(_, at)| *at),
        acknowledged_by: ticket.taken.as_ref().map(|(by, _)| called(by)),
        restored: ticket.restored,
        resolved_at: closed.map(|c| c.at),
        resolved_as: closed.map(|c| c.resolved_as),
        reopened: ticket.occurrence - 1,
        snoozed_until,
        held_until,
        ack_times_out: ack_times_out(ticket),
        assigned_to: assigned_to(ticket),
        waiting: ticket.waits.iter().map(waiting_view).collect(),
        acknowledged_by_some: ticket.acks.iter().map(ack_view).collect(),
        still_to_acknowledge: still_to_acknowledge(ticket),
        merged_into: ticket.merged_into,
        next_step: chase::next_step(state, catalog, ticket),
        alerts: ticket.members.iter().map(alert_view).collect(),
        flapping: ticket.firing().any(|m| m.flapping.is_some()),
        storm: ticket.storm.as_ref().map(|root| storm_view(root, ticket, catalog, state)),
        explains: state.explained.get(&ticket.id).map_or(0, |keys| u32::try_from(keys.len()).unwrap_or(u32::MAX)),
    }
}

/// A person by its id, anybody else by name.
fn called(by: &Actor) -> String {
    by.person.as_ref().map_or_else(|| by.name.clone(), ToString::to_string)
}

fn ack_times_out(ticket: &Ticket) -> Option<Timestamp> {
    let Phase::Acknowledged(Acked { wake: Some(wake), .. }) = &ticket.phase else { return None };
    (wake.because == Because::AckTimedOut).then_some(wake.at)
}

fn assigned_to(ticket: &Ticket) -> Option<PersonId> {
    let Phase::Triggered(Chase { entry, stage: Stage::Named, .. }) = &ticket.phase else { return None };
    ticket.current_pages().find(|p| p.entry == *entry).map(|p| p.person.clone())
}

fn waiting_view(wait: &StepWait) -> WaitingView {
    WaitingView { policy: wait.policy.clone(), step: wait.stage.shown(), until: wait.at }
}

/// Who was paged in the present step and has not answered, where everybody must.
fn still_to_acknowledge(ticket: &Ticket) -> Vec<PersonId> {
    let Phase::Triggered(chase) = &ticket.phase else { return Vec::new() };
    if chase.require == Require::One {
        return Vec::new();
    }
    let mut asked: Vec<PersonId> = Vec::new();
    let open = ticket.current_pages().filter(|p| p.entry == chase.entry && p.state != PageState::Answered);
    for page in open {
        if !asked.contains(&page.person) {
            asked.push(page.person.clone());
        }
    }
    asked
}

fn ack_view((by, at): &(Actor, Timestamp)) -> AckView {
    AckView { by: called(by), at: *at }
}

fn storm_view(root: &str, ticket: &Ticket, catalog: &Catalog, state: &State) -> StormView {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let firing = ticket.firing().count();
    StormView {
        of: root.to_owned(),
        rages: ticket.is_open() && super::storm::rages(ticket, catalog, state),
        firing: count(firing),
        resolved: count(ticket.members.len() - firing),
    }
}

fn alert_view(member: &Member) -> AlertView {
    let alert = &member.alert;
    AlertView {
        dedup_key: alert.key.clone(),
        probe: alert.probe.clone(),
        kind: alert.kind,
        severity: alert.severity,
        state: if member.is_firing() { AlertState::Firing } else { AlertState::Resolved },
        summary: alert.summary.clone(),
        started_at: alert.started_at,
        ended_at: member.ended_at,
        labels: alert.labels.clone(),
        flapping: member.flapping.as_ref().filter(|_| member.is_firing()).map(|f| FlapView {
            since: f.since,
            up: f.up,
            calm_at: f.calm_at,
        }),
        annotations: alert.told.as_ref().map(|t| t.annotations.clone()).unwrap_or_default(),
        link: alert.told.as_ref().and_then(|t| t.link.clone()),
    }
}

fn page_view(page: &Page) -> PageView {
    let attempt = |t: &crate::state::Try| AttemptView {
        n: t.n,
        channel: t.channel.clone(),
        at: t.ended.as_ref().and_then(|e| e.handed_over).unwrap_or(t.at),
        receipt: t.ended.as_ref().map(|e| e.receipt),
        detail: t.ended.as_ref().and_then(|e| e.detail.clone()),
    };
    PageView {
        id: page.id,
        ticket: page.id.ticket,
        person: page.person.clone(),
        policy: page.policy.clone(),
        step: page.stage.shown(),
        state: page.state,
        started_at: page.started_at,
        attempts: page.tries.iter().map(attempt).collect(),
        why: page.why.clone(),
        stages: page.stages,
    }
}

fn silences(state: &State, now: Timestamp) -> Vec<SilenceView> {
    let view = |(id, s): (&crate::ids::SilenceId, &crate::state::Silence)| {
        let quiet = state.quiet.values().filter(|q| q.quiet == Quiet::Silenced(*id)).count();
        let held = state
            .tickets
            .values()
            .filter(|t| matches!(&t.phase, Phase::Held { quiet: Quiet::Silenced(by), .. } if by == id));
        let held: usize = held.map(|t| t.firing().count()).sum();
        SilenceView {
            id: *id,
            matchers: s.matchers.clone(),
            from: s.from,
            until: s.until,
            by: s.by.name.clone(),
            reason: s.reason.clone(),
            silenced: u32::try_from(quiet + held).unwrap_or(u32::MAX),
            active: s.is_active(now),
            ends_soon: s.is_active(now) && quiet + held > 0 && elapsed(now, s.until) <= WARNED_BEFORE,
        }
    };
    state.silences.iter().map(view).collect()
}

fn quiet_view(state: &State, quiet: &crate::state::QuietAlert) -> QuietView {
    let member = Member { alert: quiet.alert.clone(), ended_at: None, probe_gone: false, flapping: None };
    let reason = quiet_reason(state, &quiet.quiet, quiet.since);
    QuietView { alert: alert_view(&member), silence: reason.silence, reason }
}

/// Why something is quiet, for lists.
fn quiet_reason(state: &State, quiet: &Quiet, since: Timestamp) -> QuietReason {
    let silence = if let Quiet::Silenced(id) = quiet { Some(*id) } else { None };
    let by = match quiet {
        Quiet::Silenced(id) => Some(id.to_string()),
        Quiet::Standing { silence, .. } => Some(silence.clone()),
        Quiet::Maintenance { window, .. } => Some(window.clone()),
        Quiet::Inhibited { by, .. } => Some(by.to_string()),
        Quiet::Depends { on, .. } => Some(on.to_string()),
        Quiet::Info | Quiet::Settling { .. } => None,
    };
    QuietReason {
        why: quiet.word().into(),
        since,
        until: silence.and_then(|id| state.silences.get(&id)).map(|s| s.until).or(quiet.until()),
        by,
        ticket: quiet.explained_by(),
        silence,
        quiet: quiet.clone(),
    }
}

fn maintenance(state: &State, now: Timestamp) -> Vec<MaintenanceView> {
    let view = |(id, m): (&crate::ids::MaintenanceId, &crate::state::Maintenance)| MaintenanceView {
        id: id.to_string(),
        title: m.title.clone(),
        matchers: m.matchers.clone(),
        from: m.from,
        until: m.until,
        active: m.is_active(now),
        recurring: false,
        expect: m.expect.clone(),
        cover_running: m.cover_running,
        by: m.by.name.clone(),
        quiet: 0,
    };
    state.maintenance.iter().map(view).collect()
}

fn test_view(id: crate::ids::TestId, test: &crate::state::TestPage) -> TestView {
    TestView {
        id,
        person: test.person.clone(),
        channel: test.channel.clone(),
        at: test.sent.at,
        receipt: test.sent.ended.as_ref().map(|e| e.receipt),
        detail: test.sent.ended.as_ref().and_then(|e| e.detail.clone()),
    }
}
