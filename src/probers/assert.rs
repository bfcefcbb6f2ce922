//! Judges an answer by what the probe expects of it, and remembers every assertion that was judged.

use http::header::{self, HeaderMap, HeaderName};
use jiff::Timestamp;
use serde_json::Value;
use watchbell_config::{Expect, HeaderRule};
use watchbell_engine::observation::{Assertion, Certificate, Phases};
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::word::FailureKind;

use super::body::{Body, Bounds};
use super::fault::Fault;
use super::json;
use super::latency;
use super::mask::{EXCERPT_BYTES, Mask, cut};

/// The cap of a decoded body where the probe names none, bytes (design, defaults).
const BODY_CAP: u64 = 1024 * 1024;

/// How much of a wrong value is shown, characters.
const FOUND_CHARS: usize = 80;

/// What is expected, with the sentences made once.
pub(super) struct Expectation {
    expect: Expect,
    status: String,
    headers: Vec<String>,
    body: Vec<String>,
    json: Vec<String>,
}

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
}

/// The notes of one judgement; the first failure counts.
struct Judgement<'a> {
    assertions: &'a mut Vec<Assertion>,
    mask: &'a Mask,
    fault: Option<Fault>,
}

impl Expectation {
    pub(super) fn new(expect: Expect) -> Self {
        let body = expect.body.contains.iter().map(|text| format!("body contains {text:?}"));
        let matches = expect.body.matches.iter().map(|regex| format!("body matches {regex}"));
        Self {
            status: format!("status is {}", expect.status),
            headers: expect.headers.iter().map(|(name, rule)| header_what(name, rule)).collect(),
            body: body.chain(matches).collect(),
            json: expect.json.iter().map(json::what).collect(),
            expect,
        }
    }

    /// How much of the body may come and how much of it is needed.
    pub(super) fn bounds(&self) -> Bounds {
        let cap = self.expect.body.at_most.unwrap_or(BODY_CAP);
        let keep = if self.needs_body() { usize::try_from(cap).unwrap_or(usize::MAX) } else { EXCERPT_BYTES };
        Bounds { cap, keep }
    }

    /// Whether any assertion looks into the body.
    pub(super) fn needs_body(&self) -> bool {
        !self.body.is_empty() || !self.json.is_empty()
    }

    /// Whether an answer with this status is what is wanted, redirects included.
    pub(super) fn wants(&self, status: u16) -> bool {
        self.expect.status.contains(status)
    }

    /// Judges status and headers; `Err` ends the run, since the rest would only repeat it.
    pub(super) fn head(&self, head: &Head, mask: &Mask, out: &mut Vec<Assertion>) -> Result<(), Fault> {
        let ok = self.wants(head.status);
        let found = (!ok).then(|| head.status.to_string());
        out.push(Assertion { what: self.status.clone(), ok, found });
        if !ok {
            let hint = head.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
            let hint = hint.map(|v| format!(" (Retry-After: {})", cut(v, 40))).unwrap_or_default();
            let message = format!("answered {}, expected {}{hint}", head.status, self.expect.status);
            return Err(match head.status {
                429 => Fault::degraded(FailureKind::RateLimited, message),
                _ => Fault::down(FailureKind::Status, message),
            });
        }
        let mut judgement = Judgement { assertions: out, mask, fault: None };
        for ((name, rule), what) in self.expect.headers.iter().zip(&self.headers) {
            judgement.note(what, header(&head.headers, name, rule));
        }
        judgement.fault.map_or(Ok(()), Err)
    }

    /// Judges the body: its type before its text before its values.
    pub(super) fn body(&self, head: &Head, body: &Body, mask: &Mask, out: &mut Vec<Assertion>) -> Result<(), Fault> {
        if !self.needs_body() {
            return Ok(());
        }
        let value = if self.json.is_empty() { None } else { Some(read_json(head, &body.bytes)?) };
        let mut judgement = Judgement { assertions: out, mask, fault: None };
        let text = String::from_utf8_lossy(&body.bytes);
        let contains = self.expect.body.contains.iter().map(|part| text.contains(part.as_str()));
        let matches = self.expect.body.matches.iter().map(|regex| regex.is_match(&text));
        for (holds, what) in contains.chain(matches).zip(&self.body) {
            let found = || (FailureKind::AssertionFailed, format!("a body of {} bytes without it", body.decoded));
            judgement.note(what, if holds { Ok(()) } else { Err(found()) });
        }
        if let Some(value) = &value {
            for (rule, what) in self.expect.json.iter().zip(&self.json) {
                judgement.note(what, json::judge(rule, value));
            }
        }
        judgement.fault.map_or(Ok(()), Err)
    }

