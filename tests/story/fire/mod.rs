//! The real process under fire: fifty probes and a stream of signals, a storm in which everything breaks and
//! heals and breaks again, a provider that takes, refuses, hangs and drops, a mail server that hangs, and
//! `kill -9` over and over. Counted at the end from the provider's own log and the store: nothing is lost.
//!
//! `WATCHBELL_KILLS=300` kills more often; `WATCHBELL_SEED=7` draws the moments of an earlier run.

mod judge;
mod stopped;
mod storm;
mod unwritable;

use std::fmt::Write as _;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell::demo::smtp::Mode;

use super::bell::{Home, now};
use super::hooks::Mood;
use super::nights::asked;
use super::nights::chance::Chance;
use super::nights::kill::{self, Life, Lives, Moment};
use super::town::{Event, Town};
use crate::postgres;

/// So many kills on each database where nothing is said.
const KILLS: usize = 12;

/// Probes, and the services that they belong to: those of one service share a ticket.
const PROBES: usize = 50;
const SERVICES: usize = 10;

/// How many stops in order the storm sees that is not killed.
const STOPS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_a_storm_on_sqlite_nothing_is_lost() {
    killed("fire on sqlite", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_a_storm_on_postgresql_nothing_is_lost() {
    killed("fire on postgresql", Some(postgres::fresh_database().await)).await;
}

async fn killed(database: &str, store: Option<String>) {
    let (kills, mut chance) = asked(database, KILLS);
    let fire = Fire::start(store, chance.fork()).await;
    let over = CancellationToken::new();
    let lives = kill::again_and_again(&fire.home, &fire.town, kills, chance.fork(), moment, over.clone());
    let report = fire.burn(lives, chance, over).await;
    println!("{database}: {report}");
    assert_eq!(report.kills, kills);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_order_in_a_storm_nothing_is_lost_and_nothing_comes_twice() {
    let (_, mut chance) = asked("storm", 0);
    let fire = Fire::start(None, chance.fork()).await;
    let over = CancellationToken::new();
    let lives = stopped_again_and_again(&fire, chance.fork(), over.clone());
    let report = fire.burn(lives, chance, over).await;
    println!("storm: {report}");
    assert_eq!(report.copies, 0, "what is under way at a stop in order is finished first");
}

/// A town in bad shape, and a home in it.
struct Fire {
    town: Town,
    home: Home,
}

impl Fire {
    async fn start(store: Option<String>, mut chance: Chance) -> Self {
        let town = Town::start().await;
        town.mail.set_mode(Mode::Hang);
        town.hooks.think((0..7).map(|_| chance.millis(0..100)).collect());
        town.hooks.moods((0..97).map(|_| mood(&mut chance)).collect());
        let home = Home::written(&configuration(&town), store.as_deref());
        Self { town, home }
    }

    /// Storm and lives at once; then calm, and the judgement.
    async fn burn(
        &self,
        lives: impl Future<Output = Lives>,
        mut chance: Chance,
        over: CancellationToken,
    ) -> judge::Report {
        let (lives, (), sent, acked) = tokio::join!(
            lives,
            storm::weather(&self.town, chance.fork(), over.clone()),
            storm::all_senders(&self.home, chance.fork(), over.clone()),
            storm::engineers(&self.town, chance.fork(), over.clone()),
        );
        self.town.hooks.moods(Vec::new());
        self.town.mail.set_mode(Mode::Accept);
        judge::after_the_fire(self, lives, sent, acked).await
    }
}

/// Half of the lives get as far as to be ready: those last a while in the storm.
fn moment(chance: &mut Chance) -> Moment {
    let drawn = Moment::draw(chance);
    Moment { ready: chance.below(2) == 0, delay: drawn.delay + chance.millis(0..500), ..drawn }
}

/// Seven of ten are taken; of the others as many are refused as hang and are dropped.
fn mood(chance: &mut Chance) -> Mood {
    match chance.below(10) {
        0 => Mood::Refuses,
        1 => Mood::Hangs,
        2 => Mood::Drops,
        _ => Mood::Answers,
    }
}

/// Stops the process in order in the middle of it all, as an init system does.
async fn stopped_again_and_again(fire: &Fire, mut chance: Chance, over: CancellationToken) -> Lives {
    let mut all = Vec::new();
    for _ in 0..STOPS {
        let mut events = fire.town.events.subscribe();
        let (from, bell) = (now(), fire.home.started().await);
        let ready = Some(now());
        let delay = chance.millis(1_000..4_000);
        let pages = async { while !matches!(events.recv().await, Ok(Event::Hook)) {} };
        tokio::time::timeout(Duration::from_secs(20), pages).await.expect("somebody is paged in every life");
        tokio::time::sleep(delay).await;
        let asked = now();
        let (code, took) = bell.stop().await;
        assert_eq!(code, Some(0), "it ends in order in a storm too");
        assert!(took < Duration::from_secs(15), "a stop took {took:?}");
        all.push(Life { from, ready, killed: Some((asked, Moment { ready: true, event: None, delay })) });
    }
    let (from, last) = (now(), fire.home.started().await);
    all.push(Life { from, ready: Some(now()), killed: None });
    // The storm goes on for a while.
    tokio::time::sleep(Duration::from_secs(3)).await;
    over.cancel();
    Lives { all, last }
}

fn path(probe: usize) -> String {
    format!("/plain/p{probe}")
}

fn configuration(town: &Town) -> String {
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
  - id: urgent
    steps: [ {{ page: primary, ack_within: 20s }}, {{ page: cho, ack_within: 10m }} ]
  - id: patient
    steps: [ {{ page: primary, ack_within: 10m }}, {{ page: cho, ack_within: 10m }} ]
catch_all: {{ person: cho, every: 10m }}
routes:
  - {{ match: {{ severity: critical }}, policy: urgent, group_by: [service] }}
  - {{ policy: patient }}
canary: {{ every: 5s, alarm_after: 10m }}
defaults: {{ locale: en, every: 2s, timeout: 1s, severity: critical, alert: {{ down_after: 2, confirm_after: 100ms }} }}
probes:
"#
    );
    for n in 0..PROBES {
        let service = n % SERVICES;
        // Writing to a String does not fail.
        let _ = writeln!(yaml, "  - {{ id: p{n}, service: s{service}, http: \"{target}{}\" }}", path(n));
    }
    yaml
}
