//! Keeps secrets out of what is stored and shown.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{self, HeaderName};
use watchbell_config::HttpCheck;

/// What stands where a secret was.
const MASK: &str = "•••";

/// How many bytes of a body are kept as evidence.
pub(super) const EXCERPT_BYTES: usize = 2_048;

/// How many characters of a header's value are kept.
const HEADER_CHARS: usize = 256;

/// Shorter values are no secrets, and would be found everywhere.
const SECRET_CHARS: usize = 6;

/// Answers' headers whose values are never kept.
const NEVER_KEPT: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    header::SET_COOKIE,
    header::WWW_AUTHENTICATE,
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("authentication-info"),
];

/// Headers of a request that say nothing secret.
pub(super) const HARMLESS: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::ACCEPT_ENCODING,
    header::CACHE_CONTROL,
    header::CONTENT_TYPE,
    header::USER_AGENT,
    header::HOST,
];

/// The secrets of one probe's request, for finding them in answers.
#[derive(Clone, Default)]
pub(super) struct Mask {
    /// The longest first, so that a secret that contains another is masked whole.
    secrets: Vec<String>,
    names: Vec<HeaderName>,
}

impl Mask {
    pub(super) fn of(check: &HttpCheck) -> Self {
        let secret_headers = check.headers.iter().filter(|(name, _)| !HARMLESS.contains(name));
        let mut secrets: Vec<String> = secret_headers.clone().map(|(_, value)| value.reveal().to_owned()).collect();
        let credentials = check.authorization.iter().map(watchbell_config::Secret::reveal);
        for value in credentials.chain(check.headers.iter().map(|(_, value)| value.reveal())) {
            let Some((scheme, token)) = value.split_once(' ') else { continue };
            if scheme.eq_ignore_ascii_case("basic") {
                let plain = STANDARD.decode(token.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                secrets
                    .extend(plain.as_deref().and_then(|p| p.split_once(':')).map(|(_, password)| password.to_owned()));
                secrets.extend(plain);
            }
            if scheme.eq_ignore_ascii_case("basic") || scheme.eq_ignore_ascii_case("bearer") {
                secrets.push(token.trim().to_owned());
            }
        }
        secrets.retain(|s| s.chars().count() >= SECRET_CHARS);
        secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
        secrets.dedup();
        Self { secrets, names: secret_headers.map(|(name, _)| name.clone()).collect() }
    }

    /// The text without this probe's secrets.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = Cow::Borrowed(text);
        for secret in &self.secrets {
            if out.contains(secret.as_str()) {
                out = Cow::Owned(out.replace(secret.as_str(), MASK));
            }
        }
        out
    }

    /// An answer's head as evidence.
    pub(super) fn headers(&self, headers: &HeaderMap) -> BTreeMap<String, String> {
        let mut out = BTreeMap::<String, String>::new();
        for (name, value) in headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            let kept = if NEVER_KEPT.contains(name) || self.names.contains(name) {
                MASK.to_owned()
            } else if *name == header::LOCATION || *name == header::CONTENT_LOCATION {
                cut(&self.text(without_query(&text)), HEADER_CHARS)
            } else {
                cut(&self.text(&text), HEADER_CHARS)
            };
            out.entry(name.as_str().to_owned())
                .and_modify(|before| {
                    before.push_str(", ");
                    before.push_str(&kept);
                })
                .or_insert(kept);
        }
        out
    }

    /// The first part of a body as evidence.
    pub(super) fn body(&self, body: &[u8]) -> Option<String> {
        if body.is_empty() {
            return None;
        }
        // Masked before it is cut: a secret must not survive by lying across the end.
        let reach = EXCERPT_BYTES + self.secrets.first().map_or(0, String::len);
        let text = String::from_utf8_lossy(&body[..body.len().min(reach)]);
        let text = self.text(&text);
        let mut end = text.len().min(EXCERPT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Some(text[..end].to_owned())
    }
}

/// An address without its query and fragment.
pub(super) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// At most so many characters, with a mark where something is missing.
pub(super) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
