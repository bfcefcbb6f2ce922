//! `POST /v2/enqueue`: trigger, acknowledge, resolve.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
use watchbell_config::PagerdutyKey;
use watchbell_engine::fact::Told;
use watchbell_engine::ids::DedupKey;
use watchbell_engine::input::{Input, More, Signal, SignalAction};
use watchbell_engine::label::Labels;
use watchbell_engine::word::Severity;

use super::{body, come_again, invalid, object, sender};
use crate::inbox::Lane;
use crate::intake::alertmanager::answer;
use crate::intake::{Intake, mapping};

/// The longest key, characters.
const DEDUP_KEY_MAX: usize = 255;

/// What is kept of the custom details, characters.
const DETAILS_MAX: usize = 8_192;

/// The payload's fields that become labels.
const LABELS: [&str; 4] = ["source", "component", "group", "class"];

/// 202 once it is durable.
#[tracing::instrument(name = "intake.pagerduty.take", skip_all)]
pub(super) async fn take(State(intake): State<Intake>, body: Body) -> Response {
    let event = match object(body).await {
        Ok(event) => event,
        Err(refused) => return refused,
    };
    let config = intake.live.config.load_full();
    let mut errors = Vec::new();
    let from = sender(&config, body::text(&event, "routing_key").as_deref(), &mut errors);
    let action = action(&event, &mut errors);
    let key = dedup_key(&event, action, &mut errors);
    let fire = match action {
        Some(SignalAction::Fire) => fired(&event, &mut errors),
        Some(SignalAction::Resolve | SignalAction::Acknowledge | SignalAction::Change) | None => None,
    };
    let (Some(from), Some(action), Some(key), true) = (from, action, key, errors.is_empty()) else {
        return invalid(&errors);
    };
    let signal = signal(from, action, &key, fire);
    match intake.inbox.ask(Lane::Signals, Input::Signals(vec![signal])).await {
        Ok(_) => {
            let body = json!({ "status": "success", "message": "Event processed", "dedup_key": key });
            answer(StatusCode::ACCEPTED, &body)
        }
        Err(why) => come_again(why),
    }
}

fn action(event: &Map<String, Value>, errors: &mut Vec<String>) -> Option<SignalAction> {
    let word = body::text(event, "event_action");
    match word.as_deref() {
        Some("trigger") => return Some(SignalAction::Fire),
        Some("acknowledge") => return Some(SignalAction::Acknowledge),
        Some("resolve") => return Some(SignalAction::Resolve),
        Some(_) => {
            errors.push("'event_action' is invalid (should be one of: trigger, acknowledge, resolve)".into());
        }
        None => errors.push("'event_action' is missing or blank".into()),
    }
    None
}

/// The key as it was sent; one is made for a trigger without.
fn dedup_key(event: &Map<String, Value>, action: Option<SignalAction>, errors: &mut Vec<String>) -> Option<String> {
    match (body::text(event, "dedup_key"), action) {
        (Some(key), _) if key.chars().count() > DEDUP_KEY_MAX => {
            errors.push(format!("Length of 'dedup_key' is incorrect (should be at most {DEDUP_KEY_MAX} characters)"));
            None
        }
        (Some(key), _) => Some(key),
        (None, Some(SignalAction::Fire)) => fresh_key(errors),
        (None, Some(_)) => {
            errors.push("'dedup_key' is missing or blank".into());
            None
        }
        (None, None) => None, // the action is the mistake
    }
}

fn fresh_key(errors: &mut Vec<String>) -> Option<String> {
    let mut bytes = [0_u8; 16];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        errors.push("'dedup_key' is missing or blank".into());
        return None;
    }
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What a trigger says.
struct Fired {
    summary: String,
    severity: Severity,
    labels: Labels,
    started_at: Option<jiff::Timestamp>,
    told: Told,
}

fn fired(event: &Map<String, Value>, errors: &mut Vec<String>) -> Option<Fired> {
    let nothing = Map::new();
    let payload = event.get("payload").and_then(Value::as_object).unwrap_or(&nothing);
    let summary = body::required(payload, "summary", errors);
    let source = body::required(payload, "source", errors);
    let severity = body::required(payload, "severity", errors).and_then(|word| {
        let severity = word.to_ascii_lowercase().parse::<Severity>().ok();
        if severity.is_none() {
            errors.push("'payload.severity' is invalid (should be one of: critical, error, warning, info)".into());
        }
        severity
    });
    let (summary, _, severity) = (summary?, source?, severity?);
    let labels = LABELS.iter().filter_map(|name| Some(((*name).to_owned(), body::text(payload, name)?))).collect();
    let mut annotations = Labels::new();
    if let Some(details) = payload.get("custom_details").filter(|d| !d.is_null()) {
        let mut text = details.as_str().map_or_else(|| details.to_string(), str::to_owned);
        mapping::cut(&mut text, DETAILS_MAX);
        annotations.insert("custom_details".into(), text);
    }
    annotations.extend(body::text(event, "client").map(|client| ("client".into(), client)));
    let started_at = body::text(payload, "timestamp").and_then(|text| body::instant(&text));
    let told = Told { annotations, link: body::link(event), lapses: None };
    // A long summary is cut, not refused: it is a page.
    Some(Fired { summary: mapping::line(&summary), severity, labels, started_at, told })
}

fn signal(from: &PagerdutyKey, action: SignalAction, key: &str, fired: Option<Fired>) -> Signal {
    let dedup_key = DedupKey::from(format!("pd:{}:{key}", from.id));
    let Some(fired) = fired else { return mapping::plain(dedup_key, action, &from.id) };
    let severity = from.severity.unwrap_or(fired.severity);
    let mut labels = fired.labels;
    for (name, value) in &from.labels {
        if !labels.contains_key(name) {
            labels.insert(name.clone(), value.clone());
        }
    }
    let more = More { told: Some(Box::new(fired.told)), ..More::default() };
    let (summary, started_at, source) = (fired.summary, fired.started_at, from.id.clone());
    Signal { dedup_key, action, summary, severity, labels, started_at, source, more }
}
