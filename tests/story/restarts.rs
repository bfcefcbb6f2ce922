//! Ending in order, and starting again: tickets and timers survive, and nothing is sent twice.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::bell::{Home, LIMIT, until};
use super::town::Town;
use crate::postgres;

/// A stop takes no longer (the brief of every init system is longer).
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// How long step 1 waits, seconds: longer than a stop and a start take.
const STEP_S: i64 = 8;

fn home(town: &Town, store: Option<&str>) -> Home {
    let (hooks, target) = (town.hooks.base(), town.target.base());
    let yaml = format!(
        r#"
channels: {{ hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }} }}
people:
  - {{ id: ann, contacts: {{ hook: "{hooks}/ann" }} }}
  - {{ id: bob, contacts: {{ hook: "{hooks}/bob" }} }}
policies:
  - id: only
    steps: [ {{ page: ann, ack_within: {STEP_S}s }}, {{ page: bob, ack_within: 10m }} ]
catch_all: {{ person: bob, every: 10m }}
defaults: {{ severity: critical, every: 500ms, timeout: 400ms, alert: {{ down_after: 2, confirm_after: 50ms }} }}
probes:
  - {{ id: site, http: "{target}/plain/site" }}
"#
    );
    Home::written(&yaml, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_and_timers_survive_a_stop_on_sqlite() {
    survive(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_and_timers_survive_a_stop_on_postgresql() {
    let url = postgres::fresh_database().await;
    survive(Some(&url)).await;
}

async fn survive(store: Option<&str>) {
    let town = Town::start().await;
    let home = home(&town, store);
    let bell = home.started().await;
    town.target.fail("/plain/site");
    // The phone answers slowly: the page is under way when the stop comes.
    town.hooks.think(vec![Duration::from_secs(1)]);
    let page = town.hook("the page", LIMIT, |got| got.kind() == "page").await;
    let path = format!("/api/v1/tickets/{}", page.ticket());
    let before = until("the ticket is shown", async || Some(bell.json(&path).await)).await;
    let (code, took) = bell.stop().await;
    assert_eq!(code, Some(0));
    assert!(took < STOPS_WITHIN, "{took:?}");

    let bell = home.started().await;
    let after = bell.json(&path).await;
    for kept in ["id", "state", "step", "opened_at", "next_step", "impact_started"] {
        assert_eq!(after[kept], before[kept], "{kept} survives");
    }
    assert!(after["first_page_accepted"].is_string(), "what was under way was finished first: {after}");
    let due = time(&before["next_step"]["at"]);
    let next = town.hook("step 2", LIMIT, |got| got.person == "bob").await;
    let late = next.at.duration_since(due);
    assert!(!late.is_negative() && late < SignedDuration::from_secs(3), "step 2 came {late:#} after it was due");
    let to_ann = town.hooks.got().into_iter().filter(|g| g.person == "ann" && g.kind() == "page").count();
    assert_eq!(to_ann, 1, "nothing is sent twice over a stop in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_never_answers_does_not_hold_up_the_end() {
    let town = Town::start().await;
    let home = home(&town, None);
    let bell = home.started().await;
    town.target.fail("/plain/site");
    town.hooks.think(vec![LIMIT]);
    town.hook("the page", LIMIT, |got| got.kind() == "page").await;
    let (code, took) = bell.stop().await;
    assert_eq!(code, Some(0));
    assert!(took < STOPS_WITHIN, "{took:?}");

    town.hooks.think(Vec::new());
    let _bell = home.started().await;
    let again = |got: &super::hooks::Got| got.kind() == "page" && got.attempt() > 1 && got.page() == "INC-1-p1";
    let second = town.hook("nobody knows whether it arrived: it is tried again", LIMIT, again).await;
    assert_eq!(second.id, "INC-1-p1-hook", "under the same id, so that the phone can tell");
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}
