//! `probes`: what to check, how often, and what people are told about it.
//!
//! Owns: what every kind of probe has in common. The kinds have a file each.

pub(crate) mod alert;
mod expect;
mod heartbeat;
mod http;
mod json;
mod promise;
mod runbook;
mod tcp;

use std::collections::BTreeMap;

use watchbell_engine::catalog::{Localized, ProbeInfo};
use watchbell_engine::detect::{DetectRule, DownAfter};
use watchbell_engine::heartbeat::HeartbeatRule;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::label::Labels;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Severity;

use crate::context::{Context, Defaults};
use crate::fields::not_available;
use crate::gather::{self, Item};
use crate::mistake::Mistakes;
use crate::model::{Check, ProbeSpec};
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};
use crate::{routes, web_address};

pub(crate) use promise::{keep, worst_case};

/// The kinds that this version runs.
const KINDS: [&str; 3] = ["http", "tcp", "heartbeat"];
/// The kinds that the product has.
const ALL_KINDS: [&str; 11] = ["http", "tcp", "heartbeat", "tls", "dns", "icmp", "grpc", "ws", "sql", "flow", "promql"];
const PROBE: [&str; 28] = [
    "id",
    "title",
    "impact",
    "every",
    "timeout",
    "expect",
    "alert",
    "severity",
    "detect_within",
    "runs_per_day",
    "depends_on",
    "runbook",
    "labels",
    "service",
    "component",
    "owner",
    "url",
    "http",
    "tcp",
    "heartbeat",
    "tls",
    "dns",
    "icmp",
    "grpc",
    "ws",
    "sql",
    "flow",
    "promql",
];
/// Labels that every alert has by itself.
const RESERVED: [&str; 4] = ["probe", "service", "component", "severity"];
/// Keys that mean nothing for a heartbeat, which is not run by us.
const NOT_FOR_HEARTBEATS: [&str; 6] = ["every", "timeout", "expect", "alert", "runs_per_day", "detect_within"];

/// Time between starts where nothing is written.
const EVERY: Millis = Millis::secs(5);
/// Longest run where nothing is written.
const TIMEOUT: Millis = Millis::secs(3);
/// Shortest interval; the scheduler is made for a thousand starts a second in all.
const LEAST_EVERY: Millis = Millis(100);

/// A probe and the places that later checks point at.
pub(crate) struct Read<'d> {
    pub(crate) node: &'d Node,
    pub(crate) spec: ProbeSpec,
    pub(crate) info: ProbeInfo,
}

/// An interval: at least 100 ms.
pub(crate) fn every(text: &str) -> Result<Millis, Problem> {
    let every = scalar::duration(text)?;
    if every < LEAST_EVERY {
        return Err(Problem::new(format!("`{text}` is too often")).hint(format!("write at least {LEAST_EVERY}")));
    }
    Ok(every)
}

/// A length of time that is not zero.
pub(crate) fn positive(text: &str) -> Result<Millis, Problem> {
    match scalar::duration(text)? {
        Millis::ZERO => Err(Problem::new(format!("`{text}` is no time at all"))),
        time => Ok(time),
    }
}

/// One probe.
pub(crate) fn probe<'d>(item: Item<'d>, context: &Context<'_>, out: &mut Mistakes) -> Option<Read<'d>> {
    let map = out.map(item.node, "a probe", &PROBE)?;
    let id = gather::id_of(map, "invoice-verify", out);
    let common = common(item, map, id.as_deref().unwrap_or_default(), context, out);
    let timing = timing(item, map, out);
    let (check, heartbeat) = check(map, item.defaults, timing.as_ref(), context, out)?;
    let (common, timing, id) = (common?, timing?, ProbeId::from(id?));
    let is_heartbeat = heartbeat.is_some();
    let detect_within = timing
        .detect_within
        .or((common.severity >= crate::model::ENFORCED_FROM).then_some(crate::model::DETECT_WITHIN));
    let spec = ProbeSpec {
        id: id.clone(),
        every: timing.every,
        timeout: timing.timeout,
        detect: if is_heartbeat {
            beat_rule(common.severity)
        } else {
            DetectRule { severity: common.severity, ..timing.detect }
        },
        detect_within: detect_within.filter(|_| !is_heartbeat),
        runs_per_day: timing.runs_per_day,
        worst_case: None,
        check,
    };
    let url = common.url.clone().or_else(|| shown_address(&spec.check));
    let info = ProbeInfo { id, heartbeat, url, ..common };
    Some(Read { node: item.node, spec, info })
}

