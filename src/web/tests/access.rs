//! The access table, walked: each route × each role × no token.

use axum::body::Body;
use http::{Method, StatusCode, header};

use super::{app, form, get, request, send};
use crate::gate::test_world::World;
use crate::gate::{Access, Declared, Role};
use crate::web::{access_table, edge_access_table, edge_router, router};

/// A path of a route, its parameters filled with what does no harm.
fn sample(path: &str) -> String {
    path.replace("{token}", "1-1-hook-AAAAAAAAAAAAAAAAAAAAAA")
        .replace("{file}", "person-li.na-AAAAAAAAAAAAAAAAAAAAAA.ics")
        .replace("{id}", "INC-999")
        .replace("{deed}", "ack")
        .replace("{override_id}", "OVR-999")
        .replace("{name}", "nobody")
}

/// Whether the gate let a request through; what the route then makes of it is its own matter.
fn admitted(status: StatusCode) -> bool {
    status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN
}

#[tokio::test]
async fn every_route_opens_to_whom_the_table_says_and_to_nobody_else() {
    let mut world = World::new().await;
    world.control = None; // a reload is refused at once, as while the process stops
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, world.token(role.as_str(), role).await));
    }
    for loopback in [true, false] {
        let app = app(&world, loopback);
        let (router, table) = (router(app.clone()), access_table(&app));
        assert!(table.len() > 35, "the table holds every route: {}", table.len());
        for Declared { method, path, access } in table {
            if matches!(path, "/login" | "/logout") {
                continue; // they have a refusal of their own: `forms_come_from_our_own_pages`
            }
            let anonymous = request(method.clone(), &sample(path), None).body(Body::empty()).expect("a request");
            let status = send(&router, anonymous).await.status;
            let open = match access {
                Access::Public | Access::Link => true,
                Access::Viewer => loopback,
                Access::Responder | Access::Scheduler | Access::Comms | Access::Admin => false,
            };
            assert_eq!(admitted(status), open, "{method} {path} without a token, loopback {loopback}: {status}");
            assert!(open || status == StatusCode::UNAUTHORIZED, "{method} {path} must ask for a token, not {status}");
            for (role, token) in &tokens {
                let known = request(method.clone(), &sample(path), Some(token)).body(Body::empty()).expect("a request");
                let status = send(&router, known).await.status;
                assert_eq!(admitted(status), access.permits(*role), "{method} {path} as {role}: {status}");
                assert_ne!(status, StatusCode::NOT_IMPLEMENTED);
            }
            let wrong =
                request(method.clone(), &sample(path), Some("wb_wrong")).body(Body::empty()).expect("a request");
            let status = send(&router, wrong).await.status;
            let unguarded = matches!(access, Access::Public | Access::Link);
            assert_eq!(admitted(status), unguarded, "{method} {path} with a token that nobody made: {status}");
        }
    }
}

#[tokio::test]
async fn every_write_needs_a_token_or_a_link() {
    let world = World::new().await;
    for Declared { method, path, access } in access_table(&app(&world, true)) {
        // What would be is asked with a body too, and changes nothing.
        let writes = method != Method::GET && !matches!(path, "/login" | "/logout" | "/api/v1/simulate");
        assert!(!writes || !matches!(access, Access::Public | Access::Viewer), "{method} {path} is open to writers");
    }
}

#[tokio::test]
async fn the_edge_serves_nothing_but_what_the_public_needs() {
    let world = World::new().await;
    let app = app(&world, false);
    for Declared { path, .. } in edge_access_table(&app) {
        let is_public = ["/a/", "/ical/", "/status"].iter().any(|start| path.starts_with(start));
        assert!(is_public || path == "/healthz", "{path} is on the edge");
    }
    let edge = edge_router(app);
    for path in ["/", "/metrics", "/api/v1/tickets", "/readyz", "/login", "/tickets/INC-42"] {
        let known = request(Method::GET, path, Some(&world.admin)).body(Body::empty()).expect("a request");
        assert_eq!(send(&edge, known).await.status, 404, "{path} on the edge");
    }
    assert_eq!(get(&edge, "/status").await.status, 200);
    assert_eq!(get(&edge, "/healthz").await.body, "ok\n");
}

#[tokio::test]
async fn a_browser_signs_in_with_a_cookie_that_scripts_cannot_read() {
    let world = World::new().await;
    let router = router(app(&world, false));
    let page = request(Method::GET, "/tickets/INC-42", None).header(header::ACCEPT, "text/html");
    let sent_away = send(&router, page.body(Body::empty()).expect("a request")).await;
    assert_eq!((sent_away.status.as_u16(), sent_away.header("location")), (303, "/login?next=%2Ftickets%2FINC-42"));
    let wrong = form(&router, "/login", None, "token=wb_wrong&next=/").await;
    assert_eq!(wrong.status, 403);
    assert!(!wrong.body.contains("wb_wrong"), "a token is never shown");
    let token = world.token("li.na", Role::Responder).await;
    let entered = form(&router, "/login", None, &format!("token={token}&next=%2Ftickets%2FINC-42")).await;
    assert_eq!((entered.status.as_u16(), entered.header("location")), (303, "/tickets/INC-42"));
    let cookie = entered.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let inside = request(Method::GET, "/tickets/INC-42", None).header(header::COOKIE, format!("wb_token={token}"));
    let inside = send(&router, inside.body(Body::empty()).expect("a request")).await;
    assert_eq!(inside.status, 200);
    assert!(inside.body.contains("action=\"/tickets/INC-42/ack\"") && !inside.body.contains(&token));
}

#[tokio::test]
async fn forms_come_from_our_own_pages() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let token = world.token("li.na", Role::Responder).await;
    for path in ["/tickets/INC-42/ack", "/login", "/logout"] {
        let foreign = request(Method::POST, path, None)
            .header(header::COOKIE, format!("wb_token={token}"))
            .header("sec-fetch-site", "cross-site");
        let reply = send(&router, foreign.body(Body::empty()).expect("a request")).await;
        reply.problem(403);
    }
    assert!(world.inputs().is_empty(), "nothing reached the engine");
    let ours = form(&router, "/tickets/INC-42/ack", Some(&token), "").await;
    assert_eq!((ours.status.as_u16(), ours.header("location")), (303, "/tickets/INC-42"));
    assert_eq!(world.ticket(crate::gate::test_world::TICKET).view.acknowledged_by.as_deref(), Some("李娜"));
}
