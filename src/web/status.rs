//! `/status`, for the public: a banner, the components, and how old the data is.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use watchbell_engine::ids::ProbeId;
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::word::Locale;

use super::App;
use super::html::{Frame, page};
use super::lang::Lang;
use super::publish::{Component, Public, banner, components};
use super::show::{Badge, Face, Moment};
use crate::inbox::ProbeLive;
use crate::words::screen::{Label, sentence};

/// The page asks again this often, seconds.
const REFRESH_S: u32 = 5;

/// Data older than this is called old.
const OLD_AFTER: Millis = Millis::secs(60);

struct Row {
    name: String,
    badge: Badge,
    since: Option<Moment>,
}

#[derive(Template)]
#[template(path = "web/status.html")]
struct Status {
    frame: Frame,
    banner: Badge,
    old: Option<String>,
    components: Vec<Row>,
    as_of: Option<Moment>,
    age: String,
    zone: String,
}

/// `GET /status`
pub(super) async fn show(State(app): State<App>, lang: Lang) -> Response {
    let config = app.live.config.load();
    let view = app.live.view.load();
    let now = app.clock.now();
    let locale = lang.locale();
    let face = Face::new(config.catalog.zone.clone(), locale, now);
    let list = components(&config.catalog, &view, now);
    let as_of = newest(&app, &view);
    let frame = Frame { refresh_s: Some(REFRESH_S), ..Frame::public(locale, Label::StatusPage.get(locale)) };
    let screen = Status {
        banner: banner_badge(if as_of.is_none() { Public::Unknown } else { banner(&list) }, locale),
        old: as_of.map(|at| elapsed(at, now)).filter(|age| *age > OLD_AFTER).map(|age| sentence::old_data(locale, age)),
        components: list.into_iter().map(|c| row(c, &face)).collect(),
        as_of: as_of.map(|at| face.at(at)),
        age: as_of.map(|at| face.ago(at)).unwrap_or_default(),
        zone: face.zone_name(),
        frame,
    };
    let mut response = page(StatusCode::OK, lang, &screen);
    if lang.remembered().is_none() {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=2"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-language, cookie"));
    }
    response
}

/// When something was last learnt: the newest conclusive run, or commit where nothing is probed here.
fn newest(app: &App, view: &watchbell_engine::view::LiveView) -> Option<jiff::Timestamp> {
    let theirs = |(id, live): (&ProbeId, &ProbeLive)| live.conclusive_at.filter(|_| !id.is_our_own());
    let run = app.live.probes.look(|all| all.iter().filter_map(theirs).max());
    run.or(view.last_commit)
}

fn row(component: Component, face: &Face) -> Row {
    let since = component.since.map(|at| face.at(at));
    Row { badge: badge(component.state, face.locale), name: component.name, since }
}

fn badge(state: Public, locale: Locale) -> Badge {
    let (class, mark) = shape(state);
    let word = match state {
        Public::Operational => Label::PublicOperational,
        Public::Unknown => Label::PublicUnknown,
        Public::Degraded => Label::PublicDegraded,
        Public::Partial => Label::PublicPartial,
        Public::Major => Label::PublicMajor,
    };
    Badge::public(class, mark, word.get(locale))
}

fn banner_badge(state: Public, locale: Locale) -> Badge {
    let (class, mark) = shape(state);
    let word = match state {
        Public::Operational => Label::BannerOperational,
        Public::Unknown => Label::BannerUnknown,
        Public::Degraded => Label::BannerDegraded,
        Public::Partial => Label::BannerPartial,
        Public::Major => Label::BannerMajor,
    };
    Badge::public(class, mark, word.get(locale))
}

const fn shape(state: Public) -> (&'static str, &'static str) {
    match state {
        Public::Operational => ("up", "●"),
        Public::Unknown => ("unknown", "○"),
        Public::Degraded => ("degraded", "▲"),
        Public::Partial => ("partial", "◆"),
        Public::Major => ("major", "■"),
    }
}