/// A missed beat is a fact by itself: there is nothing to confirm.
fn beat_rule(severity: Severity) -> DetectRule {
    DetectRule { down_after: DownAfter::InARow(1), confirm_after: Millis::ZERO, up_after: 1, severity }
}

/// Where a person can look at what is checked; never with a query, which often holds a key.
fn shown_address(check: &Check) -> Option<String> {
    match check {
        Check::Http(http) => Some(web_address::shown(&http.url)),
        Check::Tcp(tcp) if tcp.host.contains(':') => Some(format!("tcp://[{}]:{}", tcp.host, tcp.port)),
        Check::Tcp(tcp) => Some(format!("tcp://{}:{}", tcp.host, tcp.port)),
        Check::Heartbeat { .. } => None,
    }
}

fn check(
    map: &Node,
    defaults: &Defaults,
    timing: Option<&Timing>,
    context: &Context<'_>,
    out: &mut Mistakes,
) -> Option<(Check, Option<HeartbeatRule>)> {
    let expect = map.get("expect");
    let down_within = timing.map(|timing| timing.timeout);
    let kind = map.entries().iter().find(|(key, _)| ALL_KINDS.contains(&key.text.as_str()));
    if kind.is_none() {
        let hint = Some(format!("write one of {}", KINDS.join(", ")));
        out.error(&map.spot(), "this probe says nothing about what to check", hint);
        return None;
    }
    match out.exactly_one(map, "a probe", &ALL_KINDS)? {
        (kind, node) if kind == "http" => {
            http::read(node, expect, down_within, context, out).map(|http| (Check::Http(Box::new(http)), None))
        }
        (kind, node) if kind == "tcp" => tcp::read(node, expect, down_within, out).map(|tcp| (Check::Tcp(tcp), None)),
        (kind, node) if kind == "heartbeat" => {
            for (key, value) in map.entries().iter().filter(|(key, _)| NOT_FOR_HEARTBEATS.contains(&key.text.as_str()))
            {
                let spot = key.spot(value);
                out.error(
                    &spot,
                    format!("`{}` means nothing for a heartbeat: the job beats by itself", key.text),
                    None,
                );
            }
            heartbeat::read(node, defaults, context, out).map(|(token, rule)| (Check::Heartbeat { token }, Some(rule)))
        }
        (kind, node) => {
            let instead = format!("this version has {}", KINDS.join(", "));
            not_available(out, &node.spot(), &format!("a probe of kind `{kind}`"), Some(&instead));
            None
        }
    }
}

struct Timing {
    every: Millis,
    timeout: Millis,
    detect: DetectRule,
    detect_within: Option<Millis>,
    runs_per_day: Option<u64>,
}

fn timing(item: Item<'_>, map: &Node, out: &mut Mistakes) -> Option<Timing> {
    let defaults = item.defaults;
    let written =
        |out: &mut Mistakes, key: &str, default: Option<Millis>, read: fn(&str) -> Result<Millis, Problem>| {
            map.get(key).map_or(Some(default), |node| out.value(node, "a length of time", read).map(Some))
        };
    let interval = written(out, "every", defaults.every, every).map(|e| e.unwrap_or(EVERY));
    let timeout = written(out, "timeout", defaults.timeout, positive).map(|t| t.unwrap_or(TIMEOUT));
    let detect_within = written(out, "detect_within", defaults.detect_within, positive);
    let runs_per_day = out.optional(map, "runs_per_day", "a number of runs", |t| scalar::whole(t, 1, u64::MAX));
    let alert = map.get("alert").map(|n| alert::Alert::read(n, out)).unwrap_or_default().over(&defaults.alert);
    if let (Some(every), Some(timeout)) = (interval, timeout)
        && timeout >= every
        && map.get("heartbeat").is_none()
    {
        let at = map.get("timeout").or_else(|| map.get("every")).unwrap_or(map);
        let message = format!("timeout {timeout} is not less than every {every}: runs would overlap");
        out.error(&at.spot(), message, Some("write a shorter `timeout` or a longer `every`".into()));
    }
    Some(Timing {
        every: interval?,
        timeout: timeout?,
        detect: DetectRule {
            down_after: alert.down_after.unwrap_or(alert::DOWN_AFTER),
            confirm_after: alert.confirm_after.unwrap_or(alert::CONFIRM_AFTER),
            up_after: alert.up_after.unwrap_or(alert::UP_AFTER),
            severity: Severity::Error,
        },
        detect_within: detect_within?,
        runs_per_day,
    })
}

