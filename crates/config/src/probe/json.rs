//! JSON written as YAML: a request's body, an expected value.
//!
//! Owns: that numbers keep their digits (`1.10` is sent as `1.10`) and that nothing is guessed about
//! words like `no`.

use serde_json::Value as Json;

use crate::context::Context;
use crate::mistake::Mistakes;
use crate::tree::{Node, Scalar, Value};

/// The JSON text of a value, with `{env: NAME}` and `{file: PATH}` filled in as texts.
pub(crate) fn text(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<String> {
    let mut json = String::new();
    write(node, Some(context), &mut json, out).then_some(json)
}

/// The value itself; no secrets, since it is compared with and shown.
pub(crate) fn value(node: &Node, out: &mut Mistakes) -> Option<Json> {
    let mut json = String::new();
    write(node, None, &mut json, out).then_some(())?;
    serde_json::from_str(&json).ok().or_else(|| {
        out.error(&node.spot(), "this number is out of range", Some("put it in quotes and use is_decimal".into()));
        None
    })
}

fn write(node: &Node, context: Option<&Context<'_>>, json: &mut String, out: &mut Mistakes) -> bool {
    match &node.value {
        Value::Null => json.push_str("null"),
        Value::Scalar(scalar) if scalar.broken => return false,
        Value::Scalar(scalar) => return write_scalar(node, scalar, json, out),
        Value::List(items) => {
            json.push('[');
            let mut good = true;
            for (i, item) in items.iter().enumerate() {
                json.push_str(if i == 0 { "" } else { "," });
                good &= write(item, context, json, out);
            }
            json.push(']');
            return good;
        }
        Value::Map(entries) => {
            if let (Some(context), [(key, _)]) = (context, entries.as_slice())
                && matches!(key.text.as_str(), "env" | "file")
            {
                let given = context.private(node, "a secret", out);
                return given.map(|given| quote(given.secret().reveal(), json)).is_some();
            }
            json.push('{');
            let mut good = true;
            for (i, (key, item)) in entries.iter().enumerate() {
                json.push_str(if i == 0 { "" } else { "," });
                quote(&key.text, json);
                json.push(':');
                good &= write(item, context, json, out);
            }
            json.push('}');
            return good;
        }
    }
    true
}

fn quote(text: &str, json: &mut String) {
    json.push_str(&Json::from(text).to_string());
}

fn write_scalar(node: &Node, scalar: &Scalar, json: &mut String, out: &mut Mistakes) -> bool {
    let text = scalar.text.as_str();
    if scalar.quoted {
        quote(text, json);
        return true;
    }
    match text {
        "true" | "false" => json.push_str(text),
        "True" | "TRUE" | "False" | "FALSE" => json.push_str(&text.to_lowercase()),
        number if is_json_number(number) => json.push_str(number),
        other if is_ambiguous(other) => {
            let message = format!("`{}` can be read as a text, a truth value or a number", node.written());
            let hint = format!("put it in quotes (\"{}\"), or write it as JSON does", node.written());
            out.error(&node.spot(), message, Some(hint));
            return false;
        }
        other => quote(other, json),
    }
    true
}

/// The grammar of RFC 8259.
fn is_json_number(text: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

/// What other readers of YAML take for something else: `no`, `010`, `0x1F`, `1_000`, `.5`.
fn is_ambiguous(text: &str) -> bool {
    let word = matches!(text.to_lowercase().as_str(), "yes" | "no" | "on" | "off" | "y" | "n");
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, 'x' | 'o' | '_' | '.'))
        && (unsigned.starts_with('0') || unsigned.contains('_') || unsigned.ends_with('.'));
    let bare_fraction = unsigned.strip_prefix('.').is_some_and(|t| t.starts_with(|c: char| c.is_ascii_digit()));
    let special = matches!(unsigned.to_lowercase().as_str(), ".nan" | ".inf");
    word || number
        || bare_fraction
        || special
        || (unsigned != text && is_json_number(unsigned) && text.starts_with('+'))
}

/// A decimal such as `118.00`: digits, with a sign and a point.
pub(crate) fn decimal(text: &str) -> Result<String, crate::scalar::Problem> {
    if is_json_number(text) && !text.contains(['e', 'E']) {
        return Ok(text.into());
    }
    Err(crate::scalar::Problem::new(format!("`{text}` is not a decimal number")).hint("write it as \"118.00\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_grammar() {
        for good in ["0", "-1", "1.10", "1e3", "-0.5E-7", "118.00"] {
            assert!(is_json_number(good), "{good}");
        }
        for bad in ["", "-", "01", "1.", ".5", "1_0", "0x1", "1e", "+1", "1.2.3"] {
            assert!(!is_json_number(bad), "{bad}");
        }
    }

    #[test]
    fn words_that_have_two_meanings_are_not_guessed() {
        for text in ["no", "On", "010", "0x1F", "1_000", ".5", "+5", "1.", ".nan"] {
            assert!(is_ambiguous(text), "{text}");
        }
        for text in ["none", "SYN-0001", "2026-01-05", "22:00", "发票", "a.b", "0 apples"] {
            assert!(!is_ambiguous(text), "{text}");
        }
    }
}
