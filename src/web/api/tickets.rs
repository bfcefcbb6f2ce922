//! Tickets, their pages and their stories.

use axum::extract::State;
use axum::{Extension, Json};
use http::{StatusCode, header};
use serde::Deserialize;
use watchbell_engine::ids::TicketId;
use watchbell_engine::input::{Answer, Deed};
use watchbell_engine::view::{PageView, TicketState, TicketView, WhyView};
use watchbell_engine::why_not::{Question, WhyNot};
use watchbell_engine::word::Severity;

use super::super::App;
use super::shapes::{AssignAsk, DeclareAsk, MergeAsk, NoteAsk, Pages, ResolveAsk, SnoozeAsk, Tickets, Timeline};
use super::{act, end, id, key, unexpected};
use crate::gate::{Asked, Caller, JsonBody, Once, Params, Problem};
use crate::store::TicketFilter;

/// How many tickets a list has where nothing is said.
const LIMIT: u32 = 50;

/// How many it has at most.
const LIMIT_MAX: u32 = 500;

/// `?state=&limit=&before=`
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListQuery {
    state: Option<String>,
    limit: Option<u32>,
    before: Option<String>,
}

/// `?ticket=`
#[derive(Debug, Default, Deserialize)]
pub(super) struct PagesQuery {
    ticket: Option<String>,
}

/// `GET tickets`: open ones come from the live view, so that they can be read while the store cannot.
pub(super) async fn list(State(app): State<App>, Asked(query): Asked<ListQuery>) -> Result<Json<Tickets>, Problem> {
    use TicketState::{Acknowledged, Resolved, Triggered};
    let states = match query.state.as_deref() {
        None | Some("open") => vec![Triggered, Acknowledged],
        Some("triggered") => vec![Triggered],
        Some("acknowledged") => vec![Acknowledged],
        Some("resolved") => vec![Resolved],
        Some("all") => vec![Triggered, Acknowledged, Resolved],
        Some(other) => {
            let known = "open, triggered, acknowledged, resolved or all";
            return Err(Problem::invalid(format!("`state` is `{other}`; write {known}")));
        }
    };
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid(format!("`limit` is {limit}; write 1 to {LIMIT_MAX}")));
    }
    let before = query.before.as_deref().map(str::parse::<TicketId>).transpose();
    let before = before.map_err(|e| Problem::invalid(format!("`before`: {e}")))?;
    // One more than asked tells whether there is a next page.
    let mut tickets = if states.contains(&Resolved) {
        app.store.tickets(&TicketFilter { states, before, limit: limit + 1 }).await?
    } else {
        let view = app.live.view.load();
        let newest_first = view.tickets.values().rev().map(|t| &t.view);
        let wanted = newest_first.filter(|t| states.contains(&t.state) && before.is_none_or(|b| t.id < b));
        wanted.take(limit as usize + 1).cloned().collect()
    };
    let more = tickets.len() > limit as usize;
    tickets.truncate(limit as usize);
    let next = tickets.last().filter(|_| more).map(|t| t.id.to_string());
    let tickets = tickets.into_iter().map(|t| answered(&app, t)).collect();
    Ok(Json(Tickets { tickets, next }))
}

/// `GET tickets/{id}`
pub(super) async fn one(State(app): State<App>, Params(text): Params<String>) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    if let Some(live) = app.live.view.load().tickets.get(&ticket) {
        return Ok(Json(answered(&app, live.view.clone())));
    }
    let row = app.store.ticket(ticket).await?;
    row.map(|r| Json(answered(&app, r.view))).ok_or_else(|| Problem::not_found(format!("there is no ticket {ticket}")))
}

/// `GET tickets/{id}/timeline`
pub(super) async fn timeline(State(app): State<App>, Params(text): Params<String>) -> Result<Json<Timeline>, Problem> {
    let ticket = existing(&app, &text).await?;
    let facts = app.store.facts_of(ticket).await?;
    Ok(Json(Timeline { timeline: watchbell_engine::explain::timeline(&facts), next: None }))
}

/// `GET tickets/{id}/why`
pub(super) async fn why(State(app): State<App>, Params(text): Params<String>) -> Result<Json<WhyView>, Problem> {
    let ticket = existing(&app, &text).await?;
    let facts = app.store.facts_of(ticket).await?;
    Ok(Json(watchbell_engine::explain::why(ticket, &facts)))
}

/// `?person=`
#[derive(Debug, Default, Deserialize)]
pub(super) struct WhyNotQuery {
    person: Option<String>,
}

/// `GET tickets/{id}/why-not?person=`: why this person was not paged.
pub(super) async fn why_not(
    State(app): State<App>,
    Params(text): Params<String>,
    Asked(query): Asked<WhyNotQuery>,
) -> Result<Json<WhyNot>, Problem> {
    let ticket = existing(&app, &text).await?;
    let config = app.live.config.load_full();
    let person = query.person.ok_or_else(|| Problem::invalid("say about whom: `?person=li.na`"))?;
    let (person, _) = key(&config.catalog.people, &person, "person")?;
    let facts = app.store.facts_of(ticket).await?;
    let view = app.live.view.load();
    let recorded = &view.recorded;
    let asked = Question { ticket, person, facts: &facts, catalog: &config.catalog, recorded };
    Ok(Json(watchbell_engine::why_not::why_not(asked)))
}

