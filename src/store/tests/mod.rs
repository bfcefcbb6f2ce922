//! The tests of the store: the same bodies on both databases.

mod commit;
mod crash;
mod load;
mod open;
mod query;
mod server_faults;

pub(in crate::store) mod samples;

/// Shared with the integration tests.
#[path = "../../../tests/support/postgres.rs"]
mod postgres;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use watchbell_config::{Secret, StoreUrl};

use super::Store;
use super::db::Db;

/// A noon to count from.
pub(in crate::store) const NOON_US: i64 = 1_780_000_000_000_000 - 1_780_000_000_000_000 % 60_000_000;

/// So many milliseconds after noon.
pub(in crate::store) fn at(ms: i64) -> Timestamp {
    Timestamp::from_microsecond(NOON_US + ms * 1_000).expect("a day of this century")
}

/// A directory that goes away with the test.
pub(in crate::store) struct Dir(pub(in crate::store) PathBuf);

impl Dir {
    pub(in crate::store) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("watchbell-store-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).expect("a directory for the test");
        Self(dir)
    }

    pub(in crate::store) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(in crate::store) fn url(&self) -> StoreUrl {
        StoreUrl::Sqlite(self.file("watchbell.db"))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // What is left in the temp directory hurts nobody.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Where a test body runs.
pub(in crate::store) struct Ground {
    pub(in crate::store) url: StoreUrl,
    /// The directory of an SQLite store.
    pub(in crate::store) dir: Option<Dir>,
}

impl Ground {
    pub(in crate::store) fn sqlite() -> Self {
        let dir = Dir::new();
        Self { url: dir.url(), dir: Some(dir) }
    }

    pub(in crate::store) async fn postgres() -> Self {
        Self { url: StoreUrl::Postgres(Secret::new(postgres::fresh_database().await)), dir: None }
    }

    pub(in crate::store) async fn open(&self) -> Store {
        Store::open(&self.url, at(0)).await.expect("the store opens")
    }

    pub(in crate::store) fn is_sqlite(&self) -> bool {
        self.dir.is_some()
    }
}

/// Runs a test body on SQLite, then on PostgreSQL.
pub(in crate::store) async fn each_store<F: Future<Output = ()>>(test: impl Fn(Ground) -> F) {
    eprintln!("on SQLite");
    test(Ground::sqlite()).await;
    eprintln!("on PostgreSQL");
    test(Ground::postgres().await).await;
}

/// Waits until something holds, and fails when it does not within ten seconds.
pub(in crate::store) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An error with everything behind it, as the log shows it.
pub(in crate::store) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// Runs SQL of a test on the connection that writes facts.
async fn sql(store: &Store, text: &str) {
    sql_on(&store.db, text).await;
}

/// Runs SQL of a test on the connection that writes.
pub(in crate::store) async fn sql_on(db: &Db, text: &str) {
    let mut conn = db.writer().await.expect("a connection");
    super::db::run_migration(&mut conn, text.into()).await.expect("the SQL of a test is well formed");
}

pub(in crate::store) fn file_exists(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.len() > 0)
}
