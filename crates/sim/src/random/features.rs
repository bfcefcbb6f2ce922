//! What keeps quiet or hands on, drawn into a configuration: conditions, windows, policies that lead on,
//! office hours, dependencies, flapping, storms, inhibition, silences that come again, maintenance.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::config::{SERVICES, length, put, window};
use crate::rng::Rng;

/// Condition of a step, and what is done where it is not so.
pub(super) fn condition(rng: &mut Rng, step: &mut Value) {
    let when = match rng.between(0, 3) {
        0 => json!({ "severity": *rng.pick(&["critical", "error", "warning"]) }),
        1 => json!({ "priority": *rng.pick(&["P1", "P2", "P3"]) }),
        2 => json!({ "match": { "service": rng.pick(&SERVICES) } }),
        _ => json!({ "during": window(rng) }),
    };
    let may_open = when.get("during").is_some();
    put(step, "when", when);
    if may_open && rng.chance(60) {
        put(step, "else", "wait");
    }
}

/// Policies lead on to later ones alone, so that none leads back; some steps ask who is there and what is
/// wrong, some want everybody, and low urgency may wait.
pub(super) fn policies(rng: &mut Rng, policies: &mut [Value]) {
    let ids: Vec<Value> = policies.iter().map(|p| p["id"].clone()).collect();
    for (n, policy) in policies.iter_mut().enumerate() {
        if let Some(steps) = policy.get_mut("steps").and_then(Value::as_array_mut) {
            for step in steps.iter_mut() {
                if rng.chance(15) {
                    condition(rng, step);
                }
                if rng.chance(15) {
                    put(step, "require", "all");
                }
            }
            if n + 1 < ids.len() && rng.chance(30) {
                let mut step = json!({ "page": { "policy": rng.pick(&ids[n + 1..]) } });
                if rng.chance(30) {
                    condition(rng, &mut step);
                }
                steps.push(step);
            }
        }
        if rng.chance(12) {
            put(policy, "hold", json!({ "until": window(rng) }));
        }
    }
}

/// Probes depend on earlier ones, and some are known to come and go.
pub(super) fn probes(rng: &mut Rng, probes: &mut [Value]) {
    let ids: Vec<Value> = probes.iter().map(|p| p["id"].clone()).collect();
    for (n, probe) in probes.iter_mut().enumerate() {
        if n > 0 && rng.chance(20) {
            put(probe, "depends_on", vec![rng.pick(&ids[..n]).clone()]);
        }
        if rng.chance(15) {
            let flap = json!({ "changes": rng.between(3, 5), "within": length(rng, 60, 300) });
            if let Some(alert) = probe.get_mut("alert") {
                put(alert, "flap", flap);
            }
        }
    }
}

/// What is expected to be quiet; written for the whole configuration.
pub(super) fn quiet(rng: &mut Rng, config: &mut Value, today: Date) {
    if rng.chance(20) {
        put(config, "storm", json!({ "tickets": rng.between(2, 4), "within": length(rng, 20, 120) }));
    }
    if rng.chance(15) {
        let rule = json!({ "source": { "severity": "critical" }, "target": { "severity": ["error", "warning"] },
            "equal": ["service"] });
        put(config, "inhibit", vec![rule]);
    }
    if rng.chance(15) {
        let silence = json!({ "id": "again", "match": { "service": rng.pick(&SERVICES) }, "cron": cron(rng),
            "lasts": length(rng, 60, 1_200), "reason": "A batch runs", "owner": "expense" });
        put(config, "silences", vec![silence]);
    }
    if rng.chance(15) {
        put(config, "maintenance", vec![maintenance(rng, today)]);
    }
}

fn cron(rng: &mut Rng) -> String {
    format!("{} {} * * *", rng.between(0, 59), rng.pick(&["*", "*/2", "2", "9", "0-6"]))
}

fn maintenance(rng: &mut Rng, today: Date) -> Value {
    let mut window = json!({ "id": "upgrade", "title": "An upgrade", "match": { "service": rng.pick(&SERVICES) } });
    if rng.chance(50) {
        put(&mut window, "cron", cron(rng));
        put(&mut window, "lasts", length(rng, 60, 1_200));
    } else {
        put(&mut window, "from", format!("{today}T{:02}:00", rng.between(0, 23)));
        put(&mut window, "lasts", length(rng, 600, 40_000));
    }
    if rng.chance(50) {
        put(&mut window, "expect", json!({ "kinds": ["status", "connect_refused"], "up_to": "down" }));
    }
    if rng.chance(20) {
        put(&mut window, "cover_running", true);
    }
    window
}
