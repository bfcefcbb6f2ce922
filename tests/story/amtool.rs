//! `amtool` against us: alerts added and looked at, silences made, looked at and ended.

use std::process::Command;

use serde_json::Value;

use super::bell::{ADMIN_TOKEN, Bell, Home, LIMIT, mortal, run};
use super::town::Town;

/// `amtool …` against a server, with the token in the path.
async fn amtool(bell: &Bell, args: &[&str]) -> (i32, String, String) {
    let url = format!("--alertmanager.url=http://{}/integrations/alertmanager/t/{ADMIN_TOKEN}", bell.address());
    let mut command: Command = mortal("amtool");
    // Nothing of the machine's own configuration is read.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", "/nonexistent");
    command.arg(url).args(args);
    run(command).await
}

async fn told(bell: &Bell, args: &[&str]) -> String {
    let (code, out, err) = amtool(bell, args).await;
    assert_eq!(code, 0, "amtool {args:?}: {out}{err}");
    out
}

async fn json(bell: &Bell, args: &[&str]) -> Value {
    let args: Vec<&str> = ["-o", "json"].into_iter().chain(args.iter().copied()).collect();
    let out = told(bell, &args).await;
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

const YAML: &str = r#"
channels: { hook: { webhook: { secret: { env: HOOK_SECRET } } } }
people: [ { id: ann, contacts: { hook: "{hooks}/ann" } } ]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_added_and_silences_come_and_go() {
    let town = Town::start().await;
    let home = Home::written(&YAML.replace("{hooks}", town.hooks.base()), None);
    let bell = home.started().await;

    // A silence first: what it matches pages nobody.
    let add = ["silence", "add", "instance=~web-.*", "--comment=deploy", "--author=ann", "--duration=1h"];
    let id = told(&bell, &add).await.trim().to_owned();
    assert_eq!(id, "00000000-0000-4000-8000-000000000001");
    let silences = json(&bell, &["silence", "query"]).await;
    let first = &silences[0];
    assert_eq!((&first["createdBy"], &first["comment"]), (&"ann".into(), &"deploy".into()));
    assert_eq!(first["status"]["state"], "active");
    assert_eq!(first["matchers"][0]["isRegex"], true);
    assert!(told(&bell, &["silence", "query", "instance=db-1"]).await.lines().count() <= 1, "another instance");

    let fire = |instance: &'static str| {
        ["alert", "add", "alertname=DiskFull", "severity=critical", "--annotation=summary=Disk is full", instance]
    };
    told(&bell, &fire("instance=web-1")).await;
    told(&bell, &fire("instance=db-1")).await;
    let page = town.hook("the one that is not silenced", LIMIT, |got| got.kind() == "page").await;
    assert_eq!(page.body["alert"]["labels"]["instance"], "db-1");
    assert_eq!(page.body["alert"]["dedup_key"].as_str().map(str::len), Some("am:".len() + 16));

    let active = json(&bell, &["alert", "query"]).await;
    assert_eq!(active.as_array().map(Vec::len), Some(1), "silenced ones are left out: {active}");
    assert_eq!(active[0]["annotations"]["summary"], "Disk is full");
    assert_eq!(active[0]["status"]["state"], "active");
    let quiet = json(&bell, &["alert", "query", "--silenced"]).await;
    assert_eq!(
        (&quiet[0]["labels"]["instance"], &quiet[0]["status"]["state"]),
        (&"web-1".into(), &"suppressed".into())
    );
    assert_eq!(quiet[0]["status"]["silencedBy"][0], id.as_str());
    assert_eq!(json(&bell, &["alert", "query", "--silenced", "instance=db-1"]).await, Value::Array(Vec::new()));

    // It ends: what it kept quiet is paged.
    told(&bell, &["silence", "expire", &id]).await;
    let is_web = |got: &super::hooks::Got| got.kind() == "page" && got.body["alert"]["labels"]["instance"] == "web-1";
    town.hook("the silence ended", LIMIT, is_web).await;
    let over = json(&bell, &["silence", "query", "--expired"]).await;
    assert_eq!((&over[0]["id"], &over[0]["status"]["state"]), (&id.as_str().into(), &"expired".into()));
    told(&bell, &["silence", "expire", &id]).await;

    assert!(told(&bell, &["cluster", "show"]).await.contains("ready"));
    assert!(told(&bell, &["config", "show"]).await.contains("watchbell"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_given_another_end_and_imported_anew() {
    let town = Town::start().await;
    let home = Home::written(&YAML.replace("{hooks}", town.hooks.base()), None);
    let bell = home.started().await;
    let add = ["silence", "add", "alertname=Noise", "--comment=noise", "--author=ann", "--duration=1h"];
    let id = told(&bell, &add).await.trim().to_owned();
    let updated = told(&bell, &["silence", "update", "--duration=2h", "--comment=still", &id]).await;
    assert!(updated.contains("noise") || updated.contains(&id) || updated.contains("still"), "{updated}");
    let now = json(&bell, &["silence", "query"]).await;
    assert_eq!(now.as_array().map(Vec::len), Some(1), "one silence with another end: {now}");

    // A file from another Alertmanager holds ids that we do not know: `amtool` tries again without them.
    let file = home.dir().join("silences.json");
    let mut imported = now.clone();
    imported[0]["id"] = "e5a0b1c2-1111-4222-8333-444455556666".into();
    imported[0]["matchers"][0]["value"] = "OtherNoise".into();
    std::fs::write(&file, imported.to_string()).expect("a file");
    told(&bell, &["silence", "import", &file.display().to_string()]).await;
    let all = json(&bell, &["silence", "query"]).await;
    assert_eq!(all.as_array().map(Vec::len), Some(2), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_known_token_may_write() {
    let town = Town::start().await;
    let home = Home::written(&YAML.replace("{hooks}", town.hooks.base()), None);
    let bell = home.started().await;
    let base = format!("http://{}/integrations/alertmanager", bell.address());
    let body = r#"[{"labels":{"alertname":"x"}}]"#;
    let post = async |url: String, user: Option<(&str, &str)>| {
        let json = ("content-type", "application/json");
        let make = |client: &reqwest::Client, _: &str| {
            let request = client.post(&url).header(json.0, json.1).body(body);
            user.iter().fold(request, |r, (name, password)| r.basic_auth(name, Some(password)))
        };
        bell.send(make).await
    };
    assert_eq!(post(format!("{base}/api/v2/alerts"), None).await.status, 401);
    assert_eq!(post(format!("{base}/t/wrong/api/v2/alerts"), None).await.status, 401);
    let good = post(format!("{base}/api/v2/alerts"), Some(("prometheus", ADMIN_TOKEN))).await;
    assert_eq!((good.status, good.text.as_str()), (200, ""));
    // Reading needs no token here, because only this machine can ask.
    assert_eq!(bell.get("/integrations/alertmanager/api/v2/status").await.status, 200);
    assert_eq!(bell.get("/integrations/alertmanager/-/ready").await.text, "OK");
}
