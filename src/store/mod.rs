//! The only SQL in the house: facts, the projections that queries read, the outbox, marks, snapshots,
//! tokens, and the history of probe runs beside them.
//!
//! SQLite and PostgreSQL hold the same schema and take the same SQL text. One commit is one transaction,
//! fully durable, and checks the epoch: a process that was taken over can write no more. History has its
//! own file (or its own connections) and its own writer, and holds up nothing.
//!
//! May import: `telemetry`, the engine and config crates. Never: decides anything.

mod commit;
mod connect;
mod db;
mod doctor;
mod error;
mod history;
mod load;
mod lock;
mod query;
mod schema;
mod tokens;

#[cfg(test)]
mod tests;

pub use doctor::{ExamineError, Examined};
pub use error::{CommitError, CreateTokenError, LoadError, OpenError, StoreError};
pub use history::{History, MinuteRow, RunRow, Uptime};
pub use load::Loaded;
pub use query::TicketFilter;
pub use tokens::TokenRow;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use watchbell_config::StoreUrl;

use connect::Use;
use db::Db;
use lock::Lock;
use schema::Place;

/// The bound on every call: after this the caller is told that the store did not answer.
const WITHIN: Duration = Duration::from_secs(5);

/// The store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    history: History,
    /// On SQLite; held until the last clone is gone or [`Store::close`] lets go.
    lock: Option<Arc<Lock>>,
}

impl Store {
    /// Opens the store, or makes a new one: takes the lock (SQLite), brings the schema up to date after
    /// copying the file. Nothing is written down for the caller: raise the epoch next.
    #[tracing::instrument(name = "store.open", skip_all)]
    pub async fn open(url: &StoreUrl, now: Timestamp) -> Result<Self, OpenError> {
        match url {
            StoreUrl::Sqlite(path) => {
                let path = connect::real_path(path)?;
                let lock = Lock::take(&path)?;
                let db = connect::sqlite(&path, Use::Paging).await?;
                let place = Place { name: path.display().to_string(), file: Some(path.clone()) };
                schema::migrate(&db, &schema::STORE, &place, now).await?;
                let history = History::open_beside(&path, now).await?;
                Ok(Self { db, history, lock: Some(Arc::new(lock)) })
            }
            StoreUrl::Postgres(address) => {
                let (options, name) = connect::postgres_address(address.reveal())?;
                let db = connect::postgres(&options, &name, Use::Paging).await?;
                let place = Place { name, file: None };
                schema::migrate(&db, &schema::STORE, &place, now).await?;
                let history = History::open_on_server(&options, &place, now).await?;
                Ok(Self { db, history, lock: None })
            }
        }
    }

    /// The history of probe runs.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Writes down what history still holds, folds the log into the file and lets go of the lock. Other
    /// clones can no longer be used.
    pub async fn close(self) {
        self.history.stop().await;
        self.db.close().await;
        if let Some(lock) = &self.lock {
            lock.release();
        }
    }
}

/// Runs a query for a bounded time.
async fn bounded<T>(query: &'static str, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(WITHIN, work).await {
        Ok(done) => done,
        Err(_elapsed) => Err(StoreError::TimedOut { query, after: WITHIN }),
    }
}
