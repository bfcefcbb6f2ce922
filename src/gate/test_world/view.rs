//! What is known in the world.

use std::sync::Arc;

use watchbell_engine::ids::{DedupKey, PageId, ProbeId, Revision, SiteId};
use watchbell_engine::observation::{Evidence, Observation, Phases, RunSummary, Verdict};
use watchbell_engine::time::Millis;
use watchbell_engine::view::{
    AlertState, AlertView, AttemptView, LiveView, NextStep, PageLive, PageState, PageView, Stages, TicketLive,
    TicketState, TicketView, Why,
};
use watchbell_engine::word::{FailureKind, Level, Outcome, Priority, Receipt, Severity};

use super::{PAGE, ROOM_PAGE, TICKET, at, both};

/// A run that found the service broken, with all that it saw.
pub(crate) fn failing_run() -> Observation {
    Observation {
        probe: "invoice-verify".into(),
        at: at("2026-11-22T19:12:34Z"),
        site: SiteId::local(),
        outcome: Outcome::Down,
        kind: Some(FailureKind::Status),
        message: Some("answered 503, expected 2xx".into()),
        phases_ms: Phases {
            dns: Some(1.2),
            connect: Some(8.4),
            tls: Some(21.0),
            ttfb: Some(112.0),
            transfer: Some(0.4),
            total: Some(143.0),
        },
        assertions: Vec::new(),
        evidence: Evidence {
            request: Some("POST https://api.expense.example/v1/invoices/verify".into()),
            remote: Some("192.0.2.10:443".into()),
            status: Some(503),
            headers: [("content-type".into(), "text/html".into())].into(),
            body: Some("<script>alert('upstream')</script> upstream connect error".into()),
            ..Evidence::default()
        },
    }
}

/// A run that found all well.
pub(super) fn good_run() -> Observation {
    Observation {
        probe: "login".into(),
        at: at("2026-11-22T19:12:38Z"),
        outcome: Outcome::Up,
        kind: None,
        message: None,
        evidence: Evidence { status: Some(200), ..Evidence::default() },
        ..failing_run()
    }
}

fn verdict(probe: &str, level: Level, since: &str) -> (ProbeId, Verdict) {
    let verdict = Verdict {
        probe: probe.into(),
        site: SiteId::local(),
        level,
        kind: (level == Level::Down).then_some(FailureKind::Status),
        message: None,
        severity: Severity::Critical,
        last_good: None,
        since: at(since),
        seen: at(since),
        confirmed: at(since),
        runs: 3,
        summary: None,
    };
    (verdict.probe.clone(), verdict)
}

fn page(id: PageId, person: &str, why: Why) -> PageLive {
    let attempt = AttemptView {
        n: 1,
        channel: "hook".into(),
        at: at("2026-11-22T19:12:11Z"),
        receipt: Some(Receipt::Accepted),
        detail: None,
    };
    let view = PageView {
        id,
        ticket: id.ticket,
        person: person.into(),
        policy: "expense-critical".into(),
        step: Some(1),
        state: PageState::Pursuing,
        started_at: at("2026-11-22T19:12:10Z"),
        attempts: vec![attempt],
        why,
        stages: Stages::default(),
    };
    PageLive { view, occurrence: 1 }
}

fn ticket() -> TicketLive {
    let alert = AlertView {
        dedup_key: DedupKey::from("probe:invoice-verify"),
        probe: Some("invoice-verify".into()),
        kind: Some(FailureKind::Status),
        severity: Severity::Critical,
        state: AlertState::Firing,
        summary: "answered 503, expected 2xx".into(),
        started_at: at("2026-11-22T19:12:04Z"),
        ended_at: None,
        labels: [("component".into(), "发票验真".into())].into(),
        flapping: None,
        annotations: std::collections::BTreeMap::new(),
        link: None,
    };
    let on_duty = Why {
        revision: Revision::from("0123456789ab"),
        route: "alerts/routing.yaml:12".into(),
        rotation: Some("expense-primary".into()),
        layer: Some("weekly".into()),
        override_: None,
        until: Some(at("2026-11-23T01:00:00Z")),
        text: "on duty in expense-primary (layer weekly)".into(),
    };
    let named = Why { rotation: None, layer: None, until: None, text: "named by the step".into(), ..on_duty.clone() };
    let view = TicketView {
        id: TICKET,
        title: "发票验真".into(),
        state: TicketState::Triggered,
        priority: Priority::P1,
        policy: "expense-critical".into(),
        step: Some(1),
        owner: Some("expense-platform".into()),
        impact: Some("员工无法提交含发票的报销单".into()),
        service: Some("expense".into()),
        component: Some("发票验真".into()),
        url: format!("/tickets/{TICKET}"),
        opened_at: at("2026-11-22T19:12:10Z"),
        impact_started: at("2026-11-22T19:12:04Z"),
        detected: at("2026-11-22T19:12:04.2Z"),
        first_page_accepted: Some(at("2026-11-22T19:12:11Z")),
        acknowledged_at: None,
        acknowledged_by: None,
        restored: None,
        resolved_at: None,
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
        next_step: NextStep { at: Some(at("2026-11-22T19:14:10Z")), to: vec!["wang.lei".into()] },
        alerts: vec![alert],
        explains: 0,
        flapping: false,
        storm: None,
    };
    TicketLive {
        view,
        pages: vec![page(PAGE, "li.na", on_duty), page(ROOM_PAGE, "ops-room", named)],
        occurrence: 1,
        title: both("发票验真", "Invoice verification"),
        impact: Some(both("员工无法提交含发票的报销单", "Claims with invoices cannot be submitted")),
        runbook: vec!["看网关 5xx".into(), "回滚最近发布".into(), "切备用通道".into()],
        held: None,
        held_by: None,
        run: Some(RunSummary {
            request: Some("POST /v1/invoices/verify".into()),
            status: Some(503),
            expected: Some("2xx".into()),
            total: Some(Millis(143)),
        }),
        last_good: Some(at("2026-11-22T19:11:59Z")),
        runs: 3,
    }
}

/// One open ticket, two verdicts.
pub(super) fn view() -> LiveView {
    LiveView {
        at: Some(at("2026-11-22T19:12:38Z")),
        last_commit: Some(at("2026-11-22T19:12:38Z")),
        tickets: [(TICKET, Arc::new(ticket()))].into(),
        verdicts: [
            verdict("invoice-verify", Level::Down, "2026-11-22T19:12:04Z"),
            verdict("login", Level::Up, "2026-11-22T10:00:00Z"),
        ]
        .into(),
        ..LiveView::default()
    }
}
