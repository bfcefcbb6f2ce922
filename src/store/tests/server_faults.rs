//! A PostgreSQL server that dies, hangs or loses its answers in the middle of a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, Row as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use watchbell_config::{Secret, StoreUrl};
use watchbell_engine::ids::FactNo;

use super::samples::notes;
use super::{at, eventually, postgres};
use crate::store::{CommitError, Store, StoreError};

/// Everything comes back within the five seconds of the store, and a little for a busy machine.
const AT_MOST: Duration = Duration::from_secs(8);

const PASS: u8 = 0;
const HANG: u8 = 1;
const HANG_AT_COMMIT: u8 = 2;
const LOSE_ANSWER_OF_COMMIT: u8 = 3;

/// Stands between us and the server.
struct Proxy {
    url: String,
    mode: Arc<AtomicU8>,
}

impl Proxy {
    async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let server = url.rsplit('@').next().and_then(|tail| tail.split('/').next()).expect("an address").to_string();
        let through = url.replace(&server, &format!("127.0.0.1:{port}"));
        let mode = Arc::new(AtomicU8::new(PASS));
        let shared = Arc::clone(&mode);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server is there");
                tokio::spawn(relay(client, server, Arc::clone(&shared)));
            }
        });
        Self { url: through, mode }
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }
}

async fn relay(mut client: TcpStream, mut server: TcpStream, mode: Arc<AtomicU8>) -> std::io::Result<()> {
    let (mut question, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut question) => {
                let asked = &question[..read?];
                let commit = asked.windows(6).any(|word| word == b"COMMIT");
                match mode.load(Ordering::SeqCst) {
                    _ if asked.is_empty() => return Ok(()),
                    HANG => std::future::pending().await,
                    HANG_AT_COMMIT if commit => std::future::pending().await,
                    _ => (),
                }
                server.write_all(asked).await?;
                if commit && mode.load(Ordering::SeqCst) == LOSE_ANSWER_OF_COMMIT {
                    assert!(server.read(&mut answer).await? > 0, "the server did answer");
                    return Ok(());
                }
            }
            read = server.read(&mut answer) => {
                let said = &answer[..read?];
                if said.is_empty() {
                    return Ok(());
                }
                client.write_all(said).await?;
            }
        }
    }
}

async fn open(url: &str) -> Store {
    Store::open(&StoreUrl::Postgres(Secret::new(url)), at(0)).await.expect("the store opens")
}

async fn admin(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection beside the store's")
}

async fn run(conn: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(conn).await.expect("the SQL of a test is well formed");
}