/// What people are told; the parts that the kind decides are filled in by the caller.
fn common(item: Item<'_>, map: &Node, id: &str, context: &Context<'_>, out: &mut Mistakes) -> Option<ProbeInfo> {
    let text =
        |out: &mut Mistakes, key: &str, what: &str| map.get(key).and_then(|n| out.text(n, what)).map(String::from);
    let title = map.get("title").map_or_else(|| Some(Localized::same(id)), |n| localized(n, "a title", out));
    let impact = map.get("impact").and_then(|n| localized(n, "an impact", out));
    let service = text(out, "service", "the name of a service").or_else(|| item.defaults.service.clone());
    let service = service.unwrap_or_else(|| id.to_owned());
    let component = text(out, "component", "the name of a component").unwrap_or_else(|| service.clone());
    let owner = text(out, "owner", "the name of a team").or_else(|| item.defaults.owner.clone());
    let severity = match map.get("severity") {
        Some(node) => out.value(node, "a severity", gather::word),
        None => Some(item.defaults.severity.unwrap_or(Severity::Error)),
    };
    if let Some(node) = map.get("depends_on") {
        let instead = "leave it out: each probe pages by itself until then";
        not_available(out, &node.spot(), "`depends_on`", Some(instead));
    }
    let url = map.get("url").and_then(|n| out.value(n, "an address", |t| web_address::http(t, true)));
    let runbook = map.get("runbook").and_then(|n| runbook::read(n, context, out));
    let labels = map.get("labels").map_or_else(Labels::new, |n| labels(n, out));
    Some(ProbeInfo {
        id: ProbeId::from(id),
        title: title?,
        impact,
        service,
        component,
        owner,
        severity: severity?,
        labels,
        runbook,
        url,
        depends_on: Vec::new(),
        one_run: watchbell_engine::time::Millis::secs(8),
        flap: None,
        heartbeat: None,
    })
}

/// A text for both languages, or one for each; a missing one is the other.
fn localized(node: &Node, what: &str, out: &mut Mistakes) -> Option<Localized> {
    if !matches!(node.value, Value::Map(_)) {
        return out.text(node, what).map(Localized::same);
    }
    let map = out.map(node, what, &["zh-CN", "en"])?;
    let mut get = |key: &str| map.get(key).and_then(|n| out.text(n, what)).map(String::from);
    let (zh_cn, en) = (get("zh-CN"), get("en"));
    if map.entries().is_empty() {
        out.error(&node.spot(), format!("expected {what}, found an empty map"), None);
    }
    Some(Localized { zh_cn: zh_cn.clone().or_else(|| en.clone())?, en: en.or(zh_cn)? })
}

fn labels(node: &Node, out: &mut Mistakes) -> Labels {
    let mut labels: BTreeMap<String, String> = Labels::new();
    if !matches!(node.value, Value::Map(_)) {
        out.error(&node.spot(), format!("expected a map of labels, found {}", node.what()), None);
    }
    for (key, value) in node.entries() {
        let spot = key.spot(value);
        if RESERVED.contains(&key.text.as_str()) {
            out.error(&spot, format!("the label `{}` is set by watchbell", key.text), None);
        } else if let Err(problem) = routes::label(&key.text) {
            out.error(&spot, problem.message, problem.hint);
        } else if let Some(text) = out.text(value, "a label value") {
            labels.insert(key.text.clone(), text.to_owned());
        }
    }
    labels
}
