//! `POST /api/v1/signals`: another system says that something fires, or is over.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::StreamExt as _;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use watchbell_engine::ids::{DedupKey, TicketId};
use watchbell_engine::input::{Answer, Input, More, Signal, SignalAction};
use watchbell_engine::word::Severity;

use super::Intake;
use crate::gate::{BODY_LIMIT, Caller, JsonBody, Once, Problem};
use crate::inbox::Lane;

/// What stands before the keys of this door, so that they never meet those of another.
const PREFIX: &str = "api:";

/// The longest key, bytes.
const KEY_MAX: usize = 255;

/// The most signals of one list.
const LIST_MAX: usize = 1_000;

/// The largest list, bytes: a thousand signals of a kilobyte.
const LIST_LIMIT: usize = 1_024 * 1_024;

/// The body. Keys that we do not know are let pass: senders add their own.
#[derive(Debug, Deserialize)]
pub(super) struct SignalAsk {
    dedup_key: String,
    #[serde(default = "fire")]
    action: SignalAction,
    #[serde(default)]
    summary: String,
    #[serde(default = "error")]
    severity: Severity,
    #[serde(default)]
    labels: BTreeMap<String, Value>,
    #[serde(default)]
    started_at: Option<Timestamp>,
}

fn fire() -> SignalAction {
    SignalAction::Fire
}

fn error() -> Severity {
    Severity::Error
}

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    dedup_key: DedupKey,
    ticket: Option<TicketId>,
}

/// The answer to a list.
#[derive(Debug, Serialize)]
struct TakenList {
    signals: Vec<Taken>,
    next: Option<()>,
}

/// `POST /api/v1/signals`: one signal, or a list of them; 202 once all of it is durable.
#[tracing::instrument(name = "intake.signal.take", skip_all)]
pub(super) async fn take(
    State(intake): State<Intake>,
    Extension(caller): Extension<Caller>,
    once: Once,
    SignalBody(body): SignalBody,
) -> Result<Response, Problem> {
    match body {
        Said::One(ask) => take_one(&intake, &once, signal(ask, &caller.name)?).await,
        Said::Many(asks) => take_many(&intake, &once, asks, &caller.name).await,
    }
}

async fn take_one(intake: &Intake, once: &Once, signal: Signal) -> Result<Response, Problem> {
    let key = signal.dedup_key.clone();
    let taken = match once.ask(&intake.inbox, Lane::Signals, Input::Signal(signal)).await? {
        Answer::Signal { dedup_key, ticket } => Taken { dedup_key, ticket },
        Answer::Ticket { ticket, .. } => Taken { dedup_key: key, ticket: Some(ticket) },
        _ => Taken { dedup_key: key, ticket: None },
    };
    Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
}

async fn take_many(intake: &Intake, once: &Once, asks: Vec<SignalAsk>, source: &str) -> Result<Response, Problem> {
    let numbered = asks.into_iter().enumerate();
    let signals = numbered.map(|(n, ask)| signal(ask, source).map_err(|problem| problem.with("index", n)));
    let signals = signals.collect::<Result<Vec<Signal>, Problem>>()?;
    let keys: Vec<DedupKey> = signals.iter().map(|s| s.dedup_key.clone()).collect();
    let tickets = match once.ask(&intake.inbox, Lane::Signals, Input::Signals(signals)).await? {
        Answer::Signals(tickets) => tickets,
        _ => Vec::new(),
    };
    let tickets = tickets.into_iter().chain(std::iter::repeat(None));
    let signals = keys.into_iter().zip(tickets).map(|(dedup_key, ticket)| Taken { dedup_key, ticket }).collect();
    Ok((StatusCode::ACCEPTED, Json(TakenList { signals, next: None })).into_response())
}

/// Reads a body, and whether it is a list. One that is no list is refused as soon as it is too long for one
/// signal, however much is still to come.
async fn read(body: Body) -> Result<(Vec<u8>, bool), Problem> {
    let mut chunks = body.into_data_stream();
    let (mut read, mut is_list) = (Vec::new(), false);
    while let Some(chunk) = chunks.next().await {
        read.extend_from_slice(&chunk.map_err(|_| Problem::invalid("the body could not be read to its end"))?);
        is_list = read.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
        let limit = if is_list { LIST_LIMIT } else { BODY_LIMIT };
        if read.len() > limit {
            return Err(Problem::too_large(limit));
        }
    }
    Ok((read, is_list))
}

/// What a body says.
#[derive(Debug)]
enum Said {
    One(SignalAsk),
    Many(Vec<SignalAsk>),
}

/// One signal within the limit of every body; a list within a limit of its own.
#[derive(Debug)]
pub(super) struct SignalBody(Said);

impl<S: Send + Sync> FromRequest<S> for SignalBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let (body, is_list) = read(body).await?;
        let request = Request::from_parts(parts, Body::from(body));
        if !is_list {
            return JsonBody::from_request(request, state).await.map(|JsonBody(ask)| Self(Said::One(ask)));
        }
        let mut request = request;
        DefaultBodyLimit::max(LIST_LIMIT).apply(&mut request);
        let JsonBody(asks) = JsonBody::<Vec<SignalAsk>>::from_request(request, state).await?;
        if asks.len() > LIST_MAX {
            return Err(Problem::invalid(format!(
                "a list has at most {LIST_MAX} signals; this one has {}",
                asks.len()
            )));
        }
        Ok(Self(Said::Many(asks)))
    }
}

fn signal(ask: SignalAsk, source: &str) -> Result<Signal, Problem> {
    let key = ask.dedup_key.trim();
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(Problem::invalid(format!("`dedup_key` must have 1 to {KEY_MAX} bytes")));
    }
    let summary = ask.summary.trim();
    if summary.is_empty() && ask.action == SignalAction::Fire {
        return Err(Problem::invalid("`summary` must not be empty: it is what the page says"));
    }
    let key = key.strip_prefix(PREFIX).unwrap_or(key);
    let labels = ask.labels.into_iter().map(|(name, value)| (name, as_text(value)));
    Ok(Signal {
        dedup_key: DedupKey::from(format!("{PREFIX}{key}")),
        action: ask.action,
        summary: summary.to_owned(),
        severity: ask.severity,
        labels: labels.collect(),
        started_at: ask.started_at,
        source: source.to_owned(),
        more: More::default(),
    })
}

/// Senders write numbers and flags as they please; a label is a text.
fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
