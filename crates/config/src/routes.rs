//! `routes`: from labels to a policy, first match wins.

use watchbell_engine::catalog::Route;
use watchbell_engine::ids::PolicyId;
use watchbell_engine::label::{BadMatcher, MatchOp, Matcher};
use watchbell_engine::word::Severity;

use crate::conditions::{self, Around};
use crate::gather;
use crate::mistake::Mistakes;
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};

const ROUTE: [&str; 7] = ["match", "policy", "priority", "group_by", "reopen_within", "regroup_after", "hold"];
/// Labels whose misspelling would make a route that never matches.
const USUAL: [&str; 4] = ["probe", "service", "component", "severity"];

/// Every route, in order.
pub(crate) fn read(node: &Node, around: Around<'_>, out: &mut Mistakes) -> Vec<Route> {
    out.list(node, "a list of routes").iter().filter_map(|item| route(item, around, out)).collect()
}

fn route(node: &Node, around: Around<'_>, out: &mut Mistakes) -> Option<Route> {
    let context = around.context;
    let map = out.map(node, "a route", &ROUTE)?;
    let matchers = map.get("match").map_or(Some(Vec::new()), |n| matchers(n, out));
    let policy = out.required(map, "policy", "expense-critical").and_then(|n| context.names.policy(n, out));
    let priority = out.optional(map, "priority", "a priority", gather::word);
    let reopen_within = match map.get("reopen_within") {
        Some(node) => out.value(node, "a length of time", scalar::duration),
        None => Some(Route::REOPEN_WITHIN),
    };
    let regroup_after = match map.get("regroup_after") {
        Some(node) => out.value(node, "a length of time", scalar::duration),
        None => Some(Route::REGROUP_AFTER),
    };
    let group_by = map.get("group_by").map_or_else(Vec::new, |n| labels(n, out));
    let hold = match map.get("hold") {
        Some(node) => Some(conditions::hold(node, around, out)?),
        None => None,
    };
    if let (Some(hold), Some(priority), Some(node)) = (&hold, priority, map.get("hold"))
        && !hold.priorities.contains(&priority)
    {
        out.warn(&node.spot(), format!("nothing is held here: this route makes everything {priority}"), None);
    }
    Some(Route {
        name: format!("{}:{}", node.place.file.name, node.place.line),
        matchers: matchers?,
        policy: PolicyId::from(policy?),
        priority,
        group_by,
        reopen_within: reopen_within?,
        regroup_after: regroup_after?,
        hold,
    })
}

pub(crate) fn labels(node: &Node, out: &mut Mistakes) -> Vec<String> {
    let items = match node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        Value::Null | Value::List(_) | Value::Map(_) => out.list(node, "a list of labels"),
    };
    items.iter().filter_map(|item| out.value(item, "a label", label)).collect()
}

/// The name of a label: letters, digits and `_`.
pub(crate) fn label(text: &str) -> Result<String, Problem> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || !text.chars().all(fits) || text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(
            Problem::new(format!("`{text}` is not a label")).hint("use letters, digits and _, not a digit first")
        );
    }
    Ok(text.into())
}

/// `{ severity: critical, service: [a, b] }`, or texts such as `service=~"inv.*"`.
pub(crate) fn matchers(node: &Node, out: &mut Mistakes) -> Option<Vec<Matcher>> {
    match &node.value {
        Value::Map(entries) => {
            let read: Vec<_> = entries.iter().filter_map(|(key, value)| entry(&key.text, value, out)).collect();
            (read.len() == entries.len()).then_some(read)
        }
        Value::List(items) => {
            let read: Vec<_> = items.iter().filter_map(|item| written(item, out)).collect();
            (read.len() == items.len()).then_some(read)
        }
        Value::Null | Value::Scalar(_) => written(node, out).map(|matcher| vec![matcher]),
    }
}

fn entry(name: &str, node: &Node, out: &mut Mistakes) -> Option<Matcher> {
    if let Some(near) = scalar::nearest(name, USUAL).filter(|near| *near != name) {
        let spot = node.spot();
        out.warn(&spot, format!("no alert of ours has the label `{name}`"), Some(format!("did you mean `{near}`?")));
    }
    let (op, value) = match &node.value {
        Value::List(items) => {
            let values: Vec<String> =
                items.iter().filter_map(|n| out.value(n, "a label value", |t| value(name, t))).collect();
            if values.len() != items.len() {
                return None;
            }
            (MatchOp::Regex, values.iter().map(|v| regex::escape(v)).collect::<Vec<_>>().join("|"))
        }
        Value::Null | Value::Scalar(_) | Value::Map(_) => {
            (MatchOp::Equal, out.value(node, "a label value", |t| value(name, t))?)
        }
    };
    match Matcher::new(name, op, &value) {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            out.error(&node.spot(), error.to_string(), None);
            None
        }
    }
}

/// A value that a label is compared with; severities are words.
fn value(name: &str, text: &str) -> Result<String, Problem> {
    if name == "severity" {
        return gather::word::<Severity>(text).map(|severity| severity.to_string());
    }
    Ok(text.into())
}

fn written(node: &Node, out: &mut Mistakes) -> Option<Matcher> {
    out.value(node, "a matcher", |text| {
        let matcher = text.parse::<Matcher>();
        matcher.map_err(|error| match error {
            BadMatcher::BadRegex { value, .. } => {
                let at = text.find(&value).map_or(0, |at| text[..at].chars().count());
                crate::pattern::regex(&value).err().map_or_else(
                    || Problem::new(format!("`{value}` is not a regular expression")),
                    |mut problem| {
                        problem.within = problem.within.map(|(from, width)| (from + at, width));
                        problem
                    },
                )
            }
            BadMatcher::NoOperator(_) | BadMatcher::BadLabel(_) => Problem::new(error.to_string()),
        })
    })
}
