//! `when` on a step and `hold` on a policy or route: conditions, office hours.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_engine::catalog::Otherwise;
use watchbell_engine::condition::{Condition, Hold, Hours};
use watchbell_engine::word::{Priority, Severity};

use crate::context::Context;
use crate::gather;
use crate::mistake::Mistakes;
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};
use crate::{rotations, routes, windows};

const HOURS: [&str; 6] = ["days", "from", "to", "dates", "time_zone", "calendar"];

/// What reading a condition needs beside its node.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) context: &'a Context<'a>,
    /// The zone of the file.
    pub(crate) zone: &'a TimeZone,
    pub(crate) now: Timestamp,
}

/// `{ severity, priority, match, during }`.
pub(crate) fn when(node: &Node, around: Around<'_>, out: &mut Mistakes) -> Option<Condition> {
    let map = out.map(node, "a condition", &["severity", "priority", "match", "during"])?;
    if map.entries().is_empty() {
        let hint = Some("write when: { severity: critical }, or leave `when` out".into());
        out.error(&node.spot(), "a condition that asks nothing", hint);
    }
    let severities = map.get("severity").map_or(Some(Vec::new()), |n| words::<Severity>(n, "a severity", out))?;
    if let (Some(node), [Severity::Info]) = (map.get("severity"), severities.as_slice()) {
        out.error(&node.spot(), "this step is never reached: `info` never pages", None);
    }
    let priorities = map.get("priority").map_or(Some(Vec::new()), |n| words::<Priority>(n, "a priority", out))?;
    let matchers = map.get("match").map_or(Some(Vec::new()), |n| routes::matchers(n, out))?;
    let during = map.get("during").map_or(Some(Vec::new()), |n| hours(n, around, out))?;
    Some(Condition { severities, priorities, matchers, during })
}

/// `skip` or `wait`.
pub(crate) fn otherwise(map: &Node, when: &Condition, out: &mut Mistakes) -> Option<Otherwise> {
    let Some(node) = map.get("else") else { return Some(Otherwise::Skip) };
    let read = out.value(node, "skip or wait", |text| match text {
        "skip" => Ok(Otherwise::Skip),
        "wait" => Ok(Otherwise::Wait),
        other => Err(Problem::new(format!("`{other}` is not one of skip, wait"))),
    })?;
    if map.get("when").is_none() {
        out.error(&node.spot(), "`else` belongs to a condition", Some("write when: { … } beside it".into()));
    } else if read == Otherwise::Wait && when.during.is_empty() {
        let hint = Some("write during: [ { days: workdays, from: \"09:00\", to: \"18:00\" } ]".into());
        out.error(&node.spot(), "there is no window to wait for", hint);
    }
    Some(read)
}

/// `{ until: { days, from, to, … }, priorities: [P3, P4] }`.
pub(crate) fn hold(node: &Node, around: Around<'_>, out: &mut Mistakes) -> Option<Hold> {
    let map = out.map(node, "`hold`", &["until", "priorities"])?;
    let priorities = match map.get("priorities") {
        Some(node) => {
            let read = words::<Priority>(node, "a priority", out)?;
            if let Some(urgent) = read.iter().find(|p| p.is_urgent()) {
                let hint = Some("hold P3 and P4; P1 and P2 page at any hour".into());
                out.error(&node.spot(), format!("{urgent} is never held: somebody must be woken"), hint);
            }
            read
        }
        None => vec![Priority::P3, Priority::P4],
    };
    let example = "{ days: workdays, from: \"09:00\", to: \"18:00\" }";
    let until = out.required(map, "until", example).and_then(|n| hours(n, around, out));
    Some(Hold { until: until?, priorities })
}

/// One window or a list of them, each with its zone and calendar.
fn hours(node: &Node, around: Around<'_>, out: &mut Mistakes) -> Option<Vec<Hours>> {
    let nodes = match &node.value {
        Value::Map(_) => std::slice::from_ref(node),
        Value::Null | Value::Scalar(_) | Value::List(_) => out.list(node, "a window or a list of windows"),
    };
    if nodes.is_empty() {
        if matches!(node.value, Value::List(_)) {
            out.error(&node.spot(), "without a window it is never so", None);
        }
        return None;
    }
    let read: Vec<Hours> = nodes.iter().filter_map(|n| one(n, around, out)).collect();
    (read.len() == nodes.len()).then_some(read)
}

fn one(node: &Node, around: Around<'_>, out: &mut Mistakes) -> Option<Hours> {
    let map = out.map(node, "a window", &HOURS)?;
    let zone = match map.get("time_zone") {
        Some(node) => out.value(node, "a time zone", scalar::zone)?,
        None => around.zone.clone(),
    };
    let calendar = match map.get("calendar") {
        Some(node) => Some(rotations::calendar(node, around.context, out)?),
        None => None,
    };
    let window = windows::of_map(map, out)?;
    if let (Some((_, last)), Some(node)) = (window.dates, map.get("dates"))
        && last < zone.to_datetime(around.now).date().yesterday().unwrap_or(last)
    {
        out.error(&node.spot(), format!("this is over since {last}: it is never so again"), None);
    }
    Some(Hours { window, zone, calendar })
}

/// One word or a list of them.
fn words<T>(node: &Node, what: &str, out: &mut Mistakes) -> Option<Vec<T>>
where
    T: std::str::FromStr<Err = watchbell_engine::word::UnknownWord>,
{
    let nodes = match &node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        Value::Null | Value::List(_) | Value::Map(_) => out.list(node, &format!("{what} or a list of them")),
    };
    if nodes.is_empty() {
        if matches!(node.value, Value::List(_)) {
            out.error(&node.spot(), format!("expected {what}, found an empty list"), None);
        }
        return None;
    }
    let read: Vec<T> = nodes.iter().filter_map(|n| out.value(n, what, gather::word)).collect();
    (read.len() == nodes.len()).then_some(read)
}
