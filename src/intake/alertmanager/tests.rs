//! The exact shapes that Alertmanager's clients rely on.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use watchbell_engine::input::{Input, Signal, SignalAction};
use watchbell_engine::word::Severity;

use crate::gate::Role;
use crate::gate::test_world::{NOW, World, at};
use crate::intake::{Intake, router};

const ALERTS: &str = "/integrations/alertmanager/api/v2/alerts";
const WEBHOOK: &str = "/integrations/alertmanager-webhook";

struct Sender {
    router: Router,
    token: String,
}

impl Sender {
    async fn of(world: &World) -> Self {
        let router = router(Intake::new(world.inbox.clone(), world.live.clone(), world.gate(true)));
        Self { router, token: world.token("prometheus", Role::Responder).await }
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn post(&self, body: &Value) -> (u16, String) {
        self.send(Method::POST, ALERTS, "application/json", &body.to_string()).await
    }

    async fn get(&self, tail: &str) -> (u16, String) {
        self.send(Method::GET, &format!("/integrations/alertmanager{tail}"), "application/json", "").await
    }
}

fn signals(world: &World) -> Vec<Signal> {
    match world.inputs().pop() {
        Some(Input::Signals(signals)) => signals,
        other => panic!("signals were expected: {other:?}"),
    }
}

#[tokio::test]
async fn a_whole_post_is_one_input() {
    let world = World::new().await;
    let sender = Sender::of(&world).await;
    assert_eq!(sender.post(&json!([])).await, (200, String::new()));
    assert!(world.inputs().is_empty());
    let all: Vec<Value> = (0..300).map(|n| json!({ "labels": { "alertname": "a", "n": n.to_string() } })).collect();
    assert_eq!(sender.post(&Value::Array(all)).await, (200, String::new()));
    assert_eq!((world.inputs().len(), signals(&world).len()), (1, 300));
}

#[tokio::test]
async fn an_alert_is_mapped_as_the_rules_say() {
    let world = World::new().await;
    let sender = Sender::of(&world).await;
    let alert = json!([{
        "labels": { "alertname": "DiskFull", "instance": "web-1", "job": "node", "severity": "page", "empty": "" },
        "annotations": { "summary": "Disk is full", "description": "0 bytes are left\non /", "runbook_url": "https://r.example" },
        "startsAt": "2026-11-22T19:10:00.000Z", "endsAt": "2026-11-22T19:16:40Z", "generatorURL": "http://prom.example/graph",
    }]);
    assert_eq!(sender.post(&alert).await.0, 200);
    let signal = signals(&world).remove(0);
    // The fingerprint is that of the labels as they were sent, without those that are empty.
    assert!(signal.dedup_key.as_str().starts_with("am:") && signal.dedup_key.as_str().len() == 19);
    assert_eq!((signal.severity, signal.labels["severity"].as_str()), (Severity::Critical, "critical"));
    assert_eq!(signal.labels["severity_sent"], "page");
    assert!(!signal.labels.contains_key("empty"));
    assert_eq!((signal.summary.as_str(), signal.more.details.as_deref()), ("Disk is full", Some("0 bytes are left")));
    assert_eq!(signal.more.runbook, ["https://r.example"]);
    let told = signal.more.told.expect("told");
    assert_eq!(told.link.as_deref(), Some("http://prom.example/graph"));
    let lapse = told.lapses.expect("an end");
    assert!(lapse.named && lapse.at == at("2026-11-22T19:16:40Z") && signal.more.level);
    assert_eq!(signal.started_at, Some(at("2026-11-22T19:10:00Z")));

    for (posted, severity) in [
        ("none", Severity::Info),
        ("info", Severity::Info),
        ("warning", Severity::Warning),
        ("mystery", Severity::Error),
    ] {
        sender.post(&json!([{ "labels": { "alertname": "Watchdog", "severity": posted } }])).await;
        assert_eq!(signals(&world)[0].severity, severity, "{posted}");
    }
    sender.post(&json!([{ "labels": { "alertname": "NoWords" } }])).await;
    assert_eq!(signals(&world)[0].summary, "NoWords");
}

#[tokio::test]
async fn times_say_what_fires() {
    let world = World::new().await;
    let sender = Sender::of(&world).await;
    let unset = "0001-01-01T00:00:00.000Z";
    for (starts, ends, action) in [
        (Value::Null, Value::Null, SignalAction::Fire),
        (json!(unset), json!(unset), SignalAction::Fire),
        (json!("2026-11-22T19:00:00Z"), json!("2026-11-22T19:12:40Z"), SignalAction::Resolve),
        (json!("2026-11-22T19:00:00Z"), json!("2026-11-22T19:12:40.001Z"), SignalAction::Fire),
        (json!(unset), json!("2026-11-22T19:00:00Z"), SignalAction::Resolve),
    ] {
        let alert = json!([{ "labels": { "alertname": "a" }, "startsAt": starts, "endsAt": ends }]);
        assert_eq!(sender.post(&alert).await.0, 200);
        assert_eq!(signals(&world)[0].action, action, "{starts} {ends} at {NOW}");
    }
    let alert = json!([{ "labels": { "alertname": "a" } }]);
    sender.post(&alert).await;
    let lapse = signals(&world)[0].more.told.as_ref().and_then(|t| t.lapses).expect("the resolve timeout");
    assert!(!lapse.named && lapse.at == at("2026-11-22T19:17:40Z"));
}

#[tokio::test]
async fn the_good_ones_are_taken_in_beside_bad_ones() {
    let world = World::new().await;
    let sender = Sender::of(&world).await;
    for (bad, text) in [
        (json!({ "labels": { "empty": "" } }), "\"at least one label pair required\""),
        (json!({}), "\"at least one label pair required\""),
        (json!({ "labels": { "": "x" } }), r#""invalid label set: invalid name \"\"""#),
        (
            json!({ "labels": { "a": "b" }, "startsAt": "2026-11-22T20:00:00Z", "endsAt": "2026-11-22T19:00:00Z" }),
            "\"start time must be before end time\"",
        ),
    ] {
        let before = world.inputs().len();
        let answer = sender.post(&json!([bad, { "labels": { "alertname": "good", "k8s.io/名": "x" } }])).await;
        assert_eq!(answer, (400, text.to_owned()));
        assert_eq!((world.inputs().len(), signals(&world).len()), (before + 1, 1));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_as_the_framework_does() {
    let world = World::new().await;
    let sender = Sender::of(&world).await;
    for body in ["{", "{}", r#"[{"labels":{"a":1}}]"#, r#"[{"labels":{"a":"b"},"startsAt":"soon"}]"#] {
        let (status, text) = sender.send(Method::POST, ALERTS, "application/json", body).await;
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status, &answer["code"]), (400, &json!(400)), "{body}");
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("parsing alerts body from \"\" failed, because "), "{message}");
    }
    let (status, text) = sender.send(Method::POST, ALERTS, "text/plain", "[]").await;
    let message = r#"unsupported media type \"text/plain\", only [application/json] are allowed"#;
    assert_eq!((status, text), (415, format!("{{\"code\":415,\"message\":\"{message}\"}}")));
    assert_eq!(sender.send(Method::POST, ALERTS, "application/json; charset=utf-8", "[]").await.0, 200);
    assert_eq!(sender.get("/api/v2/alerts?filter=bad").await, (400, "\"bad matcher format: bad\"".into()));
    let (status, text) = sender.get("/api/v2/silence/x").await;
    let message = r#"silenceID in path must be of type uuid: \"x\""#;
    assert_eq!((status, text), (422, format!("{{\"code\":601,\"message\":\"{message}\"}}")));
    let unknown = "/api/v2/silence/e5a0b1c2-1111-4222-8333-444455556666";
    assert_eq!(sender.get(unknown).await, (404, String::new()));
    let stuck = World::stuck().await;
    let sender = Sender::of(&stuck).await;
    assert_eq!(sender.post(&json!([{ "labels": { "a": "b" } }])).await.0, 503);
}

#[tokio::test]
async fn silences_are_refused_with_alertmanagers_words() {
    let world = World::new().await;
    let sender = Sender::of(&world).await;
    let silence = |matchers: Value, ends: &str| json!({ "matchers": matchers, "startsAt": "2026-11-22T19:00:00Z", "endsAt": ends, "createdBy": "a", "comment": "c" });
    let one = json!([{ "name": "alertname", "value": "x", "isRegex": false }]);
    let any = json!([{ "name": "alertname", "value": ".*", "isRegex": true, "isEqual": true }]);
    let path = "/integrations/alertmanager/api/v2/silences";
    for (body, status, part) in [
        (silence(json!([]), "2026-11-22T20:00:00Z"), 422, "\"code\":612"),
        (silence(one.clone(), "2026-11-22T18:00:00Z"), 400, "start time must be before end time"),
        (silence(one.clone(), "2026-11-22T19:05:00Z"), 400, "end time can't be in the past"),
        (
            silence(any, "2026-11-22T20:00:00Z"),
            400,
            "\"silence invalid: at least one matcher must not match the empty string\"",
        ),
        (
            json!({ "id": "e5a0b1c2-1111-4222-8333-444455556666", "matchers": one, "startsAt": "2026-11-22T19:00:00Z",
            "endsAt": "2026-11-22T20:00:00Z", "createdBy": "a", "comment": "c" }),
            404,
            "\"silence not found\"",
        ),
        (silence(one.clone(), "2026-11-22T20:00:00Z"), 200, "\"silenceID\":\"00000000-0000-4000-8000-"),
    ] {
        let (found, text) = sender.send(Method::POST, path, "application/json", &body.to_string()).await;
        assert!(found == status && text.contains(part), "{found} {text} for {body}");
    }
}

#[tokio::test]
async fn status_has_all_that_amtool_looks_at() {
    let world = World::new().await;
    let sender = Sender::of(&world).await;
    let status: Value = serde_json::from_str(&sender.get("/api/v2/status").await.1).expect("JSON");
    assert_eq!(status["cluster"]["status"], "ready");
    assert!(status["config"]["original"].is_string() && status["versionInfo"]["version"].is_string());
    assert_eq!(sender.get("/-/healthy").await, (200, "OK".into()));
    assert_eq!(sender.get("/api/v2/receivers").await, (200, r#"[{"name":"expense-critical"}]"#.into()));
    let alerts: Value = serde_json::from_str(&sender.get("/api/v2/alerts").await.1).expect("JSON");
    for alert in alerts.as_array().expect("a list") {
        assert!(alert["status"]["silencedBy"].is_array() && alert["receivers"][0]["name"].is_string(), "{alert}");
    }
    let groups: Value = serde_json::from_str(&sender.get("/api/v2/alerts/groups").await.1).expect("JSON");
    assert_eq!(groups[0]["receiver"]["name"], "expense-critical");
}

#[tokio::test]
async fn a_viewer_looks_and_writes_nothing() {
    let world = World::new().await;
    let mut sender = Sender::of(&world).await;
    sender.token = world.token("lead", Role::Viewer).await;
    assert_eq!(sender.get("/api/v2/alerts").await.0, 200);
    assert_eq!(sender.post(&json!([])).await.0, 403);
    let in_path = format!("/integrations/alertmanager/t/{}/api/v2/alerts", sender.token);
    assert_eq!(sender.send(Method::GET, &in_path, "application/json", "").await.0, 200);
    assert_eq!(sender.send(Method::POST, &in_path, "application/json", "[]").await.0, 403);
}

/// As captured from Alertmanager 0.25.
fn webhook() -> Value {
    json!({
        "receiver": "team\\.web\\+hook", "status": "firing", "alerts": [
            { "status": "firing", "labels": { "alertname": "DiskFull", "instance": "web-1", "job": "node", "severity": "critical" },
              "annotations": { "summary": "Disk is full" }, "startsAt": "2026-11-22T03:32:33.006739242Z",
              "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prom.example/graph", "fingerprint": "f0243985a26b1e00" },
            { "status": "resolved", "labels": { "alertname": "DiskFull", "instance": "web-2", "job": "node", "severity": "critical" },
              "annotations": {}, "startsAt": "2026-11-22T03:32:33Z", "endsAt": "2026-11-22T03:40:00Z", "generatorURL": "",
              "fingerprint": "eea61eb4b70811f9" },
        ],
        "groupLabels": { "alertname": "DiskFull" }, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://am.example:9093", "version": "4", "groupKey": "{}:{alertname=\"DiskFull\"}",
        "truncatedAlerts": 0, "notification_reason": "first notification",
    })
}

#[tokio::test]
async fn a_webhook_is_read_alert_by_alert() {
    let world = World::new().await;
    let sender = Sender::of(&world).await;
    let post =
        async |path: &str, body: &Value| sender.send(Method::POST, path, "application/json", &body.to_string()).await;
    assert_eq!(post(WEBHOOK, &webhook()).await.0, 200);
    let all = signals(&world);
    let shown: Vec<_> = all.iter().map(|s| (s.dedup_key.as_str(), s.action)).collect();
    assert_eq!(shown, [("am:f0243985a26b1e00", SignalAction::Fire), ("am:eea61eb4b70811f9", SignalAction::Resolve)]);
    assert!(all[0].more.told.as_ref().is_some_and(|t| t.lapses.is_none()), "it ends when it is said to be over");

    let custom = json!({ "text": "a payload of our own" });
    let (status, text) = post(WEBHOOK, &custom).await;
    assert!(status == 400 && text.contains("payload"), "{text}");
    let mut newer = webhook();
    newer["version"] = "5".into();
    assert_eq!(post(WEBHOOK, &newer).await.0, 400);
    assert_eq!(post(&format!("{WEBHOOK}/nobody"), &webhook()).await.0, 404);
    assert_eq!(post(&format!("{WEBHOOK}/t/{}", sender.token), &webhook()).await.0, 200);

    // Under overload 503, and never 429: that would be final.
    let stuck = World::stuck().await;
    let sender = Sender::of(&stuck).await;
    assert_eq!(sender.send(Method::POST, WEBHOOK, "application/json", &webhook().to_string()).await.0, 503);
}

#[tokio::test]
async fn a_webhook_of_its_own_has_keys_ends_and_heartbeats_of_its_own() {
    let world = World::new().await;
    let mut config = watchbell_config::Config::clone(&world.live.config.load());
    let source = watchbell_config::AlertSource {
        resolve_after: Some(watchbell_engine::time::Millis::hours(9)),
        heartbeats: [("DiskFull".to_owned(), "nightly-export".into())].into(),
        ..watchbell_config::AlertSource::default()
    };
    let quiet = watchbell_config::AlertSource { heartbeats: [].into(), ..source.clone() };
    config.integrations.webhooks = [("beats".to_owned(), source), ("prod".to_owned(), quiet)].into();
    world.live.config.store(std::sync::Arc::new(config));
    let sender = Sender::of(&world).await;
    let post =
        async |path: String| sender.send(Method::POST, &path, "application/json", &webhook().to_string()).await.0;
    assert_eq!(post(format!("{WEBHOOK}/prod")).await, 200);
    let all = signals(&world);
    assert_eq!(all[0].dedup_key.as_str(), "am:prod:f0243985a26b1e00");
    let lapse = all[0].more.told.as_ref().and_then(|t| t.lapses).expect("an end");
    assert_eq!(lapse.at, at("2026-11-23T04:12:40Z"));
    assert_eq!(post(format!("{WEBHOOK}/beats")).await, 200);
    assert!(matches!(world.inputs().pop(), Some(Input::Beat { probe, .. }) if probe.as_str() == "nightly-export"));
}
