//! Refusals as RFC 9457 problem documents: what is wrong, and what to do about it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use watchbell_engine::input::Refusal;

use crate::inbox::Unavailable;
use crate::store::StoreError;

/// How soon somebody who was told 503 should come again, seconds.
const RETRY_AFTER_S: u32 = 2;

/// A refusal for the one who asked. Holds no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// What kind of problem: the last part of `type`.
    pub slug: &'static str,
    /// The kind in words, the same every time.
    pub title: &'static str,
    /// This case in words.
    pub detail: String,
    /// What to do about it.
    pub help: String,
    /// Further members.
    pub more: Map<String, Value>,
}

impl Problem {
    fn new(status: StatusCode, slug: &'static str, title: &'static str, detail: String, help: &str) -> Self {
        Self { status, slug, title, detail, help: help.into(), more: Map::new() }
    }

    /// 404
    pub fn not_found(detail: impl Into<String>) -> Self {
        let help = "check the id; `watchbell tickets`, `watchbell rota` and GET on the list show what there is";
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail.into(), help)
    }

    /// 404 for a path that is no route.
    pub fn no_route(path: &str) -> Self {
        let help = "the API lives under /api/v1/, the screens under /";
        Self::new(
            StatusCode::NOT_FOUND,
            "no-route",
            "There is nothing at this address",
            format!("no route `{path}`"),
            help,
        )
    }

    /// 405
    pub fn method(method: &http::Method, path: &str) -> Self {
        let help = "GET reads, POST acts, DELETE takes back";
        let detail = format!("`{path}` does not take {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This address does not take that method", detail, help)
    }

    /// 400
    pub fn malformed(detail: impl Into<String>) -> Self {
        let help = "nothing was changed; mend the request and send it again";
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail.into(), help)
    }

    /// 422
    pub fn invalid(detail: impl Into<String>) -> Self {
        let help = "nothing was changed; mend the value and send it again";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "The request asks for what cannot be",
            detail.into(),
            help,
        )
    }

    /// 409
    pub fn conflict(detail: impl Into<String>) -> Self {
        let help = "look at the present state and decide anew";
        Self::new(StatusCode::CONFLICT, "conflict", "That does not fit the present state", detail.into(), help)
    }

    /// 410
    pub fn gone(detail: impl Into<String>) -> Self {
        let help = "open the newest page, or the ticket in the overview";
        Self::new(StatusCode::GONE, "gone", "This link has expired", detail.into(), help)
    }

    /// 413
    pub fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {} KiB", limit / 1024);
        let help = "send less at a time; nothing was taken in";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail, help)
    }

    /// 415
    pub fn not_json(found: &str) -> Self {
        let help = "send JSON, with the header `content-type: application/json`";
        let detail = format!("the body is `{found}`, not application/json");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "The body is not JSON", detail, help)
    }

    /// 401
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        let help =
            "send `Authorization: Bearer wb_…`; an admin makes tokens with `watchbell token create NAME --role ROLE`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A token is needed", detail.into(), help)
    }

    /// 403
    pub fn forbidden(detail: impl Into<String>, help: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not with this token", detail.into(), help)
    }

    /// 503
    pub fn unavailable(detail: impl Into<String>) -> Self {
        let help = "send the same again in a few seconds, best with the same Idempotency-Key";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not right now", detail.into(), help)
    }

    /// 500, for what only we can mend.
    pub fn ours(detail: impl Into<String>) -> Self {
        let help = "this is our fault: the server's log says more";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "ours", "Something went wrong here", detail.into(), help)
    }

    /// With another advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// With a further member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.into(), value.into());
        self
    }

    /// The document.
    pub fn document(&self) -> Value {
        let mut map = self.more.clone();
        let fixed = json!({
            "type": format!("urn:watchbell:problem:{}", self.slug), "title": self.title,
            "status": self.status.as_u16(), "detail": self.detail, "help": self.help,
        });
        if let Value::Object(fixed) = fixed {
            map.extend(fixed);
        }
        Value::Object(map)
    }
}

/// The document, and the problem itself as an extension, so that a screen can be made of it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.document().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"watchbell\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Unavailable> for Problem {
    fn from(why: Unavailable) -> Self {
        Self::unavailable(why.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = ?error, "the store cannot be read: {error}");
        Self::unavailable("the store cannot be read right now")
    }
}

/// The status of each refusal is written in [`Refusal`]'s docs.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NoSuchTicket(_)
            | Refusal::NoSuchPage(_)
            | Refusal::NoSuchPerson(_)
            | Refusal::NoSuchRotation(_)
            | Refusal::NoSuchHeartbeat(_)
            | Refusal::NoSuchSilence(_)
            | Refusal::NoSuchMaintenance(_)
            | Refusal::NoSuchOverride(_)
            | Refusal::NoSuchCover(_)
            | Refusal::NoSuchAbsence(_) => Self::not_found(detail),
            Refusal::AlreadyResolved(_)
            | Refusal::EarlierOccurrence(_)
            | Refusal::NotTheirDuty { .. }
            | Refusal::NotAsked { .. }
            | Refusal::IsAway(_) => Self::conflict(detail),
            Refusal::NoContact { .. }
            | Refusal::NoContacts(_)
            | Refusal::Disabled(_)
            | Refusal::MergesIntoItself(_)
            | Refusal::EndsBeforeItStarts
            | Refusal::ForThemselves(_)
            | Refusal::NobodyToAsk(_)
            | Refusal::SwapsOverlap
            | Refusal::TooLong
            | Refusal::MatchesEverything
            | Refusal::Empty(_) => Self::invalid(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use watchbell_engine::ids::TicketId;

    use super::*;

    #[test]
    fn a_document_has_the_members_of_the_rfc_and_an_advice() {
        let doc = Problem::from(Refusal::AlreadyResolved(TicketId(3))).with("ticket", "INC-3").document();
        assert_eq!(doc["status"], 409);
        assert_eq!(doc["type"], "urn:watchbell:problem:conflict");
        assert_eq!(doc["detail"], "INC-3 is resolved already; nothing is being paged");
        assert_eq!(doc["ticket"], "INC-3");
        assert!(doc["title"].is_string() && doc["help"].is_string());
    }

    #[test]
    fn who_is_told_to_come_again_is_told_when() {
        let response = Problem::from(Unavailable::Full).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
