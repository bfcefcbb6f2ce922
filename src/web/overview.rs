//! `/`: everything at a glance. What is probed, what is open, who is on duty, who can be woken.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use watchbell_config::Config;
use watchbell_engine::catalog::{Catalog, Person, ProbeInfo};
use watchbell_engine::rotation::{OnDuty, shift_at};
use watchbell_engine::suppressed::suppressed;
use watchbell_engine::view::{LiveView, SilenceView, TestView, TicketLive, TicketState};
use watchbell_engine::word::{Level, Locale};

use super::App;
use super::ack::{headline, name_of, next, standing};
use super::health::unready;
use super::html::{Frame, page};
use super::lang::Lang;
use super::publish::believed;
use super::show::{Badge, Face, Moment, ms, sparkline};
use crate::gate::Caller;
use crate::inbox::ProbeLive;
use crate::words::InWords as _;
use crate::words::screen::{Label, sentence};

/// The page asks again this often, seconds.
const REFRESH_S: u32 = 5;

struct TicketRow {
    id: String,
    title: String,
    priority: &'static str,
    badge: Badge,
    ago: String,
    next: Option<String>,
    standing: Option<String>,
}

struct ProbeRow {
    id: String,
    title: String,
    badge: Badge,
    points: Option<String>,
    last: Option<Moment>,
    took: String,
    kind: Option<&'static str>,
}

struct DutyRow {
    rotation: String,
    person: Option<String>,
    layer: Option<String>,
    until: Option<Moment>,
}

struct PersonRow {
    name: String,
    badge: Badge,
}

struct TestRow {
    id: String,
    name: String,
    channel: String,
    receipt: &'static str,
    at: Moment,
    ago: String,
}

struct SilenceRow {
    id: String,
    matchers: String,
    until: Moment,
    by: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "web/overview.html")]
struct Overview {
    frame: Frame,
    banner: Badge,
    headline: String,
    as_of: Option<Moment>,
    age: String,
    zone: String,
    not_writing: bool,
    tickets: Vec<TicketRow>,
    probes: Vec<ProbeRow>,
    duty: Vec<DutyRow>,
    people: Vec<PersonRow>,
    test: Option<TestRow>,
    silences: Vec<SilenceRow>,
    quiet: String,
}

/// `GET /`
pub(super) async fn show(State(app): State<App>, lang: Lang, caller: Option<Extension<Caller>>) -> Response {
    let config = app.live.config.load_full();
    let view = app.live.view.load_full();
    let face = Face::new(config.catalog.zone.clone(), lang.locale(), app.clock.now());
    let title = format!("watchbell · {}", Label::Overview.get(face.locale));
    let frame = Frame::inside(face.locale, title, "/", caller.as_ref().map(|Extension(c)| c));
    let screen = overview(&app, &config, &view, &face, Frame { refresh_s: Some(REFRESH_S), ..frame });
    page(StatusCode::OK, lang, &screen)
}

fn overview(app: &App, config: &Config, view: &LiveView, face: &Face, frame: Frame) -> Overview {
    let catalog = &*config.catalog;
    let open = view.tickets.values().rev().filter(|t| t.view.state != TicketState::Resolved);
    let tickets: Vec<TicketRow> = open.map(|t| ticket_row(t, catalog, face)).collect();
    let board = app.live.probes.all();
    let (banner, words) = banner(view, &tickets, face.locale);
    Overview {
        frame,
        banner,
        headline: words,
        as_of: view.at.map(|at| face.at(at)),
        age: view.at.map(|at| face.ago(at)).unwrap_or_default(),
        zone: face.zone_name(),
        not_writing: view.at.is_some() && unready(view, face.now).is_some(),
        probes: catalog.probes.values().map(|p| probe_row(p, board.get(&p.id), view, face)).collect(),
        duty: duty(catalog, view, face),
        people: catalog.people.values().filter(|p| !p.room).map(|p| person_row(p, catalog, face.locale)).collect(),
        test: view.tests.last().map(|t| test_row(t, catalog, face)),
        quiet: super::quiet::headline(face.locale, suppressed(view).len()),
        silences: view.silences.iter().map(|s| silence_row(s, face)).collect(),
        tickets,
    }
}

