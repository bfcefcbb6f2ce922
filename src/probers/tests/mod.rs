//! The failure kinds as a contract: every fault is played by a server whose bytes are scripted.

mod answers;
mod connections;
mod names;
mod schedule;
mod server;
mod transport;

use std::sync::Arc;
use std::time::Instant;

use watchbell_config::{
    Check, Expect, HttpCheck, IpChoice, JsonRule, JsonTest, LatencyLevels, ProbeSpec, Secret, TcpCheck, TlsOptions,
};
use watchbell_engine::detect::{DetectRule, DownAfter};
use watchbell_engine::observation::Observation;
use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, Outcome, Severity};

use super::run::{Runner, Tools};
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// Long enough for a loaded machine, where a test does not wait for the timeout itself.
const PATIENT: Millis = Millis::secs(10);

/// Where a test waits for the timeout itself.
const SHORT: Millis = Millis::secs(1);

fn http_check(url: &str) -> HttpCheck {
    HttpCheck {
        url: url.parse().expect("an address"),
        method: http::Method::GET,
        headers: Vec::new(),
        body: None,
        authorization: None,
        tls: TlsOptions::default(),
        redirects: 5,
        ip: IpChoice::Any,
        reuse: false,
        expect: Expect::default(),
    }
}

fn spec(check: Check, timeout: Millis) -> ProbeSpec {
    ProbeSpec {
        id: "site".into(),
        every: Millis::secs(30),
        timeout,
        check,
        detect: DetectRule {
            down_after: DownAfter::InARow(2),
            confirm_after: Millis(50),
            up_after: 1,
            severity: Severity::Error,
        },
        detect_within: None,
        runs_per_day: None,
        worst_case: None,
    }
}

fn tools() -> Arc<Tools> {
    Arc::new(Tools::new(Clock::system(), &Metrics::new()))
}

async fn run_with(tools: &Arc<Tools>, spec: &ProbeSpec) -> Observation {
    Runner::new(spec, tools).expect("it can be run").run(true, Instant::now()).await
}

async fn run(check: HttpCheck, timeout: Millis) -> Observation {
    run_with(&tools(), &spec(Check::Http(Box::new(check)), timeout)).await
}

/// What a run found, with its message for a failing test to show.
fn found(run: &Observation) -> (Outcome, Option<FailureKind>) {
    println!("{:?} {:?} {:?}", run.outcome, run.kind, run.message);
    (run.outcome, run.kind)
}

fn down(kind: FailureKind) -> (Outcome, Option<FailureKind>) {
    (Outcome::Down, Some(kind))
}

const UP: (Outcome, Option<FailureKind>) = (Outcome::Up, None);

fn json(at: &str, test: JsonTest) -> JsonRule {
    JsonRule { at: at.into(), path: serde_json_path::JsonPath::parse(at).expect("a path"), test }
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn at_most(down: Option<u64>, degraded: Option<u64>) -> LatencyLevels {
    LatencyLevels { degraded: degraded.map(Millis), down: down.map(Millis) }
}

fn tcp(port: u16) -> Check {
    Check::Tcp(TcpCheck { host: "127.0.0.1".into(), port, total: LatencyLevels::default() })
}
