//! Our own webhook: Standard Webhooks headers around the JSON of the contract (design, section 8).

use std::collections::BTreeMap;

use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde::Serialize;
use watchbell_config::model::{Secret, WebhookSpec};
use watchbell_engine::duty_notice::{DutyAbout, SilenceAbout};
use watchbell_engine::fact::MessageKind;
use watchbell_engine::ids::{ChannelId, DedupKey, PersonId, ProbeId, TicketId};
use watchbell_engine::outgoing::{About, Also, Outgoing, webhook_id};
use watchbell_engine::view::{NextStep, TicketState};
use watchbell_engine::word::{FailureKind, Locale, Priority};

use super::http::HttpClient;
use super::sent::Sent;
use super::sign::WebhookKey;
use crate::words::{clip, event_words};

/// The longest summary and label value, characters, and the most labels: senders of signals choose them, and
/// receivers stop reading at about 20 KB (contract `webhook-signing.md`).
const TEXT_MAX: usize = 400;
const LABELS_MAX: usize = 32;

/// Sends webhooks.
pub(super) struct Webhook {
    http: HttpClient,
}

#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    page: PagePart,
    to: ToPart<'a>,
    ticket: Option<TicketPart<'a>>,
    alert: Option<AlertPart<'a>>,
    ack_url: Option<String>,
    /// Other pages to the same person that this message tells too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<AlsoPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duty: Option<&'a DutyAbout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<&'a SilenceAbout>,
}

#[derive(Serialize)]
struct AlsoPart<'a> {
    ticket: TicketId,
    page: String,
    title: &'a str,
    priority: Priority,
    ack_url: &'a str,
}

#[derive(Serialize)]
struct PagePart {
    id: String,
    attempt: u32,
}

#[derive(Serialize)]
struct ToPart<'a> {
    person: &'a PersonId,
    channel: &'a ChannelId,
}

#[derive(Serialize)]
struct TicketPart<'a> {
    id: TicketId,
    title: &'a str,
    state: TicketState,
    priority: Priority,
    opened_at: Timestamp,
    impact: Option<&'a str>,
    next_step: NextStep,
    reason: Option<String>,
}

#[derive(Serialize)]
struct AlertPart<'a> {
    dedup_key: &'a DedupKey,
    probe: Option<&'a ProbeId>,
    kind: Option<FailureKind>,
    summary: String,
    labels: BTreeMap<&'a str, String>,
    started_at: Timestamp,
}

impl Webhook {
    pub(super) fn new(http: HttpClient) -> Self {
        Self { http }
    }

    /// One POST to the address of the person.
    pub(super) async fn send(
        &self,
        spec: &WebhookSpec,
        address: &Secret,
        message: &Outgoing,
        ack_url: Option<String>,
        also: &[String],
        now: Timestamp,
    ) -> Sent {
        let body = body(message, ack_url, also);
        let id = webhook_id(message);
        let at = now.as_second();
        let signature = match spec.secret.as_ref().map(|secret| WebhookKey::read(secret.reveal())).transpose() {
            Ok(key) => key.map(|key| key.sign(&id, at, &body)),
            Err(bad) => return Sent::refused(&bad.to_string()),
        };
        let reply = self.http.post(address.reveal(), now, |request| {
            let request = request
                .header(CONTENT_TYPE, "application/json")
                .header("webhook-id", id)
                .header("webhook-timestamp", at);
            match signature {
                Some(signature) => request.header("webhook-signature", signature),
                None => request,
            }
            .body(body)
        });
        match reply.await {
            Ok(reply) => reply.judge(),
            Err(sent) => sent,
        }
    }
}

