//! `POST /v2/change/enqueue`: something was changed. Written down; it never pages.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
use watchbell_engine::ids::DedupKey;
use watchbell_engine::input::{Input, SignalAction};

use super::{body, come_again, invalid, object, sender};
use crate::inbox::Lane;
use crate::intake::alertmanager::answer;
use crate::intake::{Intake, mapping};

/// 202 once it is durable.
#[tracing::instrument(name = "intake.pagerduty.change", skip_all)]
pub(super) async fn take(State(intake): State<Intake>, body: Body) -> Response {
    let event = match object(body).await {
        Ok(event) => event,
        Err(refused) => return refused,
    };
    let config = intake.live.config.load_full();
    let mut errors = Vec::new();
    let from = sender(&config, body::text(&event, "routing_key").as_deref(), &mut errors);
    let nothing = Map::new();
    let payload = event.get("payload").and_then(Value::as_object).unwrap_or(&nothing);
    let summary = body::required(payload, "summary", &mut errors);
    let (Some(from), Some(summary)) = (from, summary) else { return invalid(&errors) };
    let mut text = mapping::line(&summary);
    let source = body::text(payload, "source").map(|source| format!(" ({source})"));
    let link = body::link(&event).map(|link| format!(" {link}"));
    text.extend(source.into_iter().chain(link));
    let key = DedupKey::from(format!("pd:{}:change", from.id));
    let mut signal = mapping::plain(key, SignalAction::Change, &from.id);
    signal.summary = text;
    match intake.inbox.ask(Lane::Signals, Input::Signals(vec![signal])).await {
        Ok(_) => answer(StatusCode::ACCEPTED, &json!({ "status": "success", "message": "Change event processed" })),
        Err(why) => come_again(why),
    }
}
