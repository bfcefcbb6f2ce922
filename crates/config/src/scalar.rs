//! Small languages inside single values: lengths of time, sizes, dates, zones, ids.
//!
//! Every function takes a text and gives the value or a [`Problem`]. Never: places, files, other items.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use watchbell_engine::time::Millis;

/// What is wrong with a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// First character and width of the part that is wrong.
    pub(crate) within: Option<(usize, usize)>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, within: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn within(mut self, from: usize, width: usize) -> Self {
        self.within = Some((from, width));
        self
    }
}

/// The known word nearest to a wrong one, when it is near enough to be meant.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    let scored = known.into_iter().map(|k| (strsim::damerau_levenshtein(&lower, &k.to_lowercase()), k));
    let near = scored.filter(|(distance, k)| {
        let (a, b) = (k.chars().count(), word.chars().count());
        *distance <= 1 + a.min(b) / 4 && *distance * 3 <= a.max(b)
    });
    near.min().map(|(_, k)| k)
}

/// `did you mean …?` where something is near.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|k| format!("did you mean `{k}`?"))
}

/// An id: letters, digits, `_`, `.` and `-`, the first a letter or digit, at most 64.
pub(crate) fn id(text: &str) -> Result<String, Problem> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let bad = text.chars().position(|c| !allowed(c));
    let rule = "an id has letters, digits, `_`, `.` and `-`, begins with a letter or digit, and has at most 64";
    match bad {
        Some(at) => Err(Problem::new(format!("`{text}` is not an id")).hint(rule).within(at, 1)),
        None if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || text.len() > 64 => {
            Err(Problem::new(format!("`{text}` is not an id")).hint(rule))
        }
        None => Ok(text.into()),
    }
}

/// `250ms`, `90s`, `5m`, `24h`, `7d`, also in a row: `1m30s`.
pub(crate) fn duration(text: &str) -> Result<Millis, Problem> {
    let bad =
        || Problem::new(format!("`{text}` is not a length of time")).hint("write it as 250ms, 5s, 10m, 24h or 7d");
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_')) {
        if text == "0" {
            return Ok(Millis::ZERO);
        }
        return Err(Problem::new(format!("`{text}` has no unit")).hint(format!("write {text}s, {text}ms or {text}m")));
    }
    let (mut rest, mut sum) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        rest = &rest[letters..];
        sum = number.checked_mul(unit).and_then(|ms| sum.checked_add(ms)).ok_or_else(bad)?;
    }
    // A thousand years: sums of a few such lengths stay far from the end of the calendar's range.
    if text.is_empty() || sum > 365_000 * 86_400_000 { Err(bad()) } else { Ok(Millis(sum)) }
}

/// `64KiB`, `1MiB`, `10MB`, `512` (bytes).
pub(crate) fn size(text: &str) -> Result<u64, Problem> {
    let bad = || Problem::new(format!("`{text}` is not a size")).hint("write it as 64KiB, 1MiB or a number of bytes");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().map_err(|_| bad())?;
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}

/// A whole number between two bounds.
pub(crate) fn whole(text: &str, min: u64, max: u64) -> Result<u64, Problem> {
    let bad = || Problem::new(format!("`{text}` is not a whole number from {min} to {max}"));
    let plain = text.replace('_', "");
    if plain != text && plain.parse::<u64>().is_ok() {
        return Err(bad().hint(format!("write {plain}")));
    }
    let leading_zero = text.len() > 1 && text.starts_with('0');
    match text.parse::<u64>() {
        Ok(number) if !leading_zero && !text.starts_with('+') && (min..=max).contains(&number) => Ok(number),
        Ok(_) if leading_zero => Err(bad().hint("a number does not begin with 0")),
        Ok(_) | Err(_) => Err(bad()),
    }
}

/// `true` or `false`, and none of the other spellings that YAML once had.
pub(crate) fn truth(text: &str) -> Result<bool, Problem> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => {
            let problem = Problem::new(format!("`{other}` is not true or false"));
            Err(match other.to_lowercase().as_str() {
                "yes" | "on" | "y" | "1" | "true" => problem.hint("write true"),
                "no" | "off" | "n" | "0" | "false" => problem.hint("write false"),
                _ => problem,
            })
        }
    }
}

/// A zone of the time zone database.
pub(crate) fn zone(text: &str) -> Result<TimeZone, Problem> {
    let places = || jiff::tz::db().available().map(|name| name.to_string()).filter(|name| name.contains('/'));
    // Without a slash only the names of the standard are accepted: `CST` is three zones.
    match TimeZone::get(text) {
        Ok(zone) if text.contains('/') || text == "UTC" => Ok(zone),
        Ok(_) | Err(_) => {
            let names: Vec<String> = places().collect();
            let near = did_you_mean(text, names.iter().map(String::as_str));
            let near = near.unwrap_or_else(|| "write it as Asia/Shanghai, Europe/Berlin or UTC".into());
            Err(Problem::new(format!("`{text}` is not a time zone")).hint(near))
        }
    }
}