/// The state that stands over everything, and the words for it.
fn banner(view: &LiveView, open: &[TicketRow], locale: Locale) -> (Badge, String) {
    let unanswered = Badge::ticket(TicketState::Triggered, locale);
    let badge = match (view.at, open) {
        (None, _) => Badge::level(None, locale),
        (Some(_), []) => Badge::level(Some(Level::Up), locale),
        (Some(_), open) if open.iter().any(|t| t.badge == unanswered) => unanswered,
        (Some(_), _) => Badge::ticket(TicketState::Acknowledged, locale),
    };
    let words = match (view.at, open.len()) {
        (None, _) => Label::Starting.get(locale).to_owned(),
        (Some(_), 0) => Label::AllQuiet.get(locale).to_owned(),
        (Some(_), n) => sentence::open_tickets(locale, n),
    };
    (badge, words)
}

fn ticket_row(ticket: &TicketLive, catalog: &Catalog, face: &Face) -> TicketRow {
    TicketRow {
        id: ticket.view.id.to_string(),
        title: headline(ticket, face.locale),
        priority: ticket.view.priority.as_str(),
        badge: Badge::ticket(ticket.view.state, face.locale),
        ago: face.ago(ticket.view.impact_started),
        next: next(ticket, catalog, face),
        standing: standing(ticket, face),
    }
}

fn probe_row(info: &ProbeInfo, live: Option<&ProbeLive>, view: &LiveView, face: &Face) -> ProbeRow {
    let believed = believed(view, &info.id);
    let level = live.and_then(|l| l.level).or(believed.map(|b| b.level));
    let run = live.and_then(|l| l.last.as_ref());
    let beat = view.beats.get(&info.id).and_then(|b| b.last_success);
    let totals: Vec<Option<f64>> = live.map(|l| l.recent.iter().map(|(_, _, ms)| *ms).collect()).unwrap_or_default();
    let kind = run.map_or_else(|| believed.and_then(|b| b.kind), |r| r.kind);
    ProbeRow {
        id: info.id.to_string(),
        title: info.title.get(face.locale).to_owned(),
        badge: Badge::level(level, face.locale),
        points: sparkline(&totals),
        last: run.map(|r| r.at).or(beat).map(|at| face.at(at)),
        took: run.and_then(|r| r.phases_ms.total).map(ms).unwrap_or_default(),
        kind: kind.map(|k| k.words(face.locale)),
    }
}

fn duty(catalog: &Catalog, view: &LiveView, face: &Face) -> Vec<DutyRow> {
    let rows = |rotation: &watchbell_engine::catalog::Rotation| {
        let row = |on_duty: Option<OnDuty>, until: Option<jiff::Timestamp>| DutyRow {
            rotation: rotation.id.to_string(),
            layer: on_duty.as_ref().map(|d| match &d.layer {
                Some(layer) => layer.to_string(),
                None => Label::Override.get(face.locale).to_owned(),
            }),
            person: on_duty.map(|d| name_of(catalog, d.person.as_str()).to_owned()),
            until: until.map(|at| face.until(at)),
        };
        let shifts = shift_at(catalog, rotation, &view.recorded, face.now);
        let mut rows: Vec<_> = shifts.into_iter().map(|(on_duty, _, until)| row(Some(on_duty), until)).collect();
        if rows.is_empty() {
            rows.push(row(None, None));
        }
        rows
    };
    catalog.rotations.values().flat_map(rows).collect()
}

fn person_row(person: &Person, catalog: &Catalog, locale: Locale) -> PersonRow {
    let loud = person.channels.iter().filter_map(|id| catalog.channels.get(id)).any(|c| c.loud);
    let (class, mark, word) = match (person.disabled, person.channels.is_empty(), loud) {
        (true, _, _) => ("unknown", "○", Label::Disabled),
        (false, true, _) => ("major", "■", Label::NoContact),
        (false, false, false) => ("degraded", "▲", Label::NotLoud),
        (false, false, true) => ("up", "●", Label::Loud),
    };
    PersonRow { name: person.name.clone(), badge: Badge::public(class, mark, word.get(locale)) }
}

fn test_row(test: &TestView, catalog: &Catalog, face: &Face) -> TestRow {
    TestRow {
        id: test.id.to_string(),
        name: name_of(catalog, test.person.as_str()).to_owned(),
        channel: test.channel.to_string(),
        receipt: test.receipt.map_or(Label::UnderWay.get(face.locale), |r| r.words(face.locale)),
        at: face.at(test.at),
        ago: face.ago(test.at),
    }
}

fn silence_row(silence: &SilenceView, face: &Face) -> SilenceRow {
    let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    SilenceRow {
        id: silence.id.to_string(),
        matchers: matchers.join(", "),
        until: face.until(silence.until),
        by: silence.by.clone(),
        reason: silence.reason.clone(),
    }
}
