//! Requests as real clients send them, and what each of them relies on.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use watchbell_config::{Config, Integrations, PagerdutyKey, Secret};
use watchbell_engine::input::{Input, Signal, SignalAction};
use watchbell_engine::word::Severity;

use crate::gate::test_world::World;
use crate::intake::{Intake, router};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// What Alertmanager makes of the group key `{}:{alertname="DiskFull"}`.
const GROUP_KEY: &str = "17c4e445d234645c9e547ff6d32a864af0ebdadcd1902771c24c8d366637ff41";

fn connected(world: &World) -> Router {
    let mut config = Config::clone(&world.live.config.load());
    let labels = [("service".to_owned(), "billing".to_owned())].into();
    let key = PagerdutyKey { id: "gatus".into(), key: Secret::new(KEY), severity: None, labels };
    // A key that is not set on this machine opens nothing.
    let unset = PagerdutyKey { id: "unset".into(), key: Secret::new(""), severity: None, labels: [].into() };
    config.integrations = Integrations { pagerduty: vec![key, unset], ..Integrations::default() };
    world.live.config.store(Arc::new(config));
    router(Intake::new(world.inbox.clone(), world.live.clone(), world.gate(true)))
}

async fn post(router: &Router, path: &str, kind: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(Method::POST).uri(path).header(header::CONTENT_TYPE, kind);
    // Apprise sends this one, which says nothing.
    let request = request.header(header::AUTHORIZATION, "Token token=x").body(Body::from(body.to_owned()));
    let response = router.clone().oneshot(request.expect("a request")).await.expect("an answer");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&body))))
}

async fn enqueue(router: &Router, body: &Value) -> (StatusCode, Value) {
    post(router, "/integrations/pagerduty/v2/enqueue", "application/json", &body.to_string()).await
}

fn last(world: &World) -> Signal {
    match world.inputs().pop() {
        Some(Input::Signals(mut signals)) if signals.len() == 1 => signals.remove(0),
        other => panic!("one signal was expected: {other:?}"),
    }
}

fn accepted(key: &str) -> Value {
    json!({ "status": "success", "message": "Event processed", "dedup_key": key })
}