/// `09:00`; with `end`, also `24:00`, which is the `00:00` that ends a day.
pub(crate) fn time_of_day(text: &str, end: bool) -> Result<Time, Problem> {
    let bad = || Problem::new(format!("`{text}` is not a time of day")).hint("write it as 09:00");
    if end && text == "24:00" {
        return Ok(Time::midnight());
    }
    let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
    let two = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i8>().ok()).flatten().ok_or_else(bad)
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).map_err(|_| bad())
}

/// `2026-01-05`.
pub(crate) fn date(text: &str) -> Result<Date, Problem> {
    let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let bad = || Problem::new(format!("`{text}` is not a date")).hint("write it as 2026-01-05");
    text.parse().ok().filter(|_| shaped).ok_or_else(bad)
}

/// An instant, or a local time in `zone`: `2026-11-24T18:00`, `2026-11-24T18:00:00Z`. A local time that
/// a clock change skips is the first valid one after it; one that occurs twice is its first occurrence.
pub(crate) fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, Problem> {
    let bad = || {
        Problem::new(format!("`{text}` is not a time"))
            .hint("write it as 2026-11-24T18:00 (in the rotation's zone) or with an offset, 2026-11-24T18:00:00Z")
    };
    let (day, rest) = text.split_once(['T', ' ']).ok_or_else(bad)?;
    date(day)?;
    if rest.ends_with(['Z', 'z']) || rest.contains(['+', '-']) {
        return text.parse().map_err(|_| bad());
    }
    let local: DateTime = text.parse().map_err(|_| bad())?;
    zone.to_ambiguous_timestamp(local).compatible().map_err(|_| bad())
}

/// The words of the week, Monday first.
pub(crate) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `mon` to `sun`.
pub(crate) fn weekday(text: &str) -> Result<Weekday, Problem> {
    let at = WEEKDAYS.iter().position(|day| *day == text);
    at.and_then(|at| i8::try_from(at).ok()).and_then(|at| Weekday::from_monday_zero_offset(at).ok()).ok_or_else(|| {
        let problem = Problem::new(format!("`{text}` is not a weekday"));
        problem.hint(format!("write one of {}", WEEKDAYS.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        assert_eq!(duration("250ms"), Ok(Millis(250)));
        assert_eq!(duration("1m30s"), Ok(Millis::secs(90)));
        assert_eq!(duration("7d"), Ok(Millis::hours(168)));
        assert_eq!(duration("5").expect_err("no unit").hint.as_deref(), Some("write 5s, 5ms or 5m"));
        for bad in ["", "s", "5 s", "5x", "-5s", "1.5s", "99999999999999999999s", "400000000d", "发"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_read_as_people_mean_them() {
        assert_eq!(whole("3", 1, 10), Ok(3));
        assert_eq!(whole("1_000", 1, 10_000).expect_err("underscore").hint.as_deref(), Some("write 1000"));
        for bad in ["010", "0o17", "0x10", "1e3", "11", "-1", "+3", ""] {
            assert!(whole(bad, 1, 10).is_err(), "{bad}");
        }
        assert_eq!(size("1MiB"), Ok(1_048_576));
        assert!(size("MiB").is_err() && size("1Mi").is_err());
        assert_eq!(truth("no").expect_err("not a truth value").hint.as_deref(), Some("write false"));
    }

    #[test]
    fn zones_are_those_of_the_database() {
        assert!(zone("Asia/Shanghai").is_ok() && zone("UTC").is_ok());
        assert!(zone("CST").is_err() && zone("").is_err() && zone("/etc/passwd").is_err());
        assert_eq!(zone("Asia/Shangai").expect_err("misspelt").hint.as_deref(), Some("did you mean `Asia/Shanghai`?"));
    }

    #[test]
    fn times_are_local_unless_they_say_otherwise() {
        let shanghai = zone("Asia/Shanghai").expect("a zone");
        let at = |text| instant(text, &shanghai).map(|t| t.to_string());
        assert_eq!(at("2026-11-24T18:00").as_deref(), Ok("2026-11-24T10:00:00Z"));
        assert_eq!(at("2026-11-24T18:00:00Z").as_deref(), Ok("2026-11-24T18:00:00Z"));
        let berlin = zone("Europe/Berlin").expect("a zone");
        let gap = instant("2026-03-29T02:30", &berlin).expect("after the gap");
        assert_eq!(gap.to_string(), "2026-03-29T01:30:00Z");
        assert!(at("18:00").is_err() && at("2026-02-30T10:00").is_err());
        assert_eq!(time_of_day("24:00", true), Ok(Time::midnight()));
        assert!(time_of_day("24:00", false).is_err() && time_of_day("9:00", false).is_err());
        assert!(time_of_day("-1:00", false).is_err());
    }

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(nearest("tiemout", ["timeout", "title"]), Some("timeout"));
        assert_eq!(nearest("colour", ["timeout", "title"]), None);
    }
}
