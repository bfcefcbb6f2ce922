//! The loop under a load that never ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_config::{Secret, Secrets, Sources};
use watchbell_engine::ids::{ChannelId, PageId, TicketId};
use watchbell_engine::input::{Act, Actor, Answer, Deed, Input, Refusal};
use watchbell_engine::view::LiveView;

use super::{Driver, DriverDeps};
use crate::clock::Clock;
use crate::delivery::{Delivery, DeliveryDeps, LinkMaker, Tuning};
use crate::inbox::{Inbox, Lane, Live, ProbeBoard};
use crate::store::Store;
use crate::telemetry::Metrics;

const YAML: &str = r#"
channels: { hook: { webhook: {} } }
people: [ { id: me, contacts: { hook: "http://127.0.0.1:9/me" } } ]
probes: [ { id: site, tcp: "127.0.0.1:9" } ]
"#;

/// So many ask at once, each anew as soon as it was answered: a batch always waits.
const ASKERS: usize = 1_500;

/// The pulse beats every two seconds, and an idle store is proven after two.
const PROVEN_WITHIN: Duration = Duration::from_secs(20);

struct NoLinks;

impl LinkMaker for NoLinks {
    fn ack_url(&self, _: PageId, _: &ChannelId) -> String {
        String::new()
    }
}

fn deps(dir: &std::path::Path, store: Store, clock: &Clock, tracker: &TaskTracker) -> (DriverDeps, Inbox, Arc<Live>) {
    std::fs::write(dir.join("watchbell.yaml"), YAML).expect("a file");
    let report = watchbell_config::read(&Sources::process(dir, BTreeMap::new()), Secrets::Required, clock.now());
    let config = report.config.unwrap_or_else(|| panic!("{:?}", report.errors));
    let live = Arc::new(Live {
        view: ArcSwap::from_pointee(LiveView::default()),
        config: ArcSwap::from_pointee(config),
        probes: ProbeBoard::default(),
        control: mpsc::channel(1).0,
        run_now: mpsc::channel(1).0,
    });
    let ((inbox, reader), metrics) = (Inbox::new(), Metrics::new());
    let delivery = DeliveryDeps {
        clock: clock.clone(),
        inbox: inbox.clone(),
        live: Arc::clone(&live),
        metrics: metrics.clone(),
        links: Arc::new(NoLinks),
        loop_back: Secret::new("http://127.0.0.1:9/loop-back"),
        tuning: Tuning::default(),
    };
    let delivery = Delivery::start(delivery, CancellationToken::new(), tracker);
    let deps = DriverDeps { clock: clock.clone(), store, inbox: reader, live: Arc::clone(&live), metrics, delivery };
    (deps, inbox, live)
}

async fn ask_for_ever(inbox: Inbox, stop: CancellationToken) {
    let note = || {
        let what = Deed::Note { ticket: TicketId(404), text: "nobody reads this".into() };
        Input::Act(Act { by: Actor::engine(), what })
    };
    while !stop.is_cancelled() {
        // Needs no commit, so that only the pulse can show that the store is well. A full lane is as good.
        if let Ok(answer) = inbox.ask(Lane::Answers, note()).await {
            assert_eq!(answer, Answer::Refused(Refusal::NoSuchTicket(TicketId(404))));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pulse_beats_under_a_load_that_never_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let (clock, tracker) = (Clock::system(), TaskTracker::new());
    let url = watchbell_config::StoreUrl::Sqlite(dir.path().join("watchbell.db"));
    let store = Store::open(&url, clock.now()).await.expect("a new store");
    let (deps, inbox, live) = deps(dir.path(), store, &clock, &tracker);
    let driver = Driver::take_over(deps).await.expect("a new store is taken over");
    let stop = CancellationToken::new();
    let (_reloads, reloads_in) = mpsc::channel(1);
    let work = tokio::spawn(driver.run(reloads_in, stop.clone()));
    let askers: Vec<_> = (0..ASKERS).map(|_| tokio::spawn(ask_for_ever(inbox.clone(), stop.clone()))).collect();

    let last = || live.view.load().last_commit;
    let (first, end) = (last(), Instant::now() + PROVEN_WITHIN);
    while last() == first {
        assert!(Instant::now() < end, "no proof of the store since {first:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();
    let ended = work.await.expect("the loop does not panic").expect("it ends in order");
    for asker in askers {
        asker.await.expect("every question was answered");
    }
    ended.close().await;
}
