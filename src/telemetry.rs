//! Tracing and the process's own metrics.
//!
//! May import: the engine crate. Per-probe metrics are not here: they are made at scrape time from the
//! live view by `web`.

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};

/// The process's own metrics, all under `watchbell_`.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where they are gathered from.
    pub registry: Registry,
    /// How late probes start, seconds.
    pub schedule_lag: Histogram,
    /// Runs by `outcome` and `kind` (`none` when up).
    pub runs: IntCounterVec,
    /// Starts that did not take place, by `why`.
    pub runs_skipped: IntCounterVec,
    /// Keep-alive connections that the server had closed, retried without a word.
    pub keepalive_races: IntCounter,
    /// Seconds from the first failing run to each `stage` of the first page.
    pub page_stage: HistogramVec,
    /// Age of the oldest page that waits to be handed over, seconds.
    pub outbox_oldest: Gauge,
    /// How long commits take, seconds.
    pub commit: Histogram,
    /// Commits that failed.
    pub commit_failures: IntCounter,
    /// Pages by `channel` and `receipt`.
    pub pages: IntCounterVec,
    /// Inputs that wait, by `lane`.
    pub inbox_depth: IntGaugeVec,
    /// First pages that went out before they could be recorded.
    pub unrecorded_pages: IntCounter,
    /// Observations that history had to drop.
    pub history_dropped: IntCounter,
    /// Fetches of calendars, by `calendar` and `outcome`.
    pub calendar_fetches: IntCounterVec,
}

impl Metrics {
    /// Registers them all in a registry of their own.
    pub fn new() -> Self {
        match Self::register() {
            Ok(metrics) => metrics,
            Err(e) => unreachable!("metric names are unique and well formed: {e}"),
        }
    }

    fn register() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let fast = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0];
        let stages = vec![0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 25.0, 30.0, 45.0, 60.0];
        let out = Self {
            schedule_lag: Histogram::with_opts(
                HistogramOpts::new("watchbell_schedule_lag_seconds", "How late probes start").buckets(fast.clone()),
            )?,
            runs: IntCounterVec::new(
                Opts::new("watchbell_runs_total", "Runs by outcome and failure kind"),
                &["outcome", "kind"],
            )?,
            runs_skipped: IntCounterVec::new(
                Opts::new("watchbell_runs_skipped_total", "Starts that did not take place"),
                &["why"],
            )?,
            keepalive_races: IntCounter::new(
                "watchbell_keepalive_races_total",
                "Idle connections that the server had closed, retried silently",
            )?,
            page_stage: HistogramVec::new(
                HistogramOpts::new(
                    "watchbell_page_stage_seconds",
                    "From the first failing run to each stage of the first page",
                )
                .buckets(stages),
                &["stage"],
            )?,
            outbox_oldest: Gauge::new(
                "watchbell_outbox_oldest_seconds",
                "Age of the oldest message that waits to be handed over",
            )?,
            commit: Histogram::with_opts(
                HistogramOpts::new("watchbell_commit_seconds", "How long commits take").buckets(fast),
            )?,
            commit_failures: IntCounter::new(
                "watchbell_commit_failures_total",
                "Commits that failed and were tried again",
            )?,
            pages: IntCounterVec::new(
                Opts::new("watchbell_pages_total", "Messages by channel and receipt"),
                &["channel", "receipt"],
            )?,
            inbox_depth: IntGaugeVec::new(
                Opts::new("watchbell_inbox_depth", "Inputs that wait for the engine"),
                &["lane"],
            )?,
            unrecorded_pages: IntCounter::new(
                "watchbell_unrecorded_pages_total",
                "First pages that went out while the store could not be written",
            )?,
            history_dropped: IntCounter::new(
                "watchbell_history_dropped_total",
                "Observations that history had to drop",
            )?,
            calendar_fetches: IntCounterVec::new(
                Opts::new("watchbell_calendar_fetches_total", "Fetches of calendars by outcome"),
                &["calendar", "outcome"],
            )?,
            registry,
        };
        let r = &out.registry;
        r.register(Box::new(out.schedule_lag.clone()))?;
        r.register(Box::new(out.runs.clone()))?;
        r.register(Box::new(out.runs_skipped.clone()))?;
        r.register(Box::new(out.keepalive_races.clone()))?;
        r.register(Box::new(out.page_stage.clone()))?;
        r.register(Box::new(out.outbox_oldest.clone()))?;
        r.register(Box::new(out.commit.clone()))?;
        r.register(Box::new(out.commit_failures.clone()))?;
        r.register(Box::new(out.pages.clone()))?;
        r.register(Box::new(out.inbox_depth.clone()))?;
        r.register(Box::new(out.unrecorded_pages.clone()))?;
        r.register(Box::new(out.history_dropped.clone()))?;
        r.register(Box::new(out.calendar_fetches.clone()))?;
        Ok(out)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Starts structured logs on standard error: text on a terminal, JSON elsewhere. `WATCHBELL_LOG` takes
/// the usual directives (`info`, `watchbell=debug`).
pub fn start_logs(json: bool) {
    use tracing_subscriber::{EnvFilter, fmt};
    // The verifier logs each refused certificate as an error of ours; to a prober it is a finding.
    let by_default = || EnvFilter::new("info,rustls_platform_verifier=off");
    let filter = EnvFilter::try_from_env("WATCHBELL_LOG").unwrap_or_else(|_| by_default());
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second subscriber in one process is a test's business; the first one stays.
    let started = if json { logs.json().try_init() } else { logs.compact().try_init() };
    drop(started);
}
