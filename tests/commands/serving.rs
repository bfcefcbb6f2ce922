//! Reloads, tokens, and how a server is reached.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::json;

use super::has;
use super::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_all_or_nothing() {
    let house = House::running().await;
    let same = house.run(&["reload"]).await.ok();
    assert!(same.ends_with(" was in force already\n"), "{same}");

    house.edit("people: [li.na]", "people: [wang.lei]");
    let refused = house.run(&["reload"]).await.fails(1);
    assert!(refused.contains("it would change who is on duty now"), "{refused}");
    assert!(
        refused.contains("primary: li.na → wang.lei\n") && refused.contains("- { person: li.na, from: "),
        "{refused}"
    );
    assert!(house.run(&["oncall"]).await.ok().contains("  primary: li.na "), "the old lines are in force");
    let taken = house.run(&["reload", "--accept-shift-change"]).await.ok();
    assert!(taken.contains(" is in force now\n") && taken.contains("primary: li.na → wang.lei"), "{taken}");
    assert!(house.run(&["oncall"]).await.ok().contains("  primary: wang.lei "));

    house.edit("policies:", "polices:");
    let url = format!("http://{}", house.listen);
    let token = house.run(&["tickets"]).await.fails(2);
    assert!(token.contains("unknown key `polices`") && token.contains("--server URL"), "{token}");
    house.edit("polices:", "policies:");
    let admin = house.run(&["token", "create", "ops", "--role", "admin", "--format", "json"]).await.json();
    house.edit("policies:", "polices:");
    let admin = admin["token"].as_str().expect("a token").to_owned();
    let broken = house.run_with(&["reload", "--server", &url], &[("WATCHBELL_TOKEN", &admin)]).await.fails(2);
    assert!(broken.contains("watchbell.yaml:") && broken.contains("did you mean `policies`"), "{broken}");
    house.edit("polices:", "policies:");
    let fine = house.run(&["reload", "--format", "json"]).await.json();
    has(&fine, "revision changed notes changes");
    assert_eq!(fine["changed"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_listed_and_revoked_without_a_token() {
    let house = House::running().await;
    assert_eq!(house.run(&["token", "list"]).await.ok(), "no tokens\n");
    let made = house.run(&["token", "create", "li.na"]).await.ok();
    let token = made.lines().next().expect("the token first").to_owned();
    assert!(token.starts_with("wb_") && made.contains("shown this once"), "{made}");
    assert!(house.run(&["token", "create", "li.na"]).await.fails(1).contains("a token named `li.na` already"));
    let viewer = house.run(&["token", "create", "wall", "--role", "viewer", "--format", "json"]).await.json();
    has(&viewer, "name role token");
    assert_eq!(viewer["role"], "viewer");
    let viewer = viewer["token"].as_str().expect("a token").to_owned();

    let as_token = async |token: &str, command: &[&str]| house.run_with(command, &[("WATCHBELL_TOKEN", token)]).await;
    let opened = as_token(&token, &["declare", "x"]).await.ok();
    assert!(opened.starts_with("INC-1 "), "{opened}");
    let taken = as_token(&token, &["ack", "INC-1", "--format", "json"]).await.json();
    assert_eq!(taken["acknowledged_by"], "li.na", "a token with a person's name acts as that person");
    assert!(as_token(&viewer, &["ack", "INC-1"]).await.fails(1).contains("has the role viewer"));
    assert!(as_token(&token, &["reload"]).await.fails(1).contains("needs admin"));
    let url = format!("http://{}", house.listen);
    let nobody = house.run(&["ack", "INC-1", "--server", &url]).await.fails(1);
    assert!(nobody.contains("set WATCHBELL_TOKEN"), "{nobody}");

    let list = house.run(&["token", "list"]).await.ok();
    assert!(list.contains("li.na (responder), last used ") && list.contains("wall (viewer), last used "), "{list}");
    let list = house.run(&["token", "list", "--format", "json"]).await;
    has(&list.json()["tokens"][0], "name role created_at last_used");
    assert!(!list.out.contains(&token) && !list.out.contains(&viewer), "no token is shown twice");
    assert_eq!(house.run(&["token", "revoke", "li.na"]).await.ok(), "li.na is revoked\n");
    let revoked = house.run(&["token", "revoke", "wall", "--format", "json"]).await.json();
    assert_eq!(revoked, json!({ "revoked": "wall" }));
    assert!(as_token(&token, &["ack", "INC-1"]).await.fails(1).contains("not known, or was revoked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named() {
    let house = House::empty().await;
    for command in [&["tickets"][..], &["ack", "INC-1"], &["reload"], &["token", "list"], &["test-page", "li.na"]] {
        let said = house.run(command).await.fails(1);
        assert!(said.contains(&house.listen.to_string()) && said.contains("watchbell run"), "{said}");
    }
    let said = house.run(&["oncall"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "the files say it as well: {said:?}");
}

/// The certificate is for a name; the command line comes by address, and knows the certificate.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_behind_tls_is_reached_on_its_own_machine() {
    let everywhere = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|l| l.local_addr()).expect("a free port");
    let mut house = House::at(everywhere, " tls: { cert: cert.pem, key: key.pem },").await;
    for (cert, key) in [("cert.pem", "key.pem"), ("other.pem", "other.key")] {
        let made = rcgen::generate_simple_self_signed(vec!["watch.example.com".into()]).expect("a certificate");
        house.write(cert, &made.cert.pem());
        house.write(key, &made.signing_key.serialize_pem());
    }
    let said = house.start().await;
    assert!(said.contains(&format!("is running on https://{everywhere}\n")), "{said}");
    assert_eq!(house.run(&["tickets"]).await.ok(), "no tickets\n", "the operator needs no token");
    assert!(house.run(&["oncall"]).await.ok().contains("(from the server)"));
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, everywhere.port()));
    let named = house.run(&["tickets", "--server", &format!("https://{here}")]).await.fails(1);
    assert!(named.contains("certificate"), "by another way nothing is taken on trust: {named}");

    let any = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().expect("a client");
    for (path, status) in [("/api/v1/tickets", 401), ("/metrics", 401), ("/healthz", 200), ("/status", 200)] {
        let answer = any.get(format!("https://{here}{path}")).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}: not on loopback, so that reading needs a token");
    }
    house.edit("cert: cert.pem, key: key.pem", "cert: other.pem, key: other.key");
    assert!(house.run(&["tickets"]).await.fails(1).contains("another certificate"), "somebody else on the port");
}
