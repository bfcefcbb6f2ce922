//! Status, receivers, health.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::alerts::{Name, time};
use super::errors::answer;
use super::who::Reads;
use crate::intake::Intake;

/// The version of Alertmanager's API that is served: `amtool` warns where it knows another.
const VERSION: &str = "0.28.0";

/// A commit this recent proves that alerts can be taken in, seconds (design, section 8).
const PROOF_LASTS_S: i64 = 10;

/// `GET status`. The configuration is ours, and holds secrets: only what it comes to is told.
pub(super) async fn status(State(intake): State<Intake>, _: Reads) -> Response {
    let revision = intake.live.config.load().catalog.revision.to_string();
    let original = format!("# watchbell {}, configuration {revision}\n", env!("CARGO_PKG_VERSION"));
    let status = json!({
        "cluster": { "name": "watchbell", "status": "ready", "peers": [] },
        "config": { "original": original },
        "uptime": time(intake.since),
        "versionInfo": {
            "version": VERSION, "revision": revision, "branch": "watchbell", "buildUser": "", "buildDate": "",
            "goVersion": "",
        },
    });
    answer(StatusCode::OK, &status)
}

/// `GET receivers`: whoever a route can lead to.
pub(super) async fn receivers(State(intake): State<Intake>, _: Reads) -> Response {
    let config = intake.live.config.load();
    let names: Vec<Name> = config.catalog.policies.keys().map(|id| Name { name: id.to_string() }).collect();
    answer(StatusCode::OK, &names)
}

/// `GET /-/healthy`
pub(super) async fn ok() -> &'static str {
    "OK"
}

/// `GET /-/ready`: whether what is posted now can be written.
pub(super) async fn ready(State(intake): State<Intake>) -> Response {
    let (now, last) = (intake.gate.clock.now(), intake.live.view.load().last_commit);
    if last.is_some_and(|at| now.duration_since(at).as_secs() < PROOF_LASTS_S) {
        return "OK".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "paging cannot write to its store right now").into_response()
}
