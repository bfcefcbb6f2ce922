//! What screens and the API ask, and tokens.

use watchbell_engine::commit::{Commit, TicketRow};
use watchbell_engine::fact::What;
use watchbell_engine::ids::{PageId, TicketId};
use watchbell_engine::view::{PageState, TicketState};

use super::samples::{notes, ticket};
use super::{Ground, at, each_store};
use crate::store::{CreateTokenError, TicketFilter, TokenRow};

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_found_by_state_newest_first() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        let states = [TicketState::Triggered, TicketState::Acknowledged, TicketState::Resolved];
        let tickets = (1..=12).map(|id| ticket(id, states[id as usize % 3], 1)).collect();
        store.commit(&Commit { tickets, ..notes(1, 1, epoch) }).await.expect("twelve tickets");
        let ids = async |states: &[TicketState], before: Option<u64>, limit| -> Vec<u64> {
            let filter = TicketFilter { states: states.to_vec(), before: before.map(TicketId), limit };
            store.tickets(&filter).await.expect("it answers").iter().map(|view| view.id.0).collect()
        };
        assert_eq!(ids(&[], None, 3).await, [12, 11, 10]);
        assert_eq!(ids(&[TicketState::Resolved], None, 10).await, [11, 8, 5, 2]);
        let open = [TicketState::Triggered, TicketState::Acknowledged];
        assert_eq!(ids(&open, Some(7), 3).await, [6, 4, 3]);
        assert_eq!(ids(&open, Some(1), 3).await, Vec::<u64>::new());
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_shown_as_of_the_last_commit() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        assert_eq!(store.ticket(TicketId(1)).await.expect("it answers"), None);
        let first = ticket(1, TicketState::Triggered, 11);
        store.commit(&Commit { tickets: vec![first.clone()], ..notes(1, 1, epoch) }).await.expect("a ticket");
        assert_eq!(store.ticket(TicketId(1)).await.expect("it answers"), Some(first.clone()), "p11 stands after p2");
        let mut second = ticket(1, TicketState::Resolved, 11);
        second.pages[3].state = PageState::Answered;
        let both: Vec<TicketRow> = vec![first, second.clone()];
        store.commit(&Commit { tickets: both, ..notes(2, 2, epoch) }).await.expect("the same ticket, twice");
        assert_eq!(store.ticket(TicketId(1)).await.expect("it answers"), Some(second));
        let pages = store.pages(TicketId(1)).await.expect("it answers");
        assert_eq!(pages[3].id, PageId { ticket: TicketId(1), n: 4 });
        assert_eq!(pages[3].state, PageState::Answered);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_a_query_over_facts() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        let mut commit = notes(1, 9, epoch);
        commit.facts[4].what = What::Started { revision: "0123456789ab".into() };
        commit.facts[4].ticket = None;
        store.commit(&commit).await.expect("nine facts");
        let story = store.facts_of(TicketId(3)).await.expect("it answers");
        assert_eq!(story, [commit.facts[1].clone(), commit.facts[7].clone()], "the fifth has no ticket");
        let started = store.facts_of_kind("started", at(0), at(1_000)).await.expect("it answers");
        assert_eq!(started, [commit.facts[4].clone()]);
        let some = store.facts_of_kind("noted", at(3), at(6)).await.expect("it answers");
        assert_eq!(some, [commit.facts[2].clone(), commit.facts[3].clone()], "from is inside, to is not");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_found_by_their_hash() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        store.create_token("ci", "viewer", &[1; 32], at(0)).await.expect("a token");
        store.create_token("bot", "responder", &[2; 32], at(5)).await.expect("another");
        let again = store.create_token("ci", "admin", &[3; 32], at(9)).await.expect_err("names are unique");
        assert!(matches!(&again, CreateTokenError::NameTaken(name) if name == "ci"));
        let bot = TokenRow { name: "bot".into(), role: "responder".into(), created_at: at(5), last_used: None };
        assert_eq!(store.token_by_hash(&[2; 32]).await.expect("it answers"), Some(bot.clone()));
        assert_eq!(store.token_by_hash(&[3; 32]).await.expect("it answers"), None);

        for used in [10_000, 20_000, 70_000] {
            store.touch_token("bot", at(used)).await.expect("it was used");
            let last = store.token_by_hash(&[2; 32]).await.expect("it answers").expect("it is there").last_used;
            assert_eq!(last, Some(at(if used == 20_000 { 10_000 } else { used })), "written once a minute");
        }
        let names: Vec<String> = store.tokens().await.expect("it answers").into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["bot", "ci"]);
        assert!(store.revoke_token("bot").await.expect("it answers"));
        assert!(!store.revoke_token("bot").await.expect("it answers"), "there is none any more");
        assert_eq!(store.token_by_hash(&[2; 32]).await.expect("it answers"), None);
        store.close().await;
    })
    .await;
}
