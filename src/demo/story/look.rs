//! Looks at the running server over its public API, and at the demo's own sinks.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use watchbell_engine::ids::{PersonId, RotationId, TicketId};
use watchbell_engine::view::{PageView, TicketView, TimelineEntry, WhyView};

use crate::demo::break_page::HEAL;
use crate::demo::phone::Arrived;
use crate::demo::service::{BreakState, Fault};

/// One request at most; everything is on this machine.
const WITHIN: Duration = Duration::from_secs(3);

/// How many tickets of the newest are looked at.
const TICKETS: usize = 10;

/// One look at the world.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The newest tickets, newest first.
    pub tickets: Vec<TicketView>,
    /// Their pages.
    pub pages: BTreeMap<TicketId, Vec<PageView>>,
    /// Their timelines.
    pub timelines: BTreeMap<TicketId, Vec<TimelineEntry>>,
    /// What arrived on the phone and by mail.
    pub arrived: Arrived,
    /// What is broken.
    pub broken: BreakState,
}

impl Seen {
    /// The pages of a ticket, oldest first.
    pub fn pages_of(&self, ticket: TicketId) -> &[PageView] {
        self.pages.get(&ticket).map_or(&[], Vec::as_slice)
    }

    /// The timeline of a ticket, oldest first.
    pub fn timeline_of(&self, ticket: TicketId) -> &[TimelineEntry] {
        self.timelines.get(&ticket).map_or(&[], Vec::as_slice)
    }
}

/// Somebody on duty, as `GET oncall` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OnDuty {
    /// Who.
    pub person: PersonId,
}

/// Why a look failed; the next one may succeed.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// No answer, or not what the API promises.
    #[error("{what} gave no usable answer")]
    Http {
        /// What was asked.
        what: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// Another status than expected.
    #[error("{what} answered {status}: {body}")]
    Status {
        /// What was asked.
        what: String,
        /// The status.
        status: StatusCode,
        /// The beginning of the answer.
        body: String,
    },
}

/// Whoever looks: a client of the public API.
#[derive(Clone, Debug)]
pub struct Onlooker {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Tickets {
    tickets: Vec<TicketView>,
}

#[derive(Deserialize)]
struct Pages {
    pages: Vec<PageView>,
}

#[derive(Deserialize)]
struct Timeline {
    timeline: Vec<TimelineEntry>,
}

#[derive(Deserialize)]
struct OnCall {
    rotations: Vec<RotationOnCall>,
}

#[derive(Deserialize)]
struct RotationOnCall {
    id: RotationId,
    on_duty: Vec<OnDuty>,
}

impl Onlooker {
    /// Looks at the server at `base` (`http://127.0.0.1:7247`). A token is needed where the server does
    /// not listen on loopback.
    pub fn new(base: &str, token: Option<String>) -> Result<Self, LookError> {
        let http = reqwest::Client::builder()
            .no_proxy() // everything is on this machine
            .redirect(reqwest::redirect::Policy::none())
            .timeout(WITHIN)
            .build()
            .map_err(|source| LookError::Http { what: "the HTTP client".into(), source })?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), token, http })
    }

    /// Looks at everything once.
    pub async fn look(&self) -> Result<Seen, LookError> {
        let mut tickets = self.get::<Tickets>("/api/v1/tickets?state=all").await?.tickets;
        tickets.truncate(TICKETS);
        let mut seen = Seen {
            arrived: self.get("/demo/phone/messages.json").await?,
            broken: self.get("/demo/break.json").await?,
            ..Seen::default()
        };
        for ticket in &tickets {
            let id = ticket.id;
            seen.pages.insert(id, self.get::<Pages>(&format!("/api/v1/pages?ticket={id}")).await?.pages);
            let timeline = self.get::<Timeline>(&format!("/api/v1/tickets/{id}/timeline")).await?.timeline;
            seen.timelines.insert(id, timeline);
        }
        seen.tickets = tickets;
        Ok(seen)
    }

    /// Whether the server says that it is ready.
    pub async fn ready(&self) -> Result<(), LookError> {
        self.ask(self.http.get(format!("{}/readyz", self.base)), "GET /readyz").await.map(drop)
    }

    /// Who is on duty now.
    pub async fn on_duty(&self) -> Result<Vec<(RotationId, Vec<OnDuty>)>, LookError> {
        let said: OnCall = self.get("/api/v1/oncall").await?;
        Ok(said.rotations.into_iter().map(|rotation| (rotation.id, rotation.on_duty)).collect())
    }

    /// Every decision about a ticket.
    pub async fn why(&self, ticket: TicketId) -> Result<WhyView, LookError> {
        self.get(&format!("/api/v1/tickets/{ticket}/why")).await
    }

    /// Breaks the expense service, as the button does.
    pub async fn break_it(&self, fault: Fault) -> Result<(), LookError> {
        self.switch(fault.as_str()).await
    }

    /// Mends it, as the button does.
    pub async fn heal(&self) -> Result<(), LookError> {
        self.switch(HEAL).await
    }

    /// Acknowledges through the link of a page, as the button on the phone does.
    pub async fn acknowledge(&self, ack_url: &str) -> Result<(), LookError> {
        let form = self.http.post(ack_url).header("content-type", "application/x-www-form-urlencoded");
        self.ask(form.body("action=ack"), "POST to the page's link").await.map(drop)
    }

    async fn switch(&self, what: &str) -> Result<(), LookError> {
        let form = self.http.post(format!("{}/demo/break", self.base));
        let form = form.header("content-type", "application/x-www-form-urlencoded").body(format!("do={what}"));
        self.ask(form, "POST /demo/break").await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, LookError> {
        let what = format!("GET {path}");
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = self.ask(request, &what).await?;
        answer.json().await.map_err(|source| LookError::Http { what, source })
    }

    async fn ask(&self, request: reqwest::RequestBuilder, what: &str) -> Result<reqwest::Response, LookError> {
        let answer = request.send().await.map_err(|source| LookError::Http { what: what.to_owned(), source })?;
        let status = answer.status();
        if status.is_success() || status.is_redirection() {
            return Ok(answer);
        }
        let body = answer.text().await.unwrap_or_default().chars().take(300).collect();
        Err(LookError::Status { what: what.to_owned(), status, body })
    }
}
