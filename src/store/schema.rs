//! The schema of both databases as one numbered list, and how a database is brought up to it.
//!
//! Own code instead of sqlx's migrator: one list in one SQL text for both databases, a copy before a
//! migration, and a refusal that names what a newer build has done.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::db::{Db, Tx, q, run_migration};
use super::error::OpenError;

/// One numbered step. A released step is never edited; a new one is added at the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// What it brings, in a few words.
    pub(super) name: &'static str,
    /// In order. `{id}` is the key that counts rows, `{serial}` one that the database hands out,
    /// `{bytes}` the type of octets: the only places where the databases differ.
    pub(super) statements: &'static [&'static str],
}

/// A list of migrations; the first one has version 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema {
    /// Tells apart what shares a database: `store`, `history`.
    pub(super) part: &'static str,
    /// All of them, ever.
    pub(super) migrations: &'static [Migration],
}

/// Facts, projections, outbox, marks, tokens.
pub(super) const STORE: Schema = Schema {
    part: "store",
    migrations: &[Migration {
        name: "facts, tickets, pages, outbox, marks, snapshots, tokens",
        statements: &[
            "CREATE TABLE meta (
                one BIGINT PRIMARY KEY CHECK (one = 1),
                epoch BIGINT NOT NULL,
                raised_us BIGINT,
                last_fact BIGINT NOT NULL,
                committed_us BIGINT)",
            "INSERT INTO meta (one, epoch, last_fact) VALUES (1, 0, 0)",
            "CREATE TABLE facts (
                no {id},
                epoch BIGINT NOT NULL,
                at_us BIGINT NOT NULL,
                ticket BIGINT,
                kind TEXT NOT NULL,
                version BIGINT NOT NULL,
                body TEXT NOT NULL)",
            "CREATE INDEX facts_by_ticket ON facts (ticket, no) WHERE ticket IS NOT NULL",
            "CREATE INDEX facts_by_kind ON facts (kind, at_us)",
            "CREATE TABLE tickets (
                id {id},
                state TEXT NOT NULL,
                priority TEXT NOT NULL,
                policy TEXT NOT NULL,
                service TEXT,
                opened_us BIGINT NOT NULL,
                resolved_us BIGINT,
                body TEXT NOT NULL)",
            "CREATE INDEX tickets_by_state ON tickets (state, id)",
            "CREATE TABLE pages (
                id TEXT PRIMARY KEY,
                ticket BIGINT NOT NULL,
                person TEXT NOT NULL,
                state TEXT NOT NULL,
                started_us BIGINT NOT NULL,
                body TEXT NOT NULL)",
            "CREATE INDEX pages_by_ticket ON pages (ticket)",
            "CREATE TABLE outbox (
                send TEXT PRIMARY KEY,
                epoch BIGINT NOT NULL,
                decided_us BIGINT NOT NULL,
                body TEXT NOT NULL,
                ended_us BIGINT)",
            "CREATE INDEX outbox_unfinished ON outbox (decided_us) WHERE ended_us IS NULL",
            "CREATE INDEX outbox_ended ON outbox (ended_us) WHERE ended_us IS NOT NULL",
            "CREATE TABLE marks (key TEXT PRIMARY KEY, body TEXT NOT NULL)",
            "CREATE TABLE snapshots (upto {id}, state TEXT NOT NULL)",
            "CREATE TABLE tokens (
                name TEXT PRIMARY KEY,
                role TEXT NOT NULL,
                hash {bytes} NOT NULL UNIQUE,
                created_us BIGINT NOT NULL,
                last_used_us BIGINT)",
        ],
    }],
};

/// Runs, failures, minutes, intervals.
pub(super) const HISTORY: Schema = Schema {
    part: "history",
    migrations: &[Migration {
        name: "runs, failures, minutes, intervals",
        statements: &[
            "CREATE TABLE runs (
                id {serial},
                probe TEXT NOT NULL,
                at_us BIGINT NOT NULL,
                outcome TEXT NOT NULL,
                kind TEXT,
                total_us BIGINT)",
            "CREATE INDEX runs_by_time ON runs (at_us)",
            "CREATE TABLE failures (
                id {serial},
                probe TEXT NOT NULL,
                at_us BIGINT NOT NULL,
                body TEXT NOT NULL)",
            "CREATE INDEX failures_by_probe ON failures (probe, at_us)",
            "CREATE INDEX failures_by_time ON failures (at_us)",
            "CREATE TABLE minutes (
                probe TEXT NOT NULL,
                minute_us BIGINT NOT NULL,
                up BIGINT NOT NULL,
                degraded BIGINT NOT NULL,
                down BIGINT NOT NULL,
                inconclusive BIGINT NOT NULL,
                timed BIGINT NOT NULL,
                total_us BIGINT NOT NULL,
                max_us BIGINT NOT NULL,
                PRIMARY KEY (probe, minute_us))",
            "CREATE INDEX minutes_by_time ON minutes (minute_us)",
            "CREATE TABLE intervals (
                probe TEXT NOT NULL,
                from_us BIGINT NOT NULL,
                to_us BIGINT,
                seen_us BIGINT NOT NULL,
                outcome TEXT NOT NULL,
                PRIMARY KEY (probe, from_us))",
            "CREATE INDEX intervals_open ON intervals (probe) WHERE to_us IS NULL",
            "CREATE INDEX intervals_by_end ON intervals (to_us)",
        ],
    }],
};

/// Where a database lives: how to call it in messages, and its file where it is one.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// For messages; holds no password.
    pub(super) name: String,
    /// The file of an SQLite database.
    pub(super) file: Option<PathBuf>,
}

