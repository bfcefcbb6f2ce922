//! A client of the API: typed questions over reqwest, and errors in words.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::output::Failure;
use super::own_certificate;
use crate::web::api::shapes::{Oncall, RotationShifts};

/// A server that has not answered by then is as good as not there; a reload may read many files.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// A server on the way that does not take the connection by then is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// A client of one server.
pub(super) struct ApiClient {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// Why an answer did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// Nobody answers.
    #[error("no watchbell answers at {base} ({why}); start it with `watchbell run`, or name it with --server")]
    Unreachable { base: String, why: String },
    /// It said no.
    #[error("{detail}{}{}", if help.is_empty() { "" } else { "\nhelp: " }, help)]
    Refused { status: StatusCode, detail: String, help: String, lines: Vec<String> },
    /// Something else answers there.
    #[error("{base} answers, and not as watchbell does ({why})")]
    Strange { base: String, why: String },
}

impl ApiClient {
    /// A client of the server at `base`; `own` is its certificate, where that is one of this machine.
    pub(super) fn new(base: &str, token: Option<String>, own: Option<&Path>) -> Result<Self, Failure> {
        let web = |url: &reqwest::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if !base.parse().as_ref().is_ok_and(web) {
            let example = "http://127.0.0.1:7247";
            return Err(Failure::input(format!("`{base}` is not the address of a server such as {example}")));
        }
        let http = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_WITHIN).timeout(ANSWER_WITHIN);
        let http = match own.map(own_certificate::trust).transpose().map_err(Failure::failed)? {
            Some(tls) => http.tls_backend_preconfigured(tls),
            None => http,
        };
        let http = http.build().map_err(|e| Failure::failed(format!("no HTTP client could be made: {e}")))?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.call(Method::GET, path, None::<&Value>).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ApiError> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), ApiError> {
        self.call::<Option<Value>>(Method::DELETE, path, None::<&Value>).await.map(drop)
    }

    pub(super) async fn oncall(&self, at: Option<Timestamp>) -> Result<Oncall, ApiError> {
        self.get(&at.map_or_else(|| "/api/v1/oncall".into(), |at| format!("/api/v1/oncall?at={at}"))).await
    }

    pub(super) async fn shifts(&self, id: &str, from: Timestamp, to: Timestamp) -> Result<RotationShifts, ApiError> {
        self.get(&format!("/api/v1/rotations/{id}/shifts?from={from}&to={to}")).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ApiError> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let unreachable = |e: reqwest::Error| ApiError::Unreachable { base: self.base.clone(), why: in_short(&e) };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        let strange = |why: String| ApiError::Strange { base: self.base.clone(), why };
        if !status.is_success() {
            return Err(self.refusal(status, &text).unwrap_or_else(|| strange(format!("status {status}"))));
        }
        let text = if text.trim().is_empty() { "null" } else { &text };
        serde_json::from_str(text).map_err(|e| strange(e.to_string()))
    }

    /// A problem document (RFC 9457) in words.
    fn refusal(&self, status: StatusCode, text: &str) -> Option<ApiError> {
        let problem: Value = serde_json::from_str(text).ok()?;
        let word = |name: &str| problem[name].as_str().map(ToOwned::to_owned);
        let mut help = word("help").unwrap_or_default();
        if status == StatusCode::UNAUTHORIZED && self.token.is_none() {
            help = "set WATCHBELL_TOKEN; `watchbell token create NAME` makes a token".into();
        }
        let lines = problem["mistakes"].as_array().into_iter().flatten().filter_map(|m| Some(m.as_str()?.to_owned()));
        Some(ApiError::Refused { status, detail: word("detail").or(word("title"))?, help, lines: lines.collect() })
    }
}

/// The innermost cause is what people can act on.
fn in_short(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        match error {
            // What the operator wrote is wrong: an unknown id, a value out of range.
            ApiError::Refused {
                status: StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY,
                lines,
                ..
            } => Failure::input(with_lines(text, &lines)),
            ApiError::Refused { lines, .. } => Failure::failed(with_lines(text, &lines)),
            ApiError::Unreachable { .. } | ApiError::Strange { .. } => Failure::failed(text),
        }
    }
}

fn with_lines(text: String, lines: &[String]) -> String {
    lines.iter().fold(text, |text, line| format!("{text}\n{line}"))
}
