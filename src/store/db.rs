//! The thin layer over both databases: one `q("…").bind(…)` for SQLite and PostgreSQL.
//!
//! Only this file and [`super::connect`] know that there are two. SQL text is the same on both: `$1`,
//! `ON CONFLICT … excluded`, `RETURNING`; only the text of BEGIN differs.

use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Decode, PgPool, Postgres, SqlSafeStr, Sqlite, SqlitePool, Type};
use watchbell_engine::ids::{Epoch, FactNo, TicketId};
use watchbell_engine::time::{from_micros, micros};

use super::error::StoreError;

mod many;

pub(super) use many::{delete_keys, insert};

/// Rows of one INSERT. Measured best at about 500; at most 32,766 values may be bound on SQLite.
const ROWS_AT_ONCE: usize = 500;

/// A database, opened.
#[derive(Clone, Debug)]
pub(super) enum Db {
    /// A file: writes go through one connection, reads through others.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// A server.
    Postgres { pool: PgPool },
}

impl Db {
    /// A connection to read from.
    pub(super) async fn reader(&self) -> Result<Conn, sqlx::Error> {
        Ok(Conn::new(match self {
            Self::Sqlite { readers, .. } => Kind::Sqlite(readers.acquire().await?),
            Self::Postgres { pool } => Kind::Postgres(pool.acquire().await?),
        }))
    }

    /// A connection to write with, outside a transaction.
    pub(super) async fn writer(&self) -> Result<Conn, sqlx::Error> {
        Ok(Conn::new(match self {
            Self::Sqlite { writer, .. } => Kind::Sqlite(writer.acquire().await?),
            Self::Postgres { pool } => Kind::Postgres(pool.acquire().await?),
        }))
    }

    /// A transaction that writes. On SQLite it takes the write lock at once: a transaction that reads
    /// first and writes later fails without waiting (code 517).
    pub(super) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        let begin = match self {
            Self::Sqlite { .. } => "BEGIN IMMEDIATE",
            Self::Postgres { .. } => "BEGIN",
        };
        Tx::begin(self.writer().await?, begin).await
    }

    /// A transaction that sees one state of everything.
    pub(super) async fn begin_read(&self) -> Result<Tx, sqlx::Error> {
        let begin = match self {
            Self::Sqlite { .. } => "BEGIN",
            Self::Postgres { .. } => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Tx::begin(self.reader().await?, begin).await
    }

    /// Closes every connection; SQLite folds its log into the file. A server that hangs is left behind.
    pub(super) async fn close(&self) {
        let closed = async {
            match self {
                Self::Sqlite { writer, readers } => {
                    readers.close().await;
                    writer.close().await;
                }
                Self::Postgres { pool } => pool.close().await,
            }
        };
        if tokio::time::timeout(super::WITHIN, closed).await.is_err() {
            tracing::warn!("the store did not close in time");
        }
    }
}

/// A connection. One that is dropped in the middle of something is closed instead of being used again.
#[derive(Debug)]
pub(super) struct Conn {
    kind: Kind,
    /// A statement is under way, or a transaction is open.
    busy: bool,
}

#[derive(Debug)]
enum Kind {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Conn {
    fn new(kind: Kind) -> Self {
        Self { kind, busy: false }
    }

    /// Runs a statement without binds and without preparing it.
    pub(super) async fn raw(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let before = std::mem::replace(&mut self.busy, true);
        match &mut self.kind {
            Kind::Sqlite(c) => sqlx::raw_sql(sql).execute(&mut **c).await.map(drop),
            Kind::Postgres(c) => sqlx::raw_sql(sql).execute(&mut **c).await.map(drop),
        }?;
        self.busy = before;
        Ok(())
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if self.busy {
            match &mut self.kind {
                Kind::Sqlite(c) => c.close_on_drop(),
                Kind::Postgres(c) => c.close_on_drop(),
            }
        }
    }
}

/// An open transaction. Dropped without a commit, its connection is closed, which undoes it.
#[derive(Debug)]
pub(super) struct Tx(Conn);

impl Tx {
    async fn begin(mut conn: Conn, sql: &'static str) -> Result<Self, sqlx::Error> {
        conn.raw(sql).await?;
        conn.busy = true;
        Ok(Self(conn))
    }

    /// Makes it durable.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.0.raw("COMMIT").await?;
        self.0.busy = false;
        Ok(())
    }

    /// Undoes it, and keeps the connection.
    pub(super) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        match self.0.raw("ROLLBACK").await {
            Ok(()) => (),
            // SQLite has undone it by itself, as it does on a full disk.
            Err(sqlx::Error::Database(e)) if e.message().contains("no transaction is active") => (),
            Err(error) => return Err(error),
        }
        self.0.busy = false;
        Ok(())
    }
}

impl std::ops::Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}

/// A value that goes into a statement.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

macro_rules! values {
    ($($from:ty => |$v:ident| $to:expr),+ $(,)?) => {$(
        impl From<$from> for Value {
            fn from($v: $from) -> Self {
                $to
            }
        }
    )+};
}

values! {
    i64 => |v| Self::Int(Some(v)),
    u64 => |v| Self::Int(Some(i64::try_from(v).unwrap_or(i64::MAX))),
    u32 => |v| Self::Int(Some(v.into())),
    Option<i64> => |v| Self::Int(v),
    Timestamp => |v| Self::Int(Some(micros(v))),
    Option<Timestamp> => |v| Self::Int(v.map(micros)),
    FactNo => |v| v.0.into(),
    Epoch => |v| v.0.into(),
    TicketId => |v| v.0.into(),
    Option<TicketId> => |v| Self::Int(v.map(|id| i64::try_from(id.0).unwrap_or(i64::MAX))),
    &str => |v| Self::Text(Some(clean(v.into()))),
    String => |v| Self::Text(Some(clean(v))),
    Option<String> => |v| Self::Text(v.map(clean)),
    &[u8] => |v| Self::Bytes(v.into()),
}

