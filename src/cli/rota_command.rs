//! `rota`: the calendar, how the load is shared, and what another configuration would change. Asked of the
//! running server when one answers, else read from the files.

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use watchbell_config::{Config, Secrets};
use watchbell_engine::catalog::Rotation;
use watchbell_engine::ids::RotationId;
use watchbell_engine::rotation::{self, Changes, Expanded, Gap, Load, OnDuty, Recorded, Shift, changes};

use super::against::other;
use super::args::{Common, Format, RotaArgs, instant};
use super::client::ApiClient;
use super::duty_commands::{chosen, heard, server};
use super::output::{Failure, quiet_configuration, say, say_json};
use super::tell_duty;
use crate::clock::Clock;
use crate::web::api::shapes::{GapView, Rota, RotationShifts, ShiftView};

/// A calendar without an end shows so many weeks.
const WEEKS: u16 = 2;

/// Shares are compared over a year.
const FAIRNESS_WEEKS: u16 = 52;

/// The server answers for so long a span at once.
const ASKED_AT_ONCE: SignedDuration = SignedDuration::from_hours(24 * 364);

/// How the load of one rotation is shared.
#[derive(Debug, Serialize)]
pub(super) struct Shares {
    pub(super) id: RotationId,
    pub(super) people: Vec<Load>,
}

/// `rota --fairness`
#[derive(Debug, Serialize)]
pub(super) struct Fairness {
    pub(super) source: String,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) rotations: Vec<Shares>,
}

/// `rota --against`
#[derive(Debug, Serialize)]
struct Compared {
    source: String,
    against: String,
    from: Timestamp,
    to: Timestamp,
    #[serde(flatten)]
    changes: Changes,
}

pub(super) async fn rota(common: &Common, asked: RotaArgs) -> Result<ExitCode, Failure> {
    let config = quiet_configuration(common, Secrets::WarnIfMissing)?;
    let (from, to) = span(&asked, &config)?;
    let chosen = chosen(&config, asked.rotation.as_deref())?;
    if let Some(name) = &asked.against {
        return against(common, &config, &chosen, name, (from, to)).await;
    }
    let offline = asked.offline;
    let answer = if offline { None } else { from_server(&server(common, &config)?, &chosen, from, to).await };
    let answer = answer.unwrap_or_else(|| from_files(&chosen, &config, from, to));
    if asked.fairness {
        let shares = fairness(&answer, &chosen, &config, from, to);
        match common.format {
            Format::Json => say_json(&shares),
            Format::Text => say(tell_duty::fairness(&shares, &config.catalog.zone)),
        }
        return Ok(ExitCode::SUCCESS);
    }
    match common.format {
        Format::Json => say_json(&answer),
        Format::Text => say(tell_duty::calendar(&answer, &config.catalog)),
    }
    Ok(ExitCode::SUCCESS)
}

fn span(asked: &RotaArgs, config: &Config) -> Result<(Timestamp, Timestamp), Failure> {
    let (now, zone) = (Clock::system().now(), &config.catalog.zone);
    let from = asked.from.as_deref().map_or(Ok(now), |text| instant(text, zone, now)).map_err(Failure::input)?;
    let weeks = asked.weeks.unwrap_or(if asked.fairness { FAIRNESS_WEEKS } else { WEEKS });
    let after_weeks =
        || from.checked_add(SignedDuration::from_hours(i64::from(weeks) * 7 * 24)).map_err(|e| e.to_string());
    let to = asked.to.as_deref().map_or_else(after_weeks, |text| instant(text, zone, now)).map_err(Failure::input)?;
    if to <= from {
        return Err(Failure::input("--to must lie after --from"));
    }
    Ok((from, to))
}

async fn against(
    common: &Common,
    config: &Config,
    chosen: &[&Rotation],
    name: &str,
    (from, to): (Timestamp, Timestamp),
) -> Result<ExitCode, Failure> {
    let other = other(common, name).await?;
    let mut found = changes(&other.config.catalog, &config.catalog, &Recorded::default(), from, to);
    let is_chosen = |id: &RotationId| chosen.iter().any(|r| r.id == *id);
    found.changes.retain(|change| is_chosen(&change.rotation));
    found.added.retain(is_chosen);
    match common.format {
        Format::Json => {
            say_json(&Compared { source: "files".into(), against: other.name, from, to, changes: found });
        }
        Format::Text => say(tell_duty::changes(&found, &other.name, &config.catalog)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn from_server(client: &ApiClient, chosen: &[&Rotation], from: Timestamp, to: Timestamp) -> Option<Rota> {
    let mut rotations = Vec::new();
    for rotation in chosen {
        let mut whole: Option<RotationShifts> = None;
        let mut at = from;
        while at < to {
            let end = at.saturating_add(ASKED_AT_ONCE).map_or(to, |end| end.min(to));
            let part = heard(client.shifts(rotation.id.as_str(), at, end).await)?;
            whole = Some(match whole {
                None => part,
                Some(before) => after_each_other(before, part),
            });
            at = end;
        }
        rotations.extend(whole);
    }
    Some(Rota { source: "server".into(), rotations })
}

/// What goes on over the seam is one shift, or one gap.
fn after_each_other(mut before: RotationShifts, next: RotationShifts) -> RotationShifts {
    for shift in next.shifts {
        let same = |s: &&mut ShiftView| s.to == shift.from && s.person == shift.person && s.layer == shift.layer;
        match before.shifts.iter_mut().rev().find(same) {
            Some(first) => first.to = shift.to,
            None => before.shifts.push(shift),
        }
    }
    for gap in next.gaps {
        match before.gaps.last_mut().filter(|g| g.to == gap.from) {
            Some(first) => first.to = gap.to,
            None => before.gaps.push(gap),
        }
    }
    before
}

fn from_files(chosen: &[&Rotation], config: &Config, from: Timestamp, to: Timestamp) -> Rota {
    let expand = |r: &&Rotation| {
        let expanded = rotation::expand(&config.catalog, r, &Recorded::default(), from, to);
        let gaps = expanded.gaps.into_iter().map(|g| GapView { from: g.from, to: g.to }).collect();
        let shifts = expanded.shifts.into_iter().map(|shift| ShiftView::new(shift, false)).collect();
        RotationShifts { id: r.id.clone(), shifts, gaps }
    };
    Rota { source: "files".into(), rotations: chosen.iter().map(expand).collect() }
}

fn fairness(rota: &Rota, chosen: &[&Rotation], config: &Config, from: Timestamp, to: Timestamp) -> Fairness {
    let shares = |shifts: &RotationShifts| {
        let rotation = chosen.iter().find(|r| r.id == shifts.id)?;
        let people = rotation::fairness(&config.catalog, rotation, &expanded(shifts));
        Some(Shares { id: rotation.id.clone(), people })
    };
    let rotations = rota.rotations.iter().filter_map(shares).collect();
    Fairness { source: rota.source.clone(), from, to, rotations }
}

/// The answer of the server as the engine has it.
fn expanded(shifts: &RotationShifts) -> Expanded {
    let shift = |view: &ShiftView| Shift {
        on_duty: OnDuty {
            person: view.person.clone(),
            layer: view.layer.clone(),
            override_: view.override_.clone(),
            stands_in_for: view.stands_in_for.clone(),
        },
        from: view.from,
        to: view.to,
    };
    Expanded {
        shifts: shifts.shifts.iter().map(shift).collect(),
        gaps: shifts.gaps.iter().map(|gap| Gap { from: gap.from, to: gap.to }).collect(),
    }
}
