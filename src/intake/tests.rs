//! Signals and heartbeats as their senders meet them.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use watchbell_engine::heartbeat::Beat;
use watchbell_engine::input::{Input, SignalAction};
use watchbell_engine::word::Severity;

use super::{Intake, access_table, edge_router, router};
use crate::gate::test_world::{BEAT_TOKEN, World};
use crate::gate::{Access, Role};

fn intake(world: &World) -> Intake {
    Intake::new(world.inbox.clone(), world.live.clone(), world.gate(true))
}

async fn send(router: &Router, method: Method, path: &str, token: Option<&str>, body: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    let request = token.iter().fold(request, |r, t| r.header(header::AUTHORIZATION, format!("Bearer {t}")));
    let response = router.clone().oneshot(request.body(Body::from(body.to_owned())).expect("a request")).await;
    let (parts, body) = response.expect("a router always answers").into_parts();
    let body = body.collect().await.expect("a body that ends").to_bytes();
    (parts.status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn a_job_reports_with_any_method() {
    let world = World::new().await;
    let router = edge_router(intake(&world));
    for (method, rest, beat) in [
        (Method::GET, "", Beat::Success),
        (Method::POST, "", Beat::Success),
        (Method::HEAD, "", Beat::Success),
        (Method::POST, "/start", Beat::Start),
        (Method::GET, "/fail", Beat::Fail),
        (Method::GET, "/0", Beat::Exit(0)),
        (Method::POST, "/137", Beat::Exit(137)),
    ] {
        let path = format!("/ping/{BEAT_TOKEN}{rest}");
        let (status, body) = send(&router, method.clone(), &path, None, "some log output").await;
        assert_eq!(status, 200, "{method} {path}: {body}");
        let expected = Input::Beat { probe: "nightly-export".into(), beat };
        assert_eq!(world.inputs().last(), Some(&expected), "{method} {path}");
    }
}

#[tokio::test]
async fn a_beat_that_means_nothing_is_refused() {
    let world = World::new().await;
    let router = edge_router(intake(&world));
    for (path, expected) in [
        ("/ping/nightly".to_owned(), 404),
        ("/ping/nightly-7f3b/start".to_owned(), 404),
        (format!("/ping/{BEAT_TOKEN}/done"), 400),
        (format!("/ping/{BEAT_TOKEN}/99999999999"), 400),
    ] {
        let (status, body) = send(&router, Method::GET, &path, None, "").await;
        assert_eq!(status.as_u16(), expected, "{path}");
        assert!(body.contains("\"help\"") && !body.contains(BEAT_TOKEN), "{body}");
    }
    assert!(world.inputs().is_empty());
}

#[tokio::test]
async fn a_beat_is_acknowledged_only_when_it_is_durable() {
    let world = World::stuck().await;
    let (status, body) =
        send(&edge_router(intake(&world)), Method::GET, &format!("/ping/{BEAT_TOKEN}"), None, "").await;
    assert_eq!(status, 503, "{body}");
}

#[tokio::test]
async fn a_signal_is_taken_in_with_its_key_and_its_sender() {
    let world = World::new().await;
    let router = router(intake(&world));
    let token = world.token("billing", Role::Responder).await;
    let body = r#"{"dedup_key":"batch-7","action":"fire","summary":"对账失败","severity":"critical",
        "labels":{"service":"billing","attempt":3,"final":true},"client":"unknown keys pass"}"#;
    let (status, answer) = send(&router, Method::POST, "/api/v1/signals", Some(&token), body).await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(
        (status.as_u16(), answer["dedup_key"].as_str(), answer["ticket"].as_str()),
        (202, Some("api:batch-7"), Some("INC-43"))
    );
    let Some(Input::Signal(signal)) = world.inputs().pop() else { panic!("a signal") };
    assert_eq!(
        (signal.source.as_str(), signal.severity, signal.action),
        ("billing", Severity::Critical, SignalAction::Fire)
    );
    assert_eq!((signal.labels["attempt"].as_str(), signal.labels["final"].as_str()), ("3", "true"));
    let over = r#"{"dedup_key":"api:batch-7","action":"resolve"}"#;
    assert_eq!(send(&router, Method::POST, "/api/v1/signals", Some(&token), over).await.0, 202);
    assert!(matches!(world.inputs().pop(), Some(Input::Signal(s)) if s.dedup_key.as_str() == "api:batch-7"));
}

#[tokio::test]
async fn a_signal_without_sense_is_refused() {
    let world = World::new().await;
    let router = router(intake(&world));
    let token = world.token("billing", Role::Responder).await;
    for (body, expected) in [
        (r#"{"dedup_key":"","summary":"x"}"#, 422),
        (r#"{"dedup_key":"a"}"#, 422),
        (r#"{"summary":"x"}"#, 422),
        (r#"{"dedup_key":"a","summary":"x","severity":"awful"}"#, 422),
        (r#"{"dedup_key":"a""#, 400),
    ] {
        let (status, answer) = send(&router, Method::POST, "/api/v1/signals", Some(&token), body).await;
        assert_eq!(status.as_u16(), expected, "{body}: {answer}");
    }
    assert!(world.inputs().is_empty());
}

#[tokio::test]
async fn a_list_of_signals_is_one_input() {
    let world = World::new().await;
    let router = router(intake(&world));
    let token = world.token("billing", Role::Responder).await;
    let list = |n: usize| {
        let all: Vec<Value> =
            (0..n).map(|n| serde_json::json!({ "dedup_key": n.to_string(), "summary": "x" })).collect();
        Value::Array(all).to_string()
    };
    let (status, answer) = send(&router, Method::POST, "/api/v1/signals", Some(&token), &list(1_000)).await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status.as_u16(), answer["signals"].as_array().map(Vec::len)), (202, Some(1_000)));
    assert_eq!(
        (&answer["signals"][7]["dedup_key"], &answer["signals"][7]["ticket"]),
        (&"api:7".into(), &"INC-43".into())
    );
    assert!(matches!(world.inputs().pop(), Some(Input::Signals(all)) if all.len() == 1_000));
    assert_eq!(send(&router, Method::POST, "/api/v1/signals", Some(&token), &list(1_001)).await.0, 422);
    let bad = r#"[{"dedup_key":"a","summary":"x"},{"dedup_key":""}]"#;
    let (status, answer) = send(&router, Method::POST, "/api/v1/signals", Some(&token), bad).await;
    assert!(status == 422 && answer.contains("\"index\":1"), "{answer}");
    let large = format!(r#"{{"dedup_key":"a","summary":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(send(&router, Method::POST, "/api/v1/signals", Some(&token), &large).await.0, 413);
    assert_eq!(world.inputs().len(), 1);
}

#[tokio::test]
async fn only_responders_send_signals() {
    let world = World::new().await;
    let router = router(intake(&world));
    let viewer = world.token("lead", Role::Viewer).await;
    assert_eq!(send(&router, Method::POST, "/api/v1/signals", None, "{}").await.0, 401);
    assert_eq!(send(&router, Method::POST, "/api/v1/signals", Some(&viewer), "{}").await.0, 403);
    for declared in access_table(&intake(&world)) {
        let (path, reads) = (declared.path, declared.method == Method::GET);
        let by_link = ["/ping/", "/v2/", "/integrations/pagerduty/"].iter().any(|head| path.starts_with(head));
        let expected = match () {
            () if path.contains("/-/") => Access::Public,
            () if by_link || path.contains("/t/{token}") => Access::Link,
            () if reads => Access::Viewer,
            () => Access::Responder,
        };
        assert_eq!(declared.access, expected, "{path}");
    }
}
