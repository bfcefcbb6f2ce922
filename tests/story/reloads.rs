//! Reloading a running server: whole, or not at all.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bell::{Bell, Home, now, until};
use super::town::Town;

/// A probe that a reload brings.
const NEW_PROBE: &str =
    "probes:\n  - { id: added, every: 500ms, timeout: 400ms, http: \"{{vars.expense_api}}/plain/added\" }\n";

/// A file that cannot be put in force.
const BROKEN: &str = "probes:\n  - { id: added, every: 500ms, timeoot: 400ms, http: \"http://127.0.0.1:1/\" }\n";

/// How many times the server refused or did a reload.
fn logged(bell: &Bell, what: &str) -> usize {
    bell.log().matches(what).count()
}

async fn probes(bell: &Bell) -> Vec<String> {
    let probes = bell.json("/api/v1/probes").await;
    let ids = probes["probes"].as_array().expect("a list").iter().map(|p| p["id"].as_str().expect("an id").to_owned());
    ids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_changes_nothing_and_a_good_one_everything() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    let bell = home.started().await;
    let before = probes(&bell).await;

    home.write("probes/added.yaml", BROKEN);
    bell.signal("HUP");
    until("the reload is refused", async || (logged(&bell, "the one in force stays") == 1).then_some(())).await;
    until("the mistake is logged", async || bell.log().contains("probes/added.yaml:2:32").then_some(())).await;
    assert_eq!(probes(&bell).await, before, "the old one is in force");
    let asked = town.target.asked("/healthz").len();
    until("its probes go on", async || (town.target.asked("/healthz").len() > asked).then_some(())).await;

    let refused = bell.post("/api/v1/reload", &json!({})).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let mistakes = refused.json()["mistakes"].to_string();
    assert!(mistakes.contains("probes/added.yaml:2:32") && mistakes.contains("timeout"), "{mistakes}");

    home.write("probes/added.yaml", NEW_PROBE);
    bell.signal("HUP");
    until("the new probe runs", async || (!town.target.asked("/plain/added").is_empty()).then_some(())).await;
    assert_eq!(probes(&bell).await.len(), before.len() + 1);
    std::fs::remove_file(home.dir().join("probes/added.yaml")).expect("it was there");
    let done = bell.post("/api/v1/reload", &json!({})).await;
    assert_eq!((done.status, &done.json()["changed"]), (200, &json!(true)), "{}", done.text);
    assert_eq!(probes(&bell).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_gone_refuses_the_reload() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    let bell = home.started().await;
    home.edit("watchbell.yaml", "{ env: HOOK_SECRET }", "{ env: A_SECRET_THAT_IS_GONE }");
    let refused = bell.post("/api/v1/reload", &json!({})).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("A_SECRET_THAT_IS_GONE"), "{}", refused.text);
    assert_eq!(bell.get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_who_is_on_duty_now_must_be_meant() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    let bell = home.started().await;
    let on_duty = async || -> Value {
        bell.json("/api/v1/oncall?rotation=expense-primary").await["rotations"][0]["on_duty"][0]["person"].clone()
    };
    let present = on_duty().await;
    let other = if present == "li.na" { "chen.yu" } else { "li.na" };
    let hours = |n: i64| now().checked_add(SignedDuration::from_hours(n)).expect("an instant");
    let line =
        format!("    overrides:\n      - {{ person: {other}, from: \"{:.0}\", to: \"{:.0}\" }}", hours(-1), hours(2));
    home.edit("rotations/expense.yaml", "    overrides:", &line);

    let refused = bell.post("/api/v1/reload", &json!({})).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    let problem = refused.json();
    assert_eq!(problem["shift_change"], true);
    let mistakes = problem["mistakes"].to_string();
    let keep = format!("- {{ person: {}, from: ", present.as_str().expect("a person"));
    assert!(problem["changes"].to_string().contains(&keep) && mistakes.contains(&keep), "{problem}");
    for part in ["expense-primary", other, present.as_str().expect("a person")] {
        assert!(mistakes.contains(part), "`{part}` is missing in {mistakes}");
    }
    bell.signal("HUP");
    until("the signal is refused as well", async || (logged(&bell, "the one in force stays") == 2).then_some(())).await;
    assert_eq!(on_duty().await, present, "nobody's duty changed");

    let done = bell.post("/api/v1/reload", &json!({ "accept_shift_change": true })).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.json()["notes"].to_string().contains(other), "{}", done.text);
    assert_eq!(on_duty().await, other);
}
