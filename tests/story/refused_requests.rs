//! Requests that cannot be served: a problem document that says what and why, and nothing lost.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::bell::{ADMIN_TOKEN, Bell, Home, LIMIT};
use super::town::Town;

/// Whose token a request carries.
#[derive(Clone, Copy)]
enum As<'a> {
    Nobody,
    Admin,
    Holder(&'a str),
}

struct Case<'a> {
    ask: (Method, &'a str),
    by: As<'a>,
    kind: Option<&'a str>,
    body: String,
    status: u16,
    /// The end of the problem's `type`.
    slug: &'a str,
}

impl<'a> Case<'a> {
    fn new(method: Method, path: &'a str, by: As<'a>, status: u16, slug: &'a str) -> Self {
        Self { ask: (method, path), by, kind: None, body: String::new(), status, slug }
    }

    fn json(self, body: impl Into<String>) -> Self {
        Self { kind: Some("application/json"), body: body.into(), ..self }
    }

    fn request(&self, client: &Client, base: &str) -> RequestBuilder {
        let request = client.request(self.ask.0.clone(), format!("{base}{}", self.ask.1)).body(self.body.clone());
        let request = match self.by {
            As::Nobody => request,
            As::Admin => request.bearer_auth(ADMIN_TOKEN),
            As::Holder(token) => request.bearer_auth(token),
        };
        match self.kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document_and_changes_nothing() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    let bell = home.started().await;
    let made = bell.post("/api/v1/tokens", &json!({ "name": "reader", "role": "viewer" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let viewer = made["token"].as_str().expect("a token");

    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let signals = "/api/v1/signals";
    let fire = |summary: &str| json!({ "dedup_key": "k", "summary": summary, "severity": "critical" }).to_string();
    let large = fire(&"x".repeat(70 * 1024));
    let cases = [
        Case::new(post.clone(), "/api/v1/tickets/INC-1/ack", As::Nobody, 401, "unauthorized"),
        Case::new(post.clone(), "/api/v1/tickets/INC-1/ack", As::Holder("wb_guessed"), 401, "unauthorized"),
        Case::new(get.clone(), "/api/v1/tickets", As::Holder("wb_guessed"), 401, "unauthorized"),
        Case::new(post.clone(), signals, As::Nobody, 401, "unauthorized").json(fire("no token")),
        Case::new(post.clone(), "/api/v1/tickets/INC-1/ack", As::Holder(viewer), 403, "forbidden"),
        Case::new(post.clone(), "/api/v1/reload", As::Holder(viewer), 403, "forbidden"),
        Case::new(get.clone(), "/api/v1/tokens", As::Holder(viewer), 403, "forbidden"),
        Case::new(get.clone(), "/api/v1/tickets/INC-999", As::Nobody, 404, "not-found"),
        Case::new(get.clone(), "/api/v1/tickets/999/why", As::Nobody, 404, "not-found"),
        Case::new(get.clone(), "/api/v1/tickets/INC-999/timeline", As::Nobody, 404, "not-found"),
        Case::new(post.clone(), "/api/v1/tickets/INC-999/ack", As::Admin, 404, "not-found"),
        Case::new(get.clone(), "/api/v1/probes/nowhere", As::Nobody, 404, "not-found"),
        Case::new(post.clone(), "/api/v1/probes/nowhere/run", As::Admin, 404, "not-found"),
        Case::new(get.clone(), "/api/v1/oncall?rotation=nobody", As::Nobody, 404, "not-found"),
        Case::new(delete.clone(), "/api/v1/silences/S-7", As::Admin, 404, "not-found"),
        Case::new(post.clone(), "/ping/a-token-that-no-heartbeat-has", As::Nobody, 404, "not-found"),
        Case::new(get.clone(), "/api/v1/nowhere", As::Nobody, 404, "no-route"),
        Case::new(delete, "/api/v1/tickets", As::Admin, 405, "method"),
        Case::new(post.clone(), signals, As::Admin, 413, "too-large").json(large),
        Case::new(post.clone(), signals, As::Admin, 400, "malformed").json("{\"dedup_key\": \"k\","),
        Case::new(post.clone(), signals, As::Admin, 422, "invalid").json(r#"{"dedup_key": 7}"#),
        Case::new(post.clone(), signals, As::Admin, 422, "invalid").json(r#"{"dedup_key": "", "summary": "x"}"#),
        Case::new(post.clone(), signals, As::Admin, 422, "invalid")
            .json(r#"{"dedup_key": "k", "summary": "x", "severity": "awful"}"#),
        Case {
            kind: Some("text/plain"),
            ..Case::new(post.clone(), signals, As::Admin, 415, "not-json").json(fire("text"))
        },
        Case::new(post.clone(), "/api/v1/silences", As::Admin, 422, "invalid")
            .json(r#"{"matchers": ["service=x"], "reason": "no end"}"#),
        Case::new(post, "/api/v1/test-pages", As::Admin, 404, "not-found").json(r#"{"person": "nobody.at.all"}"#),
        Case::new(get.clone(), "/api/v1/tickets?state=lost", As::Nobody, 422, "invalid"),
        Case::new(get, "/api/v1/oncall?at=yesterday", As::Nobody, 422, "invalid"),
    ];
    for case in &cases {
        judge(&bell, case).await;
    }
    endless_and_garbled(&bell).await;
    assert_eq!(bell.json("/api/v1/tickets?state=all").await["tickets"], json!([]), "nothing was opened");
    assert_eq!(bell.json("/api/v1/silences").await["silences"], json!([]), "nothing was silenced");
    assert_eq!(bell.get("/readyz").await.status, 200);
}

async fn judge(bell: &Bell, case: &Case<'_>) {
    let reply = bell.send(|client, base| case.request(client, base)).await;
    let shown = format!("{} {} {}", case.ask.0, case.ask.1, case.body.chars().take(80).collect::<String>());
    assert_eq!(reply.status, case.status, "{shown}: {}", reply.text);
    assert_eq!(reply.kind, "application/problem+json", "{shown}: {}", reply.text);
    let problem = reply.json();
    assert_eq!(problem["status"], case.status, "{shown}: {problem}");
    let of_kind = problem["type"].as_str().is_some_and(|t| t.ends_with(case.slug));
    assert!(of_kind, "{shown} is `{}`: {problem}", case.slug);
    for part in ["title", "detail"] {
        assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{shown} says no {part}: {problem}");
    }
    for token in [ADMIN_TOKEN, "wb_guessed"] {
        assert!(!reply.text.contains(token), "{shown} shows a token: {problem}");
    }
}

/// What no client library sends: a body without an end, and what is no HTTP at all.
async fn endless_and_garbled(bell: &Bell) {
    // Six chunks of 16 KiB are more than the limit, and the last one is not marked as such.
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let head = format!(
        "POST /api/v1/signals HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let refused = raw(bell, (head + &chunk.repeat(6)).as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    let garbled = raw(bell, b"\x16\x03\x01 this is no request\r\n\r\n").await;
    assert!(garbled.is_empty() || garbled.starts_with("HTTP/1.1 400 "), "{garbled}");
}

/// Sends bytes and reads the head of what comes back.
async fn raw(bell: &Bell, bytes: &[u8]) -> String {
    let talk = async {
        let mut stream = tokio::net::TcpStream::connect(bell.address()).await?;
        stream.write_all(bytes).await?;
        let mut head = vec![0; 1_024];
        let read = stream.read(&mut head).await?;
        head.truncate(read);
        Ok::<_, std::io::Error>(head)
    };
    let head = tokio::time::timeout(LIMIT, talk).await.expect("an answer in time");
    String::from_utf8_lossy(&head.unwrap_or_default()).into_owned()
}

/// The signal that a refused one would have been, once it is right: a ticket, and a page.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_is_mended_is_taken() {
    let town = Town::start().await;
    let home = Home::shipped(&town, None);
    let bell = home.started().await;
    let ask = json!({ "dedup_key": "payout-7", "summary": "Payout file is late", "severity": "critical" });
    let taken = bell.post("/api/v1/signals", &ask).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    let taken: Value = taken.json();
    assert_eq!(taken["dedup_key"], "api:payout-7");
    let ticket = taken["ticket"].as_str().expect("a ticket").to_owned();
    let page = town.hook("a page for the signal", LIMIT, |got| got.kind() == "page").await;
    assert_eq!(page.ticket(), ticket);
    let again = bell.post("/api/v1/signals", &ask).await.json();
    assert_eq!(again["ticket"], json!(ticket), "the same key, the same ticket");
}
