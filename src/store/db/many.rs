//! Many rows in few statements, the way that each database is quickest at.

use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::{Conn, Kind, Query, ROWS_AT_ONCE, Sql, Value, numbered};

/// From so many rows on, PostgreSQL gets one array per column.
const AS_COLUMNS: usize = 16;

/// Inserts rows of `N` values. `head` ends with `VALUES`, `tail` may hold an `ON CONFLICT`. Many rows go the way
/// that each database is quickest at.
pub(in crate::store) async fn insert<const N: usize>(
    conn: &mut Conn,
    head: &'static str,
    rows: Vec<[Value; N]>,
    tail: &'static str,
) -> Result<(), sqlx::Error> {
    if rows.len() >= AS_COLUMNS && matches!(conn.kind, Kind::Postgres(_)) {
        return insert_columns(conn, head, rows, tail).await;
    }
    let named = matches!(conn.kind, Kind::Postgres(_)) || rows.len() == 1;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<[Value; N]> = rows.by_ref().take(ROWS_AT_ONCE).collect();
        let group = |row: usize| {
            // SQLite looks every named bind up among all others; it counts those without a name.
            if named { format!("({})", numbered(row * N + 1, N)) } else { format!("({})", vec!["?"; N].join(",")) }
        };
        let groups: Vec<String> = (0..chunk.len()).map(group).collect();
        let text = format!("{head} {} {tail}", groups.join(", "));
        // One row is the everyday case, and a full chunk that of a storm: both are worth a place among the
        // prepared statements.
        let sql = Sql::Made { text, cached: chunk.len() == 1 || chunk.len() == ROWS_AT_ONCE };
        Query { sql, values: chunk.into_iter().flatten().collect() }.run(conn).await?;
    }
    Ok(())
}

/// One array per column: PostgreSQL plans thousands of rows as quickly as one.
async fn insert_columns<const N: usize>(
    conn: &mut Conn,
    head: &'static str,
    rows: Vec<[Value; N]>,
    tail: &'static str,
) -> Result<(), sqlx::Error> {
    let mut columns: Vec<Column> = rows.first().into_iter().flatten().map(Column::like).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value)?;
        }
    }
    let arrays = columns.iter().enumerate().map(|(n, column)| format!("${}::{}[]", n + 1, column.sql_type()));
    let arrays: Vec<String> = arrays.collect();
    let head = head.trim_end().trim_end_matches("VALUES");
    let text = format!("{head} SELECT * FROM UNNEST({}) {tail}", arrays.join(", "));
    let before = std::mem::replace(&mut conn.busy, true);
    let Kind::Postgres(server) = &mut conn.kind else { unreachable!("only PostgreSQL has arrays") };
    let mut statement = sqlx::query(AssertSqlSafe(text).into_sql_str());
    for column in columns {
        statement = match column {
            Column::Int(values) => statement.bind(values),
            Column::Text(values) => statement.bind(values),
            Column::Bytes(values) => statement.bind(values),
        };
    }
    let done = statement.execute(&mut **server).await;
    conn.busy = before;
    done.map(drop)
}

/// The values of one column.
enum Column {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Vec<u8>>),
}

impl Column {
    fn like(value: &Value) -> Self {
        match value {
            Value::Int(_) => Self::Int(Vec::new()),
            Value::Text(_) => Self::Text(Vec::new()),
            Value::Bytes(_) => Self::Bytes(Vec::new()),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), sqlx::Error> {
        match (self, value) {
            (Self::Int(values), Value::Int(value)) => values.push(value),
            (Self::Text(values), Value::Text(value)) => values.push(value),
            (Self::Bytes(values), Value::Bytes(value)) => values.push(value),
            (Self::Int(_) | Self::Text(_) | Self::Bytes(_), _) => {
                return Err(sqlx::Error::Protocol("a column holds values of two types".into()));
            }
        }
        Ok(())
    }

    fn sql_type(&self) -> &'static str {
        match self {
            Self::Int(_) => "BIGINT",
            Self::Text(_) => "TEXT",
            Self::Bytes(_) => "BYTEA",
        }
    }
}

/// Runs `head (keys…)` for many keys.
pub(in crate::store) async fn delete_keys(
    conn: &mut Conn,
    head: &'static str,
    keys: Vec<String>,
) -> Result<(), sqlx::Error> {
    for chunk in keys.chunks(ROWS_AT_ONCE) {
        let text = format!("{head} ({})", numbered(1, chunk.len()));
        let values = chunk.iter().map(|key| Value::from(key.as_str())).collect();
        Query { sql: Sql::Made { text, cached: chunk.len() == 1 }, values }.run(conn).await?;
    }
    Ok(())
}
