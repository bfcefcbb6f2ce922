//! Reading maps, lists and single values from the tree: every helper records what is wrong and goes on.
//!
//! Owns: shapes (map, list, value), known keys, nearest names. Never: what an item means.

use crate::mistake::{Mistakes, Spot};
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};

/// Keys that later versions read. Naming them beats calling them unknown.
pub(crate) fn not_available(out: &mut Mistakes, at: &Spot, what: &str, instead: Option<&str>) {
    out.error(at, format!("{what} is not available in this version"), instead.map(String::from));
}

impl Mistakes {
    /// A map with these keys. Unknown ones are recorded, each with the nearest known one.
    pub(crate) fn map<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<&'n Node> {
        let Value::Map(entries) = &node.value else {
            if node.is_broken() {
                return None;
            }
            let hint = format!("{what} is a map with the keys {}", usual(known));
            self.error(&node.spot(), format!("expected {what}, found {}", found(node)), Some(hint));
            return None;
        };
        for (key, value) in entries {
            if !known.contains(&key.text.as_str()) {
                let spot = key.spot(value);
                let near = scalar::did_you_mean(&key.text, known.iter().copied());
                let hint = near.unwrap_or_else(|| format!("{what} has the keys {}", usual(known)));
                self.error(&spot, format!("unknown key `{}` in {what}", key.text), Some(hint));
            }
        }
        Some(node)
    }

    /// The value under a key that must be there.
    pub(crate) fn required<'n>(&mut self, map: &'n Node, key: &str, example: &str) -> Option<&'n Node> {
        let value = map.get(key);
        if value.is_none() {
            self.error(&map.spot(), format!("`{key}` is missing"), Some(format!("write `{key}: {example}`")));
        }
        value
    }

    /// The items of a list.
    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Scalar(_) if node.is_broken() => &[],
            Value::Null | Value::Scalar(_) | Value::Map(_) => {
                let hint = "write `[ … ]` or lines that begin with `- `".to_owned();
                self.error(&node.spot(), format!("expected {what}, found {}", found(node)), Some(hint));
                &[]
            }
        }
    }

    /// A single value, read by `read`.
    pub(crate) fn value<T>(
        &mut self,
        node: &Node,
        what: &str,
        read: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        let text = self.text(node, what)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(node, problem, text);
                None
            }
        }
    }

    /// Records what is wrong with a value, without the contents of variables.
    fn problem(&mut self, node: &Node, problem: Problem, text: &str) {
        let spot = problem.within.map_or_else(|| node.spot(), |(from, width)| node.spot_within(from, width));
        let message = problem.message.replace(&format!("`{text}`"), &format!("`{}`", node.written()));
        let changed = node.written() != text;
        // Other quotations would show what a variable holds.
        let message = if changed && message.contains(text) {
            "this is not valid once its variables are filled in".into()
        } else {
            message
        };
        self.error(&spot, message, problem.hint);
    }

    /// A text; numbers and the like count as what is written.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar(scalar) if scalar.broken => None,
            Value::Scalar(scalar) if scalar.text.is_empty() => {
                self.error(&node.spot(), format!("expected {what}, found an empty text"), None);
                None
            }
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.error(&node.spot(), format!("expected {what}, found {}", found(node)), None);
                None
            }
        }
    }

    /// The value under an optional key, read by `read`; `None` also where it is wrong.
    pub(crate) fn optional<T>(
        &mut self,
        map: &Node,
        key: &str,
        what: &str,
        read: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        map.get(key).and_then(|node| self.value(node, what, read))
    }

    /// Exactly one of some keys; says which there are.
    pub(crate) fn exactly_one<'n>(&mut self, map: &'n Node, what: &str, keys: &[&str]) -> Option<(String, &'n Node)> {
        let present: Vec<_> = map.entries().iter().filter(|(k, _)| keys.contains(&k.text.as_str())).collect();
        match present.as_slice() {
            [(key, value)] => Some((key.text.clone(), value)),
            [] => {
                self.error(&map.spot(), format!("{what} needs one of {}", keys.join(", ")), None);
                None
            }
            [_, (second, value), ..] => {
                let spot = second.spot(value);
                let names: Vec<_> = present.iter().map(|(k, _)| format!("`{}`", k.text)).collect();
                self.error(&spot, format!("{what} has {}; exactly one is allowed", names.join(" and ")), None);
                None
            }
        }
    }
}

/// Most keys that a hint lists. Where there are more, the first ones are those that are used.
const LISTED: usize = 20;

fn usual(known: &[&str]) -> String {
    known.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ")
}

/// What is there, in words; never a value, which may be secret.
fn found(node: &Node) -> &'static str {
    node.what()
}
