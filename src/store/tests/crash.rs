//! Crashes of an SQLite store: copies of its files, taken at any moment and cut off anywhere.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use watchbell_config::StoreUrl;

use super::samples::notes;
use super::{Dir, Ground, at, sql};
use crate::store::Store;

/// Copies with another process: closing a file of SQLite in this one would drop its locks.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg(from).arg(to).status().expect("cp runs");
    assert!(done.success());
}

/// The files as they are right now; the log last, as it grows.
fn copy_store(from: &Dir) -> Dir {
    let to = Dir::new();
    copy(&from.file("watchbell.db"), &to.file("watchbell.db"));
    copy(&from.file("watchbell.db-wal"), &to.file("watchbell.db-wal"));
    to
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_any_moment_holds_every_confirmed_fact() {
    let ground = Ground::sqlite();
    let dir = ground.dir.as_ref().expect("a directory");
    let store = ground.open().await;
    // The file itself stands still, as it does between two checkpoints; everything is in the log.
    sql(&store, "PRAGMA wal_autocheckpoint = 0").await;
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    let confirmed = Arc::new(AtomicU64::new(0));
    for round in 0..12_u64 {
        let (store, counter) = (store.clone(), Arc::clone(&confirmed));
        let writer = tokio::spawn(async move {
            for no in round * 20 + 1..=round * 20 + 20 {
                store.commit(&notes(no, no, epoch)).await.expect("a commit");
                counter.store(no, Ordering::SeqCst);
            }
        });
        while confirmed.load(Ordering::SeqCst) < round * 20 + round {
            tokio::task::yield_now().await;
        }
        let before = confirmed.load(Ordering::SeqCst);
        let crashed = copy_store(dir);
        let again = Store::open(&crashed.url(), at(1)).await.expect("it opens after the crash");
        let loaded = again.load().await.expect("it loads without a hole");
        assert!(loaded.last.0 >= before, "{before} was confirmed, {} is there", loaded.last.0);
        assert_eq!(loaded.facts, notes(1, loaded.last.0, epoch).facts);
        let next = again.raise_epoch(at(2)).await.expect("the next epoch");
        again.commit(&notes(loaded.last.0 + 1, loaded.last.0 + 1, next)).await.expect("it goes on");
        again.close().await;
        writer.await.expect("the writer ends well");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_cut_off_anywhere_holds_a_beginning_of_the_story() {
    let ground = Ground::sqlite();
    let dir = ground.dir.as_ref().expect("a directory");
    let store = ground.open().await;
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    store.close().await; // the schema is in the file now
    let store = ground.open().await;
    sql(&store, "PRAGMA wal_autocheckpoint = 0").await;
    for no in 1..=20 {
        store.commit(&notes(no, no, epoch)).await.expect("a commit");
    }
    let whole = copy_store(dir);
    store.close().await;
    let length = whole.file("watchbell.db-wal").metadata().expect("a log").len();
    let mut seen = Vec::new();
    for part in 0..=20 {
        let cut = Dir::new();
        copy(&whole.file("watchbell.db"), &cut.file("watchbell.db"));
        copy(&whole.file("watchbell.db-wal"), &cut.file("watchbell.db-wal"));
        let log = std::fs::OpenOptions::new().write(true).open(cut.file("watchbell.db-wal")).expect("the log");
        log.set_len(length * part / 20 / 7 * 7).expect("it is cut");
        drop(log);
        let again = Store::open(&StoreUrl::Sqlite(cut.file("watchbell.db")), at(1)).await.expect("it opens");
        let loaded = again.load().await.expect("it loads without a hole");
        assert_eq!(loaded.facts, notes(1, loaded.last.0, epoch).facts);
        seen.push(loaded.last.0);
        again.close().await;
    }
    assert!(seen.is_sorted() && seen[0] == 0, "{seen:?}");
    assert!(*seen.last().expect("some") >= 19, "all but a torn end is there: {seen:?}");
}
