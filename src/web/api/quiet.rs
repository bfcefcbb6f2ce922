//! Not paging: silences and maintenance windows, each with a mandatory end; everything that is suppressed.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use jiff::Timestamp;
use watchbell_engine::catalog::Catalog;
use watchbell_engine::fact::Quiet;
use watchbell_engine::ids::{MaintenanceId, SilenceId};
use watchbell_engine::input::{Answer, Deed};
use watchbell_engine::label::{BadMatcher, Matcher};
use watchbell_engine::not_paging::Expect;
use watchbell_engine::suppressed;
use watchbell_engine::view::{LiveView, MaintenanceView, SilenceView};

use super::super::App;
use super::shapes::{
    MaintenanceAsk, Maintenances, RecurringSilence, SilenceAsk, SilenceChange, Silences, SuppressedList,
};
use super::{act, end, id, instant, unexpected};
use crate::gate::{Caller, JsonBody, Once, Params, Problem};

/// `GET silences`: recorded ones, and the recurring ones of the configuration.
pub(super) async fn list(State(app): State<App>) -> Json<Silences> {
    let (view, config) = (app.live.view.load(), app.live.config.load_full());
    let recurring = recurring(&view, &config.catalog, app.clock.now());
    Json(Silences { silences: view.silences.clone(), recurring, next: None })
}

/// The recurring silences: the present window, else the next.
pub(in super::super) fn recurring(view: &LiveView, catalog: &Catalog, now: Timestamp) -> Vec<RecurringSilence> {
    let row = |silence: &watchbell_engine::not_paging::StandingSilence| {
        let (from, until) = silence.when.upcoming(now, 1).first().copied()?;
        let keeps = |q: &Quiet| matches!(q, Quiet::Standing { silence: by, .. } if *by == silence.id);
        Some(RecurringSilence {
            id: silence.id.clone(),
            matchers: silence.matchers.clone(),
            from,
            until,
            active: from <= now,
            reason: silence.reason.clone(),
            owner: silence.owner.clone(),
            silenced: kept(view, keeps),
        })
    };
    catalog.not_paging.silences.iter().filter_map(row).collect()
}

