//! `/metrics`: the process's own metrics, and those of every probe under blackbox_exporter's names, made at
//! scrape time from the last runs. No histogram carries a `probe` label.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use watchbell_config::{Check, Config};
use watchbell_engine::catalog::ProbeInfo;
use watchbell_engine::suppressed;
use watchbell_engine::word::Outcome;

use super::App;
use crate::gate::Problem;
use crate::inbox::{Inbox, Lane, ProbeBoard, ProbeLive};
use crate::telemetry::Metrics;

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    count_waiting(&app.metrics, &app.inbox);
    for (why, count) in suppressed::counts(&app.live.view.load()) {
        app.metrics.suppressed.with_label_values(&[why]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let text = text(&app.metrics, &app.live.config.load(), &app.live.probes).map_err(|error| {
        tracing::error!(%error, "metrics could not be gathered");
        Problem::ours("metrics could not be gathered")
    })?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}

/// Depths are read when they are asked for.
fn count_waiting(metrics: &Metrics, inbox: &Inbox) {
    let depth = |lane: &str, waiting: usize| {
        metrics.inbox_depth.with_label_values(&[lane]).set(i64::try_from(waiting).unwrap_or(i64::MAX));
    };
    depth("answers", inbox.depth(Lane::Answers));
    depth("verdicts", inbox.verdicts_waiting());
    depth("signals", inbox.depth(Lane::Signals));
}

fn text(metrics: &Metrics, config: &Config, board: &ProbeBoard) -> Result<String, prometheus::Error> {
    let probes = ProbeGauges::new()?;
    for (id, live) in board.all() {
        let (Some(info), Some(spec)) = (config.catalog.probes.get(&id), config.probes.get(&id)) else { continue };
        probes.set(info, &live, matches!(spec.check, Check::Http(_)));
    }
    let mut families = metrics.registry.gather();
    families.extend(probes.registry.gather());
    families.sort_by(|a, b| a.name().cmp(b.name()));
    TextEncoder::new().encode_to_string(&families)
}

/// blackbox_exporter's gauges, for one scrape.
struct ProbeGauges {
    registry: Registry,
    success: GaugeVec,
    duration: GaugeVec,
    dns: GaugeVec,
    phases: GaugeVec,
    status: GaugeVec,
    expiry: GaugeVec,
}

impl ProbeGauges {
    fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let plain = ["probe", "service"];
        Ok(Self {
            success: gauge("probe_success", "Whether the last conclusive run succeeded", &plain)?,
            duration: gauge("probe_duration_seconds", "How long the last run took", &plain)?,
            dns: gauge("probe_dns_lookup_time_seconds", "How long the name lookup of the last run took", &plain)?,
            phases: gauge(
                "probe_http_duration_seconds",
                "How long each phase of the last HTTP run took",
                &["probe", "service", "phase"],
            )?,
            status: gauge("probe_http_status_code", "Status of the last HTTP answer, 0 without one", &plain)?,
            expiry: gauge("probe_ssl_earliest_cert_expiry", "When the certificate ends, Unix time", &plain)?,
            registry,
        })
    }

    fn set(&self, info: &ProbeInfo, live: &ProbeLive, http: bool) {
        let labels = [info.id.as_str(), info.service.as_str()];
        let conclusive = live.recent.iter().rev().find(|(_, outcome, _)| *outcome != Outcome::Inconclusive);
        if let Some((_, outcome, _)) = conclusive {
            let up = matches!(outcome, Outcome::Up | Outcome::Degraded);
            self.success.with_label_values(&labels).set(f64::from(u8::from(up)));
        }
        let Some(run) = &live.last else { return };
        let seconds = |ms: Option<f64>| ms.map(|ms| ms / 1_000.0);
        let p = run.phases_ms;
        if let Some(total) = seconds(p.total) {
            self.duration.with_label_values(&labels).set(total);
        }
        if let Some(dns) = seconds(p.dns) {
            self.dns.with_label_values(&labels).set(dns);
        }
        if let Some(certificate) = &run.evidence.certificate {
            self.expiry.with_label_values(&labels).set(certificate.not_after.as_second() as f64);
        }
        if http {
            self.status.with_label_values(&labels).set(f64::from(run.evidence.status.unwrap_or(0)));
            // blackbox_exporter's phase words, a phase that was not reached being zero there too.
            let phases = [
                ("resolve", p.dns),
                ("connect", p.connect),
                ("tls", p.tls),
                ("processing", p.ttfb),
                ("transfer", p.transfer),
            ];
            for (phase, took) in phases {
                let labels = [info.id.as_str(), info.service.as_str(), phase];
                self.phases.with_label_values(&labels).set(seconds(took).unwrap_or(0.0));
            }
        }
    }
}
