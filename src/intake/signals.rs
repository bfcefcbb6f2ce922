//! `POST /api/v1/signals`: another system says that something fires, or is over.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use watchbell_engine::ids::{DedupKey, TicketId};
use watchbell_engine::input::{Answer, Input, Signal, SignalAction};
use watchbell_engine::word::Severity;

use super::Intake;
use crate::gate::{Caller, JsonBody, Once, Problem};
use crate::inbox::Lane;

/// What stands before the keys of this door, so that they never meet those of another.
const PREFIX: &str = "api:";

/// The longest key, bytes.
const KEY_MAX: usize = 255;

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

/// `POST /api/v1/signals`: 202 once it is durable.
#[tracing::instrument(name = "intake.signal.take", skip_all)]
pub(super) async fn take(
    State(intake): State<Intake>,
    Extension(caller): Extension<Caller>,
    once: Once,
    JsonBody(ask): JsonBody<SignalAsk>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let signal = signal(ask, caller.name)?;
    let key = signal.dedup_key.clone();
    let taken = match once.ask(&intake.inbox, Lane::Signals, Input::Signal(signal)).await? {
        Answer::Signal { dedup_key, ticket } => Taken { dedup_key, ticket },
        Answer::Ticket { ticket, .. } => Taken { dedup_key: key, ticket: Some(ticket) },
        Answer::Done
        | Answer::Silence(_)
        | Answer::Override(_)
        | Answer::Absence(_)
        | Answer::Test(_)
        | Answer::Refused(_) => Taken { dedup_key: key, ticket: None },
    };
    Ok((StatusCode::ACCEPTED, Json(taken)))
}

fn signal(ask: SignalAsk, source: String) -> Result<Signal, Problem> {
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
        source,
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
