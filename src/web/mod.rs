//! The screens and the JSON API: what the live view shows, and the door for people's answers.
//!
//! Owns: the page behind a page's link, the overview, the ticket, the public status page, `/api/v1`, health and
//! metrics, the links of pages. May import: `gate`, `store`, `inbox`, `clock`, `telemetry`, `words`, the
//! engine and config crates. Never: decides; an act goes through the inbox, and the answer is translated.

mod ack;
pub mod api;
mod evidence;
mod feed;
mod form;
mod health;
mod html;
mod ical;
mod lang;
mod links;
mod login;
mod overview;
mod past;
mod publish;
mod quiet;
mod scrape;
mod show;
mod status;
mod ticket;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
pub use links::LinkKey;
pub(crate) use links::percent_encoded;

pub use crate::gate::hash_token;

use crate::clock::Clock;
use crate::gate::{Access, BODY_LIMIT, Declared, Gate, Problem, Routes, StandingAdmin};
use crate::inbox::{Inbox, Live};
use crate::store::Store;
use crate::telemetry::Metrics;

/// What the screens and the API stand on; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// Now.
    pub clock: Clock,
    /// The engine's door.
    pub inbox: Inbox,
    /// What everybody may look at.
    pub live: Arc<Live>,
    /// Tickets that are over, facts, history, tokens.
    pub store: Store,
    /// The process's own metrics.
    pub metrics: Metrics,
    /// The key of pages' links.
    pub links: LinkKey,
    /// Admin tokens that are not in the store.
    pub admins: Arc<[StandingAdmin]>,
    /// `listen` is loopback: reading needs no token.
    pub loopback: bool,
}

impl App {
    /// The gate that this app's routes stand behind; `intake` stands behind the same.
    pub fn gate(&self) -> Gate {
        Gate {
            clock: self.clock.clone(),
            store: self.store.clone(),
            admins: Arc::clone(&self.admins),
            loopback: self.loopback,
        }
    }
}

/// Everything, for `listen`. Merge `intake`'s router with it.
pub fn router(app: App) -> Router {
    finished(inside(&app), app)
}

/// Only what the public network may reach, for `edge`: pages' links, calendar feeds, the status page, health.
pub fn edge_router(app: App) -> Router {
    finished(outside(&app), app)
}

/// Who may use which route of [`router`].
pub fn access_table(app: &App) -> Vec<Declared> {
    inside(app).table().to_vec()
}

/// Who may use which route of [`edge_router`].
pub fn edge_access_table(app: &App) -> Vec<Declared> {
    outside(app).table().to_vec()
}

/// What the public network may reach.
fn outside(app: &App) -> Routes<App> {
    Routes::new(app.gate())
        .get("/a/{token}", Access::Link, ack::show)
        .post("/a/{token}", Access::Link, ack::act)
        .get("/ical/{file}", Access::Link, feed::show)
        .get("/status", Access::Public, status::show)
        .get("/healthz", Access::Public, health::lives)
}

/// Everything there is.
fn inside(app: &App) -> Routes<App> {
    Routes::new(app.gate())
        .get("/", Access::Viewer, overview::show)
        .get("/quiet", Access::Viewer, quiet::show)
        .get("/tickets/{id}", Access::Viewer, ticket::show)
        .post("/tickets/{id}/{deed}", Access::Responder, ticket::act)
        .get("/login", Access::Public, login::show)
        .post("/login", Access::Public, login::enter)
        .post("/logout", Access::Public, login::leave)
        .get("/readyz", Access::Public, health::ready)
        .get("/metrics", Access::Viewer, scrape::metrics)
        .merge(outside(app))
        .merge(api::routes(app.gate()))
}

fn finished(routes: Routes<App>, app: App) -> Router {
    routes
        .into_router()
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(app.clone(), html::humane))
        .layer(from_fn(html::safe_headers))
        .with_state(app)
}

async fn no_route(request: Request) -> Response {
    Problem::no_route(request.uri().path()).into_response()
}

async fn no_method(request: Request) -> Response {
    Problem::method(request.method(), request.uri().path()).into_response()
}
