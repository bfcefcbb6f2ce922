//! `silences`, `maintenance`, `inhibit`, `storm`: what is kept quiet, when, and by what. Each of them is
//! narrow and has an end, or it is a mistake.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_engine::heartbeat::parse_cron;
use watchbell_engine::input::SILENCE_AT_MOST;
use watchbell_engine::label::{MatchOp, Matcher};
use watchbell_engine::not_paging::{
    Expect, InhibitRule, MaintenanceRule, NotPaging, StandingSilence, StormRule, Windows,
};
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::word::{FailureKind, Level};

use crate::gather::{self, Doc, Item};
use crate::mistake::Mistakes;
use crate::probe::heartbeat::check_cron;
use crate::scalar::{self, Problem};
use crate::tree::{Node, Place, Value};
use crate::{probe, routes};

const SILENCE: [&str; 7] = ["id", "match", "cron", "time_zone", "lasts", "reason", "owner"];
const MAINTENANCE: [&str; 10] =
    ["id", "title", "match", "cron", "from", "to", "time_zone", "lasts", "expect", "cover_running"];

/// So many beginnings are looked at for windows that would never leave a pause between them.
const LOOKED_AT: usize = 200;

/// Everything about not paging that stands in the files.
pub(crate) fn read(docs: &[Doc], now: Timestamp, out: &mut Mistakes) -> NotPaging {
    let mut ids = BTreeMap::new();
    let items = gather::items(docs, "silences", out);
    let silences = items.into_iter().filter_map(|item| silence(item, now, &mut ids, out)).collect();
    let items = gather::items(docs, "maintenance", out);
    let maintenance = items.into_iter().filter_map(|item| window(item, now, &mut ids, out)).collect();
    let items = gather::items(docs, "inhibit", out);
    let read: Vec<(&Node, InhibitRule)> =
        items.into_iter().filter_map(|item| Some((item.node, inhibit(item.node, out)?))).collect();
    refuse_cycles(&read, out);
    let storm = match gather::single(docs, "storm", out) {
        Some(node) => storm(node, out),
        None => Some(StormRule::DEFAULT),
    };
    NotPaging { silences, maintenance, inhibit: read.into_iter().map(|(_, rule)| rule).collect(), storm }
}

fn id(map: &Node, example: &str, ids: &mut BTreeMap<String, Place>, out: &mut Mistakes) -> Option<String> {
    let node = out.required(map, "id", example)?;
    let id = out.value(node, "an id", scalar::id)?;
    if let Some(first) = ids.get(&id) {
        out.error(&node.spot(), format!("the id `{id}` is used twice; the first is at {first}"), None);
        return None;
    }
    ids.insert(id.clone(), node.place.clone());
    Some(id)
}

/// At least one matcher: what matches everything would leave nobody to be paged.
fn matchers(map: &Node, key: &str, out: &mut Mistakes) -> Option<Vec<Matcher>> {
    let node = out.required(map, key, "{ service: invoice-verification }")?;
    let read = routes::matchers(node, out)?;
    if read.is_empty() {
        out.error(&node.spot(), format!("`{key}` is empty, which would keep everything quiet"), None);
        return None;
    }
    Some(read)
}

fn silence(
    item: Item<'_>,
    now: Timestamp,
    ids: &mut BTreeMap<String, Place>,
    out: &mut Mistakes,
) -> Option<StandingSilence> {
    let map = out.map(item.node, "a recurring silence", &SILENCE)?;
    let id = id(map, "weekly-restart", ids, out);
    let matchers = matchers(map, "match", out);
    let when = recurring(map, item, now, out);
    let reason = out.required(map, "reason", "the ledger restarts").and_then(|n| out.text(n, "a reason"));
    let owner = match map.get("owner") {
        Some(node) => out.text(node, "who answers for it").map(String::from),
        None => item.defaults.owner.clone(),
    };
    if owner.is_none() && map.get("owner").is_none() {
        out.error(&map.spot(), "nobody answers for this silence", Some("write `owner: expense-platform`".into()));
    }
    Some(StandingSilence { id: id?, matchers: matchers?, when: when?, reason: reason?.into(), owner: owner? })
}

