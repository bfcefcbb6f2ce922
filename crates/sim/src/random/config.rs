//! A configuration that is drawn: people, ladders, rotations, policies, routes, probes.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::features;
use crate::rng::Rng;

/// A configuration, and what events need to know of it.
pub(super) struct Drawing {
    pub(super) config: Value,
    pub(super) people: Vec<String>,
    pub(super) rotations: Vec<String>,
    pub(super) probes: Vec<String>,
    pub(super) heartbeats: Vec<String>,
}

pub(super) const CHANNELS: [&str; 3] = ["hook", "mail", "pager"];
pub(super) const SERVICES: [&str; 3] = ["invoice", "login", "payout"];

/// Who is always there.
const BOSS: &str = "boss";

/// Who has a seat in rotations and is disabled.
const IDLE: &str = "idle";

pub(super) fn draw(rng: &mut Rng, zone: &str, start: Timestamp) -> Drawing {
    let people: Vec<String> = (1..=rng.between(2, 6)).map(|n| format!("p{n}")).collect();
    let rotations: Vec<String> = (1..=rng.between(1, 3)).map(|n| format!("duty{n}")).collect();
    let policies: Vec<String> = (1..=rng.between(1, 3)).map(|n| format!("way{n}")).collect();
    let probes: Vec<String> = (1..=rng.between(1, 6)).map(|n| format!("probe{n}")).collect();
    let heartbeats: Vec<String> = (1..=rng.between(0, 2)).map(|n| format!("job{n}")).collect();
    let mut all: Vec<Value> = people.iter().map(|id| person(rng, id)).collect();
    let contacts = json!({ "mail": "boss@expense.example", "hook": "https://hooks.expense.example/boss" });
    all.push(json!({ "id": BOSS, "name": "Boss", "contacts": contacts }));
    all.push(json!({ "id": IDLE, "name": "Idle", "contacts": { "mail": "idle@expense.example" }, "disabled": true }));
    let seats: Vec<String> = people.iter().cloned().chain([IDLE.to_owned()]).collect();
    let today = start.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC)).date();
    let mut probed: Vec<Value> = probes.iter().map(|id| probe(rng, id)).collect();
    features::probes(rng, &mut probed);
    probed.extend(heartbeats.iter().map(|id| heartbeat(rng, id)));
    let mut ways: Vec<Value> = policies.iter().map(|id| policy(rng, id, &people, &rotations)).collect();
    features::policies(rng, &mut ways);
    let mut config = json!({
        "defaults": { "time_zone": zone, "locale": "en" },
        "channels": {
            "mail": { "smtp": { "host": "smtp.expense.example", "from": "oncall@expense.example" } },
            "hook": { "webhook": { "secret": { "env": "HOOK_SECRET" } } },
            "pager": { "webhook": { "secret": { "env": "HOOK_SECRET" } }, "loud": true },
        },
        "people": all,
        "rotations": rotations.iter().map(|id| rotation(rng, id, &seats, today)).collect::<Vec<_>>(),
        "catch_all": { "person": BOSS, "every": length(rng, 60, 400) },
        "policies": ways,
        "routes": routes(rng, &policies),
        "probes": probed,
    });
    features::quiet(rng, &mut config, today);
    let everybody = people.into_iter().chain([BOSS.to_owned()]).collect();
    Drawing { config, people: everybody, rotations, probes, heartbeats }
}

pub(super) fn length(rng: &mut Rng, from: u64, to: u64) -> String {
    format!("{}s", rng.between(from, to))
}

pub(super) fn put(value: &mut Value, key: &str, what: impl Into<Value>) {
    if let Value::Object(fields) = value {
        fields.insert(key.into(), what.into());
    }
}

fn person(rng: &mut Rng, id: &str) -> Value {
    let mut via: Vec<&str> = CHANNELS.into_iter().filter(|_| rng.chance(65)).collect();
    if via.is_empty() {
        via.push("mail");
    }
    let address = |channel: &&str| match *channel {
        "mail" => (channel.to_string(), json!(format!("{id}@expense.example"))),
        other => (other.to_owned(), json!(format!("https://{other}.expense.example/{id}"))),
    };
    let contacts: serde_json::Map<String, Value> = via.iter().map(address).collect();
    let mut person = json!({ "id": id, "name": id.to_uppercase(), "contacts": contacts });
    if rng.chance(60) {
        // The first entry begins at once, or no critical probe could keep its thirty seconds.
        let mut after = 0;
        let mut entries = Vec::new();
        for channel in &via {
            entries.push(json!({ "after": format!("{after}s"), "via": [channel] }));
            after += rng.between(0, 90);
        }
        put(&mut person, "page_by", entries);
    }
    person
}

fn some(rng: &mut Rng, of: &[String], least: usize) -> Vec<String> {
    let mut chosen: Vec<String> = of.iter().filter(|_| rng.chance(60)).cloned().collect();
    while chosen.len() < least {
        chosen.push(rng.pick(of).clone());
    }
    chosen.dedup();
    chosen
}

