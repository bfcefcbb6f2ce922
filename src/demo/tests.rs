//! The demo's own routes, asked as a browser and a probe ask them.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::service::{Fault, PROBE_TOKEN};
use super::smtp::SmtpInbox;
use super::{DemoParts, router};
use crate::clock::Clock;

async fn parts() -> (DemoParts, Router) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let clock = Clock::manual("2026-11-24T19:12:04Z".parse().expect("a time"));
    let parts = DemoParts::new(clock, SmtpInbox::start(listener, CancellationToken::new()));
    let app = router(&parts);
    (parts, app)
}

async fn ask(app: &Router, request: Request<Body>) -> (StatusCode, String) {
    let answer = app.clone().oneshot(request).await.expect("a router always answers");
    let status = answer.status();
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("a small body");
    (status, String::from_utf8(bytes.to_vec()).expect("text"))
}

fn get(path: &str) -> Request<Body> {
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {PROBE_TOKEN}"));
    request.body(Body::empty()).expect("a request")
}

fn post(path: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header(header::AUTHORIZATION, format!("Bearer {PROBE_TOKEN}"));
    request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).expect("a request")
}

fn form(path: &str, body: &'static str) -> Request<Body> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(Body::from(body)).expect("a request")
}

fn json_of(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|e| panic!("{e} in {body}"))
}

#[tokio::test]
async fn the_service_has_state() {
    let (_parts, app) = parts().await;
    let login = json!({ "user": "synthetic", "password": "demo-password" });
    let (status, body) = ask(&app, post("/demo/api/v1/login", &login)).await;
    assert_eq!((status, json_of(&body)["token"].as_str()), (StatusCode::OK, Some("demo-session-1")));
    let (status, _) = ask(&app, post("/demo/api/v1/login", &json!({ "user": "synthetic", "password": "x" }))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    let invoice = json!({ "number": "INV-7", "total": "20.00" });
    let (status, body) = ask(&app, post("/demo/api/v1/invoices", &invoice)).await;
    let approval = json_of(&body)["approval"].as_str().expect("an approval").to_owned();
    assert_eq!(status, StatusCode::CREATED);
    let (_, body) = ask(&app, post("/demo/api/v1/invoices/verify", &invoice)).await;
    assert_eq!(json_of(&body), json!({ "verified": true, "total": "20.00" }));
    let (_, body) = ask(&app, get("/demo/api/v1/approvals/pending")).await;
    assert_eq!(
        (json_of(&body)["count"].as_u64(), json_of(&body)["items"].as_array().map(Vec::len)),
        (Some(2), Some(2))
    );
    let approve = format!("/demo/api/v1/approvals/{approval}/approve");
    let (status, _) = ask(&app, post(&approve, &json!({}))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = ask(&app, post(&approve, &json!({}))).await;
    assert_eq!(status, StatusCode::CONFLICT, "an approval is given once");
    let (status, body) = ask(&app, post("/demo/api/v1/uploads", &json!({}))).await;
    assert_eq!((status, json_of(&body)["stored"].as_bool()), (StatusCode::CREATED, Some(true)));
    let (_, body) = ask(&app, get("/demo/api/v1/upstream/tax/health")).await;
    assert_eq!(json_of(&body), json!({ "status": "ok" }));
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let (_parts, app) = parts().await;
    for path in ["/demo/api/v1/approvals/pending"] {
        let bare = Request::get(path).body(Body::empty()).expect("a request");
        assert_eq!(ask(&app, bare).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    let wrong = Request::post("/demo/api/v1/invoices/verify")
        .header(header::AUTHORIZATION, "Bearer demo-session-99")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(r#"{"number":"SYN-0001","total":"118.00"}"#))
        .expect("a request");
    assert_eq!(ask(&app, wrong).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_switch_breaks_and_mends() {
    let (parts, app) = parts().await;
    let synthetic = json!({ "number": "SYN-0001", "total": "118.00" });
    assert_eq!(ask(&app, post("/demo/api/v1/invoices/verify", &synthetic)).await.0, StatusCode::OK);

    let (status, _) = ask(&app, form("/demo/break", "do=verification503")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(ask(&app, post("/demo/api/v1/invoices/verify", &synthetic)).await.0, StatusCode::SERVICE_UNAVAILABLE);
    parts.service.break_it(Fault::ApprovalsStopped);
    assert_eq!(ask(&app, get("/demo/api/v1/approvals/pending")).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    let (_, page) = ask(&app, get("/demo/break")).await;
    assert!(page.contains("broken since 19:12:04 UTC") && page.contains("让发票验真变慢"), "{page}");

    ask(&app, form("/demo/break", "do=heal")).await;
    assert_eq!(ask(&app, post("/demo/api/v1/invoices/verify", &synthetic)).await.0, StatusCode::OK);
    let (_, body) = ask(&app, get("/demo/break.json")).await;
    let log = json_of(&body)["log"].as_array().map(Vec::len);
    assert_eq!(log, Some(3), "two breaks and one heal: {body}");
    let (status, body) = ask(&app, form("/demo/break", "do=explode")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("verification503, slow, approvals_stopped or heal"), "{body}");
}

#[tokio::test]
async fn the_phone_shows_a_page_once_and_lets_one_answer() {
    let (_parts, app) = parts().await;
    let page = json!({
        "type": "page", "page": { "id": "INC-1-p1", "attempt": 1 }, "to": { "person": "li.na", "channel": "hook" },
        "ticket": { "id": "INC-1", "title": "<b>发票验真中断</b>", "state": "triggered", "priority": "P1" },
        "alert": { "summary": "HTTP 503" }, "ack_url": "http://127.0.0.1:7247/a/INC-1-1-hook-x",
    });
    let hook = || {
        let mut request = post("/demo/phone/hook/li.na", &page);
        request.headers_mut().insert("webhook-id", "INC-1-p1-hook".parse().expect("a header"));
        request
    };
    assert_eq!(ask(&app, hook()).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ask(&app, hook()).await.0, StatusCode::NO_CONTENT);
    let (_, body) = ask(&app, get("/demo/phone/messages.json")).await;
    let arrived = json_of(&body);
    assert_eq!(arrived["messages"].as_array().map(Vec::len), Some(1), "a retry is the same message");
    assert_eq!(arrived["messages"][0]["repeats"], 1);
    let (_, shown) = ask(&app, get("/demo/phone")).await;
    assert!(
        shown.contains("http-equiv=\"refresh\"") && shown.contains("action=\"http://127.0.0.1:7247/a/INC-1-1-hook-x\"")
    );
    assert!(!shown.contains("<b>发票"), "what a webhook says is text, never markup");

    let (status, body) = ask(&app, post("/demo/phone/hook/li.na", &json!({ "hello": 1 }))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.starts_with("not a watchbell webhook"), "{body}");
    let robot = json!({ "msgtype": "text", "text": { "content": "P1 A" } });
    let (_, body) = ask(&app, post("/demo/phone/ding?access_token=demo", &robot)).await;
    assert_eq!(json_of(&body)["errcode"], 0);
}
