//! `heartbeat`: beats that a job sends by itself.

use watchbell_engine::heartbeat::{Expected, HeartbeatRule};
use watchbell_engine::time::Millis;

use crate::context::{Context, Defaults};
use crate::mistake::Mistakes;
use crate::model::Secret;
use crate::probe;
use crate::scalar::{self, Problem};
use crate::tree::Node;

/// How late a beat may be where nothing is written, unless the interval is shorter.
const GRACE: Millis = Millis::mins(5);
/// Shortest token: it is all that protects `/ping/{token}`.
const TOKEN_CHARS: usize = 16;
/// Shortest interval of a heartbeat.
const LEAST_EVERY: Millis = Millis::secs(1);

/// The token and when beats are due.
pub(crate) fn read(
    node: &Node,
    defaults: &Defaults,
    context: &Context<'_>,
    out: &mut Mistakes,
) -> Option<(Secret, HeartbeatRule)> {
    let map = out.map(node, "`heartbeat`", &["every", "cron", "time_zone", "grace", "max_run", "token"])?;
    let token = token(map, context, out);
    let expected = expected(map, defaults, out);
    let grace = match map.get("grace") {
        Some(node) => out.value(node, "a length of time", scalar::duration),
        None => expected.as_ref().map(default_grace),
    };
    let max_run = map.get("max_run").map(|n| out.value(n, "a length of time", probe::positive));
    Some((token?, HeartbeatRule { expected: expected?, grace: grace?, max_run: max_run.flatten() }))
}

fn default_grace(expected: &Expected) -> Millis {
    match expected {
        Expected::Every(every) => GRACE.min(*every),
        Expected::Cron { .. } => GRACE,
    }
}

fn expected(map: &Node, defaults: &Defaults, out: &mut Mistakes) -> Option<Expected> {
    match out.exactly_one(map, "a heartbeat", &["every", "cron"])? {
        (key, node) if key == "every" => {
            if let Some(zone) = map.get("time_zone") {
                out.error(&zone.spot(), "`time_zone` is for `cron`", None);
            }
            let every = out.value(node, "a length of time", probe::every)?;
            if every < LEAST_EVERY {
                out.error(&node.spot(), format!("a heartbeat beats at most once in {LEAST_EVERY}"), None);
            }
            Some(Expected::Every(every))
        }
        (_, node) => {
            let zone = match map.get("time_zone") {
                Some(node) => out.value(node, "a time zone", scalar::zone),
                None => Some(defaults.zone()),
            };
            if map.get("time_zone").is_none() && defaults.zone.is_none() {
                let hint = Some("write time_zone: Asia/Shanghai".into());
                out.warn(&node.spot(), "without `time_zone`, these wall times are UTC", hint);
            }
            let cron = out.value(node, "a cron expression", check_cron)?;
            Some(Expected::Cron { cron, zone: zone? })
        }
    }
}

fn token(map: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<Secret> {
    let node = out.required(map, "token", "{ env: NIGHTLY_TOKEN }")?;
    let given = context.secret(node, "the token of the heartbeat", out)?;
    if let Some(text) = given.known() {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        if text.chars().count() < TOKEN_CHARS || !text.chars().all(fits) {
            let hint = "anybody who guesses it can say that the job ran; take 22 random letters and digits".to_owned();
            let message = format!("a token has at least {TOKEN_CHARS} letters, digits, `-`, `_`, `.` or `~`");
            out.error(&node.spot(), message, Some(hint));
            return None;
        }
    }
    Some(given.secret())
}

/// The fields of a cron expression and the least and greatest value of each.
const FIELDS: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7)];

/// Five fields: minute, hour, day of month, month, day of week (0 or 7 = Sunday).
fn check_cron(text: &str) -> Result<String, Problem> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let problem = Problem::new(format!("`{text}` has {} fields", fields.len()));
        return Err(problem.hint("a cron expression has five: minute, hour, day of month, month, day of week"));
    }
    let mut from = 0;
    for (field, (name, min, max)) in fields.iter().zip(FIELDS) {
        let at = text[from..].find(field).map_or(from, |at| from + at);
        if !field.split(',').all(|part| fits(part, name, min, max)) {
            let problem =
                Problem::new(format!("`{field}` does not fit the field {name}: {min} to {max}, *, ranges and steps"));
            return Err(problem.within(text[..at].chars().count(), field.chars().count()));
        }
        from = at + field.len();
    }
    Ok(fields.join(" "))
}

fn fits(part: &str, name: &str, min: u32, max: u32) -> bool {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let step_fits = step.is_none_or(|s| s.parse::<u32>().is_ok_and(|s| (1..=max).contains(&s)));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse::<u32>().ok()).flatten().or_else(|| named(text, name));
        number.filter(|n| (min..=max).contains(n))
    };
    let range_fits = range == "*"
        || match range.split_once('-') {
            Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
            None => number(range).is_some(),
        };
    range_fits && step_fits
}

/// `jan` to `dec`, `sun` to `sat`.
fn named(text: &str, field: &str) -> Option<u32> {
    let text = text.to_ascii_lowercase();
    let (names, first): (&[&str], u32) = match field {
        "month" => (&["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1),
        "day of week" => (&["sun", "mon", "tue", "wed", "thu", "fri", "sat"], 0),
        _ => return None,
    };
    let at = names.iter().position(|name| *name == text)?;
    u32::try_from(at).ok().map(|at| at + first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_expressions_have_five_fields_in_their_bounds() {
        for good in ["30 2 * * *", "*/5 * * * *", "0 9-17/2 * jan-mar mon-fri", "0,30 0 1,15 * 7"] {
            assert!(check_cron(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "* * * * 发",
        ] {
            assert!(check_cron(bad).is_err(), "{bad}");
        }
        assert_eq!(check_cron("30 25 * * *").expect_err("hour").within, Some((3, 2)));
    }
}
