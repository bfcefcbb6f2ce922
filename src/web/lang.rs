//! The language of a screen: what the reader chose, what the browser asks for, what the catalog says.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use watchbell_engine::word::Locale;

use super::App;
use super::form::Form;
use crate::gate::cookie;

/// The cookie that remembers the choice.
const COOKIE: &str = "wb_lang";

/// The language of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lang {
    /// What the reader chose by a link or a cookie.
    pub(super) chosen: Option<Locale>,
    /// What the browser asks for.
    asked: Option<Locale>,
    /// What the configuration says.
    usual: Locale,
    /// The choice came with this request and is to be remembered.
    fresh: bool,
}

impl Lang {
    fn of(query: &str, headers: &HeaderMap, usual: Locale) -> Self {
        let fresh = Form::read(query.as_bytes()).get("lang").and_then(named);
        let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
        Self {
            chosen: fresh.or_else(|| cookie(headers, COOKIE).and_then(named)),
            asked: accept.and_then(preferred),
            usual,
            fresh: fresh.is_some(),
        }
    }

    /// For a screen that anybody may read.
    pub(super) fn locale(self) -> Locale {
        self.chosen.or(self.asked).unwrap_or(self.usual)
    }

    /// For a screen that is meant for one person, whose own language counts before the browser's.
    pub(super) fn for_person(self, own: Locale) -> Locale {
        self.chosen.unwrap_or(own)
    }

    /// The header that remembers a choice made with this request.
    pub(super) fn remembered(self) -> Option<HeaderValue> {
        let chosen = self.chosen.filter(|_| self.fresh)?;
        let value = format!("{COOKIE}={chosen}; Path=/; Max-Age=31536000; SameSite=Lax");
        Some(HeaderValue::from_str(&value).expect("a locale is ASCII"))
    }
}

impl FromRequestParts<App> for Lang {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let usual = app.live.config.load().catalog.locale;
        Ok(Self::of(parts.uri.query().unwrap_or_default(), &parts.headers, usual))
    }
}

/// A language that we have, by its tag or the start of it.
fn named(tag: &str) -> Option<Locale> {
    match tag.trim().split(['-', '_']).next().map(str::to_ascii_lowercase).as_deref() {
        Some("zh") => Some(Locale::ZhCn),
        Some("en") => Some(Locale::En),
        Some(_) | None => None,
    }
}

/// The language that an Accept-Language header likes best of those we have (RFC 9110, 12.5.4).
fn preferred(accept: &str) -> Option<Locale> {
    let mut best: Option<(f32, Locale)> = None;
    for part in accept.split(',') {
        let mut fields = part.split(';');
        let Some(locale) = fields.next().and_then(named) else { continue };
        let q = fields.find_map(|f| f.trim().strip_prefix("q=")).map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
        if q > 0.0 && best.is_none_or(|(top, _)| q > top) {
            best = Some((q, locale));
        }
    }
    best.map(|(_, locale)| locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_best_language_that_we_have() {
        for (accept, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Locale::ZhCn)),
            ("de,en;q=0.7,zh;q=0.3", Some(Locale::En)),
            ("en;q=0.2, zh-TW;q=0.4", Some(Locale::ZhCn)),
            ("fr, de", None),
            ("en;q=0, zh;q=0.1", Some(Locale::ZhCn)),
            ("en;q=rubbish", None),
            ("", None),
        ] {
            assert_eq!(preferred(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_choice_beats_the_browser_and_is_remembered_once() {
        let headers: HeaderMap = [
            (header::ACCEPT_LANGUAGE, HeaderValue::from_static("en")),
            (header::COOKIE, HeaderValue::from_static("wb_lang=zh-CN")),
        ]
        .into_iter()
        .collect();
        let by_cookie = Lang::of("", &headers, Locale::En);
        assert_eq!((by_cookie.locale(), by_cookie.remembered()), (Locale::ZhCn, None));
        let by_link = Lang::of("a=b&lang=en", &headers, Locale::ZhCn);
        assert_eq!(by_link.locale(), Locale::En);
        assert!(by_link.remembered().is_some_and(|v| v.to_str().is_ok_and(|v| v.starts_with("wb_lang=en; "))));
        let plain = Lang::of("", &HeaderMap::new(), Locale::ZhCn);
        assert_eq!((plain.locale(), plain.for_person(Locale::En)), (Locale::ZhCn, Locale::En));
    }
}
