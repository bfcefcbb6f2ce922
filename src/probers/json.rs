//! Assertions on JSON: type before value, numbers as decimals, and a missing value is never 0.

use std::borrow::Cow;

use serde_json::Value;
use watchbell_config::{JsonRule, JsonTest};
use watchbell_engine::word::FailureKind;

use super::decimal::Decimal;

/// Marks a number that was kept as a text because a binary fraction would have changed it. No JSON
/// text begins with it by accident: a NUL can only be written as an escape.
const EXACT: &str = "\u{0}number:";

/// Decimal digits that every binary fraction of 64 bits keeps (`f64::DIGITS`).
const DIGITS_KEPT: usize = 15;

/// Reads JSON, keeping every number exact.
pub(super) fn read(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(&with_exact_numbers(text))
}

/// The text with long numbers turned into marked texts; borrowed in the usual case that there is none.
fn with_exact_numbers(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = after_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let is_part = |b: &u8| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let end = at + bytes[at..].iter().take_while(|b| is_part(b)).count();
                let number = &text[at..end];
                if number.bytes().filter(u8::is_ascii_digit).count() > DIGITS_KEPT && !is_exact(number) {
                    out.push_str(&text[copied..at]);
                    out.push_str(r#""\u0000number:"#);
                    out.push_str(number);
                    out.push('"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The place after a string that begins at `at`.
fn after_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Whether serde_json keeps the number as it is, or does not take it for one.
fn is_exact(number: &str) -> bool {
    match serde_json::from_str::<serde_json::Number>(number) {
        Ok(read) => Decimal::read(&read.to_string()) == Decimal::read(number),
        // Too large for a binary fraction is a number all the same; what is malformed stays so for the
        // parser to name.
        Err(e) => !e.to_string().starts_with("number out of range"),
    }
}

/// The number as written, where the value is one.
fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(n) => Decimal::read(&n.to_string()),
        Value::String(s) => Decimal::read(s.strip_prefix(EXACT)?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A plain text; a number in disguise is none.
fn plain_text(value: &Value) -> Option<&str> {
    value.as_str().filter(|s| !s.starts_with(EXACT))
}

/// What an assertion asks, as a person would write it.
pub(super) fn what(rule: &JsonRule) -> String {
    let at = &rule.at;
    match &rule.test {
        JsonTest::Is(value) => format!("{at} is {value}"),
        JsonTest::IsNot(value) => format!("{at} is not {value}"),
        JsonTest::IsDecimal(decimal) => format!("{at} is the decimal {decimal}"),
        JsonTest::Below(bound) => format!("{at} is below {bound}"),
        JsonTest::Above(bound) => format!("{at} is above {bound}"),
        JsonTest::Matches(regex) => format!("{at} matches {regex}"),
        JsonTest::OneOf(values) => {
            let values: Vec<_> = values.iter().map(Value::to_string).collect();
            format!("{at} is one of {}", values.join(", "))
        }
        JsonTest::Exists(true) => format!("{at} exists"),
        JsonTest::Exists(false) => format!("{at} does not exist"),
        JsonTest::Length(length) => format!("{at} has the length {length}"),
    }
}

/// Judges one assertion; `Err` has the kind and what was found instead.
pub(super) fn judge(rule: &JsonRule, body: &Value) -> Result<(), (FailureKind, String)> {
    let found = rule.path.query(body).all();
    match (&rule.test, found.first()) {
        (JsonTest::Exists(false), None) => return Ok(()),
        (JsonTest::Exists(false), Some(value)) => return Err((FailureKind::AssertionFailed, show(value))),
        (_, None) => return Err((FailureKind::AssertionMissing, "nothing there".into())),
        (JsonTest::Exists(true), Some(_)) => return Ok(()),
        (_, Some(_)) => (),
    }
    found.into_iter().try_for_each(|value| one(&rule.test, value).map_err(|kind| (kind, show(value))))
}

/// Judges one value that is there.
fn one(test: &JsonTest, value: &Value) -> Result<(), FailureKind> {
    let wants_null = match test {
        JsonTest::Is(wanted) => wanted.is_null(),
        JsonTest::OneOf(wanted) => wanted.iter().any(Value::is_null),
        JsonTest::IsNot(_) | JsonTest::IsDecimal(_) | JsonTest::Below(_) | JsonTest::Above(_) => false,
        JsonTest::Matches(_) | JsonTest::Exists(_) | JsonTest::Length(_) => false,
    };
    if value.is_null() && !wants_null {
        return Err(FailureKind::AssertionNull);
    }
    let holds = match test {
        JsonTest::Is(wanted) => of_same_type(value, wanted) && equal(value, wanted),
        JsonTest::IsNot(other) => !equal(value, other),
        JsonTest::OneOf(wanted) => wanted.iter().any(|w| equal(value, w)),
        JsonTest::IsDecimal(wanted) => {
            let text = plain_text(value).and_then(Decimal::read);
            let found = number(value).or(text).ok_or(FailureKind::AssertionType)?;
            Decimal::read(wanted) == Some(found)
        }
        JsonTest::Below(bound) => {
            let found = number(value).ok_or(FailureKind::AssertionType)?;
            Decimal::read(bound).is_some_and(|bound| found < bound)
        }
        JsonTest::Above(bound) => {
            let found = number(value).ok_or(FailureKind::AssertionType)?;
            Decimal::read(bound).is_some_and(|bound| found > bound)
        }
        JsonTest::Matches(regex) => regex.is_match(plain_text(value).ok_or(FailureKind::AssertionType)?),
        JsonTest::Exists(wanted) => *wanted,
        JsonTest::Length(wanted) => length(value).ok_or(FailureKind::AssertionType)? == *wanted,
    };
    let wrong_type = match test {
        JsonTest::Is(wanted) => !of_same_type(value, wanted),
        JsonTest::OneOf(wanted) => !wanted.iter().any(|w| of_same_type(value, w)),
        JsonTest::IsNot(_) | JsonTest::IsDecimal(_) | JsonTest::Below(_) | JsonTest::Above(_) => false,
        JsonTest::Matches(_) | JsonTest::Exists(_) | JsonTest::Length(_) => false,
    };
    match (holds, wrong_type) {
        (true, _) => Ok(()),
        (false, true) => Err(FailureKind::AssertionType),
        (false, false) => Err(FailureKind::AssertionFailed),
    }
}

fn of_same_type(a: &Value, b: &Value) -> bool {
    let rank = |value: &Value| match value {
        _ if number(value).is_some() => 0,
        Value::Null => 1,
        Value::Bool(_) => 2,
        Value::Number(_) => 0,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    };
    rank(a) == rank(b)
}

/// Equality with numbers as decimals: 1 equals 1.0, at any depth.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b,
            (Some(_), None) | (None, Some(_)) => false,
            (None, None) => a == b,
        },
    }
}

fn length(value: &Value) -> Option<u64> {
    match value {
        Value::String(_) => u64::try_from(plain_text(value)?.chars().count()).ok(),
        Value::Array(items) => u64::try_from(items.len()).ok(),
        Value::Object(fields) => u64::try_from(fields.len()).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The value as it stood in the body.
fn show(value: &Value) -> String {
    match value.as_str().and_then(|s| s.strip_prefix(EXACT)) {
        Some(number) => number.to_owned(),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(at: &str, test: JsonTest) -> JsonRule {
        JsonRule { at: at.into(), path: serde_json_path::JsonPath::parse(at).expect("a path"), test }
    }

    fn kind(at: &str, test: JsonTest, body: &str) -> Option<FailureKind> {
        judge(&rule(at, test), &read(body).expect("JSON")).err().map(|(kind, _)| kind)
    }

    #[test]
    fn a_missing_a_null_and_a_mistyped_value_are_told_apart() {
        let is_true = || JsonTest::Is(Value::Bool(true));
        assert_eq!(kind("$.ok", is_true(), r#"{"ok":true}"#), None);
        assert_eq!(kind("$.ok", is_true(), r#"{"ok":false}"#), Some(FailureKind::AssertionFailed));
        assert_eq!(kind("$.ok", is_true(), r#"{"ok":null}"#), Some(FailureKind::AssertionNull));
        assert_eq!(kind("$.ok", is_true(), r#"{"ok":"true"}"#), Some(FailureKind::AssertionType));
        assert_eq!(kind("$.ok", is_true(), "{}"), Some(FailureKind::AssertionMissing));
        for test in [JsonTest::Below("1".into()), JsonTest::IsNot(Value::from(1)), JsonTest::IsDecimal("0".into())] {
            assert_eq!(kind("$.n", test.clone(), "{}"), Some(FailureKind::AssertionMissing), "{test:?}: never 0");
            assert_eq!(kind("$.n", test.clone(), r#"{"n":null}"#), Some(FailureKind::AssertionNull), "{test:?}");
        }
    }

    #[test]
    fn money_is_compared_as_decimals() {
        let total = || JsonTest::IsDecimal("118.00".into());
        assert_eq!(kind("$.t", total(), r#"{"t":"118.00"}"#), None);
        assert_eq!(kind("$.t", total(), r#"{"t":118}"#), None);
        assert_eq!(kind("$.t", total(), r#"{"t":118.000000000000001}"#), Some(FailureKind::AssertionFailed));
        assert_eq!(kind("$.t", total(), r#"{"t":"about 118"}"#), Some(FailureKind::AssertionType));
        assert_eq!(
            kind("$.t", JsonTest::Below("0.3".into()), r#"{"t":0.30000000000000000001}"#),
            Some(FailureKind::AssertionFailed)
        );
        assert_eq!(kind("$.t", JsonTest::Above("18446744073709551615".into()), r#"{"t":18446744073709551616}"#), None);
        assert_eq!(kind("$.t", JsonTest::Below("9".into()), r#"{"t":"5"}"#), Some(FailureKind::AssertionType));
    }

    #[test]
    fn the_other_tests() {
        let body = r#"{"s":"ab\"c 12345678901234567890123","l":[1,2.0],"x":null,"n":7}"#;
        assert_eq!(kind("$.s", JsonTest::Matches(regex::Regex::new("^ab").expect("a regex")), body), None);
        assert_eq!(
            kind("$.n", JsonTest::Matches(regex::Regex::new("7").expect("a regex")), body),
            Some(FailureKind::AssertionType)
        );
        assert_eq!(kind("$.l", JsonTest::Length(2), body), None);
        assert_eq!(kind("$.n", JsonTest::Length(1), body), Some(FailureKind::AssertionType));
        assert_eq!(kind("$.l", JsonTest::Is(serde_json::json!([1.0, 2])), body), None);
        assert_eq!(kind("$.x", JsonTest::Exists(true), body), None);
        assert_eq!(kind("$.y", JsonTest::Exists(false), body), None);
        assert_eq!(kind("$.x", JsonTest::Exists(false), body), Some(FailureKind::AssertionFailed));
        assert_eq!(kind("$.n", JsonTest::OneOf(vec![Value::from(6), Value::from(7)]), body), None);
        assert_eq!(kind("$.n", JsonTest::OneOf(vec![Value::from("7")]), body), Some(FailureKind::AssertionType));
        assert_eq!(kind("$.n", JsonTest::IsNot(Value::from(7.0)), body), Some(FailureKind::AssertionFailed));
        assert_eq!(
            kind("$.l[*]", JsonTest::Below("2".into()), body),
            Some(FailureKind::AssertionFailed),
            "all must hold"
        );
    }

    #[test]
    fn malformed_numbers_stay_mistakes() {
        assert!(read("[1234567890123456789.1.2]").is_err() && read("[-]").is_err());
        assert!(read(r#"["unfinished 123456789012345678901"#).is_err());
    }
}
