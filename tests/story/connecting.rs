//! Every example of `docs/connecting.md`: configurations are checked by those that read them, bodies are posted.

use std::path::Path;

use serde_json::Value;

use super::bell::{ADMIN_TOKEN, Bell, Home, LIMIT, mortal, run};
use super::town::Town;

const GUIDE: &str = include_str!("../../docs/connecting.md");

const KEY: &str = "00112233445566778899aabbccddeeff";

/// The fenced blocks of a language, in order.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = GUIDE.split(fence.as_str()).skip(1);
    parts.map(|part| part.split("```").next().expect("a block ends").to_owned()).collect()
}

/// The blocks whose first line names this file.
fn files(name: &str) -> Vec<String> {
    let head = format!("# {name}\n");
    blocks("yaml").into_iter().filter(|block| block.starts_with(&head)).collect()
}

/// What stands around the sections of the guide.
fn around(town: &Town) -> String {
    let hooks = town.hooks.base();
    format!(
        "channels: {{ hook: {{ webhook: {{ secret: {{ env: HOOK_SECRET }} }} }} }}\n\
         people: [ {{ id: ann, contacts: {{ hook: \"{hooks}/ann\" }} }} ]\n"
    )
}

fn home(yaml: &str) -> Home {
    let mut home = Home::written(yaml, None);
    home.env("GATUS_KEY", KEY);
    home.env("GRAFANA_KEY", &KEY.chars().rev().collect::<String>());
    home.env("PROMETHEUS_ALIVE_TOKEN", "alive-token-of-the-guide");
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_sections_are_accepted() {
    let town = Town::start().await;
    let sections = files("watchbell.yaml");
    assert_eq!(sections.len(), 3, "the guide shows three");
    for section in sections {
        let (code, out, err) = run(home(&format!("{}{section}", around(&town))).command(&["check", "--secrets"])).await;
        assert_eq!(code, 0, "{section}\n{out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn theirs_are_accepted_by_their_own_programs() {
    let dir = tempfile::tempdir().expect("a directory");
    let token = dir.path().join("watchbell.token");
    std::fs::write(&token, ADMIN_TOKEN).expect("a file");
    for (file, at, program, args) in [
        ("prometheus.yml", "/etc/prometheus/watchbell.token", "promtool", vec!["check", "config"]),
        ("alertmanager.yml", "/etc/alertmanager/watchbell.token", "amtool", vec!["check-config"]),
    ] {
        let written = files(file);
        assert_eq!(written.len(), 1, "the guide shows one {file}");
        let path = dir.path().join(file);
        std::fs::write(&path, written[0].replace(at, &token.display().to_string())).expect("a file");
        let mut command = mortal(program);
        command.args(args).arg(&path).env("HOME", "/nonexistent");
        let (code, out, err) = run(command).await;
        assert_eq!(code, 0, "{program}: {out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_does_what_the_guide_says() {
    let town = Town::start().await;
    let section = files("watchbell.yaml").into_iter().find(|s| s.contains("pagerduty")).expect("a section");
    let home = home(&format!("{}{section}", around(&town)));
    let bell = home.started().await;
    let bodies = blocks("json");
    assert_eq!(bodies.len(), 5, "the guide shows five");
    let ticket = async |key: &str| {
        let all = bell.json("/api/v1/tickets?state=all").await;
        let tickets = all["tickets"].as_array().expect("a list").clone();
        let found = tickets.into_iter().find(|t| t["alerts"][0]["dedup_key"] == key);
        found.unwrap_or_else(|| panic!("no ticket of {key}: {all}"))
    };
    for (body, state) in bodies[..3].iter().zip(["triggered", "acknowledged", "resolved"]) {
        let body: Value = serde_json::from_str(&body.replace("<GATUS_KEY>", KEY)).expect("JSON");
        let reply = bell.post("/integrations/pagerduty/v2/enqueue", &body).await;
        assert_eq!((reply.status, &reply.json()["dedup_key"]), (202, &"shop-1".into()), "{}", reply.text);
        assert_eq!(ticket("pd:gatus:shop-1").await["state"], state);
    }
    let page = town.hook("a page for the shop", LIMIT, |got| got.kind() == "page").await;
    assert_eq!(page.body["alert"]["labels"]["service"], "shop");
    assert_eq!(ticket("pd:gatus:shop-1").await["acknowledged_by"], "gatus");

    signals(&bell, &bodies[3..]).await;
    assert_eq!(ticket("api:nightly-export").await["priority"], "P2");
    assert_eq!(ticket("api:queue-1").await["priority"], "P3");
}

/// The examples for scripts, each sent twice with one key: a repeat gets the first answer.
async fn signals(bell: &Bell, bodies: &[String]) {
    for (n, body) in bodies.iter().enumerate() {
        let send = async || {
            let make = |client: &reqwest::Client, base: &str| {
                let request = client.post(format!("{base}/api/v1/signals")).bearer_auth(ADMIN_TOKEN);
                let request = request.header("idempotency-key", format!("run-{n}"));
                request.header("content-type", "application/json").body(body.clone())
            };
            bell.send(make).await
        };
        let (first, again) = (send().await, send().await);
        assert_eq!(first.status, 202, "{}", first.text);
        assert_eq!(first.text, again.text);
    }
}

#[test]
fn the_guide_is_linked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the readme");
    assert!(readme.contains("docs/connecting.md"), "README.md leads to the guide");
}
