//! `simulate`: who would be paged when, over what and why, asked of the running server when one answers, else
//! of the files; and conditions for CI.

use std::process::ExitCode;

use clap::Args;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use watchbell_config::Secrets;
use watchbell_engine::ids::{PersonId, ProbeId};
use watchbell_engine::word::Severity;
use watchbell_sim::simulate::{Simulated, SimulatedPage, simulate};

use super::args::{Common, Format, instant, length, word};
use super::client::ApiError;
use super::output::{Failure, quiet_configuration, say, say_json, warn};
use super::{server_commands, tell};
use crate::clock::Clock;
use crate::web::api::shapes::SimulateAsk;
use crate::web::api::simulate::{question, setup};

/// The fault, who answers, and what must come of it.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// When the fault begins: `sun 03:00`, `18:00`, `2026-11-24T18:00`, an instant; default now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The probe whose target breaks, or whose job fails.
    #[arg(long, value_name = "ID", required_unless_present_any = ["labels", "severity"])]
    probe: Option<String>,
    /// A label of a fault that is told from outside, `service=invoice`; may be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE", conflicts_with = "probe")]
    labels: Vec<String>,
    /// How bad a fault is that is told from outside; default critical.
    #[arg(long, value_parser = word::<Severity>, conflicts_with = "probe")]
    severity: Option<Severity>,
    /// Nobody acknowledges; this is the default.
    #[arg(long, conflicts_with = "ack_after")]
    no_ack: bool,
    /// Who is paged acknowledges so long after the page has come: `3m`.
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    ack_after: Option<SignedDuration>,
    /// Only this person acknowledges.
    #[arg(long, value_name = "PERSON", requires = "ack_after")]
    by: Option<String>,
    /// How long is looked at; at most a day.
    #[arg(long, value_name = "LENGTH", default_value = "1h", value_parser = length)]
    until: SignedDuration,
    /// Exit code 1 unless this person is paged; may be given several times.
    #[arg(long, value_name = "PERSON")]
    expect: Vec<String>,
    /// Exit code 1 unless somebody is paged this soon after the fault begins.
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    expect_page_within: Option<SignedDuration>,
    /// Read the files even when a server answers: for a configuration that is only proposed.
    #[arg(long)]
    offline: bool,
}

pub(super) async fn run(common: &Common, asked: Simulate) -> Result<ExitCode, Failure> {
    let config = quiet_configuration(common, Secrets::WarnIfMissing)?;
    let (now, zone) = (Clock::system().now(), &config.catalog.zone);
    let at = asked.at.as_ref().map_or(Ok(now), |text| moment(text, zone, now)).map_err(Failure::input)?;
    let ask = ask(&asked, at)?;
    let unknown = asked.expect.iter().find(|p| !config.catalog.people.contains_key(p.as_str()));
    if let Some(person) = unknown {
        return Err(Failure::input(format!("there is no person `{person}` in the configuration")));
    }
    let from_server = match asked.offline {
        true => None,
        false => heard(server_commands::client(common, Some(&config))?.post("/api/v1/simulate", &ask).await)?,
    };
    let answer = match from_server {
        Some(answer) => answer,
        None => {
            let question = question(&ask, at).map_err(|p| Failure::input(p.detail))?;
            simulate(&setup(&config), Vec::new(), "files", &question).map_err(|e| Failure::input(e.to_string()))?
        }
    };
    match common.format {
        Format::Json => say_json(&answer),
        Format::Text => say(tell::simulated(&answer, zone)),
    }
    Ok(judged(&asked, &answer.pages))
}

