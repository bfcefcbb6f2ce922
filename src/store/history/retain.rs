//! What is forgotten when, and how the past is settled after a start.

use std::collections::BTreeSet;

use jiff::Timestamp;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::time::micros;

use super::fold::{Interval, MINUTE_US};
use super::write::{INTERVALS, INTERVALS_AGAIN, interval_row};
use crate::store::db::{Db, insert, q};
use crate::store::error::StoreError;

const HOUR_US: i64 = 3_600_000_000;

/// Every single run is kept so long.
const RUNS_KEPT_US: i64 = 6 * HOUR_US;

/// Failures, minutes and intervals are kept so long, as facts are.
const KEPT_US: i64 = 400 * 24 * HOUR_US;

/// Failures of one probe.
pub(super) const FAILURES_KEPT: u32 = 10_000;

/// Runs that are deleted at once lie in a span of this length, so that no statement takes long after a
/// long stop.
const SLICE_US: i64 = HOUR_US / 4;

/// Deletes what is too old as of `now`, and the oldest failures of `failed` probes that have too many.
pub(super) async fn forget(db: &Db, now: Timestamp, failed: &BTreeSet<String>) -> Result<(), sqlx::Error> {
    const OLDEST: &str = "SELECT MIN(at_us) AS oldest FROM runs";
    const RUNS: &str = "DELETE FROM runs WHERE at_us < $1";
    const TOO_MANY: &str = "DELETE FROM failures WHERE probe = $1 AND id <=
        (SELECT id FROM failures WHERE probe = $1 ORDER BY at_us DESC, id DESC LIMIT 1 OFFSET $2)";
    let now_us = micros(now);
    let mut conn = db.writer().await?;
    let oldest = q(OLDEST).one(&mut conn).await?;
    let oldest: Option<i64> = oldest.and_then(|row| row.get("oldest").ok()).flatten();
    let Some(oldest) = oldest else { return Ok(()) };
    let until = (now_us - RUNS_KEPT_US).min(oldest + SLICE_US);
    // A minute's worth at a time: the index is then touched once for many rows.
    if oldest < now_us - RUNS_KEPT_US - MINUTE_US {
        q(RUNS).bind(until).run(&mut conn).await?;
        q("DELETE FROM failures WHERE at_us < $1").bind(now_us - KEPT_US).run(&mut conn).await?;
        q("DELETE FROM minutes WHERE minute_us < $1").bind(now_us - KEPT_US).run(&mut conn).await?;
        q("DELETE FROM intervals WHERE to_us < $1").bind(now_us - KEPT_US).run(&mut conn).await?;
    }
    for probe in failed {
        q(TOO_MANY).bind(probe.as_str()).bind(FAILURES_KEPT).run(&mut conn).await?;
    }
    Ok(())
}

/// After a start: intervals that a crash left open end with their last run, and the minutes that were
/// still being counted are counted again from the runs.
pub(super) async fn recover(db: &Db) -> Result<(), StoreError> {
    const NAME: &str = "store.history.recover";
    const NEWEST: &str = "SELECT MAX(at_us) AS newest FROM runs";
    const OPEN: &str = "SELECT probe, from_us, seen_us, outcome FROM intervals WHERE to_us IS NULL";
    const LAST_RUNS: &str = "SELECT probe, MAX(at_us) AS at_us FROM runs WHERE at_us >= $1 GROUP BY probe";
    const MINUTES: &str = "INSERT INTO minutes
            (probe, minute_us, up, degraded, down, inconclusive, timed, total_us, max_us)
        SELECT probe, at_us - at_us % 60000000,
            CAST(SUM(CASE WHEN outcome = 'up' THEN 1 ELSE 0 END) AS BIGINT),
            CAST(SUM(CASE WHEN outcome = 'degraded' THEN 1 ELSE 0 END) AS BIGINT),
            CAST(SUM(CASE WHEN outcome = 'down' THEN 1 ELSE 0 END) AS BIGINT),
            CAST(SUM(CASE WHEN outcome = 'inconclusive' THEN 1 ELSE 0 END) AS BIGINT),
            COUNT(total_us), CAST(COALESCE(SUM(total_us), 0) AS BIGINT), COALESCE(MAX(total_us), 0)
        FROM runs WHERE at_us >= $1
        GROUP BY probe, at_us - at_us % 60000000
        ON CONFLICT (probe, minute_us) DO UPDATE SET up = excluded.up, degraded = excluded.degraded,
            down = excluded.down, inconclusive = excluded.inconclusive, timed = excluded.timed,
            total_us = excluded.total_us, max_us = excluded.max_us";
    let failed = || StoreError::query(NAME);
    let mut tx = db.begin().await.map_err(failed())?;
    let newest = q(NEWEST).one(&mut tx).await.map_err(failed())?;
    let newest: Option<i64> = newest.map(|row| row.get("newest")).transpose()?.flatten();
    let since = newest.map_or(0, |newest| newest - newest.rem_euclid(MINUTE_US) - 2 * MINUTE_US);
    q(MINUTES).bind(since).run(&mut tx).await.map_err(failed())?;

    let runs = q(LAST_RUNS).bind(since).all(&mut tx).await.map_err(failed())?;
    let runs = runs.iter().map(|row| Ok((row.get("probe")?, row.get("at_us")?)));
    let last_runs = runs.collect::<Result<std::collections::BTreeMap<String, i64>, StoreError>>()?;
    let open = q(OPEN).all(&mut tx).await.map_err(failed())?;
    let mut rows = Vec::with_capacity(open.len());
    for row in &open {
        let probe: String = row.get("probe")?;
        let seen: i64 = row.get("seen_us")?;
        let end = last_runs.get(&probe).copied().map_or(seen, |last| last.max(seen));
        let outcome: String = row.get("outcome")?;
        rows.push(interval_row(&Interval {
            from_us: row.get("from_us")?,
            to_us: Some(end),
            seen_us: end,
            outcome: outcome.parse().map_err(|e| StoreError::unreadable(format!("an interval of `{probe}`"), e))?,
            probe: ProbeId::from(probe),
        }));
    }
    insert::<5>(&mut tx, INTERVALS, rows, INTERVALS_AGAIN).await.map_err(failed())?;
    tx.commit().await.map_err(failed())
}
