//! The page behind a page's link: what broke, why you, and three buttons. GET shows, only POST acts; it works
//! without script, in the built-in browsers of chat apps, and any number of times.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{StatusCode, Uri};
use jiff::Timestamp;
use watchbell_engine::catalog::{Catalog, Person};
use watchbell_engine::ids::PageId;
use watchbell_engine::input::{Act, Actor, Answer, Deed, Input, Refusal, Via};
use watchbell_engine::time::{Millis, after};
use watchbell_engine::view::{PageLive, PageView, TicketLive, TicketState};
use watchbell_engine::word::{Level, Locale, Severity};

use super::App;
use super::evidence::{Evidence, of_ticket};
use super::form::Form;
use super::html::{Frame, message, page};
use super::lang::Lang;
use super::links::percent_encoded;
use super::show::{Badge, Face, Moment};
use crate::gate::{Params, Problem};
use crate::inbox::Lane;
use crate::words::screen::{Label, sentence};
use crate::words::{InWords as _, why as why_words};

/// A link lives this long after the resolve (design, section 8).
const LINK_LIVES: Millis = Millis::hours(24);

/// A button.
struct Action {
    value: &'static str,
    word: &'static str,
    primary: bool,
}

/// Somebody who may have been the one in the room.
struct Member {
    id: String,
    name: String,
}

/// Somebody else who was paged.
struct Other {
    name: String,
    state: &'static str,
    at: Moment,
}

#[derive(Template)]
#[template(path = "web/ack.html")]
struct AckScreen {
    frame: Frame,
    badge: Badge,
    priority: &'static str,
    ticket: String,
    headline: String,
    impact: Option<String>,
    since: String,
    /// What came of the last press, where it was not taken.
    notice: Option<&'static str>,
    /// Who has it, or how it ended.
    standing: Option<String>,
    actions: Vec<Action>,
    /// Who can be meant, where the link went to a room.
    members: Option<Vec<Member>>,
    action: String,
    why: String,
    next: Option<String>,
    runbook: Vec<String>,
    evidence: Option<Evidence>,
    others: Vec<Other>,
}

/// What a good link opens.
struct Opened {
    ticket: std::sync::Arc<TicketLive>,
    page: PageLive,
    person: Option<Person>,
}

impl Opened {
    /// The link is about an occurrence that is over.
    fn is_earlier(&self) -> bool {
        self.page.occurrence < self.ticket.occurrence
    }

    fn is_room(&self) -> bool {
        self.person.as_ref().is_some_and(|p| p.room)
    }
}

/// Why a link opens nothing.
enum Closed {
    Unknown,
    Expired,
    Starting,
}

/// `GET /a/{token}`
pub(super) async fn show(State(app): State<App>, lang: Lang, uri: Uri, Params(token): Params<String>) -> Response {
    match open(&app, &token).await {
        Ok(opened) => {
            let notice = opened.is_earlier().then_some(Label::LinkEarlier);
            screen(&app, lang, &uri, &token, &opened, StatusCode::OK, notice).await
        }
        Err(closed) => refused(lang, closed),
    }
}

/// `POST /a/{token}` with `action=ack|escalate|decline`, nothing meaning `ack`. Safe to press twice.
#[tracing::instrument(name = "web.link.act", skip_all)]
pub(super) async fn act(
    State(app): State<App>,
    lang: Lang,
    uri: Uri,
    Params(token): Params<String>,
    body: Bytes,
) -> Response {
    let opened = match open(&app, &token).await {
        Ok(opened) => opened,
        Err(closed) => return refused(lang, closed),
    };
    let form = Form::read(&body);
    let catalog = app.live.config.load().catalog.clone();
    let answered = match (deed(form.get("action"), &opened.page.view), actor(&opened, form.get("who"), &catalog)) {
        (None, _) => Err((StatusCode::BAD_REQUEST, Label::UnknownAction)),
        (Some(_), None) => Err((StatusCode::UNPROCESSABLE_ENTITY, Label::WhoFirst)),
        (Some(what), Some(by)) => ask(&app, Act { by, what }).await,
    };
    match answered {
        Ok(()) => {
            let query = uri.query().map(|q| format!("?{q}")).unwrap_or_default();
            Redirect::to(&format!("/a/{}{query}", percent_encoded(&token))).into_response()
        }
        // Read once more: what refused the press may have changed the ticket.
        Err((status, notice)) => match open(&app, &token).await {
            Ok(opened) => screen(&app, lang, &uri, &token, &opened, status, Some(notice)).await,
            Err(closed) => refused(lang, closed),
        },
    }
}