/// How many live alerts are quiet for such a reason.
fn kept(view: &LiveView, keeps: impl Fn(&Quiet) -> bool) -> u32 {
    let all = suppressed::suppressed(view);
    let count = all.iter().filter(|s| s.quiet.as_ref().is_some_and(&keeps)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn matchers(texts: &[String]) -> Result<Vec<Matcher>, Problem> {
    let parsed: Result<Vec<Matcher>, BadMatcher> = texts.iter().map(|text| text.parse()).collect();
    parsed.map_err(|e| Problem::invalid(e.to_string()))
}

/// `POST silences`: 201 with the silence.
pub(super) async fn silence(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    once: Once,
    JsonBody(ask): JsonBody<SilenceAsk>,
) -> Result<(StatusCode, Json<SilenceView>), Problem> {
    let matchers = matchers(&ask.matchers)?;
    let config = app.live.config.load_full();
    let now = app.clock.now();
    let from = ask.from.as_deref().map(|text| instant(text, &config.catalog.zone, "from")).transpose()?;
    let begins = from.unwrap_or(now).max(now);
    let until = end(ask.until.as_deref(), ask.length.as_deref(), &config.catalog.zone, begins)?;
    let deed = Deed::AddSilence { matchers: matchers.clone(), from, until, reason: ask.reason.clone() };
    match act(&app, &once, &caller, deed).await? {
        Answer::Silence(id) => {
            let recorded = app.live.view.load().silences.iter().find(|s| s.id == id).cloned();
            let by = caller.actor(&config.catalog).name;
            let (from, active, reason) = (begins, begins <= now, ask.reason);
            let fresh = SilenceView { id, matchers, from, until, by, reason, silenced: 0, active, ends_soon: false };
            Ok((StatusCode::CREATED, Json(recorded.unwrap_or(fresh))))
        }
        other => Err(unexpected(&other)),
    }
}

/// `POST silences/{id}`: another end, sooner or later; 200 with the silence.
pub(super) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(ask): JsonBody<SilenceChange>,
) -> Result<Json<SilenceView>, Problem> {
    let silence: SilenceId = id(&text)?;
    let config = app.live.config.load_full();
    let until = end(ask.until.as_deref(), ask.length.as_deref(), &config.catalog.zone, app.clock.now())?;
    act(&app, &once, &caller, Deed::ChangeSilence { silence, until }).await?;
    let view = app.live.view.load();
    let changed = view.silences.iter().find(|s| s.id == silence).cloned();
    changed.map(Json).ok_or_else(|| Problem::not_found(format!("{silence} has ended meanwhile")))
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

/// `GET maintenance`: recorded windows, and those of the configuration.
pub(super) async fn windows(State(app): State<App>) -> Json<Maintenances> {
    let (view, config) = (app.live.view.load(), app.live.config.load_full());
    Json(Maintenances { maintenance: all_windows(&view, &config.catalog, app.clock.now()), next: None })
}

/// Every window that has not ended: recorded ones first; of a recurring one the present or the next.
pub(in super::super) fn all_windows(view: &LiveView, catalog: &Catalog, now: Timestamp) -> Vec<MaintenanceView> {
    let quiet = |id: &str| kept(view, |q| matches!(q, Quiet::Maintenance { window, .. } if window == id));
    let recorded =
        view.maintenance.iter().map(|m| MaintenanceView { active: m.from <= now, quiet: quiet(&m.id), ..m.clone() });
    let written = catalog.not_paging.maintenance.iter().filter_map(|m| {
        let (from, until) = m.when.upcoming(now, 1).first().copied()?;
        Some(MaintenanceView {
            id: m.id.clone(),
            title: m.title.clone(),
            matchers: m.matchers.clone(),
            from,
            until,
            active: from <= now,
            recurring: matches!(m.when, watchbell_engine::not_paging::Windows::Every { .. }),
            expect: m.expect.clone(),
            cover_running: m.cover_running,
            by: "configuration".into(),
            quiet: quiet(&m.id),
        })
    });
    recorded.chain(written).collect()
}

/// `POST maintenance`: 201 with the window.
pub(super) async fn maintain(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    once: Once,
    JsonBody(ask): JsonBody<MaintenanceAsk>,
) -> Result<(StatusCode, Json<MaintenanceView>), Problem> {
    let matchers = matchers(&ask.matchers)?;
    let config = app.live.config.load_full();
    let now = app.clock.now();
    let from = ask.from.as_deref().map(|text| instant(text, &config.catalog.zone, "from")).transpose()?;
    let begins = from.unwrap_or(now).max(now);
    let until = end(ask.until.as_deref(), ask.length.as_deref(), &config.catalog.zone, begins)?;
    let expect: Expect = ask.expect.unwrap_or_default();
    let deed = Deed::AddMaintenance {
        title: ask.title.clone(),
        matchers: matchers.clone(),
        from,
        until,
        expect: expect.clone(),
        cover_running: ask.cover_running,
    };
    match act(&app, &once, &caller, deed).await? {
        Answer::Maintenance(id) => {
            let known = app.live.view.load().maintenance.iter().find(|m| m.id == id.to_string()).cloned();
            let fresh = MaintenanceView {
                id: id.to_string(),
                title: ask.title,
                matchers,
                from: begins,
                until,
                active: begins <= now,
                recurring: false,
                expect,
                cover_running: ask.cover_running,
                by: caller.actor(&config.catalog).name,
                quiet: 0,
            };
            Ok((StatusCode::CREATED, Json(known.unwrap_or(fresh))))
        }
        other => Err(unexpected(&other)),
    }
}

/// `DELETE maintenance/{id}`: 204. A window of the configuration is taken out there.
pub(super) async fn end_maintenance(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
) -> Result<StatusCode, Problem> {
    let written = app.live.config.load_full();
    if written.catalog.not_paging.maintenance.iter().any(|m| m.id == text) {
        return Err(Problem::conflict(format!("`{text}` stands in the configuration; take it out there and reload")));
    }
    let maintenance: MaintenanceId = id(&text)?;
    act(&app, &once, &caller, Deed::EndMaintenance { maintenance }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET suppressed`: every alert that nobody is paged for, and why.
pub(super) async fn all_suppressed(State(app): State<App>) -> Json<SuppressedList> {
    let view = app.live.view.load();
    let counts = suppressed::counts(&view).into_iter().map(|(why, n)| (why.to_owned(), n)).collect();
    Json(SuppressedList { suppressed: suppressed::suppressed(&view), counts, next: None })
}
