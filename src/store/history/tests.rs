//! History on both databases, and its folding and forgetting without one.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use watchbell_engine::ids::ProbeId;
use watchbell_engine::observation::{Evidence, Observation};
use watchbell_engine::word::{FailureKind, Outcome};

use super::fold::{Entry, Fold};
use super::write::{Waiting, Writer, landed};
use super::{History, Uptime, retain, write};
use crate::store::Store;
use crate::store::db::q;
use crate::store::tests::samples::run;
use crate::store::tests::{Ground, at, each_store, eventually, sql_on};
use crate::telemetry::Metrics;

const DOWN: (Outcome, Option<FailureKind>) = (Outcome::Down, Some(FailureKind::Status));
const SLOW: (Outcome, Option<FailureKind>) = (Outcome::Degraded, Some(FailureKind::Latency));
const OURS: (Outcome, Option<FailureKind>) = (Outcome::Inconclusive, Some(FailureKind::SelfDns));
const UP: (Outcome, Option<FailureKind>) = (Outcome::Up, None);

fn site() -> ProbeId {
    ProbeId::from("site")
}

/// Hands in runs of the probe `site`, at so many seconds after noon.
fn feed(history: &History, runs: &[(i64, (Outcome, Option<FailureKind>))]) {
    for (at_s, (outcome, kind)) in runs {
        let run = Arc::new(run("site", at_s * 1_000, *outcome, *kind));
        history.sender().try_send(run).expect("there is room");
    }
}

async fn started(ground: &Ground) -> Store {
    let store = ground.open().await;
    store.history().start(&Metrics::new());
    store
}

