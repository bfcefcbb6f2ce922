//! Opening the databases: files with their pragmas, servers with their limits.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::WITHIN;
use super::db::Db;
use super::error::OpenError;

/// How long a writer on SQLite waits for a foreign one (a backup tool, a shell).
const BUSY: Duration = Duration::from_secs(2);

/// How long we wait for a connection of a pool.
const ACQUIRE: Duration = Duration::from_secs(3);

/// Connections to a PostgreSQL server for paging and queries.
const SERVER_CONNECTIONS: u32 = 8;

/// The log of SQLite is cut back to this after it was folded in, bytes.
const WAL_KEPT: &str = "67108864";

/// What a database is used for, and so how careful it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Facts: nothing that was confirmed may be lost.
    Paging,
    /// History: what was written in the last moments may be lost with the machine.
    History,
}

/// The path without symbolic links, so that every name of one file leads to one lock.
pub(super) fn real_path(path: &Path) -> Result<PathBuf, OpenError> {
    if path.is_dir() {
        return Err(OpenError::NotADatabase { path: path.into(), what: "a directory".into() });
    }
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = dir.canonicalize().map_err(|_| OpenError::NoDirectory { dir: dir.into() })?;
    if !real.is_dir() {
        return Err(OpenError::NoDirectory { dir: dir.into() });
    }
    let name = path.file_name().ok_or_else(|| OpenError::NotADatabase { path: path.into(), what: "no file".into() })?;
    Ok(real.join(name))
}

/// Opens or creates an SQLite file. The caller holds its lock, or only reads.
pub(super) async fn sqlite(path: &Path, what_for: Use) -> Result<Db, OpenError> {
    create(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY)
        .pragma("journal_size_limit", WAL_KEPT)
        .disable_statement_logging();
    let synchronous = match what_for {
        Use::Paging => SqliteSynchronous::Full,
        Use::History => SqliteSynchronous::Normal,
    };
    let write = options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
    let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE).max_lifetime(None).test_before_acquire(false);
    let writer = pool().max_connections(1).idle_timeout(None).connect_with(write).await;
    let writer = writer.map_err(|e| OpenError::from_sqlite(path, "connecting", e))?;
    let readers = pool().max_connections(3).min_connections(0).connect_lazy_with(options.read_only(true));
    Ok(Db::Sqlite { writer, readers })
}

/// Makes sure that the file is there, for our own user alone, and is SQLite's or empty. SQLite gives its
/// log the same permissions.
fn create(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::OpenOptionsExt;
    let io = |e| OpenError::from_io(path, "creating it", e);
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(16).read_to_end(&mut head).map_err(io)?;
    if head.is_empty() || head == *b"SQLite format 3\0" {
        return Ok(());
    }
    Err(OpenError::NotADatabase { path: path.into(), what: "not an SQLite database".into() })
}

/// The address of a server: how to connect, and how to call it in messages, without its password.
pub(super) fn postgres_address(url: &str) -> Result<(PgConnectOptions, String), OpenError> {
    let tail = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let tail = tail.ok_or(OpenError::BadAddress)?;
    let (_, after_host) = tail.split_at(tail.find(['/', '?', '#']).unwrap_or(tail.len()));
    if after_host.contains('@') {
        // A password with a bare `/` or `?` in it: its end would pass for the database and be shown.
        return Err(OpenError::BadAddress);
    }
    // The parser's own error may repeat the address with its password.
    let options = PgConnectOptions::from_str(url).map_err(|_| OpenError::BadAddress)?;
    let place = format!(
        "postgres://{}:{}/{}",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or(options.get_username())
    );
    Ok((options, place))
}

/// Connects to a server.
pub(super) async fn postgres(options: &PgConnectOptions, place: &str, what_for: Use) -> Result<Db, OpenError> {
    let (connections, statement_timeout, durable) = match what_for {
        Use::Paging => (SERVER_CONNECTIONS, "4s", "on"),
        Use::History => (2, "30s", "off"),
    };
    let options = options
        .clone()
        .application_name("watchbell")
        .options([
            ("statement_timeout", statement_timeout),
            ("lock_timeout", "3s"),
            // The row lock of a process that vanished in the middle of a commit is free after this: before
            // the next try of whoever gave up on an answer.
            ("idle_in_transaction_session_timeout", "3s"),
            ("synchronous_commit", durable),
            ("default_transaction_isolation", "read committed"),
            ("client_min_messages", "warning"),
        ])
        .disable_statement_logging();
    // Once without the pool, which would repeat the attempt and then say only that time ran out.
    let first = tokio::time::timeout(WITHIN, sqlx::PgConnection::connect_with(&options)).await;
    let first = first.map_err(|_| OpenError::Unreachable {
        place: place.into(),
        why: format!("no answer within {} s", WITHIN.as_secs()),
    })?;
    let first = first.map_err(|e| OpenError::from_postgres(place, "connecting", e))?;
    first.close().await.map_err(|e| OpenError::from_postgres(place, "connecting", e))?;
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE).connect_lazy_with(options);
    Ok(Db::Postgres { pool })
}
