//! Printing, and failing in words.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;
use watchbell_config::{Config, Report, Secrets, Sources};

use super::args::Common;
use crate::clock::Clock;

/// Why a command ends with another code than 0.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// It did not succeed: exit code 1.
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into() }
    }

    /// The operator's input is wrong: exit code 2.
    pub(super) fn input(text: impl Into<String>) -> Self {
        Self { code: 2, text: text.into() }
    }

    /// With a line that says what to do.
    pub(super) fn help(self, what: &str) -> Self {
        Self { text: format!("{}\nhelp: {what}", self.text.trim_end()), ..self }
    }

    /// Says so on standard error.
    pub(super) fn report(self) -> ExitCode {
        let _ = writeln!(std::io::stderr(), "error: {}", self.text.trim_end());
        ExitCode::from(self.code)
    }
}

/// Prints a line; a reader that has gone away is no failure.
pub(super) fn say(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref().trim_end());
}

/// Says on standard error what is no failure.
pub(super) fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// Prints JSON, indented.
pub(super) fn say_json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => say(text),
        Err(e) => unreachable!("what we print is plain data: {e}"),
    }
}

/// Where the configuration comes from, by the flags.
pub(super) fn sources(common: &Common) -> Result<Sources, Failure> {
    let mut vars = std::collections::BTreeMap::new();
    for var in &common.vars {
        let (name, value) = var
            .split_once('=')
            .ok_or_else(|| Failure::input(format!("`--var {var}` has no value; write --var name=value")))?;
        vars.insert(name.to_owned(), value.to_owned());
    }
    Ok(Sources::process(&common.config, vars))
}

/// Reads the configuration, with its warnings on standard error; or prints every mistake.
pub(super) fn configuration(common: &Common, secrets: Secrets) -> Result<(Config, Sources), Failure> {
    let sources = sources(common)?;
    let report = watchbell_config::read(&sources, secrets, Clock::system().now());
    report.warnings.iter().for_each(|warning| warn(&warning.headline()));
    Ok((accepted(report)?, sources))
}

/// As [`configuration`], saying nothing about warnings: for commands that only want to know where the
/// server is.
pub(super) fn quiet_configuration(common: &Common, secrets: Secrets) -> Result<Config, Failure> {
    accepted(watchbell_config::read(&sources(common)?, secrets, Clock::system().now()))
}

/// The configuration of a report, or its mistakes in words.
pub(super) fn accepted(report: Report) -> Result<Config, Failure> {
    let mistakes: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    report.config.ok_or_else(|| {
        let count = mistakes.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        Failure::input(format!("the configuration has {count} {noun}\n\n{}", mistakes.join("\n\n")))
    })
}