fn window(
    item: Item<'_>,
    now: Timestamp,
    ids: &mut BTreeMap<String, Place>,
    out: &mut Mistakes,
) -> Option<MaintenanceRule> {
    let map = out.map(item.node, "a maintenance window", &MAINTENANCE)?;
    let id = id(map, "ledger-upgrade", ids, out);
    let title = match map.get("title") {
        Some(node) => out.text(node, "a title").map(String::from),
        None => id.clone(),
    };
    let matchers = matchers(map, "match", out);
    let when = match (map.get("cron"), map.get("from").or_else(|| map.get("to"))) {
        (Some(node), Some(_)) => {
            out.error(&node.spot(), "`cron` and `from`/`to` exclude each other", None);
            None
        }
        (None, Some(_)) => once(map, item, now, out),
        (_, None) => recurring(map, item, now, out),
    };
    let expect = map.get("expect").map_or(Some(Expect::default()), |n| expect(n, out));
    let cover_running = match map.get("cover_running") {
        Some(node) => out.value(node, "true or false", scalar::truth),
        None => Some(false),
    };
    Some(MaintenanceRule {
        id: id?,
        title: title?,
        matchers: matchers?,
        when: when?,
        expect: expect?,
        cover_running: cover_running?,
    })
}

/// `cron`, `time_zone`, `lasts`.
fn recurring(map: &Node, item: Item<'_>, now: Timestamp, out: &mut Mistakes) -> Option<Windows> {
    let written = out.required(map, "cron", "\"0 2 * * sun\"");
    let cron = written.and_then(|n| out.value(n, "a cron expression", check_cron));
    let zone = match map.get("time_zone") {
        Some(node) => out.value(node, "a time zone", scalar::zone),
        None => Some(item.defaults.zone()),
    };
    if let (None, None, Some(node)) = (map.get("time_zone"), &item.defaults.zone, written) {
        let hint = Some("write time_zone: Asia/Shanghai".into());
        out.warn(&node.spot(), "without `time_zone`, these wall times are UTC", hint);
    }
    let length = out.required(map, "lasts", "2h");
    let lasts = length.and_then(|n| out.value(n, "a length of time", at_most));
    // The expression was checked just now.
    let (cron, zone, lasts) = (parse_cron(&cron?).ok()?, zone?, lasts?);
    let windows = Windows::Every { cron, zone, lasts };
    let starts = windows.upcoming(now, LOOKED_AT);
    if let (true, Some(node)) = (starts.windows(2).any(|pair| pair[1].0 <= pair[0].1), length) {
        let message = format!("a window of {lasts} has not ended when the next one begins: it would never be over");
        out.error(&node.spot(), message, Some("write a shorter `lasts`, or fewer beginnings".into()));
        return None;
    }
    Some(windows)
}

/// `from` and `to`, or `from` and `lasts`.
fn once(map: &Node, item: Item<'_>, now: Timestamp, out: &mut Mistakes) -> Option<Windows> {
    let zone = match map.get("time_zone") {
        Some(node) => out.value(node, "a time zone", scalar::zone)?,
        None => item.defaults.zone(),
    };
    let instant = |node: &Node, out: &mut Mistakes| out.value(node, "a time", |text| scalar::instant(text, &zone));
    let from = out.required(map, "from", "\"2026-11-24T22:00\"").and_then(|n| instant(n, out));
    let (to, end) = match (map.get("to"), map.get("lasts")) {
        (Some(_), Some(lasts)) => {
            out.error(&lasts.spot(), "`to` and `lasts` exclude each other", None);
            return None;
        }
        (None, Some(node)) => {
            let lasts = out.value(node, "a length of time", at_most)?;
            (from.map(|from| watchbell_engine::time::after(from, lasts)), node)
        }
        (_, None) => {
            let node = out.required(map, "to", "\"2026-11-25T01:00\"")?;
            (instant(node, out), node)
        }
    };
    let (from, to) = (from?, to?);
    if to <= from {
        out.error(&end.spot(), "this window ends before it begins", None);
        return None;
    }
    if elapsed(from, to) > SILENCE_AT_MOST {
        out.error(&end.spot(), "a maintenance window lasts at most 30 days", None);
        return None;
    }
    if to <= now {
        out.warn(&end.spot(), "this window is over", Some("take it out".into()));
    }
    Some(Windows::Once { from, to })
}

fn at_most(text: &str) -> Result<Millis, Problem> {
    let length = probe::positive(text)?;
    if length > SILENCE_AT_MOST {
        return Err(Problem::new(format!("`{text}` is longer than 30 days")).hint("write at most 720h"));
    }
    Ok(length)
}

