//! `/tickets/{id}`: a ticket's whole story, and with a token the buttons to work on it.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::StatusCode;
use watchbell_engine::catalog::{Catalog, Localized};
use watchbell_engine::explain::{timeline, why};
use watchbell_engine::fact::Fact;
use watchbell_engine::ids::TicketId;
use watchbell_engine::input::{Act, Deed, Input};
use watchbell_engine::view::{
    AlertState, AlertView, PageView, TicketLive, TicketState, TicketView, TimelineEntry, WhyDecision,
};
use watchbell_engine::word::{Level, Locale, ResolvedAs, Severity};

use super::App;
use super::ack::{headline, name_of, next, standing};
use super::evidence::{Evidence, Line, of_ticket};
use super::form::Form;
use super::html::{Frame, page};
use super::lang::Lang;
use super::show::{Badge, Face, Moment};
use crate::gate::{Access, Caller, Params, Problem};
use crate::inbox::Lane;
use crate::words::screen::{Label, fact_name};
use crate::words::{InWords as _, why as why_words};

struct Entry {
    at: Moment,
    name: Option<String>,
    text: String,
}

struct Decision {
    at: Moment,
    outcome: &'static str,
    who: String,
    reason: String,
}

struct AlertRow {
    summary: String,
    key: String,
    severity: &'static str,
    kind: Option<&'static str>,
    badge: Badge,
    at: Moment,
}

struct AttemptRow {
    channel: String,
    receipt: &'static str,
    at: Moment,
    detail: Option<String>,
}

struct PageRow {
    id: String,
    name: String,
    state: &'static str,
    why: String,
    at: Moment,
    attempts: Vec<AttemptRow>,
}

struct How {
    id: &'static str,
    name: &'static str,
}

/// The buttons of somebody who may act.
struct Buttons {
    open: bool,
    can_ack: bool,
    /// Somebody else may take it over.
    can_take: bool,
    hows: Vec<How>,
    /// Whom it can be given to: id and name.
    people: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "web/ticket.html")]
struct TicketScreen {
    frame: Frame,
    id: String,
    badge: Badge,
    priority: &'static str,
    title: String,
    impact: Option<String>,
    notice: Option<String>,
    next: Option<String>,
    timeline: Vec<Entry>,
    decisions: Vec<Decision>,
    act: Option<Buttons>,
    alerts: Vec<AlertRow>,
    evidence: Option<Evidence>,
    pages: Vec<PageRow>,
    facts: Vec<Line>,
    runbook: Vec<String>,
}

/// `GET /tickets/{id}`
pub(super) async fn show(
    State(app): State<App>,
    lang: Lang,
    caller: Option<Extension<Caller>>,
    Params(id): Params<String>,
) -> Result<Response, Problem> {
    let id: TicketId = id.parse().map_err(|e: watchbell_engine::ids::NotAnId| Problem::not_found(e.to_string()))?;
    let ticket = load(&app, id).await?;
    let facts = app.store.facts_of(id).await?;
    let config = app.live.config.load_full();
    let face = Face::new(config.catalog.zone.clone(), lang.locale(), app.clock.now());
    let caller = caller.as_ref().map(|Extension(c)| c);
    let evidence = of_ticket(&app, &ticket.view, &face).await;
    let screen = screen(&ticket, &facts, evidence, &config.catalog, &face, caller);
    Ok(page(StatusCode::OK, lang, &screen))
}

