//! `oncall` and `rota`: asked of the running server when one answers, else read from the files.

use std::process::ExitCode;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use watchbell_config::{Config, Secrets};
use watchbell_engine::catalog::Rotation;
use watchbell_engine::rotation;

use super::args::{Common, Format, instant};
use super::client::ApiClient;
use super::output::{Failure, configuration, say, say_json};
use crate::clock::Clock;

/// `rota` without an end shows so many days.
const ROTA_DAYS: i64 = 14;

pub(super) async fn oncall(
    common: &Common,
    at: Option<String>,
    rotation: Option<String>,
    offline: bool,
) -> Result<ExitCode, Failure> {
    let (config, _) = configuration(common, Secrets::WarnIfMissing)?;
    let now = Clock::system().now();
    let at = at.map_or(Ok(now), |text| instant(&text, &config.catalog.zone, now)).map_err(Failure::input)?;
    let chosen = chosen(&config, rotation.as_deref())?;
    let asked = if offline { None } else { server(common, &config).oncall(at).await.ok() };
    let mut answer = asked.unwrap_or_else(|| oncall_from_files(&chosen, &config, at));
    keep_chosen(&mut answer, &chosen);
    match common.format {
        Format::Json => say_json(&answer),
        Format::Text => say(super::client::print_oncall(&answer)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn rota(
    common: &Common,
    (from, to): (Option<String>, Option<String>),
    rotation: Option<String>,
    offline: bool,
) -> Result<ExitCode, Failure> {
    let (config, _) = configuration(common, Secrets::WarnIfMissing)?;
    let (now, zone) = (Clock::system().now(), &config.catalog.zone);
    let from = from.map_or(Ok(now), |text| instant(&text, zone, now)).map_err(Failure::input)?;
    let fortnight = || from.checked_add((ROTA_DAYS * 24).hours()).map_err(|e| e.to_string());
    let to = to.map_or_else(fortnight, |text| instant(&text, zone, now)).map_err(Failure::input)?;
    if to <= from {
        return Err(Failure::input("--to must lie after --from"));
    }
    let chosen = chosen(&config, rotation.as_deref())?;
    let asked = if offline { None } else { shifts_from_server(common, &config, &chosen, from, to).await };
    let answer = asked.unwrap_or_else(|| rota_from_files(&chosen, &config, from, to));
    match common.format {
        Format::Json => say_json(&answer),
        Format::Text => say(super::client::print_rota(&answer)),
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen<'a>(config: &'a Config, rotation: Option<&str>) -> Result<Vec<&'a Rotation>, Failure> {
    let all = &config.catalog.rotations;
    let Some(id) = rotation else { return Ok(all.values().collect()) };
    let known = || all.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let found = all.get(id).ok_or_else(|| Failure::input(format!("there is no rotation `{id}`; there are: {}", known())))?;
    Ok(vec![found])
}

fn keep_chosen(answer: &mut Value, chosen: &[&Rotation]) {
    if let Some(rotations) = answer.get_mut("rotations").and_then(Value::as_array_mut) {
        rotations.retain(|r| chosen.iter().any(|c| r["id"] == c.id.as_str()));
    }
}

fn server(common: &Common, config: &Config) -> ApiClient {
    super::server_commands::client(common, Some(config))
}

fn oncall_from_files(chosen: &[&Rotation], config: &Config, at: Timestamp) -> Value {
    let rotations = chosen.iter().map(|r| {
        let on_duty = rotation::shift_at(&config.catalog, r, &[], at).map(|(duty, since, until)| {
            json!({"person": duty.person, "layer": duty.layer, "since": since, "until": until})
        });
        json!({"id": r.id, "on_duty": on_duty.into_iter().collect::<Vec<_>>()})
    });
    json!({"at": at, "source": "files", "rotations": rotations.collect::<Vec<_>>()})
}

async fn shifts_from_server(
    common: &Common,
    config: &Config,
    chosen: &[&Rotation],
    from: Timestamp,
    to: Timestamp,
) -> Option<Value> {
    let client = server(common, config);
    let mut rotations = Vec::new();
    for rotation in chosen {
        rotations.push(client.shifts(rotation.id.as_str(), from, to).await.ok()?);
    }
    Some(json!({"source": "server", "rotations": rotations}))
}

fn rota_from_files(chosen: &[&Rotation], config: &Config, from: Timestamp, to: Timestamp) -> Value {
    let rotations = chosen.iter().map(|r| {
        let expanded = rotation::expand(&config.catalog, r, &[], from, to);
        let shift = |s: &rotation::Shift| {
            json!({"person": s.on_duty.person, "layer": s.on_duty.layer, "from": s.from, "to": s.to})
        };
        let shifts: Vec<Value> = expanded.shifts.iter().map(shift).collect();
        let gaps: Vec<Value> = expanded.gaps.iter().map(|g| json!({"from": g.from, "to": g.to})).collect();
        json!({"id": r.id, "shifts": shifts, "gaps": gaps})
    });
    json!({"source": "files", "rotations": rotations.collect::<Vec<_>>()})
}
