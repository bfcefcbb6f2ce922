//! Who is on duty, then and now, and who stands in.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use watchbell_engine::catalog::{Override, Rotation};
use watchbell_engine::ids::OverrideId;
use watchbell_engine::input::{Answer, Deed};
use watchbell_engine::rotation::shift_at;
use watchbell_engine::view::{LiveView, OnDutyView, OverrideView};

use super::super::App;
use super::super::past::{Past, Span};
use super::shapes::{LayerView, Oncall, OverrideAsk, Overrides, RotationDuty, RotationShifts, RotationView, Rotations};
use super::{act, end, id, instant, key, unexpected};
use crate::gate::{Asked, Caller, JsonBody, Once, Params, Problem};

/// The span of shifts where none is asked for.
const SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The longest span of shifts that is answered: a year and some.
const SPAN_MAX: SignedDuration = SignedDuration::from_hours(400 * 24);

/// `?at=&rotation=`
#[derive(Debug, Default, Deserialize)]
pub(super) struct OncallQuery {
    at: Option<String>,
    rotation: Option<String>,
}

/// `?from=&to=`
#[derive(Debug, Default, Deserialize)]
pub(super) struct ShiftsQuery {
    from: Option<String>,
    to: Option<String>,
}

/// `GET oncall?at=&rotation=`; the past as it was recorded.
pub(super) async fn oncall(State(app): State<App>, Asked(query): Asked<OncallQuery>) -> Result<Json<Oncall>, Problem> {
    let config = app.live.config.load_full();
    let catalog = &*config.catalog;
    let view = app.live.view.load_full();
    let is_asked = query.at.is_some();
    let at = query.at.map_or_else(|| Ok(app.clock.now()), |text| instant(&text, &catalog.zone, "at"))?;
    let is_past = is_asked && at < app.clock.now();
    let only = query.rotation.map(|text| key(&catalog.rotations, &text, "rotation").map(|(id, _)| id)).transpose()?;
    let wanted = catalog.rotations.values().filter(|r| only.is_none_or(|id| r.id == *id));
    let past = if is_past { Past::load(&app, Span::around(at).from).await? } else { Past::default() };
    let duty = |rotation: &Rotation| {
        if let Some(known) = past.at(&app, catalog, rotation, at) {
            return known;
        }
        let shift = shift_at(catalog, rotation, &view.recorded, at);
        let on_duty =
            shift.into_iter().map(|(d, since, until)| OnDutyView { person: d.person, layer: d.layer, since, until });
        RotationDuty { id: rotation.id.clone(), recorded: false, on_duty: on_duty.collect() }
    };
    Ok(Json(Oncall { at, source: "server".into(), rotations: wanted.map(duty).collect() }))
}

/// `GET rotations`
pub(super) async fn rotations(State(app): State<App>) -> Json<Rotations> {
    let config = app.live.config.load();
    let view = app.live.view.load();
    let shown = |rotation: &Rotation| RotationView {
        id: rotation.id.clone(),
        time_zone: rotation.zone.iana_name().unwrap_or("UTC").into(),
        layers: rotation.layers.iter().map(|l| LayerView { id: l.id.clone(), people: l.people.clone() }).collect(),
        overrides: overrides_of(rotation, &view),
        gaps_allowed: rotation.gaps_allowed.clone(),
    };
    Json(Rotations { rotations: config.catalog.rotations.values().map(shown).collect(), next: None })
}

/// `GET rotations/{id}/shifts?from=&to=`: shifts and gaps that cover the span; the past as it was recorded.
pub(super) async fn shifts(
    State(app): State<App>,
    Params(text): Params<String>,
    Asked(query): Asked<ShiftsQuery>,
) -> Result<Json<RotationShifts>, Problem> {
    let config = app.live.config.load_full();
    let (_, rotation) = key(&config.catalog.rotations, &text, "rotation")?;
    let from = query.from.map_or_else(|| Ok(app.clock.now()), |text| instant(&text, &rotation.zone, "from"))?;
    let default_end = || from.checked_add(SPAN).map_err(|_| Problem::invalid("`from` lies at the end of the calendar"));
    let to = query.to.map_or_else(default_end, |text| instant(&text, &rotation.zone, "to"))?;
    if to <= from || to.duration_since(from) > SPAN_MAX {
        return Err(Problem::invalid("`to` must lie after `from`, and at most 400 days"));
    }
    let past = Past::load(&app, from).await?;
    Ok(Json(past.shifts(&app, &config.catalog, rotation, Span { from, to })))
}

/// `GET rotations/{id}/overrides`
pub(super) async fn overrides(
    State(app): State<App>,
    Params(text): Params<String>,
) -> Result<Json<Overrides>, Problem> {
    let config = app.live.config.load();
    let (_, rotation) = key(&config.catalog.rotations, &text, "rotation")?;
    Ok(Json(Overrides { overrides: overrides_of(rotation, &app.live.view.load()), next: None }))
}

/// `POST rotations/{id}/overrides`: 201 with the override.
pub(super) async fn stand_in(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(ask): JsonBody<OverrideAsk>,
) -> Result<(StatusCode, Json<OverrideView>), Problem> {
    let config = app.live.config.load_full();
    let (rotation_id, rotation) = key(&config.catalog.rotations, &text, "rotation")?;
    let from = instant(&ask.from, &rotation.zone, "from")?;
    let to = end(ask.to.as_deref(), ask.length.as_deref(), &rotation.zone, from)
        .map_err(|p| Problem { detail: p.detail.replace("`until`", "`to`"), ..p })?;
    let (rotation, person) = (rotation_id.clone(), ask.person);
    let deed = Deed::AddOverride {
        rotation: rotation.clone(),
        person: person.clone(),
        from,
        to,
        replaces: ask.replaces.clone(),
    };
    match act(&app, &once, &caller, deed).await? {
        Answer::Override(id) => Ok((
            StatusCode::CREATED,
            Json(OverrideView { id: Some(id), rotation, person, from, to, replaces: ask.replaces }),
        )),
        other => Err(unexpected(&other)),
    }
}

/// `DELETE rotations/{id}/overrides/{override}`: 204.
pub(super) async fn take_back(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params((rotation, text)): Params<(String, String)>,
    once: Once,
) -> Result<StatusCode, Problem> {
    let config = app.live.config.load_full();
    let (rotation, _) = key(&config.catalog.rotations, &rotation, "rotation")?;
    let override_id: OverrideId = id(&text)?;
    let elsewhere = |o: &Override| o.id == Some(override_id) && o.rotation != *rotation;
    if app.live.view.load().recorded.overrides.iter().any(elsewhere) {
        return Err(Problem::not_found(format!("{override_id} is not an override of `{rotation}`")));
    }
    act(&app, &once, &caller, Deed::RemoveOverride { override_id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn overrides_of(rotation: &Rotation, view: &LiveView) -> Vec<OverrideView> {
    let recorded = view.recorded.overrides.iter().filter(|o| o.rotation == rotation.id);
    rotation.overrides.iter().chain(recorded).map(OverrideView::from).collect()
}
