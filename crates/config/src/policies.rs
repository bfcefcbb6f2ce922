//! `policies`, `catch_all`, `self`: whom a ticket pages, in which order, for how long.

use std::collections::BTreeMap;

use watchbell_engine::catalog::{CatchAll, Person, Policy, Require, Rotation, Step, Target};
use watchbell_engine::condition::Condition;
use watchbell_engine::ids::{PersonId, PolicyId, RotationId};
use watchbell_engine::time::Millis;

use crate::conditions::{self, Around};
use crate::context::Context;
use crate::gather::{self, Item};
use crate::mistake::Mistakes;
use crate::scalar;
use crate::tree::{Node, Value};

/// How long people have where a step does not say.
pub(crate) const ACK_WITHIN: Millis = Millis::mins(5);
/// How often the catch-all is paged where nothing says so.
pub(crate) const CATCH_ALL_EVERY: Millis = Millis::mins(5);
/// Most further passes of a policy.
const MAX_REPEAT: u64 = 1_000;

/// Who can be paged: what steps are checked against.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    pub(crate) people: &'a BTreeMap<PersonId, Person>,
    pub(crate) rotations: &'a BTreeMap<RotationId, Rotation>,
}

impl Reach<'_> {
    /// Everybody whom a target can page, on duty or not.
    pub(crate) fn people_of(&self, target: &Target) -> Vec<&Person> {
        match target {
            Target::Person(id) => self.people.get(id).into_iter().collect(),
            Target::Policy(_) => Vec::new(),
            Target::Rotation(id) | Target::WholeRotation(id) => {
                let rotation = self.rotations.get(id);
                let layers = rotation.into_iter().flat_map(|r| r.layers.iter().flat_map(|layer| layer.people.iter()));
                layers.filter_map(|id| self.people.get(id)).collect()
            }
        }
    }

    /// Whether everything behind a target could be read; otherwise nothing can be said about it.
    fn is_known(&self, target: &Target) -> bool {
        match target {
            Target::Person(id) => self.people.contains_key(id),
            Target::Policy(_) => false,
            Target::Rotation(id) | Target::WholeRotation(id) => self.rotations.get(id).is_some_and(|rotation| {
                rotation.layers.iter().flat_map(|l| l.people.iter()).all(|id| self.people.contains_key(id))
            }),
        }
    }
}

/// Whether a page to this person can go anywhere.
pub(crate) fn is_reachable(person: &Person) -> bool {
    !person.disabled && !person.channels.is_empty()
}

/// One policy; `catch_all` where it names nobody of its own.
pub(crate) fn policy(
    item: Item<'_>,
    catch_all: Option<&CatchAll>,
    reach: &Reach<'_>,
    around: Around<'_>,
    out: &mut Mistakes,
) -> Option<Policy> {
    let context = around.context;
    let map = out.map(item.node, "a policy", &["id", "steps", "repeat", "catch_all", "ack_timeout", "hold"])?;
    let id = gather::id_of(map, "expense-critical", out);
    let repeat = map.get("repeat").map_or(Some(0), |n| out.value(n, "a number", |t| scalar::whole(t, 0, MAX_REPEAT)));
    let own = map.get("catch_all");
    let catch_all = match own {
        Some(node) => self::catch_all(node, reach, context, out),
        None => catch_all.cloned(),
    };
    let ack_timeout = out.optional(map, "ack_timeout", "a length of time", crate::probe::positive);
    if map.get("ack_timeout").is_none() {
        let hint = Some("write ack_timeout: 1h, and whoever has it is paged again, then step 1".into());
        let message = "nobody is paged again for a ticket that was acknowledged and stays open";
        out.warn(&map.get("id").unwrap_or(map).spot(), message, hint);
    }
    let hold = match map.get("hold") {
        Some(node) => conditions::hold(node, around, out),
        None => None,
    };
    let list = out.required(map, "steps", "[ { page: … } ]")?;
    let items = out.list(list, "a list of steps");
    if items.is_empty() && matches!(list.value, Value::List(_)) {
        out.error(&list.spot(), "a policy without steps pages nobody but the catch-all", None);
    }
    let steps: Vec<Step> = items.iter().filter_map(|item| step(item, reach, around, out)).collect();
    (steps.len() == items.len() && !steps.is_empty()).then_some(())?;
    (hold.is_some() == map.get("hold").is_some()).then_some(())?;
    Some(Policy {
        id: PolicyId::from(id?),
        steps,
        repeat: u32::try_from(repeat?).ok()?,
        catch_all: catch_all?,
        ack_timeout,
        hold,
    })
}

