//! `GET /api/v2/alerts`: everything that fires, whoever found it.

use std::collections::BTreeSet;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use watchbell_engine::fact::Quiet;
use watchbell_engine::ids::{PolicyId, SilenceId, TicketId};
use watchbell_engine::label::{Labels, all_match};
use watchbell_engine::view::{AlertState, AlertView, LiveView, QuietReason, TicketState};

use super::errors::{ApiError, answer};
use super::filter::Asked;
use super::fingerprint;
use super::silences::uuid;
use super::who::Reads;
use crate::intake::heard::Heard;
use crate::intake::{Intake, mapping};

/// Until when an alert is said to hold whose source names no end.
const HOLDS: SignedDuration = SignedDuration::from_mins(5);

/// An alert as Alertmanager's clients read it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) annotations: Labels,
    ends_at: String,
    pub(super) fingerprint: String,
    pub(super) receivers: Vec<Name>,
    starts_at: String,
    pub(super) status: Status,
    updated_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
    pub(super) labels: Labels,
}

/// `{"name"}`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Name {
    pub(super) name: String,
}

/// Why it is quiet, where it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    state: &'static str,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

impl Status {
    fn of(silences: impl Iterator<Item = SilenceId>, reason: Option<&QuietReason>) -> Self {
        let silenced_by: BTreeSet<String> = silences.map(uuid).collect();
        let silenced_by: Vec<String> = silenced_by.into_iter().collect();
        let by = || vec![reason.and_then(|r| r.by.clone()).unwrap_or_default()];
        let (inhibited_by, muted_by) = match reason.map(|r| &r.quiet) {
            Some(Quiet::Inhibited { .. } | Quiet::Depends { .. }) => (by(), Vec::new()),
            Some(Quiet::Maintenance { .. } | Quiet::Standing { .. }) => (Vec::new(), by()),
            Some(Quiet::Silenced(_) | Quiet::Info | Quiet::Settling { .. }) | None => (Vec::new(), Vec::new()),
        };
        let quiet = [&silenced_by, &inhibited_by, &muted_by].into_iter().any(|by| !by.is_empty());
        let state = if quiet { "suppressed" } else { "active" };
        Self { state, silenced_by, inhibited_by, muted_by }
    }

    /// Whether somebody is paged for it.
    pub(super) fn is_active(&self) -> bool {
        self.state == "active"
    }
}

/// An alert with the ticket that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) ticket: Option<TicketId>,
    pub(super) receiver: PolicyId,
    pub(super) shown: Shown,
}

/// `GET alerts`
pub(super) async fn list(
    State(intake): State<Intake>,
    _: Reads,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?;
    let mut all: Vec<Shown> = found(&intake, &asked).into_iter().map(|found| found.shown).collect();
    all.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    Ok(answer(StatusCode::OK, &all))
}

/// What fires and is asked for.
pub(super) fn found(intake: &Intake, asked: &Asked) -> Vec<Found> {
    let view = intake.live.view.load_full();
    let catalog = std::sync::Arc::clone(&intake.live.config.load().catalog);
    let now = intake.gate.clock.now();
    let look = Look { view: &view, heard: &intake.heard, now };
    let open = view.tickets.values().filter(|t| t.view.state != TicketState::Resolved);
    let in_tickets = open.flat_map(|ticket| {
        let firing = ticket.view.alerts.iter().filter(|a| a.state == AlertState::Firing);
        let held = ticket.held_by.as_ref();
        firing.map(move |alert| look.show(alert, Some(ticket.view.id), ticket.view.policy.clone(), held))
    });
    let quiet = view
        .quiet
        .iter()
        .map(|quiet| look.show(&quiet.alert, None, catalog.default_policy.clone(), Some(&quiet.reason)));
    in_tickets.chain(quiet).filter(|found| is_wanted(found, asked)).collect()
}

fn is_wanted(found: &Found, asked: &Asked) -> bool {
    let status = &found.shown.status;
    let (silenced, inhibited) = (!status.silenced_by.is_empty(), !status.inhibited_by.is_empty());
    let by_state =
        (asked.silenced || !silenced) && (asked.inhibited || !inhibited) && (asked.active || status.state != "active");
    by_state && asked.wants_receiver(found.receiver.as_str()) && asked.wants_labels(&found.shown.labels)
}

#[derive(Clone, Copy)]
struct Look<'a> {
    view: &'a LiveView,
    heard: &'a Heard,
    now: Timestamp,
}

impl Look<'_> {
    fn show(
        &self,
        alert: &AlertView,
        ticket: Option<TicketId>,
        receiver: PolicyId,
        reason: Option<&QuietReason>,
    ) -> Found {
        let matching = self.view.silences.iter().filter(|s| s.from <= self.now && self.now < s.until);
        let matching = matching.filter(|s| all_match(&s.matchers, &alert.labels)).map(|s| s.id);
        let status = Status::of(matching.chain(reason.and_then(|r| r.silence)), reason);
        let said = self.heard.of(alert.dedup_key.as_str());
        let labels = as_sent(alert);
        let shown = Shown {
            annotations: alert.annotations.clone(),
            ends_at: time(said.map_or(self.now + HOLDS, |said| said.until)),
            fingerprint: fingerprint(&labels),
            receivers: vec![Name { name: receiver.to_string() }],
            starts_at: time(alert.started_at),
            status,
            updated_at: time(said.map_or(alert.started_at, |said| said.at)),
            generator_url: alert.link.clone(),
            labels,
        };
        Found { ticket, receiver, shown }
    }
}

/// The labels by which the sender knows its alert: what we added is taken away where the fingerprint says so.
fn as_sent(alert: &AlertView) -> Labels {
    let mut labels = alert.labels.clone();
    let Some(sent) = alert.dedup_key.as_str().strip_prefix("am:") else {
        let name = || alert.dedup_key.to_string();
        labels.entry("alertname".into()).or_insert_with(name);
        return labels;
    };
    let sent = sent.rsplit(':').next().unwrap_or(sent);
    if fingerprint(&labels) == sent {
        return labels;
    }
    let mut bare = labels.clone();
    bare.remove("severity");
    if fingerprint(&bare) == sent {
        return bare;
    }
    if let Some(word) = bare.remove(mapping::SENT) {
        bare.insert("severity".into(), word);
    }
    // Where labels of ours were added too, the sender sees them.
    if fingerprint(&bare) == sent { bare } else { labels }
}

/// `2026-11-22T03:32:53.022Z`
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}
