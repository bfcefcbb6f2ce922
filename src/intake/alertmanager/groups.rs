//! `GET /api/v2/alerts/groups`: what shares a ticket.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use watchbell_engine::label::Labels;

use super::alerts::{Found, Name, Shown, found};
use super::errors::{ApiError, answer};
use super::filter::Asked;
use super::who::Reads;
use crate::intake::Intake;

/// A group as Alertmanager's clients read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    labels: Labels,
    route_labels: Labels,
    receiver: Name,
    alerts: Vec<Shown>,
}

/// `GET alerts/groups`
pub(super) async fn list(
    State(intake): State<Intake>,
    _: Reads,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let asked = Asked::read(query.as_deref())?;
    let mut by_ticket: BTreeMap<_, Vec<Found>> = BTreeMap::new();
    for found in found(&intake, &asked).into_iter().filter(|f| asked.muted || f.shown.status.is_active()) {
        // What has no ticket stands for itself.
        let alone = found.ticket.is_none().then(|| found.shown.fingerprint.clone());
        by_ticket.entry((found.ticket, alone)).or_default().push(found);
    }
    let mut groups: Vec<Group> = by_ticket.into_values().filter_map(group).collect();
    groups.sort_by(|a, b| (&a.receiver, &a.labels).cmp(&(&b.receiver, &b.labels)));
    Ok(answer(StatusCode::OK, &groups))
}

/// Its labels are those that all of its alerts share.
fn group(mut all: Vec<Found>) -> Option<Group> {
    all.sort_by(|a, b| a.shown.fingerprint.cmp(&b.shown.fingerprint));
    let first = all.first()?;
    let (mut labels, receiver) = (first.shown.labels.clone(), Name { name: first.receiver.to_string() });
    labels.retain(|name, value| all.iter().all(|found| found.shown.labels.get(name) == Some(value)));
    let alerts = all.into_iter().map(|found| found.shown).collect();
    Some(Group { labels, route_labels: Labels::new(), receiver, alerts })
}