fn step(node: &Node, reach: &Reach<'_>, around: Around<'_>, out: &mut Mistakes) -> Option<Step> {
    let context = around.context;
    let map = out.map(node, "a step", &["page", "ack_within", "require", "when", "else"])?;
    let when = match map.get("when") {
        Some(node) => conditions::when(node, around, out),
        None => Some(Condition::default()),
    };
    let otherwise = conditions::otherwise(map, when.as_ref().unwrap_or(&Condition::default()), out);
    let require = match map.get("require") {
        Some(node) => out.value(node, "one or all", |text| match text {
            "one" => Ok(Require::One),
            "all" => Ok(Require::All),
            other => Err(scalar::Problem::new(format!("`{other}` is not one of one, all"))),
        }),
        None => Some(Require::One),
    };
    let ack_within = match map.get("ack_within") {
        Some(node) => out.value(node, "a length of time", crate::probe::positive),
        None => Some(ACK_WITHIN),
    };
    let page_node = out.required(map, "page", "expense-primary")?;
    let nodes = match &page_node.value {
        Value::List(items) => items.as_slice(),
        Value::Null | Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(page_node),
    };
    if nodes.is_empty() {
        out.error(&page_node.spot(), "this step pages nobody", None);
        return None;
    }
    let mut page: Vec<Target> = Vec::new();
    let mut complete = true;
    for node in nodes {
        match target(node, context, out) {
            // A person named twice in a step has one page.
            Some(target) if page.contains(&target) => (),
            Some(target) => page.push(target),
            None => complete = false,
        }
    }
    let silent = mute(&page, reach);
    if !silent.is_empty() {
        let message = format!("{} paged here and has no contact", silent.join(" and "));
        let hint = Some("write contacts: { mail: me@example.com }".into());
        out.error(&page_node.spot(), message, hint);
    } else if complete
        && page.iter().all(|target| reach.is_known(target))
        && !page.iter().any(|target| reach.people_of(target).into_iter().any(is_reachable))
    {
        let hint = Some("name somebody who is not disabled".into());
        out.error(&page_node.spot(), "nobody in this step can be reached", hint);
    }
    leads_alone(map, &page, page_node, out);
    (complete && !page.is_empty()).then_some(())?;
    Some(Step { page, ack_within: ack_within?, require: require?, when: when?, otherwise: otherwise? })
}

/// A step that names a policy names nothing else: the policy has its own people, times and passes.
fn leads_alone(map: &Node, page: &[Target], page_node: &Node, out: &mut Mistakes) {
    if !page.iter().any(|target| matches!(target, Target::Policy(_))) {
        return;
    }
    if page.len() > 1 {
        let hint = Some("give the policy a step of its own".into());
        out.error(&page_node.spot(), "a policy stands alone in its step", hint);
    }
    for key in ["ack_within", "require"] {
        if let Some(node) = map.get(key) {
            out.error(&node.spot(), format!("`{key}` belongs to the steps of the policy that takes over"), None);
        }
    }
}

/// Who would be paged and has no address at all, each with `is` behind it.
fn mute(page: &[Target], reach: &Reach<'_>) -> Vec<String> {
    let people = page.iter().flat_map(|target| reach.people_of(target));
    let mute: std::collections::BTreeSet<_> =
        people.filter(|person| person.channels.is_empty() && !person.disabled).map(|person| &person.id).collect();
    mute.into_iter().map(|id| format!("`{id}` is")).collect()
}

/// `expense-primary`, `li.na`, `{ rotation: …, who: all }`, `{ person: … }` or `{ policy: … }`.
fn target(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<Target> {
    let names = &context.names;
    if !matches!(node.value, Value::Map(_)) {
        let id = out.text(node, "a person or a rotation")?;
        if names.rotations.contains_key(id) {
            return Some(Target::Rotation(RotationId::from(id)));
        }
        if names.people.contains_key(id) {
            return Some(Target::Person(PersonId::from(id)));
        }
        let known = names.rotations.keys().chain(names.people.keys());
        names.unknown(out, &node.spot(), format!("there is no person or rotation `{}`", node.written()), id, known);
        return None;
    }
    let map = out.map(node, "whom a step pages", &["person", "rotation", "who", "policy"])?;
    let (key, named) = out.exactly_one(map, "whom a step pages", &["person", "rotation", "policy"])?;
    if key == "policy" {
        return names.policy(named, out).map(|id| Target::Policy(PolicyId::from(id)));
    }
    if key == "person" {
        if let Some(who) = map.get("who") {
            out.error(&who.spot(), "`who` is for rotations", None);
        }
        return names.person(named, out).map(|id| Target::Person(PersonId::from(id)));
    }
    let whole = match map.get("who") {
        None => Some(false),
        Some(node) => out.value(node, "who", |text| match text {
            "all" => Ok(true),
            "on_duty" => Ok(false),
            other => Err(scalar::Problem::new(format!("`{other}` is not one of on_duty, all"))),
        }),
    };
    let id = out.text(named, "the id of a rotation")?;
    if !names.rotations.contains_key(id) {
        names.unknown(
            out,
            &named.spot(),
            format!("there is no rotation `{}`", named.written()),
            id,
            names.rotations.keys(),
        );
        return None;
    }
    let id = RotationId::from(id);
    Some(if whole? { Target::WholeRotation(id) } else { Target::Rotation(id) })
}

/// `{ person, every }`.
pub(crate) fn catch_all(node: &Node, reach: &Reach<'_>, context: &Context<'_>, out: &mut Mistakes) -> Option<CatchAll> {
    let map = out.map(node, "`catch_all`", &["person", "every"])?;
    let every = match map.get("every") {
        Some(node) => out.value(node, "a length of time", crate::probe::positive),
        None => Some(CATCH_ALL_EVERY),
    };
    let person = out.required(map, "person", "duty.manager")?;
    let id = PersonId::from(context.names.person(person, out)?);
    if reach.people.get(&id).is_some_and(|found| !is_reachable(found)) {
        let hint = Some("the person of last resort needs a contact and must not be disabled".into());
        out.error(&person.spot(), format!("`{id}` cannot be reached"), hint);
    }
    Some(CatchAll { person: id, every: every? })
}

/// `self: { policy }`.
pub(crate) fn self_policy(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<PolicyId> {
    let map = out.map(node, "`self`", &["policy"])?;
    let policy = out.required(map, "policy", "platform")?;
    context.names.policy(policy, out).map(PolicyId::from)
}
