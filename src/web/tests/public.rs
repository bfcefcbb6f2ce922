//! The public status page.

use axum::body::Body;
use http::{Method, header};
use watchbell_engine::ids::ProbeId;
use watchbell_engine::view::TicketState;
use watchbell_engine::word::Level;

use super::{app, get, request, send};
use crate::gate::test_world::{TICKET, World, at};
use crate::web::edge_router;

/// The word beside a component.
fn state_of(page: &str, component: &str) -> String {
    let row = page.split("<li").find(|row| row.contains(component)).unwrap_or_else(|| panic!("{component} in {page}"));
    let after = row.split_once("aria-hidden").expect("a badge").1;
    after.split_once("class=\"word\">").expect("a word").1.split('<').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_component_turns_red_after_two_minutes_and_green_at_once() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    world.clock.set(at("2026-11-22T19:14:03.999Z"));
    let page = get(&router, "/status").await.body;
    assert_eq!((state_of(&page, "发票验真").as_str(), state_of(&page, "报表").as_str()), ("正常", "暂无数据"));
    world.clock.set(at("2026-11-22T19:14:04Z"));
    let page = get(&router, "/status").await.body;
    assert_eq!(state_of(&page, "发票验真"), "中断");
    assert!(page.contains("部分服务中断") && page.contains("03:12:04</time>"), "{page}");
    world.change(|view| view.verdicts.get_mut(&ProbeId::from("invoice-verify")).expect("known").level = Level::Up);
    assert_eq!(state_of(&get(&router, "/status").await.body, "发票验真"), "正常");
}

#[tokio::test]
async fn a_human_who_has_it_shows_it_at_once() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    assert_eq!(state_of(&get(&router, "/status").await.body, "发票验真"), "正常");
    world.change_ticket(TICKET, |t| t.view.state = TicketState::Acknowledged);
    assert_eq!(state_of(&get(&router, "/status").await.body, "发票验真"), "中断");
}

#[tokio::test]
async fn the_public_learns_nothing_else() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    world.clock.set(at("2026-11-22T19:20:00Z"));
    let page = get(&router, "/status").await;
    for secret in ["invoice-verify", "503", "李娜", "INC-42", "员工无法", "expense-primary", "api.expense", "/login"]
    {
        assert!(!page.body.contains(secret), "`{secret}` is public in {}", page.body);
    }
    assert!(page.body.contains("数据已有 7 分 22 秒未更新"), "old data is called old: {}", page.body);
    assert!(page.body.contains("http-equiv=\"refresh\" content=\"5\"") && !page.body.contains("<script"));
}

#[tokio::test]
async fn the_language_is_the_readers() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    assert!(get(&router, "/status").await.body.contains("lang=\"zh-CN\""), "the catalog's");
    let browser = request(Method::GET, "/status", None).header(header::ACCEPT_LANGUAGE, "en-GB,en;q=0.9");
    let page = send(&router, browser.body(Body::empty()).expect("a request")).await;
    assert!(
        page.body.contains("All systems operational") && page.header("vary").contains("accept-language"),
        "{}",
        page.body
    );
    let chosen = get(&router, "/status?lang=en").await;
    assert!(chosen.header("set-cookie").starts_with("wb_lang=en;") && chosen.header("cache-control") == "no-store");
    let kept = request(Method::GET, "/status", None)
        .header(header::COOKIE, "wb_lang=en")
        .header(header::ACCEPT_LANGUAGE, "zh-CN");
    let page = send(&router, kept.body(Body::empty()).expect("a request")).await;
    assert!(page.body.contains("lang=\"en\""));
}
