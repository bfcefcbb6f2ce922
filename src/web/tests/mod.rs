//! The routes as callers meet them: each test sends requests to the whole router and reads the answers.

mod access;
mod ack;
mod api;
mod metrics;
mod public;
mod screens;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{App, LinkKey};
use crate::gate::test_world::World;

/// The app of a world, as on a loopback listener or not.
fn app(world: &World, loopback: bool) -> App {
    App {
        clock: world.clock.clone(),
        inbox: world.inbox.clone(),
        live: world.live.clone(),
        store: world.store.clone(),
        metrics: world.metrics.clone(),
        links: LinkKey::new(&[7; 32]),
        admins: world.admins(),
        loopback,
    }
}

/// An answer, read to its end.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("")
    }

    /// The problem's `detail`; fails where the answer is no problem document of that status.
    fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let doc = self.json();
        assert_eq!(doc["status"], status);
        for member in ["type", "title", "detail", "help"] {
            assert!(doc[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {doc}");
        }
        doc["detail"].as_str().unwrap_or_default().to_owned()
    }
}

async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.expect("a router always answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body that ends").to_bytes();
    Reply { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).expect("UTF-8") }
}

fn request(method: Method, path: &str, token: Option<&str>) -> http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    token.iter().fold(builder, |b, token| b.header(header::AUTHORIZATION, format!("Bearer {token}")))
}

async fn get(router: &Router, path: &str) -> Reply {
    send(router, request(Method::GET, path, None).body(Body::empty()).expect("a request")).await
}

async fn post(router: &Router, path: &str, token: &str, json: &str) -> Reply {
    let request = request(Method::POST, path, Some(token)).header(header::CONTENT_TYPE, "application/json");
    send(router, request.body(Body::from(json.to_owned())).expect("a request")).await
}

/// As a browser sends a form from our own page.
async fn form(router: &Router, path: &str, cookie: Option<&str>, body: &str) -> Reply {
    let builder = Request::builder().method(Method::POST).uri(path).header("sec-fetch-site", "same-origin");
    let builder =
        builder.header(header::ACCEPT, "text/html").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let builder = cookie.iter().fold(builder, |b, c| b.header(header::COOKIE, format!("wb_token={c}")));
    send(router, builder.body(Body::from(body.to_owned())).expect("a request")).await
}
