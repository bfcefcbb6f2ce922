//! The page behind a page's link.

use axum::Router;
use axum::body::Body;
use http::{Method, header};
use watchbell_engine::ids::{ChannelId, PageId, TicketId};
use watchbell_engine::input::{Act, Deed, Input, Via};
use watchbell_engine::view::TicketState;

use super::{Reply, app, form, get, request, send};
use crate::gate::test_world::{PAGE, ROOM_PAGE, TICKET, World, at};
use crate::web::{LinkKey, edge_router};

fn link(page: PageId) -> String {
    LinkKey::new(&[7; 32]).ack_path(page, &ChannelId::from("hook"))
}

async fn bare_post(router: &Router, path: &str) -> Reply {
    send(router, request(Method::POST, path, None).body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn it_shows_what_broke_and_why_you_any_number_of_times() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    for _ in 0..3 {
        let page = get(&router, &link(PAGE)).await;
        assert_eq!(page.status, 200);
        for part in [
            "发票验真中断 · HTTP 503",
            "员工无法提交含发票的报销单",
            "03:12:04 起(北京时间),连续 3 次失败,03:11:59 还正常",
            "expense-primary 值班,至 09:00",
            "03:14:10 前无人认领则呼叫王磊(还有 1 分 30 秒)",
            "answered 503, expected 2xx",
            "运维群",
            "回滚最近发布",
            "value=\"ack\"",
            "value=\"escalate\"",
            "value=\"decline\"",
        ] {
            assert!(page.body.contains(part), "`{part}` in {}", page.body);
        }
        assert!(page.body.len() <= 50 * 1024, "{} bytes", page.body.len());
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        assert!(!page.body.contains("<script") && !page.body.contains("http-equiv"), "no script, no refresh");
        assert!(page.body.contains("&#60;script&#62;alert"), "what a broken service says is escaped");
    }
    assert!(world.inputs().is_empty(), "only POST acts");
}

#[tokio::test]
async fn an_empty_post_acknowledges_and_a_second_one_does_no_harm() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    for _ in 0..2 {
        let reply = bare_post(&router, &link(PAGE)).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, link(PAGE).as_str()));
    }
    let page = get(&router, &link(PAGE)).await;
    assert!(page.body.contains("李娜 已于 03:12:40 认领") && !page.body.contains("value=\"ack\""), "{}", page.body);
    let Some(Input::Act(Act { by, what })) = world.inputs().first().cloned() else { panic!("an act") };
    assert_eq!((by.via, by.person), (Via::Link, Some("li.na".into())));
    assert_eq!(what, Deed::Ack { ticket: TICKET, page: Some(PAGE) });
}

#[tokio::test]
async fn each_button_asks_for_its_deed() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    for (action, deed) in [
        ("escalate", Deed::Escalate { ticket: TICKET, page: Some(PAGE) }),
        ("decline", Deed::Decline { page: PAGE }),
        ("ack", Deed::Ack { ticket: TICKET, page: Some(PAGE) }),
    ] {
        let reply = form(&router, &link(PAGE), None, &format!("action={action}")).await;
        assert_eq!(reply.status, 303, "{action}");
        assert!(matches!(world.inputs().last(), Some(Input::Act(act)) if act.what == deed), "{action}");
    }
    let reply = form(&router, &link(PAGE), None, "action=dance").await;
    assert_eq!((reply.status.as_u16(), world.inputs().len()), (400, 3));
}

#[tokio::test]
async fn a_room_asks_who_you_are() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    let page = get(&router, &link(ROOM_PAGE)).await;
    assert!(page.body.contains("你是谁?") && page.body.contains("<option value=\"wang.lei\">王磊</option>"));
    assert!(!page.body.contains("<option value=\"ops-room\">"), "a room is nobody");
    for who in ["", "&who=nobody", "&who=ops-room"] {
        let reply = form(&router, &link(ROOM_PAGE), None, &format!("action=ack{who}")).await;
        assert_eq!(reply.status, 422, "{who}");
        assert!(reply.body.contains("请先选择你是谁"));
    }
    assert!(world.inputs().is_empty());
    assert_eq!(form(&router, &link(ROOM_PAGE), None, "action=ack&who=wang.lei").await.status, 303);
    let Some(Input::Act(act)) = world.inputs().pop() else { panic!("an act") };
    assert_eq!((act.by.name.as_str(), act.by.via), ("王磊", Via::Room { room: "ops-room".into() }));
}

#[tokio::test]
async fn a_link_of_an_earlier_occurrence_acts_no_more() {
    let world = World::new().await;
    world.change_ticket(TICKET, |t| t.occurrence = 2);
    let router = edge_router(app(&world, false));
    let page = get(&router, &link(PAGE)).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("更早的一次发生") && !page.body.contains("<button"), "{}", page.body);
    let reply = bare_post(&router, &link(PAGE)).await;
    assert_eq!(reply.status, 409);
    assert!(reply.body.contains("更早的一次发生"));
    assert_eq!(world.ticket(TICKET).view.state, TicketState::Triggered);
}

#[tokio::test]
async fn a_link_lives_a_day_after_the_resolve() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    world.change_ticket(TICKET, |t| {
        t.view.state = TicketState::Resolved;
        t.view.resolved_at = Some(at("2026-11-22T19:20:00Z"));
    });
    world.clock.set(at("2026-11-23T19:20:00Z"));
    let page = get(&router, &link(PAGE)).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("<button"), "there is nothing left to do");
    assert_eq!(bare_post(&router, &link(PAGE)).await.status, 409);
    world.clock.set(at("2026-11-23T19:20:00.001Z"));
    assert_eq!(get(&router, &link(PAGE)).await.status, 410);
    assert_eq!(bare_post(&router, &link(PAGE)).await.status, 410);
}

#[tokio::test]
async fn what_we_did_not_make_is_unknown() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    let other_page = link(PageId { ticket: TICKET, n: 9 });
    let other_ticket = link(PageId { ticket: TicketId(7), n: 1 });
    let forged = link(PAGE).replace("42-1-", "42-2-");
    for path in ["/a/x", "/a/%FF%FE", &other_page, &other_ticket, &forged] {
        let status = get(&router, path).await.status.as_u16();
        assert!(status == 404 || (path.contains("%FF") && status == 400), "{path}: {status}");
    }
    world.change(|view| view.at = None);
    assert_eq!(get(&router, &other_ticket).await.status, 503, "nothing is known before the state is loaded");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_asks_to_press_again() {
    let world = World::stuck().await;
    let router = edge_router(app(&world, false));
    let reply = bare_post(&router, &link(PAGE)).await;
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("请几秒后再按一次") && reply.body.contains("value=\"ack\""));
}

#[tokio::test]
async fn the_persons_language_counts_before_the_browsers_and_a_choice_before_both() {
    let world = World::new().await;
    let router = edge_router(app(&world, false));
    let browser = request(Method::GET, &link(PAGE), None).header(header::ACCEPT_LANGUAGE, "en");
    let page = send(&router, browser.body(Body::empty()).expect("a request")).await;
    assert!(page.body.contains("lang=\"zh-CN\""));
    let page = get(&router, &format!("{}?lang=en", link(PAGE))).await;
    assert!(page.body.contains("Invoice verification down · HTTP 503"), "{}", page.body);
    assert!(page.body.contains("Unless somebody acknowledges, 王磊 is paged at 03:14:10 (in 1 min 30 s)"));
    let reply = form(&router, &format!("{}?lang=en", link(PAGE)), None, "action=ack").await;
    assert!(reply.header("location").ends_with("?lang=en"), "the language stays");
}