/// The bytes that are signed and sent.
fn body(message: &Outgoing, ack_url: Option<String>, also: &[String]) -> Vec<u8> {
    let id = message.page.map_or_else(|| message.send.subject.to_string(), |page| page.to_string());
    let event = Event {
        r#type: message.kind.webhook_type(),
        page: PagePart { id, attempt: message.send.attempt },
        to: ToPart { person: &message.person, channel: &message.channel },
        ticket: message.about.as_ref().map(|about| ticket(message, about)),
        alert: message.about.as_ref().map(alert),
        ack_url,
        also: message.also.iter().zip(also).map(|(told, ack_url)| also_part(message, told, ack_url)).collect(),
        duty: message.duty.as_ref(),
        silence: message.silence.as_ref(),
    };
    match serde_json::to_vec(&event) {
        Ok(bytes) => bytes,
        Err(e) => unreachable!("an event is plain data and always serialises: {e}"),
    }
}

fn ticket<'a>(message: &Outgoing, about: &'a About) -> TicketPart<'a> {
    let reason = match message.kind {
        MessageKind::Page
        | MessageKind::Test
        | MessageKind::DutyHandoff
        | MessageKind::DutyReminder
        | MessageKind::DutyCover
        | MessageKind::SilenceExpiring => about.why.as_ref().map(|why| why.text.clone()),
        // Programs read it: the language is that of the API.
        MessageKind::Acknowledged | MessageKind::Escalated | MessageKind::Resolved | MessageKind::Cancelled => {
            Some(event_words(&Outgoing { locale: Locale::En, ..message.clone() }, about))
        }
    };
    TicketPart {
        id: about.ticket,
        title: about.title.get(message.locale),
        state: about.state,
        priority: about.priority,
        opened_at: about.opened_at,
        impact: about.impact.as_ref().map(|impact| impact.get(message.locale)),
        next_step: NextStep { at: about.next_at, to: about.next_to.clone() },
        reason,
    }
}

fn also_part<'a>(message: &Outgoing, told: &'a Also, ack_url: &'a str) -> AlsoPart<'a> {
    let title = told.title.get(message.locale);
    AlsoPart { ticket: told.ticket, page: told.page.to_string(), title, priority: told.priority, ack_url }
}

fn alert(about: &About) -> AlertPart<'_> {
    let alert = &about.alert;
    let labels = alert.labels.iter().take(LABELS_MAX).map(|(name, value)| (name.as_str(), clip(value, TEXT_MAX)));
    AlertPart {
        dedup_key: &alert.dedup_key,
        probe: alert.probe.as_ref(),
        kind: alert.kind,
        summary: clip(&alert.summary, TEXT_MAX),
        labels: labels.collect(),
        started_at: alert.started_at,
    }
}

#[cfg(test)]
mod tests {
    use watchbell_engine::ids::{SendSubject, TestId};

    use super::*;

    fn page() -> Outgoing {
        serde_json::from_str(include_str!("../../tests/data/page.json")).expect("the sample is a message")
    }

    fn json(message: &Outgoing) -> serde_json::Value {
        let url = message.page.map(|page| format!("https://w.example/a/{page}"));
        serde_json::from_slice(&body(message, url, &[])).expect("JSON")
    }

    #[test]
    fn the_json_of_the_contract() {
        insta::assert_json_snapshot!("webhook_page", json(&page()));
        let resolved = Outgoing { kind: MessageKind::Resolved, by: Some("王磊".into()), ..page() };
        insta::assert_json_snapshot!("webhook_resolved", json(&resolved));
        let mut test = page();
        test.kind = MessageKind::Test;
        test.send.subject = SendSubject::Test(TestId(3));
        (test.page, test.about) = (None, None);
        insta::assert_json_snapshot!("webhook_test", json(&test));
    }

    #[test]
    fn what_senders_write_is_bounded() {
        let mut message = page();
        let alert = &mut message.about.as_mut().expect("a page is about something").alert;
        alert.summary = "发".repeat(10_000);
        alert.labels = (0..500).map(|i| (format!("label_{i}"), "x".repeat(1_000))).collect();
        assert!(body(&message, None, &[]).len() < 20_000);
    }
}
