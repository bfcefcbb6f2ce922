//! The team's own screens, and health.

use axum::body::Body;
use http::{Method, header};
use watchbell_engine::view::{LiveView, TestView};
use watchbell_engine::word::Receipt;

use super::{app, form, get, request, send};
use crate::gate::Role;
use crate::gate::test_world::{World, at};
use crate::web::router;

#[tokio::test]
async fn the_overview_shows_what_matters_at_a_glance() {
    let world = World::new().await;
    world.change(|view| {
        view.tests.push(TestView {
            id: "TEST-3".parse().expect("an id"),
            person: "li.na".into(),
            channel: "hook".into(),
            at: at("2026-11-22T10:00:00Z"),
            receipt: Some(Receipt::Accepted),
            detail: None,
        });
    });
    let router = router(app(&world, true));
    let zh = get(&router, "/").await;
    for part in [
        "1 张事件单未结束",
        "发票验真中断 · HTTP 503",
        "李娜",
        "至 <time",
        "没有联系方式",
        "有响铃渠道",
        "TEST-3",
        "正常",
    ] {
        assert!(zh.body.contains(part), "`{part}` in {}", zh.body);
    }
    assert!(zh.body.contains("http-equiv=\"refresh\" content=\"5\"") && !zh.body.contains("<script"));
    let en = get(&router, "/?lang=en").await;
    for part in
        ["1 open ticket", "Invoice verification down · HTTP 503", "On duty now", "no contact at all", "9 h 12 min ago"]
    {
        assert!(en.body.contains(part), "`{part}` in {}", en.body);
    }
}

#[tokio::test]
async fn nothing_is_claimed_before_anything_is_known() {
    let world = World::new().await;
    world.live.view.store(LiveView::default().into());
    let router = router(app(&world, true));
    assert!(get(&router, "/").await.body.contains("正在启动,还没有数据"));
    let ready = get(&router, "/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.json()["reason"].as_str()), (503, Some("the state is not loaded yet")));
}

#[tokio::test]
async fn readiness_needs_a_commit_within_ten_seconds() {
    let world = World::new().await;
    let router = router(app(&world, true));
    world.clock.set(at("2026-11-22T19:12:48Z"));
    assert_eq!(get(&router, "/readyz").await.status, 200);
    world.clock.set(at("2026-11-22T19:12:48.001Z"));
    let late = get(&router, "/readyz").await;
    assert!(
        late.status == 503 && late.json()["reason"].as_str().is_some_and(|r| r.contains("10.0 s ago")),
        "{}",
        late.body
    );
    assert_eq!(get(&router, "/healthz").await.status, 200, "the process lives all the same");
    assert!(get(&router, "/").await.body.contains("存储超过 10 秒没有写入成功"));
}

#[tokio::test]
async fn a_ticket_shows_its_buttons_to_those_who_may_press_them() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let anonymous = get(&router, "/tickets/INC-42").await;
    assert!(anonymous.body.contains("登录后可认领") && !anonymous.body.contains("action=\"/tickets/"));
    let with = async |token: &str| {
        let request = request(Method::GET, "/tickets/inc-42", None).header(header::COOKIE, format!("wb_token={token}"));
        send(&router, request.body(Body::empty()).expect("a request")).await.body
    };
    let viewer = world.token("lead", Role::Viewer).await;
    assert!(!with(&viewer).await.contains("action=\"/tickets/"));
    let responder = world.token("li.na", Role::Responder).await;
    let page = with(&responder).await;
    for part in ["/tickets/INC-42/ack", "/tickets/INC-42/resolve", "INC-42-p1", "03:14:10 前无人认领则呼叫王磊", "误报"]
    {
        assert!(page.contains(part), "`{part}` in {page}");
    }
    let resolved = form(&router, "/tickets/INC-42/resolve", Some(&responder), "as=false_alarm&cause=").await;
    assert_eq!((resolved.status.as_u16(), resolved.header("location")), (303, "/tickets/INC-42"));
    assert!(with(&responder).await.contains("误报") && !with(&responder).await.contains("/tickets/INC-42/ack"));
    let again = form(&router, "/tickets/INC-42/ack", Some(&responder), "").await;
    assert_eq!(again.status, 409);
    assert!(again.header("content-type").starts_with("text/html") && again.body.contains("resolved already"));
}

#[tokio::test]
async fn a_browser_that_is_lost_gets_a_screen() {
    let world = World::new().await;
    let router = router(app(&world, true));
    for path in ["/nowhere", "/tickets/INC-7", "/tickets/x"] {
        let lost = request(Method::GET, path, None).header(header::ACCEPT, "text/html");
        let page = send(&router, lost.body(Body::empty()).expect("a request")).await;
        assert_eq!(page.status, 404);
        assert!(page.body.contains("找不到这个页面"), "{}", page.body);
    }
}

#[tokio::test]
async fn what_pages_nobody_is_listed_with_its_reason_and_its_end() {
    use watchbell_engine::fact::Quiet;
    use watchbell_engine::view::{QuietReason, QuietView};

    let world = World::new().await;
    let router = router(app(&world, true));
    assert!(get(&router, "/").await.body.contains("没有被压住的告警"));
    world.change(|view| {
        let alert = view.tickets.values().next().expect("a ticket").view.alerts[0].clone();
        let until = at("2026-11-22T20:00:00Z");
        let quiet = Quiet::Maintenance { window: "ledger-upgrade".into(), until };
        let reason = QuietReason {
            why: quiet.word().into(),
            since: at("2026-11-22T19:00:00Z"),
            until: Some(until),
            by: Some("ledger-upgrade".into()),
            ticket: None,
            silence: None,
            quiet,
        };
        view.quiet.push(QuietView { alert, silence: None, reason });
    });
    assert!(get(&router, "/").await.body.contains("href=\"/quiet\">1 个告警没有呼叫任何人"));
    let zh = get(&router, "/quiet").await;
    for part in ["维护窗口 ledger-upgrade 内预期会发生", "维护中 <b", "probe:invoice-verify"] {
        assert!(zh.body.contains(part), "`{part}` in {}", zh.body);
    }
    let en = get(&router, "/quiet?lang=en").await;
    assert!(en.body.contains("1 alert pages nobody") && en.body.contains("expected in maintenance ledger-upgrade"));
    let listed = get(&router, "/api/v1/suppressed").await.json();
    assert_eq!(
        (listed["suppressed"][0]["why"].as_str(), listed["counts"]["maintenance"].as_u64()),
        (Some("maintenance"), Some(1))
    );
    let metrics = get(&router, "/metrics").await.body;
    assert!(metrics.contains("watchbell_suppressed{why=\"maintenance\"} 1"), "{metrics}");
    assert!(metrics.contains("watchbell_suppressed{why=\"storm\"} 0"), "every reason is there");
}
