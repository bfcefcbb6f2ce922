//! Looking at a store as it is, whether a server runs on it or not, and writing its projections anew.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_config::StoreUrl;
use watchbell_engine::commit::TicketRow;
use watchbell_engine::fact::Fact;
use watchbell_engine::ids::{Epoch, FactNo, TicketId};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::view::{PageView, TicketView};

use super::commit::tickets;
use super::connect::{self, Use};
use super::db::{Db, Tx, q};
use super::error::{LoadError, OpenError, StoreError};
use super::load::{facts_after, last, unfinished};
use super::lock::Lock;
use super::{Store, bounded};

/// What a store holds, all as of one instant.
#[derive(Debug)]
pub struct Examined {
    /// The epoch of whoever holds it.
    pub epoch: Epoch,
    /// When the last commit took place.
    pub committed: Option<Timestamp>,
    /// Every fact, from the first, without a hole.
    pub facts: Vec<Fact>,
    /// The projections.
    pub tickets: BTreeMap<TicketId, TicketRow>,
    /// Sends without an outcome, oldest first.
    pub unfinished: Vec<Outgoing>,
}

/// Why a store could not be looked at, or not be written anew.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What it holds cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody wrote in between.
    #[error("a running server is writing to this store; stop it first")]
    InUse,
}

impl Store {
    /// Reads everything that can be compared. Takes no lock and changes nothing; a store that is not there
    /// is not made.
    pub async fn examine(url: &StoreUrl) -> Result<Examined, ExamineError> {
        let db = open_as_it_is(url).await?;
        let examined = examine(&db).await;
        db.close().await;
        examined
    }

    /// Writes the projections anew, all or nothing. `upto` is the last fact that they were made from; where
    /// there are more by now, nothing is changed.
    pub async fn write_projections(url: &StoreUrl, rows: &[TicketRow], upto: FactNo) -> Result<(), ExamineError> {
        let _lock = match url {
            StoreUrl::Sqlite(path) => Some(Lock::take(&connect::real_path(path)?)?),
            StoreUrl::Postgres(_) => None,
        };
        let db = open_as_it_is(url).await?;
        let written = write(&db, rows, upto).await;
        db.close().await;
        written
    }
}

async fn open_as_it_is(url: &StoreUrl) -> Result<Db, OpenError> {
    match url {
        StoreUrl::Sqlite(path) => {
            std::fs::metadata(path).map_err(|e| OpenError::from_io(path, "looking for it", e))?;
            connect::sqlite(&connect::real_path(path)?, Use::Paging).await
        }
        StoreUrl::Postgres(address) => {
            let (options, name) = connect::postgres_address(address.reveal())?;
            connect::postgres(&options, &name, Use::Paging).await
        }
    }
}

async fn examine(db: &Db) -> Result<Examined, ExamineError> {
    const NAME: &str = "store.doctor.read";
    let mut tx = db.begin_read().await.map_err(StoreError::query(NAME))?;
    let (epoch, committed) = bounded(NAME, meta(&mut tx)).await?;
    let upto = bounded(NAME, last(&mut tx)).await?;
    let facts = facts_after(&mut tx, FactNo(0), upto).await?;
    let tickets = bounded(NAME, projections(&mut tx)).await?;
    let unfinished = bounded(NAME, unfinished(&mut tx)).await?;
    tx.rollback().await.map_err(StoreError::query(NAME))?;
    Ok(Examined { epoch, committed, facts, tickets, unfinished })
}

async fn meta(tx: &mut Tx) -> Result<(Epoch, Option<Timestamp>), StoreError> {
    let row =
        q("SELECT epoch, committed_us FROM meta").one(tx).await.map_err(StoreError::query("store.doctor.meta"))?;
    let row = row.ok_or_else(|| StoreError::unreadable("the epoch", "table `meta` is empty"))?;
    let committed: Option<i64> = row.get("committed_us")?;
    Ok((Epoch(row.count("epoch")?), committed.and_then(|us| Timestamp::from_microsecond(us).ok())))
}

async fn projections(tx: &mut Tx) -> Result<BTreeMap<TicketId, TicketRow>, StoreError> {
    const NAME: &str = "store.doctor.projections";
    let mut out = BTreeMap::new();
    for row in q("SELECT id, body FROM tickets").all(tx).await.map_err(StoreError::query(NAME))? {
        let view: TicketView = row.json("body", &format!("ticket INC-{}", row.count("id")?))?;
        out.insert(view.id, TicketRow { view, pages: Vec::new() });
    }
    for row in q("SELECT id, body FROM pages").all(tx).await.map_err(StoreError::query(NAME))? {
        let id: String = row.get("id")?;
        let page: PageView = row.json("body", &format!("page {id}"))?;
        if let Some(ticket) = out.get_mut(&page.ticket) {
            ticket.pages.push(page);
        }
    }
    out.values_mut().for_each(|ticket| ticket.pages.sort_by_key(|page| page.id));
    Ok(out)
}

async fn write(db: &Db, rows: &[TicketRow], upto: FactNo) -> Result<(), ExamineError> {
    const NAME: &str = "store.doctor.write";
    // Holds the row that every commit needs, until the end.
    const HOLD: &str = "UPDATE meta SET epoch = epoch WHERE last_fact = $1";
    let failed = StoreError::query;
    let mut tx = db.begin().await.map_err(failed(NAME))?;
    if q(HOLD).bind(upto).run(&mut tx).await.map_err(failed(NAME))? != 1 {
        tx.rollback().await.map_err(failed(NAME))?;
        return Err(ExamineError::InUse);
    }
    q("DELETE FROM pages").run(&mut tx).await.map_err(failed(NAME))?;
    q("DELETE FROM tickets").run(&mut tx).await.map_err(failed(NAME))?;
    tickets(&mut tx, rows).await?;
    tx.commit().await.map_err(failed(NAME))?;
    Ok(())
}
