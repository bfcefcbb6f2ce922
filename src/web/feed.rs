//! `/ical/{token}.ics`: the shifts of a person or of a rotation for calendar programs. Whoever holds the
//! address may read it: it is made from the server's key, and a new key takes all of them back.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use watchbell_config::Config;
use watchbell_engine::catalog::{Catalog, Rotation};
use watchbell_engine::ids::{PersonId, RotationId};
use watchbell_engine::rotation::{HORIZON_DAYS, Shift};

use super::App;
use super::ical::{self, Event, Stamp};
use super::past::{Past, Span};
use crate::gate::{Params, Problem};
use crate::words::{feed_name, feed_open_end, feed_summary};

/// Shifts that ended up to so long ago are in a feed …
const BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// … and those that begin within so long; thousands of events slow phones.
const AHEAD: SignedDuration = SignedDuration::from_hours(180 * 24);

/// A shift that began before the feed does keeps its true start, and so its id: so far back it is looked for.
const TRUE_START: SignedDuration = SignedDuration::from_hours(HORIZON_DAYS * 24);

/// What changes the plan: the newest of them is its stamp.
const PLANNED_BY: [&str; 6] =
    ["started", "reloaded", "override_added", "override_removed", "absence_added", "absence_removed"];

/// Whose shifts a feed has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// Those of a person, in every rotation.
    Person(PersonId),
    /// Those of everybody in a rotation.
    Rotation(RotationId),
}

/// `GET /ical/{token}.ics`
pub(super) async fn show(
    State(app): State<App>,
    Params(file): Params<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Never an empty calendar in place of one that is gone: clients would delete every shift.
    let gone = || Problem::not_found("this calendar's address is not valid, or what it was for is gone");
    let feed = file.strip_suffix(".ics").and_then(|token| app.links.verify_feed(token)).ok_or_else(gone)?;
    let config = app.live.config.load_full();
    let is_there = match &feed {
        Feed::Person(id) => config.catalog.people.contains_key(id),
        Feed::Rotation(id) => config.catalog.rotations.contains_key(id),
    };
    if !is_there {
        return Err(gone());
    }
    let (name, events) =
        (feed_name(&subject(&feed, &config.catalog), config.catalog.locale), events(&app, &config, &feed).await?);
    let (etag, stamp) = (ical::etag(&name, &events), stamp(&app).await?);
    let known =
        headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|v| ical::is_known(v, &etag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ical::calendar(&name, &events, stamp).into_response()
    };
    let modified = stamp.0.max(midnight(app.clock.now())).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CACHE_CONTROL, "private"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::ETAG, etag.as_str()),
        (header::LAST_MODIFIED, modified.as_str()),
    ] {
        let value = HeaderValue::from_str(value).map_err(|_| Problem::ours("a header of the calendar is not ASCII"))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The id as it is shown.
fn subject(feed: &Feed, catalog: &Catalog) -> String {
    match feed {
        Feed::Person(id) => catalog.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone()),
        Feed::Rotation(id) => id.to_string(),
    }
}

/// The window is counted from midnight UTC, so that an answer stays the same all day.
fn midnight(now: Timestamp) -> Timestamp {
    const DAY: i64 = 86_400;
    Timestamp::from_second(now.as_second().div_euclid(DAY) * DAY).unwrap_or(now)
}

async fn events(app: &App, config: &Config, feed: &Feed) -> Result<Vec<Event>, Problem> {
    let today = midnight(app.clock.now());
    let from = today.saturating_sub(BACK).unwrap_or(today);
    let span = Span {
        from: from.saturating_sub(TRUE_START).unwrap_or(from),
        to: today.saturating_add(AHEAD).unwrap_or(today),
    };
    let past = Past::load(app, span.from).await?;
    let catalog = &config.catalog;
    let mut events: Vec<Event> = Vec::new();
    for rotation in catalog.rotations.values() {
        let wanted = |shift: &Shift| match feed {
            Feed::Person(id) => shift.on_duty.person == *id,
            Feed::Rotation(id) => rotation.id == *id,
        };
        let shifts = past.expanded(app, catalog, rotation, span).shifts.into_iter();
        let shown = shifts.filter(|shift| shift.to > from && wanted(shift));
        events.extend(shown.filter_map(|shift| event(config, rotation, feed, &shift, span.to)));
    }
    events.sort_by(|a, b| (a.from, &a.uid).cmp(&(b.from, &b.uid)));
    Ok(events)
}

/// Nothing but who and where: other people's servers fetch feeds. A shift of less than a second has no place in it.
fn event(config: &Config, rotation: &Rotation, feed: &Feed, shift: &Shift, horizon: Timestamp) -> Option<Event> {
    let catalog = &config.catalog;
    let second = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    let (from, to) = (second(shift.from), second(shift.to));
    let person = &shift.on_duty.person;
    let layer = shift.on_duty.layer.as_ref().map_or("override", |layer| layer.as_str());
    let host = config.server.public_url.split("://").last().and_then(|rest| rest.split(['/', ':']).next());
    let name = match feed {
        Feed::Person(_) => None,
        Feed::Rotation(_) => Some(catalog.people.get(person).map_or(person.as_str(), |p| p.name.as_str())),
    };
    (from < to).then(|| Event {
        uid: ical::uid([rotation.id.as_str(), layer, person.as_str(), &from.to_string()], host.unwrap_or("watchbell")),
        from,
        to,
        summary: feed_summary(name, rotation.id.as_str(), catalog.locale),
        description: (shift.to == horizon).then(|| feed_open_end(catalog.locale).to_owned()),
    })
}

/// When the plan was last changed.
async fn stamp(app: &App) -> Result<Stamp, Problem> {
    let mut newest = Timestamp::UNIX_EPOCH;
    for kind in PLANNED_BY {
        let facts = app.store.last_of_kind(kind, Timestamp::MAX, None, 1).await?;
        newest = facts.first().map_or(newest, |fact| newest.max(fact.at));
    }
    Ok(Stamp(newest))
}
