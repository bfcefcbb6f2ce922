//! Requests that somebody takes a shift: cover and swap.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_engine::cover::CoverSpan;
use watchbell_engine::ids::{CoverId, PersonId};
use watchbell_engine::input::{Answer, Deed};
use watchbell_engine::view::CoverView;

use super::super::App;
use super::shapes::{CoverAnswer, CoverAsk, CoverDone, Covers, SwapAsk};
use super::{act, end, id, instant, key, unexpected};
use crate::gate::{Caller, JsonBody, Once, Params, Problem};

/// `GET covers`: those that nobody has answered, the oldest first.
pub(super) async fn list(State(app): State<App>) -> Json<Covers> {
    Json(Covers { covers: app.live.view.load().covers.clone(), next: None })
}

/// `POST covers`: 201 with the request; a swap where it names `swap_for`.
pub(super) async fn ask(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    once: Once,
    JsonBody(asked): JsonBody<CoverAsk>,
) -> Result<(StatusCode, Json<CoverView>), Problem> {
    let config = app.live.config.load_full();
    let catalog = &*config.catalog;
    let (rotation, known) = key(&catalog.rotations, asked.rotation.as_str(), "rotation")?;
    let person = person(&caller, catalog, asked.person)?;
    let (from, to) = span(&asked.from, asked.to.as_deref(), asked.length.as_deref(), &known.zone)?;
    let swap_for = asked.swap_for.map(|SwapAsk { from, to, length }| {
        span(&from, to.as_deref(), length.as_deref(), &known.zone).map(|(from, to)| CoverSpan { from, to })
    });
    let (swap_for, note) = (swap_for.transpose()?, asked.note);
    let deed = Deed::AskCover { rotation: rotation.clone(), person, from, to, asked: asked.ask, swap_for, note };
    let Answer::Cover(id) = act(&app, &once, &caller, deed).await? else {
        return Err(Problem::ours("the engine answered something else than was asked"));
    };
    let view = app.live.view.load();
    let recorded = view.covers.iter().find(|cover| cover.id == id).cloned();
    // A repeat of the key, after somebody has answered, finds it no more.
    let recorded = recorded.ok_or_else(|| Problem::conflict(format!("{id} has been answered already")))?;
    Ok((StatusCode::CREATED, Json(recorded)))
}

/// `POST covers/{id}/accept`: the first who does so has the shift.
pub(super) async fn accept(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(answer): JsonBody<CoverAnswer>,
) -> Result<Json<CoverDone>, Problem> {
    let person = person(&caller, &app.live.config.load().catalog, answer.person)?;
    let cover: CoverId = id(&text)?;
    done(
        act(&app, &once, &caller, Deed::AcceptCover { cover, person: person.clone() }).await?,
        "accepted",
        Some(person),
    )
}

/// `POST covers/{id}/decline`: by the one person who was asked.
pub(super) async fn decline(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(answer): JsonBody<CoverAnswer>,
) -> Result<Json<CoverDone>, Problem> {
    let person = person(&caller, &app.live.config.load().catalog, answer.person)?;
    let cover: CoverId = id(&text)?;
    done(
        act(&app, &once, &caller, Deed::DeclineCover { cover, person: person.clone() }).await?,
        "declined",
        Some(person),
    )
}

/// `POST covers/{id}/withdraw`
pub(super) async fn withdraw(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
) -> Result<Json<CoverDone>, Problem> {
    let cover: CoverId = id(&text)?;
    done(act(&app, &once, &caller, Deed::WithdrawCover { cover }).await?, "withdrawn", None)
}

fn done(answer: Answer, outcome: &str, person: Option<PersonId>) -> Result<Json<CoverDone>, Problem> {
    match answer {
        Answer::Cover(id) => Ok(Json(CoverDone { id, outcome: outcome.into(), person })),
        other => Err(unexpected(&other)),
    }
}

/// Who is named, or whose token it is.
fn person(
    caller: &Caller,
    catalog: &watchbell_engine::catalog::Catalog,
    named: Option<PersonId>,
) -> Result<PersonId, Problem> {
    let person = named.or_else(|| caller.actor(catalog).person);
    person.ok_or_else(|| Problem::invalid("say who: `person` (this token belongs to nobody in the configuration)"))
}

fn span(
    from: &str,
    to: Option<&str>,
    length: Option<&str>,
    zone: &TimeZone,
) -> Result<(Timestamp, Timestamp), Problem> {
    let from = instant(from, zone, "from")?;
    let to = end(to, length, zone, from).map_err(|p| Problem { detail: p.detail.replace("`until`", "`to`"), ..p })?;
    Ok((from, to))
}
