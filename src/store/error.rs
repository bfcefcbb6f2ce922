//! What can go wrong between us and the database, in words for whoever runs it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use watchbell_engine::fact::UnknownFact;
use watchbell_engine::ids::{Epoch, FactNo};

/// The store could not be opened. The text says what to do about it; it never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{} is in use by another watchbell process{}; stop that one first, or give this one a store of its own",
        path.display(), pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The database.
        path: PathBuf,
        /// Who holds it, where the lock file says so.
        pid: Option<u32>,
    },
    /// A newer build has been here.
    #[error(
        "the schema of {place} is at version {found} (`{name}`), and this build knows versions up to {known}; \
         run the newer watchbell that wrote it, or restore a copy from before the upgrade"
    )]
    NewerSchema {
        /// Which store.
        place: String,
        /// The version found.
        found: i64,
        /// The name of that version.
        name: String,
        /// The newest version that this build knows.
        known: i64,
    },
    /// The file is something else.
    #[error("{} is {what}; point `store:` at another file, or move this one away", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// The directory does not exist.
    #[error("the directory {} does not exist; create it, or correct `store:`", dir.display())]
    NoDirectory {
        /// Which.
        dir: PathBuf,
    },
    /// We may not.
    #[error(
        "no permission to use {place} ({why}); give the user that runs watchbell the right to read and write there"
    )]
    NoPermission {
        /// Which store.
        place: String,
        /// What the system said.
        why: String,
    },
    /// There is no room.
    #[error("no space is left for {place} ({why}); free some and start again")]
    DiskFull {
        /// Which store.
        place: String,
        /// What the system said.
        why: String,
    },
    /// Nobody answers.
    #[error("{place} cannot be reached ({why}); check that the server runs, its address and the network")]
    Unreachable {
        /// Which server.
        place: String,
        /// What the system said.
        why: String,
    },
    /// The server does not know us.
    #[error("{place} refused the sign-in ({why}); check user and password in `store:`")]
    SignIn {
        /// Which server.
        place: String,
        /// What the server said.
        why: String,
    },
    /// The server does not have it.
    #[error("{place} has no such database ({why}); create it with `createdb`")]
    NoDatabase {
        /// Which server.
        place: String,
        /// What the server said.
        why: String,
    },
    /// The address cannot be read. It is not repeated, for it may hold a password.
    #[error(
        "the address in `store:` cannot be read; it should look like postgres://user:password@host:5432/database, \
         special characters in the password written as %xx"
    )]
    BadAddress,
    /// Anything else.
    #[error("{place} could not be opened while {doing}")]
    Other {
        /// Which store.
        place: String,
        /// What was being done.
        doing: &'static str,
        /// What went wrong.
        #[source]
        source: sqlx::Error,
    },
}

