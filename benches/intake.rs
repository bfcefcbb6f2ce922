//! Ten thousand distinct firing alerts at once: the real binary on SQLite and on a throw-away PostgreSQL, beside
//! Debian's Alertmanager with the same 50 groups, in one run. Prints when all were accepted, when the first page
//! and when all groups had arrived, and the ratios to the targets of the design, section 9.
//!
//! `cargo bench --bench intake` (about two minutes; bounded, loopback only; needs the packages of `make packages`)

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};

#[path = "../tests/support/postgres.rs"]
mod postgres;

const ALERTS: usize = 10_000;
const GROUPS: usize = 50;
const TOKEN: &str = "wb_admin_token_of_the_intake_bench";
/// A group that has not arrived by then counts as lost.
const GIVE_UP: Duration = Duration::from_secs(60);
/// What the design asks for, seconds: accepted, first page, all groups paged.
const TARGETS: [f64; 3] = [0.5, 1.0, 1.5];

/// How the alerts are posted: so many in one request, so many requests side by side.
const SHAPES: [(usize, usize); 3] = [(ALERTS, 1), (256, 8), (64, 16)];

/// Requests that were answered 503 and sent again.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

/// The phone, and the groups that it has heard of.
#[derive(Clone, Default)]
struct Phone(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    groups: BTreeSet<String>,
    first: Option<Instant>,
    all: Option<Instant>,
}

impl Phone {
    fn with<T>(&self, f: impl FnOnce(&mut Heard) -> T) -> T {
        f(&mut self.0.lock().expect("nobody panics with the lock"))
    }

    fn hears(&self, group: &str) {
        let now = Instant::now();
        self.with(|heard| {
            heard.groups.insert(group.to_owned());
            heard.first.get_or_insert(now);
            if heard.groups.len() == GROUPS {
                heard.all.get_or_insert(now);
            }
        });
    }
}

/// Our webhook says the alert, Alertmanager's the labels of the group.
async fn hook(State(phone): State<Phone>, body: axum::Json<Value>) -> StatusCode {
    let ours = body.pointer("/alert/labels/group").filter(|_| body["type"] == "page");
    if let Some(group) = ours.or(body.pointer("/groupLabels/group")).and_then(Value::as_str) {
        phone.hears(group);
    }
    StatusCode::NO_CONTENT
}

fn main() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("the first");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    println!("{ALERTS} distinct firing alerts in {GROUPS} groups, all figures in seconds from the first request");
    for shape in SHAPES {
        let (at_once, side_by_side) = shape;
        println!("\n{at_once} alerts a request, {side_by_side} requests side by side");
        let sqlite = watchbell(None, shape).await;
        row("watchbell, SQLite", sqlite);
        let url = postgres::fresh_database().await;
        row("watchbell, PostgreSQL", watchbell(Some(&url), shape).await);
        let peer = alertmanager(shape).await;
        row("Alertmanager (Debian)", peer);
        let ratio = |n: usize| sqlite[n] / peer[n];
        println!("  {:24} {:8.2} {:8.2} {:8.2}", "SQLite to Alertmanager", ratio(0), ratio(1), ratio(2));
    }
}

fn row(what: &str, figures: [f64; 3]) {
    let [accepted, first, all] = figures;
    let ratio = |n: usize| figures[n] / TARGETS[n];
    println!(
        "  {what:24} accepted {accepted:6.3} ({:.2} of target)   first page {first:6.3} ({:.2})   all groups {all:6.3} ({:.2})",
        ratio(0),
        ratio(1),
        ratio(2)
    );
    let refused = REFUSED.swap(0, Ordering::Relaxed);
    if refused > 0 {
        println!("  {:24} {refused} requests were answered 503 and sent again", "");
    }
}

async fn phone() -> (Phone, SocketAddr) {
    let phone = Phone::default();
    let app = Router::new().route("/hook", post(hook)).with_state(phone.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let here = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (phone, here)
}

async fn watchbell(store: Option<&str>, shape: (usize, usize)) -> [f64; 3] {
    let (phone, here) = phone().await;
    let home = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let store = store.map_or_else(String::new, |url| format!("store: \"{url}\"\n"));
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:{port}\" }}\n{store}\
         channels: {{ hook: {{ webhook: {{ secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw }} }} }}\n\
         people: [ {{ id: me, contacts: {{ hook: \"http://{here}/hook\" }} }} ]\n\
         policies: [ {{ id: all, steps: [ {{ page: me }} ] }} ]\n\
         routes: [ {{ policy: all, group_by: [ group ] }} ]\n"
    );
    std::fs::write(home.path().join("watchbell.yaml"), yaml).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchbell"));
    command.arg("run").arg("--config").arg(home.path()).env("WATCHBELL_ADMIN_TOKEN", TOKEN);
    let _server = Ended::start(command);
    let base = format!("http://127.0.0.1:{port}");
    ready(&format!("{base}/readyz")).await;
    storm(&format!("{base}/integrations/alertmanager"), shape, &phone).await
}