/// `POST /tickets/{id}/{ack|escalate|resolve|note|take|assign|merge}`, from the screen's own forms.
#[tracing::instrument(name = "web.ticket.act", skip_all, fields(ticket.id = %id))]
pub(super) async fn act(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params((id, deed)): Params<(String, String)>,
    body: Bytes,
) -> Result<Response, Problem> {
    let ticket: TicketId = id.parse().map_err(|e: watchbell_engine::ids::NotAnId| Problem::not_found(e.to_string()))?;
    let form = Form::read(&body);
    let what = match deed.as_str() {
        "ack" => Deed::Ack { ticket, page: None },
        "escalate" => Deed::Escalate { ticket, page: None },
        "resolve" => {
            let how = form.get("as").map_or(Ok(ResolvedAs::Fixed), str::parse);
            let resolved_as = how.map_err(|e| Problem::invalid(e.to_string()))?;
            Deed::Resolve { ticket, resolved_as, cause: form.get("cause").map(str::to_owned) }
        }
        "take" => Deed::Take { ticket },
        "assign" => {
            let person = form.get("person").unwrap_or_default();
            Deed::Assign { ticket, person: person.into() }
        }
        "merge" => {
            let into = form.get("into").unwrap_or_default().trim().parse();
            let into = into.map_err(|e: watchbell_engine::ids::NotAnId| Problem::invalid(e.to_string()))?;
            Deed::Merge { ticket, into }
        }
        "note" => Deed::Note { ticket, text: form.get("text").unwrap_or_default().to_owned() },
        other => return Err(Problem::not_found(format!("a ticket has no action `{other}`"))),
    };
    let by = caller.actor(&app.live.config.load().catalog);
    let answer = app.inbox.ask(Lane::Answers, Input::Act(Act { by, what })).await?;
    super::api::settled(answer)?;
    Ok(Redirect::to(&format!("/tickets/{ticket}")).into_response())
}

/// The ticket from the live view; one that ended long ago from the store.
async fn load(app: &App, id: TicketId) -> Result<TicketLive, Problem> {
    if let Some(live) = app.live.view.load().tickets.get(&id) {
        return Ok((**live).clone());
    }
    let row = app.store.ticket(id).await?.ok_or_else(|| Problem::not_found(format!("there is no ticket {id}")))?;
    let page = |view: PageView| watchbell_engine::view::PageLive { view, occurrence: row.view.reopened + 1 };
    Ok(TicketLive {
        occurrence: row.view.reopened + 1,
        title: Localized::same(row.view.title.clone()),
        impact: row.view.impact.clone().map(Localized::same),
        pages: row.pages.iter().cloned().map(page).collect(),
        runbook: Vec::new(),
        held: None,
        held_by: None,
        run: None,
        last_good: None,
        runs: 0,
        view: row.view,
    })
}

fn screen(
    ticket: &TicketLive,
    facts: &[Fact],
    evidence: Option<Evidence>,
    catalog: &Catalog,
    face: &Face,
    caller: Option<&Caller>,
) -> TicketScreen {
    let locale = face.locale;
    let view = &ticket.view;
    let title = headline(ticket, locale);
    let path = format!("/tickets/{}", view.id);
    TicketScreen {
        frame: Frame::inside(locale, format!("{} {title}", view.id), &path, caller),
        id: view.id.to_string(),
        badge: Badge::ticket(view.state, locale),
        priority: view.priority.as_str(),
        title,
        impact: ticket.impact.as_ref().map(|i| i.get(locale).to_owned()),
        notice: standing(ticket, face),
        next: next(ticket, catalog, face),
        timeline: timeline(facts).into_iter().map(|e| entry(e, face)).collect(),
        decisions: why(view.id, facts).decisions.into_iter().map(|d| decision(d, catalog, face)).collect(),
        act: caller.filter(|c| Access::Responder.permits(c.role)).map(|_| buttons(view.state, catalog, locale)),
        alerts: view.alerts.iter().map(|a| alert_row(a, face)).collect(),
        evidence,
        pages: ticket.pages.iter().map(|p| page_row(&p.view, catalog, face)).collect(),
        facts: particulars(view, face),
        runbook: ticket.runbook.clone(),
    }
}

/// English shows the entry's own text; Chinese puts the name of its kind above it.
fn entry(entry: TimelineEntry, face: &Face) -> Entry {
    let name = match face.locale {
        Locale::ZhCn => {
            let by = entry.by.as_ref().map(|by| format!(" · {by}")).unwrap_or_default();
            Some(format!("{}{by}", fact_name(&entry.kind)))
        }
        Locale::En => None,
    };
    Entry { at: face.at(entry.at), name, text: entry.text }
}

fn decision(decision: WhyDecision, catalog: &Catalog, face: &Face) -> Decision {
    Decision {
        at: face.at(decision.at),
        outcome: decision.outcome.words(face.locale),
        who: decision.person.map(|p| name_of(catalog, p.as_str()).to_owned()).unwrap_or_default(),
        reason: decision.reason,
    }
}

