//! `/api/v1`: JSON for scripts and the command line. Times are RFC 3339 UTC; what is not known is null and
//! never left out; lists answer `{"tickets":[…],"next":null}`; refusals are problem documents.

mod absences;
mod admin;
mod covers;
mod duty;
mod feeds;
mod probes;
pub(super) mod quiet;
pub mod shapes;
pub mod simulate;
mod tickets;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, civil};
use watchbell_engine::ids::NotAnId;
use watchbell_engine::input::{Act, Answer, Deed, Input};

use super::App;
use crate::gate::{Access, Caller, Gate, Once, Problem, Routes};
use crate::inbox::Lane;

/// The routes of the API, all but `POST signals`, which is `intake`'s.
pub(super) fn routes(gate: Gate) -> Routes<App> {
    let tickets = Routes::new(gate.clone())
        .get("/api/v1/tickets", Access::Viewer, tickets::list)
        .post("/api/v1/tickets", Access::Responder, tickets::declare)
        .get("/api/v1/tickets/{id}", Access::Viewer, tickets::one)
        .get("/api/v1/tickets/{id}/timeline", Access::Viewer, tickets::timeline)
        .get("/api/v1/tickets/{id}/why", Access::Viewer, tickets::why)
        .get("/api/v1/tickets/{id}/why-not", Access::Viewer, tickets::why_not)
        .post("/api/v1/tickets/{id}/ack", Access::Responder, tickets::ack)
        .post("/api/v1/tickets/{id}/resolve", Access::Responder, tickets::resolve)
        .post("/api/v1/tickets/{id}/escalate", Access::Responder, tickets::escalate)
        .post("/api/v1/tickets/{id}/snooze", Access::Responder, tickets::snooze)
        .post("/api/v1/tickets/{id}/note", Access::Responder, tickets::note)
        .post("/api/v1/tickets/{id}/take", Access::Responder, tickets::take)
        .post("/api/v1/tickets/{id}/assign", Access::Responder, tickets::assign)
        .post("/api/v1/tickets/{id}/merge", Access::Responder, tickets::merge)
        .get("/api/v1/pages", Access::Viewer, tickets::pages);
    let duty = Routes::new(gate.clone())
        .get("/api/v1/oncall", Access::Viewer, duty::oncall)
        .get("/api/v1/rotations", Access::Viewer, duty::rotations)
        .get("/api/v1/rotations/{id}/shifts", Access::Viewer, duty::shifts)
        .get("/api/v1/rotations/{id}/feed", Access::Viewer, feeds::of_rotation)
        .get("/api/v1/people/{id}/feed", Access::Viewer, feeds::of_person)
        .get("/api/v1/absences", Access::Viewer, absences::list)
        .post("/api/v1/absences", Access::Scheduler, absences::away)
        .delete("/api/v1/absences/{id}", Access::Scheduler, absences::back)
        .get("/api/v1/covers", Access::Viewer, covers::list)
        .post("/api/v1/covers", Access::Scheduler, covers::ask)
        .post("/api/v1/covers/{id}/accept", Access::Scheduler, covers::accept)
        .post("/api/v1/covers/{id}/decline", Access::Scheduler, covers::decline)
        .post("/api/v1/covers/{id}/withdraw", Access::Scheduler, covers::withdraw)
        .get("/api/v1/rotations/{id}/overrides", Access::Viewer, duty::overrides)
        .post("/api/v1/rotations/{id}/overrides", Access::Scheduler, duty::stand_in)
        .delete("/api/v1/rotations/{id}/overrides/{override_id}", Access::Scheduler, duty::take_back);
    Routes::new(gate)
        .get("/api/v1/probes", Access::Viewer, probes::list)
        .get("/api/v1/probes/{id}", Access::Viewer, probes::one)
        .post("/api/v1/probes/{id}/run", Access::Responder, probes::run)
        .get("/api/v1/silences", Access::Viewer, quiet::list)
        .post("/api/v1/silences", Access::Responder, quiet::silence)
        .post("/api/v1/silences/{id}", Access::Responder, quiet::change)
        .delete("/api/v1/silences/{id}", Access::Responder, quiet::end_now)
        .get("/api/v1/maintenance", Access::Viewer, quiet::windows)
        .post("/api/v1/maintenance", Access::Responder, quiet::maintain)
        .delete("/api/v1/maintenance/{id}", Access::Responder, quiet::end_maintenance)
        .get("/api/v1/suppressed", Access::Viewer, quiet::all_suppressed)
        .get("/api/v1/simulate", Access::Viewer, simulate::asked)
        .post("/api/v1/simulate", Access::Viewer, simulate::told)
        .post("/api/v1/test-pages", Access::Responder, admin::test_page)
        .get("/api/v1/test-pages/{id}", Access::Viewer, admin::tested)
        .post("/api/v1/reload", Access::Admin, admin::reload)
        .get("/api/v1/tokens", Access::Admin, admin::tokens)
        .post("/api/v1/tokens", Access::Admin, admin::create_token)
        .delete("/api/v1/tokens/{name}", Access::Admin, admin::revoke_token)
        .merge(tickets)
        .merge(duty)
}

