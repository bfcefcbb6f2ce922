//! Connections that fail, are reset, are kept, or lead elsewhere.

use std::time::Duration;

use super::server::{Act, Server, answer, raw};
use super::*;

fn redirect_to(location: &str) -> Act {
    answer(&format!("302 Found\r\nlocation: {location}"), "")
}

/// A port on which nobody listens.
async fn free_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("bound").port()
}

#[tokio::test]
async fn a_refused_connection_is_named_with_its_address() {
    let port = free_port().await;
    let run = run(http_check(&format!("http://127.0.0.1:{port}/")), PATIENT).await;
    assert_eq!(found(&run), down(FailureKind::ConnectRefused));
    assert_eq!(run.message, Some(format!("connection refused by 127.0.0.1:{port}")));
    assert!(run.phases_ms.connect.is_some() && run.phases_ms.ttfb.is_none());
}

#[tokio::test]
async fn a_reset_after_the_connection_was_accepted() {
    let server = Server::with(vec![Act::ReadSome, Act::Reset]).await;
    assert_eq!(found(&run(http_check(&server.url("/")), PATIENT).await), down(FailureKind::ConnectReset));
}

#[tokio::test]
async fn localhost_falls_back_to_the_family_that_listens() {
    let server = Server::with(vec![Act::Read, answer("200 OK", "")]).await;
    let url = format!("http://localhost:{}/", server.port());
    assert_eq!(found(&run(http_check(&url), PATIENT).await), UP);
    let check = HttpCheck { ip: IpChoice::V4, ..http_check(&url) };
    assert_eq!(found(&run(check, PATIENT).await), UP);
    let literal = HttpCheck { ip: IpChoice::V6, ..http_check(&server.url("/")) };
    assert_eq!(found(&run(literal, PATIENT).await), down(FailureKind::DnsNoAddress));
}

#[tokio::test]
async fn tcp_is_up_when_it_connects() {
    let server = Server::with(vec![Act::Hold]).await;
    let up = run_with(&tools(), &spec(tcp(server.port()), PATIENT)).await;
    assert_eq!(found(&up), UP);
    assert!(up.phases_ms.connect.is_some() && up.phases_ms.total.is_some());
    let refused = run_with(&tools(), &spec(tcp(free_port().await), PATIENT)).await;
    assert_eq!(found(&refused), down(FailureKind::ConnectRefused));
}

#[tokio::test]
async fn redirects_are_followed_as_a_browser_would() {
    let last = Server::with(vec![Act::Read, answer("200 OK", "")]).await;
    let first = Server::playing(vec![
        vec![Act::Read, answer("303 See Other\r\nlocation: next", "")],
        vec![Act::Read, redirect_to(&last.url("/end"))],
    ])
    .await;
    let check = HttpCheck {
        method: http::Method::POST,
        body: Some(secret("form")),
        authorization: Some(secret("Bearer very-secret-token")),
        headers: vec![(http::HeaderName::from_static("x-api-key"), secret("key"))],
        ..http_check(&first.url("/a/b"))
    };
    let run = run(check, PATIENT).await;
    assert_eq!(found(&run), UP);
    assert_eq!(run.evidence.redirects, [first.url("/a/b"), first.url("/a/next")]);
    let asked = first.requests();
    assert!(asked[0].1.starts_with("POST /a/b ") && asked[0].1.ends_with("form"), "{asked:?}");
    assert!(asked[1].1.starts_with("GET /a/next ") && asked[1].1.contains("authorization: Bearer"), "{asked:?}");
    let (_, foreign) = last.requests().remove(0);
    assert!(foreign.starts_with("GET /end "), "{foreign}");
    assert!(!foreign.contains("very-secret") && !foreign.contains("x-api-key"), "not sent on: {foreign}");
}

#[tokio::test]
async fn redirects_in_circles_end() {
    let itself = Server::with(vec![Act::Read, redirect_to("/")]).await;
    assert_eq!(found(&run(http_check(&itself.url("/")), PATIENT).await), down(FailureKind::RedirectLoop));
    let scripts = (1..=9).map(|n| vec![Act::Read, redirect_to(&format!("/{n}"))]).collect();
    let further = Server::playing(scripts).await;
    let run = run(HttpCheck { redirects: 3, ..http_check(&further.url("/0")) }, PATIENT).await;
    assert_eq!(found(&run), down(FailureKind::RedirectLoop));
    assert_eq!(run.evidence.redirects.len(), 4);
    assert_eq!(further.connections(), 4, "three redirects were followed");
}

