//! `demo`: the ordinary server on the shipped configuration, with a service to break, a phone and a
//! mail inbox beside it, all on one port and with data that is gone afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use watchbell_config::{ChannelSpec, Config, Secrets, SmtpSpec, Sources, StoreUrl};

use super::args::{Common, Demo};
use super::output::{Failure, accepted, say};
use super::run_command::chain;
use crate::app::{self, Setup};
use crate::clock::Clock;
use crate::demo::smtp::SmtpInbox;
use crate::demo::story::{Cast, Limits, Onlooker, Story, follow, play};
use crate::demo::{self, DemoParts, Local};

/// The port of the overview, or the next free one.
const PORT: u16 = 7247;

/// How many ports are tried.
const PORTS: u16 = 50;

pub(super) async fn demo(_: &Common, options: Demo) -> Result<ExitCode, Failure> {
    // The story is what the demo prints; what the server logs beside it is for those who ask.
    if std::env::var_os("WATCHBELL_LOG").is_some() {
        crate::telemetry::start_logs(false);
    }
    let failed = |e: &dyn std::error::Error| Failure::failed(chain(e));
    let home = tempfile::Builder::new().prefix("watchbell-demo-").tempdir().map_err(|e| failed(&e))?;
    let listener = listen(options.listen).await?;
    let mail = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|e| failed(&e))?;
    let address = |l: &TcpListener| l.local_addr().map_err(|e| failed(&e));
    let local = Local { http: address(&listener)?, smtp_port: address(&mail)?.port() };
    let (config, sources) = configuration(home.path(), local, address(&listener)?)?;
    let cast = Cast::of(&config);

    let stop = CancellationToken::new();
    let mails = SmtpInbox::start(mail, stop.clone());
    // The shipped configuration signs in, as it would at a real server.
    if let Some(channel) = smtp_of(&config)
        && let (Some(name), Some(password)) = (&channel.username, &channel.password)
    {
        mails.require_login(name, password.reveal());
    }
    let parts = DemoParts::new(Clock::system(), mails);
    let setup = Setup {
        config: Arc::new(config),
        sources,
        listener,
        beside: demo::router(&parts),
        admin_token: None,
        // Whoever can reach a demo may look at it: there is nothing behind it.
        read_openly: true,
    };
    let running = app::start(setup).await.map_err(|e| failed(&e))?;
    let world = Onlooker::new(&local.base(), None).map_err(|e| failed(&e))?;
    let ending = running.stop.clone();
    let ended = tokio::spawn(running.ended());
    let told = tell(&world, cast, options.auto, &local, &ending).await;
    ending.cancel();
    let ended = ended.await.map_err(|_| Failure::failed("the demo's server broke off"))?;
    stop.cancel();
    ended.map_err(|e| failed(&e))?;
    told
}

fn smtp_of(config: &Config) -> Option<&SmtpSpec> {
    config.channels.values().find_map(|channel| match channel {
        ChannelSpec::Smtp(spec) => Some(spec),
        ChannelSpec::Webhook(_) | ChannelSpec::Dingtalk(_) => None,
    })
}

async fn tell(
    world: &Onlooker,
    cast: Cast,
    auto: bool,
    local: &Local,
    ending: &CancellationToken,
) -> Result<ExitCode, Failure> {
    let mut print = |line: &str| say(line);
    if auto {
        let played = play(world, Story::new(cast), Limits::default(), &mut print).await;
        played.map_err(|e| Failure::failed(e.to_string()))?;
        return Ok(ExitCode::SUCCESS);
    }
    say(demo::greeting(&local.base()));
    tokio::select! {
        () = follow(world, Story::new(cast), demo::keys::from_stdin(), ending.clone(), &mut print) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The asked address, or the first free port from 7247 on.
async fn listen(asked: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    if let Some(address) = asked {
        return app::bind(address).await.map_err(|e| Failure::failed(chain(&e)));
    }
    for port in PORT..PORT + PORTS {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    Err(Failure::failed(format!("no port from {PORT} to {} is free; choose one with --listen", PORT + PORTS - 1)))
}

/// The shipped configuration, led to the demo's own sinks, with its data in `home`.
fn configuration(home: &Path, local: Local, listen: SocketAddr) -> Result<(Config, Sources), Failure> {
    demo::write_shipped(home).map_err(|e| Failure::failed(format!("{} cannot be written: {e}", home.display())))?;
    let sources = Sources { dir: home.into(), vars: local.vars(), env: Arc::new(move |name| local.env(name)) };
    let report = watchbell_config::read(&sources, Secrets::Required, Clock::system().now());
    let mut config = accepted(report)?;
    config.server.listen = listen;
    config.server.public_url = local.base();
    config.server.edge = None;
    config.store = StoreUrl::Sqlite(home.join("demo.db"));
    config.watchdog = None;
    Ok((config, sources))
}
