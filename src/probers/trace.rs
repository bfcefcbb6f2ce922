//! What a run has seen so far. It lives outside the run's future, so that a run that is cut off at its
//! deadline still tells how far it came and what it had read.

use std::time::{Duration, Instant};

use watchbell_engine::observation::{Assertion, Certificate, Evidence, Phases};
use watchbell_engine::time::Millis;
use watchbell_engine::word::FailureKind;

use super::body::Body;
use super::fault::Fault;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is being timed.
    Idle,
    Dns,
    Connect,
    Tls,
    Head,
    Body,
}

/// The notes of one run.
#[derive(Debug)]
pub(super) struct Trace {
    started: Instant,
    stage: Stage,
    entered: Instant,
    pub(super) phases: Phases,
    pub(super) evidence: Evidence,
    pub(super) assertions: Vec<Assertion>,
    pub(super) body: Body,
}

impl Trace {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            stage: Stage::Idle,
            entered: now,
            phases: Phases::default(),
            evidence: Evidence::default(),
            assertions: Vec::new(),
            body: Body::default(),
        }
    }

    /// Ends the stage that is being timed and begins another. A redirected run passes a stage several
    /// times; its times add up.
    pub(super) fn enter(&mut self, stage: Stage) {
        let now = Instant::now();
        let took = ms(now - self.entered);
        let phase = match self.stage {
            Stage::Idle => None,
            Stage::Dns => Some(&mut self.phases.dns),
            Stage::Connect => Some(&mut self.phases.connect),
            Stage::Tls => Some(&mut self.phases.tls),
            Stage::Head => Some(&mut self.phases.ttfb),
            Stage::Body => Some(&mut self.phases.transfer),
        };
        if let Some(phase) = phase {
            *phase = Some(phase.unwrap_or(0.0) + took);
        }
        (self.stage, self.entered) = (stage, now);
    }

    /// Ends all timing, the first time it is called: from resolve to last byte.
    pub(super) fn finish(&mut self) {
        self.enter(Stage::Idle);
        self.phases.total.get_or_insert(ms(self.entered - self.started));
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// Notes whose certificate it was.
    pub(super) fn saw_certificate(&mut self, certificate: Option<Certificate>) {
        self.evidence.certificate = certificate;
    }

    /// What it means that the time was up in the present stage.
    pub(super) fn timed_out(&self, timeout: Millis) -> Fault {
        let (kind, waiting_for) = match self.stage {
            Stage::Idle | Stage::Head => (FailureKind::HeaderTimeout, "waiting for the response head"),
            Stage::Dns => (FailureKind::DnsTimeout, "waiting for DNS"),
            Stage::Connect => (FailureKind::ConnectTimeout, "connecting"),
            Stage::Tls => (FailureKind::TlsTimeout, "in the TLS handshake"),
            Stage::Body => (FailureKind::BodyTimeout, "reading the body"),
        };
        let so_far = match self.stage {
            Stage::Body => format!(", {} bytes so far", self.body.decoded),
            Stage::Idle | Stage::Dns | Stage::Connect | Stage::Tls | Stage::Head => String::new(),
        };
        Fault::down(kind, format!("no answer within {timeout} ({waiting_for}{so_far})"))
    }
}

/// Milliseconds with three decimals, as `probe` prints them.
fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
