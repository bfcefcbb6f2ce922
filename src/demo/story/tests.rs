//! The story against a made-up server that shows what a real one would, or gets one thing wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use watchbell_engine::time::{Millis, after};

use super::{Cast, DidNotHappen, Limits, Onlooker, Seen, Story, play};
use crate::clock::Clock;
use crate::demo::break_page;
use crate::demo::service::{Fault, Service};

fn cast() -> Cast {
    Cast {
        zone: TimeZone::fixed(jiff::tz::offset(8)),
        names: BTreeMap::from([("li.na".into(), "李娜".into()), ("wang.lei".into(), "王磊".into())]),
        mail_of: BTreeMap::from([("li.na".into(), "li.na@example.com".into())]),
        worst_case: BTreeMap::from([("invoice-verify".into(), Millis::secs(23))]),
    }
}

fn at(seconds: f64) -> Timestamp {
    let base: Timestamp = "2026-11-24T19:12:04.1Z".parse().expect("a time");
    after(base, Millis((seconds * 1_000.0) as u64))
}

fn ticket(state: &str, broken: Timestamp, acked: Option<Timestamp>, resolved: Option<Timestamp>) -> Value {
    let next = if state == "triggered" {
        json!({ "at": after(broken, Millis::secs(126)), "to": ["wang.lei"] })
    } else {
        json!({ "at": null, "to": [] })
    };
    json!({
        "id": "INC-1", "title": "发票验真中断", "state": state, "priority": "P1", "policy": "expense-critical", "step": 1,
        "owner": null, "impact": null, "service": null, "component": null, "url": "http://h/tickets/INC-1",
        "opened_at": broken, "impact_started": broken, "detected": broken, "first_page_accepted": broken,
        "acknowledged_at": acked, "acknowledged_by": acked.map(|_| "李娜"), "restored": resolved,
        "resolved_at": resolved, "resolved_as": resolved.map(|_| "self_recovered"), "reopened": 0,
        "snoozed_until": null, "next_step": next,
        "alerts": [{ "dedup_key": "probe:invoice-verify", "probe": "invoice-verify", "kind": "status",
            "severity": "critical", "state": "firing", "summary": "HTTP 503", "started_at": broken, "ended_at": null,
            "labels": {} }],
    })
}

fn page(n: u32, person: &str, state: &str, started: Timestamp) -> Value {
    json!({
        "id": format!("INC-1-p{n}"), "ticket": "INC-1", "person": person, "policy": "expense-critical", "step": n,
        "state": state, "started_at": started,
        "attempts": [{ "n": 1, "channel": "mail", "at": started, "receipt": "accepted", "detail": null }],
        "why": { "revision": "r", "route": "default", "rotation": "expense-primary", "layer": "weekly",
            "override": null, "until": null, "text": "on duty in expense-primary" },
        "stages": { "broken": started, "seen": started, "confirmed": started, "ticket": started,
            "handed_over": started, "accepted": started },
    })
}

fn seen(tickets: Vec<Value>, pages: Vec<Value>, arrived: Value, broken: Value) -> Seen {
    let read = |value: Value| serde_json::from_value(value).expect("as the API shows it");
    let id = watchbell_engine::ids::TicketId(1);
    Seen {
        tickets: tickets.into_iter().map(|t| serde_json::from_value(t).expect("a ticket")).collect(),
        pages: BTreeMap::from([(id, pages.into_iter().map(read).collect())]),
        timelines: BTreeMap::new(),
        arrived: serde_json::from_value(arrived).expect("what arrived"),
        broken: serde_json::from_value(broken).expect("what is broken"),
    }
}

#[test]
fn each_line_comes_once_with_its_time_since_the_switch() {
    let mut story = Story::new(cast());
    let nothing = json!({ "messages": [], "mails": [] });
    let switched = json!({ "faults": {}, "served": {}, "log": [{ "at": at(0.0), "fault": "verification503" }] });
    let look = seen(
        vec![ticket("triggered", at(1.0), None, None)],
        vec![page(1, "li.na", "pursuing", at(6.5))],
        nothing.clone(),
        switched.clone(),
    );
    let told: Vec<String> = story.tell(&look).iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "03:12:04.1 broken            invoice verification answers 503");
    assert_eq!(
        told.last().map(String::as_str),
        Some("03:12:10.6 page       +6.5 s 李娜, mail accepted (limit 30 s, worst case by check 23 s)")
    );
    assert_eq!(story.tell(&look), [], "nothing is new at the second look");

    let acked = seen(
        vec![ticket("acknowledged", at(1.0), Some(at(9.0)), None)],
        vec![page(1, "li.na", "answered", at(6.5))],
        nothing,
        switched,
    );
    let told: Vec<String> = story.tell(&acked).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "03:12:13.1 ack        +9.0 s 李娜 has it",
            "03:12:13.1 stopped    +9.0 s the escalation has ended; 王磊 would have been paged at 03:14:11.1",
        ]
    );
}

