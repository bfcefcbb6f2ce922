//! What a question asks for: `active`, `silenced`, `filter=…`; matchers as `amtool` writes them.

use regex::Regex;
use watchbell_engine::label::{Labels, MatchOp, Matcher, all_match};

use super::errors::ApiError;

/// The query of `GET alerts` and its kin.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) active: bool,
    pub(super) silenced: bool,
    pub(super) inhibited: bool,
    pub(super) muted: bool,
    pub(super) expired: bool,
    pub(super) pending: bool,
    receiver: Option<Regex>,
    filters: Vec<Matcher>,
}

impl Asked {
    /// Reads the part after `?`. What is not known is let pass.
    pub(super) fn read(query: Option<&str>) -> Result<Self, ApiError> {
        let mut asked = Self {
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
            expired: true,
            pending: true,
            receiver: None,
            filters: Vec::new(),
        };
        for (name, value) in pairs(query.unwrap_or_default()) {
            let flag = match name.as_str() {
                "active" => &mut asked.active,
                "silenced" => &mut asked.silenced,
                "inhibited" => &mut asked.inhibited,
                "muted" => &mut asked.muted,
                "expired" => &mut asked.expired,
                "pending" => &mut asked.pending,
                "filter" => {
                    asked.filters.push(matcher(&value)?);
                    continue;
                }
                "receiver" => {
                    let regex = Regex::new(&format!("^(?:{value})$"));
                    asked.receiver =
                        Some(regex.map_err(|e| ApiError::bad(format!("failed to parse receiver param: {e}")))?);
                    continue;
                }
                _ => continue,
            };
            *flag = truth(&name, &value)?;
        }
        Ok(asked)
    }

    pub(super) fn wants_labels(&self, labels: &Labels) -> bool {
        all_match(&self.filters, labels)
    }

    pub(super) fn wants_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|regex| regex.is_match(name))
    }

    /// Whether a silence with these matchers is asked for: each filter must meet what one of them says.
    pub(super) fn wants_matchers(&self, matchers: &[Matcher]) -> bool {
        let said: Labels = matchers.iter().map(|m| (m.label().to_owned(), m.value().to_owned())).collect();
        self.wants_labels(&said)
    }
}

fn truth(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" | "1" | "t" | "T" | "TRUE" | "True" | "" => Ok(true),
        "false" | "0" | "f" | "F" | "FALSE" | "False" => Ok(false),
        other => Err(ApiError::invalid(601, format!("{name} in query must be of type boolean: {other:?}"))),
    }
}

/// The pairs of a query, decoded; the same name may come again.
fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(k, v)| (decoded(k), decoded(v))).collect()
}

/// Percent signs and pluses undone; a broken escape stands for itself.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = hex.filter(|_| *byte == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        match (escaped, byte) {
            (Some(byte), _) => {
                out.push(byte);
                at += 2;
            }
            (None, b'+') => out.push(b' '),
            (None, byte) => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `a="b"`, `a=b`, `a!=b`, `a=~"re"`, `a!~re`; names may be quoted too.
pub(super) fn matcher(text: &str) -> Result<Matcher, ApiError> {
    let bad = || ApiError::bad(format!("bad matcher format: {text}"));
    let (name, rest) = match text.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some((name, rest)) => (name, rest.trim_start()),
        None => text.split_at(text.find(['=', '!']).ok_or_else(bad)?),
    };
    let ops = [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
    let (op, value) = ops.iter().find_map(|(sign, op)| Some((*op, rest.strip_prefix(sign)?))).ok_or_else(bad)?;
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        Some(rest) => unescaped(rest.strip_suffix('"').ok_or_else(bad)?),
        None if value.ends_with('"') => return Err(bad()),
        None => value.to_owned(),
    };
    Matcher::new(name.trim(), op, &value).map_err(|e| ApiError::bad(format!("bad matcher format: {text}: {e}")))
}

/// What stands between quotes: `\"`, `\\` and `\n` are escapes, everything else stands for itself.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escape = chars.peek().filter(|_| c == '\\').and_then(|next| match next {
            '"' => Some('"'),
            '\\' => Some('\\'),
            'n' => Some('\n'),
            _ => None,
        });
        if escape.is_some() {
            chars.next();
        }
        out.push(escape.unwrap_or(c));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_read_as_amtool_writes_them() {
        for (text, label, op, value) in [
            ("a=\"b\"", "a", MatchOp::Equal, "b"),
            ("a=b", "a", MatchOp::Equal, "b"),
            ("alertname!=\"x y\"", "alertname", MatchOp::NotEqual, "x y"),
            ("a=~\"x|y\"", "a", MatchOp::Regex, "x|y"),
            ("a!~x.*", "a", MatchOp::NotRegex, "x.*"),
            ("\"a\"=\"say \\\"b\\\"\"", "a", MatchOp::Equal, "say \"b\""),
            ("a=~\"\\\\d+\"", "a", MatchOp::Regex, "\\d+"),
        ] {
            let read = matcher(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!((read.label(), read.op(), read.value()), (label, op, value), "{text}");
        }
        assert!(matches!(matcher("bad"), Err(ApiError::Text(_, text)) if text == "bad matcher format: bad"));
        assert!(matcher("a=\"b").is_err() && matcher("a=~\"(\"").is_err());
    }

    #[test]
    fn a_query_is_decoded() {
        let asked = Asked::read(Some("filter=alertname%3D%22Disk+Full%22&active=false&nonsense=1")).expect("a query");
        assert!(!asked.active && asked.silenced);
        assert!(asked.wants_labels(&[("alertname".to_owned(), "Disk Full".to_owned())].into()));
        assert!(Asked::read(Some("active=perhaps")).is_err());
    }
}
