//! `run`: everything, until a signal.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use watchbell_config::Secrets;

use super::args::Common;
use super::output::{Failure, configuration, say};
use super::server_commands::url;
use crate::app::{self, Running, Setup};
use crate::clock::Clock;
use crate::inbox::{Control, Live};
use crate::telemetry;

/// The bootstrap admin token.
const ADMIN_TOKEN: &str = "WATCHBELL_ADMIN_TOKEN";

pub(super) async fn run(common: &Common) -> Result<ExitCode, Failure> {
    telemetry::start_logs(!std::io::stderr().is_terminal());
    raise_descriptor_limit();
    let (config, sources) = configuration(common, Secrets::Required)?;
    let config = Arc::new(config);
    let failed = |e: &dyn std::error::Error| Failure::failed(chain(e));
    let listener = app::bind(config.server.listen).await.map_err(|e| failed(&e))?;
    let setup = Setup {
        config: Arc::clone(&config),
        sources,
        listener,
        beside: axum::Router::new(),
        admin_token: std::env::var(ADMIN_TOKEN).ok().filter(|t| !t.is_empty()),
        read_openly: false,
    };
    let running = app::start(setup).await.map_err(|e| failed(&e))?;
    let url = url(&config.server, running.address);
    say(format!("watchbell {} is running on {url}", env!("CARGO_PKG_VERSION")));
    say(app::announcement(&config, &running.live.view.load(), Clock::system().now()));
    until_told(running).await
}

/// Probers, channels and clients need a descriptor each: the limit that we may use is the hard one.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current < maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::warn!(?current, "the limit of open files could not be raised");
    }
}

/// Serves signals: HUP reloads, TERM and INT end.
async fn until_told(running: Running) -> Result<ExitCode, Failure> {
    let listen = |kind| signal(kind).map_err(|e| Failure::failed(format!("signals cannot be received: {e}")));
    let mut hup = listen(SignalKind::hangup())?;
    let mut term = listen(SignalKind::terminate())?;
    let mut int = listen(SignalKind::interrupt())?;
    let (stop, live) = (running.stop.clone(), Arc::clone(&running.live));
    let signals = tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hup.recv() => reload(&live).await,
                _ = term.recv() => break,
                _ = int.recv() => break,
            }
        }
        tracing::info!("told to end; what is being sent is finished first");
        stop.cancel();
    });
    let ended = running.ended().await;
    signals.abort();
    ended.map(|()| ExitCode::SUCCESS).map_err(|e| Failure::failed(chain(&e)))
}

async fn reload(live: &Live) {
    let (reply, outcome) = oneshot::channel();
    if live.control.send(Control::Reload { accept_shift_change: false, reply }).await.is_err() {
        return; // the process is ending
    }
    if let Ok(Err(refused)) = outcome.await {
        for mistake in &refused.mistakes {
            tracing::error!("{mistake}");
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
