//! `init`, `check`, `probe`: what needs the files alone.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use watchbell_config::{Check, Config, Report, Secrets};
use watchbell_engine::ids::ProbeId;
use watchbell_engine::observation::Observation;
use watchbell_engine::rotation::{Changes, Recorded, changes};
use watchbell_engine::time::{Millis, after};
use watchbell_engine::word::Outcome;

use super::against::{Other, other};
use super::args::{Common, Format};
use super::output::{Failure, configuration, say, say_json, sources};
use super::tell_duty;
use crate::clock::Clock;
use crate::probers;
use crate::telemetry::Metrics;

/// So far ahead `check --against` says who is on duty differently.
const LOOK_AHEAD: Millis = Millis::hours(14 * 24);

/// Writes a configuration to begin with; a file that is there already is never touched.
pub(super) fn init(dir: &Path) -> Result<ExitCode, Failure> {
    let cannot = |path: &Path, e: std::io::Error| Failure::failed(format!("{} cannot be written: {e}", path.display()));
    let files: Vec<_> = watchbell_config::init_files().into_iter().map(|(path, text)| (dir.join(path), text)).collect();
    if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(Failure::input(format!("{} is there already; choose an empty directory", there.display())));
    }
    for (path, text) in &files {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| cannot(parent, e))?;
        }
        std::fs::write(path, text).map_err(|e| cannot(path, e))?;
        say(format!("wrote {}", path.display()));
    }
    say(format!(
        "\nnext: edit them, then `watchbell check --config {0}`, then `watchbell run --config {0}`",
        dir.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Says whether the configuration is right. Warnings alone are no failure.
pub(super) async fn check(common: &Common, secrets: bool, against: Option<String>) -> Result<ExitCode, Failure> {
    let secrets = if secrets { Secrets::Required } else { Secrets::WarnIfMissing };
    let report = watchbell_config::read(&sources(common)?, secrets, Clock::system().now());
    let code = if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    let compared = match (&report.config, against) {
        (Some(config), Some(name)) => Some(compared(config, other(common, &name).await?)),
        (Some(_) | None, _) => None,
    };
    if common.format == Format::Json {
        say_json(&Checked { report, compared: compared.map(|(_, changes)| changes) });
        return Ok(code);
    }
    for mistake in &report.errors {
        say(format!("error: {mistake}\n"));
    }
    for warning in &report.warnings {
        say(format!("warning: {warning}\n"));
    }
    // What was filled in matters once there is something to run.
    for sentence in report.filled_in.iter().filter(|_| report.is_ok()) {
        say(format!("filled in: {sentence}"));
    }
    if !report.clock_changes.is_empty() {
        say("\nclock changes of the next 12 months:");
    }
    for change in &report.clock_changes {
        say(format!("  {}", change.text));
    }
    if !report.probes.is_empty() {
        say("\nfrom a fault to the page, at worst:");
    }
    let width = report.probes.iter().map(|p| p.id.as_str().len()).max().unwrap_or(0);
    for probe in &report.probes {
        let sum = if probe.sum.is_empty() { "when a beat is missed" } else { &probe.sum };
        say(format!("  {:width$}  {sum}", probe.id));
    }
    if let (Some(config), Some((name, changes))) = (&report.config, &compared) {
        say(tell_duty::changes(changes, name, &config.catalog));
    }
    say(match (report.errors.len(), report.warnings.len()) {
        (0, 0) => "\nok".to_owned(),
        (0, 1) => "\nok, with 1 warning".to_owned(),
        (0, n) => format!("\nok, with {n} warnings"),
        (1, _) => "\n1 mistake".to_owned(),
        (n, _) => format!("\n{n} mistakes"),
    });
    Ok(code)
}

/// `check --format json`; the changes are there where they were asked for.
#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    report: Report,
    #[serde(flatten)]
    compared: Option<Changes>,
}

/// Who is on duty differently than by the other configuration, from the present minute on.
fn compared(config: &Config, other: Other) -> (String, Changes) {
    let now = Clock::system().now();
    let from = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now);
    let to = after(from, LOOK_AHEAD);
    (other.name, changes(&other.config.catalog, &config.catalog, &Recorded::default(), from, to))
}

/// Runs a probe once.
pub(super) async fn probe(common: &Common, id: &str) -> Result<ExitCode, Failure> {
    let (config, _) = configuration(common, Secrets::Required)?;
    let Some(spec) = config.probes.get(id) else {
        let known: Vec<&str> = config.probes.keys().map(ProbeId::as_str).collect();
        return Err(Failure::input(format!("there is no probe `{id}`; there are: {}", known.join(", "))));
    };
    if let Check::Heartbeat { .. } = spec.check {
        return Err(Failure::input(format!(
            "`{id}` is a heartbeat: its job reports to us, so there is nothing to run"
        )));
    }
    let run = probers::run_once(spec, &Clock::system(), &Metrics::new()).await;
    let run = run.ok_or_else(|| Failure::failed(format!("`{id}` could not be run")))?;
    match common.format {
        Format::Json => say_json(&run),
        Format::Text => say(in_words(&run)),
    }
    Ok(match run.outcome {
        Outcome::Up | Outcome::Degraded => ExitCode::SUCCESS,
        Outcome::Down | Outcome::Inconclusive => ExitCode::from(1),
    })
}

fn in_words(run: &Observation) -> String {
    let mut out = format!("{}: {}", run.probe, run.outcome);
    if let (Some(kind), Some(message)) = (run.kind, &run.message) {
        out.push_str(&format!(" ({kind}): {message}"));
    }
    let p = &run.phases_ms;
    let phases = [
        ("dns", p.dns),
        ("connect", p.connect),
        ("tls", p.tls),
        ("ttfb", p.ttfb),
        ("transfer", p.transfer),
        ("total", p.total),
    ];
    let phases: Vec<String> = phases.iter().filter_map(|(name, ms)| Some(format!("{name} {:.1} ms", (*ms)?))).collect();
    out.push_str(&format!("\n  {}", phases.join(", ")));
    if let Some(request) = &run.evidence.request {
        out.push_str(&format!("\n  {request}"));
    }
    for assertion in &run.assertions {
        let mark = if assertion.ok { "holds" } else { "FAILS" };
        let found = assertion.found.as_ref().map_or(String::new(), |f| format!(" (found {f})"));
        out.push_str(&format!("\n  {mark}: {}{found}", assertion.what));
    }
    out
}
