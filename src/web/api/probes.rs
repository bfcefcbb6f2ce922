//! Probes: how they are, and a run out of turn.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use tokio::sync::oneshot;
use tokio::time::timeout;
use watchbell_config::{Check, Config};
use watchbell_engine::catalog::ProbeInfo;
use watchbell_engine::observation::Observation;
use watchbell_engine::view::LiveView;

use super::super::App;
use super::super::publish::believed;
use super::key;
use super::shapes::{ProbeDetail, ProbeView, Probes, RunView};
use crate::gate::{Params, Problem};
use crate::inbox::{ProbeLive, RunRequest};

/// How much longer than its own timeout a run may take to be answered: waiting for a slot, and its end.
const RUN_SLACK: Duration = Duration::from_secs(5);

/// `GET probes`
pub(super) async fn list(State(app): State<App>) -> Json<Probes> {
    let (config, view) = (app.live.config.load(), app.live.view.load());
    let board = app.live.probes.all();
    let probes = config.catalog.probes.values().map(|info| shown(info, board.get(&info.id), &config, &view));
    Json(Probes { probes: probes.collect(), next: None })
}

/// `GET probes/{id}`
pub(super) async fn one(State(app): State<App>, Params(text): Params<String>) -> Result<Json<ProbeDetail>, Problem> {
    let (config, view) = (app.live.config.load(), app.live.view.load());
    let (id, info) = key(&config.catalog.probes, &text, "probe")?;
    let live = app.live.probes.get(id);
    let recent = live.iter().flat_map(|l| &l.recent);
    Ok(Json(ProbeDetail {
        probe: shown(info, live.as_ref(), &config, &view),
        observation: live.as_ref().and_then(|l| l.last.as_deref().cloned()),
        recent: recent
            .map(|(at, outcome, total_ms)| RunView { at: *at, outcome: *outcome, total_ms: *total_ms })
            .collect(),
    }))
}

/// `POST probes/{id}/run`: runs it now; the result counts like any other.
pub(super) async fn run(State(app): State<App>, Params(text): Params<String>) -> Result<Json<Observation>, Problem> {
    let config = app.live.config.load_full();
    let (id, _) = key(&config.catalog.probes, &text, "probe")?;
    let wait = match config.probes.get(id) {
        Some(spec) if matches!(spec.check, Check::Heartbeat { .. }) => {
            return Err(Problem::invalid(format!(
                "`{id}` is a heartbeat: its job reports to us, there is nothing to run"
            )));
        }
        Some(spec) => spec.timeout.duration() + RUN_SLACK,
        None => RUN_SLACK,
    };
    let (reply, answer) = oneshot::channel();
    let request = RunRequest { probe: id.clone(), reply };
    app.live
        .run_now
        .try_send(request)
        .map_err(|_| Problem::unavailable("the probers have no room for a further run"))?;
    match timeout(wait, answer).await {
        Ok(Ok(observation)) => Ok(Json(observation)),
        Ok(Err(_)) => Err(Problem::unavailable(format!("`{id}` was not run: the probers dropped the request"))),
        Err(_) => Err(Problem::unavailable(format!("`{id}` did not end in time"))),
    }
}

fn shown(info: &ProbeInfo, live: Option<&ProbeLive>, config: &Config, view: &LiveView) -> ProbeView {
    let believed = believed(view, &info.id);
    let spec = config.probes.get(&info.id);
    let runs = spec.filter(|s| !matches!(s.check, Check::Heartbeat { .. }));
    let last = live.and_then(|l| l.recent.back());
    ProbeView {
        id: info.id.clone(),
        title: info.title.clone(),
        impact: info.impact.clone(),
        service: info.service.clone(),
        component: info.component.clone(),
        owner: info.owner.clone(),
        severity: info.severity,
        level: live.and_then(|l| l.level).or(believed.map(|b| b.level)),
        kind: live.and_then(|l| l.last.as_ref()).map_or_else(|| believed.and_then(|b| b.kind), |run| run.kind),
        since: believed.map(|b| b.since),
        every_ms: runs.map(|s| s.every.0),
        worst_case_s: spec.and_then(|s| s.worst_case).map(watchbell_engine::time::Millis::as_secs_f64),
        last: last.map(|(at, outcome, total_ms)| RunView { at: *at, outcome: *outcome, total_ms: *total_ms }),
    }
}
