//! A browser keeps its token in a cookie that no script reads and no other site sends.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use watchbell_engine::word::Locale;

use super::App;
use super::form::Form;
use super::html::{Frame, page};
use super::lang::Lang;
use crate::gate::{COOKIE, Problem, same_origin};
use crate::words::screen::Label;

/// How long a browser stays signed in, seconds: a week of duty.
const STAYS_S: u32 = 7 * 24 * 3600;

#[derive(Template)]
#[template(path = "web/login.html")]
struct Login {
    frame: Frame,
    next: String,
    refused: bool,
}

impl Login {
    fn new(locale: Locale, next: &str, refused: bool) -> Self {
        let query = format!("&next={}", super::links::percent_encoded(next));
        let frame = Frame { query, ..Frame::public(locale, Label::SignIn.get(locale)) };
        Self { frame, next: next.into(), refused }
    }
}

/// `GET /login`
pub(super) async fn show(lang: Lang, uri: Uri) -> Response {
    let form = Form::read(uri.query().unwrap_or_default().as_bytes());
    page(StatusCode::OK, lang, &Login::new(lang.locale(), inside_path(form.get("next")), false))
}

/// `POST /login` with `token` and `next`.
pub(super) async fn enter(
    State(app): State<App>,
    lang: Lang,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    ours(&headers)?;
    let form = Form::read(&body);
    let next = inside_path(form.get("next"));
    let token = form.get("token").unwrap_or_default();
    if app.gate().caller(token).await?.is_none() {
        return Ok(page(StatusCode::FORBIDDEN, lang, &Login::new(lang.locale(), next, true)));
    }
    let secure = if !app.loopback && app.live.config.load().server.tls.is_some() { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={STAYS_S}{secure}");
    // A token that we know is made of base64url characters, which a header takes.
    let cookie =
        HeaderValue::from_str(&cookie).map_err(|_| Problem::malformed("the token has characters that no token has"))?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

/// `POST /logout`
pub(super) async fn leave(headers: HeaderMap) -> Result<Response, Problem> {
    ours(&headers)?;
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

fn ours(headers: &HeaderMap) -> Result<(), Problem> {
    if same_origin(headers) {
        return Ok(());
    }
    Err(Problem::forbidden("the request comes from another site", "sign in on watchbell's own screen"))
}

/// Where to go on: only inside, never to another site.
fn inside_path(next: Option<&str>) -> &str {
    next.filter(|path| path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']))
        .unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_inside_only() {
        for (next, expected) in [
            (Some("/tickets/INC-4"), "/tickets/INC-4"),
            (Some("//evil.example"), "/"),
            (Some("https://evil.example"), "/"),
            (Some("/\\evil"), "/"),
            (None, "/"),
        ] {
            assert_eq!(inside_path(next), expected, "{next:?}");
        }
    }
}
