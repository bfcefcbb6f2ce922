//! The service that is watched: an ordinary HTTP service that answers properly, or 503.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use super::bell::now;
use super::town::Event;

#[derive(Clone)]
pub(super) struct Target(Arc<Inner>);

struct Inner {
    base: String,
    events: broadcast::Sender<Event>,
    state: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    broken: BTreeSet<String>,
    asked: Vec<(String, Timestamp)>,
}

impl Target {
    pub(super) async fn start(events: broadcast::Sender<Event>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let target = Self(Arc::new(Inner { base, events, state: Mutex::default() }));
        let app = Router::new().fallback(answer).with_state(target.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        target
    }

    pub(super) fn base(&self) -> &str {
        &self.0.base
    }

    /// From now on this path answers 503.
    pub(super) fn fail(&self, path: &str) {
        self.state().broken.insert(path.into());
    }

    /// From now on it answers properly again.
    pub(super) fn heal(&self, path: &str) {
        self.state().broken.remove(path);
    }

    /// When this path was asked.
    pub(super) fn asked(&self, path: &str) -> Vec<Timestamp> {
        self.state().asked.iter().filter(|(p, _)| p == path).map(|(_, at)| *at).collect()
    }

    fn state(&self) -> MutexGuard<'_, Seen> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(target): State<Target>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    let broken = {
        let mut state = target.state();
        state.asked.push((path.clone(), now()));
        state.broken.contains(&path)
    };
    if broken {
        target.0.events.send(Event::Failing).unwrap_or_default(); // nobody may be listening
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": "out of order" }))).into_response();
    }
    let signed_in = headers.get("authorization").is_some_and(|v| v == "Bearer probe-token-of-the-story");
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (method.as_str(), path.as_str()) {
        ("POST", "/v1/login") if asked["password"] == "probe-password-of-the-story" => {
            Json(json!({ "token": "t" })).into_response()
        }
        ("GET", "/healthz" | "/v1/upstream/tax/health") => Json(json!({ "status": "ok" })).into_response(),
        ("GET", plain) if plain.starts_with("/plain/") => StatusCode::OK.into_response(),
        _ if !signed_in => StatusCode::UNAUTHORIZED.into_response(),
        ("POST", "/v1/invoices/verify") => {
            Json(json!({ "verified": asked["number"] == "SYN-0001", "total": asked["total"] })).into_response()
        }
        ("POST", "/v1/invoices") => (StatusCode::CREATED, Json(asked)).into_response(),
        ("GET", "/v1/approvals/pending") => Json(json!({ "count": 0, "items": [] })).into_response(),
        ("POST", "/v1/uploads") => (StatusCode::CREATED, Json(json!({ "stored": true }))).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