    /// Judges the times of a run that was right in every other way; `Err` may be only a degradation.
    pub(super) fn times(&self, phases: &Phases, out: &mut Vec<Assertion>) -> Result<(), Fault> {
        let bounds = [("total", self.expect.total, phases.total), ("ttfb", self.expect.ttfb, phases.ttfb)];
        latency::judge(&bounds, out)
    }

    /// Judges how long the certificate will last.
    pub(super) fn days_left(
        &self,
        certificate: Option<&Certificate>,
        at: Timestamp,
        out: &mut Vec<Assertion>,
    ) -> Result<(), Fault> {
        let (Some(days), Some(certificate)) = (self.expect.min_days_left, certificate) else { return Ok(()) };
        let left = elapsed(at, certificate.not_after);
        let ok = left > Millis::hours(24 * u64::from(days));
        let days_left = left.0 / Millis::hours(24).0;
        let found = (!ok).then(|| format!("{days_left} days"));
        out.push(Assertion { what: format!("certificate lasts more than {days} days"), ok, found });
        if ok {
            return Ok(());
        }
        let until = certificate.not_after;
        Err(Fault::degraded(FailureKind::CertExpiring, format!("the certificate ends in {days_left} days, at {until}")))
    }
}

impl Judgement<'_> {
    fn note(&mut self, what: &str, judged: Result<(), (FailureKind, String)>) {
        let what = self.mask.text(what).into_owned();
        let found = match judged {
            Ok(()) => None,
            Err((kind, found)) => {
                let found = cut(&self.mask.text(&found), FOUND_CHARS);
                if self.fault.is_none() {
                    self.fault = Some(Fault::down(kind, format!("expected {what}, found {found}")));
                }
                Some(found)
            }
        };
        self.assertions.push(Assertion { what, ok: found.is_none(), found });
    }
}

fn header_what(name: &HeaderName, rule: &HeaderRule) -> String {
    match rule {
        HeaderRule::Exists(true) => format!("header {name} exists"),
        HeaderRule::Exists(false) => format!("header {name} does not exist"),
        HeaderRule::Is(value) => format!("header {name} is {value:?}"),
        HeaderRule::Contains(value) => format!("header {name} contains {value:?}"),
        HeaderRule::Matches(regex) => format!("header {name} matches {regex}"),
    }
}

/// Any of several headers of the name may meet the rule.
fn header(headers: &HeaderMap, name: &HeaderName, rule: &HeaderRule) -> Result<(), (FailureKind, String)> {
    let values: Vec<_> = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
    let holds = match rule {
        HeaderRule::Exists(wanted) => values.is_empty() != *wanted,
        HeaderRule::Is(_) | HeaderRule::Contains(_) | HeaderRule::Matches(_) if values.is_empty() => {
            return Err((FailureKind::AssertionMissing, "no such header".into()));
        }
        HeaderRule::Is(wanted) => values.iter().any(|v| v == wanted),
        HeaderRule::Contains(part) => values.iter().any(|v| v.contains(part.as_str())),
        HeaderRule::Matches(regex) => values.iter().any(|v| regex.is_match(v)),
    };
    match (holds, values.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err((FailureKind::AssertionMissing, "no such header".into())),
        (false, false) => {
            let sensitive = [header::SET_COOKIE, header::COOKIE, header::AUTHORIZATION].contains(name);
            let found = if sensitive { "another value".to_owned() } else { format!("{:?}", values.join(", ")) };
            Err((FailureKind::AssertionFailed, found))
        }
    }
}

/// The JSON of a body, or why it is none.
fn read_json(head: &Head, bytes: &[u8]) -> Result<Value, Fault> {
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let is_markup = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<');
    if is_markup || ["text/html", "application/xhtml+xml", "text/xml", "application/xml"].contains(&media.as_str()) {
        let found = if media.is_empty() { "a page".to_owned() } else { cut(&media, 40) };
        return Err(Fault::down(FailureKind::ContentMismatch, format!("answered {found} where JSON is expected")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Fault::down(FailureKind::DecodeFailed, format!("the body is not UTF-8: {e}")))?;
    let says_json = media.ends_with("json");
    json::read(text.trim_start_matches('\u{feff}')).map_err(|e| {
        if says_json || media.is_empty() {
            Fault::down(FailureKind::DecodeFailed, format!("the body is not JSON: {e}"))
        } else {
            Fault::down(FailureKind::ContentMismatch, format!("answered {media} where JSON is expected"))
        }
    })
}
