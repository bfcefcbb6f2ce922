//! `vars:` and `{{vars.name}}`.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::mistake::{Mistake, Mistakes};
use crate::scalar;
use crate::tree::{Node, Value};

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// The variables: those of the files, overridden by those of the command line.
pub(crate) fn read(
    sections: &[&Node],
    overrides: &BTreeMap<String, String>,
    context: &Context<'_>,
    out: &mut Mistakes,
) -> BTreeMap<String, String> {
    let mut vars = BTreeMap::new();
    let mut declared = BTreeMap::new();
    for section in sections {
        if !matches!(section.value, Value::Map(_) | Value::Null) {
            out.error(&section.spot(), format!("expected a map of variables, found {}", section.what()), None);
        }
        for (key, node) in section.entries() {
            if let Some(first) = declared.insert(key.text.clone(), &key.place) {
                let message = format!("the variable `{}` is written twice; the first is at {first}", key.text);
                out.error(&node.spot(), message, None);
                continue;
            }
            if overrides.contains_key(&key.text) {
                continue;
            }
            vars.insert(key.text.clone(), value(node, context, out).unwrap_or_default());
        }
    }
    for (name, value) in overrides {
        if !declared.contains_key(name) && !context.names.incomplete {
            let near = scalar::did_you_mean(name, declared.keys().map(String::as_str));
            let message = format!("there is no variable `{name}` to override");
            out.push(Mistake::outside(format!("--var {name}"), &format!("vars.{name}"), message, near));
        }
        vars.insert(name.clone(), value.clone());
    }
    vars
}

/// A variable's value; an unset environment variable is treated as a secret is.
fn value(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<String> {
    match &node.value {
        Value::Map(_) => {
            out.map(node, "a variable", &["env"])?;
            let name = out.required(node, "env", "NAME")?;
            Some(context.in_env(name, out)?.secret().reveal().to_owned())
        }
        Value::Scalar(scalar) if scalar.text.contains(OPEN) => {
            out.error(&node.spot(), "a variable cannot be made of other variables", None);
            None
        }
        Value::Scalar(scalar) => Some(scalar.text.clone()),
        Value::Null | Value::List(_) => {
            out.error(&node.spot(), format!("expected a text or {{ env: NAME }}, found {}", node.what()), None);
            None
        }
    }
}

/// Fills variables into every value below `node`.
pub(crate) fn fill_in(node: &mut Node, vars: &BTreeMap<String, String>, incomplete: bool, out: &mut Mistakes) {
    let filled = match &mut node.value {
        Value::Null => return,
        Value::List(items) => {
            items.iter_mut().for_each(|item| fill_in(item, vars, incomplete, out));
            return;
        }
        Value::Map(entries) => {
            entries.iter_mut().for_each(|(_, value)| fill_in(value, vars, incomplete, out));
            return;
        }
        Value::Scalar(scalar) if scalar.text.contains(OPEN) => replaced(&scalar.text, vars),
        Value::Scalar(_) => return,
    };
    for (at, name) in filled.unknown.iter().filter(|_| !incomplete) {
        let hint = scalar::did_you_mean(name, vars.keys().map(String::as_str));
        out.error(&node.spot_within(*at, name.len() + 9), format!("there is no variable `{name}`"), hint);
    }
    if let Value::Scalar(scalar) = &mut node.value
        && filled.text != scalar.text
    {
        let written = std::mem::replace(&mut scalar.text, filled.text);
        scalar.written = Some(written);
        scalar.begins = None;
        scalar.broken = !filled.unknown.is_empty();
    }
}

struct Filled {
    text: String,
    /// Where in the text, in characters, and which name.
    unknown: Vec<(usize, String)>,
}

fn replaced(text: &str, vars: &BTreeMap<String, String>) -> Filled {
    let mut filled = Filled { text: String::new(), unknown: Vec::new() };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        filled.text.push_str(before);
        let name = after.split_once(CLOSE).and_then(|(inner, tail)| Some((inner.trim().strip_prefix("vars.")?, tail)));
        let Some((name, tail)) = name else {
            // Braces that are not ours stay as they are: bodies may hold templates of their own.
            filled.text.push_str(OPEN);
            rest = after;
            continue;
        };
        match vars.get(name) {
            Some(value) => filled.text.push_str(value),
            None => {
                let at = text.len() - rest.len() + before.len();
                filled.unknown.push((text[..at].chars().count(), name.to_owned()));
                filled.text.push_str(&after[..after.len() - tail.len()]);
            }
        }
        rest = tail;
    }
    filled.text.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_other_braces_stay() {
        let vars = BTreeMap::from([("api".to_owned(), "http://x".to_owned())]);
        assert_eq!(replaced("{{vars.api}}/a/{{ vars.api }}", &vars).text, "http://x/a/http://x");
        assert_eq!(replaced("a {{name}} {{", &vars).text, "a {{name}} {{");
        let unknown = replaced("发票{{vars.apo}}", &vars);
        assert_eq!(unknown.unknown, [(2, "apo".to_owned())]);
    }
}
