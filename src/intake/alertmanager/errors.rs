//! Refusals in the shapes that Alertmanager's clients read: a bare JSON text where a handler refuses, `code` and
//! `message` where the framework does.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;

use crate::gate::Problem;
use crate::inbox::Unavailable;
use crate::store::StoreError;

/// Why a request is refused.
#[derive(Debug)]
pub(in crate::intake) enum ApiError {
    /// A bare text.
    Text(StatusCode, String),
    /// `{"code","message"}`
    Coded { status: StatusCode, code: u16, message: String },
    /// The status alone.
    Bare(StatusCode),
}

impl ApiError {
    /// 400 with a bare text.
    pub(in crate::intake) fn bad(text: impl Into<String>) -> Self {
        Self::Text(StatusCode::BAD_REQUEST, text.into())
    }

    /// A refusal of the framework whose code is the status.
    pub(in crate::intake) fn framework(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Coded { status, code: status.as_u16(), message: message.into() }
    }

    /// 422 with a code of the validator.
    pub(in crate::intake) fn invalid(code: u16, message: impl Into<String>) -> Self {
        Self::Coded { status: StatusCode::UNPROCESSABLE_ENTITY, code, message: message.into() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Text(status, text) => answer(status, &text),
            Self::Coded { status, code, message } => answer(status, &json!({ "code": code, "message": message })),
            Self::Bare(status) => (status, no_store()).into_response(),
        }
    }
}

/// 503: Prometheus drops the batch, and says everything again with the next one.
impl From<Unavailable> for ApiError {
    fn from(why: Unavailable) -> Self {
        Self::Text(StatusCode::SERVICE_UNAVAILABLE, why.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = ?error, "the store cannot be read: {error}");
        Self::Text(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read right now".into())
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        let detail = problem.document()["detail"].as_str().unwrap_or_default().to_owned();
        Self::Text(problem.status, detail)
    }
}

/// A JSON answer that nobody keeps.
pub(in crate::intake) fn answer<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], no_store(), body).into_response(),
        Err(error) => Problem::ours(error.to_string()).into_response(),
    }
}

/// 200 without a body.
pub(in crate::intake) fn empty() -> Response {
    (StatusCode::OK, no_store(), Body::empty()).into_response()
}

fn no_store() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}

/// Refuses what is not declared as JSON.
pub(in crate::intake) fn is_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("application/octet-stream");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("unsupported media type {kind:?}, only [application/json] are allowed");
    Err(ApiError::framework(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}
