//! Whether the process lives, and whether it does its work.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::view::LiveView;

use super::App;

/// A commit must have succeeded this recently (design, section 8).
pub(super) const COMMIT_WITHIN: Millis = Millis::secs(10);

/// `GET /healthz`: the process lives and answers.
pub(super) async fn lives() -> Response {
    plain(StatusCode::OK, "ok\n".into())
}

/// `GET /readyz`: the state is loaded and a commit has just succeeded.
pub(super) async fn ready(State(app): State<App>) -> Response {
    match unready(&app.live.view.load(), app.clock.now()) {
        None => (StatusCode::OK, axum::Json(json!({ "ready": true, "reason": null }))).into_response(),
        Some(reason) => {
            let body = axum::Json(json!({ "ready": false, "reason": reason }));
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")], body).into_response()
        }
    }
}

/// Why the process does not do its work; `None` while it does.
pub(super) fn unready(view: &LiveView, now: jiff::Timestamp) -> Option<String> {
    match (view.at, view.last_commit) {
        (None, _) | (_, None) => Some("the state is not loaded yet".into()),
        (Some(_), Some(last)) => {
            let age = elapsed(last, now);
            (age > COMMIT_WITHIN)
                .then(|| format!("the last commit succeeded {:.1} s ago, at {last}", age.as_secs_f64()))
        }
    }
}

fn plain(status: StatusCode, text: String) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], text)
        .into_response()
}
