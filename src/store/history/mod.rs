//! What every probe run found, kept apart from facts: failures with their evidence, all runs of the last
//! hours, minutes, and the intervals from which uptime is computed.
//!
//! Runs come in over a bounded channel; a writer of its own folds and writes them in batches. When the
//! database is slow, the oldest successes are dropped and counted; probing and paging never wait.

mod fold;
mod query;
mod retain;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watchbell_engine::observation::Observation;

use super::connect::{self, Use};
use super::db::Db;
use super::error::OpenError;
use super::schema::{self, Place};
use crate::telemetry::Metrics;

pub use query::{MinuteRow, RunRow, Uptime};

/// Runs that may wait between probers and the writer, which takes them out at once: one second of the
/// largest installation (10,000 probes every 5 s) twice over.
const CHANNEL: usize = 4_096;

/// How long a stop waits for the last batch.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// The history; cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    db: Db,
    sender: mpsc::Sender<Arc<Observation>>,
    task: Arc<Mutex<Task>>,
    stop: CancellationToken,
}

/// The writer, before and after it was started.
#[derive(Debug)]
enum Task {
    Waiting(mpsc::Receiver<Arc<Observation>>),
    Running(JoinHandle<()>),
    Stopped,
}

impl History {
    /// Opens the file beside a store's own: `watchbell.db` has `watchbell-history.db`. One that is damaged
    /// is set aside: paging must not wait for anybody to mend it.
    pub(super) async fn open_beside(store: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let path = path_beside(store);
        match Self::open_file(&path, now).await {
            Err(OpenError::NotADatabase { what, .. }) if path.is_file() => {
                let aside = path.with_extension(format!("db.unreadable-{}", now.as_microsecond()));
                std::fs::rename(&path, &aside).map_err(|e| OpenError::from_io(&path, "setting it aside", e))?;
                tracing::error!(
                    "the history {} is {what}; it was set aside as {} and a new one was begun",
                    path.display(),
                    aside.display()
                );
                Self::open_file(&path, now).await
            }
            opened => opened,
        }
    }

    async fn open_file(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let db = connect::sqlite(path, Use::History).await?;
        let place = Place { name: path.display().to_string(), file: Some(path.into()) };
        schema::migrate(&db, &schema::HISTORY, &place, now).await?;
        Ok(Self::new(db))
    }

    /// Opens the tables on a server, over connections of its own.
    pub(super) async fn open_on_server(
        options: &PgConnectOptions,
        place: &Place,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let db = connect::postgres(options, &place.name, Use::History).await?;
        schema::migrate(&db, &schema::HISTORY, place, now).await?;
        Ok(Self::new(db))
    }

    fn new(db: Db) -> Self {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        Self { db, sender, task: Arc::new(Mutex::new(Task::Waiting(receiver))), stop: CancellationToken::new() }
    }

    /// Where runs are handed in. Use `try_send` and count what it refuses in `Metrics::history_dropped`:
    /// a prober must never wait here.
    pub fn sender(&self) -> mpsc::Sender<Arc<Observation>> {
        self.sender.clone()
    }

    /// Starts the writer; a second call does nothing. Must be called inside the runtime.
    pub fn start(&self, metrics: &Metrics) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        *task = match std::mem::replace(&mut *task, Task::Stopped) {
            Task::Waiting(runs) => {
                let writer = write::Writer::new(self.db.clone(), metrics.history_dropped.clone(), self.stop.clone());
                Task::Running(tokio::spawn(writer.run(runs)))
            }
            Task::Running(handle) => Task::Running(handle),
            Task::Stopped => Task::Stopped,
        };
    }

    /// Writes what is still held, for a bounded time, and closes the database.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        let task = std::mem::replace(&mut *self.task.lock().unwrap_or_else(PoisonError::into_inner), Task::Stopped);
        if let Task::Running(handle) = task {
            let abort = handle.abort_handle();
            if tokio::time::timeout(STOP_WITHIN, handle).await.is_err() {
                abort.abort();
                tracing::warn!("the last runs could not be written to history in time");
            }
        }
        self.db.close().await;
    }
}

fn path_beside(store: &Path) -> PathBuf {
    let stem = store.file_stem().unwrap_or(store.as_os_str()).to_string_lossy();
    store.with_file_name(format!("{stem}-history.db"))
}