impl OpenError {
    /// Puts what the file system said in our words.
    pub(super) fn from_io(path: &Path, doing: &'static str, error: io::Error) -> Self {
        let place = path.display().to_string();
        let why = error.to_string();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NoPermission { place, why },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { place, why },
            io::ErrorKind::IsADirectory => Self::NotADatabase { path: path.into(), what: "a directory".into() },
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Self::NoDirectory { dir: path.parent().unwrap_or(Path::new(".")).into() }
            }
            // The list of io kinds is open; whatever else it is, the text of the system says it best.
            _ => Self::Other { place, doing, source: sqlx::Error::Io(error) },
        }
    }

    /// Puts what SQLite said in our words.
    pub(super) fn from_sqlite(path: &Path, doing: &'static str, error: sqlx::Error) -> Self {
        let place = path.display().to_string();
        let why = error.to_string();
        match sqlite_code(&error) {
            // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_AUTH
            Some(3 | 8 | 14 | 23) => Self::NoPermission { place, why },
            // SQLITE_FULL
            Some(13) => Self::DiskFull { place, why },
            // SQLITE_CORRUPT, SQLITE_NOTADB
            Some(11) => Self::NotADatabase { path: path.into(), what: "a damaged SQLite database".into() },
            Some(26) => Self::NotADatabase { path: path.into(), what: "not an SQLite database".into() },
            // SQLITE_BUSY, SQLITE_LOCKED
            Some(5 | 6) => Self::Locked { path: path.into(), pid: None },
            Some(_) | None => Self::Other { place, doing, source: error },
        }
    }

    /// Puts what a PostgreSQL server, or the way to it, said in our words.
    pub(super) fn from_postgres(place: &str, doing: &'static str, error: sqlx::Error) -> Self {
        let place = place.to_string();
        let why = error.as_database_error().map_or_else(|| error.to_string(), |e| e.message().to_string());
        if matches!(error, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut) {
            return Self::Unreachable { place, why };
        }
        let code =
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned);
        match code.as_deref() {
            Some("28P01" | "28000") => Self::SignIn { place, why },
            Some("3D000") => Self::NoDatabase { place, why },
            Some("42501") => Self::NoPermission { place, why },
            Some("53100") => Self::DiskFull { place, why },
            Some("53300" | "57P01" | "57P02" | "57P03") => Self::Unreachable { place, why },
            Some(_) | None => Self::Other { place, doing, source: error },
        }
    }
}

/// The primary result code of SQLite.
fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// A query did not bring what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no, or did not answer.
    #[error("the store failed at {query}")]
    Query {
        /// Which query, `room.thing.verb`.
        query: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// It took too long.
    #[error("the store did not answer {query} within {after:?}")]
    TimedOut {
        /// Which query.
        query: &'static str,
        /// How long we waited.
        after: Duration,
    },
    /// A row cannot be read.
    #[error("{what} in the store cannot be read: {why}")]
    Unreadable {
        /// Which row.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Facts that are there already, or that would leave a hole.
    #[error("facts from number {first} on do not follow {last}, the last one in the store; nothing was written")]
    OutOfOrder {
        /// The first new number.
        first: u64,
        /// The last number in the store.
        last: u64,
    },
    /// Facts whose numbers do not follow each other.
    #[error("the facts of one commit must be numbered without gaps: {no} follows {before}; nothing was written")]
    NotContiguous {
        /// The number before.
        before: u64,
        /// The number after it.
        no: u64,
    },
}

impl StoreError {
    pub(super) fn query(query: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { query, source }
    }

    pub(super) fn unreadable(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Unreadable { what: what.into(), why: why.to_string() }
    }
}

/// What is in the store could not be loaded as a whole.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A query failed, or a row cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Facts are missing.
    #[error(
        "facts {} to {} are missing from the store; restore a backup, nothing is paged from a journal with a hole",
        after.0 + 1, before.0 - 1
    )]
    Hole {
        /// The last fact before the hole.
        after: FactNo,
        /// The first one after it.
        before: FactNo,
    },
    /// A fact that this build does not know.
    #[error("fact {} cannot be replayed", no.0)]
    UnknownFact {
        /// Its number.
        no: FactNo,
        /// What is wrong with it.
        #[source]
        source: UnknownFact,
    },
}

/// A commit did not succeed, or is not known to have.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another process has taken over; this one must stop deciding.
    #[error("another watchbell has taken over (epoch {}, ours is {})", theirs.0, ours.0)]
    Fenced {
        /// The epoch of the commit.
        ours: Epoch,
        /// The epoch in the store.
        theirs: Epoch,
    },
    /// Certainly not committed; the same commit can be tried again.
    #[error("the commit failed, nothing was written")]
    Failed(#[source] StoreError),
    /// It may be committed: COMMIT itself failed or was not answered. Ask for the last fact.
    #[error("the commit was not confirmed; it may have been written")]
    Unknown(#[source] StoreError),
}

/// A token could not be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateTokenError {
    /// Names are unique.
    #[error("there is a token named `{0}` already; revoke it first, or choose another name")]
    NameTaken(String),
    /// The database said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}
