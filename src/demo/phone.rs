//! The phone that receives the pages of the demo: a webhook receiver, a robot's address, and the mails
//! of the local inbox, shown as one list that refreshes itself without a script.
//!
//! May import: `clock`. Never: checks who calls (it is a phone on the same machine), or anything of
//! watchbell: it knows the public webhook format alone.

mod hook;

pub use hook::PhoneMessage;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::break_page::show_page;
use super::smtp::{Mail, SmtpInbox};
use crate::clock::Clock;

/// How many messages and mails are shown; the oldest go first.
const KEPT: usize = 200;

/// The largest webhook that is taken; ours stay below 20 KB.
const BODY_LIMIT: usize = 64 * 1024;

/// A handle on the phone; cheap to clone.
#[derive(Clone)]
pub struct Phone(Arc<Shared>);

struct Shared {
    clock: Clock,
    mails: SmtpInbox,
    messages: Mutex<VecDeque<PhoneMessage>>,
}

/// Everything that arrived, oldest first: `GET /phone/messages.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Arrived {
    /// What came by webhook or robot.
    pub messages: Vec<PhoneMessage>,
    /// What came by mail.
    pub mails: Vec<ArrivedMail>,
}

/// A mail, as tests and the story read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrivedMail {
    /// The sender.
    pub from: String,
    /// The recipients, separated by a comma.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// When it was taken.
    pub received_at: jiff::Timestamp,
}

impl Phone {
    /// A phone without messages, over this inbox.
    pub fn new(clock: Clock, mails: SmtpInbox) -> Self {
        Self(Arc::new(Shared { clock, mails, messages: Mutex::default() }))
    }

    /// Everything that arrived, oldest first.
    pub fn arrived(&self) -> Arrived {
        let messages = self.0.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let mails = self.0.mails.messages();
        let unwanted = mails.len().saturating_sub(KEPT);
        Arrived {
            messages: messages.iter().cloned().collect(),
            mails: mails.into_iter().skip(unwanted).map(ArrivedMail::from).collect(),
        }
    }

    /// Notes a message; the same `webhook-id` again is a retry, which a phone shows once.
    fn note(&self, message: PhoneMessage) {
        let mut messages = self.0.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let known = messages.iter_mut().find(|known| known.id.is_some() && known.id == message.id);
        if let Some(known) = known {
            known.repeats += 1;
            return;
        }
        if messages.len() == KEPT {
            messages.pop_front();
        }
        messages.push_back(message);
    }
}

impl From<Mail> for ArrivedMail {
    fn from(mail: Mail) -> Self {
        Self { from: mail.from, to: mail.to, subject: mail.subject, text: mail.text, received_at: mail.received_at }
    }
}

/// `GET /phone`, `GET /phone/messages.json`, `POST /phone/hook/{person}`, `POST /phone/ding`.
pub fn router(phone: Phone) -> Router {
    Router::new()
        .route("/phone", get(show))
        .route("/phone/messages.json", get(messages))
        .route("/phone/hook/{person}", post(receive))
        .route("/phone/ding", post(receive_from_robot))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(phone)
}

#[derive(Template)]
#[template(path = "demo/phone.html")]
struct PhonePage {
    messages: Vec<PhoneMessage>,
    mails: Vec<MailShown>,
}

struct MailShown {
    to: String,
    clock: String,
    subject: String,
    text: String,
}

async fn show(State(phone): State<Phone>) -> Response {
    let arrived = phone.arrived();
    let shown = |mail: ArrivedMail| MailShown {
        clock: mail.received_at.strftime("%H:%M:%S").to_string(),
        to: mail.to,
        subject: mail.subject,
        text: mail.text,
    };
    let page = PhonePage {
        messages: arrived.messages.into_iter().rev().collect(),
        mails: arrived.mails.into_iter().rev().map(shown).collect(),
    };
    show_page(&page)
}

async fn messages(State(phone): State<Phone>) -> Json<Arrived> {
    Json(phone.arrived())
}

async fn receive(State(phone): State<Phone>, Path(person): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let id = headers.get("webhook-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
    match PhoneMessage::from_webhook(&person, id, &body, phone.0.clock.now()) {
        Ok(message) => {
            phone.note(message);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(e) => (StatusCode::BAD_REQUEST, format!("not a watchbell webhook: {e}\n")).into_response(),
    }
}

/// Plays the group robot's address: it judges by `errcode`, as the real one does.
async fn receive_from_robot(State(phone): State<Phone>, body: Bytes) -> Response {
    match PhoneMessage::from_robot(&body, phone.0.clock.now()) {
        Ok(message) => {
            phone.note(message);
            Json(json!({ "errcode": 0, "errmsg": "ok" })).into_response()
        }
        Err(e) => Json(json!({ "errcode": 40035, "errmsg": e.to_string() })).into_response(),
    }
}