/// Each client's own requests: name, path, content type, body, key and action.
fn recorded() -> Vec<(&'static str, &'static str, &'static str, Value, &'static str, SignalAction)> {
    let (fire, over) = (SignalAction::Fire, SignalAction::Resolve);
    let plain = "application/json";
    let below = "/integrations/pagerduty/v2/enqueue";
    vec![
        (
            "python pagerduty 7.2",
            "/v2/enqueue",
            plain,
            json!({
            "event_action": "trigger", "routing_key": KEY, "dedup_key": "py-1",
            "payload": { "summary": "disk is full", "source": "web-1", "severity": "critical",
                         "custom_details": { "free": "0" } },
            "links": [], "images": [] }),
            "py-1",
            fire,
        ),
        (
            "python pagerduty 7.2 resolves",
            "/v2/enqueue",
            plain,
            json!({
            "event_action": "resolve", "routing_key": KEY, "dedup_key": "py-1" }),
            "py-1",
            over,
        ),
        (
            "pdpyras 5 acknowledges",
            "/v2/enqueue",
            plain,
            json!({
            "event_action": "acknowledge", "routing_key": KEY, "dedup_key": "py-1" }),
            "py-1",
            SignalAction::Acknowledge,
        ),
        (
            "@pagerduty/pdjs 2",
            "/v2/enqueue",
            "application/json; charset=utf-8",
            json!({
            "routing_key": KEY, "event_action": "trigger", "dedup_key": "js-1",
            "payload": { "summary": "Test Event 1", "source": "test-source", "severity": "error" } }),
            "js-1",
            fire,
        ),
        (
            "go-pagerduty",
            below,
            plain,
            json!({
            "routing_key": KEY, "event_action": "trigger", "dedup_key": "go-1",
            "payload": { "summary": "s", "source": "h", "severity": "info", "timestamp": "2026-11-22T03:12:04+0000" },
            "client": "monitor", "client_url": "https://monitor.example" }),
            "go-1",
            fire,
        ),
        (
            "Alertmanager",
            below,
            plain,
            json!({
            "routing_key": KEY, "dedup_key": GROUP_KEY, "event_action": "trigger",
            "payload": { "summary": "[FIRING:1] DiskFull", "source": "Alertmanager", "severity": "error",
                         "custom_details": { "firing": "Labels:\n - alertname = DiskFull\n", "num_firing": "1" } },
            "client": "Alertmanager", "client_url": "http://am.example:9093/#/alerts?receiver=pd" }),
            GROUP_KEY,
            fire,
        ),
        (
            "Alertmanager resolves with a whole payload",
            below,
            plain,
            json!({
            "routing_key": KEY, "dedup_key": GROUP_KEY, "event_action": "resolve",
            "payload": { "summary": "[RESOLVED] DiskFull", "source": "Alertmanager", "severity": "error" } }),
            GROUP_KEY,
            over,
        ),
        (
            "Uptime Kuma",
            below,
            plain,
            json!({
            "payload": { "summary": "[Shop] [🔴 Down] timeout", "severity": "warning", "source": "https://shop.example" },
            "routing_key": KEY, "event_action": "trigger", "dedup_key": "Uptime Kuma/7" }),
            "Uptime Kuma/7",
            fire,
        ),
        (
            "Uptime Kuma is well again",
            below,
            plain,
            json!({
            "payload": { "summary": "[Shop] [✅ Up]", "severity": "info", "source": "https://shop.example" },
            "routing_key": KEY, "event_action": "resolve", "dedup_key": "Uptime Kuma/7" }),
            "Uptime Kuma/7",
            over,
        ),
        (
            "Apprise resolves with three fields",
            below,
            plain,
            json!({
            "routing_key": KEY, "event_action": "resolve", "dedup_key": "ap-1" }),
            "ap-1",
            over,
        ),
        (
            "Apprise",
            below,
            plain,
            json!({
            "routing_key": KEY, "event_action": "trigger", "dedup_key": "ap-1", "client": "Apprise",
            "payload": { "summary": "t", "severity": "warning", "source": "Apprise", "component": "Notification" },
            "links": [ { "href": "https://apprise.example" } ] }),
            "ap-1",
            fire,
        ),
        (
            "Grafana",
            below,
            plain,
            json!({
            "routing_key": KEY, "dedup_key": "grafana-1", "event_action": "trigger", "description": "x",
            "payload": { "summary": "[FIRING:1] CPU", "source": "grafana-host", "severity": "critical",
                         "class": "cpu", "component": "node", "group": "infra" }, "client": "Grafana",
            "client_url": "https://grafana.example", "links": [ { "href": "https://grafana.example/d/1", "text": "x" } ] }),
            "grafana-1",
            fire,
        ),
    ]
}

#[tokio::test]
async fn every_client_is_taken_in_and_gets_its_key_back() {
    let world = World::new().await;
    let router = connected(&world);
    for (client, path, kind, body, key, action) in recorded() {
        let answer = post(&router, path, kind, &body.to_string()).await;
        assert_eq!(answer, (StatusCode::ACCEPTED, accepted(key)), "{client}");
        let signal = last(&world);
        assert_eq!(
            (signal.dedup_key.as_str(), signal.action),
            (format!("pd:gatus:{key}").as_str(), action),
            "{client}"
        );
        assert_eq!(signal.source, "gatus");
    }
}

#[tokio::test]
async fn an_event_becomes_a_signal_with_its_labels_and_links() {
    let world = World::new().await;
    let router = connected(&world);
    let (_, _, _, grafana, ..) = recorded().pop().expect("Grafana is the last");
    enqueue(&router, &grafana).await;
    let signal = last(&world);
    assert_eq!((signal.summary.as_str(), signal.severity), ("[FIRING:1] CPU", Severity::Critical));
    for (name, value) in [("source", "grafana-host"), ("class", "cpu"), ("group", "infra"), ("service", "billing")] {
        assert_eq!(signal.labels.get(name).map(String::as_str), Some(value), "{name}");
    }
    let told = signal.more.told.expect("told");
    assert_eq!(told.link.as_deref(), Some("https://grafana.example/d/1"));
    assert!(!signal.more.level, "an event is said once");
}

#[tokio::test]
async fn gatus_sends_an_empty_key_and_resolves_with_the_one_it_got() {
    let world = World::new().await;
    let router = connected(&world);
    let payload = json!({ "summary": "TRIGGERED: shop - [STATUS] == 200", "source": "Gatus", "severity": "critical" });
    let trigger = json!({ "routing_key": KEY, "dedup_key": "", "event_action": "trigger", "payload": payload });
    let (status, body) = enqueue(&router, &trigger).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let key = body["dedup_key"].as_str().expect("a key is made").to_owned();
    assert_eq!(key.len(), 32);
    let resolve = json!({ "routing_key": KEY, "dedup_key": key, "event_action": "resolve", "payload": payload });
    assert_eq!(enqueue(&router, &resolve).await, (StatusCode::ACCEPTED, accepted(&key)));
    assert_eq!(last(&world).dedup_key.as_str(), format!("pd:gatus:{key}"));
}

