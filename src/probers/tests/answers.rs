//! Answers that are wrong, late, cut, too large, of another type, or only slow.

use std::time::Duration;

use async_compression::tokio::write::GzipEncoder;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use watchbell_config::{HeaderRule, JsonTest, StatusSet};

use super::server::{Act, Server, answer, raw};
use super::*;

async fn kind_of(script: Vec<Act>) -> (Outcome, Option<FailureKind>) {
    let server = Server::with(script).await;
    found(&run(http_check(&server.url("/")), PATIENT).await)
}

async fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(plain).await.expect("in memory");
    encoder.shutdown().await.expect("in memory");
    encoder.into_inner()
}

fn gzipped(body: &[u8]) -> Act {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Act::Send(bytes)
}

#[tokio::test]
async fn a_good_answer_is_up_with_its_phases_and_evidence() {
    let server = Server::with(vec![Act::Read, answer("200 OK\r\nset-cookie: s=1\r\nx-a: b", "fine")]).await;
    let run = run(http_check(&server.url("/x?token=1")), PATIENT).await;
    assert_eq!(found(&run), UP);
    let phases = run.phases_ms;
    assert!(phases.dns.is_some() && phases.connect.is_some() && phases.ttfb.is_some() && phases.transfer.is_some());
    assert_eq!(phases.tls, None, "there was no TLS");
    let parts: f64 = [phases.dns, phases.connect, phases.ttfb, phases.transfer].into_iter().flatten().sum();
    assert!(phases.total.is_some_and(|total| total > 0.0 && total + 0.01 >= parts), "{phases:?}");
    assert_eq!(run.evidence.request, Some(format!("GET http://{}/x", server.address)));
    assert_eq!(run.evidence.remote, Some(server.address.to_string()));
    assert_eq!(run.evidence.status, Some(200));
    assert_eq!(run.evidence.headers.get("set-cookie").map(String::as_str), Some("•••"));
    assert_eq!(run.evidence.headers.get("x-a").map(String::as_str), Some("b"));
    assert_eq!(run.assertions.iter().map(|a| (a.what.as_str(), a.ok)).collect::<Vec<_>>(), [("status is 2xx", true)]);
    let (_, request) = server.requests().remove(0);
    assert!(request.starts_with("GET /x?token=1 HTTP/1.1\r\n"), "{request}");
    let agent = format!("user-agent: watchbell/{} probe/site\r\n", env!("CARGO_PKG_VERSION"));
    assert!(request.contains(&agent) && request.contains(&format!("host: {}\r\n", server.address)), "{request}");
}