#[test]
fn the_end_is_told_only_once_everybody_knows() {
    let mut story = Story::new(cast());
    let healed = json!({ "faults": {}, "served": {},
        "log": [{ "at": at(0.0), "fault": "verification503" }, { "at": at(12.0), "fault": null }] });
    let pages = vec![page(1, "li.na", "answered", at(6.5)), page(2, "wang.lei", "ended", at(8.0))];
    let ended = vec![ticket("resolved", at(1.0), Some(at(9.0)), Some(at(20.0)))];
    let mail = |at: Timestamp, subject: &str| json!({ "from": "w@h", "to": "li.na@example.com", "subject": subject, "text": "", "received_at": at });
    let end = json!({ "id": "x", "person": "wang.lei", "channel": "hook", "type": "page.resolved", "page": "INC-1-p2",
        "ticket": "INC-1", "first_line": "", "lines": [], "ack_url": null, "received_at": at(21.0), "repeats": 0 });
    let has_told = |story: &mut Story, look: &Seen| {
        story.tell(look).iter().any(|line| line.to_string().contains("everybody who was paged"))
    };
    // The mail of the page itself is not the news of the end, and INC-12 is another ticket.
    let mails = json!([mail(at(6.6), "P1 INC-1"), mail(at(22.0), "Re: P1 INC-12")]);
    let half = seen(ended.clone(), pages.clone(), json!({ "messages": [end], "mails": mails }), healed.clone());
    assert!(!has_told(&mut story, &half), "li.na does not know yet");
    let mails = json!([mail(at(22.0), "Re: P1 (INC-1)")]);
    let both = seen(ended, pages, json!({ "messages": [end], "mails": mails }), healed);
    assert!(has_told(&mut story, &both));
}

/// What the made-up server gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    Nothing,
    PagesSomebodyElse,
    SendsNoMail,
    GoesOnPaging,
    TellsNobody,
}

#[derive(Clone)]
struct MadeUp {
    service: Service,
    clock: Clock,
    acked: Arc<Mutex<Option<Timestamp>>>,
    base: String,
    mistake: Mistake,
}

impl MadeUp {
    /// Opens a ticket as soon as the switch is thrown, and resolves it when it is back.
    fn world(&self) -> (Vec<Value>, Vec<Value>, Value) {
        let log = self.service.state().log;
        let Some(broken) = log.first().map(|switch| switch.at) else {
            return (Vec::new(), Vec::new(), json!({ "messages": [], "mails": [] }));
        };
        let healed = log.iter().find(|switch| switch.fault.is_none()).map(|switch| switch.at);
        let acked = *self.acked.lock().expect("no panic under the lock");
        let (state, page_state) = match (acked, healed) {
            (_, Some(_)) => ("resolved", "answered"),
            (Some(_), None) => ("acknowledged", "answered"),
            (None, None) => ("triggered", "pursuing"),
        };
        let person = if self.mistake == Mistake::PagesSomebodyElse { "wang.lei" } else { "li.na" };
        let mut pages = vec![page(1, person, page_state, broken)];
        if let (Some(acked), Mistake::GoesOnPaging) = (acked, self.mistake) {
            pages.push(page(2, "wang.lei", "ended", after(acked, Millis(1))));
        }
        let message = |kind: &str, at: Timestamp| {
            json!({ "id": kind, "person": person, "channel": "hook", "type": kind, "page": "INC-1-p1", "ticket": "INC-1",
                "first_line": "", "lines": [], "ack_url": format!("{}/a/x", self.base), "received_at": at, "repeats": 0 })
        };
        let mut messages = vec![message("page", broken)];
        if let Some(healed) = healed.filter(|_| self.mistake != Mistake::TellsNobody) {
            messages.push(message("page.resolved", healed));
        }
        let mail = json!({ "from": "w@h", "to": "li.na@example.com", "subject": "P1 (INC-1)", "text": "", "received_at": broken });
        let mails = if self.mistake == Mistake::SendsNoMail { Vec::new() } else { vec![mail] };
        (vec![ticket(state, broken, acked, healed)], pages, json!({ "messages": messages, "mails": mails }))
    }

