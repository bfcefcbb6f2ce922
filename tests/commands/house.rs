//! A configuration directory, the server on it, and the commands that ask it.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take on a busy machine before it counts as not happening.
const LIMIT: Duration = Duration::from_secs(60);

/// The configuration; a heartbeat is the quietest probe there is.
const YAML: &str = r#"
server: { listen: "LISTEN", public_url: "https://watch.example.com" }
defaults: { time_zone: Asia/Shanghai }
channels: { hook: { webhook: { secret: { file: secret } } } }
people:
  - { id: li.na, name: 李娜, contacts: { hook: "HOOKS/taken" } }
  - { id: wang.lei, name: 王磊, contacts: { hook: "HOOKS/refused" } }
rotations: [ { id: primary, people: [li.na], turn: weekly mon 09:00 since 2026-01-05 } ]
policies:
  - { id: all, steps: [ { page: primary }, { page: wang.lei } ], ack_timeout: 1h, catch_all: { person: li.na } }
probes: [ { id: nightly, heartbeat: { every: 24h, token: { file: beat } } } ]
"#;

/// Signs webhooks: `watchbell-commands-0001` in base64.
const SECRET: &str = "whsec_d2F0Y2hiZWxsLWNvbW1hbmRzLTAwMDE=";

/// The heartbeat's token.
const BEAT: &str = "the-beat-of-the-commands";

/// What a command did.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Done {
    /// What it printed, where it ended well.
    #[track_caller]
    pub(super) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// What it said is wrong, where it ended with this code.
    #[track_caller]
    pub(super) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.err.is_empty(), "it says why: {self:?}");
        self.err
    }

    /// The JSON alone that it printed.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// A configuration directory, and the server on it while there is one.
pub(super) struct House {
    dir: TempDir,
    pub(super) listen: SocketAddr,
    server: Option<Child>,
}

impl House {
    /// On loopback, with nobody running.
    pub(super) async fn empty() -> Self {
        Self::at(own_address(), "").await
    }

    /// On loopback, and running.
    pub(super) async fn running() -> Self {
        let mut house = Self::empty().await;
        house.start().await;
        house
    }

    /// With further lines of YAML, not running.
    pub(super) async fn at(listen: SocketAddr, more: &str) -> Self {
        // A second call in the same process finds the first one's provider, which is the same.
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap_or_default();
        let hooks = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let base = format!("http://{}", hooks.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(hooks, Router::new().route("/{what}", post(answer))).await });
        let dir = tempfile::Builder::new().prefix("watchbell-commands-").tempdir().expect("a temporary directory");
        let house = Self { dir, listen, server: None };
        for (name, text) in [("secret", SECRET), ("beat", BEAT)] {
            house.write(name, text);
            let own = Permissions::from_mode(0o600);
            std::fs::set_permissions(house.path(name), own).expect("a file of ours");
        }
        house
            .write("watchbell.yaml", &YAML.replace("LISTEN\",", &format!("{listen}\",{more}")).replace("HOOKS", &base));
        house
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    /// Replaces what must stand in the configuration exactly once.
    pub(super) fn edit(&self, from: &str, to: &str) {
        let old = std::fs::read_to_string(self.path("watchbell.yaml")).expect("the configuration");
        assert_eq!(old.matches(from).count(), 1, "`{from}` stands once in {old}");
        self.write("watchbell.yaml", &old.replace(from, to));
    }

    /// Starts the server, and waits until it says where it is running; what it said.
    pub(super) async fn start(&mut self) -> String {
        let out = std::fs::File::create(self.path("out")).expect("a file");
        let log = std::fs::File::create(self.path("log")).expect("a file");
        self.server = Some(self.command(&["run"]).stdout(out).stderr(log).spawn().expect("the binary starts"));
        let end = Instant::now() + LIMIT;
        loop {
            let said = std::fs::read_to_string(self.path("out")).unwrap_or_default();
            if said.contains("last test page") {
                return said;
            }
            let ended = self.server.as_mut().is_some_and(|s| !matches!(s.try_wait(), Ok(None)));
            let log = || std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(!ended && Instant::now() < end, "the server does not start: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `watchbell COMMAND…` on this directory, to its end.
    pub(super) async fn run(&self, command: &[&str]) -> Done {
        self.run_with(command, &[]).await
    }

    /// With variables in the environment.
    pub(super) async fn run_with(&self, command: &[&str], env: &[(&str, &str)]) -> Done {
        let mut command = self.command(command);
        command.envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ended = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
        let ended = ended.expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Done { code: ended.status.code().unwrap_or(-1), out: text(ended.stdout), err: text(ended.stderr) }
    }

    fn command(&self, command: &[&str]) -> Command {
        let mut out = Command::new(env!("CARGO_BIN_EXE_watchbell"));
        out.args(command).arg("--config").arg(self.dir.path()).stdin(Stdio::null());
        out.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        out
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // It may have ended by itself.
            server.kill().unwrap_or_default();
            server.wait().map(drop).unwrap_or_default();
        }
    }
}

/// A phone that takes what is sent to `/taken`, and refuses the rest for good.
async fn answer(Path(what): Path<String>) -> StatusCode {
    if what == "taken" { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// An address on loopback that no other test has, not even as the near end of a connection.
fn own_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    loop {
        let last = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::new(127, 251, high ^ low, last), 7_248)) {
            return listener.local_addr().expect("a bound address");
        }
    }
}