/// Asks the engine for a deed in the caller's name.
async fn act(app: &App, once: &Once, caller: &Caller, what: Deed) -> Result<Answer, Problem> {
    let by = caller.actor(&app.live.config.load().catalog);
    once.ask(&app.inbox, Lane::Answers, Input::Act(Act { by, what })).await
}

/// What a refusal says; anything else is well.
pub(super) fn settled(answer: Answer) -> Result<(), Problem> {
    match answer {
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Done
        | Answer::Ticket { .. }
        | Answer::Signal { .. }
        | Answer::Signals(_)
        | Answer::Silence(_)
        | Answer::Maintenance(_)
        | Answer::Override(_)
        | Answer::Absence(_)
        | Answer::Cover(_)
        | Answer::Test(_) => Ok(()),
    }
}

/// An answer that this question cannot have.
fn unexpected(answer: &Answer) -> Problem {
    tracing::error!(?answer, "the engine answered something else than was asked");
    Problem::ours("the engine answered something else than was asked")
}

/// An id of the path; one that cannot be an id names nothing.
fn id<T: std::str::FromStr<Err = NotAnId>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|e: NotAnId| Problem::not_found(e.to_string()))
}

/// The key of a map that a path names, upper and lower case alike where that is unambiguous.
fn key<'m, K: std::fmt::Display, V>(
    map: &'m std::collections::BTreeMap<K, V>,
    text: &str,
    what: &str,
) -> Result<(&'m K, &'m V), Problem> {
    let exact = map.iter().find(|(key, _)| key.to_string() == text);
    let mut alike = map.iter().filter(|(key, _)| key.to_string().eq_ignore_ascii_case(text));
    let only = match (alike.next(), alike.next()) {
        (Some(one), None) => Some(one),
        (None, _) | (Some(_), Some(_)) => None,
    };
    exact.or(only).ok_or_else(|| Problem::not_found(format!("there is no {what} `{text}` in the configuration")))
}

/// An instant (`2026-11-24T18:00:00Z`), or a wall time of the zone (`2026-11-24T18:00`).
fn instant(text: &str, zone: &TimeZone, what: &str) -> Result<Timestamp, Problem> {
    // A `+` of an offset arrives as a space where the client did not escape it.
    let text = text.trim().replacen(' ', "+", 1);
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let wall: Option<civil::DateTime> = text.parse().ok();
    let local = wall.and_then(|wall| wall.to_zoned(zone.clone()).ok());
    local.map(|z| z.timestamp()).ok_or_else(|| {
        Problem::invalid(format!(
            "`{what}` is `{text}`, which is no time; write 2026-11-24T18:00:00Z or 2026-11-24T18:00"
        ))
    })
}

/// An end, said as `until` or as `for` from now on.
fn end(until: Option<&str>, length: Option<&str>, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, Problem> {
    match (until, length) {
        (Some(until), None) => instant(until, zone, "until"),
        (None, Some(length)) => span(length).and_then(|d| {
            now.checked_add(d)
                .map_err(|_| Problem::invalid(format!("`for` is `{length}`, beyond the end of the calendar")))
        }),
        (None, None) => Err(Problem::invalid("say when it ends: `until` (a time) or `for` (such as 30m)")),
        (Some(_), Some(_)) => Err(Problem::invalid("say either `until` or `for`, not both")),
    }
}

/// A length of time such as `90s`, `30m`, `1h30m`, `2d`.
fn span(text: &str) -> Result<SignedDuration, Problem> {
    let span = text.trim().parse::<Span>().ok();
    let length = span.and_then(|s| s.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    length
        .filter(SignedDuration::is_positive)
        .ok_or_else(|| Problem::invalid(format!("`{text}` is no length of time; write 90s, 30m, 1h30m or 2d")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("bundled")
    }

    #[test]
    fn times_are_instants_or_wall_times() {
        for text in
            ["2026-11-24T10:00:00Z", "2026-11-24T18:00:00+08:00", "2026-11-24T18:00:00 08:00", "2026-11-24T18:00"]
        {
            let at = instant(text, &zone(), "at").expect(text);
            assert_eq!(at.to_string(), "2026-11-24T10:00:00Z", "{text}");
        }
        assert_eq!(instant("tomorrow", &zone(), "at").expect_err("no time").status, 422);
    }

    #[test]
    fn lengths_are_positive() {
        for (text, secs) in [("90s", 90), ("30m", 1_800), ("1h30m", 5_400), ("2d", 172_800)] {
            assert_eq!(span(text).expect(text).as_secs(), secs, "{text}");
        }
        for text in ["-5m", "0s", "soon", ""] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