#[tokio::test]
async fn what_is_wrong_is_said_in_pagerdutys_words() {
    let world = World::new().await;
    let router = connected(&world);
    let payload = json!({ "summary": "s", "source": "h", "severity": "error" });
    for (event, errors) in [
        (
            json!({ "routing_key": "short", "event_action": "trigger", "payload": payload }),
            vec!["Length of 'routing_key' is incorrect (should be 32 characters)"],
        ),
        (
            json!({ "routing_key": "f".repeat(32), "event_action": "trigger", "payload": payload }),
            vec!["Invalid routing key"],
        ),
        (json!({ "event_action": "trigger", "payload": payload }), vec!["'routing_key' is missing or blank"]),
        (
            json!({ "routing_key": KEY, "event_action": "trigger", "payload": { "summary": " " } }),
            vec![
                "'payload.summary' is missing or blank",
                "'payload.source' is missing or blank",
                "'payload.severity' is missing or blank",
            ],
        ),
        (json!({ "routing_key": KEY, "event_action": "resolve" }), vec!["'dedup_key' is missing or blank"]),
        (
            json!({ "routing_key": KEY, "event_action": "trigger", "dedup_key": "k".repeat(256), "payload": payload }),
            vec!["Length of 'dedup_key' is incorrect (should be at most 255 characters)"],
        ),
        (json!({ "routing_key": KEY, "payload": payload }), vec!["'event_action' is missing or blank"]),
    ] {
        let wrong = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
        assert_eq!(enqueue(&router, &event).await, (StatusCode::BAD_REQUEST, wrong), "{event}");
    }
    let unreadable = json!({ "status": "Unrecognized object", "message": "Event object format is unrecognized",
        "errors": ["JSON parse error"] });
    for body in ["", "{", "[]", "nonsense"] {
        let answer = post(&router, "/v2/enqueue", "application/json", body).await;
        assert_eq!(answer, (StatusCode::BAD_REQUEST, unreadable.clone()), "{body}");
    }
    assert!(world.inputs().is_empty());
}

#[tokio::test]
async fn senders_are_forgiven_numbers_times_and_length() {
    let world = World::new().await;
    let router = connected(&world);
    let event = json!({ "routing_key": KEY, "event_action": "trigger", "dedup_key": 17, "unknown": [1], "payload": {
        "summary": "很长".repeat(2_000), "source": 42, "severity": "CRITICAL", "timestamp": "last tuesday" } });
    assert_eq!(enqueue(&router, &event).await, (StatusCode::ACCEPTED, accepted("17")));
    let signal = last(&world);
    assert_eq!((signal.labels["source"].as_str(), signal.started_at), ("42", None));
    assert!(signal.summary.chars().count() <= 300 && signal.summary.ends_with('…'));
}

#[tokio::test]
async fn a_change_is_written_down_and_pages_nobody() {
    let world = World::new().await;
    let router = connected(&world);
    let event = json!({ "routing_key": KEY, "payload": { "summary": "Build 7 deployed", "source": "ci" },
        "links": [ { "href": "https://ci.example/7" } ] });
    for path in ["/v2/change/enqueue", "/integrations/pagerduty/v2/change/enqueue"] {
        let (status, body) = post(&router, path, "application/json", &event.to_string()).await;
        assert_eq!((status, &body["status"], body.get("dedup_key")), (StatusCode::ACCEPTED, &"success".into(), None));
        let signal = last(&world);
        assert_eq!(signal.action, SignalAction::Change);
        assert_eq!(signal.summary, "Build 7 deployed (ci) https://ci.example/7");
    }
}

#[tokio::test]
async fn who_cannot_be_heard_now_is_told_to_come_again() {
    let world = World::stuck().await;
    let router = connected(&world);
    let event = json!({ "routing_key": KEY, "event_action": "resolve", "dedup_key": "a" });
    let (status, body) = enqueue(&router, &event).await;
    assert_eq!((status, &body["status"]), (StatusCode::TOO_MANY_REQUESTS, &"throttle exceeded".into()));
}
