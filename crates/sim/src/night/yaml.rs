//! Writing YAML as a person would: one line for each thing in a list, no quotes where none are needed.

use std::fmt::Write as _;

use serde_json::Value;

use super::Written;

/// A night in the format of `tests/nights`.
pub fn night(night: &Written) -> Result<String, serde_json::Error> {
    let mut bare = night.clone();
    let config = bare.config.config.take();
    let Value::Object(mut fields) = serde_json::to_value(&bare)? else { return Ok(String::new()) };
    let mut out = String::new();
    for key in ["about", "config_from", "replace"] {
        if let Some(value) = fields.remove(key) {
            let _ = writeln!(out, "{key}: {}", flow(&value)); // a String takes everything
        }
    }
    if let Some(text) = config {
        out.push_str("config: |\n");
        text.lines().for_each(|line| {
            let _ = writeln!(out, "  {line}");
        });
    }
    for key in ["start", "seed", "faults", "events", "until", "expect"] {
        if let Some(value) = fields.remove(key) {
            out.push_str(&field(key, &value));
        }
    }
    Ok(out)
}

/// A map with one line for each entry, lists with one line for each item.
pub fn block(value: &Value) -> String {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| field(key, value)).collect(),
        other => flow(other),
    }
}

fn field(key: &str, value: &Value) -> String {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let lines: String = items.iter().map(|item| format!("  - {}\n", flow(item))).collect();
            format!("{key}:\n{lines}")
        }
        other => format!("{key}: {}\n", flow(other)),
    }
}

/// On one line; what is null is left out.
pub fn flow(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".into(),
        Value::Object(fields) => {
            let one = |(key, value): (&String, &Value)| format!("{}: {}", scalar(key), flow(value));
            format!("{{ {} }}", fields.iter().filter(|(_, v)| !v.is_null()).map(one).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Quoted, unless it can be taken for nothing but text.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    let word = matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    let begins = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    let length = !text.is_empty() && super::Span::parse(text).is_ok() && text.chars().all(plain);
    if (begins && text.chars().all(plain) && !word) || length {
        return text.to_owned();
    }
    Value::from(text).to_string()
}
