//! `expect`: what the answer must be.

use http::HeaderName;
use watchbell_engine::time::Millis;

use crate::mistake::{Mistakes, Spot};
use crate::model::{BodyRule, Expect, HeaderRule, JsonRule, JsonTest, LatencyLevels, StatusSet};
use crate::pattern;
use crate::probe::json;
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};

/// Days until the end of a certificate that are too few where nothing is written.
const MIN_DAYS_LEFT: u32 = 14;
/// Most days: no public certificate lives longer.
const MAX_DAYS_LEFT: u64 = 398;
/// Largest body that a probe reads.
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// What is known of the request when its expectations are read.
pub(crate) struct Asked {
    pub(crate) https: bool,
    pub(crate) head: bool,
    pub(crate) timeout: Option<Millis>,
}

/// The expectations of an HTTP probe.
pub(crate) fn read(node: Option<&Node>, asked: &Asked, out: &mut Mistakes) -> Option<Expect> {
    let defaults = Expect { min_days_left: asked.https.then_some(MIN_DAYS_LEFT), ..Expect::default() };
    let Some(node) = node else { return Some(defaults) };
    let map = out.map(node, "`expect`", &["status", "total", "ttfb", "headers", "body", "json", "tls"])?;
    for key in ["body", "json"] {
        if let Some(node) = map.get(key).filter(|_| asked.head) {
            out.error(&node.spot(), format!("an answer to HEAD has no body: `{key}` cannot hold"), None);
        }
    }
    let before = out.count();
    let status = map.get("status").map(|n| statuses(n, out));
    let min_days_left = map.get("tls").map(|n| min_days_left(n, asked.https, out));
    let expect = Expect {
        status: status.unwrap_or_default(),
        total: levels(map.get("total"), asked.timeout, out),
        ttfb: levels(map.get("ttfb"), asked.timeout, out),
        headers: map.get("headers").map_or_else(Vec::new, |n| headers(n, out)),
        body: map.get("body").map_or_else(BodyRule::default, |n| body(n, out)),
        json: map.get("json").map_or_else(Vec::new, |n| json_rules(n, out)),
        min_days_left: min_days_left.unwrap_or(defaults.min_days_left),
    };
    (out.count() == before).then_some(expect)
}

fn statuses(node: &Node, out: &mut Mistakes) -> StatusSet {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Null | Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(node),
    };
    if items.is_empty() {
        out.error(
            &node.spot(),
            "no status is ever expected",
            Some("write status: 200, or leave it out for 2xx".into()),
        );
    }
    let mut ranges = Vec::new();
    for item in items {
        ranges.extend(out.value(item, "a status", statuses_in).unwrap_or_default());
    }
    StatusSet(ranges)
}

/// `200`, `2xx`, `200-299`, also several: `200, 204`.
fn statuses_in(text: &str) -> Result<Vec<(u16, u16)>, Problem> {
    text.split(',').map(|part| status(part.trim())).collect()
}

fn status(text: &str) -> Result<(u16, u16), Problem> {
    let bad = || Problem::new(format!("`{text}` is not a status")).hint("write 200, 2xx, 200-299 or a list of them");
    let number = |text: &str| {
        let number: u16 = text.parse().map_err(|_| bad())?;
        if (100..=599).contains(&number) { Ok(number) } else { Err(bad().hint("a status is a number from 100 to 599")) }
    };
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().map_err(|_| bad())?;
        return if (1..=5).contains(&class) { Ok((class * 100, class * 100 + 99)) } else { Err(bad()) };
    }
    match text.split_once('-') {
        None => number(text).map(|status| (status, status)),
        Some((from, to)) => {
            let (from, to) = (number(from.trim())?, number(to.trim())?);
            if from > to {
                return Err(Problem::new(format!("`{text}` runs backwards")).hint(format!("write {to}-{from}")));
            }
            Ok((from, to))
        }
    }
}

/// `{ degraded, down }`; `down` must be possible before the run is cut off.
pub(crate) fn levels(node: Option<&Node>, timeout: Option<Millis>, out: &mut Mistakes) -> LatencyLevels {
    let Some(map) = node.and_then(|n| out.map(n, "upper bounds", &["degraded", "down"])) else {
        return LatencyLevels::default();
    };
    let degraded = out.optional(map, "degraded", "a length of time", crate::probe::positive);
    let down = out.optional(map, "down", "a length of time", crate::probe::positive);
    if let (Some(low), Some(high)) = (degraded, down)
        && low >= high
    {
        out.error(&map.spot(), format!("degraded {low} is not less than down {high}"), None);
    }
    if let (Some(down), Some(timeout), Some(node)) = (down, timeout, map.get("down"))
        && down >= timeout
    {
        let message = format!("down {down} is never seen: a run is cut off after its timeout of {timeout}");
        out.warn(&node.spot(), message, None);
    }
    LatencyLevels { degraded, down }
}

fn min_days_left(node: &Node, https: bool, out: &mut Mistakes) -> Option<u32> {
    let map = out.map(node, "`tls`", &["min_days_left"])?;
    if !https {
        out.error(&node.spot(), "there is no certificate on http://", Some("use https:// in the address".into()));
        return None;
    }
    let days = out.required(map, "min_days_left", "14")?;
    let days = out.value(days, "a number of days", |text| scalar::whole(text, 1, MAX_DAYS_LEFT))?;
    u32::try_from(days).ok()
}