async fn ask(app: &App, act: Act) -> Result<(), (StatusCode, Label)> {
    match app.inbox.ask(Lane::Answers, Input::Act(act)).await {
        Ok(Answer::Refused(Refusal::EarlierOccurrence(_))) => Err((StatusCode::CONFLICT, Label::LinkEarlier)),
        Ok(Answer::Refused(Refusal::AlreadyResolved(_))) => Err((StatusCode::CONFLICT, Label::AlreadyResolved)),
        Ok(Answer::Refused(other)) => {
            tracing::warn!(%other, "an act through a link was refused: {other}");
            Err((Problem::from(other).status, Label::Error))
        }
        Ok(Answer::Done | Answer::Ticket { .. }) => Ok(()),
        Ok(
            Answer::Signal { .. }
            | Answer::Signals(_)
            | Answer::Silence(_)
            | Answer::Maintenance(_)
            | Answer::Override(_)
            | Answer::Test(_),
        ) => Ok(()),
        Err(_) => Err((StatusCode::SERVICE_UNAVAILABLE, Label::TryAgain)),
    }
}

fn deed(action: Option<&str>, page: &PageView) -> Option<Deed> {
    match action {
        None | Some("ack") => Some(Deed::Ack { ticket: page.ticket, page: Some(page.id) }),
        Some("escalate") => Some(Deed::Escalate { ticket: page.ticket, page: Some(page.id) }),
        Some("decline") => Some(Deed::Decline { page: page.id }),
        Some(_) => None,
    }
}

/// Who presses: the person who was paged, or whoever of the room says so; `None` where that was left open.
fn actor(opened: &Opened, who: Option<&str>, catalog: &Catalog) -> Option<Actor> {
    let paged = opened.page.view.person.clone();
    if opened.is_room() {
        let member = catalog.people.get(who?).filter(|p| !p.room)?;
        let via = Via::Room { room: paged };
        return Some(Actor { person: Some(member.id.clone()), name: member.name.clone(), via });
    }
    let name = opened.person.as_ref().map_or_else(|| paged.to_string(), |p| p.name.clone());
    Some(Actor { person: Some(paged), name, via: Via::Link })
}

/// What a link opens now.
async fn open(app: &App, token: &str) -> Result<Opened, Closed> {
    let (id, _channel) = app.links.verify(token).ok_or(Closed::Unknown)?;
    let view = app.live.view.load();
    let Some(ticket) = view.tickets.get(&id.ticket) else {
        return Err(closed(app, id, view.at).await);
    };
    if ticket.view.resolved_at.is_some_and(|at| after(at, LINK_LIVES) < app.clock.now()) {
        return Err(Closed::Expired);
    }
    let page = ticket.pages.iter().find(|p| p.view.id == id).ok_or(Closed::Unknown)?;
    let person = app.live.config.load().catalog.people.get(&page.view.person).cloned();
    Ok(Opened { ticket: ticket.clone(), page: page.clone(), person })
}

/// Why a ticket is not in the live view: it ended long ago, it never was, or nothing is loaded yet.
async fn closed(app: &App, id: PageId, loaded: Option<Timestamp>) -> Closed {
    if loaded.is_none() {
        return Closed::Starting;
    }
    match app.store.ticket(id.ticket).await {
        Ok(Some(_)) => Closed::Expired,
        Ok(None) => Closed::Unknown,
        Err(error) => {
            tracing::error!(%error, "the store cannot be read for a link");
            Closed::Starting
        }
    }
}

fn refused(lang: Lang, closed: Closed) -> Response {
    let (status, heading, text) = match closed {
        Closed::Unknown => (StatusCode::NOT_FOUND, Label::LinkUnknown, Label::LinkUnknownHelp),
        Closed::Expired => (StatusCode::GONE, Label::LinkExpired, Label::LinkExpiredHelp),
        Closed::Starting => (StatusCode::SERVICE_UNAVAILABLE, Label::Starting, Label::TryAgain),
    };
    let locale = lang.locale();
    message(status, lang, Frame::public(locale, heading.get(locale)), heading.get(locale), text.get(locale))
}

