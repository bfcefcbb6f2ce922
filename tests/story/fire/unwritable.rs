//! The store cannot be written: pages for our own probes go out unrecorded, and are written down afterwards.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::story::bell::{Bell, Home, LIMIT, until};
use crate::story::town::Town;

/// Two runs, three seconds in which the store may recover, and a busy machine.
const PAGED_WITHIN: Duration = Duration::from_secs(10);

/// The canary's alarm comes after three seconds at the earliest, and when the store can be written again.
fn home(town: &Town) -> Home {
    let (hooks, target) = (town.hooks.base(), town.target.base());
    let yaml = format!(
        r#"
channels: {{ hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }} }}
people: [ {{ id: ann, contacts: {{ hook: "{hooks}/ann" }} }}, {{ id: ops, contacts: {{ hook: "{hooks}/ops" }} }} ]
policies:
  - {{ id: only, steps: [ {{ page: ann, ack_within: 10m }} ] }}
  - {{ id: platform, steps: [ {{ page: ops, ack_within: 10m }} ] }}
routes: [ {{ policy: only }} ]
catch_all: {{ person: ann, every: 10m }}
self: {{ policy: platform }}
canary: {{ every: 1s, alarm_after: 3s }}
defaults: {{ locale: en, severity: critical, every: 500ms, timeout: 400ms, alert: {{ down_after: 2, confirm_after: 50ms }} }}
probes: [ {{ id: site, http: "{target}/plain/site" }} ]
"#
    );
    let mut home = Home::written(&yaml, None);
    // As on a full disk a write fails, instead of a signal that ends the process.
    home.through(&["env", "--ignore-signal=XFSZ"]);
    home
}

/// No file of the process may grow any more, its log included.
fn fill_the_disk(bell: &Bell, full: bool) {
    let pid = i32::try_from(bell.pid()).ok().and_then(Pid::from_raw).expect("a process");
    let maximum = getrlimit(Resource::Fsize).maximum;
    let current = if full { Some(0) } else { maximum };
    prlimit(Some(pid), Resource::Fsize, Rlimit { current, maximum }).expect("a limit for a process of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_pages_go_out_and_are_written_down_later() {
    let town = Town::start().await;
    let home = home(&town);
    let bell = home.started().await;
    until("the canary flies", async || metric(&bell, "watchbell_canary_rounds_total{outcome=\"back\"}").await).await;

    fill_the_disk(&bell, true);
    let broken = Instant::now();
    town.target.fail("/plain/site");
    let page = town.hook("the first page", LIMIT, |g| g.kind() == "page" && g.person == "ann").await;
    assert!(broken.elapsed() < PAGED_WITHIN, "paged after {:?}", broken.elapsed());
    until("it says that it is not ready", async || (bell.get("/readyz").await.status == 503).then_some(())).await;
    let unrecorded = metric(&bell, "watchbell_unrecorded_pages_total").await;
    assert_eq!(unrecorded, Some(1.0), "one page went out unrecorded");
    until("the canary is lost", async || {
        metric(&bell, "watchbell_canary_rounds_total{outcome=\"lost\"}").await.filter(|lost| *lost >= 4.0)
    })
    .await;

    fill_the_disk(&bell, false);
    until("it is ready again", async || (bell.get("/readyz").await.status == 200).then_some(())).await;
    let pages = until("the page is written down", async || {
        let reply = bell.try_get(&format!("/api/v1/pages?ticket={}", page.ticket())).await.ok()?;
        (reply.status == 200)
            .then(|| reply.json())
            .filter(|pages| pages["pages"][0]["attempts"][0]["receipt"] == "accepted")
    })
    .await;
    assert_eq!(pages["pages"][0]["id"], page.page(), "under its own id: {pages:#}");
    let got = town.hooks.got().into_iter().filter(|g| g.kind() == "page" && g.person == "ann").count();
    assert_eq!(got, 1, "and is not sent again");

    // That nobody could have been told for a while is told, to those who run watchbell, and is over soon.
    let alarm = town.hook("self:canary", LIMIT, |g| g.person == "ops" && g.kind() == "page").await;
    assert_eq!(alarm.body["alert"]["dedup_key"], "self:canary");
    assert_eq!(alarm.body["ticket"]["priority"], "P1");
    town.hook("it is over", LIMIT, |g| g.person == "ops" && g.kind() == "page.resolved").await;
}

async fn metric(bell: &Bell, name: &str) -> Option<f64> {
    let text = bell.try_get("/metrics").await.ok()?.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))?;
    line.parse().ok().filter(|n| *n > 0.0)
}
