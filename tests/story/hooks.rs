//! The phones: a webhook receiver that keeps what it gets and checks the signature of each.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tower::ServiceExt as _;

use super::bell::now;
use super::town::{Event, HOOK_SECRET};

/// How the provider treats a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mood {
    /// Takes it.
    #[default]
    Answers,
    /// 503; nobody gets it.
    Refuses,
    /// Takes it and never answers.
    Hangs,
    /// Takes it and drops the connection.
    Drops,
}

/// Marks an answer that must not be sent.
#[derive(Clone)]
struct Dropped;

/// A message that arrived.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) at: Timestamp,
    /// `webhook-id`
    pub(super) id: String,
    /// At whose address it arrived.
    pub(super) person: String,
    pub(super) body: Value,
}

impl Got {
    pub(super) fn kind(&self) -> &str {
        self.text("/type")
    }

    pub(super) fn ticket(&self) -> &str {
        self.text("/ticket/id")
    }

    pub(super) fn page(&self) -> &str {
        self.text("/page/id")
    }

    pub(super) fn ack_url(&self) -> &str {
        self.text("/ack_url")
    }

    pub(super) fn probe(&self) -> &str {
        self.text("/alert/probe")
    }

    pub(super) fn attempt(&self) -> u64 {
        self.body["page"]["attempt"].as_u64().expect("an attempt is a number")
    }

    fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {}", self.body))
    }
}

#[derive(Clone)]
pub(super) struct Hooks(Arc<Inner>);

struct Inner {
    base: String,
    events: broadcast::Sender<Event>,
    state: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    got: Vec<Got>,
    bad: Vec<String>,
    think: Vec<Duration>,
    moods: Vec<Mood>,
    asked: usize,
    refused: usize,
}

impl Hooks {
    pub(super) async fn start(events: broadcast::Sender<Event>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let hooks = Self(Arc::new(Inner { base, events, state: Mutex::default() }));
        let app = Router::new().route("/{person}", post(take)).with_state(hooks.clone());
        tokio::spawn(serve(listener, app));
        hooks
    }

    pub(super) fn base(&self) -> &str {
        &self.0.base
    }

    /// Takes so long for its next answers, one after another and from the start again.
    pub(super) fn think(&self, pauses: Vec<Duration>) {
        self.with(|kept| kept.think = pauses);
    }

    /// Is in these moods for its next requests, one after another and from the start again.
    pub(super) fn moods(&self, moods: Vec<Mood>) {
        self.with(|kept| kept.moods = moods);
    }

    /// How many were refused; nobody got those.
    pub(super) fn refused(&self) -> usize {
        self.with(|kept| kept.refused)
    }

    /// What arrived, oldest first. Fails where one of them was not signed as it should.
    pub(super) fn got(&self) -> Vec<Got> {
        self.with(|kept| {
            assert_eq!(kept.bad, Vec::<String>::new(), "every webhook is signed");
            kept.got.clone()
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Kept) -> T) -> T {
        f(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Serves until the test ends. A connection whose request is to be dropped ends without an answer.
async fn serve(listener: TcpListener, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                let app = app.clone();
                async move {
                    let Ok(response) = app.oneshot(request.map(Body::new)).await;
                    let dropped = response.extensions().get::<Dropped>().is_some();
                    if dropped { Err(std::io::Error::other("the provider drops the connection")) } else { Ok(response) }
                }
            });
            let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            served.await.unwrap_or_default(); // dropped on purpose, or by a client that was killed
        });
    }
}

async fn take(State(hooks): State<Hooks>, Path(person): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let at = now();
    let checked = signed(&headers, &body, at);
    let (mood, pause) = hooks.with(|kept| {
        let mood = kept.moods.get(kept.asked % kept.moods.len().max(1)).copied().unwrap_or_default();
        kept.asked += 1;
        let read = checked.and_then(|id| match serde_json::from_slice(&body) {
            Ok(body) => Ok(Got { at, id, person, body }),
            Err(e) => Err(format!("no JSON: {e}")),
        });
        match read {
            Ok(_) if mood == Mood::Refuses => kept.refused += 1,
            Ok(got) => kept.got.push(got),
            Err(bad) => kept.bad.push(bad),
        }
        let turn = kept.got.len() % kept.think.len().max(1);
        (mood, kept.think.get(turn).copied().unwrap_or_default())
    });
    hooks.0.events.send(Event::Hook).unwrap_or_default(); // nobody may be listening
    tokio::time::sleep(pause).await;
    match mood {
        Mood::Answers => StatusCode::NO_CONTENT.into_response(),
        Mood::Refuses => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Hangs => std::future::pending().await,
        Mood::Drops => (Extension(Dropped), StatusCode::NO_CONTENT).into_response(),
    }
}

/// The id of a request that is signed as Standard Webhooks ask, or what is wrong with it.
fn signed(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<String, String> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|v| v.to_str().ok());
        value.map(str::to_owned).ok_or_else(|| format!("no header {name}"))
    };
    let (id, at, signature) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    let seconds: i64 = at.parse().map_err(|e| format!("webhook-timestamp {at}: {e}"))?;
    if (now.as_second() - seconds).abs() > 5 * 60 {
        return Err(format!("webhook-timestamp {at} is not now"));
    }
    let secret = STANDARD.decode(HOOK_SECRET.trim_start_matches("whsec_")).expect("our own secret");
    let mut content = format!("{id}.{at}.").into_bytes();
    content.extend_from_slice(body);
    let tag = STANDARD.decode(signature.trim_start_matches("v1,")).map_err(|e| format!("{signature}: {e}"))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    hmac::verify(&key, &content, &tag).map(|()| id).map_err(|_| format!("{signature} is not the body's"))
}