    async fn serve(mistake: Mistake) -> (Onlooker, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let clock = Clock::system();
        let service = Service::new(clock.clone());
        let made_up = Self { service: service.clone(), clock, acked: Arc::default(), base: base.clone(), mistake };
        let on_duty = json!({ "rotations": [{ "id": "expense-primary", "on_duty": [{ "person": "li.na" }] }] });
        let why = json!({ "ticket": "INC-1", "decisions": [{ "at": at(0.0), "outcome": "paged", "person": "li.na",
            "channel": null, "reason": "on duty", "revision": null, "policy": null, "step": 1, "rotation": null,
            "layer": null, "override": null, "silence": null }] });
        let api = Router::new()
            .route("/readyz", get(|| async {}))
            .route("/api/v1/oncall", get(|| async { Json(on_duty) }))
            .route("/api/v1/tickets/INC-1/timeline", get(|| async { Json(json!({ "timeline": [] })) }))
            .route("/api/v1/tickets/INC-1/why", get(|| async { Json(why) }))
            .route("/api/v1/tickets", get(|w: State<Self>| async move { Json(json!({ "tickets": w.world().0 })) }))
            .route("/api/v1/pages", get(|w: State<Self>| async move { Json(json!({ "pages": w.world().1 })) }))
            .route("/demo/phone/messages.json", get(|w: State<Self>| async move { Json(w.world().2) }))
            .route(
                "/a/x",
                post(|w: State<Self>| async move { *w.acked.lock().expect("no panic") = Some(w.clock.now()) }),
            )
            .with_state(made_up);
        let demo = break_page::router(service.clone()).merge(crate::demo::service::router(service));
        let app = api.merge(Router::new().nest("/demo", demo));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves until aborted") });
        reqwest::Client::new()
            .post(format!("{base}/demo/v1/invoices/verify"))
            .json(&json!({ "number": "SYN-0001", "total": "118.00" }))
            .send()
            .await
            .expect("the first probe");
        (Onlooker::new(&base, None).expect("a client"), server)
    }
}

async fn played(mistake: Mistake) -> (Result<super::Played, DidNotHappen>, Vec<String>) {
    // A second call in the same process is refused, which is what we want.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (world, server) = MadeUp::serve(mistake).await;
    let mut said = Vec::new();
    let limits = Limits { sink: Duration::from_millis(500), told: Duration::from_millis(500), ..Limits::default() };
    let outcome = play(&world, Story::new(cast()), limits, &mut |line| said.push(line.to_owned())).await;
    server.abort();
    (outcome, said)
}

#[tokio::test]
async fn a_story_that_goes_well_is_told_to_its_end() {
    let (outcome, said) = played(Mistake::Nothing).await;
    let played = outcome.expect("everything happens");
    assert_eq!(played.ticket.to_string(), "INC-1");
    let text = said.join("\n");
    for word in ["broken", "page", "ack", "stopped", "healed", "resolved", "told", "why INC-1", "all of it happened"] {
        assert!(text.contains(word), "`{word}` is missing in\n{text}");
    }
}

#[tokio::test]
async fn a_story_that_goes_wrong_says_what_did_not_happen() {
    let cases = [
        (Mistake::PagesSomebodyElse, "wang.lei was paged (on duty in expense-primary), but is not on duty"),
        (Mistake::SendsNoMail, "the page by mail did not happen within"),
        (Mistake::GoesOnPaging, "somebody had it, and still was paged: INC-1-p2 to wang.lei"),
        (Mistake::TellsNobody, "the news of the end to everybody who was paged did not happen within"),
    ];
    for (mistake, words) in cases {
        let (outcome, _) = played(mistake).await;
        let said = outcome.expect_err("the player insists").to_string();
        assert!(said.contains(words), "{mistake:?}: {said}");
    }
}

#[test]
fn the_switch_explains_a_fault_only_from_its_own_time_on() {
    let service = Service::new(Clock::manual(at(0.0)));
    service.break_it(Fault::Slow);
    let look = Seen { broken: service.state(), ..Seen::default() };
    assert_eq!(super::lines::origin(&look, at(4.0)), at(0.0));
    let earlier = at(0.0) - jiff::SignedDuration::from_secs(60);
    assert_eq!(super::lines::origin(&look, earlier), earlier, "it had been broken before anybody touched the switch");
}