fn rotation(rng: &mut Rng, id: &str, people: &[String], today: Date) -> Value {
    let mut layers = Vec::new();
    for n in 0..rng.between(1, 3) {
        let mut seats = some(rng, people, 1);
        if seats == [IDLE] {
            seats.push(people[0].clone()); // somebody can be reached in every step
        }
        let mut layer = json!({ "id": format!("layer{n}"), "people": seats, "turn": turn(rng, today) });
        if n > 0 || rng.chance(20) {
            put(&mut layer, "only", (0..rng.between(1, 2)).map(|_| window(rng)).collect::<Vec<_>>());
        }
        layers.push(layer);
    }
    let mut rotation = json!({ "id": id, "layers": layers, "gaps_allowed": "nobody is needed then" });
    if rng.chance(25) {
        let from = today.to_datetime(jiff::civil::Time::midnight());
        let to = from.saturating_add(rng.between(1, 47).cast_signed().hours());
        let over = json!({ "person": &people[0], "from": from.strftime("%Y-%m-%dT%H:%M").to_string(),
            "to": to.strftime("%Y-%m-%dT%H:%M").to_string() });
        put(&mut rotation, "overrides", vec![over]);
    }
    rotation
}

fn turn(rng: &mut Rng, today: Date) -> Value {
    let since = today.saturating_sub(rng.between(3, 9).cast_signed().days());
    let hour = *rng.pick(&["00:00", "02:30", "06:00", "09:00", "18:00", "22:00"]);
    let (every, at) = match rng.between(0, 4) {
        0 => (format!("{} hours", rng.between(2, 13)), hour.to_owned()),
        1 | 2 => (format!("{} days", rng.between(2, 3)), hour.to_owned()),
        3 => ("1 day".to_owned(), hour.to_owned()),
        _ => ("1 week".to_owned(), format!("{} {hour}", rng.pick(&["mon", "wed", "sun"]))),
    };
    // A week may begin as late as six days after `since`: the layer may have nobody yet.
    json!({ "every": every, "at": at, "since": since.to_string() })
}

pub(super) fn window(rng: &mut Rng) -> Value {
    let days = *rng.pick(&["any", "mon-fri", "sat-mon", "workdays", "restdays"]);
    let (from, to) = *rng.pick(&[
        ("22:00", "06:00"),
        ("09:00", "18:00"),
        ("00:00", "12:00"),
        ("02:00", "03:00"),
        ("18:00", "18:00"),
    ]);
    json!({ "days": days, "from": from, "to": to })
}

fn policy(rng: &mut Rng, id: &str, people: &[String], rotations: &[String]) -> Value {
    let mut steps = Vec::new();
    for _ in 0..rng.between(1, 3) {
        let mut page: Vec<Value> = Vec::new();
        for _ in 0..rng.between(1, 2) {
            let target = match rng.between(0, 9) {
                0..=5 => json!(rng.pick(rotations)),
                6 => json!({ "rotation": rng.pick(rotations), "who": "all" }),
                _ => json!(rng.pick(people)),
            };
            if !page.contains(&target) {
                page.push(target);
            }
        }
        steps.push(json!({ "page": page, "ack_within": length(rng, 30, 300) }));
    }
    let mut policy = json!({ "id": id, "steps": steps, "repeat": rng.between(0, 2) });
    if rng.chance(25) {
        put(&mut policy, "ack_timeout", length(rng, 120, 900));
    }
    if rng.chance(40) {
        put(&mut policy, "catch_all", json!({ "person": rng.pick(people), "every": length(rng, 60, 600) }));
    }
    policy
}

fn routes(rng: &mut Rng, policies: &[String]) -> Vec<Value> {
    let mut routes = Vec::new();
    for severity in ["critical", "error", "warning"] {
        if rng.chance(20) {
            continue; // the default policy takes it
        }
        let mut route = json!({ "match": { "severity": severity }, "policy": rng.pick(policies) });
        if rng.chance(40) {
            put(&mut route, "group_by", vec![*rng.pick(&["service", "severity", "component"])]);
        }
        if rng.chance(40) {
            put(&mut route, "reopen_within", length(rng, 0, 600));
        }
        if rng.chance(30) {
            put(&mut route, "regroup_after", length(rng, 60, 600));
        }
        if rng.chance(15) {
            put(&mut route, "priority", *rng.pick(&["P1", "P3"]));
        }
        routes.push(route);
    }
    routes
}

fn probe(rng: &mut Rng, id: &str) -> Value {
    let severity = *rng.pick(&["critical", "critical", "error", "warning"]);
    let down_after = *rng.pick(&["1", "2", "3", "2 of 3"]);
    json!({
        "id": id, "service": rng.pick(&SERVICES), "severity": severity,
        "http": format!("https://{id}.expense.example/"), "every": *rng.pick(&["5s", "7s"]), "timeout": "2s",
        "alert": { "down_after": down_after, "confirm_after": "1s", "up_after": rng.between(1, 3) },
    })
}

fn heartbeat(rng: &mut Rng, id: &str) -> Value {
    json!({
        "id": id, "service": rng.pick(&SERVICES), "severity": "error",
        "heartbeat": { "token": { "env": format!("{}_TOKEN", id.to_uppercase()) }, "every": length(rng, 120, 600),
            "grace": length(rng, 30, 120), "max_run": "5m" },
    })
}
