//! Facts, tickets, messages and runs to store.

use watchbell_engine::catalog::Localized;
use watchbell_engine::commit::{Commit, Mark, TicketRow};
use watchbell_engine::fact::{Fact, MessageKind, What};
use watchbell_engine::ids::{
    Epoch, FactNo, PageId, PersonId, PolicyId, ProbeId, SendId, SendSubject, SiteId, TicketId,
};
use watchbell_engine::input::Actor;
use watchbell_engine::observation::{Assertion, Evidence, Observation, Phases, Verdict};
use watchbell_engine::outgoing::{About, AlertBrief, Outgoing};
use watchbell_engine::view::{NextStep, PageState, PageView, Stages, TicketState, TicketView, Why};
use watchbell_engine::word::{FailureKind, Level, Locale, Outcome, Priority, Severity};

use super::at;

/// A note on a ticket, with quotes and signs of many scripts.
pub(in crate::store) fn note(no: u64, epoch: Epoch, ticket: u64) -> Fact {
    Fact {
        no: FactNo(no),
        epoch,
        at: at(no as i64),
        ticket: Some(TicketId(ticket)),
        what: What::Noted {
            by: Actor::engine(),
            text: format!("note {no}: 发票 \"验真\" 'ok' \\ $1 \u{0} 🔔"),
            times_out: None,
        },
    }
}

/// Facts `from..=to`, the tickets cycling through three.
pub(in crate::store) fn notes(from: u64, to: u64, epoch: Epoch) -> Commit {
    let facts = (from..=to).map(|no| note(no, epoch, 1 + no % 3)).collect();
    Commit { epoch, at: Some(at(to as i64)), facts, ..Commit::default() }
}

pub(in crate::store) fn ticket(id: u64, state: TicketState, pages: u32) -> TicketRow {
    let view = TicketView {
        id: TicketId(id),
        title: "发票验真 is down".into(),
        state,
        priority: Priority::P1,
        policy: PolicyId::from("expense-critical"),
        step: Some(1),
        owner: None,
        impact: Some("Claims cannot be submitted".into()),
        service: Some("invoice\u{0}verification".into()),
        component: None,
        url: format!("/tickets/INC-{id}"),
        opened_at: at(id as i64),
        impact_started: at(id as i64 - 10),
        detected: at(id as i64 - 5),
        first_page_accepted: None,
        acknowledged_at: None,
        acknowledged_by: None,
        restored: None,
        resolved_at: (state == TicketState::Resolved).then(|| at(id as i64 + 100)),
        resolved_as: None,
        reopened: 0,
        snoozed_until: None,
        held_until: None,
        ack_times_out: None,
        assigned_to: None,
        waiting: Vec::new(),
        acknowledged_by_some: Vec::new(),
        still_to_acknowledge: Vec::new(),
        merged_into: None,
        next_step: NextStep { at: Some(at(500)), to: vec![PersonId::from("wang.lei")] },
        alerts: Vec::new(),
        explains: 0,
        flapping: false,
        storm: None,
    };
    TicketRow { view, pages: (1..=pages).map(|n| page(id, n)).collect() }
}

fn page(ticket: u64, n: u32) -> PageView {
    PageView {
        id: PageId { ticket: TicketId(ticket), n },
        ticket: TicketId(ticket),
        person: PersonId::from("li.na"),
        policy: PolicyId::from("expense-critical"),
        step: Some(1),
        state: PageState::Pursuing,
        started_at: at(n.into()),
        attempts: Vec::new(),
        why: why(),
        stages: Stages::default(),
    }
}

fn why() -> Why {
    Why {
        revision: "0123456789ab".into(),
        route: "default".into(),
        rotation: None,
        layer: None,
        override_: None,
        until: None,
        text: "named by the step".into(),
    }
}

pub(in crate::store) fn send(n: u32, attempt: u32) -> SendId {
    SendId { subject: SendSubject::Page(PageId { ticket: TicketId(1), n }), attempt }
}

pub(in crate::store) fn outgoing(send: SendId, decided_ms: i64) -> Outgoing {
    let SendSubject::Page(page) = send.subject else { unreachable!("samples are pages") };
    let alert = AlertBrief {
        dedup_key: "probe:invoice-verify".into(),
        probe: Some(ProbeId::from("invoice-verify")),
        kind: Some(FailureKind::Status),
        severity: Severity::Critical,
        summary: "answered 503, expected 200".into(),
        labels: [("service".to_string(), "发票".to_string())].into(),
        started_at: at(0),
        last_good: None,
        runs: 3,
        run: None,
    };
    let about = About {
        ticket: page.ticket,
        occurrence: 1,
        title: Localized::same("发票验真"),
        impact: None,
        state: TicketState::Triggered,
        priority: Priority::P1,
        opened_at: at(0),
        resolved_as: None,
        resolved_at: None,
        next_at: None,
        next_to: Vec::new(),
        next_names: Vec::new(),
        why: Some(why()),
        was_silenced: false,
        muted_since: None,
        held_until: None,
        merged_into: None,
        live_alerts: 1,
        alert,
        runbook: vec!["① 看网关 5xx".into()],
    };
    Outgoing {
        send,
        kind: MessageKind::Page,
        page: Some(page),
        person: PersonId::from("li.na"),
        person_name: "李娜".into(),
        room: false,
        locale: Locale::ZhCn,
        zone: "Asia/Shanghai".into(),
        channel: "mail".into(),
        about: Some(about),
        also: Vec::new(),
        by: None,
        decided_at: at(decided_ms),
        duty: None,
        silence: None,
    }
}

pub(in crate::store) fn verdict(probe: &str, level: Level) -> Mark {
    Mark::Verdict(Verdict {
        probe: ProbeId::from(probe),
        site: SiteId::local(),
        level,
        kind: None,
        message: None,
        severity: Severity::Critical,
        last_good: Some(at(-5)),
        since: at(0),
        seen: at(1),
        confirmed: at(2),
        runs: 2,
        summary: None,
    })
}

pub(in crate::store) fn run(probe: &str, at_ms: i64, outcome: Outcome, kind: Option<FailureKind>) -> Observation {
    Observation {
        probe: ProbeId::from(probe),
        at: at(at_ms),
        site: SiteId::local(),
        outcome,
        kind,
        message: kind.map(|kind| format!("it was {kind}")),
        phases_ms: Phases { total: Some(12.5), ..Phases::default() },
        assertions: vec![Assertion { what: "status is 2xx".into(), ok: kind.is_none(), found: None }],
        evidence: Evidence { body: Some("<h1>503</h1>".into()), ..Evidence::default() },
    }
}
