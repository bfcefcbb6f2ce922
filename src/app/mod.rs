//! Wiring: one running server out of the rooms, its start, its reloads, its end.
//!
//! May import: every room below. Never decides anything about alerts.

mod announce;
mod calendars;
mod keys;
mod reload;
mod serve;
mod watchdog;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_config::{Config, Sources};
use watchbell_engine::view::LiveView;

use crate::clock::Clock;
use crate::delivery::{Delivery, DeliveryDeps, Tuning};
use crate::driver::{Driver, DriverDeps, DriverError, RecoverError};
use crate::gate::{StandingAdmin, hash_token};
use crate::inbox::{Inbox, Live, ProbeBoard, RunRequest};
use crate::intake::{self, Intake};
use crate::probers::{Probers, ProbersDeps, ProbersHandle};
use crate::store::{OpenError, Store};
use crate::telemetry::Metrics;
use crate::web;

pub use announce::announcement;
pub use keys::{KeyError, operator_token};
pub use serve::{ServeError, bind};

/// How many requests to the process itself may wait.
const CONTROL_DEPTH: usize = 16;

/// What is under way when the end comes has this long: a send is cut off after 5 s.
const DRAIN_WITHIN: Duration = Duration::from_secs(8);

/// What a server is started from.
pub struct Setup {
    /// The configuration to begin with.
    pub config: Arc<Config>,
    /// Where it came from, for reloads.
    pub sources: Sources,
    /// Bound already, so that whoever starts us knows the port.
    pub listener: TcpListener,
    /// Routes beside our own: the demo's.
    pub beside: Router,
    /// The bootstrap admin token.
    pub admin_token: Option<String>,
    /// Reading needs no token though `listen` is not loopback.
    pub read_openly: bool,
}

/// A running server.
pub struct Running {
    /// Ends it when cancelled.
    pub stop: CancellationToken,
    /// What it shows.
    pub live: Arc<Live>,
    /// Where it listens.
    pub address: SocketAddr,
    work: JoinHandle<Result<Store, DriverError>>,
    engine_stop: CancellationToken,
    tracker: TaskTracker,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What the store holds.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The server key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An address or a certificate.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Why a running server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The engine's loop ended.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A bug; the state in the store is whole.
    #[error("the engine's loop broke; start again, and nothing is lost")]
    Broken,
}

impl Running {
    /// Waits until the server has ended, by `stop` or by itself, and everything is written. After `stop`
    /// the engine goes on until what is being sent has its outcome, so that a restart repeats nothing.
    pub async fn ended(mut self) -> Result<(), EndError> {
        let by_itself = tokio::select! {
            ended = &mut self.work => Some(ended),
            () = self.stop.cancelled() => None,
        };
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(DRAIN_WITHIN, self.tracker.wait()).await.is_err() {
            tracing::warn!("some work was still under way at the end; what it was about is in the store");
        }
        self.engine_stop.cancel();
        let ended = match by_itself {
            Some(ended) => ended,
            None => self.work.await,
        };
        match ended {
            Ok(Ok(store)) => store.close().await,
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(EndError::Broken),
        }
        Ok(())
    }
}

/// Opens the store, recovers, and starts every room.
pub async fn start(setup: Setup) -> Result<Running, StartError> {
    let Setup { config, sources, listener, beside, admin_token, read_openly } = setup;
    let clock = Clock::system();
    let store = Store::open(&config.store, clock.now()).await?;
    let key = keys::server_key(&config)?;
    let (links, admins) = (web::LinkKey::new(&key), standing_admins(admin_token.as_deref(), &key));
    let stop = CancellationToken::new();
    let (tracker, metrics) = (TaskTracker::new(), Metrics::new());
    let (inbox, reader) = Inbox::new();
    let (live, asked) = live(&config);
    let delivery = Delivery::start(
        DeliveryDeps {
            clock: clock.clone(),
            inbox: inbox.clone(),
            live: Arc::clone(&live),
            metrics: metrics.clone(),
            links: Arc::new(keys::Links::new(links.clone(), Arc::clone(&live))),
            tuning: Tuning::default(),
        },
        stop.clone(),
        &tracker,
    );
    let deps = DriverDeps {
        clock: clock.clone(),
        store: store.clone(),
        inbox: reader,
        live: Arc::clone(&live),
        metrics: metrics.clone(),
        delivery,
    };
    let driver = Driver::take_over(deps).await?;
    store.history().start(&metrics);
    let parts = Parts { clock, store, inbox, live, metrics, stop, tracker, sources, links, admins, read_openly };
    parts.run(config, driver, asked, listener, beside).await
}

