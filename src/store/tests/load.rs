//! Loading: snapshots, holes, facts of newer builds.

use watchbell_engine::commit::Commit;
use watchbell_engine::ids::FactNo;

use super::samples::{notes, outgoing, send};
use super::{Ground, at, chain, each_store, sql};
use crate::store::LoadError;
use crate::store::db::q;

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_loads_as_nothing() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        assert_eq!(store.load().await.expect("it loads"), crate::store::Loaded::default());
        assert_eq!(store.last_fact().await.expect("it answers"), FactNo(0));
        store.ping().await.expect("it answers");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_facts_after_the_snapshot_are_loaded() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        store.commit(&notes(1, 2_500, epoch)).await.expect("more than one read");
        for upto in [10, 20, 2_400] {
            store.save_snapshot(FactNo(upto), &format!("state {upto} 状态")).await.expect("a snapshot");
        }
        store.save_snapshot(FactNo(2_400), "state again").await.expect("the same one, made again");
        store.save_snapshot(FactNo(9_999), "from another world").await.expect("one that is ahead of the facts");
        let loaded = store.load().await.expect("it loads");
        assert_eq!(loaded.snapshot, Some((FactNo(2_400), "state again".into())));
        let numbers: Vec<u64> = loaded.facts.iter().map(|fact| fact.no.0).collect();
        assert_eq!(numbers, (2_401..=2_500).collect::<Vec<u64>>());
        store.drop_snapshots().await.expect("they are only a cache");
        let loaded = store.load().await.expect("it loads");
        assert_eq!((loaded.snapshot, loaded.facts.len()), (None, 2_500));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_forgets_what_ended_a_month_ago() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        let begun = Commit { outbox: (1..=3).map(|n| outgoing(send(n, 1), 0)).collect(), ..notes(1, 1, epoch) };
        store.commit(&begun).await.expect("three sends");
        store.commit(&Commit { ended: vec![send(1, 1)], ..notes(2, 2, epoch) }).await.expect("one ends");
        let month_ms = 31 * 24 * 3_600 * 1_000;
        let late = Commit { ended: vec![send(2, 1)], at: Some(at(month_ms)), ..notes(3, 3, epoch) };
        store.commit(&late).await.expect("another ends, a month later");
        store.save_snapshot(FactNo(3), "{}").await.expect("a snapshot");
        let rows = store.rows("test", q("SELECT send FROM outbox")).await.expect("rows");
        let mut left: Vec<String> = rows.iter().map(|row| row.get("send").expect("a text")).collect();
        left.sort();
        assert_eq!(left, ["INC-1-p2/1", "INC-1-p3/1"]);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_is_named() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        store.commit(&notes(1, 9, epoch)).await.expect("nine facts");
        for (hole, says) in [("no = 9", "facts 9 to 9"), ("no IN (4, 5)", "facts 4 to 5"), ("no = 1", "facts 1 to 1")] {
            sql(&store, &format!("DELETE FROM facts WHERE {hole}")).await;
            let error = store.load().await.expect_err("a hole");
            assert!(matches!(error, LoadError::Hole { .. }) && error.to_string().contains(says), "{error}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_is_not_known_is_named() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        store.commit(&notes(1, 3, epoch)).await.expect("three facts");
        sql(&store, "UPDATE facts SET version = 7 WHERE no = 2").await;
        let error = store.load().await.expect_err("a newer version");
        let text = chain(&error);
        assert!(text.contains("fact 2 cannot be replayed") && text.contains("`noted` version 7"), "{text}");
        sql(&store, "UPDATE facts SET version = 1, kind = 'teleported' WHERE no = 2").await;
        let text = chain(&store.load().await.expect_err("a newer kind"));
        assert!(text.contains("fact 2 cannot be replayed") && text.contains("`teleported`"), "{text}");
        sql(&store, "UPDATE facts SET kind = 'noted', body = '{' WHERE no = 2").await;
        let text = chain(&store.load().await.expect_err("no JSON"));
        assert!(text.contains("fact 2 in the store cannot be read"), "{text}");
        store.close().await;
    })
    .await;
}
