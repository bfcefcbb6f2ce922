//! `/integrations/alertmanager-webhook[/{id}]`: what an Alertmanager sends to a webhook receiver, version 4.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use watchbell_config::AlertSource;
use watchbell_engine::fact::Lapse;
use watchbell_engine::heartbeat::Beat;
use watchbell_engine::ids::{DedupKey, ProbeId};
use watchbell_engine::input::{Input, Signal};
use watchbell_engine::label::Labels;
use watchbell_engine::time::after;

use super::Intake;
use super::alertmanager::{BODY_LIMIT, Id, Writes, answer, fingerprint};
use super::mapping::{Sent, signal};
use crate::gate::Problem;
use crate::inbox::Lane;

/// The only version that there is.
const VERSION: &str = "4";

/// The integration behind the address without an id; its alerts are the same as those that Prometheus posts.
const DEFAULT: &str = "default";

/// The body. Keys that we do not know are let pass: newer versions add some.
#[derive(Debug, Deserialize)]
struct Posted {
    version: String,
    alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
    #[serde(default)]
    fingerprint: String,
}

/// The address without an id.
pub(super) async fn take(
    State(intake): State<Intake>,
    Writes(caller): Writes,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take_for(&intake, DEFAULT, &caller.name, &headers, body).await
}

/// The address of one integration.
pub(super) async fn take_as(
    State(intake): State<Intake>,
    Writes(caller): Writes,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take_for(&intake, &id, &caller.name, &headers, body).await
}

/// 200 once it is durable; 503, and never 429, where it cannot be now: Alertmanager tries nothing else again.
#[tracing::instrument(name = "intake.webhook.take", skip_all, fields(integration = id))]
async fn take_for(
    intake: &Intake,
    id: &str,
    sender: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let config = intake.live.config.load_full();
    let known = config.integrations.webhooks.get(id).cloned();
    let source = known.or_else(|| (id == DEFAULT).then(AlertSource::default));
    let source = source.ok_or_else(|| {
        Problem::not_found(format!("there is no webhook `{id}` in the configuration"))
            .help("add it under `integrations: { alertmanager_webhook: [ … ] }`, or leave the id away")
    })?;
    super::alertmanager::is_json(headers).map_err(|_| Problem::not_json("something else"))?;
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| Problem::too_large(BODY_LIMIT))?;
    let posted = read(&body)?;
    let (signals, beats) = sort_out(posted.alerts, id, &source, sender, intake.gate.clock.now());
    let count = signals.len();
    if !signals.is_empty() {
        intake.inbox.ask(Lane::Signals, Input::Signals(signals)).await?;
    }
    for probe in beats {
        intake.inbox.ask(Lane::Signals, Input::Beat { probe, beat: Beat::Success }).await?;
    }
    Ok(answer(StatusCode::OK, &json!({ "alerts": count })))
}

fn read(body: &[u8]) -> Result<Posted, Problem> {
    let hint = "a receiver with a `payload` of its own cannot be read: leave `payload` away, so that Alertmanager \
                sends its version 4";
    let posted: Posted = serde_json::from_slice(body)
        .map_err(|e| Problem::malformed(format!("this is no Alertmanager webhook: {e}")).help(hint))?;
    if posted.version != VERSION {
        let detail = format!("`version` is {:?}; only {VERSION:?} is known", posted.version);
        return Err(Problem::malformed(detail).help(hint));
    }
    Ok(posted)
}

/// Every alert by its own status; what is not in the message says nothing.
fn sort_out(
    alerts: Vec<Alert>,
    id: &str,
    source: &AlertSource,
    sender: &str,
    now: Timestamp,
) -> (Vec<Signal>, BTreeSet<ProbeId>) {
    let (mut signals, mut beats) = (Vec::with_capacity(alerts.len()), BTreeSet::new());
    for alert in alerts {
        let firing = alert.status != "resolved";
        let heartbeat = alert.labels.get("alertname").and_then(|name| source.heartbeats.get(name));
        if let Some(probe) = heartbeat {
            beats.extend(firing.then(|| probe.clone()));
            continue;
        }
        let lapses = source.resolve_after.map(|length| Lapse { at: after(now, length), named: false });
        let labels: Labels = alert.labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let print = if is_print(&alert.fingerprint) { alert.fingerprint } else { fingerprint(&labels) };
        let key = if id == DEFAULT { format!("am:{print}") } else { format!("am:{id}:{print}") };
        let sent = Sent {
            labels,
            annotations: alert.annotations,
            started_at: alert.starts_at,
            link: alert.generator_url,
            firing,
            lapses,
        };
        signals.push(signal(sent, DedupKey::from(key), source, sender));
    }
    (signals, beats)
}

fn is_print(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
