//! Reading the fields of an event, leniently: senders write numbers for texts and times as they please.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A text; other plain values count as what is written, and a blank one as none.
pub(super) fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    let text = match object.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A text that must be there.
pub(super) fn required(payload: &Map<String, Value>, name: &str, errors: &mut Vec<String>) -> Option<String> {
    let found = text(payload, name);
    if found.is_none() {
        errors.push(format!("'payload.{name}' is missing or blank"));
    }
    found
}

/// An instant: RFC 3339, an offset without a colon, or two offsets in a row, of which the first counts. What
/// cannot be read is no mistake: the event happened when it arrived.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let doubled = || text.strip_suffix(['Z', 'z'])?.parse().ok();
    let colon = || {
        let at = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at))?;
        format!("{}:{}", &text[..at], &text[at..]).parse().ok()
    };
    text.parse().ok().or_else(doubled).or_else(colon)
}

/// The address of the first link that can be opened.
pub(super) fn link(object: &Map<String, Value>) -> Option<String> {
    let links = object.get("links").and_then(Value::as_array);
    let hrefs = links.into_iter().flatten().filter_map(|link| link.get("href")?.as_str()).map(str::to_owned);
    hrefs.chain(text(object, "client_url")).find(|link| crate::intake::mapping::is_web(link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_come() {
        for text in [
            "2026-11-22T03:12:04Z",
            "2026-11-22T03:12:04.000+0000",
            "2026-11-22T03:12:04+00:00Z",
            "2026-11-22T11:12:04+08:00",
            "2026-11-22T11:12:04.000+0800",
        ] {
            assert_eq!(instant(text).map(Timestamp::as_second), Some(1_795_317_124), "{text}");
        }
        for text in ["", "yesterday", "12345", "时间", "\u{fffd}"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
