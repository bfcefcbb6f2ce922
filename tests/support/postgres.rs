//! A throw-away PostgreSQL server for tests: one per test binary, one database per test.
//!
//! It listens on 127.0.0.1, runs as an unprivileged user, and goes away with the test process, however
//! that ends: a shell watches a pipe that only the test process holds open, stops the server when the
//! pipe closes, and removes its directory.

#![allow(unreachable_pub, reason = "each test binary that includes this file uses it from another depth")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The password of the server's user; tests look for it where it must not be.
pub const PASSWORD: &str = "s3cret-of-the-test";

/// How long the server may take to start on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// Runs as the unprivileged user. `$1` is the directory of the programs, `$2` the port.
const SCRIPT: &str = r#"
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/watchbell-postgres-XXXXXX")
trap 'rm -rf "$dir"' EXIT
printf '%s' "$3" >"$dir/password"
"$1/initdb" -D "$dir/data" -U watchbell --auth=scram-sha-256 --pwfile="$dir/password" --no-sync \
    -E UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 </dev/null || { cat "$dir/initdb.log" >&2; exit 1; }
"$1/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$2" -c fsync=off -c full_page_writes=off \
    -c max_connections=200 -c shared_buffers=16MB >"$dir/log" 2>&1 </dev/null &
server=$!
echo "$dir"
read -r _ || true
kill -INT "$server"
wait "$server" || true
"#;

struct Cluster {
    port: u16,
    /// Its standard input is open as long as this process lives.
    _shell: Child,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of a new, empty database. Panics with what to do where no server can be started.
pub async fn fresh_database() -> String {
    let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(start)).await.expect("the server starts");
    let name = format!("test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
    let mut conn = connect(cluster.port).await;
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut conn).await.expect("a database");
    conn.close().await.expect("the connection ends well");
    format!("{}/{name}", base(cluster.port))
}

fn base(port: u16) -> String {
    format!("postgres://watchbell:{PASSWORD}@127.0.0.1:{port}")
}

async fn connect(port: u16) -> PgConnection {
    let url = format!("{}/postgres", base(port));
    let deadline = Instant::now() + STARTS_WITHIN;
    loop {
        match PgConnection::connect(&url).await {
            Ok(conn) => return conn,
            // Refused or "starting up" until it is ready.
            Err(error) => assert!(Instant::now() < deadline, "the test server does not come up: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn start() -> Cluster {
    let programs = programs();
    let port = free_port();
    let mut command = unprivileged();
    command.args(["-c", SCRIPT, "sh"]).arg(&programs).arg(port.to_string()).arg(PASSWORD);
    // Its own process group: Ctrl-C in a terminal ends the tests, and their end ends the server in order.
    let mut shell = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .current_dir("/")
        .env("LC_ALL", "C.UTF-8")
        .process_group(0)
        .spawn()
        .expect("a shell for the test server");
    let mut dir = String::new();
    let stdout = shell.stdout.take().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut dir).expect("the shell speaks");
    assert!(!dir.trim().is_empty(), "the PostgreSQL server for tests could not be set up; its words are above");
    Cluster { port, _shell: shell }
}

/// The directory of `initdb` and `postgres`, the newest version first.
fn programs() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists() && bin.join("postgres").exists())
        .collect();
    found.sort();
    match found.pop() {
        Some((_, bin)) => bin,
        None => panic!("the tests need a PostgreSQL server to start: apt-get install postgresql"),
    }
}

/// A shell that is not root: the server refuses to run as root.
fn unprivileged() -> Command {
    let uid = output("id", &["-u"]);
    if uid != "0" {
        return Command::new("sh");
    }
    let user = if output("id", &["-u", "postgres"]).is_empty() { "nobody" } else { "postgres" };
    let (uid, gid) = (output("id", &["-u", user]), output("id", &["-g", user]));
    if on_path("setpriv") {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into(), "sh".into()]);
        return command;
    }
    if on_path("runuser") {
        let mut command = Command::new("runuser");
        command.args(["-u", user, "--", "sh"]);
        return command;
    }
    let mut command = Command::new("sh");
    command.uid(uid.parse().expect("a number")).gid(gid.parse().expect("a number"));
    command
}

fn output(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).stderr(Stdio::null()).output();
    done.map(|done| String::from_utf8_lossy(&done.stdout).trim().to_string()).unwrap_or_default()
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| Path::new(&dir).join(program).exists())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address").port()
}
