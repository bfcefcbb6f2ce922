//! Lengths of time as nights are written: `90s`, `1h30m`, `-250ms`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use watchbell_engine::time::Millis;

/// A length of time, perhaps negative, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub i64);

impl Span {
    /// So many seconds.
    pub const fn secs(secs: i64) -> Self {
        Self(secs * 1_000)
    }

    /// Its length; nothing where it is negative.
    pub fn millis(self) -> Millis {
        Millis(u64::try_from(self.0).unwrap_or(0))
    }

    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let mut total = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(format!("`{text}` has no unit"))?;
            let number: i64 = rest[..digits].parse().map_err(|e| format!("`{text}`: {e}"))?;
            rest = &rest[digits..];
            let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            total += number
                * match &rest[..unit] {
                    "ms" => 1,
                    "s" => 1_000,
                    "m" => 60_000,
                    "h" => 3_600_000,
                    other => return Err(format!("`{text}`: `{other}` is no unit")),
                };
            rest = &rest[unit..];
        }
        Ok(Self(sign * total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Millis(self.0.unsigned_abs()))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}
