//! Judges a fire by the provider's own log and by the store.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Fire;
use super::storm::{Accepted, Pressed, send};
use crate::story::bell::{ADMIN_TOKEN, Home, client, read, run, until};
use crate::story::nights::judge::{Arrived, arrived, copies_were_under_way};
use crate::story::nights::kill::Lives;
use crate::story::nights::play::ask;
use crate::story::town::Town;

/// A send is cut off after five seconds; a commit on a busy machine comes on top.
const UNDER_WAY: SignedDuration = SignedDuration::from_millis(7_000);

/// A ticket that was open for so long without a person being reached is a loss. Most lives are shorter than
/// a provider that hangs.
const OPEN_LONG: SignedDuration = SignedDuration::from_secs(30);

/// Everything that is owed by mail has to go out first, five seconds late.
const SETTLES_WITHIN: Duration = Duration::from_secs(50);

/// What a fire came to.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) kills: usize,
    accepted: usize,
    tickets: usize,
    reached: usize,
    near_misses: usize,
    messages: usize,
    pub(super) copies: usize,
    refused: usize,
    acks: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, accepted, tickets, reached, near_misses, messages, copies, refused, acks } = self;
        write!(
            f,
            "{kills} kills; {accepted} signals accepted; {tickets} tickets, for {reached} of which people were "
        )?;
        write!(f, "reached, {near_misses} were over before; {messages} messages, of which {copies} came twice; ")?;
        write!(f, "{refused} refused; {acks} acks answered; lost: 0")
    }
}

pub(super) async fn after_the_fire(
    fire: &Fire,
    lives: Lives,
    sent: BTreeMap<String, Accepted>,
    acked: Vec<Pressed>,
) -> Report {
    let Lives { all, last } = lives;
    let (home, town) = (&fire.home, &fire.town);
    every_signal_has_its_ticket(home, &sent).await;
    whoever_is_open_is_paged(home, town).await;
    everything_ends(home, &sent).await;
    let tickets = all_tickets(home).await;
    everybody_hears_the_end(town).await;
    let (mut reached, mut near_misses) = (0, 0);
    for ticket in &tickets {
        if was_reached(town, text(ticket, "id")) {
            reached += 1;
        } else {
            near_misses += 1;
            let open = time(&ticket["resolved_at"]).duration_since(time(&ticket["opened_at"]));
            assert!(open < OPEN_LONG, "nobody was reached for {open:#}: {ticket:#}");
        }
    }
    for pressed in &acked {
        the_ack_stood(home, pressed).await;
    }
    // That pages wait for a mail server that hangs is told, and true; the canary came back all the time.
    assert!(!tickets.iter().any(|t| t["alerts"].to_string().contains("self:canary")), "{tickets:#?}");
    let (code, _) = last.stop().await;
    assert_eq!(code, Some(0), "it ends in order");
    the_store_is_whole(home).await;
    let messages = arrived(town);
    let copies = copies_were_under_way(&all, &messages, UNDER_WAY);
    let kills = all.iter().filter(|life| life.killed.is_some()).count();
    let (accepted, acks, refused) = (sent.len(), acked.len(), town.hooks.refused());
    Report {
        kills,
        accepted,
        tickets: tickets.len(),
        reached,
        near_misses,
        messages: messages.len(),
        copies,
        refused,
        acks,
    }
}

/// What was answered with 202 is in the ticket that the answer named.
async fn every_signal_has_its_ticket(home: &Home, sent: &BTreeMap<String, Accepted>) {
    for (key, accepted) in sent {
        let Some(ticket) = &accepted.ticket else {
            // The first answer was lost in a kill, and the repeat was the end of it.
            assert!(!accepted.fires, "{key} was taken and has no ticket");
            continue;
        };
        let found = ask(home, &format!("/api/v1/tickets/{ticket}")).await;
        let key = format!("api:{key}");
        let alert = found["alerts"].as_array().and_then(|all| all.iter().find(|a| a["dedup_key"] == key.as_str()));
        let alert = alert.unwrap_or_else(|| panic!("{key} is not in {found:#}"));
        assert_eq!(alert["state"] == "firing", accepted.fires, "{key}: what was accepted last holds: {found:#}");
    }
}

