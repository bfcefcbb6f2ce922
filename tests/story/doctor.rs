//! `doctor`: what differs from the facts is named, and written anew.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::bell::{Home, run};
use super::town::Town;
use crate::postgres;

/// As a disk or a person might have left it: the ticket looks resolved, and nobody would see it.
const SPOIL: &str = "UPDATE tickets SET body = replace(body, '\"state\":\"triggered\"', '\"state\":\"resolved\"')";

fn home(town: &Town, store: Option<&str>) -> Home {
    let hooks = town.hooks.base();
    let yaml = format!(
        r#"
channels: {{ hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }} }}
people: [ {{ id: ann, contacts: {{ hook: "{hooks}/ann" }} }} ]
canary: off
probes: [ {{ id: site, tcp: "127.0.0.1:9", severity: warning, every: 24h }} ]
"#
    );
    Home::written(&yaml, store)
}

async fn doctor(home: &Home, more: &[&str]) -> (i32, Value) {
    let words: Vec<&str> = ["doctor", "--format", "json"].iter().chain(more).copied().collect();
    let (code, out, err) = run(home.command(&words)).await;
    (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}")))
}

fn found<'r>(report: &'r Value, check: &str) -> &'r Value {
    let checks = report["checks"].as_array().expect("a list");
    checks.iter().find(|c| c["check"] == check).unwrap_or_else(|| panic!("no {check} in {report:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_the_facts_is_named_and_written_anew_on_sqlite() {
    named_and_written_anew(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_the_facts_is_named_and_written_anew_on_postgresql() {
    named_and_written_anew(Some(&postgres::fresh_database().await)).await;
}

async fn named_and_written_anew(store: Option<&str>) {
    let town = Town::start().await;
    let home = home(&town, store);
    let bell = home.started().await;
    for key in ["a", "b"] {
        let fire = json!({ "dedup_key": key, "summary": "the payout is late", "severity": "critical" });
        assert_eq!(bell.post("/api/v1/signals", &fire).await.status, 202);
    }
    assert_eq!(bell.post("/api/v1/tickets/INC-2/ack", &json!({})).await.status, 200);
    let (code, well) = doctor(&home, &[]).await;
    assert_eq!((code, &well["ok"]), (0, &json!(true)), "it looks while a server runs: {well:#}");
    if store.is_none() {
        let (code, refused) = doctor(&home, &["--rebuild"]).await;
        assert_eq!(code, 1, "and writes nothing beside it: {refused:#}");
        assert!(found(&refused, "rebuild")["message"].to_string().contains("in use"), "{refused:#}");
    }
    bell.stop().await;

    spoil(&home, store).await;
    let (code, report) = doctor(&home, &[]).await;
    let wrong = found(&report, "projections");
    assert_eq!((code, &wrong["ok"]), (1, &json!(false)), "{report:#}");
    let message = wrong["message"].as_str().expect("a text");
    assert!(message.contains("1 tickets differ") && message.contains("INC-1 (state)"), "{message}");
    let (code, report) = doctor(&home, &["--rebuild"]).await;
    assert_eq!((code, &report["ok"]), (0, &json!(true)), "{report:#}");

    let bell = home.started().await;
    let tickets = bell.json("/api/v1/tickets?state=all").await;
    let states: Vec<&Value> = tickets["tickets"].as_array().expect("a list").iter().map(|t| &t["state"]).collect();
    assert_eq!(states, ["acknowledged", "triggered"]);
}

async fn spoil(home: &Home, store: Option<&str>) {
    match store {
        None => {
            let path = home.dir().join("watchbell.db");
            let mut conn = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.expect("the store");
            sqlx::query(SPOIL).execute(&mut conn).await.expect("a spoilt ticket");
            conn.close().await.expect("it is written");
        }
        Some(url) => {
            let mut conn = PgConnection::connect(url).await.expect("the store");
            sqlx::query(AssertSqlSafe(SPOIL.to_owned())).execute(&mut conn).await.expect("a spoilt ticket");
            conn.close().await.expect("it is written");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_others_may_read_is_told_and_a_store_that_is_not_there_is_not_made() {
    use std::os::unix::fs::PermissionsExt;
    let town = Town::start().await;
    let home = home(&town, None);
    let (code, report) = doctor(&home, &[]).await;
    assert_eq!((code, &found(&report, "store")["ok"]), (1, &json!(false)), "{report:#}");
    assert!(!home.dir().join("watchbell.db").exists(), "it only looks");
    home.started().await.stop().await;
    let key = home.dir().join("watchbell.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("a file of ours");
    let (code, report) = doctor(&home, &[]).await;
    let secrets = found(&report, "secrets")["message"].as_str().expect("a text");
    assert!(code == 1 && secrets.contains("watchbell.key (mode 644)"), "{secrets}");
}
