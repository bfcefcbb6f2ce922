//! What a start needs: the epoch, and everything that the state is folded from.

use jiff::Timestamp;
use watchbell_engine::commit::Mark;
use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::{Epoch, FactNo, TicketId};
use watchbell_engine::outgoing::Outgoing;

use super::db::{Row, Tx, q};
use super::error::{LoadError, StoreError};
use super::{Store, bounded};

/// Facts of one read. Bounds the memory of a start and the time of one statement.
const FACTS_AT_ONCE: u32 = 2_000;

/// Sends that ended so long before the last commit are forgotten; what was sent stays in the facts.
const OUTBOX_KEPT_US: u64 = 30 * 24 * 3_600 * 1_000_000;

/// Everything that the state is folded from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The newest snapshot and the last fact in it.
    pub snapshot: Option<(FactNo, String)>,
    /// The facts after the snapshot, in order, without a hole.
    pub facts: Vec<Fact>,
    /// Last values.
    pub marks: Vec<Mark>,
    /// Sends without an outcome, oldest first.
    pub unfinished: Vec<Outgoing>,
    /// The last fact in the store.
    pub last: FactNo,
}

impl Store {
    /// Takes the store over: from now on, every older epoch is refused.
    #[tracing::instrument(name = "store.epoch.raise", skip_all)]
    pub async fn raise_epoch(&self, now: Timestamp) -> Result<Epoch, StoreError> {
        const NAME: &str = "store.epoch.raise";
        bounded(NAME, async {
            let mut conn = self.db.writer().await.map_err(StoreError::query(NAME))?;
            let raise = q("UPDATE meta SET epoch = epoch + 1, raised_us = $1 RETURNING epoch").bind(now);
            let row = raise.one(&mut conn).await.map_err(StoreError::query(NAME))?;
            let row = row.ok_or_else(|| StoreError::unreadable("the epoch", "table `meta` is empty"))?;
            Ok(Epoch(row.count("epoch")?))
        })
        .await
    }

    /// Loads the newest snapshot, the facts after it, the marks, and the sends without an outcome, all
    /// as of one instant.
    #[tracing::instrument(name = "store.journal.load", skip_all)]
    pub async fn load(&self) -> Result<Loaded, LoadError> {
        let mut tx = bounded("store.journal.begin", async {
            self.db.begin_read().await.map_err(StoreError::query("store.journal.begin"))
        })
        .await?;
        let last = bounded("store.journal.last", last(&mut tx)).await?;
        let snapshot = bounded("store.journal.snapshot", newest_snapshot(&mut tx, last)).await?;
        let from = snapshot.as_ref().map_or(FactNo(0), |(upto, _)| *upto);
        let facts = facts_after(&mut tx, from, last).await?;
        let marks = bounded("store.journal.marks", marks(&mut tx)).await?;
        let unfinished = bounded("store.journal.unfinished", unfinished(&mut tx)).await?;
        bounded("store.journal.end", async { tx.rollback().await.map_err(StoreError::query("store.journal.end")) })
            .await?;
        Ok(Loaded { snapshot, facts, marks, unfinished, last })
    }

    /// The number of the last committed fact, 0 where there is none. After an unconfirmed commit this says
    /// what became of it.
    pub async fn last_fact(&self) -> Result<FactNo, StoreError> {
        const NAME: &str = "store.journal.last";
        bounded(NAME, async {
            let mut conn = self.db.reader().await.map_err(StoreError::query(NAME))?;
            last(&mut conn).await
        })
        .await
    }

    /// As [`Store::last_fact`] while `epoch` holds the store; `None` when another has taken it over, whose
    /// facts may bear the same numbers.
    pub async fn last_fact_of(&self, epoch: Epoch) -> Result<Option<FactNo>, StoreError> {
        const NAME: &str = "store.journal.last";
        bounded(NAME, async {
            let mut conn = self.db.reader().await.map_err(StoreError::query(NAME))?;
            let row = q("SELECT last_fact FROM meta WHERE epoch = $1").bind(epoch).one(&mut conn).await;
            let row = row.map_err(StoreError::query(NAME))?;
            row.map(|row| Ok(FactNo(row.count("last_fact")?))).transpose()
        })
        .await
    }

    /// Keeps the state as of `upto`; the one before is kept too, and sends that ended a month before the
    /// last commit are forgotten.
    #[tracing::instrument(name = "store.snapshot.save", skip_all, fields(upto = upto.0, bytes = state.len()))]
    pub async fn save_snapshot(&self, upto: FactNo, state: &str) -> Result<(), StoreError> {
        const NAME: &str = "store.snapshot.save";
        const SAVE: &str = "INSERT INTO snapshots (upto, state) VALUES ($1, $2)
            ON CONFLICT (upto) DO UPDATE SET state = excluded.state";
        const TRIM: &str =
            "DELETE FROM snapshots WHERE upto NOT IN (SELECT upto FROM snapshots ORDER BY upto DESC LIMIT 2)";
        const FORGET: &str = "DELETE FROM outbox WHERE ended_us < (SELECT committed_us FROM meta) - $1";
        bounded(NAME, async {
            let done = async {
                let mut tx = self.db.begin().await?;
                q(SAVE).bind(upto).bind(state).run(&mut tx).await?;
                q(TRIM).run(&mut tx).await?;
                q(FORGET).bind(OUTBOX_KEPT_US).run(&mut tx).await?;
                tx.commit().await
            };
            done.await.map_err(StoreError::query(NAME))
        })
        .await
    }

