//! A small world for the tests of the serving rooms: a configuration, a live view, a store on disk, and a stand-in
//! for the engine that answers the inbox by the plainest reading of the rules.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use watchbell_config::StoreUrl;
use watchbell_engine::catalog::Localized;
use watchbell_engine::ids::{PageId, TicketId};
use watchbell_engine::input::Input;
use watchbell_engine::view::{LiveView, TicketLive};
use watchbell_engine::word::Level;

use super::{Gate, StandingAdmin, fresh_token, hash_token};
use crate::clock::Clock;
use crate::gate::Role;
use crate::inbox::{Control, Inbox, Live, ProbeBoard, RunRequest};
use crate::store::Store;
use crate::telemetry::Metrics;

mod config;
mod engine;
mod view;

pub(crate) use view::failing_run;

/// When the world begins: a Sunday night in Shanghai.
pub(crate) const NOW: &str = "2026-11-22T19:12:40Z";

/// The token of the heartbeat.
pub(crate) const BEAT_TOKEN: &str = "nightly-7f3a";

/// An instant as it is written.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The world.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) inbox: Inbox,
    pub(crate) live: Arc<Live>,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) admin: String,
    /// Every input that reached the engine, repeats of an id not counted.
    pub(crate) inputs: Arc<Mutex<Vec<Input>>>,
    pub(crate) control: Option<mpsc::Receiver<Control>>,
    pub(crate) run_now: Option<mpsc::Receiver<RunRequest>>,
    dir: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl World {
    /// A world in which the engine answers.
    pub(crate) async fn new() -> Self {
        Self::with(true).await
    }

    /// A world in which nobody answers the inbox, as while the store cannot be written.
    pub(crate) async fn stuck() -> Self {
        Self::with(false).await
    }

    async fn with(answering: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("watchbell-world-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory for the store");
        let clock = Clock::manual(at(NOW));
        let url = StoreUrl::Sqlite(dir.join("watchbell.db"));
        let store = Store::open(&url, clock.now()).await.expect("a new store opens");
        let (inbox, reader) = Inbox::new();
        let (control, control_in) = mpsc::channel(1);
        let (run_now, run_now_in) = mpsc::channel(1);
        let live = Arc::new(Live {
            view: ArcSwap::from_pointee(view::view()),
            config: ArcSwap::from_pointee(config::config()),
            probes: ProbeBoard::default(),
            control,
            run_now,
        });
        live.probes.record(Arc::new(view::good_run()), Some(Level::Up));
        live.probes.record(Arc::new(failing_run()), Some(Level::Down));
        let inputs = Arc::new(Mutex::new(Vec::new()));
        if answering {
            tokio::spawn(engine::answer(reader, Arc::clone(&live), Arc::clone(&inputs), clock.clone()));
        } else {
            // The lanes stay open, and nobody takes from them.
            std::mem::forget(reader);
        }
        let admin = fresh_token(&aws_lc_rs::rand::SystemRandom::new()).expect("random");
        let (control, run_now) = (Some(control_in), Some(run_now_in));
        Self { clock, inbox, live, store, metrics: Metrics::new(), admin, inputs, control, run_now, dir }
    }

    pub(crate) fn admins(&self) -> Arc<[StandingAdmin]> {
        [StandingAdmin { name: "admin".into(), token: hash_token(&self.admin) }].into()
    }

    pub(crate) fn gate(&self, loopback: bool) -> Gate {
        let (clock, store) = (self.clock.clone(), self.store.clone());
        Gate { clock, store, admins: self.admins(), loopback }
    }

    /// A new token of a role, named after it where no name matters.
    pub(crate) async fn token(&self, name: &str, role: Role) -> String {
        let token = fresh_token(&aws_lc_rs::rand::SystemRandom::new()).expect("random");
        let hash = hash_token(&token);
        self.store.create_token(name, role.as_str(), &hash.0, self.clock.now()).await.expect("a new name");
        token
    }

    /// Changes the live view.
    pub(crate) fn change(&self, change: impl FnOnce(&mut LiveView)) {
        let mut view = (**self.live.view.load()).clone();
        change(&mut view);
        self.live.view.store(Arc::new(view));
    }

    /// Changes one ticket of the live view.
    pub(crate) fn change_ticket(&self, id: TicketId, change: impl FnOnce(&mut TicketLive)) {
        self.change(|view| change(Arc::make_mut(view.tickets.get_mut(&id).expect("a known ticket"))));
    }

    pub(crate) fn ticket(&self, id: TicketId) -> Arc<TicketLive> {
        Arc::clone(&self.live.view.load().tickets[&id])
    }

    /// What reached the engine.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        self.inputs.lock().expect("no panic while it was held").clone()
    }
}

/// The ticket of the world.
pub(crate) const TICKET: TicketId = TicketId(42);

/// The page of the person on duty.
pub(crate) const PAGE: PageId = PageId { ticket: TICKET, n: 1 };

/// The page of the room.
pub(crate) const ROOM_PAGE: PageId = PageId { ticket: TICKET, n: 2 };

/// A text in both languages.
fn both(zh_cn: &str, en: &str) -> Localized {
    Localized { zh_cn: zh_cn.into(), en: en.into() }
}

/// The zone of the world.
fn shanghai() -> TimeZone {
    TimeZone::get("Asia/Shanghai").expect("bundled")
}