async fn count(history: &History, table: &str) -> i64 {
    let mut conn = history.db.reader().await.expect("a connection");
    let sql = match table {
        "runs" => "SELECT COUNT(*) AS n FROM runs",
        "failures" => "SELECT COUNT(*) AS n FROM failures",
        "minutes" => "SELECT COUNT(*) AS n FROM minutes",
        _ => "SELECT COUNT(*) AS n FROM intervals",
    };
    let row = q(sql).one(&mut conn).await.expect("it answers").expect("a count is a row");
    row.get("n").expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_keep_their_evidence_where_it_says_something_new() {
    each_store(async |ground: Ground| {
        let store = started(&ground).await;
        let timeout = (Outcome::Down, Some(FailureKind::ConnectTimeout));
        feed(store.history(), &[(0, UP), (5, DOWN), (10, DOWN), (15, timeout), (20, UP), (25, timeout), (30, timeout)]);
        store.close().await;
        let store = ground.open().await;
        let failures = store.history().last_failures(&site(), 10).await.expect("it answers");
        let shown: Vec<_> = failures.iter().map(|o| (o.at, o.kind, o.evidence != Evidence::default())).collect();
        let (status, connect) = (Some(FailureKind::Status), Some(FailureKind::ConnectTimeout));
        let whole = [
            (at(30_000), connect, false),
            (at(25_000), connect, true),
            (at(15_000), connect, true),
            (at(10_000), status, false),
            (at(5_000), status, true),
        ];
        assert_eq!(shown, whole, "newest first; the first of a streak and each change of kind have evidence");
        assert_eq!(failures[1], run("site", 25_000, timeout.0, timeout.1), "read back as it was");
        assert_eq!(failures[0].message.as_deref(), Some("it was connect_timeout"));
        assert_eq!(store.history().last_failures(&site(), 2).await.expect("it answers"), failures[..2]);
        let other = store.history().last_failures(&ProbeId::from("other"), 2).await.expect("it answers");
        assert_eq!(other, Vec::<Observation>::new());
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn minutes_add_up_over_a_restart() {
    each_store(async |ground: Ground| {
        let store = started(&ground).await;
        feed(store.history(), &[(0, UP), (20, DOWN), (40, SLOW), (65, UP)]);
        store.close().await;
        let store = started(&ground).await;
        feed(store.history(), &[(70, UP), (75, OURS), (125, UP)]);
        store.close().await;
        let store = ground.open().await;
        let minutes = store.history().minutes(&site(), at(0), at(600_000)).await.expect("it answers");
        let shown: Vec<_> =
            minutes.iter().map(|m| (m.at, [m.up, m.degraded, m.down, m.inconclusive, m.timed])).collect();
        let expected = [(at(0), [1, 1, 1, 0, 3]), (at(60_000), [2, 0, 0, 1, 3]), (at(120_000), [1, 0, 0, 0, 1])];
        assert_eq!(shown, expected);
        assert_eq!((minutes[0].total_ms, minutes[0].max_ms), (37.5, 12.5));
        let one = store.history().minutes(&site(), at(60_000), at(120_000)).await.expect("it answers");
        assert_eq!(one, minutes[1..2], "from is inside, to is not");
        let runs = store.history().runs(&site(), at(0), at(66_000)).await.expect("it answers");
        let shown: Vec<_> = runs.iter().map(|r| (r.at, r.outcome, r.kind, r.total_ms)).collect();
        assert_eq!(shown[1], (at(20_000), DOWN.0, DOWN.1, Some(12.5)));
        assert_eq!(shown.len(), 4);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uptime_is_counted_in_milliseconds_and_a_silence_is_a_gap() {
    each_store(async |ground: Ground| {
        let store = started(&ground).await;
        feed(store.history(), &[(0, UP), (5, UP), (10, DOWN), (15, DOWN), (20, SLOW), (25, OURS), (30, UP), (35, UP)]);
        feed(store.history(), &[(700, UP), (705, UP)]);
        store.close().await;
        let store = ground.open().await;
        let history = store.history();
        let whole = history.uptime(&site(), at(0), at(705_000)).await.expect("it answers");
        let expected = Uptime { up_ms: 20_000, degraded_ms: 5_000, down_ms: 10_000, unknown_ms: 670_000 };
        assert_eq!(whole, Some(expected));
        assert_eq!(expected.availability(), Some(25.0 / 35.0));
        let part = history.uptime(&site(), at(8_750), at(12_001)).await.expect("it answers");
        assert_eq!(part, Some(Uptime { up_ms: 1_250, down_ms: 2_001, ..Uptime::default() }));
        assert_eq!(history.uptime(&site(), at(40_000), at(600_000)).await.expect("it answers"), None);
        let other = history.uptime(&ProbeId::from("other"), at(0), at(1)).await.expect("it answers");
        assert_eq!(other, None, "it never ran");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_open_is_settled_by_the_next_start() {
    each_store(async |ground: Ground| {
        let crashed = ground.open().await;
        let mut fold = Fold::default();
        let runs = [(0, UP), (30, UP), (59, DOWN), (61, DOWN), (70, DOWN)];
        let entries = runs.map(|(at_s, (outcome, kind))| fold.take(&run("site", at_s * 1_000, outcome, kind))).concat();
        write::write(&crashed.history().db, &entries).await.expect("written");
        // The minute from 60 s on was still in memory; the interval from 59 s on is still open.
        let open = crashed.history().uptime(&site(), at(0), at(100_000)).await.expect("it answers");
        assert_eq!(open.map(|uptime| uptime.down_ms), Some(41_000));
        retain::recover(&crashed.history().db).await.expect("settled");
        for _ in 0..2 {
            let settled = crashed.history().uptime(&site(), at(0), at(100_000)).await.expect("it answers");
            let expected = Uptime { up_ms: 59_000, down_ms: 11_000, unknown_ms: 30_000, degraded_ms: 0 };
            assert_eq!(settled, Some(expected), "it ends with the last run");
            let minutes = crashed.history().minutes(&site(), at(0), at(100_000)).await.expect("it answers");
            let shown: Vec<_> = minutes.iter().map(|m| (m.up, m.down, m.timed, m.total_ms)).collect();
            assert_eq!(shown, [(2, 1, 3, 37.5), (0, 2, 2, 25.0)]);
            retain::recover(&crashed.history().db).await.expect("settling twice changes nothing");
        }
        crashed.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_and_too_many_failures_are_forgotten() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let history = store.history();
        let day = 24 * 3_600;
        let mut fold = Fold::default();
        let mut entries = Vec::new();
        for at_s in [0, day, 2 * day, 399 * day, 401 * day] {
            entries.extend(fold.take(&run("site", at_s * 1_000, DOWN.0, DOWN.1)));
            entries.extend(fold.settle());
        }
        entries.extend(fold.finish());
        write::write(&history.db, &entries).await.expect("written");
        // A slice of time each: no statement takes long after a long stop.
        for _ in 0..8 {
            retain::forget(&history.db, at(401 * day * 1_000), &BTreeSet::new()).await.expect("forgotten");
        }
        assert_eq!(count(history, "runs").await, 1, "six hours");
        // One run a day has no gaps, so the second and the third share an interval.
        for (table, left) in [("failures", 4), ("minutes", 4), ("intervals", 3)] {
            assert_eq!(count(history, table).await, left, "{table}: 400 days, the first one is older");
        }

        let many: Vec<Entry> = (0..i64::from(retain::FAILURES_KEPT) + 5)
            .flat_map(|n| fold.take(&run("noisy", 401 * day * 1_000 + n, DOWN.0, DOWN.1)))
            .filter(|entry| matches!(entry, Entry::Failure(_)))
            .collect();
        write::write(&history.db, &many).await.expect("written");
        retain::forget(&history.db, at(401 * day * 1_000), &["noisy".to_string()].into()).await.expect("forgotten");
        assert_eq!(count(history, "failures").await, 4 + i64::from(retain::FAILURES_KEPT), "of each probe its own");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_written_is_kept_and_tried_again() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let db = &store.history().db;
        let metrics = Metrics::new();
        let mut writer = Writer::new(db.clone(), metrics.history_dropped.clone(), CancellationToken::new());
        sql_on(db, "ALTER TABLE runs RENAME TO runs_away").await;
        writer.take(&[Arc::new(run("site", 0, DOWN.0, DOWN.1)), Arc::new(run("site", 5_000, UP.0, UP.1))]);
        let held = writer.waiting();
        for _ in 0..2 {
            writer.depart();
            let written = landed(writer.flight()).await;
            assert!(written.is_err());
            writer.landed(written);
            assert_eq!(writer.waiting(), held, "nothing is lost");
        }
        assert_eq!(count(store.history(), "failures").await, 0, "all or nothing");
        sql_on(db, "ALTER TABLE runs_away RENAME TO runs").await;
        writer.depart();
        let written = landed(writer.flight()).await;
        writer.landed(written);
        assert_eq!((writer.waiting(), metrics.history_dropped.get()), (0, 0));
        assert_eq!(count(store.history(), "runs").await, 2);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_reach_the_database_within_moments_while_paging_stands_still() {
    let ground = Ground::sqlite();
    let store = started(&ground).await;
    // A writer of facts that hangs: history has a file and connections of its own.
    let hung = store.db.begin().await.expect("the only connection that writes facts");
    feed(store.history(), &[(0, UP), (5, DOWN)]);
    eventually("the failure is written", async || {
        let failures = store.history().last_failures(&site(), 1).await.expect("it answers");
        (!failures.is_empty()).then_some(())
    })
    .await;
    hung.rollback().await.expect("undone");
    // And the other way round.
    let hung = store.history().db.begin().await.expect("the only connection that writes history");
    store.raise_epoch(at(0)).await.expect("paging goes on");
    hung.rollback().await.expect("undone");
    store.close().await;
}

#[test]
fn the_oldest_successes_are_dropped_first() {
    let mut fold = Fold::default();
    let mut waiting = Waiting::default();
    let mut entries = Vec::new();
    for (at_s, (outcome, kind)) in [(0, UP), (5, DOWN), (10, UP), (15, UP)] {
        let taken = fold.take(&run("site", at_s * 1_000, outcome, kind));
        entries.extend(taken.into_iter().filter(|entry| matches!(entry, Entry::Run(_))));
    }
    assert_eq!(waiting.add(entries, 4), 0);
    assert_eq!(waiting.add(Vec::new(), 2), 2);
    let left: Vec<_> = waiting
        .batch()
        .into_iter()
        .map(|entry| match entry {
            Entry::Run(run) => run.outcome,
            Entry::Failure(_) | Entry::Minute(_) | Entry::Interval(_) => panic!("only runs were put in"),
        })
        .collect();
    assert_eq!(left, [Outcome::Down, Outcome::Up], "the failure and the newest success");
}

/// The closed intervals as `(outcome, from_s, to_s)`.
fn intervals(entries: &[Entry]) -> Vec<(Outcome, i64, i64)> {
    let noon = watchbell_engine::time::micros(at(0));
    let seconds = |us: i64| (us - noon) / 1_000_000;
    let closed = entries.iter().filter_map(|entry| match entry {
        Entry::Interval(i) => i.to_us.map(|to| (i.outcome, seconds(i.from_us), seconds(to))),
        Entry::Run(_) | Entry::Failure(_) | Entry::Minute(_) => None,
    });
    closed.collect()
}

#[test]
fn a_slow_probe_with_quick_confirmations_has_no_gaps() {
    let mut fold = Fold::default();
    let mut entries = Vec::new();
    // Every ten minutes, with two confirmations; the writer settles once a minute because others run.
    for round in 0..6 {
        for more in [0, 2, 4] {
            entries.extend(fold.take(&run("site", (round * 600 + more) * 1_000, UP.0, UP.1)));
        }
        for minute in 1..10 {
            entries.extend(fold.take(&run("other", (round * 600 + minute * 60) * 1_000, UP.0, UP.1)));
            entries.extend(fold.settle());
        }
    }
    entries.retain(|entry| matches!(entry, Entry::Interval(i) if i.probe == site()));
    let first = intervals(&entries);
    assert_eq!(first, [(Outcome::Up, 0, 4)], "the distance has to be learnt once");
    let rest: Vec<Entry> = fold.finish();
    assert!(intervals(&rest).contains(&(Outcome::Up, 600, 3_004)), "{:?}", intervals(&rest));
}

#[test]
fn a_probe_that_is_gone_ends_with_its_last_run() {
    let mut fold = Fold::default();
    fold.take(&run("site", 0, UP.0, UP.1));
    fold.take(&run("site", 5_000, UP.0, UP.1));
    assert_eq!(intervals(&fold.settle()), []);
    fold.take(&run("other", 120_000, UP.0, UP.1));
    assert_eq!(intervals(&fold.settle()), [(Outcome::Up, 0, 5)]);
    assert_eq!(intervals(&fold.settle()), [], "once");
}
