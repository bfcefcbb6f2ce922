//! PagerDuty's Events API, version 2: whoever can page PagerDuty pages us with another address and another key.
//! Only the body's routing key says who asks.

mod body;
mod change;
mod event;

#[cfg(test)]
mod tests;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use watchbell_config::{Config, PagerdutyKey};

use super::Intake;
use super::alertmanager::answer;
use crate::gate::{Access, Gate, Routes};
use crate::inbox::Unavailable;

/// The largest body, bytes.
const BODY_LIMIT: usize = 512 * 1024;

/// A routing key has so many characters.
const KEY_CHARS: usize = 32;

/// After so long a client that was refused for now should come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Below the prefix, and at the root: some clients can only be given a host.
pub(super) fn routes(gate: Gate) -> Routes<Intake> {
    Routes::new(gate)
        .post("/integrations/pagerduty/v2/enqueue", Access::Link, event::take)
        .post("/integrations/pagerduty/v2/change/enqueue", Access::Link, change::take)
        .post("/v2/enqueue", Access::Link, event::take)
        .post("/v2/change/enqueue", Access::Link, change::take)
}

/// A body that is no JSON object.
fn unreadable() -> Response {
    let errors = ["JSON parse error"];
    let message = "Event object format is unrecognized";
    answer(StatusCode::BAD_REQUEST, &json!({ "status": "Unrecognized object", "message": message, "errors": errors }))
}

/// What is wrong with an event, all of it.
fn invalid(errors: &[String]) -> Response {
    let body = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
    answer(StatusCode::BAD_REQUEST, &body)
}

/// Every client tries this again; after a 5xx some give up.
fn come_again(why: Unavailable) -> Response {
    let body = json!({
        "status": "throttle exceeded",
        "message": "Requests for this service are arriving too quickly.",
        "errors": [why.to_string()],
    });
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, &body);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

/// The object of a body.
async fn object(body: Body) -> Result<serde_json::Map<String, Value>, Response> {
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
        let body = json!({
            "status": "invalid event", "message": "Event object is invalid",
            "errors": [format!("the event is larger than {} KiB", BODY_LIMIT / 1024)],
        });
        return Err(answer(StatusCode::PAYLOAD_TOO_LARGE, &body));
    };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(unreadable()),
    }
}

/// Whose routing key it is. Every key is compared, in constant time, so that the time taken tells nothing.
fn sender<'c>(config: &'c Config, key: Option<&str>, errors: &mut Vec<String>) -> Option<&'c PagerdutyKey> {
    let Some(key) = key else {
        errors.push("'routing_key' is missing or blank".into());
        return None;
    };
    if key.len() != KEY_CHARS {
        errors.push(format!("Length of 'routing_key' is incorrect (should be {KEY_CHARS} characters)"));
        return None;
    }
    let mut found = None;
    for known in &config.integrations.pagerduty {
        if verify_slices_are_equal(known.key.reveal().as_bytes(), key.as_bytes()).is_ok() {
            found = Some(known);
        }
    }
    if found.is_none() {
        errors.push("Invalid routing key".into());
    }
    found
}
