//! The files as one configuration: which sections there are, the defaults of each file, every id.
//!
//! Owns: top-level keys, what may stand in one file only, ids that must differ.

use std::collections::BTreeMap;

use crate::channels;
use crate::context::{Defaults, Names};
use crate::fields::not_available;
use crate::files::ROOT_FILE;
use crate::mistake::Mistakes;
use crate::probe::alert::Alert;
use crate::scalar;
use crate::tree::{Node, Place, Value};

/// Every key that may stand at the root of a file.
const TOP: [&str; 24] = [
    "server",
    "store",
    "vars",
    "channels",
    "people",
    "rooms",
    "rotations",
    "calendars",
    "policies",
    "routes",
    "silences",
    "maintenance",
    "inhibit",
    "storm",
    "catch_all",
    "self",
    "watchdog",
    "integrations",
    "canary",
    "probes",
    "service",
    "owner",
    "defaults",
    "synthetic_tenants",
];

/// One file: its tree and what it says for all its items.
pub(crate) struct Doc {
    pub(crate) root: Node,
    pub(crate) defaults: Defaults,
}

/// An item of a list, with the defaults of its file.
#[derive(Clone, Copy)]
pub(crate) struct Item<'d> {
    pub(crate) node: &'d Node,
    pub(crate) defaults: &'d Defaults,
}

/// Checks the top-level keys and reads the defaults of every file.
pub(crate) fn docs(roots: Vec<Node>, out: &mut Mistakes) -> Vec<Doc> {
    let mut docs: Vec<Doc> = Vec::new();
    for root in roots {
        if matches!(root.value, Value::Null) {
            continue; // an empty file says nothing
        }
        if out.map(&root, "a configuration file", &TOP).is_none() {
            continue;
        }
        if let Some((key, node)) = root.entry("synthetic_tenants") {
            let spot = key.spot(node);
            not_available(out, &spot, "`synthetic_tenants`", Some("it belongs to flows"));
        }
        let defaults = defaults(&root, out);
        docs.push(Doc { root, defaults });
    }
    let for_all = docs.iter().find(|doc| doc.root.place.file.name == ROOT_FILE).map(|doc| doc.defaults.clone());
    if let Some(all) = for_all {
        for doc in &mut docs {
            doc.defaults = std::mem::take(&mut doc.defaults).over(&all);
        }
    }
    docs
}

fn defaults(root: &Node, out: &mut Mistakes) -> Defaults {
    let mut defaults = Defaults {
        service: root.get("service").and_then(|n| out.text(n, "the name of a service")).map(String::from),
        owner: root.get("owner").and_then(|n| out.text(n, "the name of a team")).map(String::from),
        ..Defaults::default()
    };
    let known = ["time_zone", "locale", "severity", "every", "timeout", "alert", "detect_within"];
    let Some(map) = root.get("defaults").and_then(|n| out.map(n, "`defaults`", &known)) else { return defaults };
    defaults.zone = out.optional(map, "time_zone", "a time zone", scalar::zone);
    defaults.locale = out.optional(map, "locale", "a language", word);
    defaults.severity = out.optional(map, "severity", "a severity", word);
    defaults.every = out.optional(map, "every", "a length of time", crate::probe::every);
    defaults.timeout = out.optional(map, "timeout", "a length of time", crate::probe::positive);
    defaults.detect_within = out.optional(map, "detect_within", "a length of time", crate::probe::positive);
    defaults.alert = map.get("alert").map(|n| Alert::read(n, out)).unwrap_or_default();
    defaults
}

/// A word of one of the closed vocabularies.
pub(crate) fn word<T>(text: &str) -> Result<T, scalar::Problem>
where
    T: std::str::FromStr<Err = watchbell_engine::word::UnknownWord>,
{
    text.parse().map_err(|e: watchbell_engine::word::UnknownWord| {
        let near = scalar::did_you_mean(text, e.known.iter().copied());
        let hint = near.unwrap_or_else(|| format!("write one of {}", e.known.join(", ")));
        scalar::Problem::new(format!("`{text}` is not one of {}", e.known.join(", "))).hint(hint)
    })
}

/// The items of a list that may stand in every file.
pub(crate) fn items<'d>(docs: &'d [Doc], key: &str, out: &mut Mistakes) -> Vec<Item<'d>> {
    let mut items = Vec::new();
    for doc in docs {
        if let Some(list) = doc.root.get(key).filter(|n| !matches!(n.value, Value::Null)) {
            let found = out.list(list, &format!("a list of {key}"));
            items.extend(found.iter().map(|node| Item { node, defaults: &doc.defaults }));
        }
    }
    items
}

/// A section that may stand in one file only.
pub(crate) fn single<'d>(docs: &'d [Doc], key: &str, out: &mut Mistakes) -> Option<&'d Node> {
    let mut found = docs.iter().filter_map(|doc| doc.root.entry(key));
    let (first, node) = found.next()?;
    for (second, again) in found {
        let message = format!("`{key}` stands in two files; the first is at {}", first.place);
        out.error(&second.spot(again), message, None);
    }
    Some(node)
}

/// Every id that can be referred to; repeated and malformed ones are recorded.
pub(crate) fn names(docs: &[Doc], incomplete: bool, out: &mut Mistakes) -> Names {
    let mut names = Names { incomplete, ..Names::default() };
    // People, rotations and rooms share one id space: a step names any of them.
    let mut shared = BTreeMap::new();
    for key in ["people", "rooms"] {
        names.people.extend(ids(docs, key, &mut shared, out));
    }
    names.rotations = ids(docs, "rotations", &mut shared, out);
    names.policies = ids(docs, "policies", &mut BTreeMap::new(), out);
    names.calendars = ids(docs, "calendars", &mut BTreeMap::new(), out);
    names.probes = ids(docs, "probes", &mut BTreeMap::new(), out);
    for doc in docs {
        for (key, node) in doc.root.get("channels").map_or(&[][..], Node::entries) {
            let spot = key.spot(node);
            if key.text.contains('.') {
                out.error(
                    &spot,
                    format!("the channel id `{}` has a `.` in it", key.text),
                    Some("use `-` instead".into()),
                );
            } else if let Err(problem) = scalar::id(&key.text) {
                out.error(&spot, problem.message, problem.hint);
            }
            if let Some((first, _)) = names.channels.get(&key.text) {
                out.error(&spot, format!("the channel `{}` is written twice; the first is at {first}", key.text), None);
                continue;
            }
            names.channels.insert(key.text.clone(), (key.place.clone(), channels::kind(node)));
        }
    }
    names
}

fn ids(docs: &[Doc], key: &str, shared: &mut BTreeMap<String, Place>, out: &mut Mistakes) -> BTreeMap<String, Place> {
    let mut ids = BTreeMap::new();
    for doc in docs {
        let Some(Value::List(items)) = doc.root.get(key).map(|list| &list.value) else { continue };
        for node in items.iter().filter_map(|item| item.get("id")) {
            let Some(id) = out.value(node, "an id", scalar::id) else { continue };
            if let Some(first) = shared.get(&id) {
                out.error(&node.spot(), format!("the id `{id}` is used twice; the first is at {first}"), None);
                continue;
            }
            shared.insert(id.clone(), node.place.clone());
            ids.insert(id, node.place.clone());
        }
    }
    ids
}

/// The id of an item; whether it is well formed was recorded by [`names`].
pub(crate) fn id_of(item: &Node, what: &str, out: &mut Mistakes) -> Option<String> {
    let node = out.required(item, "id", what)?;
    scalar::id(node.text()?).ok()
}
