//! Promise 7: the canary flies all the time, and leaves nothing behind.

use sqlx::{Connection, Row as _, SqliteConnection};

use super::bell::{Bell, Home, until};
use super::town::Town;

const ROUNDS: f64 = 4.0;

fn home(town: &Town) -> Home {
    let (hooks, target) = (town.hooks.base(), town.target.base());
    let yaml = format!(
        r#"
channels: {{ hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }} }}
people: [ {{ id: ann, contacts: {{ hook: "{hooks}/ann" }} }} ]
canary: {{ every: 2s, alarm_after: 1m }}
probes: [ {{ id: site, http: "{target}/plain/site" }} ]
"#
    );
    Home::written(&yaml, None)
}

async fn metric(bell: &Bell, name: &str) -> f64 {
    let text = bell.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canary_comes_back_all_the_time_and_leaves_nothing_behind() {
    let town = Town::start().await;
    let home = home(&town);
    let bell = home.started().await;
    let back = "watchbell_canary_rounds_total{outcome=\"back\"}";
    until("rounds of the canary come back", async || (metric(&bell, back).await >= ROUNDS).then_some(())).await;
    let took = metric(&bell, "watchbell_canary_round_trip_seconds").await;
    assert!(took > 0.1 && took < 2.0, "two runs and the way back took {took} s");

    assert_eq!(bell.json("/api/v1/tickets?state=all").await["tickets"], serde_json::json!([]));
    let probes = bell.json("/api/v1/probes").await;
    assert_eq!(probes["probes"].as_array().map(Vec::len), Some(1), "{probes}");
    assert_eq!(bell.get("/api/v1/probes/self:canary").await.status, 404);
    let metrics = bell.get("/metrics").await.text;
    assert!(!metrics.contains("self:canary"), "{metrics}");
    assert!(!metrics.contains("watchbell_runs_total{kind=\"status\""), "what it finds on purpose is not counted");
    assert_eq!(town.hooks.got().len(), 0, "nobody hears of it");

    let (code, _) = bell.stop().await;
    assert_eq!(code, Some(0));
    let mut store = SqliteConnection::connect(&format!("sqlite://{}", home.dir().join("watchbell.db").display()))
        .await
        .expect("the store");
    let count = async |store: &mut SqliteConnection, sql: &'static str| {
        sqlx::query(sql).fetch_one(store).await.expect("a count").get::<i64, _>(0)
    };
    let facts = count(&mut store, "SELECT count(*) FROM facts").await;
    assert!(facts <= 3, "{facts} facts: the start, and who is on duty");
    assert!(count(&mut store, "SELECT count(*) FROM outbox").await <= 1, "no row stays but one under way");
}
