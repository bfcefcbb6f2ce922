//! A process that stood still for a while (SIGSTOP, a machine that was suspended) decides from the present.

use std::time::Duration;

use crate::story::bell::{Home, LIMIT, until};
use crate::story::town::Town;

/// Three steps of two seconds fall due in it.
const STANDS_STILL: Duration = Duration::from_secs(10);

fn home(town: &Town) -> Home {
    let (hooks, target) = (town.hooks.base(), town.target.base());
    let yaml = format!(
        r#"
channels: {{ hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }} }}
people:
  - {{ id: ann, contacts: {{ hook: "{hooks}/ann" }} }}
  - {{ id: bob, contacts: {{ hook: "{hooks}/bob" }} }}
  - {{ id: cho, contacts: {{ hook: "{hooks}/cho" }} }}
policies:
  - id: only
    steps: [ {{ page: ann, ack_within: 2s }}, {{ page: bob, ack_within: 2s }}, {{ page: cho, ack_within: 10m }} ]
catch_all: {{ person: cho, every: 10m }}
canary: {{ every: 1s, alarm_after: 3s }}
defaults: {{ severity: critical, every: 500ms, timeout: 400ms, alert: {{ down_after: 2, confirm_after: 50ms }} }}
probes:
  - {{ id: site, http: "{target}/plain/site" }}
  - {{ id: well, http: "{target}/plain/well" }}
"#
    );
    Home::written(&yaml, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stood_still_decides_from_the_present() {
    let town = Town::start().await;
    let home = home(&town);
    let bell = home.started().await;
    town.target.fail("/plain/site");
    town.hook("ann is paged", LIMIT, |g| g.person == "ann" && g.kind() == "page").await;
    bell.signal("STOP");
    tokio::time::sleep(STANDS_STILL).await;
    bell.signal("CONT");
    let bob = town.hook("the step that is due", LIMIT, |g| g.person == "bob" && g.kind() == "page").await;
    let cho = town.hook("the one after it, in its time", LIMIT, |g| g.person == "cho" && g.kind() == "page").await;
    let apart = cho.at.duration_since(bob.at);
    assert!(apart.as_millis() > 1_500, "steps are not made up for all at once: {apart:#}");
    let pages = town.hooks.got().into_iter().filter(|g| g.kind() == "page").count();
    assert_eq!(pages, 3, "one page for each step");

    // The canary flies again, and what it missed meanwhile wakes nobody.
    let rounds = async || {
        let text = bell.get("/metrics").await.text;
        let line = text.lines().find_map(|l| l.strip_prefix("watchbell_canary_rounds_total{outcome=\"back\"} "));
        line.and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let before = rounds().await;
    until("the canary comes back", async || (rounds().await >= before + 3.0).then_some(())).await;
    let tickets = bell.json("/api/v1/tickets?state=all").await;
    assert_eq!(tickets["tickets"].as_array().map(Vec::len), Some(1), "{tickets:#}");
}