/// `{ kinds: [status], up_to: degraded }`.
fn expect(node: &Node, out: &mut Mistakes) -> Option<Expect> {
    let map = out.map(node, "`expect`", &["kinds", "up_to"])?;
    let kinds = match map.get("kinds") {
        None => Some(Default::default()),
        Some(list) => {
            let items = out.list(list, "a list of failure kinds");
            let read: Vec<FailureKind> =
                items.iter().filter_map(|n| out.value(n, "a failure kind", gather::word)).collect();
            (read.len() == items.len() && !read.is_empty()).then(|| read.into_iter().collect())
        }
    };
    let up_to = map.get("up_to").map(|n| {
        let level: Option<Level> = out.value(n, "degraded or down", gather::word);
        if level == Some(Level::Up) {
            out.error(&n.spot(), "nobody is paged for what is up", Some("write degraded or down".into()));
            return None;
        }
        level
    });
    let up_to = match up_to {
        Some(None) => return None,
        Some(level) => level,
        None => None,
    };
    Some(Expect { kinds: kinds?, up_to })
}

fn inhibit(node: &Node, out: &mut Mistakes) -> Option<InhibitRule> {
    let map = out.map(node, "an inhibition", &["source", "target", "equal"])?;
    let (source, target) = (matchers(map, "source", out), matchers(map, "target", out));
    let equal = map.get("equal").map_or_else(Vec::new, |n| routes::labels(n, out));
    let name = format!("{}:{}", node.place.file.name, node.place.line);
    Some(InhibitRule { name, source: source?, target: target?, equal })
}

/// What a rule explains must not explain, over other rules, what explains it.
fn refuse_cycles(rules: &[(&Node, InhibitRule)], out: &mut Mistakes) {
    let leads = |from: usize, to: usize| from != to && may_meet(&rules[from].1.target, &rules[to].1.source);
    for start in 0..rules.len() {
        // Every cycle is told once, at its first rule.
        let mut paths = vec![vec![start]];
        let mut seen = vec![false; rules.len()];
        while let Some(path) = paths.pop() {
            let last = path[path.len() - 1];
            if path.len() > 1 && leads(last, start) {
                let names: Vec<&str> = path.iter().skip(1).map(|n| rules[*n].1.name.as_str()).collect();
                let message =
                    format!("what this explains may explain it in turn, through the rule at {}", names.join(", "));
                let hint = "make `source` and `target` match different alerts, such as by severity".to_owned();
                out.error(&rules[start].0.spot(), message, Some(hint));
                break;
            }
            for (next, seen) in seen.iter_mut().enumerate().skip(start + 1) {
                if !*seen && leads(last, next) {
                    *seen = true;
                    paths.push(path.iter().copied().chain([next]).collect());
                }
            }
        }
    }
}

/// Whether one alert can meet both lists; only what is certain counts as a no.
fn may_meet(one: &[Matcher], other: &[Matcher]) -> bool {
    let fixed = |matchers: &[Matcher]| -> BTreeMap<String, String> {
        let equal = matchers.iter().filter(|m| m.op() == MatchOp::Equal);
        equal.map(|m| (m.label().to_owned(), m.value().to_owned())).collect()
    };
    let agrees = |values: &BTreeMap<String, String>, matchers: &[Matcher]| {
        matchers.iter().filter(|m| values.contains_key(m.label())).all(|m| m.matches(values))
    };
    agrees(&fixed(one), other) && agrees(&fixed(other), one)
}

/// `{ tickets: 20, within: 1m }`, or `off`.
fn storm(node: &Node, out: &mut Mistakes) -> Option<StormRule> {
    if let Value::Scalar(scalar) = &node.value
        && matches!(scalar.text.as_str(), "off" | "false")
    {
        return None;
    }
    let map = out.map(node, "`storm`", &["tickets", "within"])?;
    let tickets = out.optional(map, "tickets", "a number of tickets", |text| scalar::whole(text, 2, 10_000));
    let within = out.optional(map, "within", "a length of time", probe::positive);
    Some(StormRule {
        tickets: tickets.map_or(StormRule::DEFAULT.tickets, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        within: within.unwrap_or(StormRule::DEFAULT.within),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matchers(texts: &[&str]) -> Vec<Matcher> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    #[test]
    fn only_what_is_certain_keeps_two_lists_apart() {
        let critical = matchers(&["severity=critical"]);
        assert!(!may_meet(&critical, &matchers(&["severity=~warning|error"])));
        assert!(!may_meet(&critical, &matchers(&["severity!=critical"])));
        assert!(may_meet(&critical, &matchers(&["service=invoice"])));
        assert!(may_meet(&matchers(&["severity=~a|b"]), &matchers(&["severity=~c|d"])), "unknown counts as yes");
    }
}
