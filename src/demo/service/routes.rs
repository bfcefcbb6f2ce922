//! The HTTP side of the expense service.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::ledger::{NotApproved, cents};
use super::{Fault, PROBE_TOKEN, PROBE_USER, Service};

/// How long a verification takes when it is slow: over the shipped bound of 1.5 s, under the timeout of 2 s.
const SLOW: Duration = Duration::from_millis(1_700);

/// The largest body that is taken.
const BODY_LIMIT: usize = 64 * 1024;

/// The endpoints, to be nested under a prefix.
pub fn router(service: Service) -> Router {
    Router::new()
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/v1/login", post(login))
        .route("/v1/invoices", post(submit))
        .route("/v1/invoices/verify", post(verify))
        .route("/v1/approvals/pending", get(pending))
        .route("/v1/approvals/{id}/approve", post(approve))
        .route("/v1/upstream/tax/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/v1/uploads", post(upload))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(service)
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

async fn login(State(service): State<Service>, Json(asked): Json<Login>) -> Response {
    if (asked.user.as_str(), asked.password.as_str()) != PROBE_USER {
        return refuse(StatusCode::UNAUTHORIZED, "wrong user or password");
    }
    let token = service.inner().ledger.sign_in();
    Json(json!({ "token": token })).into_response()
}

/// What both submitting and verifying name.
#[derive(Deserialize)]
struct InvoiceAsked {
    number: String,
    total: String,
}

async fn submit(State(service): State<Service>, headers: HeaderMap, Json(asked): Json<InvoiceAsked>) -> Response {
    if let Err(refused) = signed_in(&service, &headers) {
        return *refused;
    }
    if asked.number.is_empty() || asked.number.len() > 64 || cents(&asked.total).is_none() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "an invoice needs a number and a total such as \"118.00\"");
    }
    let invoice = service.inner().ledger.submit(asked.number, asked.total);
    (StatusCode::CREATED, Json(invoice)).into_response()
}

async fn verify(State(service): State<Service>, headers: HeaderMap, Json(asked): Json<InvoiceAsked>) -> Response {
    let faults = service.serve("verify");
    if faults.contains(&Fault::Slow) {
        tokio::time::sleep(SLOW).await;
    }
    if faults.contains(&Fault::Verification503) {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the tax bureau's gateway does not answer");
    }
    if let Err(refused) = signed_in(&service, &headers) {
        return *refused;
    }
    let total = service.inner().ledger.verify(&asked.number, &asked.total);
    Json(json!({ "verified": total.is_some(), "total": total })).into_response()
}

async fn pending(State(service): State<Service>, headers: HeaderMap) -> Response {
    if service.serve("approvals").contains(&Fault::ApprovalsStopped) {
        return workflow_stopped();
    }
    if let Err(refused) = signed_in(&service, &headers) {
        return *refused;
    }
    let items = service.inner().ledger.pending();
    Json(json!({ "count": items.len(), "items": items })).into_response()
}

async fn approve(State(service): State<Service>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    if service.serve("approve").contains(&Fault::ApprovalsStopped) {
        return workflow_stopped();
    }
    if let Err(refused) = signed_in(&service, &headers) {
        return *refused;
    }
    let given = service.inner().ledger.approve(&id);
    match given {
        Ok(approval) => Json(approval).into_response(),
        Err(NotApproved::NoSuchApproval) => refuse(StatusCode::NOT_FOUND, "there is no such approval"),
        Err(NotApproved::AlreadyApproved) => refuse(StatusCode::CONFLICT, "it is approved already"),
    }
}

async fn upload(State(service): State<Service>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = signed_in(&service, &headers) {
        return *refused;
    }
    let uploads = service.inner().ledger.store_upload();
    let answer = json!({ "stored": true, "bytes": body.len(), "uploads": uploads });
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// Whether the request carries the probes' token or one of a session.
fn signed_in(service: &Service, headers: &HeaderMap) -> Result<(), Box<Response>> {
    let token =
        headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    match token {
        Some(token) if token == PROBE_TOKEN || service.inner().ledger.knows(token) => Ok(()),
        Some(_) | None => {
            Err(Box::new(refuse(StatusCode::UNAUTHORIZED, "sign in first, and send the token as a bearer")))
        }
    }
}

fn workflow_stopped() -> Response {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "the approval workflow has stopped")
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
