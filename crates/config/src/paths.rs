//! The ways through the policies: circles, steps that are never reached, who is never woken, entries of a
//! ladder that never begin.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_engine::catalog::{Channel, LadderEntry, Person, Policy};
use watchbell_engine::ids::{ChannelId, PersonId, PolicyId};
use watchbell_engine::time::Millis;

use crate::gather::Item;
use crate::mistake::Mistakes;
use crate::policies::Reach;
use crate::tree::{Node, Value};

/// What must be right about a policy among all policies.
pub(crate) fn check(items: &[Item<'_>], policies: &BTreeMap<PolicyId, Policy>, out: &mut Mistakes) {
    for (item, policy) in written(items, policies) {
        let steps = steps_of(item.node);
        if let Some((step, way)) = circle(policy, policies) {
            let at = steps.get(step).copied().unwrap_or(item.node);
            let way: Vec<_> = way.iter().map(|id| format!("`{id}`")).collect();
            let hint = Some("a policy may not lead back to itself; `repeat` begins it again".into());
            out.error(&at.spot(), format!("the policies go in a circle: {}", way.join(" → ")), hint);
        }
        let Some(last) = policy.steps.iter().position(|s| s.leads_to().is_some() && s.when.is_empty()) else {
            continue;
        };
        let to = policy.steps[last].leads_to().map(ToString::to_string).unwrap_or_default();
        if let Some(unreached) = steps.get(last + 1) {
            let message =
                format!("step {} is never reached: step {} hands over to `{to}` for good", last + 2, last + 1);
            out.error(&unreached.spot(), message, Some("remove it, or give the step before a `when`".into()));
        } else if let Some(repeat) = item.node.get("repeat").filter(|_| policy.repeat > 0) {
            out.warn(&repeat.spot(), format!("`repeat` is never reached: `{to}` has its own"), None);
        }
    }
}

/// Whether another policy takes over for good, so that its own last resort is never asked.
fn hands_over(policy: &Policy) -> bool {
    policy.steps.iter().any(|step| step.leads_to().is_some() && step.when.is_empty())
}

fn written<'i, 'd, 'p>(
    items: &'i [Item<'d>],
    policies: &'p BTreeMap<PolicyId, Policy>,
) -> impl Iterator<Item = (&'i Item<'d>, &'p Policy)> {
    items.iter().filter_map(|item| Some((item, policies.get(&PolicyId::from(item.node.get("id")?.text()?))?)))
}

fn steps_of(policy: &Node) -> Vec<&Node> {
    match policy.get("steps").map(|n| &n.value) {
        Some(Value::List(steps)) => steps.iter().collect(),
        Some(Value::Null | Value::Scalar(_) | Value::Map(_)) | None => Vec::new(),
    }
}

/// The step that begins a way back to the policy itself, and the way.
fn circle<'p>(policy: &'p Policy, policies: &'p BTreeMap<PolicyId, Policy>) -> Option<(usize, Vec<&'p PolicyId>)> {
    policy.steps.iter().enumerate().find_map(|(n, step)| {
        let mut seen = BTreeSet::new();
        let mut ways = vec![vec![&policy.id, step.leads_to()?]];
        while let Some(way) = ways.pop() {
            let last = *way.last()?;
            if *last == policy.id {
                return Some((n, way));
            }
            if !seen.insert(last) {
                continue;
            }
            let next = policies.get(last).map(|p| p.steps.as_slice()).unwrap_or_default();
            ways.extend(next.iter().filter_map(|s| s.leads_to()).map(|to| [way.as_slice(), &[to]].concat()));
        }
        None
    })
}

/// Who can be paged by whom, for how long.
pub(crate) struct Crew<'a> {
    pub(crate) reach: Reach<'a>,
    pub(crate) policies: &'a BTreeMap<PolicyId, Policy>,
    pub(crate) channels: BTreeMap<&'a ChannelId, &'a Channel>,
}

/// Where a person is paged, and when that ends.
struct Turn {
    place: String,
    lasts: Millis,
}

