//! One atomic, fully durable step: the epoch is checked, then facts, projections, outbox rows and marks
//! are written together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use watchbell_engine::commit::{Commit, Mark, TicketRow};
use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::{Epoch, SendId, SendSubject};

use super::db::{Tx, Value, delete_keys, insert, json, q, run_for_keys};
use super::error::{CommitError, StoreError};
use super::{Store, WITHIN};

/// How long undoing a failed transaction may take; after that its connection is closed, which undoes it too.
const ROLLBACK_WITHIN: Duration = Duration::from_secs(1);

impl Store {
    /// Writes the commit, all or nothing, durable when it returns. After [`CommitError::Failed`] the same
    /// commit can be tried again; after [`CommitError::Unknown`] ask [`Store::last_fact`] first. Returns
    /// within five seconds, whatever the database does.
    #[tracing::instrument(name = "store.commit.write", level = "debug", skip_all, fields(epoch = commit.epoch.0, facts = commit.facts.len()))]
    pub async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        check_numbers(&commit.facts).map_err(CommitError::Failed)?;
        // Set before COMMIT is sent: from then on, no answer means "unknown".
        let sent = AtomicBool::new(false);
        match tokio::time::timeout(WITHIN, self.write(commit, &sent)).await {
            Ok(done) => done,
            Err(_elapsed) => {
                let late = StoreError::TimedOut { query: "store.commit.write", after: WITHIN };
                Err(if sent.load(Ordering::Relaxed) { CommitError::Unknown(late) } else { CommitError::Failed(late) })
            }
        }
    }

    async fn write(&self, commit: &Commit, sent: &AtomicBool) -> Result<(), CommitError> {
        let begun = self.db.begin().await.map_err(StoreError::query("store.commit.begin"));
        let mut tx = begun.map_err(CommitError::Failed)?;
        match rows(&mut tx, commit).await {
            Ok(()) => {
                sent.store(true, Ordering::Relaxed);
                let done = tx.commit().await.map_err(StoreError::query("store.commit.commit"));
                done.map_err(CommitError::Unknown)
            }
            Err(error) => {
                let undone = tokio::time::timeout(ROLLBACK_WITHIN, tx.rollback()).await;
                if !matches!(undone, Ok(Ok(()))) {
                    tracing::debug!("a failed commit could not be rolled back; its connection was closed");
                }
                Err(error)
            }
        }
    }
}

/// The driver numbers facts without gaps; a mistake there must not reach the journal.
fn check_numbers(facts: &[Fact]) -> Result<(), StoreError> {
    for pair in facts.windows(2) {
        let [before, after] = pair else { unreachable!("windows of two") };
        if after.no != before.no.next() {
            return Err(StoreError::NotContiguous { before: before.no.0, no: after.no.0 });
        }
    }
    Ok(())
}

/// Everything but COMMIT.
async fn rows(tx: &mut Tx, commit: &Commit) -> Result<(), CommitError> {
    hold_epoch(tx, commit).await?;
    let done = async {
        facts(tx, &commit.facts).await.map_err(StoreError::query("store.commit.facts"))?;
        tickets(tx, &commit.tickets).await?;
        outbox(tx, commit).await?;
        marks(tx, commit).await.map_err(StoreError::query("store.commit.marks"))
    };
    done.await.map_err(CommitError::Failed)
}

/// Checks epoch and numbers and holds the row until the end, so that no other process raises the epoch
/// in between. The conditions stand in the UPDATE: PostgreSQL checks them again after waiting for the row.
async fn hold_epoch(tx: &mut Tx, commit: &Commit) -> Result<(), CommitError> {
    const WITH_FACTS: &str = "UPDATE meta SET last_fact = $1, committed_us = COALESCE($2, committed_us)
        WHERE epoch = $3 AND last_fact = $4";
    const WITHOUT: &str = "UPDATE meta SET committed_us = COALESCE($1, committed_us) WHERE epoch = $2";
    let held = match (commit.facts.first(), commit.facts.last()) {
        (Some(first), Some(last)) => {
            let before = first.no.0.saturating_sub(1);
            q(WITH_FACTS).bind(last.no).bind(commit.at).bind(commit.epoch).bind(before).run(tx).await
        }
        (None, _) | (_, None) => q(WITHOUT).bind(commit.at).bind(commit.epoch).run(tx).await,
    };
    let held = held.map_err(StoreError::query("store.commit.epoch")).map_err(CommitError::Failed)?;
    if held == 1 { Ok(()) } else { Err(why_not_held(tx, commit).await) }
}

async fn why_not_held(tx: &mut Tx, commit: &Commit) -> CommitError {
    let found = async {
        let row = q("SELECT epoch, last_fact FROM meta").one(tx).await;
        let row = row.map_err(StoreError::query("store.commit.epoch"))?;
        let row = row.ok_or_else(|| StoreError::unreadable("the epoch", "table `meta` is empty"))?;
        Ok((Epoch(row.count("epoch")?), row.count("last_fact")?))
    };
    match found.await {
        Ok((theirs, _)) if theirs != commit.epoch => CommitError::Fenced { ours: commit.epoch, theirs },
        Ok((_, last)) => {
            let first = commit.facts.first().map_or(last, |fact| fact.no.0);
            CommitError::Failed(StoreError::OutOfOrder { first, last })
        }
        Err(error) => CommitError::Failed(error),
    }
}

