//! What every screen shares: its frame, its headers, and how a refusal looks in a browser.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use watchbell_engine::word::Locale;

use super::lang::Lang;
use super::links::percent_encoded;
use crate::gate::{Caller, Problem};
use crate::words::screen::Label;

/// One style for all screens, inside each of them: no second request, and none to a third party.
const CSS: &str = include_str!("assets/screen.css");

/// No script at all, no style but ours, forms to ourselves only.
static CSP: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, CSS.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("base64 is ASCII")
});

/// What stands around a screen.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// In which language.
    pub(super) locale: Locale,
    /// For the tab.
    pub(super) title: String,
    /// Loaded again this often, without script.
    pub(super) refresh_s: Option<u32>,
    /// A screen of the team, with its navigation; not one that a stranger may see.
    pub(super) inside: bool,
    /// Where it is.
    pub(super) path: String,
    /// Further fields that a switch of language keeps, from `&` on.
    pub(super) query: String,
    /// The name of the token that the browser holds.
    pub(super) signed_in: Option<String>,
}

impl Frame {
    /// A screen for anybody.
    pub(super) fn public(locale: Locale, title: impl Into<String>) -> Self {
        let (path, query) = (String::new(), String::new());
        Self { locale, title: title.into(), refresh_s: None, inside: false, path, query, signed_in: None }
    }

    /// A screen of the team.
    pub(super) fn inside(locale: Locale, title: impl Into<String>, path: &str, caller: Option<&Caller>) -> Self {
        let signed_in = caller.map(|c| c.name.clone());
        Self { inside: true, path: path.into(), signed_in, ..Self::public(locale, title) }
    }

    /// A text in the frame's language.
    pub(super) fn say(&self, label: Label) -> &'static str {
        label.get(self.locale)
    }

    /// The language to switch to.
    pub(super) fn other_lang(&self) -> &'static str {
        match self.locale {
            Locale::ZhCn => Locale::En.as_str(),
            Locale::En => Locale::ZhCn.as_str(),
        }
    }

    /// The style.
    pub(super) fn css(&self) -> &'static str {
        CSS
    }
}

/// A heading and a sentence.
#[derive(Template)]
#[template(path = "web/message.html")]
struct Message<'m> {
    frame: Frame,
    heading: &'m str,
    text: &'m str,
}

/// A screen as an answer that no cache keeps.
pub(super) fn page(status: StatusCode, lang: Lang, screen: &impl Template) -> Response {
    match screen.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            if let Some(cookie) = lang.remembered() {
                headers.append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => {
            tracing::error!(%error, "a screen could not be rendered");
            Problem::ours("this screen could not be made").into_response()
        }
    }
}

/// A screen that only says something.
pub(super) fn message(status: StatusCode, lang: Lang, frame: Frame, heading: &str, text: &str) -> Response {
    page(status, lang, &Message { frame, heading, text })
}

/// Turns a problem document into a screen where a browser asked, and a missing token into the way to sign in.
pub(super) async fn humane(lang: Lang, request: Request, next: Next) -> Response {
    let asked_by_browser = wants_html(request.headers()) && !request.uri().path().starts_with("/api/");
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = next.run(request).await;
    if !asked_by_browser {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    if problem.status == StatusCode::UNAUTHORIZED {
        let back = if method == Method::GET { uri.path() } else { "/" };
        return Redirect::to(&format!("/login?next={}", percent_encoded(back))).into_response();
    }
    let locale = lang.locale();
    let frame = Frame::inside(locale, problem.title, uri.path(), None);
    let heading = if problem.status == StatusCode::NOT_FOUND { Label::NotFound } else { Label::Error };
    let text = format!("{} — {}", problem.detail, problem.help);
    message(problem.status, lang, frame, heading.get(locale), &text)
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"))
}

/// Headers that hold for every answer.
pub(super) async fn safe_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // What is live must not come from a cache, unless a route says that it may.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, CSP.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Forms in chat apps' browsers would send `Origin: null` under a stricter policy.
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    response
}
