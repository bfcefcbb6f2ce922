//! What one run found, and the verdict that detection settles on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ProbeId, SiteId};
use crate::time::Millis;
use crate::word::{FailureKind, Level, Outcome};

/// One execution of a probe, as `watchbell probe` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Which probe.
    pub probe: ProbeId,
    /// When the run started.
    pub at: Timestamp,
    /// Where it ran.
    pub site: SiteId,
    /// What was found.
    pub outcome: Outcome,
    /// Why it was not up.
    pub kind: Option<FailureKind>,
    /// One line for a person: `answered 503, expected 200`. Holds no body and no secret.
    pub message: Option<String>,
    /// How long each phase took; a phase that was not reached is null.
    pub phases_ms: Phases,
    /// Each assertion that was judged, in the order of the YAML.
    pub assertions: Vec<Assertion>,
    /// What was seen, kept beside the history and never sent through a third party.
    pub evidence: Evidence,
}

/// Phase times in milliseconds with fractions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Name to addresses.
    pub dns: Option<f64>,
    /// Connection established.
    pub connect: Option<f64>,
    /// Handshake done.
    pub tls: Option<f64>,
    /// From the request's last byte to the response's first.
    pub ttfb: Option<f64>,
    /// From the first byte to the last.
    pub transfer: Option<f64>,
    /// From resolve to last byte, redirects included.
    pub total: Option<f64>,
}

/// One judged assertion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assertion {
    /// What was asked, as a person would write it: `status is 2xx`, `$.verified is true`.
    pub what: String,
    /// Whether it holds.
    pub ok: bool,
    /// What was found instead; short, redacted.
    pub found: Option<String>,
}

/// What a run saw. Secrets are masked before they come here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// `POST https://…` without query values.
    pub request: Option<String>,
    /// The addresses that the name gave.
    pub addresses: Vec<String>,
    /// The address that was used.
    pub remote: Option<String>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The head of the answer; `set-cookie` and the like are masked.
    pub headers: BTreeMap<String, String>,
    /// The first part of the body, masked; at most 2 KiB.
    pub body: Option<String>,
    /// The hops of a redirected run.
    pub redirects: Vec<String>,
    /// Facts of the certificate, recorded even when verification failed.
    pub certificate: Option<Certificate>,
}

/// Facts of a server's own certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whom it is for.
    pub subject: String,
    /// The names it covers.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// First instant of validity.
    pub not_before: Timestamp,
    /// Last instant of validity.
    pub not_after: Timestamp,
}

/// What detection believes about a probe after confirmation: a level, not an edge. The same verdict
/// told twice makes no second fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which probe.
    pub probe: ProbeId,
    /// Where it was judged.
    pub site: SiteId,
    /// How it is.
    pub level: Level,
    /// Why it is not up; for `cert_expiring` the severity depends on `days_left`.
    pub kind: Option<FailureKind>,
    /// The message of the run that settled it.
    pub message: Option<String>,
    /// The severity that this verdict fires with: the probe's own for down, by kind for degraded.
    pub severity: crate::word::Severity,
    /// When the last good run started, as far as this process knows.
    pub last_good: Option<Timestamp>,
    /// When the first run of this level started; the impact is counted from here.
    pub since: Timestamp,
    /// When that run's outcome was known.
    pub seen: Timestamp,
    /// When detection settled.
    pub confirmed: Timestamp,
    /// So many runs in a row found it.
    pub runs: u32,
    /// Facts for the page and the ticket: what was asked, what came back. No body, no header.
    pub summary: Option<RunSummary>,
}

impl Verdict {
    /// Whether two verdicts say the same to the people who are paged.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.level == other.level && self.kind == other.kind && self.severity == other.severity
    }
}

/// The few facts of a run that a page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// `POST /v1/invoices/verify`; no query.
    pub request: Option<String>,
    /// The status that came back.
    pub status: Option<u16>,
    /// What had been expected, as a person would write it.
    pub expected: Option<String>,
    /// How long the run took.
    pub total: Option<Millis>,
}
