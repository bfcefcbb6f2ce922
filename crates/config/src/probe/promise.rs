//! The thirty seconds of promise 1 and the ceiling of `runs_per_day`, checked for one probe.

use std::collections::BTreeSet;
use std::time::Duration;

use watchbell_engine::budget::{Budget, DECIDE_AND_COMMIT, DEPENDENCY_WAIT, START_LAG, TO_PROVIDER, TooSlow};
use watchbell_engine::catalog::{Catalog, Policy, Rotation, Target};
use watchbell_engine::condition::Situation;
use watchbell_engine::ids::{PersonId, PolicyId};
use watchbell_engine::label::{Labels, all_match};
use watchbell_engine::time::Millis;
use watchbell_engine::word::Priority;

use crate::mistake::Mistakes;
use crate::model::{Check, ProbeSpec};
use crate::probe::Read;

const DAY: Millis = Millis::hours(24);

/// The terms of the sum; `None` for heartbeats, whose faults begin when the job says so, and where pages
/// wait for office hours.
fn terms(read: &Read<'_>, catalog: &Catalog) -> Option<Budget> {
    let spec = &read.spec;
    match spec.check {
        Check::Heartbeat { .. } => None,
        Check::Http(_) | Check::Tcp(_) => Some(Budget {
            every: spec.every,
            timeout: spec.timeout,
            k: spec.detect.down_after.failures(),
            confirm_after: spec.detect.confirm_after,
            page_after: page_after(read, catalog)?,
            has_dependency: !read.info.depends_on.is_empty(),
        }),
    }
}

/// The worst case of a probe and how it adds up; `None` where there is none.
pub(crate) fn worst_case(read: &Read<'_>, catalog: &Catalog) -> Option<(Millis, String)> {
    terms(read, catalog).map(|terms| (terms.worst_case(), sum(&terms)))
}

/// The sum written out: `every 5s + timeout 3s + 2 x (confirm_after 2s + timeout 3s) + 5s = 23 s`.
fn sum(b: &Budget) -> String {
    let mut text = format!("every {} + timeout {}", b.every, b.timeout);
    if b.k > 1 {
        text += &format!(" + {} x (confirm_after {} + timeout {})", b.k - 1, b.confirm_after, b.timeout);
    }
    if b.page_after > Millis::ZERO {
        text += &format!(" + page_after {}", b.page_after);
    }
    if b.has_dependency {
        text += &format!(" + dependency {DEPENDENCY_WAIT}");
    }
    let ours = START_LAG.plus(DECIDE_AND_COMMIT).plus(TO_PROVIDER);
    text + &format!(" + {ours} = {} s", b.worst_case().as_secs_f64())
}

/// Records a probe that cannot keep what it promises.
pub(crate) fn keep(read: &Read<'_>, catalog: &Catalog, out: &mut Mistakes) {
    if !matches!(read.spec.check, Check::Heartbeat { .. }) {
        ceiling(read, out);
    }
    let Some(terms) = terms(read, catalog) else { return };
    let Some(limit) = read.spec.detect_within else { return };
    let Err(too_slow) = terms.check(limit) else { return };
    let at = ["detect_within", "every", "timeout", "alert"].iter().find_map(|key| read.node.get(key));
    let spot = at.or_else(|| read.node.get("id")).unwrap_or(read.node).spot();
    let allow = format!("write detect_within: {} or a lower severity", too_slow.worst_case);
    let hint = format!("{}, which is over detect_within {limit}", sum(&terms));
    let (message, hint) = match too_slow.fix {
        // Any change that makes it faster would need more runs than are allowed.
        Some(_) | None if read.spec.runs_per_day.is_some() => {
            let plain = TooSlow { fix: None, ..too_slow };
            (format!("{plain}: runs_per_day leaves no room for that"), format!("{hint}; {allow}"))
        }
        Some(_) => (too_slow.to_string(), hint),
        None => (format!("{too_slow}: no single change is enough"), format!("{hint}; probe more often, or {allow}")),
    };
    out.error(&spot, message, Some(hint));
}

/// The latest of the first pages that the probe's policy can come to, each the least `after` of those whom
/// its step pages; `None` where they are held for office hours. What depends on the hour may be passed over.
fn page_after(read: &Read<'_>, catalog: &Catalog) -> Option<Millis> {
    let info = &read.info;
    let mut labels: Labels = info.labels.clone();
    labels.insert("probe".into(), info.id.to_string());
    labels.insert("service".into(), info.service.clone());
    labels.insert("component".into(), info.component.clone());
    labels.insert("severity".into(), info.severity.to_string());
    let route = catalog.routes.iter().find(|route| all_match(&route.matchers, &labels));
    let priority = route.and_then(|route| route.priority).unwrap_or(info.severity.priority());
    let id = route.map_or(&catalog.default_policy, |route| &route.policy);
    let Some(policy) = catalog.policies.get(id) else { return Some(Millis::ZERO) };
    let hold = route.and_then(|route| route.hold.as_ref()).or(policy.hold.as_ref());
    if hold.is_some_and(|hold| hold.priorities.contains(&priority)) {
        return None;
    }
    let situation = Situation { severity: info.severity, priority, labels: vec![&labels] };
    let mut first = Vec::new();
    let mut walked = BTreeSet::new();
    first_pages(policy, &situation, catalog, &mut walked, &mut first);
    Some(first.into_iter().max().unwrap_or_default())
}

/// The pages that may come first, by what the hour lets through.
fn first_pages<'c>(
    policy: &'c Policy,
    situation: &Situation<'_>,
    catalog: &'c Catalog,
    walked: &mut BTreeSet<&'c PolicyId>,
    first: &mut Vec<Millis>,
) {
    if !walked.insert(&policy.id) {
        return; // a circle, which is a mistake of its own
    }
    for step in policy.steps.iter().filter(|step| step.when.fits(situation)) {
        match step.leads_to().and_then(|id| catalog.policies.get(id)) {
            Some(next) => first_pages(next, situation, catalog, walked, first),
            None => {
                let people = step.page.iter().flat_map(|target| people(target, catalog));
                first.extend(people.filter_map(|id| first_entry(id, situation.priority, catalog)).min());
            }
        }
        if step.when.during.is_empty() {
            return;
        }
    }
    // No ladder of the last resort begins after its round.
    let last = first_entry(&policy.catch_all.person, situation.priority, catalog);
    first.extend(last.filter(|after| *after < policy.catch_all.every));
}

fn people<'c>(target: &'c Target, catalog: &'c Catalog) -> Vec<&'c PersonId> {
    let of = |rotation: &'c Rotation| rotation.layers.iter().flat_map(|layer| layer.people.iter()).collect();
    match target {
        Target::Person(id) => vec![id],
        Target::Policy(_) => Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_written_out() {
        let (every, timeout, confirm_after) = (Millis::secs(5), Millis::secs(3), Millis::secs(2));
        let defaults = Budget { every, timeout, k: 3, confirm_after, page_after: Millis::ZERO, has_dependency: false };
        assert_eq!(sum(&defaults), "every 5s + timeout 3s + 2 x (confirm_after 2s + timeout 3s) + 5s = 23 s");
        let all = Budget { k: 1, page_after: Millis::secs(10), has_dependency: true, ..defaults };
        assert_eq!(sum(&all), "every 5s + timeout 3s + page_after 10s + dependency 2s + 5s = 25 s");
    }
}
