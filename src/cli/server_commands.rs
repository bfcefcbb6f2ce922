//! What a running server is asked for: tickets, answers, silences, overrides, tokens.

use std::process::ExitCode;

use watchbell_config::Config;

use super::args::{Command, Common};
use super::client::ApiClient;
use super::output::Failure;

/// A client of the server that the flags or the configuration name.
pub(super) fn client(common: &Common, config: Option<&Config>) -> ApiClient {
    let _ = (common, config);
    ApiClient {}
}

pub(super) async fn run(common: &Common, command: Command) -> Result<ExitCode, Failure> {
    let _ = (common, command);
    Err(Failure::failed("not wired yet"))
}
