//! The bundled expense service: small, with real state, and with a switch that breaks it on purpose.
//!
//! It plays the endpoints that a finance platform lives on: sign in, submit an invoice, verify it,
//! approve it, upload. Everything is in memory and bounded. May import: `clock`. Never: anything of
//! watchbell that decides, stores or sends; it is an ordinary service that happens to be watched.

mod faults;
mod ledger;
mod routes;

pub use faults::{BreakLog, BreakState, Fault};
pub use routes::router;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use ledger::Ledger;

/// The token that the shipped configuration's probes send; never asked from anybody else.
pub const PROBE_TOKEN: &str = "demo-probe-token";

/// The user whom the shipped configuration's sign-in probe uses, and the password.
pub const PROBE_USER: (&str, &str) = ("synthetic", "demo-password");

/// A handle on the service; cheap to clone.
#[derive(Clone, Debug)]
pub struct Service(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    ledger: Ledger,
    faults: faults::Switches,
    served: BTreeMap<&'static str, u64>,
}

impl Service {
    /// A service in good health, with one approval waiting.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared { clock, inner: Mutex::default() }))
    }

    /// Breaks it. Breaking what is broken already changes nothing.
    pub fn break_it(&self, fault: Fault) {
        let now = self.0.clock.now();
        self.inner().faults.switch_on(fault, now);
    }

    /// Mends everything.
    pub fn heal(&self) {
        let now = self.0.clock.now();
        self.inner().faults.switch_off(now);
    }

    /// What is broken, since when, and how often each endpoint answered.
    pub fn state(&self) -> BreakState {
        let inner = self.inner();
        let served = inner.served.iter().map(|(endpoint, n)| ((*endpoint).to_owned(), *n)).collect();
        BreakState { faults: inner.faults.on(), log: inner.faults.log(), served }
    }

    /// Counts a request for `endpoint` and says what is broken now.
    fn serve(&self, endpoint: &'static str) -> BTreeSet<Fault> {
        let mut inner = self.inner();
        *inner.served.entry(endpoint).or_default() += 1;
        inner.faults.on().into_keys().collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
