//! `oncall`: asked of the running server when one answers, else read from the files.

use std::process::ExitCode;

use jiff::Timestamp;
use watchbell_config::{Config, Secrets};
use watchbell_engine::catalog::Rotation;
use watchbell_engine::rotation::{self, Recorded};
use watchbell_engine::view::OnDutyView;

use super::args::{Common, Format, instant};
use super::client::{ApiClient, ApiError};
use super::output::{Failure, quiet_configuration, say, say_json, warn};
use super::{server_commands, tell};
use crate::clock::Clock;
use crate::web::api::shapes::{Oncall, RotationDuty};

pub(super) async fn oncall(
    common: &Common,
    at: Option<String>,
    rotation: Option<String>,
    offline: bool,
) -> Result<ExitCode, Failure> {
    let config = quiet_configuration(common, Secrets::WarnIfMissing)?;
    let now = Clock::system().now();
    let asked_at = at.map(|text| instant(&text, &config.catalog.zone, now)).transpose().map_err(Failure::input)?;
    let at = asked_at.unwrap_or(now);
    let chosen = chosen(&config, rotation.as_deref())?;
    let asked = if offline { None } else { heard(server(common, &config)?.oncall(asked_at).await) };
    let mut answer = asked.unwrap_or_else(|| oncall_from_files(&chosen, &config, at));
    answer.rotations.retain(|r| chosen.iter().any(|c| c.id == r.id));
    match common.format {
        Format::Json => say_json(&answer),
        Format::Text => say(tell::oncall(&answer, &config.catalog.zone)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn chosen<'a>(config: &'a Config, rotation: Option<&str>) -> Result<Vec<&'a Rotation>, Failure> {
    let all = &config.catalog.rotations;
    let Some(id) = rotation else { return Ok(all.values().collect()) };
    let known = || all.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let found =
        all.get(id).ok_or_else(|| Failure::input(format!("there is no rotation `{id}`; there are: {}", known())))?;
    Ok(vec![found])
}

pub(super) fn server(common: &Common, config: &Config) -> Result<ApiClient, Failure> {
    server_commands::client(common, Some(config))
}

fn oncall_from_files(chosen: &[&Rotation], config: &Config, at: Timestamp) -> Oncall {
    let duty = |r: &&Rotation| {
        let shift = rotation::shift_at(&config.catalog, r, &Recorded::default(), at);
        let on_duty =
            shift.into_iter().map(|(d, since, until)| OnDutyView { person: d.person, layer: d.layer, since, until });
        RotationDuty { id: r.id.clone(), recorded: false, on_duty: on_duty.collect() }
    };
    Oncall { at, source: "files".into(), rotations: chosen.iter().map(duty).collect() }
}

/// The server's answer. One that is there and does not say is told of: the files know no recorded overrides.
pub(super) fn heard<T>(asked: Result<T, ApiError>) -> Option<T> {
    match asked {
        Ok(answer) => Some(answer),
        Err(ApiError::Unreachable { .. }) => None,
        Err(error @ (ApiError::Refused { .. } | ApiError::Strange { .. })) => {
            warn(&format!("{error}\nhelp: this is from the files, without the overrides that the server has recorded"));
            None
        }
    }
}
