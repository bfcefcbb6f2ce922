//! `heartbeat`: beats that a job sends by itself.

use watchbell_engine::heartbeat::{BadCron, Expected, HeartbeatRule, parse_cron};
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
            out.error(&node.secret_spot(), message, Some(hint));
            return None;
        }
    }
    Some(given.secret())
}

/// The fields of a cron expression, as [`BadCron`] names them.
const FIELDS: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];

/// Five fields: minute, hour, day of month, month, day of week (0 or 7 = Sunday).
pub(crate) fn check_cron(text: &str) -> Result<String, Problem> {
    let Err(bad) = parse_cron(text) else { return Ok(text.to_owned()) };
    let problem = Problem::new(bad.to_string());
    Err(match &bad {
        BadCron::Fields { .. } | BadCron::Never { .. } => problem,
        BadCron::Value { field, .. } => {
            let mut at = 0;
            let spans = text.split_whitespace().map(|part| {
                let from = at + text[at..].find(part).unwrap_or(0);
                at = from + part.len();
                (text[..from].chars().count(), part.chars().count())
            });
            let wrong = FIELDS.iter().zip(spans).find(|(name, _)| *name == field);
            wrong.map(|(_, span)| span).into_iter().fold(problem, |problem, (from, width)| problem.within(from, width))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_pointed_at() {
        assert!(check_cron("30 2 * * *").is_ok());
        assert_eq!(check_cron("25 25 * * *").expect_err("hour").within, Some((3, 2)));
        assert_eq!(check_cron("0  2 * 13 *").expect_err("month").within, Some((7, 2)));
        for bad in ["", "* * * *", "0 0 31 2 *", "* * * * 发"] {
            assert!(check_cron(bad).is_err(), "{bad}");
        }
    }
}
