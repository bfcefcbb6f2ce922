//! A real Prometheus posts its alerts straight to us: a rule fires, somebody is paged; it is over, and they hear.

use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::bell::{ADMIN_TOKEN, Bell, Home, LIMIT, mortal, until};
use super::town::Town;

/// A service with one number that a rule looks at.
#[derive(Clone, Default)]
struct Gauge(Arc<AtomicBool>);

impl Gauge {
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound").to_string();
        let gauge = self.clone();
        let show = move || async move { format!("queue_is_stuck {}\n", u8::from(gauge.0.load(Ordering::Relaxed))) };
        let app = Router::new().route("/metrics", get(show));
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    fn set(&self, stuck: bool) {
        self.0.store(stuck, Ordering::Relaxed);
    }
}

/// The process; ended with the test.
struct Prometheus {
    child: Child,
    _home: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

const RULES: &str = r#"
groups:
  - name: queue
    rules:
      - alert: QueueStuck
        expr: queue_is_stuck == 1
        labels: { severity: critical, service: payout }
        annotations:
          summary: "The payout queue is stuck"
          description: "Nothing has left {{ $labels.instance }} for {{ $value }} minutes"
          runbook_url: "https://runbooks.example/queue"
"#;

impl Prometheus {
    /// `connect` is how it finds us, below `alerting.alertmanagers`.
    fn start(watched: &str, connect: &str) -> Self {
        let home = tempfile::Builder::new().prefix("watchbell-prometheus-").tempdir().expect("a directory");
        let config = format!(
            "global: {{ scrape_interval: 200ms, evaluation_interval: 200ms }}\nrule_files: [ rules.yml ]\n\
             scrape_configs: [ {{ job_name: payout, static_configs: [ {{ targets: [ \"{watched}\" ] }} ] }} ]\n\
             alerting:\n  alertmanagers:\n{connect}\n"
        );
        std::fs::write(home.path().join("prometheus.yml"), config).expect("a file");
        std::fs::write(home.path().join("rules.yml"), RULES).expect("a file");
        let mut command = mortal("prometheus");
        command.arg("--config.file").arg(home.path().join("prometheus.yml"));
        command.arg("--storage.tsdb.path").arg(home.path().join("data"));
        // Each repeat is a re-send; the port is the kernel's choice, and nobody asks it.
        command.args(["--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=500ms", "--log.level=warn"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { child: child.expect("`make packages` installs prometheus"), _home: home }
    }
}

const YAML: &str = r#"
channels: { hook: { webhook: { secret: { env: HOOK_SECRET } } } }
people: [ { id: ann, contacts: { hook: "{hooks}/ann" } } ]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_pages_with_a_token_in_a_header() {
    let connect = |bell: &Bell| {
        format!(
            "    - {{ static_configs: [ {{ targets: [ \"{}\" ] }} ], path_prefix: /integrations/alertmanager, \
             authorization: {{ credentials: {ADMIN_TOKEN} }} }}",
            bell.address()
        )
    };
    fires_and_resolves(connect).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_pages_with_a_token_in_the_path() {
    let connect = |bell: &Bell| {
        format!(
            "    - {{ static_configs: [ {{ targets: [ \"{}\" ] }} ], path_prefix: /integrations/alertmanager/t/{ADMIN_TOKEN} }}",
            bell.address()
        )
    };
    fires_and_resolves(connect).await;
}

async fn fires_and_resolves(connect: impl Fn(&Bell) -> String) {
    let (town, gauge) = (Town::start().await, Gauge::default());
    let home = Home::written(&YAML.replace("{hooks}", town.hooks.base()), None);
    let bell = home.started().await;
    let watched = gauge.serve().await;
    let _prometheus = Prometheus::start(&watched, &connect(&bell));
    gauge.set(true);

    let page = town.hook("the rule fires", LIMIT, |got| got.kind() == "page").await;
    assert_eq!(page.body["ticket"]["title"], "The payout queue is stuck");
    assert_eq!(page.body["alert"]["labels"]["service"], "payout");
    let ticket = bell.json(&format!("/api/v1/tickets/{}", page.ticket())).await;
    let alert = &ticket["alerts"][0];
    assert_eq!((&ticket["priority"], &ticket["service"]), (&"P1".into(), &"payout".into()));
    assert_eq!(alert["annotations"]["runbook_url"], "https://runbooks.example/queue");
    assert!(alert["link"].as_str().is_some_and(|link| link.contains("/graph")), "{alert}");
    assert!(alert["summary"].as_str().is_some_and(|s| s.starts_with("Nothing has left ")), "{alert}");

    repeats_are_no_news(&bell, page.ticket()).await;

    gauge.set(false);
    town.hook("the rule is over", LIMIT, |got| got.kind() == "page.resolved").await;
    let ticket = bell.json(&format!("/api/v1/tickets/{}", page.ticket())).await;
    assert_eq!((&ticket["state"], &ticket["resolved_as"]), (&"resolved".into(), &"self_recovered".into()));
    let live = bell.json("/integrations/alertmanager/api/v2/alerts").await;
    assert_eq!(live, Value::Array(Vec::new()));
}

/// Prometheus says it again and again; the ticket's story has one line of it.
async fn repeats_are_no_news(bell: &Bell, ticket: &str) {
    let said = async || {
        let live = bell.json("/integrations/alertmanager/api/v2/alerts").await;
        live[0]["updatedAt"].as_str().map(str::to_owned)
    };
    let story = async || {
        let timeline = bell.json(&format!("/api/v1/tickets/{ticket}/timeline")).await;
        let entries = timeline["timeline"].as_array().cloned().unwrap_or_default();
        entries.iter().filter(|e| e["kind"].as_str().is_some_and(|kind| kind.starts_with("alert_"))).count()
    };
    let mut last = said().await;
    for _ in 0..3 {
        last = until("it is said again", async || said().await.filter(|now| Some(now) != last.as_ref())).await.into();
    }
    assert_eq!(story().await, 0, "nothing but the opening");
}
