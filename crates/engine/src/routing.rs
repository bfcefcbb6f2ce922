//! From an alert's labels to a policy, a priority and a group.

use crate::catalog::{Catalog, Route};
use crate::fact::Routed;
use crate::ids::{DedupKey, PolicyId};
use crate::label::{Labels, all_match};
use crate::word::Severity;

/// The name of what no route matches.
const DEFAULT_ROUTE: &str = "default";

/// The name of the way that signals about watchbell itself take.
const SELF_ROUTE: &str = "self";

/// Where an alert leads: the first route that matches, else the default policy.
pub fn route(catalog: &Catalog, key: &DedupKey, labels: &Labels, severity: Severity) -> Routed {
    if key.as_str().starts_with("self:") {
        let policy = catalog.self_policy.as_ref().unwrap_or(&catalog.default_policy);
        return unrouted(SELF_ROUTE, policy, key, severity);
    }
    match matched(catalog, key, labels) {
        Some(route) => routed(route, key, labels, severity),
        None => unrouted(DEFAULT_ROUTE, &catalog.default_policy, key, severity),
    }
}

/// The first route that matches; signals about watchbell itself take none.
pub fn matched<'a>(catalog: &'a Catalog, key: &DedupKey, labels: &Labels) -> Option<&'a Route> {
    let own = key.as_str().starts_with("self:");
    catalog.routes.iter().find(|r| !own && all_match(&r.matchers, labels))
}

fn routed(route: &Route, key: &DedupKey, labels: &Labels, severity: Severity) -> Routed {
    let priority = route.priority.unwrap_or(severity.priority());
    Routed {
        route: route.name.clone(),
        policy: route.policy.clone(),
        priority,
        group: group(&route.policy, priority.as_str(), &route.group_by, key, labels),
        reopen_within: route.reopen_within,
        regroup_after: route.regroup_after,
    }
}

fn unrouted(name: &str, policy: &PolicyId, key: &DedupKey, severity: Severity) -> Routed {
    let priority = severity.priority();
    Routed {
        route: name.into(),
        policy: policy.clone(),
        priority,
        group: group(policy, priority.as_str(), &[], key, &Labels::new()),
        reopen_within: Route::REOPEN_WITHIN,
        regroup_after: Route::REGROUP_AFTER,
    }
}

/// Policy, priority and the `group_by` labels with their values; the key itself without `group_by`.
fn group(policy: &PolicyId, priority: &str, group_by: &[String], key: &DedupKey, labels: &Labels) -> String {
    let mut out = format!("{policy}|{priority}");
    if group_by.is_empty() {
        // A fault that gets worse has another priority, and is the same fault all the same.
        return format!("{policy}|{key}");
    }
    for label in group_by {
        let value = labels.get(label).map_or("", String::as_str);
        out.push_str(&format!("|{label}={value:?}"));
    }
    out
}