async fn facts(tx: &mut Tx, facts: &[Fact]) -> Result<(), sqlx::Error> {
    let rows = facts.iter().map(|fact| {
        [
            fact.no.into(),
            fact.epoch.into(),
            fact.at.into(),
            fact.ticket.into(),
            fact.what.kind().into(),
            What::VERSION.into(),
            fact.what.body_text().into(),
        ]
    });
    let head = "INSERT INTO facts (no, epoch, at_us, ticket, kind, version, body) VALUES";
    insert::<7>(tx, head, rows.collect(), "").await
}

/// Upserts the projections. One row per key: PostgreSQL refuses to touch a row twice in one statement;
/// the last one wins.
pub(super) async fn tickets(tx: &mut Tx, rows: &[TicketRow]) -> Result<(), StoreError> {
    let mut tickets: BTreeMap<_, [Value; 8]> = BTreeMap::new();
    let mut pages: BTreeMap<_, [Value; 6]> = BTreeMap::new();
    for TicketRow { view, pages: of_it } in rows {
        let row = [
            view.id.into(),
            view.state.as_str().into(),
            view.priority.as_str().into(),
            view.policy.as_str().into(),
            view.service.clone().into(),
            view.opened_at.into(),
            view.resolved_at.into(),
            json(view).into(),
        ];
        tickets.insert(view.id, row);
        for page in of_it {
            let row = [
                page.id.to_string().into(),
                page.ticket.into(),
                page.person.as_str().into(),
                word(&page.state).into(),
                page.started_at.into(),
                json(page).into(),
            ];
            pages.insert(page.id, row);
        }
    }
    const TICKETS: &str =
        "INSERT INTO tickets (id, state, priority, policy, service, opened_us, resolved_us, body) VALUES";
    const TICKETS_AGAIN: &str = "ON CONFLICT (id) DO UPDATE SET state = excluded.state, priority = excluded.priority,
        policy = excluded.policy, service = excluded.service, opened_us = excluded.opened_us,
        resolved_us = excluded.resolved_us, body = excluded.body";
    const PAGES: &str = "INSERT INTO pages (id, ticket, person, state, started_us, body) VALUES";
    const PAGES_AGAIN: &str = "ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body";
    let rows = tickets.into_values().collect();
    insert::<8>(tx, TICKETS, rows, TICKETS_AGAIN).await.map_err(StoreError::query("store.commit.tickets"))?;
    let rows = pages.into_values().collect();
    insert::<6>(tx, PAGES, rows, PAGES_AGAIN).await.map_err(StoreError::query("store.commit.pages"))
}

/// New sends first: one that was sent before it could be recorded begins and ends in the same commit.
async fn outbox(tx: &mut Tx, commit: &Commit) -> Result<(), StoreError> {
    let rows = commit.outbox.iter().map(|message| {
        [
            message.send.to_string().into(),
            commit.epoch.into(),
            message.decided_at.into(),
            json(message).into(),
            Value::Int(None),
        ]
    });
    let head = "INSERT INTO outbox (send, epoch, decided_us, body, ended_us) VALUES";
    // A commit without facts is repeated when its outcome is unknown: then the row may be there already.
    let again = if commit.facts.is_empty() { "ON CONFLICT (send) DO NOTHING" } else { "" };
    insert::<5>(tx, head, rows.collect(), again).await.map_err(StoreError::query("store.commit.outbox"))?;

    let keys: Vec<String> = commit.adopted.iter().map(ToString::to_string).collect();
    let adopt = "UPDATE outbox SET epoch = $1 WHERE ended_us IS NULL AND send IN";
    let done = run_for_keys(tx, adopt, commit.epoch.into(), keys).await;
    done.map_err(StoreError::query("store.commit.adopted"))?;

    let at = commit.at.or_else(|| commit.facts.last().map(|fact| fact.at)).unwrap_or_default();
    let (canaries, ended): (Vec<SendId>, Vec<SendId>) =
        commit.ended.iter().partition(|send| matches!(send.subject, SendSubject::Canary(_)));
    // Thousands a day, of which nobody will ever ask.
    let keys = canaries.iter().map(ToString::to_string).collect();
    let forget = "DELETE FROM outbox WHERE epoch <= $1 AND send IN";
    run_for_keys(tx, forget, commit.epoch.into(), keys).await.map_err(StoreError::query("store.commit.canary"))?;

    let keys: Vec<String> = ended.iter().map(ToString::to_string).collect();
    let wanted = keys.len() as u64;
    let end = "UPDATE outbox SET ended_us = $1 WHERE ended_us IS NULL AND send IN";
    let ended = run_for_keys(tx, end, at.into(), keys).await.map_err(StoreError::query("store.commit.ended"))?;
    if ended < wanted {
        // An outcome told twice is no reason to stop paging.
        tracing::warn!(wanted, ended, "some sends had ended before, or were never recorded");
    }
    Ok(())
}

async fn marks(tx: &mut Tx, commit: &Commit) -> Result<(), sqlx::Error> {
    let newest: BTreeMap<String, &Mark> = commit.marks.iter().map(|mark| (mark.key(), mark)).collect();
    let (gone, kept): (Vec<_>, Vec<_>) = newest.into_iter().partition(|(_, mark)| mark.is_gone());
    let gone = gone.into_iter().map(|(key, _)| key).collect();
    delete_keys(tx, "DELETE FROM marks WHERE key IN", gone).await?;
    let rows = kept.into_iter().map(|(key, mark)| [key.into(), json(mark).into()]).collect();
    insert::<2>(
        tx,
        "INSERT INTO marks (key, body) VALUES",
        rows,
        "ON CONFLICT (key) DO UPDATE SET body = excluded.body",
    )
    .await
}

/// The word that an enum of plain words has in JSON.
fn word<T: serde::Serialize>(value: &T) -> String {
    json(value).trim_matches('"').to_string()
}