async fn alertmanager(shape: (usize, usize)) -> [f64; 3] {
    let (phone, here) = phone().await;
    let home = tempfile::tempdir().expect("a directory");
    let (port, config) = (free_port(), home.path().join("alertmanager.yml"));
    // As quick as it can be set: it groups for a moment, or not at all.
    let yaml = format!(
        "route: {{ receiver: hook, group_by: [ group ], group_wait: 0s, group_interval: 1s }}\n\
         receivers: [ {{ name: hook, webhook_configs: [ {{ url: \"http://{here}/hook\" }} ] }} ]\n"
    );
    std::fs::write(&config, yaml).expect("a file");
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(argument("config.file", &config)).arg(argument("storage.path", &home.path().join("data")));
    command.args([format!("--web.listen-address=127.0.0.1:{port}"), "--cluster.listen-address=".into()]);
    let _server = Ended::start(command);
    let base = format!("http://127.0.0.1:{port}");
    ready(&format!("{base}/-/ready")).await;
    storm(&base, shape, &phone).await
}

fn argument(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Posts everything; when it was accepted, when the first page came, and when every group had one.
async fn storm(base: &str, (at_once, side_by_side): (usize, usize), phone: &Phone) -> [f64; 3] {
    let bodies: Vec<String> = alerts().chunks(at_once).map(|chunk| Value::from(chunk).to_string()).collect();
    let bodies = Arc::new(Mutex::new(bodies));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("{base}/api/v2/alerts");
    let start = Instant::now();
    let senders: Vec<_> = (0..side_by_side)
        .map(|_| {
            let (bodies, client, url) = (Arc::clone(&bodies), client.clone(), url.clone());
            tokio::spawn(async move {
                while let Some(body) = { bodies.lock().expect("nobody panics with the lock").pop() } {
                    let request = client.post(&url).bearer_auth(TOKEN).header("content-type", "application/json");
                    let answer = request.body(body.clone()).send().await.expect("an answer");
                    if answer.status() == 503 {
                        // Not durable within two seconds: what a debug build on a busy machine says. Said again.
                        REFUSED.fetch_add(1, Ordering::Relaxed);
                        bodies.lock().expect("nobody panics with the lock").push(body);
                        continue;
                    }
                    assert!(answer.status().is_success(), "{}", answer.status());
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("a sender ends");
    }
    let accepted = start.elapsed().as_secs_f64();
    while phone.with(|heard| heard.all.is_none()) && start.elapsed() < GIVE_UP {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let since = |at: Option<Instant>| at.map(|at| at.duration_since(start).as_secs_f64());
    let (first, all) = phone.with(|heard| (since(heard.first), since(heard.all)));
    [accepted, first.expect("a page came"), all.expect("every group was paged")]
}

fn alerts() -> Vec<Value> {
    let one = |n: usize| {
        let group = n % GROUPS;
        json!({
            "labels": {
                "alertname": "PodCrashLooping", "severity": "critical", "group": format!("group-{group}"),
                "service": format!("service-{group}"), "namespace": "expense", "cluster": "east-1",
                "pod": format!("expense-api-{n:05}"), "instance": format!("10.0.{}.{}:9100", n / 250, n % 250),
            },
            "annotations": {
                "summary": format!("Pod expense-api-{n:05} restarts again and again"),
                "description": "It was restarted 7 times within the last 10 minutes",
                "runbook_url": "https://runbooks.example/pod-crash-looping",
            },
            "generatorURL": "http://prometheus.example/graph?g0.expr=rate",
        })
    };
    (0..ALERTS).map(one).collect()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

async fn ready(url: &str) {
    let end = Instant::now() + GIVE_UP;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    while !client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        assert!(Instant::now() < end, "{url} does not get ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A process that ends with the measurement.
struct Ended(Child);

impl Ended {
    fn start(mut command: Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.expect("the program starts (make packages)"))
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
