//! Commits: all or nothing, in order, by the one who holds the epoch.

use std::time::Instant;

use watchbell_engine::commit::{Commit, Mark};
use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::{Epoch, FactNo, TicketId};
use watchbell_engine::view::TicketState;
use watchbell_engine::word::Level;

use super::samples::{note, notes, outgoing, send, ticket, verdict};
use super::{Ground, at, chain, each_store, sql};
use crate::store::connect::{self, Use};
use crate::store::{CommitError, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_loaded_as_it_was() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("the first epoch");
        assert_eq!(epoch, Epoch(1));
        let commit = Commit {
            tickets: vec![ticket(1, TicketState::Triggered, 2)],
            outbox: vec![outgoing(send(10, 1), 30), outgoing(send(2, 10), 20), outgoing(send(2, 2), 20)],
            marks: vec![verdict("b", Level::Down), verdict("a", Level::Up), verdict("b", Level::Up)],
            ..notes(1, 7, epoch)
        };
        store.commit(&commit).await.expect("the first commit");
        let later = Commit { ended: vec![send(10, 1)], adopted: vec![send(2, 2)], ..notes(8, 8, epoch) };
        store.commit(&later).await.expect("the second commit");
        store.close().await;

        let store = ground.open().await;
        let loaded = store.load().await.expect("what was written can be read");
        let facts: Vec<Fact> = [commit.facts, later.facts].concat();
        assert_eq!(loaded.facts, facts);
        assert_eq!(loaded.last, FactNo(8));
        assert_eq!(loaded.snapshot, None);
        let sends: Vec<_> = loaded.unfinished.iter().map(|message| message.send).collect();
        assert_eq!(sends, [send(2, 2), send(2, 10)], "oldest first; the ended one is not among them");
        assert_eq!(loaded.unfinished[1], commit.outbox[1]);
        assert_eq!(loaded.marks, [verdict("a", Level::Up), verdict("b", Level::Up)], "the last value wins");
        assert_eq!(store.raise_epoch(at(1)).await.expect("a start"), Epoch(2));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_epoch_can_no_longer_commit() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let ours = store.raise_epoch(at(0)).await.expect("ours");
        store.commit(&notes(1, 1, ours)).await.expect("while it is ours");
        let theirs = store.raise_epoch(at(1)).await.expect("theirs");
        for commit in [notes(2, 2, ours), Commit { marks: vec![verdict("a", Level::Up)], ..notes(2, 1, ours) }] {
            match store.commit(&commit).await {
                Err(CommitError::Fenced { ours: o, theirs: t }) => assert_eq!((o, t), (ours, theirs)),
                other => panic!("an old epoch was not refused: {other:?}"),
            }
        }
        let loaded = store.load().await.expect("it loads");
        assert_eq!((loaded.last, loaded.marks), (FactNo(1), Vec::<Mark>::new()), "nothing of it was written");
        store.commit(&notes(2, 2, theirs)).await.expect("the new one goes on");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_exist_or_leave_a_hole_are_refused() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        store.commit(&notes(1, 3, epoch)).await.expect("the first three");
        for (commit, says) in [
            (notes(2, 4, epoch), "facts from number 2 on do not follow 3"),
            (notes(5, 5, epoch), "facts from number 5 on do not follow 3"),
            (Commit { facts: vec![note(4, epoch, 1), note(6, epoch, 1)], ..notes(4, 4, epoch) }, "6 follows 4"),
        ] {
            match store.commit(&commit).await {
                Err(error @ CommitError::Failed(_)) => assert!(chain(&error).contains(says), "{}", chain(&error)),
                other => panic!("{says}: {other:?}"),
            }
        }
        assert_eq!(store.last_fact().await.expect("it answers"), FactNo(3));
        store.commit(&notes(4, 4, epoch)).await.expect("the right number");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_half_way_leaves_nothing() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        let twice = Commit {
            tickets: vec![ticket(1, TicketState::Triggered, 1)],
            outbox: vec![outgoing(send(1, 1), 0), outgoing(send(1, 1), 0)],
            ..notes(1, 2, epoch)
        };
        assert!(matches!(store.commit(&twice).await, Err(CommitError::Failed(StoreError::Query { .. }))));
        assert_eq!(store.load().await.expect("it loads").facts, []);
        assert!(store.ticket(TicketId(1)).await.expect("it answers").is_none());
        let once = Commit { outbox: vec![outgoing(send(1, 1), 0)], ..twice };
        store.commit(&once).await.expect("the same numbers, mended");
        assert_eq!(store.load().await.expect("it loads").unfinished.len(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_at_its_very_end_is_unknown() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        // Checked by the database at COMMIT, not before.
        sql(&store, "CREATE TABLE parents (id BIGINT PRIMARY KEY)").await;
        let child =
            "CREATE TABLE children (fact BIGINT, parent BIGINT REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
        sql(&store, child).await;
        if ground.is_sqlite() {
            let trigger =
                "CREATE TRIGGER orphans AFTER INSERT ON facts BEGIN INSERT INTO children VALUES (NEW.no, 1); END";
            sql(&store, trigger).await;
        } else {
            let function = "CREATE FUNCTION orphan() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO children VALUES (NEW.no, 1); RETURN NEW; END'";
            sql(&store, function).await;
            sql(&store, "CREATE TRIGGER orphans AFTER INSERT ON facts FOR EACH ROW EXECUTE FUNCTION orphan()").await;
        }
        assert!(matches!(store.commit(&notes(1, 1, epoch)).await, Err(CommitError::Unknown(_))));
        assert_eq!(store.last_fact().await.expect("it answers"), FactNo(0), "the look-up says what became of it");
        sql(&store, if ground.is_sqlite() { "DROP TRIGGER orphans" } else { "DROP TRIGGER orphans ON facts" }).await;
        store.commit(&notes(1, 1, epoch)).await.expect("the same numbers again");
        assert_eq!(store.last_fact().await.expect("it answers"), FactNo(1));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_goes_in_one_piece() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        let full = |from: u64| Commit {
            tickets: (from..from + 600).map(|id| ticket(id, TicketState::Triggered, 2)).collect(),
            outbox: (0..600).map(|n| outgoing(send(from as u32 + n, 1), n.into())).collect(),
            ended: (0..600).map(|n| send(from as u32 + n, 1)).collect(),
            marks: (0..600).map(|n| verdict(&format!("probe-{n}"), Level::Up)).collect(),
            ..notes(from, from + 1_299, epoch)
        };
        store.commit(&full(1)).await.expect("the first one prepares everything");
        let begun = Instant::now();
        store.commit(&full(1_301)).await.expect("a full one");
        eprintln!("1,300 facts, 600 tickets, 1,200 pages, 600 sends: {:?}", begun.elapsed());
        let begun = Instant::now();
        store.commit(&notes(2_601, 3_112, epoch)).await.expect("the largest that the driver makes");
        eprintln!("512 facts: {:?}", begun.elapsed());
        let loaded = store.load().await.expect("it loads");
        assert_eq!((loaded.facts.len(), loaded.marks.len(), loaded.unfinished.len()), (3_112, 600, 0));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_and_queries_go_on_side_by_side() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        let writer = async {
            for no in 1..=60 {
                store.commit(&notes(no, no, epoch)).await.expect("a commit");
                store.create_token(&format!("t{no}"), "viewer", &[no as u8; 32], at(0)).await.expect("a token");
            }
        };
        let reader = async {
            let mut seen = 0;
            while seen < 60 {
                let loaded = store.load().await.expect("a load in the middle is whole");
                assert!(loaded.last.0 >= seen, "facts do not go away");
                seen = loaded.last.0;
                let kinds: Vec<&str> = loaded.facts.iter().map(|fact| fact.what.kind()).collect();
                assert_eq!(kinds, vec!["noted"; seen as usize]);
            }
        };
        tokio::join!(writer, reader);
        assert_eq!(store.facts_of(TicketId(1)).await.expect("it answers").len(), 20);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_commit_and_loses_nothing() {
    let ground = Ground::sqlite();
    let store = ground.open().await;
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    store.commit(&notes(1, 5, epoch)).await.expect("while there is room");
    // Below the present size: SQLite then says SQLITE_FULL, as it does for a full disk.
    sql(&store, "PRAGMA max_page_count = 1").await;
    let mut large = notes(6, 6, epoch);
    let [Fact { what: What::Noted { text, .. }, .. }] = large.facts.as_mut_slice() else { panic!("one note") };
    *text = "x".repeat(200_000);
    for _ in 0..3 {
        let error = store.commit(&large).await.expect_err("there is no room");
        assert!(matches!(error, CommitError::Failed(_)) && chain(&error).contains("full"), "{}", chain(&error));
    }
    assert_eq!(store.last_fact().await.expect("reading goes on"), FactNo(5));
    sql(&store, "PRAGMA max_page_count = 1073741823").await;
    store.commit(&large).await.expect("the same numbers once there is room again");
    assert_eq!(store.load().await.expect("it loads").facts.len(), 6);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_program_that_writes_to_the_file_fails_the_commit() {
    let ground = Ground::sqlite();
    let store = ground.open().await;
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    let path = ground.dir.as_ref().expect("a directory").file("watchbell.db");
    let foreign = connect::sqlite(&path, Use::Paging).await.expect("a shell on the same file");
    let held = foreign.begin().await.expect("it takes the write lock");
    let error = store.commit(&notes(1, 1, epoch)).await.expect_err("the lock is taken");
    assert!(matches!(error, CommitError::Failed(_)) && chain(&error).contains("locked"), "{}", chain(&error));
    assert_eq!(store.last_fact().await.expect("reading goes on"), FactNo(0));
    held.rollback().await.expect("it lets go");
    store.commit(&notes(1, 1, epoch)).await.expect("the same commit again");
    foreign.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_look_up_takes_no_other_epochs_facts_for_its_own() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let ours = store.raise_epoch(at(0)).await.expect("the first epoch");
        store.commit(&notes(1, 2, ours)).await.expect("our commit");
        assert_eq!(store.last_fact_of(ours).await.expect("it answers"), Some(FactNo(2)));
        let theirs = store.raise_epoch(at(1)).await.expect("another takes over");
        store.commit(&notes(3, 5, theirs)).await.expect("their commit");
        assert_eq!(store.last_fact_of(ours).await.expect("it answers"), None, "fact 3 is not the one we sent");
        assert_eq!(store.last_fact_of(theirs).await.expect("it answers"), Some(FactNo(5)));
    })
    .await;
}
