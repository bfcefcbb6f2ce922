//! One run from start to observation: the deadline, and whether we ourselves were fit to judge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::IntCounter;
use watchbell_config::{Check, ProbeSpec};
use watchbell_engine::ids::{ProbeId, SiteId};
use watchbell_engine::observation::Observation;
use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, Outcome};

use super::dns::Dns;
use super::fault::Fault;
use super::http::HttpRunner;
use super::mask::Mask;
use super::tcp::TcpRunner;
use super::tls::TlsSetups;
use super::trace::{Stage, Trace};
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// By how much clocks may depart from each other during a run (design, order of a decision).
const CLOCKS_MAY_DEPART_MS: i64 = 2_000;

/// What all runners share.
pub(super) struct Tools {
    pub(super) dns: Dns,
    pub(super) tls: TlsSetups,
    pub(super) clock: Clock,
    pub(super) keepalive_races: IntCounter,
}

impl Tools {
    pub(super) fn new(clock: Clock, metrics: &Metrics) -> Self {
        let keepalive_races = metrics.keepalive_races.clone();
        Self { dns: Dns::system(), tls: TlsSetups::new(), clock, keepalive_races }
    }
}

/// A probe, ready to run any number of times.
pub(super) struct Runner {
    probe: ProbeId,
    timeout: Millis,
    tools: Arc<Tools>,
    what: What,
}

enum What {
    Http(Box<HttpRunner>),
    Tcp(TcpRunner),
    /// It can never run; the configuration should not have let it through.
    Broken(String),
}

impl Runner {
    /// `None` for a heartbeat, which is not run.
    pub(super) fn new(spec: &ProbeSpec, tools: &Arc<Tools>) -> Option<Self> {
        let what = match &spec.check {
            Check::Http(check) => match HttpRunner::new(&spec.id, check, Arc::clone(tools)) {
                Ok(runner) => What::Http(Box::new(runner)),
                Err(why) => What::Broken(why),
            },
            Check::Tcp(check) => What::Tcp(TcpRunner::new(check, Arc::clone(tools))),
            Check::Heartbeat { .. } => return None,
        };
        Some(Self { probe: spec.id.clone(), timeout: spec.timeout, tools: Arc::clone(tools), what })
    }

    /// Runs once; `fresh` forbids a kept connection, `asked` is when the run was to begin.
    pub(super) async fn run(&self, fresh: bool, asked: Instant) -> Observation {
        let started = Instant::now();
        let at = self.tools.clock.now();
        let departure_ms = self.tools.clock.departure_ms();
        let mut trace = Trace::new();
        let timeout = self.timeout.duration();
        let go = async {
            match &self.what {
                What::Http(runner) => runner.run(fresh, at, &mut trace).await,
                What::Tcp(runner) => runner.run(&mut trace).await,
                What::Broken(why) => Err(Fault::down(FailureKind::SelfResources, why.clone())),
            }
        };
        let done = tokio::time::timeout_at((started + timeout).into(), go).await;
        let late = started.saturating_duration_since(asked) + started.elapsed().saturating_sub(timeout);
        let fault = match done {
            Ok(done) => done.err(),
            Err(_elapsed) => Some(self.timed_out(&trace)),
        };
        trace.finish();
        let clocks = ClockMarks { at, started, departure_ms };
        let fault = self.unfit(&clocks).or_else(|| fault.map(|f| overloaded(late, timeout).unwrap_or(f)));
        self.observation(&clocks, trace, fault)
    }

    fn timed_out(&self, trace: &Trace) -> Fault {
        let fault = trace.timed_out(self.timeout);
        let host = match &self.what {
            What::Http(runner) => runner.host(),
            What::Tcp(runner) => runner.host(),
            What::Broken(_) => return fault,
        };
        if trace.stage() == Stage::Dns { self.tools.dns.silent(host, fault) } else { fault }
    }

    /// Our clock moved while we measured, or the machine slept.
    fn unfit(&self, before: &ClockMarks) -> Option<Fault> {
        let clock = &self.tools.clock;
        let stepped = clock.departure_ms() - before.departure_ms;
        let booted = clock.now().duration_since(before.at).as_millis();
        let measured = i128::try_from(before.started.elapsed().as_millis()).unwrap_or(i128::MAX);
        let slept = i64::try_from(booted - measured).unwrap_or(i64::MAX);
        let by = if stepped.abs() > slept.abs() { stepped } else { slept };
        (by.abs() > CLOCKS_MAY_DEPART_MS).then(|| {
            let message = format!("this machine's clock moved by {:.1} s during the run", by as f64 / 1_000.0);
            Fault::down(FailureKind::SelfClock, message)
        })
    }

    fn observation(&self, clocks: &ClockMarks, trace: Trace, fault: Option<Fault>) -> Observation {
        let none = Mask::default();
        let mask = match &self.what {
            What::Http(runner) => runner.mask(),
            What::Tcp(_) | What::Broken(_) => &none,
        };
        let mut evidence = trace.evidence;
        let (outcome, kind, message) = match fault {
            None => (Outcome::Up, None, None),
            Some(fault) => {
                // The body of a run that was well is of no use to anybody, and there are many of them.
                evidence.body = mask.body(&trace.body.bytes);
                (fault.outcome, Some(fault.kind), Some(mask.text(&fault.message).into_owned()))
            }
        };
        Observation {
            probe: self.probe.clone(),
            at: clocks.at,
            site: SiteId::local(),
            outcome,
            kind,
            message,
            phases_ms: trace.phases,
            assertions: trace.assertions,
            evidence,
        }
    }
}

/// Every clock as it stood when the run began.
struct ClockMarks {
    at: jiff::Timestamp,
    started: Instant,
    departure_ms: i64,
}

/// We came so late to our own work that a failure says nothing about the target.
fn overloaded(late: Duration, timeout: Duration) -> Option<Fault> {
    (late > timeout / 2).then(|| {
        let message = format!("this machine was {:.1} s late with the run", late.as_secs_f64());
        Fault::down(FailureKind::SelfOverload, message)
    })
}

/// Runs a probe once, outside the schedule, for `watchbell probe ID`; `None` for a heartbeat.
pub async fn run_once(spec: &ProbeSpec, clock: &Clock, metrics: &Metrics) -> Option<Observation> {
    let tools = Arc::new(Tools::new(clock.clone(), metrics));
    let runner = Runner::new(spec, &tools)?;
    Some(runner.run(true, Instant::now()).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_we_were_late_for_says_nothing() {
        let timeout = Duration::from_secs(2);
        assert_eq!(overloaded(Duration::from_millis(1_000), timeout), None);
        let fault = overloaded(Duration::from_millis(1_100), timeout).expect("too late");
        assert_eq!((fault.outcome, fault.kind), (Outcome::Inconclusive, FailureKind::SelfOverload));
    }
}
