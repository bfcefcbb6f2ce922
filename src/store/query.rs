//! What screens, API and commands ask.

use jiff::Timestamp;
use watchbell_engine::commit::TicketRow;
use watchbell_engine::fact::Fact;
use watchbell_engine::ids::{FactNo, TicketId};
use watchbell_engine::view::{PageView, TicketState, TicketView};

use super::db::{Conn, Query, Row, q};
use super::error::{LoadError, StoreError};
use super::load::read_fact;
use super::{Store, bounded};

/// Which tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketFilter {
    /// In one of these states; in any, where empty.
    pub states: Vec<TicketState>,
    /// Older than this one: the last of the page before.
    pub before: Option<TicketId>,
    /// At most so many.
    pub limit: u32,
}

impl Store {
    /// One ticket with its pages, as of the last commit.
    pub async fn ticket(&self, id: TicketId) -> Result<Option<TicketRow>, StoreError> {
        let query = q("SELECT body FROM tickets WHERE id = $1").bind(id);
        let rows = self.rows("store.ticket.one", query).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let view = row.json("body", &format!("ticket {id}"))?;
        Ok(Some(TicketRow { view, pages: self.pages(id).await? }))
    }

    /// Tickets, newest first.
    pub async fn tickets(&self, filter: &TicketFilter) -> Result<Vec<TicketView>, StoreError> {
        const SOME: &str =
            "SELECT id, body FROM tickets WHERE state IN ($1, $2, $3) AND id < $4 ORDER BY id DESC LIMIT $5";
        let all = [TicketState::Triggered, TicketState::Acknowledged, TicketState::Resolved];
        let wanted = |state: TicketState| filter.states.is_empty() || filter.states.contains(&state);
        let [a, b, c] = all.map(|state| wanted(state).then(|| state.as_str().to_string()));
        let before = filter.before.map_or(u64::MAX, |id| id.0);
        let query = q(SOME).bind(a).bind(b).bind(c).bind(before).bind(filter.limit);
        let rows = self.rows("store.ticket.list", query).await?;
        rows.iter().map(|row| row.json("body", &format!("ticket INC-{}", row.count("id")?))).collect()
    }

    /// The pages of a ticket, oldest first.
    pub async fn pages(&self, ticket: TicketId) -> Result<Vec<PageView>, StoreError> {
        let query = q("SELECT id, body FROM pages WHERE ticket = $1").bind(ticket);
        let rows = self.rows("store.page.list", query).await?;
        let pages = rows.iter().map(|row| {
            let id: String = row.get("id")?;
            row.json("body", &format!("page {id}"))
        });
        let mut pages = pages.collect::<Result<Vec<PageView>, StoreError>>()?;
        pages.sort_by_key(|page| page.id);
        Ok(pages)
    }

    /// The story of a ticket, in order.
    pub async fn facts_of(&self, ticket: TicketId) -> Result<Vec<Fact>, StoreError> {
        const OF_TICKET: &str = "SELECT no, epoch, at_us, ticket, kind, version, body FROM facts
            WHERE ticket = $1 ORDER BY no";
        facts(&self.rows("store.fact.of_ticket", q(OF_TICKET).bind(ticket)).await?)
    }

    /// Facts of one kind from `from` until before `to`, in order.
    pub async fn facts_of_kind(&self, kind: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Fact>, StoreError> {
        const OF_KIND: &str = "SELECT no, epoch, at_us, ticket, kind, version, body FROM facts
            WHERE kind = $1 AND at_us >= $2 AND at_us < $3 ORDER BY no";
        facts(&self.rows("store.fact.of_kind", q(OF_KIND).bind(kind).bind(from).bind(to)).await?)
    }

    /// The newest facts of one kind from before `at` and before the fact `no`, newest first; at most `limit`.
    pub async fn last_of_kind(
        &self,
        kind: &str,
        at: Timestamp,
        no: Option<FactNo>,
        limit: u32,
    ) -> Result<Vec<Fact>, StoreError> {
        const LAST: &str = "SELECT no, epoch, at_us, ticket, kind, version, body FROM facts
            WHERE kind = $1 AND at_us < $2 AND no < $3 ORDER BY at_us DESC, no DESC LIMIT $4";
        let no = no.map_or(u64::MAX, |no| no.0);
        facts(&self.rows("store.fact.last_of_kind", q(LAST).bind(kind).bind(at).bind(no).bind(limit)).await?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.rows("store.ping", q("SELECT epoch FROM meta")).await.map(drop)
    }

    /// Runs a query on a connection for reading, for a bounded time.
    pub(super) async fn rows(&self, name: &'static str, query: Query) -> Result<Vec<Row>, StoreError> {
        bounded(name, async {
            let mut conn: Conn = self.db.reader().await.map_err(StoreError::query(name))?;
            query.all(&mut conn).await.map_err(StoreError::query(name))
        })
        .await
    }

    /// Runs a statement that writes, for a bounded time, and says how many rows it touched.
    pub(super) async fn write_rows(&self, name: &'static str, query: Query) -> Result<u64, StoreError> {
        bounded(name, async {
            let mut conn: Conn = self.db.writer().await.map_err(StoreError::query(name))?;
            query.run(&mut conn).await.map_err(StoreError::query(name))
        })
        .await
    }
}

fn facts(rows: &[Row]) -> Result<Vec<Fact>, StoreError> {
    let facts = rows.iter().map(|row| {
        read_fact(row).map_err(|error| match error {
            LoadError::Store(error) => error,
            LoadError::UnknownFact { no, source } => StoreError::unreadable(format!("fact {}", no.0), source),
            LoadError::Hole { .. } => unreachable!("one row cannot have a hole"),
        })
    });
    facts.collect()
}