/// PostgreSQL takes no NUL in text. A label from outside may hold one, and a commit that is refused for
/// it would be refused for ever; so it is replaced, on both databases alike.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// A statement with its values.
#[derive(Debug)]
pub(super) struct Query {
    sql: Sql,
    values: Vec<Value>,
}

#[derive(Debug)]
enum Sql {
    Fixed(&'static str),
    /// Put together from literals and numbered binds; `cached` where the same text comes often.
    Made {
        text: String,
        cached: bool,
    },
}

/// A statement.
pub(super) fn q(sql: &'static str) -> Query {
    Query { sql: Sql::Fixed(sql), values: Vec::new() }
}

macro_rules! prepared {
    ($query:expr) => {{
        let (text, cached) = match $query.sql {
            Sql::Fixed(text) => (text.into_sql_str(), true),
            Sql::Made { text, cached } => (AssertSqlSafe(text).into_sql_str(), cached),
        };
        let mut statement = sqlx::query(text).persistent(cached);
        for value in $query.values {
            statement = match value {
                Value::Int(v) => statement.bind(v),
                Value::Text(v) => statement.bind(v),
                Value::Bytes(v) => statement.bind(v),
            };
        }
        statement
    }};
}

impl Query {
    /// Binds the next value.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it and says how many rows it touched.
    pub(super) async fn run(self, conn: &mut Conn) -> Result<u64, sqlx::Error> {
        self.check()?;
        let before = std::mem::replace(&mut conn.busy, true);
        let done = match &mut conn.kind {
            Kind::Sqlite(c) => prepared!(self).execute(&mut **c).await.map(|done| done.rows_affected()),
            Kind::Postgres(c) => prepared!(self).execute(&mut **c).await.map(|done| done.rows_affected()),
        };
        conn.busy = before;
        done
    }

    /// Every row.
    pub(super) async fn all(self, conn: &mut Conn) -> Result<Vec<Row>, sqlx::Error> {
        self.check()?;
        let before = std::mem::replace(&mut conn.busy, true);
        let rows = match &mut conn.kind {
            Kind::Sqlite(c) => {
                prepared!(self).fetch_all(&mut **c).await.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Kind::Postgres(c) => {
                prepared!(self).fetch_all(&mut **c).await.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        };
        conn.busy = before;
        rows
    }

    /// The only row, where there is one. Fetched to its end: a statement that is left half-way would
    /// hold its snapshot.
    pub(super) async fn one(self, conn: &mut Conn) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.all(conn).await?.into_iter().next())
    }

    /// SQLite takes NULL for a value that was not bound; we count them instead.
    fn check(&self) -> Result<(), sqlx::Error> {
        let sql = match &self.sql {
            Sql::Fixed(text) => text,
            Sql::Made { text, .. } => text.as_str(),
        };
        let named = sql.split('$').skip(1).filter_map(leading_number).max();
        let wanted = named.unwrap_or_else(|| sql.matches('?').count());
        if wanted == self.values.len() {
            return Ok(());
        }
        Err(sqlx::Error::Protocol(format!("{} values were bound where the statement has {wanted}", self.values.len())))
    }
}

fn leading_number(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().ok()
}

/// Runs `head (keys…)` for many keys, about 500 at a time; `first` is bound as `$1`. Says how many rows
/// were touched.
pub(super) async fn run_for_keys(
    conn: &mut Conn,
    head: &'static str,
    first: Value,
    keys: Vec<String>,
) -> Result<u64, sqlx::Error> {
    let mut touched = 0;
    for chunk in keys.chunks(ROWS_AT_ONCE) {
        let text = format!("{head} ({})", numbered(2, chunk.len()));
        let mut query = Query { sql: Sql::Made { text, cached: chunk.len() == 1 }, values: vec![first.clone()] };
        query.values.extend(chunk.iter().map(|key| Value::from(key.as_str())));
        touched += query.run(conn).await?;
    }
    Ok(touched)
}

/// Runs a statement of a migration, whose text was put together for this database.
pub(super) async fn run_migration(conn: &mut Conn, text: String) -> Result<(), sqlx::Error> {
    Query { sql: Sql::Made { text, cached: false }, values: Vec::new() }.run(conn).await.map(drop)
}

fn numbered(from: usize, count: usize) -> String {
    let marks: Vec<String> = (from..from + count).map(|n| format!("${n}")).collect();
    marks.join(", ")
}

/// A row, read by column name.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    /// The value of a column.
    pub(super) fn get<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        for<'r> T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        use sqlx::Row as _;
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(|e| StoreError::unreadable(format!("column `{column}`"), e))
    }

    /// A number that is never negative.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        let value: i64 = self.get(column)?;
        u64::try_from(value).map_err(|e| StoreError::unreadable(format!("column `{column}`"), e))
    }

    /// An instant.
    pub(super) fn instant(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        let us: i64 = self.get(column)?;
        from_micros(us).ok_or_else(|| StoreError::unreadable(format!("column `{column}`"), "it is no instant"))
    }

    /// An instant that may be missing.
    pub(super) fn maybe_instant(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let us: Option<i64> = self.get(column)?;
        us.map(|us| from_micros(us).ok_or("it is no instant"))
            .transpose()
            .map_err(|e| StoreError::unreadable(format!("column `{column}`"), e))
    }

    /// A JSON document of ours; `what` names the row where it cannot be read.
    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: &'static str,
        what: &str,
    ) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|e| StoreError::unreadable(what, e))
    }
}

/// The JSON text of plain data of ours.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data with text keys always serialises")
}
