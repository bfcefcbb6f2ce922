//! The binary under test: its configuration directory, its process, its API.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use watchbell::clock::Clock;

use super::town::{HOOK_SECRET, SMTP_PASSWORD, Town};

/// The bootstrap admin token of every server in these tests.
pub(super) const ADMIN_TOKEN: &str = "wb_admin_token_of_the_story_tests";

/// How long anything may take on a busy machine before it counts as not happening.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// What every command finds in its environment; nothing else of ours gets there but the path.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("PROBE_TOKEN", "probe-token-of-the-story"),
    ("PROBE_PASSWORD", "probe-password-of-the-story"),
    ("NIGHTLY_TOKEN", "nightly-token-of-the-story"),
    ("SMTP_PASSWORD", SMTP_PASSWORD),
    ("HOOK_SECRET", HOOK_SECRET),
    ("WATCHBELL_ADMIN_TOKEN", ADMIN_TOKEN),
];

/// A configuration directory of its own, and an address of its own to listen on.
pub(super) struct Home {
    root: TempDir,
    listen: SocketAddr,
    vars: Vec<String>,
    env: Vec<(String, String)>,
    through: Vec<String>,
    starts: AtomicU32,
}

impl Home {
    /// The shipped configuration, pointed at the town. Only the address and the store are written anew.
    pub(super) fn shipped(town: &Town, store: Option<&str>) -> Self {
        let mut home = Self::empty();
        watchbell::demo::write_shipped(&home.dir()).expect("the shipped files are written");
        home.vars = town.vars();
        let (listen, url) = (home.listen.to_string(), home.url());
        home.edit("watchbell.yaml", "listen: \"127.0.0.1:7247\"", &format!("listen: \"{listen}\""));
        home.edit("watchbell.yaml", "public_url: \"http://127.0.0.1:7247\"", &format!("public_url: \"{url}\""));
        if let Some(store) = store {
            home.env("STORE_URL", store);
            home.edit("watchbell.yaml", "\"sqlite://watchbell.db\"", "{ env: STORE_URL }");
        }
        home
    }

    /// One `watchbell.yaml` beside an address and a store; `{url}` in it is where the server will be.
    pub(super) fn written(yaml: &str, store: Option<&str>) -> Self {
        let mut home = Self::empty();
        let (listen, url) = (home.listen, home.url());
        let mut text = format!("server: {{ listen: \"{listen}\", public_url: \"{url}\" }}\n");
        if let Some(store) = store {
            home.env("STORE_URL", store);
            text.push_str("store: { env: STORE_URL }\n");
        }
        text.push_str(yaml);
        home.write("watchbell.yaml", &text);
        home
    }

    fn empty() -> Self {
        // A second call in the same process finds the first one's provider, which is the same.
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap_or_default();
        let root = tempfile::Builder::new().prefix("watchbell-story-").tempdir().expect("a temporary directory");
        for part in ["config", "log"] {
            std::fs::create_dir(root.path().join(part)).expect("a directory");
        }
        Self {
            root,
            listen: own_address(),
            vars: Vec::new(),
            env: Vec::new(),
            through: Vec::new(),
            starts: AtomicU32::new(0),
        }
    }

    /// The configuration directory.
    pub(super) fn dir(&self) -> PathBuf {
        self.root.path().join("config")
    }

    /// Where the server listens.
    pub(super) fn listen(&self) -> SocketAddr {
        self.listen
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Sets a variable of the environment, or another value for one.
    pub(super) fn env(&mut self, name: &str, value: &str) {
        self.env.push((name.into(), value.into()));
    }

    /// Every command is run through this one.
    pub(super) fn through(&mut self, words: &[&str]) {
        self.through = words.iter().map(|word| (*word).to_owned()).collect();
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.dir().join(path), text).expect("a file of the configuration");
    }

    /// Replaces what must stand in the file exactly once.
    pub(super) fn edit(&self, path: &str, from: &str, to: &str) {
        let old = std::fs::read_to_string(self.dir().join(path)).expect("a file of the configuration");
        assert_eq!(old.matches(from).count(), 1, "`{from}` stands once in {path}");
        self.write(path, &old.replace(from, to));
    }

    /// `watchbell COMMAND… --config DIR`, to be changed further or run.
    pub(super) fn command(&self, command: &[&str]) -> Command {
        let words: Vec<&str> =
            self.through.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_watchbell")]).collect();
        let mut out = mortal(words[0]);
        out.args(&words[1..]).args(command).arg("--config").arg(self.dir());
        self.vars.iter().for_each(|var| {
            out.args(["--var", var]);
        });
        out.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(ENVIRONMENT);
        out.envs(self.env.iter().map(|(name, value)| (name, value)));
        out.stdin(Stdio::null());
        out
    }

