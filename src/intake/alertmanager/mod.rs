//! Alertmanager's API, version 2, under `/integrations/alertmanager`: a Prometheus posts its alerts straight to
//! us, and `amtool` looks at them and keeps them quiet.
//!
//! Every address is there twice, for senders that can only be given a path: `…/t/{token}/api/v2/…` carries the
//! token of whoever asks.

mod alerts;
mod errors;
mod filter;
mod fingerprint;
mod groups;
mod post;
mod silences;
mod silences_of_old;
mod status;
mod who;

#[cfg(test)]
mod tests;

use crate::gate::{Access, Gate, Routes};

use super::Intake;

pub(super) use errors::{answer, is_json};
pub(super) use fingerprint::fingerprint;
pub(super) use who::{Id, Writes};

/// The largest body, bytes (design, section 8).
pub(super) const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A path below the prefix, and the same below a token.
macro_rules! below {
    ($tail:literal) => {
        [concat!("/integrations/alertmanager", $tail), concat!("/integrations/alertmanager/t/{token}", $tail)]
    };
}

/// Everything below the prefix.
pub(super) fn routes(gate: Gate) -> Routes<Intake> {
    let mut all = Routes::new(gate);
    for (n, [reads, writes]) in
        [[Access::Viewer, Access::Responder], [Access::Link, Access::Link]].into_iter().enumerate()
    {
        all = all
            .get(below!("/api/v2/alerts")[n], reads, alerts::list)
            .post(below!("/api/v2/alerts")[n], writes, post::take)
            .get(below!("/api/v2/alerts/groups")[n], reads, groups::list)
            .get(below!("/api/v2/silences")[n], reads, silences::list)
            .post(below!("/api/v2/silences")[n], writes, silences::set)
            .get(below!("/api/v2/silence/{id}")[n], reads, silences::one)
            .delete(below!("/api/v2/silence/{id}")[n], writes, silences::expire)
            .get(below!("/api/v2/status")[n], reads, status::status)
            .get(below!("/api/v2/receivers")[n], reads, status::receivers)
            .get(below!("/-/healthy")[n], Access::Public, status::ok)
            .get(below!("/-/ready")[n], Access::Public, status::ready);
    }
    all
}
