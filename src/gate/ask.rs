//! Handing an input to the engine for whoever asked, once per Idempotency-Key.

use axum::extract::FromRequestParts;
use http::request::Parts;
use watchbell_engine::ids::InputId;
use watchbell_engine::input::{Answer, Input};

use super::check::Caller;
use super::problem::Problem;
use crate::inbox::{Inbox, Lane};

/// The longest Idempotency-Key, bytes: four UUIDs and some.
const KEY_MAX: usize = 200;

/// The identity of a request, from its `Idempotency-Key`; each caller and path has keys of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once(Option<InputId>);

impl Once {
    /// Waits until the input is durable. A repeat of the key gets the first answer; a refusal is a problem.
    pub async fn ask(&self, inbox: &Inbox, lane: Lane, input: Input) -> Result<Answer, Problem> {
        let answer = match &self.0 {
            Some(id) => inbox.ask_as(id.clone(), lane, input).await?,
            None => inbox.ask(lane, input).await?,
        };
        match answer {
            Answer::Refused(refusal) => Err(refusal.into()),
            Answer::Done
            | Answer::Ticket { .. }
            | Answer::Signal { .. }
            | Answer::Signals(_)
            | Answer::Silence(_)
            | Answer::Maintenance(_)
            | Answer::Override(_)
            | Answer::Absence(_)
            | Answer::Cover(_)
            | Answer::Test(_) => Ok(answer),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Once {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(key) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let key = key.to_str().map(str::trim).unwrap_or_default();
        if key.is_empty() || key.len() > KEY_MAX {
            return Err(Problem::malformed(format!("the Idempotency-Key must have 1 to {KEY_MAX} ASCII characters")));
        }
        let caller = parts.extensions.get::<Caller>().map_or("", |c| c.name.as_str());
        Ok(Self(Some(InputId::from(format!("key {caller} {} {key}", parts.uri.path())))))
    }
}