    /// Starts `run`; whether it gets anywhere is asked of the [`Bell`].
    pub(super) fn start(&self) -> Bell {
        let n = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let (out, log) = (self.log(n, "out"), self.log(n, "log"));
        let file = |path: &Path| File::create(path).expect("a log file");
        let mut command = self.command(&["run"]);
        command.env("WATCHBELL_LOG", "info").stdout(file(&out)).stderr(file(&log));
        let child = command.spawn().expect("the binary starts");
        Bell { child, base: self.url(), out, log, client: client() }
    }

    /// Starts `run` and waits until it is ready.
    pub(super) async fn started(&self) -> Bell {
        let mut bell = self.start();
        bell.ready().await;
        bell
    }

    fn log(&self, n: u32, what: &str) -> PathBuf {
        self.root.path().join("log").join(format!("{n}.{what}"))
    }
}

/// A server process; killed when dropped.
pub(super) struct Bell {
    child: Child,
    base: String,
    out: PathBuf,
    log: PathBuf,
    client: reqwest::Client,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.text))
    }
}

impl Bell {
    pub(super) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `/readyz` says so.
    pub(super) async fn ready(&mut self) {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                panic!("the server ended with {status} instead of being ready:\n{}", self.log());
            }
            if matches!(self.try_get("/readyz").await, Ok(reply) if reply.status == 200) {
                return;
            }
            assert!(Instant::now() < end, "the server does not get ready:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.unwrap_or_else(|e| panic!("GET {path}: {e}\n{}", self.log()))
    }

    /// The JSON of an answer that must be 200.
    pub(super) async fn json(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.text);
        reply.json()
    }

    pub(super) async fn try_get(&self, path: &str) -> Result<Reply, reqwest::Error> {
        read(self.client.get(self.at(path))).await
    }

    /// A POST with the admin token.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Reply {
        let request = self.client.post(self.at(path)).bearer_auth(ADMIN_TOKEN).json(body);
        read(request).await.unwrap_or_else(|e| panic!("POST {path}: {e}\n{}", self.log()))
    }

    /// A request of the caller's making.
    pub(super) async fn send(&self, make: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder) -> Reply {
        read(make(&self.client, &self.base)).await.unwrap_or_else(|e| panic!("{e}\n{}", self.log()))
    }

    /// The address of a path; one that is an address already stays as it is.
    fn at(&self, path: &str) -> String {
        if path.starts_with("http") { path.into() } else { format!("{}{path}", self.base) }
    }

    /// What it printed.
    pub(super) fn printed(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// What it logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal by name, such as `HUP`.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "the signal is sent");
    }

    /// SIGKILL, and gone.
    pub(super) fn kill(mut self) {
        self.end();
    }

    /// SIGTERM; its exit code, and how long it took.
    pub(super) async fn stop(mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.signal("TERM");
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return (status.code(), asked.elapsed());
            }
            assert!(asked.elapsed() < LIMIT, "the server does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn end(&mut self) {
        // It may have ended by itself, which is what is wanted.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the last lines of the server's log:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// A client that waits for no redirect and keeps no connection: servers come and go.
pub(super) fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.pool_max_idle_per_host(0).timeout(Duration::from_secs(10)).build().expect("a client")
}

pub(super) async fn read(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.send().await?;
    let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    Ok(Reply { status: response.status().as_u16(), kind, text: response.text().await? })
}

/// The time of day, as the server has it.
pub(super) fn now() -> Timestamp {
    Clock::system().now()
}

/// Waits until something that is asked again and again holds.
pub(super) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < end, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs a command to its end; one that does not end by itself is killed and fails the test.
pub(super) async fn run(mut command: Command) -> (i32, String, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let end = Instant::now() + LIMIT;
    while child.try_wait().expect("a child of ours").is_none() {
        if Instant::now() > end {
            child.kill().unwrap_or_default();
            panic!("the command does not end: {command:?}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let Output { status, stdout, stderr } = child.wait_with_output().expect("its words");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A command that the kernel kills when the test's thread ends, however that ends.
pub(super) fn mortal(program: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join("setpriv").exists()) {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]);
        return command;
    }
    Command::new(program) // its guard still kills it when the test fails
}

/// An address that nobody else uses, not even as the near end of a connection: those on loopback start from
/// 127.0.0.1. A server that is started again finds it free.
pub(super) fn own_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    loop {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = process.to_be_bytes();
        // The first part keeps the tests of one process apart, the others those of several processes.
        let ip = Ipv4Addr::new(127, 1 + u8::try_from(n % 250).expect("less than 250"), high, low.max(1));
        if let Ok(listener) = TcpListener::bind((ip, 7_247)) {
            return listener.local_addr().expect("a bound address");
        }
    }
}
