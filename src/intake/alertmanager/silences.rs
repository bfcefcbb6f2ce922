//! Silences in Alertmanager's words. Each is one of ours: its id is made of the number, and nothing else is
//! stored.

use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use watchbell_engine::ids::SilenceId;
use watchbell_engine::input::{Act, Actor, Answer, Deed, Input, Via};
use watchbell_engine::label::{Labels, MatchOp, Matcher};
use watchbell_engine::view::SilenceView;

use super::alerts::time;
use super::errors::{ApiError, answer, empty, is_json};
use super::filter::Asked;
use super::silences_of_old::ended;
use super::who::{Id, Reads, Writes};
use crate::gate::{BODY_LIMIT, Caller};
use crate::inbox::Lane;
use crate::intake::Intake;

/// What all our ids begin with; the number follows in twelve hexadecimal digits.
const UUID_HEAD: &str = "00000000-0000-4000-8000-";

/// One condition as clients write it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

/// The body of `POST silences`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<Condition>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    created_by: String,
    comment: String,
}

/// A silence as clients read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    status: Status,
    updated_at: String,
    comment: String,
    created_by: String,
    ends_at: String,
    matchers: Vec<Condition>,
    starts_at: String,
    annotations: Labels,
}

#[derive(Debug, Serialize)]
struct Status {
    state: State_,
}

/// Where a silence stands, in the order in which lists show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State_ {
    Active,
    Pending,
    Expired,
}

/// The id of a silence of ours.
pub(super) fn uuid(id: SilenceId) -> String {
    format!("{UUID_HEAD}{:012x}", id.0)
}

/// Whose id it is: `None` for one that is not ours.
fn of_uuid(text: &str) -> Result<Option<SilenceId>, ApiError> {
    let shaped = text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(n, b)| if matches!(n, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() });
    if !shaped {
        return Err(ApiError::invalid(601, format!("silenceID in path must be of type uuid: {text:?}")));
    }
    let digits = text.strip_prefix(UUID_HEAD);
    Ok(digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).map(SilenceId))
}

fn shown(view: &SilenceView, now: Timestamp) -> Shown {
    let state = match (view.from <= now, now < view.until) {
        (_, false) => State_::Expired,
        (true, true) => State_::Active,
        (false, true) => State_::Pending,
    };
    let condition = |m: &Matcher| Condition {
        name: m.label().to_owned(),
        value: m.value().to_owned(),
        is_regex: matches!(m.op(), MatchOp::Regex | MatchOp::NotRegex),
        is_equal: matches!(m.op(), MatchOp::Equal | MatchOp::Regex),
    };
    Shown {
        id: uuid(view.id),
        status: Status { state },
        updated_at: time(view.from.min(now)),
        comment: view.reason.clone(),
        created_by: view.by.clone(),
        ends_at: time(view.until),
        matchers: view.matchers.iter().map(condition).collect(),
        starts_at: time(view.from),
        annotations: Labels::new(),
    }
}

/// `GET silences`: those that run, the first to end first; those that will; those that are over.
pub(super) async fn list(
    State(intake): State<Intake>,
    _: Reads,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (asked, now) = (Asked::read(query.as_deref())?, intake.gate.clock.now());
    let mut all = intake.live.view.load().silences.clone();
    if asked.expired {
        all.extend(ended(&intake.gate.store, now).await?.into_values());
    }
    let mut all: Vec<_> =
        all.iter().filter(|s| asked.wants_matchers(&s.matchers)).map(|s| (s, shown(s, now))).collect();
    all.retain(|(_, shown)| match shown.status.state {
        State_::Active => asked.active,
        State_::Pending => asked.pending,
        State_::Expired => asked.expired,
    });
    all.sort_by(|(a, x), (b, y)| {
        let order = match x.status.state {
            State_::Active => a.until.cmp(&b.until),
            State_::Pending => a.from.cmp(&b.from),
            State_::Expired => b.until.cmp(&a.until),
        };
        x.status.state.cmp(&y.status.state).then(order).then(a.id.cmp(&b.id))
    });
    Ok(answer(StatusCode::OK, &all.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>()))
}

/// One that runs, will run, or was there of late.
async fn find(intake: &Intake, id: SilenceId) -> Result<Option<SilenceView>, ApiError> {
    let running = intake.live.view.load().silences.iter().find(|s| s.id == id).cloned();
    match running {
        Some(view) => Ok(Some(view)),
        None => Ok(ended(&intake.gate.store, intake.gate.clock.now()).await?.remove(&id)),
    }
}

/// `GET silence/{uuid}`
pub(super) async fn one(State(intake): State<Intake>, _: Reads, Id(text): Id) -> Result<Response, ApiError> {
    let found = match of_uuid(&text)? {
        Some(id) => find(&intake, id).await?,
        None => None,
    };
    let found = found.ok_or(ApiError::Bare(StatusCode::NOT_FOUND))?;
    Ok(answer(StatusCode::OK, &shown(&found, intake.gate.clock.now())))
}

