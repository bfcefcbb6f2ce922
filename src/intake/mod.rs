//! What other systems and jobs tell us, turned into inputs: signals and heartbeats.
//!
//! Owns: `POST /api/v1/signals`, `/ping/{token}`, `/integrations/…`. May import: `gate`, `store`, `inbox`, `clock`,
//! the engine and config crates.
//! Never: decides, or answers before what it was told is durable.

mod alertmanager;
mod heard;
mod heartbeats;
mod mapping;
mod pagerduty;
mod signals;
mod webhook;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use jiff::Timestamp;

use crate::gate::{Access, BODY_LIMIT, Declared, Gate, Problem, Routes};
use crate::inbox::{Inbox, Live};
use heard::Heard;

/// What intake stands on; cheap to clone.
#[derive(Clone)]
pub struct Intake {
    /// The engine's door.
    pub inbox: Inbox,
    /// The heartbeats of the configuration in force.
    pub live: Arc<Live>,
    /// Who may send signals.
    pub gate: Gate,
    /// Since when it is there.
    since: Timestamp,
    heard: Heard,
}

impl Intake {
    /// Intake behind a gate.
    pub fn new(inbox: Inbox, live: Arc<Live>, gate: Gate) -> Self {
        Self { inbox, live, since: gate.clock.now(), gate, heard: Heard::default() }
    }
}

/// Signals and heartbeats, for `listen`; to be merged with `web`'s router.
pub fn router(intake: Intake) -> Router {
    finished(inside(&intake), intake)
}

/// Heartbeats alone, for `edge`.
pub fn edge_router(intake: Intake) -> Router {
    finished(outside(&intake), intake)
}

/// Who may use which route of [`router`].
pub fn access_table(intake: &Intake) -> Vec<Declared> {
    inside(intake).table().to_vec()
}

fn outside(intake: &Intake) -> Routes<Intake> {
    Routes::new(intake.gate.clone())
        .get("/ping/{token}", Access::Link, heartbeats::success)
        .post("/ping/{token}", Access::Link, heartbeats::success)
        .get("/ping/{token}/{what}", Access::Link, heartbeats::other)
        .post("/ping/{token}/{what}", Access::Link, heartbeats::other)
}

fn inside(intake: &Intake) -> Routes<Intake> {
    outside(intake)
        .post("/api/v1/signals", Access::Responder, signals::take)
        .post("/integrations/alertmanager-webhook", Access::Responder, webhook::take)
        .post("/integrations/alertmanager-webhook/{id}", Access::Responder, webhook::take_as)
        .post("/integrations/alertmanager-webhook/t/{token}", Access::Link, webhook::take)
        .post("/integrations/alertmanager-webhook/t/{token}/{id}", Access::Link, webhook::take_as)
        .merge(alertmanager::routes(intake.gate.clone()))
        .merge(pagerduty::routes(intake.gate.clone()))
}

fn finished(routes: Routes<Intake>, intake: Intake) -> Router {
    routes
        .into_router()
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(intake)
}

async fn no_method(request: Request) -> Problem {
    Problem::method(request.method(), request.uri().path())
}
