//! Opening: locks, migrations, and everything that is not a store.

use std::io;
use std::path::Path;

use watchbell_config::{Secret, StoreUrl};

use super::samples::notes;
use super::{Dir, Ground, at, chain, each_store, file_exists, postgres, sql};
use crate::store::connect::{self, Use};
use crate::store::db::Db;
use crate::store::schema::{self, Migration, Place, STORE, Schema};
use crate::store::{OpenError, Store};

/// What a later build would bring.
const LATER: Schema = Schema {
    part: STORE.part,
    migrations: &[
        STORE.migrations[0],
        Migration { name: "moons", statements: &["CREATE TABLE moons (id {serial}, phase {bytes})"] },
    ],
};

/// A later build with a mistake in its second step.
const BROKEN: Schema = Schema {
    part: STORE.part,
    migrations: &[
        STORE.migrations[0],
        Migration { name: "moons", statements: &["CREATE TABLE moons (id {serial})", "CREATE NONSENSE"] },
    ],
};

async fn refused(url: &StoreUrl) -> (OpenError, String) {
    match Store::open(url, at(0)).await {
        Ok(_) => panic!("{url:?} opened"),
        Err(error) => {
            let text = chain(&error);
            (error, text)
        }
    }
}

/// Opens the database of a ground as a build with another schema would.
async fn migrate(ground: &Ground, schema: &Schema) -> Result<Db, OpenError> {
    let (db, place) = match &ground.url {
        StoreUrl::Sqlite(path) => {
            let place = Place { name: path.display().to_string(), file: Some(path.clone()) };
            (connect::sqlite(path, Use::Paging).await?, place)
        }
        StoreUrl::Postgres(url) => {
            let (options, name) = connect::postgres_address(url.reveal())?;
            (connect::postgres(&options, &name, Use::Paging).await?, Place { name, file: None })
        }
    };
    schema::migrate(&db, schema, &place, at(1)).await?;
    Ok(db)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_by_name_and_a_copy_of_before_stays() {
    each_store(async |ground: Ground| {
        let store = ground.open().await;
        let epoch = store.raise_epoch(at(0)).await.expect("an epoch");
        store.commit(&notes(1, 3, epoch)).await.expect("three facts");
        store.close().await;
        for _ in 0..2 {
            // The second time there is nothing to do.
            migrate(&ground, &LATER).await.expect("the later build migrates").close().await;
        }
        let (error, text) = refused(&ground.url).await;
        assert!(matches!(error, OpenError::NewerSchema { found: 2, known: 1, .. }), "{text}");
        assert!(text.contains("version 2 (`moons`)") && text.contains("newer watchbell"), "{text}");

        if let Some(dir) = &ground.dir {
            let copy = dir.file("watchbell.db.before-0002");
            assert!(file_exists(&copy) && !dir.file("watchbell.db.before-0001").exists());
            let store = Store::open(&StoreUrl::Sqlite(copy), at(2)).await.expect("this build reads the copy");
            assert_eq!(store.load().await.expect("it loads").facts, notes(1, 3, epoch).facts);
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_changes_nothing() {
    each_store(async |ground: Ground| {
        ground.open().await.close().await;
        for _ in 0..2 {
            let error = migrate(&ground, &BROKEN).await.expect_err("the step cannot be done");
            assert!(chain(&error).contains("while migrating its schema"), "{}", chain(&error));
        }
        let store = ground.open().await;
        sql(&store, "CREATE TABLE moons (id BIGINT)").await;
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_file_is_refused() {
    let ground = Ground::sqlite();
    let store = ground.open().await;
    let (error, text) = refused(&ground.url).await;
    assert!(matches!(&error, OpenError::Locked { pid: Some(pid), .. } if *pid == std::process::id()), "{text}");
    assert!(text.contains("in use by another watchbell process (pid "), "{text}");

    let dir = ground.dir.as_ref().expect("a directory");
    std::os::unix::fs::symlink(dir.file("watchbell.db"), dir.file("alias.db")).expect("a link");
    let (error, text) = refused(&StoreUrl::Sqlite(dir.file("alias.db"))).await;
    assert!(matches!(error, OpenError::Locked { .. }), "another name of the same file: {text}");

    let clone = store.clone();
    store.close().await;
    ground.open().await.close().await;
    clone.ping().await.expect_err("a closed store answers no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_goes_with_the_process_however_it_ends() {
    let ground = Ground::sqlite();
    ground.open().await.close().await;
    let lock = ground.dir.as_ref().expect("a directory").file("watchbell.db.lock");
    // Another process takes the lock, writes a pid of its own choice and is killed.
    let script = r#"use Fcntl ':flock'; open(F, '+<', $ARGV[0]) or die; flock(F, LOCK_EX) or die; truncate(F, 0);
        syswrite(F, '4711'); syswrite(STDOUT, "held\n"); sleep 60"#;
    let holder =
        std::process::Command::new("perl").args(["-e", script]).arg(&lock).stdout(std::process::Stdio::piped()).spawn();
    let mut holder = holder.expect("perl, which every Debian has");
    let mut line = String::new();
    let stdout = holder.stdout.take().expect("stdout is piped");
    io::BufRead::read_line(&mut io::BufReader::new(stdout), &mut line).expect("it speaks");
    let (error, text) = refused(&ground.url).await;
    assert!(matches!(error, OpenError::Locked { pid: Some(4711), .. }), "{text}");
    holder.kill().expect("it is ours");
    holder.wait().expect("it ends");
    ground.open().await.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_may_set_up_one_server_at_the_same_time() {
    let ground = Ground::postgres().await;
    let (a, b, c) = tokio::join!(ground.open(), ground.open(), ground.open());
    let first = a.raise_epoch(at(0)).await.expect("an epoch");
    let second = b.raise_epoch(at(0)).await.expect("an epoch");
    assert!(second > first);
    for store in [a, b, c] {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_store_is_refused_and_left_alone() {
    let dir = Dir::new();
    let write = |name: &str, text: &[u8]| {
        std::fs::write(dir.file(name), text).expect("a file");
        StoreUrl::Sqlite(dir.file(name))
    };
    let text = "this is a letter to somebody, and it is long enough to be one";
    let (error, says) = refused(&write("letter.db", text.as_bytes())).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }) && says.contains("letter.db"), "{says}");
    assert_eq!(std::fs::read_to_string(dir.file("letter.db")).expect("it is there"), text);

    let (error, says) =
        refused(&write("damaged.db", b"SQLite format 3\0 and then nothing of the kind, but long")).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{says}");

    let foreign = connect::sqlite(&dir.file("foreign.db"), Use::Paging).await.expect("a database");
    super::sql_on(&foreign, "CREATE TABLE recipes (id INTEGER)").await;
    foreign.close().await;
    let (error, says) = refused(&StoreUrl::Sqlite(dir.file("foreign.db"))).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }) && says.contains("table `recipes`"), "{says}");

    let (error, says) = refused(&StoreUrl::Sqlite(dir.0.clone())).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }) && says.contains("is a directory"), "{says}");
    let (error, says) = refused(&StoreUrl::Sqlite(dir.file("nowhere").join("watchbell.db"))).await;
    assert!(matches!(error, OpenError::NoDirectory { .. }) && says.contains("nowhere does not exist"), "{says}");
    let (error, says) = refused(&StoreUrl::Sqlite(dir.file("letter.db").join("watchbell.db"))).await;
    assert!(matches!(error, OpenError::NoDirectory { .. }), "{says}");
    // Nobody may create files here, not even root.
    let (error, says) = refused(&StoreUrl::Sqlite("/sys/kernel/watchbell.db".into())).await;
    assert!(matches!(error, OpenError::NoPermission { .. }), "{says}");
}

#[test]
fn the_file_system_is_put_in_words() {
    let words =
        |kind: io::ErrorKind| OpenError::from_io(Path::new("/data/watchbell.db"), "testing", kind.into()).to_string();
    assert!(words(io::ErrorKind::StorageFull).starts_with("no space is left for /data/watchbell.db"));
    assert!(words(io::ErrorKind::PermissionDenied).starts_with("no permission to use /data/watchbell.db"));
    assert!(words(io::ErrorKind::ReadOnlyFilesystem).starts_with("no permission to use /data/watchbell.db"));
    assert_eq!(words(io::ErrorKind::Interrupted), "/data/watchbell.db could not be opened while testing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_history_is_set_aside_and_paging_starts() {
    let ground = Ground::sqlite();
    let dir = ground.dir.as_ref().expect("a directory");
    std::fs::write(dir.file("watchbell-history.db"), "not what it should be").expect("a file");
    let store = ground.open().await;
    store.raise_epoch(at(0)).await.expect("an epoch");
    store.close().await;
    let names = std::fs::read_dir(&dir.0).expect("the directory").flatten().map(|entry| entry.file_name());
    let aside = names.filter(|name| name.to_string_lossy().starts_with("watchbell-history.db.unreadable-")).count();
    assert_eq!(aside, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_for_our_own_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let ground = Ground::sqlite();
    let store = ground.open().await;
    let dir = ground.dir.as_ref().expect("a directory");
    for name in ["watchbell.db", "watchbell.db-wal", "watchbell-history.db", "watchbell-history.db-wal"] {
        let mode = dir.file(name).metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    store.close().await;
    assert!(!dir.file("watchbell.db-wal").exists(), "the log was folded in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_used_is_named_without_its_password() {
    let url = postgres::fresh_database().await;
    let other = |from: &str, to: &str| StoreUrl::Postgres(Secret::new(url.replace(from, to)));
    let database = url.rsplit('/').next().expect("a name").to_string();
    let wrong = format!("{}-wrong", postgres::PASSWORD);
    let (error, a) = refused(&other(postgres::PASSWORD, &wrong)).await;
    assert!(matches!(error, OpenError::SignIn { .. }) && a.contains("check user and password"), "{a}");
    let (error, b) = refused(&other(&database, "nowhere")).await;
    assert!(matches!(error, OpenError::NoDatabase { .. }) && b.contains("createdb"), "{b}");
    // Port 1 of loopback: nobody listens there.
    let port = url.rsplit(':').next().and_then(|tail| tail.split('/').next()).expect("a port").to_string();
    let (error, c) = refused(&other(&format!(":{port}/"), ":1/")).await;
    assert!(matches!(error, OpenError::Unreachable { .. }) && c.contains("127.0.0.1:1"), "{c}");
    let mut bad = String::new();
    for (from, to) in [("postgres://", "postgres:/:/"), ("watchbell:", "watchbell:12/"), ("127.0.0.1:", "127.0.0.1:x")]
    {
        let (error, text) = refused(&other(from, to)).await;
        assert!(matches!(error, OpenError::BadAddress), "{text}");
        bad.push_str(&text);
    }
    let store = Store::open(&StoreUrl::Postgres(Secret::new(url)), at(0)).await.expect("the right address");
    for text in [a, b, c, bad, format!("{store:?}")] {
        assert!(!text.contains(postgres::PASSWORD), "{text}");
    }
    store.close().await;
}
