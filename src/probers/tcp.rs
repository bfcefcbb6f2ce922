//! Runs a TCP probe: resolve, connect, close.

use std::sync::Arc;

use watchbell_config::{IpChoice, TcpCheck};

use super::connect::connect;
use super::fault::Fault;
use super::latency;
use super::run::Tools;
use super::trace::{Stage, Trace};

/// A TCP probe, ready to run.
pub(super) struct TcpRunner {
    tools: Arc<Tools>,
    check: TcpCheck,
}

impl TcpRunner {
    pub(super) fn new(check: &TcpCheck, tools: Arc<Tools>) -> Self {
        Self { tools, check: check.clone() }
    }

    /// The host that DNS is asked for.
    pub(super) fn host(&self) -> &str {
        &self.check.host
    }

    /// Runs once. The caller bounds the time; `trace` tells how far it came.
    pub(super) async fn run(&self, trace: &mut Trace) -> Result<(), Fault> {
        let TcpCheck { host, port, total } = &self.check;
        trace.evidence.request = Some(format!("connect {host}:{port}"));
        trace.enter(Stage::Dns);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = self.tools.dns.resolve(host, IpChoice::Any).await?;
        trace.enter(Stage::Connect);
        trace.evidence.addresses = addresses.iter().map(ToString::to_string).collect();
        let (_stream, remote) = connect(host, &addresses, *port).await?;
        trace.evidence.remote = Some(remote.to_string());
        trace.finish();
        latency::judge(&[("total", *total, trace.phases.total)], &mut trace.assertions)
    }
}
