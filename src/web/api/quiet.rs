//! Silences: page nobody for what matches, until a mandatory end.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use watchbell_engine::ids::SilenceId;
use watchbell_engine::input::{Answer, Deed};
use watchbell_engine::label::{BadMatcher, Matcher};
use watchbell_engine::view::SilenceView;

use super::super::App;
use super::shapes::{SilenceAsk, Silences};
use super::{act, end, id, unexpected};
use crate::gate::{Caller, JsonBody, Once, Params, Problem};

/// `GET silences`
pub(super) async fn list(State(app): State<App>) -> Json<Silences> {
    Json(Silences { silences: app.live.view.load().silences.clone(), next: None })
}

/// `POST silences`: 201 with the silence.
pub(super) async fn silence(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    once: Once,
    JsonBody(ask): JsonBody<SilenceAsk>,
) -> Result<(StatusCode, Json<SilenceView>), Problem> {
    let parsed: Result<Vec<Matcher>, BadMatcher> = ask.matchers.iter().map(|text| text.parse()).collect();
    let matchers = parsed.map_err(|e| Problem::invalid(e.to_string()))?;
    let config = app.live.config.load_full();
    let now = app.clock.now();
    let until = end(ask.until.as_deref(), ask.length.as_deref(), &config.catalog.zone, now)?;
    let deed = Deed::AddSilence { matchers: matchers.clone(), until, reason: ask.reason.clone() };
    match act(&app, &once, &caller, deed).await? {
        Answer::Silence(id) => {
            let recorded = app.live.view.load().silences.iter().find(|s| s.id == id).cloned();
            let by = caller.actor(&config.catalog).name;
            let fresh = SilenceView { id, matchers, from: now, until, by, reason: ask.reason, silenced: 0 };
            Ok((StatusCode::CREATED, Json(recorded.unwrap_or(fresh))))
        }
        other @ (Answer::Done
        | Answer::Ticket { .. }
        | Answer::Signal { .. }
        | Answer::Override(_)
        | Answer::Absence(_)
        | Answer::Test(_)
        | Answer::Refused(_)) => Err(unexpected(&other)),
    }
}

/// `DELETE silences/{id}`: 204.
pub(super) async fn end_now(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
) -> Result<StatusCode, Problem> {
    let silence: SilenceId = id(&text)?;
    act(&app, &once, &caller, Deed::EndSilence { silence }).await?;
    Ok(StatusCode::NO_CONTENT)
}
