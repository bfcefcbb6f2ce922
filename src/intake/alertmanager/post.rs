//! `POST /api/v2/alerts`: one whole list is one input, durable before the 200.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use watchbell_config::AlertSource;
use watchbell_engine::fact::Lapse;
use watchbell_engine::heartbeat::Beat;
use watchbell_engine::ids::{DedupKey, ProbeId};
use watchbell_engine::input::{Input, Signal};
use watchbell_engine::label::Labels;
use watchbell_engine::time::{Millis, after};

use super::errors::{ApiError, empty, is_json};
use super::who::Writes;
use super::{BODY_LIMIT, fingerprint};
use crate::inbox::Lane;
use crate::intake::heard::Said;
use crate::intake::mapping::{Sent, signal};
use crate::intake::{Intake, mapping};

/// An alert whose source names no end is over after so long, unless it is said again.
const RESOLVE_TIMEOUT: Millis = Millis::mins(5);

/// One alert of the body. Keys that we do not know are let pass.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    starts_at: Option<Timestamp>,
    #[serde(default)]
    ends_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

/// What a body comes to.
#[derive(Debug, Default)]
struct Taken {
    signals: Vec<Signal>,
    beats: BTreeSet<ProbeId>,
    said: Vec<(String, Said)>,
    bad: Vec<String>,
}

/// `POST alerts`: 200, also for none; 400 once the good ones are in where some were bad.
#[tracing::instrument(name = "intake.alertmanager.take", skip_all)]
pub(super) async fn take(
    State(intake): State<Intake>,
    Writes(caller): Writes,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    is_json(&headers)?;
    let too_large = |_| ApiError::framework(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large");
    let body = to_bytes(body, BODY_LIMIT).await.map_err(too_large)?;
    let posted: Vec<Posted> = serde_json::from_slice(&body).map_err(|e| {
        let message = format!("parsing alerts body from \"\" failed, because {e}");
        ApiError::framework(StatusCode::BAD_REQUEST, message)
    })?;
    let now = intake.gate.clock.now();
    let config = intake.live.config.load_full();
    let taken = sort_out(posted, &config.integrations.alertmanager, &caller.name, now);
    if !taken.signals.is_empty() {
        intake.inbox.ask(Lane::Signals, Input::Signals(taken.signals)).await?;
        intake.heard.note(taken.said, now);
    }
    for probe in taken.beats {
        intake.inbox.ask(Lane::Signals, Input::Beat { probe, beat: Beat::Success }).await?;
    }
    if taken.bad.is_empty() { Ok(empty()) } else { Err(ApiError::bad(taken.bad.join("; "))) }
}

fn sort_out(posted: Vec<Posted>, source: &AlertSource, sender: &str, now: Timestamp) -> Taken {
    let mut out = Taken { signals: Vec::with_capacity(posted.len()), ..Taken::default() };
    for alert in posted {
        match checked(alert, source, now) {
            Ok(sent) => match sent.labels.get("alertname").and_then(|name| source.heartbeats.get(name)) {
                Some(probe) if sent.firing => out.beats.extend([probe.clone()]),
                Some(_) => {} // that it no longer fires is seen when beats are missing
                None => {
                    let key = format!("am:{}", fingerprint(&sent.labels));
                    let until = sent.lapses.map_or(now, |lapse| lapse.at);
                    out.said.push((key.clone(), Said { at: now, until }));
                    out.signals.push(signal(sent, DedupKey::from(key), source, sender));
                }
            },
            Err(bad) => out.bad.push(bad),
        }
    }
    out
}

/// The alert with its times filled in, or what is wrong with it. In the order of Alertmanager.
fn checked(posted: Posted, source: &AlertSource, now: Timestamp) -> Result<Sent, String> {
    let (starts, ends) = (posted.starts_at.filter(is_set), posted.ends_at.filter(is_set));
    let started_at = starts.or(ends).unwrap_or(now);
    let counted = || after(now, source.resolve_after.unwrap_or(RESOLVE_TIMEOUT));
    let lapse = Lapse { at: ends.unwrap_or_else(counted), named: ends.is_some() };
    let labels: Labels = posted.labels.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_empty()).collect();
    if started_at > lapse.at {
        return Err("start time must be before end time".into());
    }
    if labels.is_empty() {
        return Err("at least one label pair required".into());
    }
    if labels.contains_key("") {
        return Err("invalid label set: invalid name \"\"".into());
    }
    Ok(Sent {
        labels,
        annotations: posted.annotations.unwrap_or_default(),
        started_at: Some(started_at),
        link: posted.generator_url.filter(|link| mapping::is_web(link)),
        firing: lapse.at > now,
        lapses: Some(lapse),
    })
}

/// Clients write the year 1 for a time that they do not know.
fn is_set(at: &Timestamp) -> bool {
    at.as_second() > -62_135_596_800
}
