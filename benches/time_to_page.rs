//! Time to page and cost: the real binary with 200 HTTP probes, each of which breaks once at a moment of
//! its own. Prints figures and their ratios to the targets of the design, section 9.
//!
//! `cargo bench --bench time_to_page` (about two minutes; bounded, loopback only)

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::routing::{get, post};

const PROBES: usize = 200;
/// The probes settle before anything is measured.
const WARM_UP: Duration = Duration::from_secs(12);
/// CPU is read over so long without a fault.
const QUIET: Duration = Duration::from_secs(30);
/// Every probe breaks once within this span, spread evenly with a step that is no part of `every`.
const FAULTS_OVER: Duration = Duration::from_secs(47);
/// A page later than this counts as lost.
const GIVE_UP: Duration = Duration::from_secs(20);

#[derive(Clone, Default)]
struct World(Arc<Mutex<Faults>>);

#[derive(Default)]
struct Faults {
    broken: BTreeMap<usize, Instant>,
    paged: BTreeMap<usize, Duration>,
    requests: u64,
}

impl World {
    fn with<T>(&self, f: impl FnOnce(&mut Faults) -> T) -> T {
        f(&mut self.0.lock().expect("nobody panics with the lock"))
    }
}

async fn target(State(world): State<World>, Segment(id): Segment<usize>) -> StatusCode {
    world.with(|w| {
        w.requests += 1;
        let ill = w.broken.contains_key(&id) && !w.paged.contains_key(&id);
        if ill { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    })
}

async fn hook(State(world): State<World>, body: axum::Json<serde_json::Value>) -> StatusCode {
    let now = Instant::now();
    let probe = body["alert"]["probe"].as_str().and_then(|p| p.strip_prefix('p')).and_then(|n| n.parse().ok());
    if let (Some("page"), Some(id)) = (body["type"].as_str(), probe) {
        world.with(|w| {
            if let Some(broken) = w.broken.get(&id).copied() {
                w.paged.entry(id).or_insert_with(|| now.duration_since(broken));
            }
        });
    }
    StatusCode::NO_CONTENT
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let world = World::default();
    let app = Router::new().route("/t/{id}", get(target)).route("/hook", post(hook)).with_state(world.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let here = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });

    let home = tempfile::tempdir().expect("a directory");
    write_configuration(home.path(), here);
    let mut server = Server::start(home.path());
    tokio::time::sleep(WARM_UP).await;

    let (cpu_before, runs_before) = (server.cpu(), world.with(|w| w.requests));
    tokio::time::sleep(QUIET).await;
    let (cpu, runs) = (server.cpu() - cpu_before, world.with(|w| w.requests) - runs_before);

    break_each_once(&world).await;
    let peak_mib = server.peak_mib();
    server.end();

    let mut times: Vec<f64> = world.with(|w| w.paged.values().map(Duration::as_secs_f64).collect());
    times.sort_by(f64::total_cmp);
    let at = |q: f64| times[((times.len() as f64 * q).ceil() as usize).clamp(1, times.len()) - 1];
    println!("{PROBES} HTTP probes, every 5s, down_after 2, confirm_after 250ms, fresh connections, SQLite");
    println!("{} of {PROBES} faults were paged; {runs} runs in {} s without a fault", times.len(), QUIET.as_secs());
    row("time to page p50, s", at(0.50), 3.0);
    row("time to page p99, s", at(0.99), 5.6);
    row("time to page max, s", at(1.0), 5.6);
    row("CPU per run, ms", cpu.as_secs_f64() * 1_000.0 / runs as f64, 0.2);
    row("peak memory, MiB", peak_mib, 40.0);
    assert_eq!(times.len(), PROBES, "a page was lost");
}

fn row(what: &str, figure: f64, target: f64) {
    println!("  {what:24} {figure:8.3}   target {target:6.2}   ratio {:.2}", figure / target);
}

async fn break_each_once(world: &World) {
    let step = FAULTS_OVER / PROBES as u32;
    for n in 0..PROBES {
        // A stride that shares no factor with the count visits every probe in no order of its phase.
        let id = (n * 73) % PROBES;
        world.with(|w| w.broken.insert(id, Instant::now()));
        tokio::time::sleep(step).await;
    }
    let end = Instant::now() + GIVE_UP;
    while world.with(|w| w.paged.len()) < PROBES && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn write_configuration(home: &Path, here: SocketAddr) {
    let mut text = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nchannels: {{ hook: {{ webhook: {{ secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw }} }} }}\n\
         people: [ {{ id: me, contacts: {{ hook: \"http://{here}/hook\" }} }} ]\n\
         defaults: {{ severity: critical, alert: {{ down_after: 2, confirm_after: 250ms }} }}\nprobes:\n"
    );
    for n in 0..PROBES {
        text.push_str(&format!("  - {{ id: p{n}, every: 5s, http: \"http://{here}/t/{n}\" }}\n"));
    }
    std::fs::write(home.join("watchbell.yaml"), text).expect("a file");
}

/// The binary under measurement, ended with the benchmark.
struct Server(Child);

impl Server {
    fn start(home: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchbell"));
        command.arg("run").arg("--config").arg(home).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the binary starts"))
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).expect("the process lives")
    }

    /// User and system time of all its threads.
    fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let after_name = stat.rsplit_once(')').expect("a name in parentheses").1;
        let fields: Vec<u64> = after_name.split_whitespace().skip(11).take(2).filter_map(|f| f.parse().ok()).collect();
        // Clock ticks are hundredths of a second on every Linux that we support.
        Duration::from_millis(fields.iter().sum::<u64>() * 10)
    }

    fn peak_mib(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1_024.0
    }

    fn end(&mut self) {
        // It has nothing to say that the figures need.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