/// Worth a warning, each: nobody to wake, an entry that never begins, a policy of one person.
pub(crate) fn advise(crew: &Crew<'_>, policies: &[Item<'_>], people: &[Item<'_>], out: &mut Mistakes) {
    let turns = turns(crew);
    let node = |id: &PersonId| people.iter().find(|item| item.node.get("id").and_then(Node::text) == Some(id.as_str()));
    let asked = turns.keys().filter_map(|id| crew.reach.people.get(id)).filter(|p| !p.room && !p.disabled);
    let quiet: Vec<&Person> = asked.filter(|p| !wakes(p, crew)).collect();
    if let Some(item) = quiet.first().and_then(|p| node(&p.id)) {
        let names: Vec<_> = quiet.iter().map(|p| format!("`{}`", p.id)).collect();
        let (who, has) = (names.join(", "), if quiet.len() == 1 { "has" } else { "have" });
        let hint = Some("give them a channel that is loud: a call, an SMS, or one with loud: true".into());
        out.warn(&item.node.spot(), format!("{who} {has} no loud channel, and cannot be woken"), hint);
    }
    for (id, turns) in &turns {
        let (Some(person), Some(item)) = (crew.reach.people.get(id), node(id)) else { continue };
        let at = item.node.get("page_by").unwrap_or(item.node);
        for message in never_begun(person, turns) {
            out.warn(&at.spot(), message, Some("page earlier, or give the step more time".into()));
        }
    }
    for (item, policy) in written(policies, crew.policies) {
        let mut all: BTreeSet<&PersonId> =
            policy.steps.iter().flat_map(|s| &s.page).flat_map(|t| crew.reach.people_of(t)).map(|p| &p.id).collect();
        all.insert(&policy.catch_all.person);
        let leads_on = policy.steps.iter().any(|s| s.leads_to().is_some());
        if let (1, false, Some(only)) = (all.len(), leads_on, all.first()) {
            let message = format!("only `{only}` is ever paged: if they do not answer, nobody does");
            out.warn(&item.node.spot(), message, Some("name somebody else in a later step or as catch_all".into()));
        }
    }
}

fn wakes(person: &Person, crew: &Crew<'_>) -> bool {
    let mut via = person.page_by.urgent.iter().flat_map(|entry| &entry.via);
    via.any(|id| crew.channels.get(id).is_some_and(|channel| channel.loud))
}

fn turns(crew: &Crew<'_>) -> BTreeMap<PersonId, Vec<Turn>> {
    let mut turns: BTreeMap<PersonId, Vec<Turn>> = BTreeMap::new();
    for policy in crew.policies.values() {
        for (n, step) in policy.steps.iter().enumerate() {
            for person in step.page.iter().flat_map(|target| crew.reach.people_of(target)) {
                let place = format!("step {} of `{}`", n + 1, policy.id);
                turns.entry(person.id.clone()).or_default().push(Turn { place, lasts: step.ack_within });
            }
        }
    }
    for policy in crew.policies.values().filter(|policy| !hands_over(policy)) {
        let turn = Turn { place: format!("the catch-all's round of `{}`", policy.id), lasts: policy.catch_all.every };
        turns.entry(policy.catch_all.person.clone()).or_default().push(turn);
    }
    turns
}

/// Entries that begin after every step that pages the person has ended.
fn never_begun(person: &Person, turns: &[Turn]) -> BTreeSet<String> {
    let Some(longest) = turns.iter().max_by_key(|turn| turn.lasts) else { return BTreeSet::new() };
    let late = |entry: &&LadderEntry| entry.after >= longest.lasts;
    let say = |entry: &LadderEntry| {
        let via: Vec<_> = entry.via.iter().map(ChannelId::as_str).collect();
        let (via, after, lasts) = (via.join(", "), seconds(entry.after), seconds(longest.lasts));
        format!("`{}`: {via} at {after} is never reached, {} ends at {lasts}", person.id, longest.place)
    };
    person.page_by.urgent.iter().chain(&person.page_by.normal).filter(late).map(say).collect()
}

fn seconds(length: Millis) -> String {
    format!("{} s", length.as_secs_f64())
}
