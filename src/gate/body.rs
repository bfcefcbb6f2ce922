//! Reading what a request carries, every mistake as a problem document.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::header;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The largest body of every route that names no other limit, bytes (design, section 8).
pub const BODY_LIMIT: usize = 64 * 1024;

/// A JSON body within [`BODY_LIMIT`]; no body at all reads as `{}`.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let body = Bytes::from_request(request, state).await.map_err(|e| match e.status().as_u16() {
            413 => Problem::too_large(BODY_LIMIT),
            _ => Problem::malformed("the body ended before its stated length"),
        })?;
        if body.is_empty() {
            return read(b"{}").map(Self);
        }
        if let Some(kind) = kind.filter(|kind| !is_json(kind)) {
            return Err(Problem::not_json(&kind));
        }
        read(&body).map(Self)
    }
}

fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| {
        let detail = format!("the body's JSON: {e}");
        if e.is_data() { Problem::invalid(detail) } else { Problem::malformed(detail) }
    })
}

/// Parts of the path.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|e| Problem::malformed(e.body_text()))
    }
}

/// The query after `?`.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|e| Problem::malformed(e.body_text()))
    }
}
