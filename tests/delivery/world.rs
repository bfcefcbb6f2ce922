//! A delivery room with a configuration of our choice, and what it reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell::clock::Clock;
use watchbell::delivery::{Delivery, DeliveryDeps, DeliveryHandle, LinkMaker, Tuning};
use watchbell::inbox::{Inbox, InboxReader, Live, ProbeBoard};
use watchbell::telemetry::Metrics;
use watchbell_config::model::{ChannelSpec, Config, Secret, Server, StoreUrl};
use watchbell_engine::catalog::{Catalog, CatchAll};
use watchbell_engine::ids::{ChannelId, PageId, PersonId};
use watchbell_engine::input::{Input, SendReport};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Locale;

/// How long anything in a test may take before it counts as not happening.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

struct Links;

impl LinkMaker for Links {
    fn ack_url(&self, page: PageId, channel: &ChannelId) -> String {
        format!("https://watch.example/a/{page}-{channel}")
    }
}

/// A delivery room and its surroundings.
pub(super) struct World {
    pub(super) delivery: DeliveryHandle,
    pub(super) live: Arc<Live>,
    pub(super) metrics: Metrics,
    pub(super) stop: CancellationToken,
    reports: InboxReader,
}

impl World {
    /// `li.na` with these channels and addresses; a busy machine has time to answer.
    pub(super) fn new(channels: Vec<(&str, ChannelSpec, &str)>) -> Self {
        Self::tuned(channels, Tuning { send_timeout: LIMIT, ..Tuning::default() })
    }

    /// As [`World::new`], for channels that never answer: sends are cut off after 300 ms.
    pub(super) fn hasty(channels: Vec<(&str, ChannelSpec, &str)>) -> Self {
        Self::tuned(channels, Tuning { send_timeout: Duration::from_millis(300), ..Tuning::default() })
    }

    pub(super) fn tuned(channels: Vec<(&str, ChannelSpec, &str)>, tuning: Tuning) -> Self {
        // A second call in the same process finds the first one's provider, which is the same.
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap_or_default();
        let (inbox, reports) = Inbox::new();
        let live = Arc::new(Live {
            view: ArcSwap::default(),
            config: ArcSwap::from_pointee(config(channels)),
            probes: ProbeBoard::default(),
            control: mpsc::channel(1).0,
            run_now: mpsc::channel(1).0,
        });
        let (metrics, stop) = (Metrics::new(), CancellationToken::new());
        let deps = DeliveryDeps {
            clock: Clock::system(),
            inbox,
            live: Arc::clone(&live),
            metrics: metrics.clone(),
            links: Arc::new(Links),
            tuning,
        };
        let delivery = Delivery::start(deps, stop.clone(), &TaskTracker::new());
        Self { delivery, live, metrics, stop, reports }
    }

    /// The next report.
    pub(super) async fn report(&mut self) -> SendReport {
        let next = async {
            loop {
                if let Some(pending) = self.reports.ready().await
                    && let Input::Report(report) = pending.envelope.input
                {
                    return report;
                }
            }
        };
        tokio::time::timeout(LIMIT * 2, next).await.expect("a report")
    }

    /// Sends one message and waits for its report, which must be the only one.
    pub(super) async fn send(&mut self, message: Outgoing) -> SendReport {
        let send = message.send;
        self.delivery.send(message);
        let report = self.report().await;
        assert_eq!(report.send, send);
        assert!(self.reports.take(10).is_empty(), "one report for each message");
        report
    }

    pub(super) fn counted(&self, channel: &str, receipt: &str) -> u64 {
        self.metrics.pages.with_label_values(&[channel, receipt]).get()
    }
}

/// A page for `li.na` over a channel.
pub(super) fn page(channel: &str) -> Outgoing {
    let page: Outgoing = serde_json::from_str(include_str!("../data/page.json")).expect("the sample is a message");
    Outgoing { channel: channel.into(), ..page }
}

/// A port on loopback that nobody listens on.
pub(super) async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    listener.local_addr().expect("bound").port()
}

/// Waits until something holds, at most [`LIMIT`].
pub(super) async fn until(what: &str, holds: impl Fn() -> bool) {
    let poll = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, poll).await.unwrap_or_else(|_| panic!("never happened: {what}"));
}

pub(super) fn config(channels: Vec<(&str, ChannelSpec, &str)>) -> Config {
    let person = PersonId::from("li.na");
    let mut contacts = BTreeMap::new();
    let mut specs = BTreeMap::new();
    for (id, spec, address) in channels {
        contacts.insert(ChannelId::from(id), Secret::new(address));
        specs.insert(ChannelId::from(id), spec);
    }
    Config {
        dir: ".".into(),
        catalog: Arc::new(catalog()),
        server: Server {
            listen: "127.0.0.1:7247".parse().expect("an address"),
            public_url: "https://watch.example".into(),
            edge: None,
            tls: None,
        },
        store: StoreUrl::Sqlite("watchbell.db".into()),
        channels: specs,
        contacts: BTreeMap::from([(person, contacts)]),
        probes: BTreeMap::new(),
        watchdog: None,
        calendar_feeds: BTreeMap::new(),
        filled_in: Vec::new(),
    }
}

/// Delivery looks at nothing in it.
fn catalog() -> Catalog {
    Catalog {
        revision: "0123456789ab".into(),
        zone: TimeZone::UTC,
        locale: Locale::ZhCn,
        people: BTreeMap::new(),
        rotations: BTreeMap::new(),
        calendars: BTreeMap::new(),
        policies: BTreeMap::new(),
        default_policy: "default".into(),
        self_policy: None,
        routes: Vec::new(),
        channels: BTreeMap::new(),
        probes: BTreeMap::new(),
        catch_all: CatchAll { person: "li.na".into(), every: Millis::mins(5) },
    }
}