#[tokio::test]
async fn a_body_makes_the_request_carry_it() {
    let server = Server::with(vec![Act::Read, answer("200 OK", "")]).await;
    let check = HttpCheck {
        method: http::Method::POST,
        body: Some(secret(r#"{"number":"SYN-0001"}"#)),
        headers: vec![(http::header::CONTENT_TYPE, secret("application/json"))],
        ..http_check(&server.url("/verify"))
    };
    assert_eq!(found(&run(check, PATIENT).await), UP);
    let (_, request) = server.requests().remove(0);
    assert!(request.starts_with("POST /verify ") && request.ends_with(r#"{"number":"SYN-0001"}"#), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
}

#[tokio::test]
async fn another_status_is_told_with_its_hint() {
    let server = Server::with(vec![Act::Read, answer("503 Busy\r\nretry-after: 30", "down for now")]).await;
    let mut check = http_check(&server.url("/"));
    check.expect.status = StatusSet(vec![(200, 200)]);
    let run = run(check, PATIENT).await;
    assert_eq!(found(&run), down(FailureKind::Status));
    assert_eq!(run.message.as_deref(), Some("answered 503, expected 200 (Retry-After: 30)"));
    assert_eq!(run.evidence.body.as_deref(), Some("down for now"));
    assert_eq!(run.assertions[0].found.as_deref(), Some("503"));
}

#[tokio::test]
async fn too_many_requests_is_degraded() {
    let found = kind_of(vec![Act::Read, answer("429 Slow Down", "")]).await;
    assert_eq!(found, (Outcome::Degraded, Some(FailureKind::RateLimited)));
}

#[tokio::test]
async fn a_head_that_does_not_come() {
    let server = Server::with(vec![Act::Read, raw("HTTP/1.1 200 OK\r\nx-slow: "), Act::Hold]).await;
    let run = run(http_check(&server.url("/")), SHORT).await;
    assert_eq!(found(&run), down(FailureKind::HeaderTimeout));
    assert_eq!(run.message.as_deref(), Some("no answer within 1s (waiting for the response head)"));
    assert!(run.phases_ms.total.is_some_and(|total| total >= 1_000.0) && run.phases_ms.transfer.is_none());
}

#[tokio::test]
async fn what_is_not_http_is_named() {
    for bytes in [
        "HTTP/1.1 huh\r\n\r\n",
        "SSH-2.0-server\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    ] {
        assert_eq!(kind_of(vec![Act::Read, raw(bytes), Act::Hold]).await, down(FailureKind::HttpProtocol), "{bytes}");
    }
    assert_eq!(kind_of(vec![Act::Read]).await, down(FailureKind::HttpProtocol), "closed without an answer");
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let script = vec![Act::Read, raw("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), answer("200 OK", "")];
    assert_eq!(kind_of(script).await, UP);
}

#[tokio::test]
async fn a_body_that_stalls_keeps_what_came() {
    let server =
        Server::with(vec![Act::Read, raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), Act::Hold]).await;
    let run = run(http_check(&server.url("/")), SHORT).await;
    assert_eq!(found(&run), down(FailureKind::BodyTimeout));
    assert_eq!(run.message.as_deref(), Some("no answer within 1s (reading the body, 4 bytes so far)"));
    assert_eq!(run.evidence.body.as_deref(), Some("half"));
}

#[tokio::test]
async fn a_body_that_is_cut_is_truncated_even_if_the_text_was_there() {
    for head in ["content-length: 10", "transfer-encoding: chunked"] {
        let body = if head.starts_with('c') { "good" } else { "4\r\ngood\r\n" };
        let server = Server::with(vec![Act::Read, raw(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}"))]).await;
        let mut check = http_check(&server.url("/"));
        check.expect.body.contains = vec!["good".into()];
        assert_eq!(found(&run(check, PATIENT).await), down(FailureKind::BodyTruncated), "{head}");
    }
    let script = vec![
        Act::Read,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ngood"),
        Act::Pause(Duration::from_millis(50)),
        Act::Reset,
    ];
    assert_eq!(kind_of(script).await, down(FailureKind::BodyTruncated), "reset");
}

#[tokio::test]
async fn garbage_between_chunks_is_no_http() {
    let script =
        vec![Act::Read, raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n"), Act::Hold];
    assert_eq!(kind_of(script).await, down(FailureKind::HttpProtocol));
}

#[tokio::test]
async fn gzip_is_decoded_and_judged() {
    let body = gzip(b"{\"ok\":true}").await;
    let server = Server::with(vec![Act::Read, gzipped(&body)]).await;
    let mut check = http_check(&server.url("/"));
    check.expect.json = vec![json("$.ok", JsonTest::Is(Value::Bool(true)))];
    assert_eq!(found(&run(check, PATIENT).await), UP);
    assert!(server.requests()[0].1.contains("accept-encoding: gzip\r\n"));
    assert_eq!(kind_of(vec![Act::Read, gzipped(b"not gzip at all")]).await, down(FailureKind::DecodeFailed));
    assert_eq!(
        kind_of(vec![Act::Read, gzipped(&body[..body.len() - 9])]).await,
        down(FailureKind::DecodeFailed),
        "cut"
    );
}

#[tokio::test]
async fn large_bodies_are_stopped_at_the_cap() {
    let bomb = gzip(&vec![0; 20 * 1024 * 1024]).await;
    assert!(bomb.len() < 100_000);
    let server = Server::with(vec![Act::Read, gzipped(&bomb)]).await;
    let mut check = http_check(&server.url("/"));
    check.expect.body.contains = vec!["x".into()];
    assert_eq!(found(&run(check, PATIENT).await), down(FailureKind::BodyTooLarge), "a bomb");
    let endless = vec![Act::Read, raw("HTTP/1.1 200 OK\r\n\r\n"), Act::SendForever(vec![b'x'; 16 * 1024])];
    let server = Server::with(endless).await;
    let run = run(http_check(&server.url("/")), PATIENT).await;
    assert_eq!(found(&run), down(FailureKind::BodyTooLarge), "endless");
    assert_eq!(run.evidence.body.map(|b| b.len()), Some(2_048));
}

#[tokio::test]
async fn a_page_in_place_of_json_is_a_mismatch() {
    let judge = async |head: &str, body: &str| {
        let server = Server::with(vec![Act::Read, answer(head, body)]).await;
        let mut check = http_check(&server.url("/"));
        check.expect.json = vec![json("$.ok", JsonTest::Is(Value::Bool(true)))];
        found(&run(check, PATIENT).await)
    };
    assert_eq!(
        judge("200 OK\r\ncontent-type: text/html", "<html>login</html>").await,
        down(FailureKind::ContentMismatch)
    );
    assert_eq!(judge("200 OK", "\n<!doctype html>").await, down(FailureKind::ContentMismatch));
    assert_eq!(judge("200 OK\r\ncontent-type: text/plain", "fine").await, down(FailureKind::ContentMismatch));
    assert_eq!(judge("200 OK\r\ncontent-type: application/json", "{\"ok\":").await, down(FailureKind::DecodeFailed));
    assert_eq!(judge("200 OK\r\ncontent-type: application/problem+json", "{\"ok\":true}").await, UP);
}

#[tokio::test]
async fn json_that_is_not_utf8_cannot_be_decoded() {
    let mut bytes =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"ok\":\"".to_vec();
    bytes.extend([0xc4, 0xe3, b'"']); // GBK
    let server = Server::with(vec![Act::Read, Act::Send(bytes)]).await;
    let mut check = http_check(&server.url("/"));
    check.expect.json = vec![json("$.ok", JsonTest::Exists(true))];
    assert_eq!(found(&run(check, PATIENT).await), down(FailureKind::DecodeFailed));
}

#[tokio::test]
async fn assertions_have_their_kinds_and_are_all_judged() {
    let body = r#"{"verified":false,"total":"118.00","note":null,"count":"3"}"#;
    let server = Server::with(vec![Act::Read, answer("200 OK\r\nx-version: 7", body)]).await;
    let judge = async |tests: Vec<(&str, JsonTest)>| {
        let mut check = http_check(&server.url("/"));
        check.expect.json = tests.into_iter().map(|(at, test)| json(at, test)).collect();
        run(check, PATIENT).await
    };
    let failed =
        judge(vec![("$.verified", JsonTest::Is(Value::Bool(true))), ("$.total", JsonTest::IsDecimal("118".into()))])
            .await;
    assert_eq!(found(&failed), down(FailureKind::AssertionFailed));
    assert_eq!(failed.message.as_deref(), Some("expected $.verified is true, found false"));
    assert_eq!(failed.assertions.iter().map(|a| a.ok).collect::<Vec<_>>(), [true, false, true]);
    let cases = [
        ("$.missing", JsonTest::Above("0".into()), FailureKind::AssertionMissing),
        ("$.note", JsonTest::Length(0), FailureKind::AssertionNull),
        ("$.count", JsonTest::Above("0".into()), FailureKind::AssertionType),
    ];
    for (at, test, kind) in cases {
        assert_eq!(found(&judge(vec![(at, test)]).await), down(kind), "{at}");
    }
}

#[tokio::test]
async fn headers_and_text_are_judged() {
    let server = Server::with(vec![Act::Read, answer("200 OK\r\nx-version: 7", "all is well")]).await;
    let judge = async |change: &dyn Fn(&mut Expect)| {
        let mut check = http_check(&server.url("/"));
        change(&mut check.expect);
        found(&run(check, PATIENT).await)
    };
    let name = || http::HeaderName::from_static("x-version");
    assert_eq!(judge(&|e| e.headers = vec![(name(), HeaderRule::Is("7".into()))]).await, UP);
    assert_eq!(
        judge(&|e| e.headers = vec![(name(), HeaderRule::Is("8".into()))]).await,
        down(FailureKind::AssertionFailed)
    );
    let other = || http::HeaderName::from_static("x-other");
    assert_eq!(
        judge(&|e| e.headers = vec![(other(), HeaderRule::Exists(true))]).await,
        down(FailureKind::AssertionMissing)
    );
    assert_eq!(judge(&|e| e.body.contains = vec!["well".into()]).await, UP);
    assert_eq!(
        judge(&|e| e.body.contains = vec!["ill".into(), "bad".into()]).await,
        down(FailureKind::AssertionFailed)
    );
    let regex = |text| Some(regex::Regex::new(text).expect("a regex"));
    assert_eq!(judge(&|e| e.body.matches = regex("^all .* well$")).await, UP);
    assert_eq!(judge(&|e| e.body.matches = regex("^well")).await, down(FailureKind::AssertionFailed));
    assert_eq!(judge(&|e| e.body.at_most = Some(5)).await, down(FailureKind::BodyTooLarge));
}

#[tokio::test]
async fn slow_answers_are_degraded_or_down() {
    let server = Server::with(vec![Act::Read, Act::Pause(Duration::from_millis(60)), answer("200 OK", "")]).await;
    let judge = async |total, ttfb| {
        let mut check = http_check(&server.url("/"));
        (check.expect.total, check.expect.ttfb) = (total, ttfb);
        found(&run(check, PATIENT).await)
    };
    let latency = Some(FailureKind::Latency);
    assert_eq!(judge(at_most(None, Some(50)), at_most(None, None)).await, (Outcome::Degraded, latency));
    assert_eq!(judge(at_most(Some(50), Some(10)), at_most(None, None)).await, (Outcome::Down, latency));
    assert_eq!(judge(at_most(Some(9_000), None), at_most(None, Some(50))).await, (Outcome::Degraded, latency));
    assert_eq!(judge(at_most(Some(9_000), Some(9_000)), at_most(Some(9_000), None)).await, UP);
}

#[tokio::test]
async fn secrets_do_not_come_back_as_evidence() {
    let echo = "you sent Bearer very-secret-token, key hush-hush-key and hunter2hunter2";
    let head = "500 Oops\r\nx-echo: very-secret-token\r\nwww-authenticate: Bearer\r\nx-api-key: hush";
    let server = Server::with(vec![Act::Read, answer(head, echo)]).await;
    let judge = async |authorization: &str| {
        let check = HttpCheck {
            authorization: Some(secret(authorization)),
            headers: vec![(http::HeaderName::from_static("x-api-key"), secret("hush-hush-key"))],
            ..http_check(&server.url("/?key=hush-hush-key"))
        };
        serde_json::to_string(&run(check, PATIENT).await).expect("JSON")
    };
    let bearer = judge("Bearer very-secret-token").await;
    assert!(!bearer.contains("very-secret") && !bearer.contains("hush"), "{bearer}");
    let basic = judge("Basic bWU6aHVudGVyMmh1bnRlcjI=").await; // me:hunter2hunter2
    assert!(!basic.contains("hunter2"), "{basic}");
}
