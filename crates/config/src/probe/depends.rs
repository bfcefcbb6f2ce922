//! `depends_on`: what a probe cannot be up without.

use std::collections::BTreeMap;

use watchbell_engine::ids::ProbeId;

use super::Read;
use crate::context::Names;
use crate::mistake::Mistakes;
use crate::scalar;
use crate::tree::{Node, Value};

/// A list of probes, or one.
pub(crate) fn read(node: &Node, out: &mut Mistakes) -> Vec<ProbeId> {
    let items = match node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        Value::Null | Value::List(_) | Value::Map(_) => out.list(node, "a list of probes"),
    };
    let mut ids: Vec<ProbeId> = Vec::new();
    for item in items {
        let Some(id) = out.value(item, "the id of a probe", scalar::id).map(ProbeId::from) else { continue };
        if ids.contains(&id) {
            out.warn(&item.spot(), format!("`{id}` is named twice"), None);
        } else {
            ids.push(id);
        }
    }
    ids
}

/// Records probes that depend on what is not there, or in the end on themselves.
pub(crate) fn check(probes: &[Read<'_>], names: &Names, out: &mut Mistakes) {
    let by_id: BTreeMap<&ProbeId, &Read<'_>> = probes.iter().map(|read| (&read.info.id, read)).collect();
    for read in probes {
        let Some(node) = read.node.get("depends_on") else { continue };
        for id in &read.info.depends_on {
            if !names.probes.contains_key(id.as_str()) {
                let (spot, message) = (node.spot(), format!("there is no probe `{id}`"));
                names.unknown(out, &spot, message, id.as_str(), names.probes.keys());
            }
        }
        if let Some(way) = way_back(read, &by_id) {
            let way: Vec<String> = way.iter().map(ToString::to_string).collect();
            let message = format!("`{}` would depend on itself: {}", read.info.id, way.join(" → "));
            out.error(&node.spot(), message, Some("a probe depends on what it needs, never the other way too".into()));
        }
    }
}

/// The way from a probe over what it depends on back to itself; told at the first id of each cycle alone.
fn way_back<'p>(from: &'p Read<'_>, by_id: &BTreeMap<&'p ProbeId, &'p Read<'_>>) -> Option<Vec<&'p ProbeId>> {
    let start = &from.info.id;
    let mut seen = vec![start];
    let mut ways: Vec<Vec<&ProbeId>> = vec![vec![start]];
    while let Some(way) = ways.pop() {
        let last = by_id.get(way[way.len() - 1])?;
        for next in &last.info.depends_on {
            let mut on: Vec<&ProbeId> = way.clone();
            on.push(next);
            if next == start {
                return way.iter().all(|id| *id >= start).then_some(on);
            }
            if by_id.contains_key(next) && !seen.contains(&next) {
                seen.push(next);
                ways.push(on);
            }
        }
    }
    None
}