fn ask(asked: &Simulate, at: Timestamp) -> Result<SimulateAsk, Failure> {
    let mut labels = watchbell_engine::label::Labels::new();
    for label in &asked.labels {
        let bad = || Failure::input(format!("`--label {label}` has no value; write --label name=value"));
        let (name, value) = label.split_once('=').ok_or_else(bad)?;
        labels.insert(name.to_owned(), value.to_owned());
    }
    let seconds = |length: SignedDuration| format!("{}ms", length.as_millis());
    Ok(SimulateAsk {
        at: Some(at.to_string()),
        probe: asked.probe.as_deref().map(ProbeId::from),
        severity: asked.severity.or_else(|| (!labels.is_empty()).then_some(Severity::Critical)),
        labels,
        ack_after: asked.ack_after.map(seconds),
        by: asked.by.as_deref().map(PersonId::from),
        length: Some(seconds(asked.until)),
    })
}

/// `sun 03:00` is the next one; the rest as everywhere.
fn moment(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let Some((day, time)) = text.trim().split_once(' ') else { return instant(text, zone, now) };
    let Some(place) = days.iter().position(|d| day.eq_ignore_ascii_case(d)) else { return instant(text, zone, now) };
    let bad = || format!("`{text}` is not a time such as `sun 03:00`");
    let weekday = i8::try_from(place).ok().and_then(|p| Weekday::from_monday_zero_offset(p).ok()).ok_or_else(bad)?;
    let time = jiff::civil::Time::strptime("%H:%M", time.trim()).map_err(|_| bad())?;
    let today = now.to_zoned(zone.clone()).date();
    let wait =
        (i64::from(weekday.to_monday_zero_offset()) - i64::from(today.weekday().to_monday_zero_offset())).rem_euclid(7);
    let on = |days: i64| today.checked_add(days.days()).ok()?.to_datetime(time).to_zoned(zone.clone()).ok();
    let soonest = on(wait).map(|z| z.timestamp()).filter(|at| *at >= now);
    soonest.or_else(|| on(wait + 7).map(|z| z.timestamp())).ok_or_else(bad)
}

/// The server's answer; `None` where the files are to be asked. What it refuses is the operator's input.
fn heard(asked: Result<Simulated, ApiError>) -> Result<Option<Simulated>, Failure> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(ApiError::Unreachable { .. }) => Ok(None),
        Err(error @ ApiError::Refused { status, .. }) if [404, 422].contains(&status.as_u16()) => {
            Err(Failure::input(error.to_string()))
        }
        Err(error @ (ApiError::Refused { .. } | ApiError::Strange { .. })) => {
            warn(&format!("{error}\nhelp: this is from the files, without what the server has recorded"));
            Ok(None)
        }
    }
}

/// 0 when somebody is paged and every condition holds; else 1, saying what does not.
fn judged(asked: &Simulate, pages: &[SimulatedPage]) -> ExitCode {
    let mut missed = Vec::new();
    if pages.is_empty() {
        missed.push("nobody would be paged".to_owned());
    }
    for person in asked.expect.iter().filter(|id| !pages.iter().any(|p| p.person.as_str() == *id)) {
        missed.push(format!("{person} would not be paged"));
    }
    if let (Some(limit), Some(first)) = (asked.expect_page_within, pages.first()) {
        let after = SignedDuration::from_millis(i64::try_from(first.after_ms).unwrap_or(i64::MAX));
        if after > limit {
            missed.push(format!(
                "the first page goes out {} after the fault, later than {limit:#}",
                tell::after(first.after_ms)
            ));
        }
    }
    missed.iter().for_each(|text| warn(text));
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekday_is_the_next_one() {
        // A Tuesday, 09:00 in Shanghai.
        let now: Timestamp = "2026-11-24T01:00:00Z".parse().expect("an instant");
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
        let read = |text| moment(text, &zone, now).map(|at| at.to_string());
        assert_eq!(read("sun 03:00").as_deref(), Ok("2026-11-28T19:00:00Z"));
        assert_eq!(read("tue 18:00").as_deref(), Ok("2026-11-24T10:00:00Z"));
        assert_eq!(read("Tue 08:00").as_deref(), Ok("2026-12-01T00:00:00Z"), "this one is over");
        assert_eq!(read("18:00").as_deref(), Ok("2026-11-24T10:00:00Z"));
        assert!(read("someday 18:00").is_err() && read("sun noon").is_err());
    }
}