fn buttons(state: TicketState, catalog: &Catalog, locale: Locale) -> Buttons {
    let hows = ResolvedAs::ALL.iter().map(|how| How { id: how.as_str(), name: how.words(locale) });
    let people = catalog.people.values().filter(|p| !p.disabled && !p.channels.is_empty());
    Buttons {
        open: state != TicketState::Resolved,
        can_ack: state == TicketState::Triggered,
        can_take: state == TicketState::Acknowledged,
        hows: hows.collect(),
        people: people.map(|p| (p.id.to_string(), p.name.clone())).collect(),
    }
}

fn alert_row(alert: &AlertView, face: &Face) -> AlertRow {
    let level = match (alert.state, alert.severity) {
        (AlertState::Resolved, _) => Level::Up,
        (AlertState::Firing, Severity::Info | Severity::Warning) => Level::Degraded,
        (AlertState::Firing, Severity::Error | Severity::Critical) => Level::Down,
    };
    let badge = Badge { word: alert.state.words(face.locale), ..Badge::level(Some(level), face.locale) };
    AlertRow {
        summary: alert.summary.clone(),
        key: alert.dedup_key.to_string(),
        severity: alert.severity.words(face.locale),
        kind: alert.kind.map(|k| k.words(face.locale)),
        badge,
        at: face.at(alert.started_at),
    }
}

fn page_row(page: &PageView, catalog: &Catalog, face: &Face) -> PageRow {
    let attempts = page.attempts.iter().map(|a| AttemptRow {
        channel: a.channel.to_string(),
        receipt: a.receipt.map_or(Label::UnderWay.get(face.locale), |r| r.words(face.locale)),
        at: face.at(a.at),
        detail: a.detail.clone(),
    });
    PageRow {
        id: page.id.to_string(),
        name: name_of(catalog, page.person.as_str()).to_owned(),
        state: page.state.words(face.locale),
        why: why_words(&page.why, &face.moments, face.locale),
        at: face.at(page.started_at),
        attempts: attempts.collect(),
    }
}

fn particulars(view: &TicketView, face: &Face) -> Vec<Line> {
    let moment = |at: jiff::Timestamp| {
        let shown = face.at(at);
        format!("{} ({})", shown.text, shown.utc)
    };
    let beside = view.held_until.is_some() || view.assigned_to.is_some();
    let step = view.step.map(|step| step.to_string());
    let step = step.or_else(|| (!beside).then(|| Label::CatchAll.get(face.locale).to_owned()));
    let waits: Vec<String> =
        view.waiting.iter().map(|w| format!("{} {}: {}", w.policy, w.step.unwrap_or(0), moment(w.until))).collect();
    let acks: Vec<String> = view.acknowledged_by_some.iter().map(|a| a.by.clone()).collect();
    let missing: Vec<String> = view.still_to_acknowledge.iter().map(ToString::to_string).collect();
    let some = |list: Vec<String>| (!list.is_empty()).then(|| list.join(", "));
    let lines = [
        (Label::Policy, Some(view.policy.to_string())),
        (Label::Step, step.filter(|_| view.state == TicketState::Triggered)),
        (Label::Owner, view.owner.clone()),
        (Label::OpenedAt, Some(moment(view.opened_at))),
        (Label::FirstAccepted, view.first_page_accepted.map(moment)),
        (Label::AcknowledgedBy, view.acknowledged_by.clone()),
        (Label::SnoozedUntil, view.snoozed_until.map(moment)),
        (Label::AssignTo, view.assigned_to.as_ref().map(ToString::to_string)),
        (Label::HeldUntil, view.held_until.map(moment)),
        (Label::AckTimesOut, view.ack_times_out.map(moment)),
        (Label::WaitsFor, some(waits)),
        (Label::AcknowledgedBySome, some(acks)),
        (Label::StillToAcknowledge, some(missing)),
        (Label::MergedInto, view.merged_into.map(|into| into.to_string())),
        (Label::Reopened, (view.reopened > 0).then(|| view.reopened.to_string())),
    ];
    lines.into_iter().filter_map(|(name, value)| Some(Line { name: name.get(face.locale), value: value? })).collect()
}