async fn screen(
    app: &App,
    lang: Lang,
    uri: &Uri,
    token: &str,
    opened: &Opened,
    status: StatusCode,
    notice: Option<Label>,
) -> Response {
    let config = app.live.config.load_full();
    let catalog = &config.catalog;
    let own = opened.person.as_ref();
    let locale = lang.for_person(own.map_or(catalog.locale, |p| p.locale));
    let zone = own.map_or_else(|| catalog.zone.clone(), |p| p.zone.clone());
    let face = Face::new(zone, locale, app.clock.now());
    let ticket = &opened.ticket;
    let headline = headline(ticket, locale);
    let query = uri.query().map(|q| format!("?{q}")).unwrap_or_default();
    let screen = AckScreen {
        frame: Frame::public(locale, format!("{} {headline}", ticket.view.priority)),
        badge: Badge::ticket(ticket.view.state, locale),
        priority: ticket.view.priority.as_str(),
        ticket: ticket.view.id.to_string(),
        impact: ticket.impact.as_ref().map(|i| i.get(locale).to_owned()),
        since: since(ticket, &face),
        notice: notice.map(|n| n.get(locale)),
        standing: standing(ticket, &face),
        actions: actions(opened, locale),
        members: opened.is_room().then(|| members(catalog)),
        action: format!("/a/{}{query}", percent_encoded(token)),
        why: why_words(&opened.page.view.why, &face.moments, locale),
        next: next(ticket, catalog, &face),
        runbook: ticket.runbook.clone(),
        evidence: of_ticket(app, &ticket.view, &face).await,
        others: others(opened, catalog, &face),
        headline,
    };
    page(status, lang, &screen)
}

/// What broke, in about eight words.
pub(super) fn headline(ticket: &TicketLive, locale: Locale) -> String {
    let worst = ticket.view.alerts.iter().max_by_key(|a| (a.ended_at.is_none(), a.severity));
    let kind = worst.and_then(|a| a.kind);
    let level = match worst.map(|a| a.severity) {
        // Only what a probe found is known to be down; a signal's own words say what it means.
        _ if worst.is_none_or(|a| a.probe.is_none()) => Level::Up,
        Some(Severity::Warning | Severity::Info) => Level::Degraded,
        Some(Severity::Error | Severity::Critical) | None => Level::Down,
    };
    let status = ticket.run.as_ref().and_then(|r| r.status);
    sentence::headline(locale, ticket.title.get(locale), level, kind, status)
}

fn since(ticket: &TicketLive, face: &Face) -> String {
    let good = ticket.last_good.map(|at| face.at(at).text);
    let since = face.at(ticket.view.impact_started).text;
    sentence::since(face.locale, &since, &face.zone_name(), ticket.runs, good.as_deref())
}

/// Who has it, or how it ended.
pub(super) fn standing(ticket: &TicketLive, face: &Face) -> Option<String> {
    let view = &ticket.view;
    match view.state {
        TicketState::Triggered => ticket.held.map(|s| format!("{} ({s})", Label::Held.get(face.locale))),
        TicketState::Acknowledged => {
            let at = face.at(view.acknowledged_at?).text;
            Some(sentence::acknowledged(face.locale, view.acknowledged_by.as_deref().unwrap_or("?"), &at))
        }
        TicketState::Resolved => {
            let how = view.resolved_as.map_or("", |how| how.words(face.locale));
            Some(sentence::resolved(face.locale, how, &face.at(view.resolved_at?).text))
        }
    }
}

fn actions(opened: &Opened, locale: Locale) -> Vec<Action> {
    let ack = Action { value: "ack", word: Label::Acknowledge.get(locale), primary: true };
    let escalate = Action { value: "escalate", word: Label::Escalate.get(locale), primary: false };
    let decline = Action { value: "decline", word: Label::Decline.get(locale), primary: false };
    match opened.ticket.view.state {
        _ if opened.is_earlier() => Vec::new(),
        TicketState::Triggered => vec![ack, escalate, decline],
        TicketState::Acknowledged => vec![escalate],
        TicketState::Resolved => Vec::new(),
    }
}

fn members(catalog: &Catalog) -> Vec<Member> {
    let people = catalog.people.values().filter(|p| !p.room && !p.disabled);
    people.map(|p| Member { id: p.id.to_string(), name: p.name.clone() }).collect()
}

/// What happens if nobody does anything.
pub(super) fn next(ticket: &TicketLive, catalog: &Catalog, face: &Face) -> Option<String> {
    let at = ticket.view.next_step.at.filter(|_| ticket.view.state == TicketState::Triggered)?;
    let names: Vec<&str> = ticket.view.next_step.to.iter().map(|id| name_of(catalog, id.as_str())).collect();
    Some(sentence::next_page(face.locale, &face.at(at).text, face.left(at), &names))
}

fn others(opened: &Opened, catalog: &Catalog, face: &Face) -> Vec<Other> {
    let pages = opened.ticket.pages.iter().filter(|p| p.occurrence == opened.ticket.occurrence);
    let pages = pages.filter(|p| p.view.person != opened.page.view.person);
    let other = |p: &PageLive| Other {
        name: name_of(catalog, p.view.person.as_str()).to_owned(),
        state: p.view.state.words(face.locale),
        at: face.at(p.view.started_at),
    };
    pages.map(other).collect()
}

/// A person's name; the id of one who is gone.
pub(super) fn name_of<'n>(catalog: &'n Catalog, id: &'n str) -> &'n str {
    catalog.people.get(id).map_or(id, |p| p.name.as_str())
}
