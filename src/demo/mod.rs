//! `watchbell demo`: a bundled expense service to break, a phone and a mail inbox that receive the
//! pages, and the printer of the story. All of it is beside watchbell, not inside: the server it
//! watches with is the ordinary one on the shipped configuration.
//!
//! May import: `clock`, the config and engine crates. Never: the rooms that probe, decide, store,
//! send or serve; the demo sees what a user sees, over HTTP.

pub mod break_page;
pub mod keys;
mod local;
pub mod phone;
pub mod service;
mod shipped;
pub mod smtp;
pub mod story;
#[cfg(test)]
mod tests;

pub use local::{Local, greeting};
pub use shipped::write_shipped;

use axum::Router;

use crate::clock::Clock;
use phone::Phone;
use service::Service;
use smtp::SmtpInbox;

/// What stands beside the server in a demo; cheap to clone.
#[derive(Clone)]
pub struct DemoParts {
    /// What is watched and broken.
    pub service: Service,
    /// Where pages arrive.
    pub phone: Phone,
}

impl DemoParts {
    /// A healthy service and a silent phone over this inbox.
    pub fn new(clock: Clock, mails: SmtpInbox) -> Self {
        Self { service: Service::new(clock.clone()), phone: Phone::new(clock, mails) }
    }
}

/// Everything of the demo below `/demo`, to be merged beside the server's own routes.
pub fn router(parts: &DemoParts) -> Router {
    let pages = break_page::router(parts.service.clone()).merge(phone::router(parts.phone.clone()));
    Router::new().nest("/demo", pages.nest("/api", service::router(parts.service.clone())))
}