/// `GET pages?ticket=`; without a ticket, those of all open ones.
pub(super) async fn pages(State(app): State<App>, Asked(query): Asked<PagesQuery>) -> Result<Json<Pages>, Problem> {
    let Some(text) = query.ticket else {
        let view = app.live.view.load();
        let open = view.tickets.values().filter(|t| t.view.state != TicketState::Resolved);
        let pages = open.flat_map(|t| t.pages.iter().map(|p| p.view.clone())).collect();
        return Ok(Json(Pages { pages, next: None }));
    };
    let ticket = existing(&app, &text).await?;
    let live = app.live.view.load().tickets.get(&ticket).cloned();
    let pages: Vec<PageView> = match live {
        Some(live) => live.pages.iter().map(|p| p.view.clone()).collect(),
        None => app.store.pages(ticket).await?,
    };
    Ok(Json(Pages { pages, next: None }))
}

/// A ticket as it leaves the house: whoever reads it elsewhere opens it below the `public_url` in force.
fn answered(app: &App, ticket: TicketView) -> TicketView {
    let url = format!("{}{}", app.live.config.load().server.public_url, ticket.url);
    TicketView { url, ..ticket }
}

/// The id of a ticket that there is.
async fn existing(app: &App, text: &str) -> Result<TicketId, Problem> {
    let ticket = id(text)?;
    let live = app.live.view.load().tickets.contains_key(&ticket);
    if live || app.store.ticket(ticket).await?.is_some() {
        return Ok(ticket);
    }
    Err(Problem::not_found(format!("there is no ticket {ticket}")))
}

/// `POST tickets/{id}/ack` stops the paging. Safe to ask twice.
pub(super) async fn ack(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    changed(&app, &caller, &once, ticket, Deed::Ack { ticket, page: None }).await
}

/// `POST tickets/{id}/resolve`
pub(super) async fn resolve(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(ask): JsonBody<ResolveAsk>,
) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    let deed = Deed::Resolve { ticket, resolved_as: ask.resolved_as, cause: ask.cause };
    changed(&app, &caller, &once, ticket, deed).await
}

/// `POST tickets/{id}/escalate` pages the next step at once.
pub(super) async fn escalate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    changed(&app, &caller, &once, ticket, Deed::Escalate { ticket, page: None }).await
}

/// `POST tickets/{id}/snooze`
pub(super) async fn snooze(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(ask): JsonBody<SnoozeAsk>,
) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    let zone = app.live.config.load().catalog.zone.clone();
    let until = end(ask.until.as_deref(), ask.length.as_deref(), &zone, app.clock.now())?;
    changed(&app, &caller, &once, ticket, Deed::Snooze { ticket, until }).await
}

/// `POST tickets/{id}/note`
pub(super) async fn note(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(ask): JsonBody<NoteAsk>,
) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    changed(&app, &caller, &once, ticket, Deed::Note { ticket, text: ask.text }).await
}

/// `POST tickets/{id}/take`: I have it, in the place of whoever has it.
pub(super) async fn take(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    changed(&app, &caller, &once, ticket, Deed::Take { ticket }).await
}

/// `POST tickets/{id}/assign` pages one person, who must acknowledge.
pub(super) async fn assign(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(ask): JsonBody<AssignAsk>,
) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    changed(&app, &caller, &once, ticket, Deed::Assign { ticket, person: ask.person }).await
}

/// `POST tickets/{id}/merge`: its alerts move, and it is over. Answers with the ticket that was merged.
pub(super) async fn merge(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(text): Params<String>,
    once: Once,
    JsonBody(ask): JsonBody<MergeAsk>,
) -> Result<Json<TicketView>, Problem> {
    let ticket = id(&text)?;
    changed(&app, &caller, &once, ticket, Deed::Merge { ticket, into: ask.into }).await
}

/// `POST tickets`: 201 and where it is.
pub(super) async fn declare(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    once: Once,
    JsonBody(ask): JsonBody<DeclareAsk>,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<TicketView>), Problem> {
    if ask.severity == Severity::Info {
        let detail = "`severity` is `info`, which pages nobody; write critical, error or warning";
        return Err(Problem::invalid(detail));
    }
    let deed = Deed::Declare { summary: ask.summary, severity: ask.severity, labels: ask.labels };
    match act(&app, &once, &caller, deed).await? {
        Answer::Ticket { ticket, .. } | Answer::Signal { ticket: Some(ticket), .. } => {
            let place = [(header::LOCATION, format!("/api/v1/tickets/{ticket}"))];
            Ok((StatusCode::CREATED, place, Json(as_it_is(&app, ticket).await?)))
        }
        Answer::Signal { dedup_key, ticket: None } => {
            let detail =
                format!("`{dedup_key}` is recorded, but pages nobody: a silence matches it, or it only informs");
            Err(Problem::conflict(detail).help("look at GET /api/v1/silences, or declare it with a higher severity"))
        }
        other => Err(unexpected(&other)),
    }
}

/// Does it, and answers with the ticket as it is then.
async fn changed(
    app: &App,
    caller: &Caller,
    once: &Once,
    ticket: TicketId,
    deed: Deed,
) -> Result<Json<TicketView>, Problem> {
    act(app, once, caller, deed).await?;
    Ok(Json(as_it_is(app, ticket).await?))
}

/// The ticket as of the last commit: the store has it before the live view shows it.
async fn as_it_is(app: &App, ticket: TicketId) -> Result<TicketView, Problem> {
    match app.store.ticket(ticket).await {
        Ok(Some(row)) => return Ok(answered(app, row.view)),
        Ok(None) => (),
        Err(error) => tracing::warn!(%error, "the store cannot be read; answering from the live view"),
    }
    let view = app.live.view.load();
    let live = view.tickets.get(&ticket).map(|t| answered(app, t.view.clone()));
    live.ok_or_else(|| Problem::unavailable(format!("{ticket} was changed, but cannot be read right now")))
}
