//! The one HTTP client of all channels, and what its answers mean.

use std::error::Error as _;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use watchbell_engine::time::{Millis, elapsed};

use super::sent::Sent;

/// How much of a reply is read, bytes: enough for an error message of a provider.
const REPLY_MAX: usize = 1_024;

/// The longest wait that a provider can ask for; a page has other channels by then.
const RETRY_AFTER_MAX_S: u64 = 24 * 3_600;

/// How long a connection is kept for the next message: less than the 5 s after which common servers close
/// it, since a page that meets a closing connection costs a retry.
const IDLE: Duration = Duration::from_secs(4);

/// Named in every request.
const USER_AGENT: &str = concat!("watchbell/", env!("CARGO_PKG_VERSION"));

/// Shared by all channels; building one takes 15 ms. `None` where it could not be built at all.
#[derive(Clone)]
pub(super) struct HttpClient(Option<Client>);

/// An answer, bounded.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Millis>,
    pub(super) body: String,
}

impl HttpClient {
    pub(super) fn new() -> Self {
        let builder = || {
            let builder = Client::builder().user_agent(USER_AGENT).redirect(Policy::none()).no_proxy();
            builder.pool_idle_timeout(IDLE)
        };
        // A machine without any root certificates can still send to http addresses in its own network.
        let client = builder().build().or_else(|platform| {
            tracing::warn!(error = %platform, "no root certificates were found: https channels cannot be verified");
            builder().tls_certs_only([]).build()
        });
        Self(client.inspect_err(|e| tracing::error!(error = %e, "the HTTP client could not be built")).ok())
    }

    /// Sends a POST and reads a bounded reply; `Err` is what to report where there was none.
    pub(super) async fn post(
        &self,
        address: &str,
        now: Timestamp,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Reply, Sent> {
        let Some(client) = &self.0 else {
            return Err(Sent::try_again("the HTTP client could not be built; see the log of the start"));
        };
        let mut response = fill(client.post(address)).send().await.map_err(|e| failed(&e))?;
        let retry_after = response.headers().get(http::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| wait(value.to_str().ok()?, now));
        let status = response.status();
        let mut body = Vec::new();
        // The status decides; a reply that breaks off is as good as it came.
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = REPLY_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == REPLY_MAX {
                break;
            }
        }
        Ok(Reply { status, retry_after, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

impl Reply {
    /// What the status means (contract, outgoing rules): 2xx took it, 408, 429 and 5xx may take it later,
    /// everything else never will. A redirect is not followed.
    pub(super) fn judge(&self) -> Sent {
        let line = self.line();
        match self.status {
            status if status.is_success() => Sent::accepted(&line),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Sent::try_again(&line).after(self.retry_after)
            }
            status if status.is_server_error() => Sent::try_again(&line).after(self.retry_after),
            status if status.is_redirection() => Sent::refused(&format!("{line}: redirects are not followed")),
            _ => Sent::refused(&line),
        }
    }

    /// The status, and the reply where it is a text for people rather than a page of markup.
    fn line(&self) -> String {
        let body = self.body.trim();
        if body.is_empty() || body.starts_with('<') || self.status.is_success() {
            return self.status.to_string();
        }
        format!("{}: {body}", self.status)
    }
}

/// What to report of a request without an answer. The address may hold a token and is never shown.
fn failed(error: &reqwest::Error) -> Sent {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(|e| e.source()) {
        cause = Some(deeper);
    }
    let cause = cause.map_or_else(|| "no answer".into(), ToString::to_string);
    if error.is_builder() {
        Sent::refused(&format!("the address cannot be used: {cause}"))
    } else if error.is_timeout() {
        Sent::unknown(&cause)
    } else if error.is_connect() {
        Sent::try_again(&format!("could not connect: {cause}"))
    } else {
        // The request may have been taken before that: whoever got it must hear how it ends.
        Sent::unknown(&format!("the connection broke: {cause}"))
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn wait(value: &str, now: Timestamp) -> Option<Millis> {
    let secs = match value.trim().parse::<u64>() {
        Ok(secs) => secs,
        Err(_) => elapsed(now, jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp()).0 / 1_000,
    };
    Some(Millis::secs(secs.min(RETRY_AFTER_MAX_S)))
}

#[cfg(test)]
mod tests {
    use watchbell_engine::word::Receipt;

    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = "2026-11-24T19:12:10Z".parse().expect("an instant");
        assert_eq!(wait("7", now), Some(Millis::secs(7)));
        assert_eq!(wait("Tue, 24 Nov 2026 19:13:10 GMT", now), Some(Millis::secs(60)));
        assert_eq!(wait("Tue, 24 Nov 2026 19:00:00 GMT", now), Some(Millis::ZERO), "in the past");
        assert_eq!(wait("99999999999999999999", now), None);
        assert_eq!(wait("18446744073709551615", now), Some(Millis::hours(24)));
        assert_eq!(wait("soon", now), None);
    }

    #[test]
    fn statuses_mean_what_the_contract_says() {
        let judged = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            Reply { status, retry_after: Some(Millis::secs(3)), body: String::new() }.judge()
        };
        for (status, receipt) in [
            (200, Receipt::Accepted),
            (204, Receipt::Accepted),
            (302, Receipt::Refused),
            (400, Receipt::Refused),
            (408, Receipt::TryAgain),
            (410, Receipt::Refused),
            (429, Receipt::TryAgain),
            (500, Receipt::TryAgain),
            (503, Receipt::TryAgain),
        ] {
            assert_eq!(judged(status).receipt, receipt, "{status}");
            let waits = judged(status).retry_after.is_some();
            assert_eq!(waits, receipt == Receipt::TryAgain, "{status}");
        }
    }
}
