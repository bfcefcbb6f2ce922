//! Labels of alerts and the matchers that routes and silences put on them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The labels of an alert: `probe`, `service`, `component`, `severity` and what the sender adds.
pub type Labels = BTreeMap<String, String>;

/// How a matcher compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Regex,
    /// `!~`, anchored at both ends
    NotRegex,
}

/// One condition on one label, written as Alertmanager writes it: `service="invoice"`, `probe=~"inv.*"`.
/// A label that is not there compares as the empty text.
#[derive(Clone)]
pub struct Matcher {
    label: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

/// Why a text is no matcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMatcher {
    /// There is no operator in it.
    #[error("`{0}` is not a matcher; write label=value, label!=value, label=~regex or label!~regex")]
    NoOperator(String),
    /// The label is empty or has characters that a label cannot have.
    #[error("`{0}` is not a label name; use letters, digits and _")]
    BadLabel(String),
    /// The regular expression does not compile.
    #[error("`{value}` is not a regular expression: {why}")]
    BadRegex {
        /// The expression.
        value: String,
        /// What the parser says.
        why: String,
    },
}

impl Matcher {
    /// A matcher for one label; `Err` where the label or the expression is not well formed.
    pub fn new(label: &str, op: MatchOp, value: &str) -> Result<Self, BadMatcher> {
        let well_formed = !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !well_formed {
            return Err(BadMatcher::BadLabel(label.into()));
        }
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(
                Regex::new(&format!("^(?:{value})$"))
                    .map_err(|e| BadMatcher::BadRegex { value: value.into(), why: e.to_string() })?,
            ),
        };
        Ok(Self { label: label.into(), op, value: value.into(), regex })
    }

    /// Whether the labels meet the condition.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.label).map_or("", String::as_str);
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => value == self.value,
            (MatchOp::NotEqual, _) => value != self.value,
            (MatchOp::Regex, Some(regex)) => regex.is_match(value),
            (MatchOp::NotRegex, Some(regex)) => !regex.is_match(value),
            (MatchOp::Regex | MatchOp::NotRegex, None) => false,
        }
    }

    /// The label it looks at.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Whether the labels meet every condition.
pub fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|m| m.matches(labels))
}

impl FromStr for Matcher {
    type Err = BadMatcher;
    fn from_str(text: &str) -> Result<Self, BadMatcher> {
        let at = text.find(['=', '!']).ok_or_else(|| BadMatcher::NoOperator(text.into()))?;
        let (label, rest) = text.split_at(at);
        let (op, value) = if let Some(value) = rest.strip_prefix("=~") {
            (MatchOp::Regex, value)
        } else if let Some(value) = rest.strip_prefix("!~") {
            (MatchOp::NotRegex, value)
        } else if let Some(value) = rest.strip_prefix("!=") {
            (MatchOp::NotEqual, value)
        } else if let Some(value) = rest.strip_prefix('=') {
            (MatchOp::Equal, value)
        } else {
            return Err(BadMatcher::NoOperator(text.into()));
        };
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        Self::new(label.trim(), op, value)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        };
        write!(f, "{}{op}\"{}\"", self.label, self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.label == other.label && self.op == other.op && self.value == other.value
    }
}

impl Eq for Matcher {}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn each_operator_compares_as_it_reads() {
        let l = labels(&[("service", "invoice-verification")]);
        for (text, expected) in [
            ("service=invoice-verification", true),
            ("service=\"invoice-verification\"", true),
            ("service!=invoice-verification", false),
            ("service=~invoice.*", true),
            ("service=~invoice", false), // anchored
            ("service!~approval", true),
            ("missing=", true),
        ] {
            assert_eq!(text.parse::<Matcher>().expect(text).matches(&l), expected, "{text}");
        }
    }

    #[test]
    fn bad_matchers_say_what_is_wrong() {
        assert!(matches!("service".parse::<Matcher>(), Err(BadMatcher::NoOperator(_))));
        assert!(matches!("=x".parse::<Matcher>(), Err(BadMatcher::BadLabel(_))));
        assert!(matches!("a=~(".parse::<Matcher>(), Err(BadMatcher::BadRegex { .. })));
    }
}