/// Now that the provider takes what it is given, whoever should know does.
async fn whoever_is_open_is_paged(home: &Home, town: &Town) {
    let missing = RefCell::new(Vec::new());
    let paged = async || {
        let open = ask(home, "/api/v1/tickets?state=triggered&limit=500").await;
        let open = open["tickets"].as_array().expect("a list").clone();
        let ids = open.iter().map(|t| text(t, "id").to_owned());
        *missing.borrow_mut() = ids.filter(|id| !was_reached(town, id)).collect();
        missing.borrow().is_empty().then_some(())
    };
    let done = tokio::time::timeout(SETTLES_WITHIN, until("everybody is paged", paged)).await;
    assert!(done.is_ok(), "nobody is paged for {:?}", missing.borrow());
}

async fn everything_ends(home: &Home, sent: &BTreeMap<String, Accepted>) {
    let never = CancellationToken::new();
    for key in sent.iter().filter(|(_, a)| a.fires).map(|(key, _)| key) {
        send(home, key, false, &never).await;
    }
    until("every ticket is resolved", async || {
        let open = ask(home, "/api/v1/tickets?state=open&limit=500").await;
        let open = open["tickets"].as_array().expect("a list").clone();
        // Sent again after its answer was lost, and never heard of since: nobody but a person can end it.
        for ticket in &open {
            for alert in ticket["alerts"].as_array().expect("a list") {
                let key = text(alert, "dedup_key");
                if let Some(key) = key.strip_prefix("api:") {
                    send(home, key, false, &never).await;
                } else if key.starts_with("self:") {
                    // It would end by itself, a minute after the last page that waited.
                    let url = format!("{}/api/v1/tickets/{}/resolve", home.url(), text(ticket, "id"));
                    let ended =
                        read(client().post(url).bearer_auth(ADMIN_TOKEN).json(&json!({ "as": "self_recovered" })))
                            .await;
                    assert!(ended.is_ok_and(|reply| reply.status == 200), "a person ends {key}");
                }
            }
        }
        open.is_empty().then_some(())
    })
    .await;
}

async fn all_tickets(home: &Home) -> Vec<Value> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let page = ask(home, &format!("/api/v1/tickets?state=all&limit=500{before}")).await;
        all.extend(page["tickets"].as_array().expect("a list").iter().cloned());
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return all,
        }
    }
}

/// Whoever got a page hears over the same channel that it is over.
async fn everybody_hears_the_end(town: &Town) {
    let missing = RefCell::new(Vec::new());
    let heard = async || {
        let messages = arrived(town);
        let got = |kind: &str| -> BTreeMap<(&str, &str, &str), &Arrived> {
            let of_kind = messages.iter().filter(|m| m.kind == kind);
            of_kind.map(|m| ((m.ticket.as_str(), m.person.as_str(), m.channel), m)).collect()
        };
        let ends: BTreeSet<_> = got("page.resolved").into_keys().collect();
        let without = got("page").into_iter().filter(|(who, _)| !ends.contains(who));
        *missing.borrow_mut() = without.map(|(_, page)| page.line()).collect();
        missing.borrow().is_empty().then_some(())
    };
    let heard = tokio::time::timeout(SETTLES_WITHIN, until("everybody hears the end", heard)).await;
    assert!(heard.is_ok(), "these never heard that it is over: {:#?}", missing.borrow());
}

fn was_reached(town: &Town, ticket: &str) -> bool {
    let hook = town.hooks.got().iter().any(|g| g.kind() == "page" && g.ticket() == ticket);
    hook || town.mail.messages().iter().any(|m| m.header("X-Incident-Id") == Some(ticket))
}

/// What was answered with 303 was so then, by what the ticket tells now.
async fn the_ack_stood(home: &Home, pressed: &Pressed) {
    let timeline = ask(home, &format!("/api/v1/tickets/{}/timeline", pressed.ticket)).await;
    let entries = timeline["timeline"].as_array().expect("a list");
    let until_then = entries.iter().filter(|e| time(&e["at"]) <= pressed.answered);
    let mut acknowledged = false;
    for entry in until_then {
        match text(entry, "kind") {
            "acknowledged" | "ticket_resolved" => acknowledged = true,
            "ticket_reopened" => acknowledged = false,
            _ => {}
        }
    }
    // A ticket may have been reopened in the moment between the answer and our look at the clock.
    let ever = entries.iter().any(|e| text(e, "kind") == "acknowledged" && time(&e["at"]) <= pressed.answered);
    assert!(acknowledged || ever, "an ack that was answered at {} is gone: {timeline:#}", pressed.answered);
}

/// Facts without a hole, projections as the facts have them, nothing owed.
async fn the_store_is_whole(home: &Home) {
    let (code, out, err) = run(home.command(&["doctor", "--format", "json"])).await;
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
    assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}{err}");
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}
