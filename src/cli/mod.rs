//! The commands: what they print, and their exit codes. 0 is fine, 1 did not succeed, 2 the
//! operator's input is wrong.
//!
//! May import: every room below.

mod against;
mod args;
mod client;
mod config_commands;
mod cover_commands;
mod demo_command;
#[cfg(test)]
mod docs_tests;
mod doctor_command;
mod duty_commands;
mod output;
mod own_certificate;
mod quiet_commands;
mod rota_command;
mod run_command;
mod server_commands;
mod simulate_command;
mod tell;
mod tell_duty;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::Failure;

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            let code = if usage.use_stderr() { 2 } else { 0 };
            // There is nobody to tell when even this cannot be printed.
            let _ = usage.print();
            return ExitCode::from(code);
        }
    };
    // One provider for everything that speaks TLS; a second call would find it installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return Failure::failed(format!("no runtime could be started: {e}")).report(),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let common = cli.common;
    match cli.command {
        Command::Run => run_command::run(&common).await,
        Command::Demo(demo) => demo_command::demo(&common, demo).await,
        Command::Init { dir } => config_commands::init(&dir),
        Command::Check { secrets, against } => config_commands::check(&common, secrets, against).await,
        Command::Probe { id } => config_commands::probe(&common, &id).await,
        Command::Oncall { at, rotation, offline } => duty_commands::oncall(&common, at, rotation, offline).await,
        Command::Rota(asked) => rota_command::rota(&common, asked).await,
        Command::Simulate(asked) => simulate_command::run(&common, asked).await,
        Command::Doctor { rebuild } => doctor_command::doctor(&common, rebuild).await,
        other => server_commands::run(&common, other).await,
    }
}
