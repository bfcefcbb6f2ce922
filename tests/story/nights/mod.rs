//! Nights in which the process is killed at random moments, over and over, while services break, are
//! acknowledged or not, and heal: nothing is lost, and hardly anything comes twice.
//!
//! `WATCHBELL_KILLS=2000` kills more often; `WATCHBELL_SEED=7` draws the moments of an earlier run.

pub(super) mod chance;
pub(super) mod judge;
pub(super) mod kill;
pub(super) mod play;

use std::fmt::Write as _;

use tokio_util::sync::CancellationToken;

use super::bell::{Home, now};
use super::town::Town;
use crate::postgres;
use chance::Chance;

/// So many kills on each database where nothing is said.
const KILLS: usize = 25;

/// So many kills make a night; more kills make more nights.
const KILLS_A_NIGHT: usize = 13;

/// So many nights of one database are played at once.
const AT_ONCE: usize = 2;

/// How long step 1 of the policy `quick` waits for somebody, seconds.
const QUICK_S: i64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_on_sqlite_no_page_is_lost() {
    nights("sqlite", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_on_postgresql_no_page_is_lost() {
    nights("postgresql", true).await;
}

async fn nights(database: &str, server: bool) {
    let (kills, mut chance) = asked(database, KILLS);
    let mut left = kills;
    let mut report = judge::Report::default();
    while left > 0 {
        let mut playing = Vec::new();
        while left > 0 && playing.len() < AT_ONCE {
            let share = left.min(KILLS_A_NIGHT);
            left -= share;
            let store = if server { Some(postgres::fresh_database().await) } else { None };
            playing.push(night(store, share, chance.fork()));
        }
        for night in futures_util::future::join_all(playing).await {
            report.add(&night);
        }
    }
    println!("{database}: {report}");
    assert_eq!(report.kills, kills);
}

/// How many kills, and the chance to draw by: as the environment says, else `kills` and the time of day.
pub(super) fn asked(database: &str, kills: usize) -> (usize, Chance) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("WATCHBELL_SEED").unwrap_or_else(|| now().as_microsecond().unsigned_abs());
    let kills = number("WATCHBELL_KILLS").map_or(kills, |n| usize::try_from(n).expect("fits").div_ceil(2));
    println!("{database}: {kills} kills, WATCHBELL_SEED={seed}");
    (kills, Chance::new(seed))
}

/// One night with its own town; what came of it, judged.
async fn night(store: Option<String>, kills: usize, mut chance: Chance) -> judge::Report {
    let town = Town::start().await;
    town.hooks.think((0..7).map(|_| chance.millis(0..150)).collect());
    // A story takes longer than the time between two kills, on average.
    let probes = kills + 3;
    let home = Home::written(&configuration(&town, probes), store.as_deref());
    let over = CancellationToken::new();
    let (lives, stories) = tokio::join!(
        kill::again_and_again(&home, &town, kills, chance.fork(), kill::Moment::draw, over.clone()),
        play::stories(&home, &town, probes, chance.fork(), over),
    );
    judge::night(&home, &town, lives, stories).await
}

/// Fast probes; half of them by a policy that goes on to step 2 soon.
fn configuration(town: &Town, probes: usize) -> String {
    let (port, hooks, target) = (town.smtp_port(), town.hooks.base(), town.target.base());
    let mut yaml = format!(
        r#"
channels:
  mail: {{ smtp: {{ host: 127.0.0.1, port: {port}, tls: none, from: "watchbell <oncall@night.example>" }} }}
  hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }}
people:
  - {{ id: ann, contacts: {{ mail: ann@night.example, hook: "{hooks}/ann" }} }}
  - {{ id: bob, contacts: {{ mail: bob@night.example, hook: "{hooks}/bob" }} }}
  - {{ id: cho, contacts: {{ mail: cho@night.example, hook: "{hooks}/cho" }} }}
rotations:
  - {{ id: primary, people: [ann, bob], turn: weekly mon 09:00 since 2026-01-05 }}
policies:
  - id: patient
    steps: [ {{ page: primary, ack_within: 10m }}, {{ page: cho, ack_within: 10m }} ]
  - id: quick
    steps: [ {{ page: primary, ack_within: {QUICK_S}s }}, {{ page: cho, ack_within: 10m }} ]
catch_all: {{ person: cho, every: 10m }}
routes:
  - {{ match: {{ severity: critical }}, policy: quick }}
  - {{ policy: patient }}
defaults: {{ locale: en, every: 1s, timeout: 900ms, alert: {{ down_after: 3, confirm_after: 100ms }} }}
probes:
"#
    );
    for n in 0..probes {
        let severity = if play::Plan::of(n) == play::Plan::AckedByTheSecond { "critical" } else { "error" };
        // Writing to a String does not fail.
        let _ = writeln!(yaml, "  - {{ id: p{n}, http: \"{target}/plain/p{n}\", severity: {severity} }}");
    }
    yaml
}