    /// Forgets every snapshot: it is only a cache, and one that cannot be read is made anew from the facts.
    pub async fn drop_snapshots(&self) -> Result<(), StoreError> {
        const NAME: &str = "store.snapshot.drop";
        bounded(NAME, async {
            let mut conn = self.db.writer().await.map_err(StoreError::query(NAME))?;
            q("DELETE FROM snapshots").run(&mut conn).await.map(drop).map_err(StoreError::query(NAME))
        })
        .await
    }
}

pub(super) async fn last(conn: &mut super::db::Conn) -> Result<FactNo, StoreError> {
    let row = q("SELECT last_fact FROM meta").one(conn).await.map_err(StoreError::query("store.journal.last"))?;
    let row = row.ok_or_else(|| StoreError::unreadable("the last fact", "table `meta` is empty"))?;
    Ok(FactNo(row.count("last_fact")?))
}

async fn newest_snapshot(tx: &mut Tx, last: FactNo) -> Result<Option<(FactNo, String)>, StoreError> {
    const NEWEST: &str = "SELECT upto, state FROM snapshots WHERE upto <= $1 ORDER BY upto DESC LIMIT 1";
    let row = q(NEWEST).bind(last).one(tx).await.map_err(StoreError::query("store.journal.snapshot"))?;
    row.map(|row| Ok((FactNo(row.count("upto")?), row.get("state")?))).transpose()
}

pub(super) async fn facts_after(tx: &mut Tx, from: FactNo, last: FactNo) -> Result<Vec<Fact>, LoadError> {
    const NEXT: &str = "SELECT no, epoch, at_us, ticket, kind, version, body FROM facts
        WHERE no > $1 ORDER BY no LIMIT $2";
    let mut facts: Vec<Fact> = Vec::new();
    let mut after = from;
    loop {
        let rows = bounded("store.journal.facts", async {
            let next = q(NEXT).bind(after).bind(FACTS_AT_ONCE);
            next.all(tx).await.map_err(StoreError::query("store.journal.facts"))
        })
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let fact = read_fact(row)?;
            if fact.no != after.next() {
                return Err(LoadError::Hole { after, before: fact.no });
            }
            after = fact.no;
            facts.push(fact);
        }
    }
    if after < last {
        return Err(LoadError::Hole { after, before: last.next() });
    }
    Ok(facts)
}

/// Reads a fact, or says which one cannot be read.
pub(super) fn read_fact(row: &Row) -> Result<Fact, LoadError> {
    let no = FactNo(row.count("no")?);
    let kind: String = row.get("kind")?;
    let version = row.count("version")?;
    let body = row.json("body", &format!("fact {}", no.0))?;
    let version = u32::try_from(version).unwrap_or(u32::MAX);
    let what = What::read(&kind, version, body).map_err(|source| LoadError::UnknownFact { no, source })?;
    let ticket: Option<i64> = row.get("ticket")?;
    Ok(Fact {
        no,
        epoch: Epoch(row.count("epoch")?),
        at: row.instant("at_us")?,
        ticket: ticket.and_then(|id| u64::try_from(id).ok()).map(TicketId),
        what,
    })
}

async fn marks(tx: &mut Tx) -> Result<Vec<Mark>, StoreError> {
    let rows = q("SELECT key, body FROM marks").all(tx).await.map_err(StoreError::query("store.journal.marks"))?;
    let mut marks = rows
        .iter()
        .map(|row| {
            let key: String = row.get("key")?;
            let mark = row.json("body", &format!("mark `{key}`"))?;
            Ok((key, mark))
        })
        .collect::<Result<Vec<(String, Mark)>, StoreError>>()?;
    // Sorted here: the databases do not agree on the order of texts.
    marks.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(marks.into_iter().map(|(_, mark)| mark).collect())
}

pub(super) async fn unfinished(tx: &mut Tx) -> Result<Vec<Outgoing>, StoreError> {
    const UNFINISHED: &str = "SELECT send, body FROM outbox WHERE ended_us IS NULL ORDER BY decided_us";
    let rows = q(UNFINISHED).all(tx).await.map_err(StoreError::query("store.journal.unfinished"))?;
    let mut out = rows
        .iter()
        .map(|row| {
            let send: String = row.get("send")?;
            row.json("body", &format!("outbox row {send}"))
        })
        .collect::<Result<Vec<Outgoing>, StoreError>>()?;
    out.sort_by_key(|message| (message.decided_at, message.send));
    Ok(out)
}
