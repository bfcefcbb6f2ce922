//! `/quiet`: everything that nobody is paged for now, why, since when and until when; silences and
//! maintenance windows, with what ends soon.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use watchbell_engine::label::Matcher;
use watchbell_engine::suppressed::{Suppressed, WHYS, counts, suppressed};
use watchbell_engine::view::{LiveView, MaintenanceView, SilenceView};
use watchbell_engine::word::Locale;

use super::App;
use super::api::quiet::{all_windows, recurring};
use super::api::shapes::RecurringSilence;
use super::html::{Frame, page};
use super::lang::Lang;
use super::show::{Badge, Face, Moment};
use crate::gate::Caller;
use crate::words;
use crate::words::screen::Label;

/// The page asks again this often, seconds.
const REFRESH_S: u32 = 15;

struct Count {
    word: &'static str,
    n: u64,
}

struct Row {
    key: String,
    summary: String,
    severity: &'static str,
    badge: Badge,
    reason: String,
    since: Moment,
    ago: String,
    until: Option<Moment>,
    ticket: Option<String>,
}

struct Window {
    id: String,
    badge: Badge,
    matchers: String,
    from: Moment,
    until: Moment,
    by: String,
    text: String,
    kept: String,
}

#[derive(Template)]
#[template(path = "web/quiet.html")]
struct QuietPage {
    frame: Frame,
    headline: String,
    counts: Vec<Count>,
    rows: Vec<Row>,
    silences: Vec<Window>,
    windows: Vec<Window>,
}

/// `GET /quiet`
pub(super) async fn show(State(app): State<App>, lang: Lang, caller: Option<Extension<Caller>>) -> Response {
    let config = app.live.config.load_full();
    let view = app.live.view.load_full();
    let face = Face::new(config.catalog.zone.clone(), lang.locale(), app.clock.now());
    let title = format!("watchbell · {}", Label::NotPaged.get(face.locale));
    let frame = Frame::inside(face.locale, title, "/quiet", caller.as_ref().map(|Extension(c)| c));
    let all = suppressed(&view);
    let recorded = view.silences.iter().map(|s| silence(s, &face));
    let standing = recurring(&view, &config.catalog, face.now);
    let screen = QuietPage {
        frame: Frame { refresh_s: Some(REFRESH_S), ..frame },
        headline: headline(face.locale, all.len()),
        counts: some(&view, face.locale),
        rows: all.iter().map(|s| row(s, &face)).collect(),
        silences: recorded.chain(standing.iter().map(|s| standing_row(s, &face))).collect(),
        windows: all_windows(&view, &config.catalog, face.now).iter().map(|m| window(m, &face)).collect(),
    };
    page(StatusCode::OK, lang, &screen)
}

/// How many alerts nobody is paged for.
pub(super) fn headline(locale: Locale, n: usize) -> String {
    match (locale, n) {
        (_, 0) => Label::NothingQuiet.get(locale).to_owned(),
        (Locale::ZhCn, n) => format!("{n} 个告警没有呼叫任何人"),
        (Locale::En, 1) => "1 alert pages nobody".into(),
        (Locale::En, n) => format!("{n} alerts page nobody"),
    }
}

fn some(view: &LiveView, locale: Locale) -> Vec<Count> {
    let counts = counts(view);
    let count = |why: &&str| Count { word: word(why, locale), n: counts.get(why).copied().unwrap_or(0) };
    WHYS.iter().map(count).filter(|c| c.n > 0).collect()
}

/// The word for a reason.
fn word(why: &str, locale: Locale) -> &'static str {
    let label = match why {
        "silence" => Label::QuietSilence,
        "maintenance" => Label::QuietMaintenance,
        "inhibition" => Label::QuietInhibition,
        "dependency" => Label::QuietDependency,
        "storm" => Label::QuietStorm,
        "flap" => Label::QuietFlap,
        "hold" => Label::QuietHold,
        "info" => Label::QuietInfo,
        _ => Label::QuietSettling,
    };
    label.get(locale)
}

fn row(s: &Suppressed, face: &Face) -> Row {
    let said = s.quiet.as_ref().map(|quiet| words::quiet(quiet, face.locale));
    let for_hours = || (s.why == "hold").then(|| Label::HeldForHours.get(face.locale).to_owned());
    Row {
        key: s.alert.dedup_key.to_string(),
        summary: s.alert.summary.clone(),
        severity: s.alert.severity.as_str(),
        badge: Badge::public("unknown", "◌", word(&s.why, face.locale)),
        reason: said.or_else(|| s.by.clone()).or_else(for_hours).unwrap_or_default(),
        since: face.at(s.since),
        ago: face.ago(s.since),
        until: s.until.map(|at| face.until(at)),
        ticket: s.ticket.map(|id| id.to_string()),
    }
}

fn texts(matchers: &[Matcher]) -> String {
    matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// In force, ending soon, or to come: word, shape and colour.
fn state(active: bool, ends_soon: bool, locale: Locale) -> Badge {
    match (active, ends_soon) {
        (true, true) => Badge::public("degraded", "▲", Label::EndsSoon.get(locale)),
        (true, false) => Badge::public("up", "●", Label::InForce.get(locale)),
        (false, _) => Badge::public("unknown", "○", Label::Pending.get(locale)),
    }
}

fn kept(n: u32, locale: Locale) -> String {
    match locale {
        Locale::ZhCn => format!("正在静默 {n} 个告警"),
        Locale::En => format!("{n} quiet now"),
    }
}

fn silence(s: &SilenceView, face: &Face) -> Window {
    Window {
        id: s.id.to_string(),
        badge: state(s.active, s.ends_soon, face.locale),
        matchers: texts(&s.matchers),
        from: face.until(s.from),
        until: face.until(s.until),
        by: s.by.clone(),
        text: s.reason.clone(),
        kept: kept(s.silenced, face.locale),
    }
}

fn standing_row(s: &RecurringSilence, face: &Face) -> Window {
    Window {
        id: s.id.clone(),
        badge: state(s.active, false, face.locale),
        matchers: texts(&s.matchers),
        from: face.until(s.from),
        until: face.until(s.until),
        by: s.owner.clone(),
        text: s.reason.clone(),
        kept: kept(s.silenced, face.locale),
    }
}

fn window(m: &MaintenanceView, face: &Face) -> Window {
    Window {
        id: m.id.clone(),
        badge: state(m.active, false, face.locale),
        matchers: texts(&m.matchers),
        from: face.until(m.from),
        until: face.until(m.until),
        by: m.by.clone(),
        text: m.title.clone(),
        kept: kept(m.quiet, face.locale),
    }
}