impl Place {
    pub(super) fn error(&self, doing: &'static str) -> impl FnOnce(sqlx::Error) -> OpenError + '_ {
        move |error| match &self.file {
            Some(path) => OpenError::from_sqlite(path, doing, error),
            None => OpenError::from_postgres(&self.name, doing, error),
        }
    }
}

/// Brings the database up to the schema; refuses one that is newer, or that is not ours. An existing
/// SQLite file is copied to `<file>.before-NNNN` first, NNNN being the version that is about to come.
pub(super) async fn migrate(db: &Db, schema: &Schema, place: &Place, now: Timestamp) -> Result<(), OpenError> {
    refuse_foreign_file(db, place).await?;
    let mut tx = begin(db, place).await?;
    let found = version(&mut tx, schema, place).await?;
    tx.commit().await.map_err(place.error("reading its schema version"))?;
    let known = schema.migrations.len();
    if found > 0 && found < known {
        copy_file(db, place, found + 1).await?;
    }
    for (index, migration) in schema.migrations.iter().enumerate().skip(found) {
        let mut tx = begin(db, place).await?;
        // Another process may have been faster; on one server they take turns here.
        if version(&mut tx, schema, place).await? > index {
            tx.rollback().await.map_err(place.error("migrating its schema"))?;
            continue;
        }
        for statement in migration.statements {
            run_migration(&mut tx, dialect(db, statement)).await.map_err(place.error("migrating its schema"))?;
        }
        q("INSERT INTO schema_versions (part, version, name, applied_us) VALUES ($1, $2, $3, $4)")
            .bind(schema.part)
            .bind(index as u64 + 1)
            .bind(migration.name)
            .bind(now)
            .run(&mut tx)
            .await
            .map_err(place.error("migrating its schema"))?;
        tx.commit().await.map_err(place.error("migrating its schema"))?;
        tracing::info!("{} is at schema version {} of {}: {}", place.name, index + 1, schema.part, migration.name);
    }
    Ok(())
}

/// The transaction of a migration: on a server, one process at a time and without a time limit.
async fn begin(db: &Db, place: &Place) -> Result<Tx, OpenError> {
    let mut tx = db.begin().await.map_err(place.error("opening it"))?;
    if let Db::Postgres { .. } = db {
        let alone = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '30s';
            SELECT pg_advisory_xact_lock(7247)";
        tx.raw(alone).await.map_err(place.error("waiting for another migration"))?;
    }
    Ok(tx)
}

/// The version that the database is at, 0 for an empty one.
async fn version(tx: &mut Tx, schema: &Schema, place: &Place) -> Result<usize, OpenError> {
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_versions (
        part TEXT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL, applied_us BIGINT NOT NULL,
        PRIMARY KEY (part, version))";
    const NEWEST: &str = "SELECT version, name FROM schema_versions WHERE part = $1 ORDER BY version DESC LIMIT 1";
    let doing = "reading its schema version";
    q(TABLE).run(tx).await.map_err(place.error(doing))?;
    let Some(row) = q(NEWEST).bind(schema.part).one(tx).await.map_err(place.error(doing))? else { return Ok(0) };
    let strange = |e: super::StoreError| place.error(doing)(sqlx::Error::Protocol(e.to_string()));
    let found: i64 = row.get("version").map_err(strange)?;
    let name: String = row.get("name").map_err(strange)?;
    let known = schema.migrations.len();
    match usize::try_from(found) {
        Ok(found) if found <= known => Ok(found),
        Ok(_) | Err(_) => Err(OpenError::NewerSchema { place: place.name.clone(), found, name, known: known as i64 }),
    }
}

/// Refuses a file in which another program keeps its tables.
async fn refuse_foreign_file(db: &Db, place: &Place) -> Result<(), OpenError> {
    let (Db::Sqlite { .. }, Some(path)) = (db, &place.file) else { return Ok(()) };
    const FOREIGN: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
        AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_versions') LIMIT 1";
    let mut conn = db.writer().await.map_err(place.error("opening it"))?;
    let row = q(FOREIGN).one(&mut conn).await.map_err(place.error("opening it"))?;
    match row.map(|row| row.get::<String>("name")) {
        None => Ok(()),
        Some(name) => Err(OpenError::NotADatabase {
            path: path.clone(),
            what: format!("a database of another program (it has a table `{}`)", name.unwrap_or_default()),
        }),
    }
}

/// Copies an SQLite file as it is committed now, complete or not at all.
async fn copy_file(db: &Db, place: &Place, next: usize) -> Result<(), OpenError> {
    let (Db::Sqlite { .. }, Some(path)) = (db, &place.file) else { return Ok(()) };
    let doing = "copying it before a migration";
    let copy = beside(path, &format!(".before-{next:04}"));
    let partial = beside(path, &format!(".before-{next:04}.part"));
    let io = |e| OpenError::from_io(&copy, doing, e);
    match std::fs::remove_file(&partial) {
        Ok(()) => (),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => (),
        Err(e) => return Err(io(e)),
    }
    let mut conn = db.writer().await.map_err(place.error(doing))?;
    let made = q("VACUUM INTO $1").bind(partial.display().to_string()).run(&mut conn).await;
    made.map_err(place.error(doing))?;
    restrict(&partial).map_err(io)?;
    std::fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(&partial, &copy).map_err(io)?;
    tracing::info!("{} was copied to {} before its migration", path.display(), copy.display());
    Ok(())
}

fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

/// The text for this database.
fn dialect(db: &Db, statement: &str) -> String {
    let (id, serial, bytes) = match db {
        Db::Sqlite { .. } => ("INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY", "BLOB"),
        Db::Postgres { .. } => ("BIGINT PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BYTEA"),
    };
    statement.replace("{id}", id).replace("{serial}", serial).replace("{bytes}", bytes)
}
