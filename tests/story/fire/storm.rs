//! What goes on while the process is killed: everything breaks and heals, other systems send signals, and
//! engineers press buttons.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{PROBES, path};
use crate::story::bell::{ADMIN_TOKEN, Home, client, now, read};
use crate::story::hooks::Got;
use crate::story::nights::chance::Chance;
use crate::story::town::{Event, Town};

/// The pause of somebody whose request was not taken.
const AGAIN: Duration = Duration::from_millis(50);

/// A signal that was answered with 202.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) ticket: Option<String>,
    pub(super) fires: bool,
}

/// A press that was answered with 303.
#[derive(Clone, Debug)]
pub(super) struct Pressed {
    pub(super) ticket: String,
    pub(super) answered: Timestamp,
}

/// All break at once, some heal, break again.
pub(super) async fn weather(town: &Town, mut chance: Chance, over: CancellationToken) {
    while !over.is_cancelled() {
        (0..PROBES).for_each(|n| town.target.fail(&path(n)));
        pause(&over, chance.millis(4_000..8_000)).await;
        for n in (0..PROBES).filter(|_| chance.below(2) == 0).collect::<Vec<_>>() {
            town.target.heal(&path(n));
        }
        pause(&over, chance.millis(3_000..6_000)).await;
        if chance.below(3) == 0 {
            (0..PROBES).for_each(|n| town.target.heal(&path(n)));
            pause(&over, chance.millis(3_000..6_000)).await;
        }
    }
    (0..PROBES).for_each(|n| town.target.heal(&path(n)));
}

/// Several of them at once.
pub(super) async fn all_senders(
    home: &Home,
    mut chance: Chance,
    over: CancellationToken,
) -> BTreeMap<String, Accepted> {
    let each = ["a", "b", "c", "d"].map(|name| sender(home, name, chance.fork(), over.clone()));
    futures_util::future::join_all(each).await.into_iter().flatten().collect()
}

/// A monitor that tells each thing until it is taken: a new fault, or the end of an old one.
async fn sender(home: &Home, name: &str, mut chance: Chance, over: CancellationToken) -> BTreeMap<String, Accepted> {
    let mut accepted: BTreeMap<String, Accepted> = BTreeMap::new();
    let mut count = 0;
    while !over.is_cancelled() {
        let old = accepted.iter().filter(|(_, a)| a.fires).nth(chance.below(40) as usize).map(|(key, _)| key.clone());
        let (key, fires) = match old.filter(|_| chance.below(3) == 0) {
            Some(key) => (key, false),
            None => {
                count += 1;
                (format!("{name}{count:04}"), true)
            }
        };
        if let Some(ticket) = send(home, &key, fires, &over).await {
            let before = accepted.get(&key).and_then(|a| a.ticket.clone());
            accepted.insert(key, Accepted { ticket: ticket.or(before), fires });
        }
        pause(&over, chance.millis(100..400)).await;
    }
    accepted
}

/// Sends until it is taken; its ticket, or nothing where the end came first.
pub(super) async fn send(home: &Home, key: &str, fires: bool, over: &CancellationToken) -> Option<Option<String>> {
    let action = if fires { "fire" } else { "resolve" };
    let body =
        json!({ "dedup_key": key, "action": action, "summary": format!("{key} is out of order"), "severity": "error" });
    loop {
        let request = client().post(format!("{}/api/v1/signals", home.url())).bearer_auth(ADMIN_TOKEN).json(&body);
        match read(request).await {
            Ok(reply) if reply.status == 202 => {
                return Some(reply.json()["ticket"].as_str().map(str::to_owned));
            }
            Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text),
            Err(_) if over.is_cancelled() => return None,
            Err(_) => {} // killed, or starting
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// People who look at their phones, and take some of it.
pub(super) async fn engineers(town: &Town, mut chance: Chance, over: CancellationToken) -> Vec<Pressed> {
    let (mut looked_at, mut pressed) = (BTreeSet::new(), Vec::new());
    while !over.is_cancelled() {
        let fresh = |g: &Got| g.kind() == "page" && !looked_at.contains(&g.id);
        let pages: Vec<Got> = town.hooks.got().into_iter().filter(fresh).collect();
        for page in pages {
            if looked_at.insert(page.id.clone())
                && chance.below(3) == 0
                && let Some(answered) = press(town, page.ack_url(), &over).await
            {
                pressed.push(Pressed { ticket: page.ticket().to_owned(), answered });
            }
        }
        pause(&over, Duration::from_millis(200)).await;
    }
    pressed
}

/// When the press was answered with 303; nothing where it was over already, or the end came first.
async fn press(town: &Town, link: &str, over: &CancellationToken) -> Option<Timestamp> {
    loop {
        town.events.send(Event::Press).unwrap_or_default(); // the killer may have gone
        match read(client().post(link)).await {
            Ok(reply) if reply.status == 303 => return Some(now()),
            Ok(reply) if reply.status == 409 => return None, // resolved, or reopened since
            Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text),
            Err(_) if over.is_cancelled() => return None,
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn pause(over: &CancellationToken, length: Duration) {
    over.run_until_cancelled(tokio::time::sleep(length)).await;
}