fn headers(node: &Node, out: &mut Mistakes) -> Vec<(HeaderName, HeaderRule)> {
    if !matches!(node.value, Value::Map(_)) {
        out.error(&node.spot(), format!("expected a map of headers, found {}", node.what()), None);
    }
    let mut rules = Vec::new();
    for (key, value) in node.entries() {
        let Ok(name) = HeaderName::from_bytes(key.text.as_bytes()) else {
            let spot = key.spot(value);
            out.error(&spot, format!("`{}` is not the name of a header", key.text), None);
            continue;
        };
        if !matches!(value.value, Value::Map(_)) {
            rules.extend(out.text(value, "a header's value").map(|text| (name, HeaderRule::Is(text.into()))));
            continue;
        }
        const TESTS: [&str; 4] = ["is", "contains", "matches", "exists"];
        let Some(map) = out.map(value, "what a header must be", &TESTS) else { continue };
        for (test, node) in map.entries() {
            let rule = match test.text.as_str() {
                "is" => out.text(node, "a text").map(|text| HeaderRule::Is(text.into())),
                "contains" => out.text(node, "a text").map(|text| HeaderRule::Contains(text.into())),
                "matches" => out.value(node, "a regular expression", pattern::regex).map(HeaderRule::Matches),
                "exists" => out.value(node, "true or false", scalar::truth).map(HeaderRule::Exists),
                _ => None, // recorded as an unknown key
            };
            rules.extend(rule.map(|rule| (name.clone(), rule)));
        }
    }
    rules
}

fn body(node: &Node, out: &mut Mistakes) -> BodyRule {
    let Some(map) = out.map(node, "`body`", &["contains", "matches", "at_most"]) else { return BodyRule::default() };
    let contains = map.get("contains").map_or(&[][..], |n| match &n.value {
        Value::List(items) => items.as_slice(),
        Value::Null | Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(n),
    });
    let at_most = out.optional(map, "at_most", "a size", |text| match scalar::size(text)? {
        bytes if bytes > MAX_BODY => {
            Err(Problem::new(format!("`{text}` is more than a probe reads")).hint("at most 64MiB"))
        }
        bytes => Ok(bytes),
    });
    BodyRule {
        contains: contains.iter().filter_map(|n| out.text(n, "a text")).map(String::from).collect(),
        matches: out.optional(map, "matches", "a regular expression", pattern::regex),
        at_most,
    }
}

const JSON: [&str; 10] =
    ["at", "is", "is_not", "is_decimal", "below", "above", "matches", "one_of", "exists", "length"];

/// `[ { at: $.verified, is: true } ]`, or short `{ $.verified: true }`.
fn json_rules(node: &Node, out: &mut Mistakes) -> Vec<JsonRule> {
    let mut rules = Vec::new();
    if let Value::Map(entries) = &node.value {
        for (key, value) in entries {
            let path = match pattern::json_path(&key.text) {
                Ok(path) => path,
                Err(problem) => {
                    let mut place = key.place.clone();
                    place.column += problem.within.map_or(0, |(from, _)| from);
                    place.width = problem.within.map_or(place.width, |(_, width)| width);
                    out.error(&Spot::new(place, value.path.clone()), problem.message, problem.hint);
                    continue;
                }
            };
            let test = json::value(value, out).map(JsonTest::Is);
            rules.extend(test.map(|test| JsonRule { at: key.text.clone(), path, test }));
        }
        return rules;
    }
    for item in out.list(node, "a list of { at, is, … }") {
        let Some(map) = out.map(item, "an assertion", &JSON) else { continue };
        let Some(at) = out.required(map, "at", "$.verified") else { continue };
        let path = out.value(at, "a JSON path", pattern::json_path);
        let tests: Vec<_> =
            map.entries().iter().filter(|(k, _)| k.text != "at" && JSON.contains(&k.text.as_str())).collect();
        if tests.is_empty() {
            let hint = format!("write one of {}", JSON[1..].join(", "));
            out.error(&item.spot(), "this assertion says nothing about the value", Some(hint));
        }
        for (key, value) in tests {
            let test = json_test(&key.text, value, out);
            if let (Some(path), Some(test)) = (path.clone(), test) {
                rules.push(JsonRule { at: at.text().unwrap_or_default().to_owned(), path, test });
            }
        }
    }
    rules
}

fn json_test(key: &str, node: &Node, out: &mut Mistakes) -> Option<JsonTest> {
    match key {
        "is" => json::value(node, out).map(JsonTest::Is),
        "is_not" => json::value(node, out).map(JsonTest::IsNot),
        "is_decimal" => out.value(node, "a decimal number", json::decimal).map(JsonTest::IsDecimal),
        "below" => out.value(node, "a decimal number", json::decimal).map(JsonTest::Below),
        "above" => out.value(node, "a decimal number", json::decimal).map(JsonTest::Above),
        "matches" => out.value(node, "a regular expression", pattern::regex).map(JsonTest::Matches),
        "one_of" => {
            let items = out.list(node, "a list of values");
            let values: Vec<_> = items.iter().filter_map(|item| json::value(item, out)).collect();
            (!values.is_empty() && values.len() == items.len()).then_some(JsonTest::OneOf(values))
        }
        "exists" => out.value(node, "true or false", scalar::truth).map(JsonTest::Exists),
        "length" => out.value(node, "a length", |t| scalar::whole(t, 0, u64::MAX)).map(JsonTest::Length),
        _ => None, // recorded as an unknown key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_classes_and_ranges() {
        assert_eq!(status("200"), Ok((200, 200)));
        assert_eq!(status("2xx"), Ok((200, 299)));
        assert_eq!(status("200-204"), Ok((200, 204)));
        assert_eq!(statuses_in("200, 204"), Ok(vec![(200, 200), (204, 204)]));
        for bad in ["", "99", "600", "9xx", "299-200", "ok", "2xx-3xx", "-200"] {
            assert!(status(bad).is_err(), "{bad}");
        }
    }
}
