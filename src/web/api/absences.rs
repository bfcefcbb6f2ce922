//! Who has no duty for a while.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use watchbell_engine::ids::AbsenceId;
use watchbell_engine::input::{Answer, Deed};
use watchbell_engine::view::AbsenceView;

use super::super::App;
use super::shapes::{AbsenceAsk, Absences};
use super::{act, end, id, instant, key, unexpected};
use crate::gate::{Caller, JsonBody, Once, Params, Problem};

/// `GET absences`: those in YAML, then the recorded ones that have not ended.
pub(super) async fn list(State(app): State<App>) -> Json<Absences> {
    let config = app.live.config.load_full();
    let view = app.live.view.load();
    let written = config.catalog.people.values().flat_map(|person| &person.away);
    let absences = written.chain(&view.recorded.absences).map(AbsenceView::from).collect();
    Json(Absences { absences, next: None })
}

/// `POST absences`: 201 with the absence.
pub(super) async fn away(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    once: Once,
    JsonBody(ask): JsonBody<AbsenceAsk>,
) -> Result<(StatusCode, Json<AbsenceView>), Problem> {
    let config = app.live.config.load_full();
    let (person, known) = key(&config.catalog.people, ask.person.as_str(), "person")?;
    let from = instant(&ask.from, &known.zone, "from")?;
    let to = end(ask.to.as_deref(), ask.length.as_deref(), &known.zone, from)
        .map_err(|p| Problem { detail: p.detail.replace("`until`", "`to`"), ..p })?;
    let (person, reason) = (person.clone(), ask.reason.map(|r| r.trim().to_owned()).filter(|r| !r.is_empty()));
    let deed = Deed::AddAbsence { person: person.clone(), from, to, reason: reason.clone() };
    match act(&app, &once, &caller, deed).await? {
        Answer::Absence(id) => Ok((StatusCode::CREATED, Json(AbsenceView { id: Some(id), person, from, to, reason }))),
        other => Err(unexpected(&other)),
    }
}

/// `DELETE absences/{id}`: 204.
pub(super) async fn back(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
) -> Result<StatusCode, Problem> {
    let absence_id: AbsenceId = id(&text)?;
    act(&app, &once, &caller, Deed::RemoveAbsence { absence_id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
