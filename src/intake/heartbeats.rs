//! `/ping/{token}[/start|/fail|/<exit code>]`: a job says that it lives. GET, HEAD and POST do the same, because
//! cron's tools differ; a body is not read.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use watchbell_config::{Check, Config};
use watchbell_engine::heartbeat::Beat;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::input::{Answer, Input};

use super::Intake;
use crate::gate::{Params, Problem};
use crate::inbox::Lane;

/// `/ping/{token}`: it ended well.
pub(super) async fn success(State(intake): State<Intake>, Params(token): Params<String>) -> Result<Response, Problem> {
    take(&intake, &token, Beat::Success).await
}

/// `/ping/{token}/{start|fail|exit code}`
pub(super) async fn other(
    State(intake): State<Intake>,
    Params((token, what)): Params<(String, String)>,
) -> Result<Response, Problem> {
    let beat = match what.as_str() {
        "start" => Beat::Start,
        "fail" => Beat::Fail,
        code => Beat::Exit(code.parse().map_err(|_| {
            Problem::malformed(format!("`{code}` is no beat")).help("write /ping/TOKEN, /start, /fail or an exit code")
        })?),
    };
    take(&intake, &token, beat).await
}

/// Answers only when the beat is durable.
#[tracing::instrument(name = "intake.beat.take", skip_all, fields(?beat))]
async fn take(intake: &Intake, token: &str, beat: Beat) -> Result<Response, Problem> {
    let unknown = || {
        Problem::not_found("no heartbeat has this token")
            .help("`token` under `heartbeat` in the probe's YAML is what belongs here")
    };
    let probe = probe_of(&intake.live.config.load(), token).ok_or_else(unknown)?;
    match intake.inbox.ask(Lane::Signals, Input::Beat { probe, beat }).await? {
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Done
        | Answer::Ticket { .. }
        | Answer::Signal { .. }
        | Answer::Signals(_)
        | Answer::Silence(_)
        | Answer::Maintenance(_)
        | Answer::Override(_)
        | Answer::Absence(_)
        | Answer::Cover(_)
        | Answer::Test(_) => {
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            let fresh = HeaderValue::from_static("no-store");
            Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, fresh)], "ok\n").into_response())
        }
    }
}

/// The heartbeat of a token. Every token is compared, in constant time, so that the time taken tells nothing.
fn probe_of(config: &Config, token: &str) -> Option<ProbeId> {
    let mut found = None;
    for spec in config.probes.values() {
        let Check::Heartbeat { token: right } = &spec.check else { continue };
        if verify_slices_are_equal(right.reveal().as_bytes(), token.as_bytes()).is_ok() {
            found = Some(spec.id.clone());
        }
    }
    found
}