/// The admins that need no store: the bootstrap token, and whoever can read the server key.
fn standing_admins(bootstrap: Option<&str>, key: &[u8]) -> Arc<[StandingAdmin]> {
    let bootstrap = bootstrap.map(|token| StandingAdmin { name: "admin".into(), token: hash_token(token) });
    let operator = StandingAdmin { name: "operator".into(), token: hash_token(&keys::derived_token(key)) };
    bootstrap.into_iter().chain([operator]).collect()
}

/// What the rooms share while they are being started.
struct Parts {
    clock: Clock,
    store: Store,
    inbox: Inbox,
    live: Arc<Live>,
    metrics: Metrics,
    stop: CancellationToken,
    tracker: TaskTracker,
    sources: Sources,
    links: web::LinkKey,
    admins: Arc<[StandingAdmin]>,
    read_openly: bool,
}

/// The inside ends of what can be asked of the process.
struct Asked {
    control: mpsc::Receiver<crate::inbox::Control>,
    run_now: mpsc::Receiver<RunRequest>,
}

fn live(config: &Arc<Config>) -> (Arc<Live>, Asked) {
    let (control, control_in) = mpsc::channel(CONTROL_DEPTH);
    let (run_now, run_now_in) = mpsc::channel(CONTROL_DEPTH);
    let live = Live {
        view: ArcSwap::from_pointee(LiveView::default()),
        config: ArcSwap::new(Arc::clone(config)),
        probes: ProbeBoard::default(),
        control,
        run_now,
    };
    (Arc::new(live), Asked { control: control_in, run_now: run_now_in })
}

impl Parts {
    async fn run(
        self,
        config: Arc<Config>,
        driver: Driver,
        asked: Asked,
        listener: TcpListener,
        beside: Router,
    ) -> Result<Running, StartError> {
        let address = serve::address_of(&listener)?;
        let probers = self.probers(&config, asked.run_now);
        let (reloads, reloads_in) = mpsc::channel(1);
        let app = web::App {
            clock: self.clock.clone(),
            inbox: self.inbox.clone(),
            live: Arc::clone(&self.live),
            store: self.store.clone(),
            metrics: self.metrics.clone(),
            links: self.links.clone(),
            admins: Arc::clone(&self.admins),
            loopback: address.ip().is_loopback() || self.read_openly,
        };
        let (stop, tracker) = (&self.stop, &self.tracker);
        let tls = match (&config.server.tls, address.ip().is_loopback()) {
            (Some(files), false) => Some(serve::acceptor(files)?),
            (Some(_) | None, _) => None,
        };
        let intake = Intake { inbox: self.inbox.clone(), live: Arc::clone(&self.live), gate: app.gate() };
        let everything = web::router(app.clone()).merge(intake::router(intake.clone())).merge(beside);
        tracker.spawn(serve::serve(listener, everything, tls, stop.clone()));
        if let Some(edge) = config.server.edge {
            let listener = serve::bind(edge).await?;
            let tls = config.server.tls.as_ref().map(serve::acceptor).transpose()?;
            let public = web::edge_router(app).merge(intake::edge_router(intake));
            tracker.spawn(serve::serve(listener, public, tls, stop.clone()));
        }
        tracker.spawn(watchdog::run(Arc::clone(&self.live), self.clock.clone(), self.metrics.clone(), stop.clone()));
        let deps =
            calendars::Deps { live: Arc::clone(&self.live), clock: self.clock.clone(), metrics: self.metrics.clone() };
        tracker.spawn(calendars::run(deps, stop.clone()));
        let reloader = reload::Reloader {
            sources: self.sources,
            live: Arc::clone(&self.live),
            clock: self.clock,
            reloads,
            probers,
        };
        tracker.spawn(reloader.run(asked.control, stop.clone()));
        let engine_stop = CancellationToken::new();
        let work = tokio::spawn(driver.run(reloads_in, engine_stop.clone()));
        Ok(Running { stop: self.stop, live: self.live, address, work, engine_stop, tracker: self.tracker })
    }

    fn probers(&self, config: &Arc<Config>, run_now: mpsc::Receiver<RunRequest>) -> ProbersHandle {
        let deps = ProbersDeps {
            clock: self.clock.clone(),
            inbox: self.inbox.clone(),
            live: Arc::clone(&self.live),
            metrics: self.metrics.clone(),
            history: self.store.history().sender(),
        };
        Probers::start(deps, Arc::clone(config), run_now, self.stop.clone(), &self.tracker)
    }
}
