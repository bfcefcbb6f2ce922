//! Commands that cannot do what they are asked: what is wrong, where, what to do, and the exit code.

use std::net::TcpListener;
use std::process::Command;

use super::bell::{Home, run};
use super::town::Town;
use crate::postgres;

/// Runs it to its end: the exit code must be this, and what it says must hold these parts. What it printed
/// on standard output.
async fn says(command: Command, code: i32, parts: &[&str]) -> String {
    let shown = format!("{:?}", command.get_args().collect::<Vec<_>>());
    let (found, out, err) = run(command).await;
    let said = format!("{out}{err}");
    assert_eq!(found, code, "{shown}: {said}");
    for part in parts {
        assert!(said.contains(part), "{shown}: `{part}` is missing in {said}");
    }
    for secret in [postgres::PASSWORD, "-of-the-story", "story_tests"] {
        assert!(!said.contains(secret), "{shown} shows a secret: {said}");
    }
    out
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    let _other = TcpListener::bind(home.listen()).expect("the address is free");
    says(home.command(&["run"]), 1, &[&home.listen().to_string(), "another program has this port"]).await;
}

#[tokio::test]
async fn a_store_has_one_process() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    let bell = home.started().await;
    let database = home.dir().join("watchbell.db");
    let second = Home::shipped(&town, None);
    second.edit("watchbell.yaml", "sqlite://watchbell.db", &format!("sqlite://{}", database.display()));
    let pid = format!("pid {}", bell.pid());
    says(second.command(&["run"]), 1, &[&database.display().to_string(), &pid, "stop that one first"]).await;
    assert_eq!(bell.get("/readyz").await.status, 200, "the first goes on");
}

#[tokio::test]
async fn a_database_server_that_does_not_answer_is_named_without_its_password() {
    let town = Town::start().await;
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port that is free again");
    let url = format!("postgres://watchbell:{}@{closed}/watchbell", postgres::PASSWORD);
    let home = Home::shipped(&town, Some(&url));
    says(home.command(&["run"]), 1, &[&closed.to_string(), "cannot be reached", "check that the server runs"]).await;
}

#[tokio::test]
async fn a_wrong_password_of_a_database_is_said_and_not_shown() {
    let town = Town::start().await;
    let wrong = postgres::fresh_database().await.replace(postgres::PASSWORD, "wrong-password-of-the-story");
    let home = Home::shipped(&town, Some(&wrong));
    says(home.command(&["run"]), 1, &["refused the sign-in", "check user and password"]).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_stays_as_it_is() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    home.write("watchbell.db", "a shopping list, not a database");
    says(home.command(&["run"]), 1, &["watchbell.db is not an SQLite database", "point `store:` at another file"])
        .await;
    let kept = std::fs::read_to_string(home.dir().join("watchbell.db")).expect("it is still there");
    assert_eq!(kept, "a shopping list, not a database");
}

#[tokio::test]
async fn mistakes_in_yaml_have_their_place_and_all_come_at_once() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    home.edit("probes/login.yaml", "    runbook: runbooks/login.md", "    runbok: runbooks/login.md");
    home.edit("alerts/routing.yaml", "repeat: 2 ", "repeat: often ");
    let places = ["probes/login.yaml:19:5", "`runbok`", "runbook", "alerts/routing.yaml:9:13", "2 mistakes"];
    for command in ["check", "run"] {
        says(home.command(&[command]), 2, &places).await;
    }
    let json = says(home.command(&["check", "--format", "json"]), 2, &[]).await;
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON alone");
    assert_eq!((&report["ok"], report["errors"].as_array().map(Vec::len)), (&false.into(), Some(2)), "{report}");
    let unknown = report["errors"].as_array().expect("a list").iter().find(|e| e["file"] == "probes/login.yaml");
    assert_eq!(
        (&unknown.expect("one of the login")["line"], &unknown.expect("the same")["column"]),
        (&19.into(), &5.into())
    );
}

#[tokio::test]
async fn a_missing_secret_stops_a_start_and_warns_a_check() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    let without = |command: &[&str]| {
        let mut command = home.command(command);
        command.env_remove("HOOK_SECRET");
        command
    };
    let file = std::fs::read_to_string(home.dir().join("watchbell.yaml")).expect("a shipped file");
    let line = file.lines().position(|l| l.contains("HOOK_SECRET")).expect("a secret of the example") + 1;
    let place = format!("watchbell.yaml:{line}:31");
    says(without(&["run"]), 2, &["HOOK_SECRET", &place]).await;
    says(without(&["check"]), 0, &["warning", "HOOK_SECRET", &place]).await;
    says(without(&["check", "--secrets"]), 2, &["error", "HOOK_SECRET"]).await;
    says(home.command(&["check", "--secrets"]), 0, &["ok"]).await;
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    // Rights do not keep root from reading; a link to nowhere stops everybody.
    std::os::unix::fs::symlink("/nowhere/at/all", home.dir().join("probes/gone.yaml")).expect("a link");
    std::fs::write(home.dir().join("probes/binary.yaml"), [0xff, 0xfe, 0x00, 0x61]).expect("a file");
    for command in ["check", "run"] {
        says(home.command(&[command]), 2, &["probes/gone.yaml", "probes/binary.yaml"]).await;
    }
    let nowhere = Home::shipped(&town, None);
    std::fs::remove_dir_all(nowhere.dir()).expect("it was there");
    says(nowhere.command(&["run"]), 2, &[&nowhere.dir().display().to_string()]).await;
}

#[tokio::test]
async fn flags_that_make_no_sense_are_the_operators_to_mend() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    says(home.command(&["run", "--var", "expense_api"]), 2, &["--var expense_api", "--var name=value"]).await;
    says(home.command(&["check", "--var", "expense_apy=http://x"]), 2, &["expense_apy", "expense_api"]).await;
    says(home.command(&["probe", "invoice-verifi"]), 2, &["invoice-verifi", "invoice-verify"]).await;
    says(home.command(&["run", "--colour"]), 2, &["--colour"]).await;
    says(home.command(&["dance"]), 2, &["dance"]).await;
    says(home.command(&["run", "--format", "xml"]), 2, &["xml", "json"]).await;
}

#[tokio::test]
async fn a_probe_that_finds_its_target_down_says_so() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    says(home.command(&["probe", "invoice-verify"]), 0, &["invoice-verify: up"]).await;
    town.target.fail("/v1/invoices/verify");
    let json = says(home.command(&["probe", "invoice-verify", "--format", "json"]), 1, &[]).await;
    let found: serde_json::Value = serde_json::from_str(&json).expect("JSON alone");
    assert_eq!((&found["outcome"], &found["kind"]), (&"down".into(), &"status".into()));
}