/// Kills the server process that is busy with `query`, as soon as there is one.
async fn kill(conn: &mut PgConnection, query: &'static str) {
    const FIND: &str = "SELECT pg_terminate_backend(pid) AS killed FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE $1
        AND wait_event_type IN ('Lock', 'Timeout')";
    eventually("a server process that waits", async || {
        let row = sqlx::query(FIND).bind(query).fetch_optional(&mut *conn).await.expect("it answers");
        row.map(|row| assert!(row.get::<bool, _>("killed")))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_before_commit_has_failed() {
    let url = postgres::fresh_database().await;
    let (store, mut holder, mut killer) = (open(&url).await, admin(&url).await, admin(&url).await);
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    run(&mut holder, "BEGIN; SELECT epoch FROM meta FOR UPDATE").await;
    let commit = notes(1, 3, epoch);
    let (done, ()) = tokio::join!(store.commit(&commit), kill(&mut killer, "UPDATE meta%"));
    assert!(matches!(done, Err(CommitError::Failed(_))), "{done:?}");
    run(&mut holder, "ROLLBACK").await;
    assert_eq!(store.last_fact().await.expect("over another connection"), FactNo(0));
    store.commit(&commit).await.expect("the same commit again");
    assert_eq!(store.load().await.expect("it loads").facts, commit.facts);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_during_commit_is_unknown() {
    let url = postgres::fresh_database().await;
    let (store, mut killer) = (open(&url).await, admin(&url).await);
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    run(
        &mut killer,
        "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER dozing AFTER INSERT ON facts DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION doze()",
    )
    .await;
    let commit = notes(1, 3, epoch);
    let (done, ()) = tokio::join!(store.commit(&commit), kill(&mut killer, "COMMIT"));
    assert!(matches!(done, Err(CommitError::Unknown(_))), "{done:?}");
    assert_eq!(store.last_fact().await.expect("over another connection"), FactNo(0), "this time it was not");
    run(&mut killer, "DROP TRIGGER dozing ON facts").await;
    store.commit(&commit).await.expect("the same commit again");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_unknown_and_there() {
    let url = postgres::fresh_database().await;
    let proxy = Proxy::before(&url).await;
    let store = open(&proxy.url).await;
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    proxy.set(LOSE_ANSWER_OF_COMMIT);
    let done = store.commit(&notes(1, 3, epoch)).await;
    assert!(matches!(done, Err(CommitError::Unknown(_))), "{done:?}");
    proxy.set(PASS);
    assert_eq!(store.last_fact().await.expect("over another connection"), FactNo(3), "this time it was");
    let again = store.commit(&notes(1, 3, epoch)).await;
    assert!(matches!(again, Err(CommitError::Failed(StoreError::OutOfOrder { first: 1, last: 3 }))), "{again:?}");
    store.commit(&notes(4, 4, epoch)).await.expect("the next one");
    store.close().await;
}

/// Commits through a proxy that hangs, then again once it does not, and hands back what the first one said.
async fn commit_over_a_hang(mode: u8) -> CommitError {
    let url = postgres::fresh_database().await;
    let proxy = Proxy::before(&url).await;
    let store = open(&proxy.url).await;
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    proxy.set(mode);
    let begun = Instant::now();
    let commit = notes(1, 3, epoch);
    let (done, ping) = tokio::join!(store.commit(&commit), store.ping());
    assert!(begun.elapsed() < AT_MOST, "took {:?}", begun.elapsed());
    assert_eq!(ping.is_err(), mode == HANG, "{ping:?}");
    proxy.set(PASS);
    assert_eq!(store.last_fact().await.expect("it answers again"), FactNo(0));
    store.commit(&commit).await.expect("the same commit again");
    store.close().await;
    done.expect_err("nobody answered")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_holds_nobody_up() {
    let (before, during) = tokio::join!(commit_over_a_hang(HANG), commit_over_a_hang(HANG_AT_COMMIT));
    assert!(matches!(before, CommitError::Failed(_)), "COMMIT was not sent: {before:?}");
    assert!(matches!(during, CommitError::Unknown(_)), "COMMIT was sent: {during:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_somebody_keeps_holds_nobody_up() {
    let url = postgres::fresh_database().await;
    let (store, mut holder) = (open(&url).await, admin(&url).await);
    let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
    run(&mut holder, "BEGIN; SELECT epoch FROM meta FOR UPDATE").await;
    let begun = Instant::now();
    let done = store.commit(&notes(1, 1, epoch)).await;
    assert!(matches!(done, Err(CommitError::Failed(_))) && begun.elapsed() < AT_MOST, "{done:?}");
    run(&mut holder, "ROLLBACK").await;
    store.commit(&notes(1, 1, epoch)).await.expect("the same commit again");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_waits_for_the_commit_under_way() {
    let url = postgres::fresh_database().await;
    let (old, new, mut admin) = (open(&url).await, open(&url).await, admin(&url).await);
    let ours = old.raise_epoch(at(0)).await.expect("an epoch");
    run(
        &mut admin,
        "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER dozing AFTER INSERT ON facts DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION doze()",
    )
    .await;
    let first = notes(1, 1, ours);
    let take_over = async {
        const BUSY: &str = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT'
            AND state = 'active'";
        eventually("the commit is under way", async || {
            sqlx::query(BUSY).fetch_optional(&mut admin).await.expect("it answers")
        })
        .await;
        new.raise_epoch(at(1)).await.expect("the take-over")
    };
    let (done, theirs) = tokio::join!(old.commit(&first), take_over);
    done.expect("it was under way before the take-over");
    assert_eq!(new.load().await.expect("it loads").facts, first.facts, "the new one sees it");
    let late = old.commit(&notes(2, 2, ours)).await;
    assert!(matches!(late, Err(CommitError::Fenced { theirs: t, .. }) if t == theirs), "{late:?}");
    old.close().await;
    new.close().await;
}
