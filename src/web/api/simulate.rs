//! Who would be paged, on the configuration in force with what has been recorded beside it. Nothing is
//! recorded and nobody is paged: the question is lived through in a simulated world.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use watchbell_config::{Check, Config, ProbeSpec};
use watchbell_engine::fact::What;
use watchbell_engine::input::{Actor, Via};
use watchbell_engine::time::Millis;
use watchbell_engine::view::LiveView;
use watchbell_engine::word::Severity;
use watchbell_sim::simulate::{Fault, LONGEST, Question, Simulated, Unanswerable, simulate};
use watchbell_sim::{ProbeRun, Setup};

use super::super::App;
use super::shapes::SimulateAsk;
use super::{instant, span};
use crate::gate::{Asked, JsonBody, Problem};

/// How long is looked at where nothing else is said.
const LASTS: Millis = Millis::hours(1);

/// `GET simulate?at=&probe=&severity=&ack_after=&by=&for=`
pub(super) async fn asked(State(app): State<App>, Asked(ask): Asked<SimulateAsk>) -> Result<Json<Simulated>, Problem> {
    answer(&app, &ask).await
}

/// `POST simulate`: the same with labels.
pub(super) async fn told(
    State(app): State<App>,
    JsonBody(ask): JsonBody<SimulateAsk>,
) -> Result<Json<Simulated>, Problem> {
    answer(&app, &ask).await
}

async fn answer(app: &App, ask: &SimulateAsk) -> Result<Json<Simulated>, Problem> {
    let config = app.live.config.load_full();
    let at = ask.at.as_deref().map_or_else(|| Ok(app.clock.now()), |text| instant(text, &config.catalog.zone, "at"))?;
    let question = question(ask, at)?;
    let view = app.live.view.load_full();
    // A day of a busy configuration takes a moment: it must not hold up who waits for an answer.
    let lived = tokio::task::spawn_blocking(move || simulate(&setup(&config), recorded(&view), "server", &question));
    let lived = lived.await.map_err(|e| {
        tracing::error!(error = %e, "a simulation did not end");
        Problem::ours("the simulation did not end")
    })?;
    Ok(Json(lived.map_err(refused)?))
}

fn refused(why: Unanswerable) -> Problem {
    match why {
        Unanswerable::NoSuchProbe(_) | Unanswerable::NoSuchPerson(_) => Problem::not_found(why.to_string()),
        Unanswerable::TooLong | Unanswerable::NoSuchTime => Problem::invalid(why.to_string()),
    }
}

/// The question that is asked, its lengths read.
pub fn question(ask: &SimulateAsk, at: Timestamp) -> Result<Question, Problem> {
    let millis = |length: SignedDuration| Millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
    let length = |text: &str| span(text).map(millis);
    let fault = match (&ask.probe, ask.labels.is_empty() && ask.severity.is_none()) {
        (Some(probe), true) => Fault::Probe(probe.clone()),
        (None, false) => {
            Fault::Told { labels: ask.labels.clone(), severity: ask.severity.unwrap_or(Severity::Critical) }
        }
        (Some(_), false) => return Err(Problem::invalid("say either `probe`, or `labels` and `severity`")),
        (None, true) => return Err(Problem::invalid("say what breaks: `probe`, or `labels`")),
    };
    Ok(Question {
        at,
        fault,
        ack_after: ask.ack_after.as_deref().map(length).transpose()?,
        by: ask.by.clone(),
        lasts: ask.length.as_deref().map_or(Ok(LASTS), length)?.min(LONGEST.plus(Millis(1))),
    })
}

/// A configuration as the simulated world takes it.
pub fn setup(config: &Config) -> Setup {
    let run = |spec: &ProbeSpec| match spec.check {
        Check::Http(_) | Check::Tcp(_) => {
            Some((spec.id.clone(), ProbeRun { every: spec.every, timeout: spec.timeout, rule: spec.detect }))
        }
        Check::Heartbeat { .. } => None,
    };
    let runs: BTreeMap<_, _> = config.probes.values().filter_map(run).collect();
    Setup { catalog: Arc::clone(&config.catalog), runs }
}

/// What has been recorded and counts: overrides, absences, silences, maintenance.
fn recorded(view: &LiveView) -> Vec<What> {
    let by = |name: &str| Actor { person: None, name: name.into(), via: Via::Api };
    let overrides = view.recorded.overrides.iter();
    let overrides = overrides.map(|o| What::OverrideAdded { override_: o.clone(), by: by("recorded") });
    let absences = view.recorded.absences.iter();
    let absences = absences.map(|a| What::AbsenceAdded { absence: a.clone(), by: by("recorded") });
    let silences = view.silences.iter().map(|s| What::SilenceAdded {
        silence: s.id,
        matchers: s.matchers.clone(),
        until: s.until,
        by: by(&s.by),
        reason: s.reason.clone(),
        from: Some(s.from),
    });
    // Those of the configuration, whose ids are names, are in the catalog.
    let windows = view.maintenance.iter().filter_map(|m| Some((m.id.parse().ok()?, m)));
    let windows = windows.map(|(maintenance, m)| What::MaintenanceAdded {
        maintenance,
        title: m.title.clone(),
        matchers: m.matchers.clone(),
        from: m.from,
        until: m.until,
        expect: m.expect.clone(),
        cover_running: m.cover_running,
        by: by(&m.by),
    });
    overrides.chain(absences).chain(silences).chain(windows).collect()
}