#[tokio::test]
async fn a_redirect_that_is_expected_is_not_followed() {
    let server = Server::with(vec![Act::Read, redirect_to("/login")]).await;
    let mut check = http_check(&server.url("/"));
    check.expect.status = watchbell_config::StatusSet(vec![(302, 302)]);
    assert_eq!(found(&run(check, PATIENT).await), UP);
    let unwanted = HttpCheck { redirects: 0, ..http_check(&server.url("/")) };
    assert_eq!(found(&run(unwanted, PATIENT).await), down(FailureKind::Status));
}

#[tokio::test]
async fn a_redirect_to_another_protocol_is_blocked() {
    let server = Server::with(vec![Act::Read, redirect_to("ftp://a.example/")]).await;
    assert_eq!(found(&run(http_check(&server.url("/")), PATIENT).await), down(FailureKind::RedirectBlocked));
}

fn kept(url: &str) -> ProbeSpec {
    spec(Check::Http(Box::new(HttpCheck { reuse: true, ..http_check(url) })), PATIENT)
}

#[tokio::test]
async fn a_kept_connection_serves_several_runs() {
    let ok = || answer("200 OK", "fine");
    let server = Server::with(vec![Act::Read, ok(), Act::Read, ok(), Act::Read, ok()]).await;
    let runner = Runner::new(&kept(&server.url("/")), &tools()).expect("it can be run");
    assert_eq!(found(&runner.run(false, Instant::now()).await), UP);
    let second = runner.run(false, Instant::now()).await;
    assert_eq!(found(&second), UP);
    assert_eq!((second.phases_ms.dns, second.phases_ms.connect, server.connections()), (None, None, 1));
    assert_eq!(second.evidence.remote, Some(server.address.to_string()));
    assert_eq!(found(&runner.run(true, Instant::now()).await), UP);
    assert_eq!(server.connections(), 2, "a confirming run has a fresh connection");
}

#[tokio::test]
async fn a_server_that_closes_is_not_asked_over_the_old_connection() {
    let server = Server::with(vec![Act::Read, answer("200 OK\r\nconnection: close", "")]).await;
    let runner = Runner::new(&kept(&server.url("/")), &tools()).expect("it can be run");
    for _ in 0..2 {
        assert_eq!(found(&runner.run(false, Instant::now()).await), UP);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_keepalive_race_is_retried_once_and_counted() {
    let first = vec![Act::Read, answer("200 OK", ""), Act::Read]; // takes the second request and closes
    let server = Server::playing(vec![first, vec![Act::Read, answer("200 OK", "")]]).await;
    let metrics = Metrics::new();
    let tools = Arc::new(Tools::new(Clock::system(), &metrics));
    let runner = Runner::new(&kept(&server.url("/")), &tools).expect("it can be run");
    for _ in 0..2 {
        assert_eq!(found(&runner.run(false, Instant::now()).await), UP);
    }
    assert_eq!((server.connections(), metrics.keepalive_races.get()), (2, 1));

    let always = Server::playing(vec![vec![Act::Read, answer("200 OK", ""), Act::Read], vec![Act::Read]]).await;
    let runner = Runner::new(&kept(&always.url("/")), &tools).expect("it can be run");
    assert_eq!(found(&runner.run(false, Instant::now()).await), UP);
    assert_eq!(found(&runner.run(false, Instant::now()).await), down(FailureKind::HttpProtocol), "once, not for ever");
}

#[tokio::test]
async fn one_deadline_covers_all_redirects() {
    let slow = Duration::from_millis(600);
    let scripts = vec![
        vec![Act::Read, Act::Pause(slow), redirect_to("/1")],
        vec![Act::Read, Act::Pause(slow), redirect_to("/2")],
        vec![Act::Read, raw("HTTP/1.1 200 OK\r\n\r\n")],
    ];
    let server = Server::playing(scripts).await;
    assert_eq!(found(&run(http_check(&server.url("/")), SHORT).await), down(FailureKind::HeaderTimeout));
}

#[tokio::test]
async fn a_clock_that_moves_during_a_run_makes_it_inconclusive() {
    let server = Server::with(vec![Act::Read, Act::Pause(Duration::from_millis(100)), answer("503 No", "")]).await;
    let clock = Clock::manual("2026-11-22T03:12:00Z".parse().expect("an instant"));
    let tools = Arc::new(Tools::new(clock.clone(), &Metrics::new()));
    let probe = spec(Check::Http(Box::new(http_check(&server.url("/")))), PATIENT);
    let step = async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        clock.set("2026-11-22T04:12:00Z".parse().expect("an instant"));
    };
    let (run, ()) = tokio::join!(run_with(&tools, &probe), step);
    assert_eq!(found(&run), (Outcome::Inconclusive, Some(FailureKind::SelfClock)));
    assert!(run.message.is_some_and(|m| m.starts_with("this machine's clock moved by 3")), "about an hour");
    assert_eq!(found(&run_with(&tools, &probe).await), down(FailureKind::Status), "the next one is fit again");
}