/// `DELETE silence/{uuid}`: it ends now; one that is over already stays so.
pub(super) async fn expire(
    State(intake): State<Intake>,
    Writes(caller): Writes,
    Id(text): Id,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::Bare(StatusCode::NOT_FOUND);
    let id = of_uuid(&text)?.ok_or_else(unknown)?;
    let view = find(&intake, id).await?.ok_or_else(unknown)?;
    if intake.gate.clock.now() < view.until {
        let by = caller.actor(&intake.live.config.load().catalog);
        end(&intake, id, by).await?;
    }
    Ok(empty())
}

async fn end(intake: &Intake, silence: SilenceId, by: Actor) -> Result<(), ApiError> {
    // Refused where it has just ended by itself, which is what is wanted.
    act(intake, by, Deed::EndSilence { silence }).await.map(drop)
}

async fn act(intake: &Intake, by: Actor, what: Deed) -> Result<Answer, ApiError> {
    Ok(intake.inbox.ask(Lane::Answers, Input::Act(Act { by, what })).await?)
}

/// `POST silences`: a new one, or another end for one that is named and keeps its conditions.
#[tracing::instrument(name = "intake.alertmanager.silence", skip_all)]
pub(super) async fn set(
    State(intake): State<Intake>,
    Writes(caller): Writes,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    is_json(&headers)?;
    let too_large = |_| ApiError::framework(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large");
    let body = to_bytes(body, BODY_LIMIT).await.map_err(too_large)?;
    let posted: Posted = serde_json::from_slice(&body).map_err(|e| {
        let status = if e.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        let message = format!("parsing silence body from \"\" failed, because {e}");
        ApiError::framework(status, message)
    })?;
    let now = intake.gate.clock.now();
    let matchers = conditions(&posted, now)?;
    let by = creator(&posted, &caller, &intake);
    let before = match posted.id.as_deref().filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => {
            let unknown = || ApiError::Text(StatusCode::NOT_FOUND, "silence not found".into());
            Some(find(&intake, of_uuid(id)?.ok_or_else(unknown)?).await?.ok_or_else(unknown)?)
        }
    };
    let id = match before {
        Some(before) if keeps(&before, &posted, &matchers, now) => {
            let deed = Deed::ChangeSilence { silence: before.id, until: posted.ends_at };
            asked(act(&intake, by, deed).await?, Some(before.id))?
        }
        before => {
            let from = (posted.starts_at > now).then_some(posted.starts_at);
            let (until, reason) = (posted.ends_at, posted.comment);
            let id = asked(act(&intake, by.clone(), Deed::AddSilence { matchers, from, until, reason }).await?, None)?;
            // The new one first: nothing is loud in between.
            if let Some(before) = before.filter(|before| now < before.until) {
                end(&intake, before.id, by).await?;
            }
            id
        }
    };
    Ok(answer(StatusCode::OK, &json!({ "silenceID": uuid(id) })))
}

/// Which silence an answer is about.
fn asked(answer: Answer, changed: Option<SilenceId>) -> Result<SilenceId, ApiError> {
    match (answer, changed) {
        (Answer::Silence(id), _) => Ok(id),
        (Answer::Refused(refusal), _) => Err(ApiError::bad(format!("silence invalid: {refusal}"))),
        (_, Some(id)) => Ok(id),
        (answer, None) => {
            tracing::error!(?answer, "the engine answered something else than was asked");
            Err(ApiError::Text(StatusCode::INTERNAL_SERVER_ERROR, "the silence was not recorded".into()))
        }
    }
}

/// The same silence with another end: its conditions stay, and it has begun when the client says that it has.
fn keeps(before: &SilenceView, posted: &Posted, matchers: &[Matcher], now: Timestamp) -> bool {
    let same = before.matchers.len() == matchers.len() && before.matchers.iter().all(|m| matchers.contains(m));
    let running = before.from <= now && now < before.until;
    same && running && before.from.as_second() == posted.starts_at.as_second()
}

/// Whoever says to have made it, through the token that was shown.
fn creator(posted: &Posted, caller: &Caller, intake: &Intake) -> Actor {
    let name = posted.created_by.trim();
    if name.is_empty() {
        return caller.actor(&intake.live.config.load().catalog);
    }
    Actor { person: None, name: name.to_owned(), via: Via::Api }
}

fn conditions(posted: &Posted, now: Timestamp) -> Result<Vec<Matcher>, ApiError> {
    if posted.matchers.is_empty() {
        return Err(ApiError::invalid(612, "matchers in body should have at least 1 items"));
    }
    if posted.ends_at <= posted.starts_at {
        return Err(ApiError::bad("failed to create silence: start time must be before end time"));
    }
    if posted.ends_at <= now {
        return Err(ApiError::bad("failed to create silence: end time can't be in the past"));
    }
    let read = posted.matchers.iter().map(|c| {
        let op = match (c.is_equal, c.is_regex) {
            (true, false) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (false, true) => MatchOp::NotRegex,
        };
        Matcher::new(&c.name, op, &c.value).map_err(|e| ApiError::bad(format!("silence invalid: {e}")))
    });
    let matchers = read.collect::<Result<Vec<_>, _>>()?;
    let nothing = Labels::new();
    if matchers.iter().all(|m| m.matches(&nothing)) {
        return Err(ApiError::bad("silence invalid: at least one matcher must not match the empty string"));
    }
    Ok(matchers)
}
