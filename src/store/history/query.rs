//! What screens and reports ask of the history.

use jiff::Timestamp;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::observation::Observation;
use watchbell_engine::time::micros;
use watchbell_engine::word::{FailureKind, Outcome};

use super::History;
use crate::store::bounded;
use crate::store::db::{Query, Row, q};
use crate::store::error::StoreError;

/// Runs of one answer: six hours of one probe, every five seconds.
const RUNS_AT_MOST: u32 = 5_000;

/// One run, in short.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// When it started.
    pub at: Timestamp,
    /// What was found.
    pub outcome: Outcome,
    /// Why it was not up.
    pub kind: Option<FailureKind>,
    /// From resolve to last byte, milliseconds.
    pub total_ms: Option<f64>,
}

/// One minute of one probe.
#[derive(Clone, Debug, PartialEq)]
pub struct MinuteRow {
    /// Its first instant.
    pub at: Timestamp,
    /// Runs that were up.
    pub up: u64,
    /// Runs that were degraded.
    pub degraded: u64,
    /// Runs that were down.
    pub down: u64,
    /// Runs that nothing can be said of.
    pub inconclusive: u64,
    /// Runs whose total is known.
    pub timed: u64,
    /// The sum of their totals, milliseconds.
    pub total_ms: f64,
    /// The largest of them, milliseconds.
    pub max_ms: f64,
}

/// How a span was spent, milliseconds. The parts add up to the span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uptime {
    /// All was well.
    pub up_ms: u64,
    /// It worked, but not well.
    pub degraded_ms: u64,
    /// It did not work.
    pub down_ms: u64,
    /// Nobody looked, or our own fault kept us from seeing.
    pub unknown_ms: u64,
}

impl Uptime {
    /// The part of the known time in which it was not down, 0 to 1; `None` where nothing is known.
    /// Degraded never counts as downtime.
    pub fn availability(&self) -> Option<f64> {
        let good = self.up_ms + self.degraded_ms;
        let known = good + self.down_ms;
        (known > 0).then(|| good as f64 / known as f64)
    }
}

impl History {
    /// The last runs that were not up, newest first. The first of a streak and each change of kind have
    /// their evidence and assertions, the others do not.
    pub async fn last_failures(&self, probe: &ProbeId, limit: u32) -> Result<Vec<Observation>, StoreError> {
        const LAST: &str = "SELECT body FROM failures WHERE probe = $1 ORDER BY at_us DESC, id DESC LIMIT $2";
        let rows = self.rows("store.history.failures", q(LAST).bind(probe.as_str()).bind(limit)).await?;
        rows.iter().map(|row| row.json("body", &format!("a failure of `{probe}`"))).collect()
    }

    /// The minutes from `from` until before `to` in which the probe ran, in order. The present one is not
    /// among them.
    pub async fn minutes(&self, probe: &ProbeId, from: Timestamp, to: Timestamp) -> Result<Vec<MinuteRow>, StoreError> {
        const MINUTES: &str = "SELECT minute_us, up, degraded, down, inconclusive, timed, total_us, max_us FROM minutes
            WHERE probe = $1 AND minute_us >= $2 AND minute_us < $3 ORDER BY minute_us";
        let query = q(MINUTES).bind(probe.as_str()).bind(from).bind(to);
        let rows = self.rows("store.history.minutes", query).await?;
        rows.iter()
            .map(|row| {
                Ok(MinuteRow {
                    at: row.instant("minute_us")?,
                    up: row.count("up")?,
                    degraded: row.count("degraded")?,
                    down: row.count("down")?,
                    inconclusive: row.count("inconclusive")?,
                    timed: row.count("timed")?,
                    total_ms: row.count("total_us")? as f64 / 1_000.0,
                    max_ms: row.count("max_us")? as f64 / 1_000.0,
                })
            })
            .collect()
    }

    /// Single runs of the last six hours from `from` until before `to`, in order; at most 5,000. The span
    /// is read as a whole for all probes: ask for minutes, not for hours.
    pub async fn runs(&self, probe: &ProbeId, from: Timestamp, to: Timestamp) -> Result<Vec<RunRow>, StoreError> {
        const RUNS: &str = "SELECT at_us, outcome, kind, total_us FROM runs
            WHERE probe = $1 AND at_us >= $2 AND at_us < $3 ORDER BY at_us LIMIT $4";
        let query = q(RUNS).bind(probe.as_str()).bind(from).bind(to).bind(RUNS_AT_MOST);
        let rows = self.rows("store.history.runs", query).await?;
        rows.iter()
            .map(|row| {
                let kind: Option<String> = row.get("kind")?;
                let kind = kind.map(|kind| kind.parse()).transpose();
                let total_us: Option<i64> = row.get("total_us")?;
                Ok(RunRow {
                    at: row.instant("at_us")?,
                    outcome: outcome(row, probe)?,
                    kind: kind.map_err(|e| StoreError::unreadable(format!("a run of `{probe}`"), e))?,
                    total_ms: total_us.map(|us| us as f64 / 1_000.0),
                })
            })
            .collect()
    }

    /// How the span from `from` until `to` (now at the latest) was spent; `None` where the probe never ran
    /// in it. An outcome holds from its run until the next; a silence is unknown time.
    pub async fn uptime(&self, probe: &ProbeId, from: Timestamp, to: Timestamp) -> Result<Option<Uptime>, StoreError> {
        const INTERVALS: &str = "SELECT from_us, to_us, outcome FROM intervals
            WHERE probe = $1 AND from_us < $3 AND (to_us IS NULL OR to_us >= $2)";
        let query = q(INTERVALS).bind(probe.as_str()).bind(from).bind(to);
        let rows = self.rows("store.history.uptime", query).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let (from_us, to_us) = (micros(from), micros(to));
        let [mut up, mut degraded, mut down] = [0_i64; 3];
        for row in &rows {
            let start: i64 = row.get("from_us")?;
            let end: Option<i64> = row.get("to_us")?;
            let span = end.unwrap_or(to_us).min(to_us) - start.max(from_us);
            match outcome(row, probe)? {
                Outcome::Up => up += span.max(0),
                Outcome::Degraded => degraded += span.max(0),
                Outcome::Down => down += span.max(0),
                Outcome::Inconclusive => (),
            }
        }
        let ms = |us: i64| u64::try_from(us / 1_000).unwrap_or(0);
        let (up_ms, degraded_ms, down_ms) = (ms(up), ms(degraded), ms(down));
        let unknown_ms = ms(to_us - from_us).saturating_sub(up_ms + degraded_ms + down_ms);
        Ok(Some(Uptime { up_ms, degraded_ms, down_ms, unknown_ms }))
    }

    async fn rows(&self, name: &'static str, query: Query) -> Result<Vec<Row>, StoreError> {
        bounded(name, async {
            let mut conn = self.db.reader().await.map_err(StoreError::query(name))?;
            query.all(&mut conn).await.map_err(StoreError::query(name))
        })
        .await
    }
}

fn outcome(row: &Row, probe: &ProbeId) -> Result<Outcome, StoreError> {
    let word: String = row.get("outcome")?;
    word.parse().map_err(|e| StoreError::unreadable(format!("an outcome of `{probe}`"), e))
}
