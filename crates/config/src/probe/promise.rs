//! The thirty seconds of promise 1 and the ceiling of `runs_per_day`, checked for one probe.

use std::time::Duration;

use watchbell_engine::budget::Budget;
use watchbell_engine::catalog::{Catalog, Policy, Rotation, Target};
use watchbell_engine::ids::PersonId;
use watchbell_engine::label::{Labels, all_match};
use watchbell_engine::time::Millis;
use watchbell_engine::word::Priority;

use crate::budget;
use crate::mistake::Mistakes;
use crate::model::{Check, ProbeSpec};
use crate::probe::Read;

const DAY: Millis = Millis::hours(24);

/// The terms of the sum; `None` for heartbeats, whose faults begin when the job says so.
fn terms(read: &Read<'_>, catalog: &Catalog) -> Option<Budget> {
    let spec = &read.spec;
    match spec.check {
        Check::Heartbeat { .. } => None,
        Check::Http(_) | Check::Tcp(_) => Some(Budget {
            every: spec.every,
            timeout: spec.timeout,
            k: spec.detect.down_after.failures(),
            confirm_after: spec.detect.confirm_after,
            page_after: page_after(read, catalog),
            has_dependency: false,
        }),
    }
}

/// The worst case of a probe and how it adds up; `None` for heartbeats.
pub(crate) fn worst_case(read: &Read<'_>, catalog: &Catalog) -> Option<(Millis, String)> {
    terms(read, catalog).map(|terms| (budget::worst_case(&terms), budget::sum(&terms)))
}

/// Records a probe that cannot keep what it promises.
pub(crate) fn keep(read: &Read<'_>, catalog: &Catalog, out: &mut Mistakes) {
    let Some(terms) = terms(read, catalog) else { return };
    ceiling(read, out);
    let Some(limit) = read.spec.detect_within else { return };
    let worst = budget::worst_case(&terms);
    if worst <= limit {
        return;
    }
    let over = format!("{} > {}", budget::seconds(worst), budget::seconds(limit));
    let at = ["detect_within", "every", "timeout", "alert"].iter().find_map(|key| read.node.get(key));
    let spot = at.or_else(|| read.node.get("id")).unwrap_or(read.node).spot();
    let sum = budget::sum(&terms);
    let hint = format!("{sum}, which is over detect_within {limit}");
    if read.spec.runs_per_day.is_some() {
        // Any change that makes it faster would need more runs than are allowed.
        let hint = format!("{hint}; write detect_within: {worst} or a lower severity");
        return out.error(&spot, format!("{over}: runs_per_day leaves no room for that"), Some(hint));
    }
    match budget::smallest_fix(&terms, limit) {
        Some(fix) => out.error(&spot, format!("{over}: {fix}"), Some(hint)),
        None => {
            let hint = format!("{hint}; probe more often, or write detect_within: {worst} or a lower severity");
            out.error(&spot, format!("{over}: no single change is enough"), Some(hint));
        }
    }
}

/// The least `after` of those whom the first step of the probe's policy can page.
fn page_after(read: &Read<'_>, catalog: &Catalog) -> Millis {
    let info = &read.info;
    let mut labels: Labels = info.labels.clone();
    labels.insert("probe".into(), info.id.to_string());
    labels.insert("service".into(), info.service.clone());
    labels.insert("component".into(), info.component.clone());
    labels.insert("severity".into(), info.severity.to_string());
    let route = catalog.routes.iter().find(|route| all_match(&route.matchers, &labels));
    let priority = route.and_then(|route| route.priority).unwrap_or(info.severity.priority());
    let policy = route.map_or(&catalog.default_policy, |route| &route.policy);
    let first = catalog.policies.get(policy).and_then(|policy: &Policy| policy.steps.first());
    let targets = first.map_or(&[][..], |step| step.page.as_slice());
    targets
        .iter()
        .flat_map(|target| people(target, catalog))
        .filter_map(|id| first_entry(id, priority, catalog))
        .min()
        .unwrap_or_default()
}

fn people<'c>(target: &'c Target, catalog: &'c Catalog) -> Vec<&'c PersonId> {
    let of = |rotation: &'c Rotation| rotation.layers.iter().flat_map(|layer| layer.people.iter()).collect();
    match target {
        Target::Person(id) => vec![id],
        Target::Rotation(id) | Target::WholeRotation(id) => catalog.rotations.get(id).map_or_else(Vec::new, of),
    }
}

fn first_entry(id: &PersonId, priority: Priority, catalog: &Catalog) -> Option<Millis> {
    let person = catalog.people.get(id).filter(|person| !person.disabled)?;
    person.page_by.ladder(priority).iter().map(|entry| entry.after).min()
}

/// Most runs in a day: every slot can fail, be confirmed k - 1 times, and come up in the last of them.
fn most_runs(spec: &ProbeSpec) -> u64 {
    DAY.0.div_ceil(spec.every.0.max(1)).saturating_mul(u64::from(spec.detect.down_after.failures()))
}

fn ceiling(read: &Read<'_>, out: &mut Mistakes) {
    let spec = &read.spec;
    let (Some(allowed), Some(node)) = (spec.runs_per_day, read.node.get("runs_per_day")) else { return };
    let (most, k) = (most_runs(spec), u64::from(spec.detect.down_after.failures()));
    if most <= allowed {
        return;
    }
    let plain = DAY.0.div_ceil(spec.every.0.max(1));
    let confirming = if k > 1 {
        format!("{plain} slots a day, each with up to {} confirming runs", k - 1)
    } else {
        "one run in each slot".into()
    };
    // As whole seconds, which is how people write it.
    let least = Duration::from_millis(DAY.0.saturating_mul(k).div_ceil(allowed)).as_millis().div_ceil(1_000);
    let least = Millis::secs(u64::try_from(least).unwrap_or(u64::MAX / 1_000));
    let hint =
        format!("every {least} is the least{}", if k > 1 { "; down_after 1 needs no confirming runs" } else { "" });
    out.error(
        &node.spot(),
        format!("up to {most} runs a day > {allowed}: every {} makes {confirming}", spec.every),
        Some(hint),
    );
}
