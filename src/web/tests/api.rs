//! The JSON API.

use axum::body::Body;
use http::{Method, header};
use watchbell_engine::ids::TicketId;
use watchbell_engine::input::{Act, Deed, Input};
use watchbell_engine::word::ResolvedAs;

use super::{Reply, app, get, post, request, send};
use crate::gate::Role;
use crate::gate::test_world::{TICKET, World, failing_run};
use crate::inbox::{Control, ReloadDone, ReloadRefused};
use crate::web::router;

async fn delete(router: &axum::Router, path: &str, token: &str) -> Reply {
    send(router, request(Method::DELETE, path, Some(token)).body(Body::empty()).expect("a request")).await
}

fn last_deed(world: &World) -> Deed {
    match world.inputs().pop() {
        Some(Input::Act(Act { what, .. })) => what,
        other => panic!("an act, not {other:?}"),
    }
}

#[tokio::test]
async fn tickets_are_listed_newest_first_with_nothing_left_out() {
    let world = World::new().await;
    world.change(|view| {
        let mut second = (*view.tickets[&TICKET]).clone();
        second.view.id = TicketId(43);
        view.tickets.insert(TicketId(43), second.into());
    });
    let router = router(app(&world, true));
    let list = get(&router, "/api/v1/tickets").await.json();
    assert_eq!(
        (list["tickets"][0]["id"].as_str(), list["tickets"][1]["id"].as_str()),
        (Some("INC-43"), Some("INC-42"))
    );
    assert!(
        list["next"].is_null() && list["tickets"][0].as_object().is_some_and(|t| t.contains_key("acknowledged_at"))
    );
    let first = get(&router, "/api/v1/tickets?limit=1").await.json();
    assert_eq!(first["next"], "INC-43");
    let rest = get(&router, "/api/v1/tickets?limit=1&before=inc-43").await.json();
    assert_eq!((rest["tickets"][0]["id"].as_str(), rest["next"].is_null()), (Some("INC-42"), true));
    assert_eq!(
        get(&router, "/api/v1/tickets?state=acknowledged").await.json()["tickets"].as_array().map(Vec::len),
        Some(0)
    );
    assert_eq!(get(&router, "/api/v1/tickets?state=all").await.status, 200, "those that are over come from the store");
    for wrong in ["state=closed", "limit=0", "limit=501", "before=7"] {
        get(&router, &format!("/api/v1/tickets?{wrong}")).await.problem(422);
    }
    get(&router, "/api/v1/tickets?limit=many").await.problem(400);
}

#[tokio::test]
async fn a_ticket_has_a_story() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let ticket = get(&router, "/api/v1/tickets/inc-42").await.json();
    assert_eq!((ticket["id"].as_str(), ticket["next_step"]["to"][0].as_str()), (Some("INC-42"), Some("wang.lei")));
    let url = "https://watch.example.com/tickets/INC-42";
    assert_eq!(ticket["url"], url, "whoever reads it elsewhere can open it");
    assert_eq!(get(&router, "/api/v1/tickets").await.json()["tickets"][0]["url"], url);
    assert!(get(&router, "/api/v1/tickets/INC-42/timeline").await.json()["timeline"].is_array());
    let why = get(&router, "/api/v1/tickets/INC-42/why").await.json();
    assert!(why["ticket"] == "INC-42" && why["decisions"].is_array());
    let pages = get(&router, "/api/v1/pages?ticket=inc-42").await.json();
    assert_eq!(pages["pages"][0]["id"], "INC-42-p1");
    assert_eq!(pages["pages"][0]["attempts"][0]["receipt"], "accepted");
    for path in ["tickets/INC-7", "tickets/INC-7/why", "tickets/42", "pages?ticket=INC-7"] {
        get(&router, &format!("/api/v1/{path}")).await.problem(404);
    }
}

#[tokio::test]
async fn acts_answer_with_the_ticket() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let li_na = world.token("li.na", Role::Responder).await;
    for _ in 0..2 {
        let acked = post(&router, "/api/v1/tickets/inc-42/ack", &li_na, "").await;
        assert_eq!(acked.status, 200, "{}", acked.body);
        assert_eq!(
            (acked.json()["state"].as_str(), acked.json()["acknowledged_by"].as_str()),
            (Some("acknowledged"), Some("李娜"))
        );
    }
    assert_eq!(post(&router, "/api/v1/tickets/INC-42/note", &li_na, r#"{"text":"回滚中"}"#).await.status, 200);
    assert_eq!(last_deed(&world), Deed::Note { ticket: TICKET, text: "回滚中".into() });
    assert_eq!(
        post(&router, "/api/v1/tickets/INC-42/snooze", &li_na, r#"{"for":"30m"}"#).await.json()["snoozed_until"],
        "2026-11-22T19:42:40Z"
    );
    assert_eq!(post(&router, "/api/v1/tickets/INC-42/escalate", &li_na, "").await.json()["state"], "triggered");
    let over = post(&router, "/api/v1/tickets/INC-42/resolve", &li_na, r#"{"cause":"证书过期"}"#).await.json();
    assert_eq!((over["state"].as_str(), over["resolved_as"].as_str()), (Some("resolved"), Some("fixed")));
    let deed = Deed::Resolve { ticket: TICKET, resolved_as: ResolvedAs::Fixed, cause: Some("证书过期".into()) };
    assert_eq!(last_deed(&world), deed);
    assert_eq!(over["url"], "https://watch.example.com/tickets/INC-42");
    let late = post(&router, "/api/v1/tickets/INC-42/ack", &li_na, "").await;
    assert_eq!(late.problem(409), "INC-42 is resolved already; nothing is being paged");
    post(&router, "/api/v1/tickets/INC-7/ack", &li_na, "").await.problem(404);
}

#[tokio::test]
async fn a_repeat_of_a_key_gets_the_first_answer() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let declare = async |key: &str, token: &str| {
        let request = request(Method::POST, "/api/v1/tickets", Some(token)).header("idempotency-key", key);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        send(&router, request.body(Body::from(r#"{"summary":"报销打不开"}"#)).expect("a request")).await
    };
    let first = declare("a", &world.admin).await;
    assert_eq!((first.status.as_u16(), first.header("location")), (201, "/api/v1/tickets/INC-43"));
    assert_eq!(declare("a", &world.admin).await.json()["id"], "INC-43");
    assert_eq!(world.inputs().len(), 1, "the engine heard it once");
    declare("b", &world.admin).await;
    let other = world.token("li.na", Role::Responder).await;
    declare("b", &other).await;
    assert_eq!(world.inputs().len(), 3, "each caller has keys of its own");
    declare("", &world.admin).await.problem(400);
}

#[tokio::test]
async fn bad_bodies_are_told_apart() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let note = "/api/v1/tickets/INC-42/note";
    let detail = post(&router, note, &world.admin, r#"{"text": "#).await.problem(400);
    assert!(detail.contains("line 1 column"), "{detail}");
    assert!(post(&router, note, &world.admin, "{}").await.problem(422).contains("missing field `text`"));
    assert!(
        post(&router, note, &world.admin, r#"{"text":"x","txet":1}"#)
            .await
            .problem(422)
            .contains("unknown field `txet`")
    );
    assert_eq!(post(&router, note, &world.admin, r#"{"text":" "}"#).await.problem(422), "`text` must not be empty");
    let calm = post(&router, "/api/v1/tickets", &world.admin, r#"{"summary":"x","severity":"info"}"#).await;
    assert!(calm.problem(422).contains("pages nobody"), "what is declared pages");
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(post(&router, note, &world.admin, &long).await.problem(413), "the body is larger than 64 KiB");
    let plain = request(Method::POST, note, Some(&world.admin)).header(header::CONTENT_TYPE, "text/plain");
    send(&router, plain.body(Body::from("hello")).expect("a request")).await.problem(415);
    post(&router, "/api/v1/tickets/INC-42/resolve", &world.admin, r#"{"as":"gone"}"#).await.problem(422);
    for body in [
        "{}",
        r#"{"for":"soon"}"#,
        r#"{"for":"1h","until":"2026-11-23T00:00:00Z"}"#,
        r#"{"until":"2020-01-01T00:00:00Z"}"#,
    ] {
        post(&router, "/api/v1/tickets/INC-42/snooze", &world.admin, body).await.problem(422);
    }
}

#[tokio::test]
async fn what_is_no_route_is_a_problem_too() {
    let world = World::new().await;
    let router = router(app(&world, true));
    for path in ["/api/v1/nothing", "/api/v1/tickets/INC-42/forget", "/api/v1/events"] {
        assert!(get(&router, path).await.problem(404).contains(path));
    }
    post(&router, "/api/v1/oncall", &world.admin, "").await.problem(405);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_answers_503() {
    let world = World::stuck().await;
    let router = router(app(&world, true));
    let reply = post(&router, "/api/v1/tickets/INC-42/ack", &world.admin, "").await;
    assert_eq!((reply.problem(503).contains("cannot write"), reply.header("retry-after")), (true, "2"));
    assert_eq!(get(&router, "/api/v1/tickets").await.status, 200, "what is known can still be read");
}

#[tokio::test]
async fn duty_is_told_for_now_and_for_any_time() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let now = get(&router, "/api/v1/oncall").await.json();
    let duty = &now["rotations"][0];
    assert_eq!((now["source"].as_str(), duty["id"].as_str()), (Some("server"), Some("expense-primary")));
    assert_eq!(
        (duty["on_duty"][0]["person"].as_str(), duty["on_duty"][0]["until"].as_str()),
        (Some("li.na"), Some("2026-11-23T01:00:00Z"))
    );
    for at in ["2026-11-23T09:00", "2026-11-23T09:00:00+08:00", "2026-11-23T01:00:00Z"] {
        let then = get(&router, &format!("/api/v1/oncall?at={at}&rotation=EXPENSE-primary")).await.json();
        assert_eq!(then["rotations"][0]["on_duty"][0]["person"], "wang.lei", "{at}");
    }
    let shifts = "/api/v1/rotations/expense-primary/shifts";
    let week = get(&router, &format!("{shifts}?from=2026-11-22T00:00&to=2026-11-24T00:00")).await.json();
    assert_eq!((week["shifts"].as_array().map(Vec::len), week["gaps"].as_array().map(Vec::len)), (Some(2), Some(0)));
    assert_eq!(week["shifts"][0]["to"], week["shifts"][1]["from"]);
    get(&router, &format!("{shifts}?from=2026-11-22T00:00&to=2026-11-21T00:00")).await.problem(422);
    get(&router, &format!("{shifts}?from=2026-11-22T00:00&to=2029-11-21T00:00")).await.problem(422);
    get(&router, "/api/v1/rotations/nobody/shifts").await.problem(404);
    get(&router, "/api/v1/oncall?at=tomorrow").await.problem(422);
    let rotations = get(&router, "/api/v1/rotations").await.json();
    assert_eq!(rotations["rotations"][0]["layers"][0]["people"][1], "li.na");
}

#[tokio::test]
async fn somebody_stands_in_and_is_taken_back() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let planner = world.token("planner", Role::Scheduler).await;
    let overrides = "/api/v1/rotations/expense-primary/overrides";
    let made =
        post(&router, overrides, &planner, r#"{"person":"wang.lei","from":"2026-11-24T18:00","for":"15h"}"#).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        (made.json()["id"].as_str(), made.json()["from"].as_str()),
        (Some("OVR-3"), Some("2026-11-24T10:00:00Z"))
    );
    let then = get(&router, "/api/v1/oncall?at=2026-11-24T20:00").await.json();
    assert_eq!(then["rotations"][0]["on_duty"][0]["person"], "wang.lei");
    assert!(then["rotations"][0]["on_duty"][0]["layer"].is_null());
    assert_eq!(delete(&router, &format!("{overrides}/ovr-3"), &planner).await.status, 204);
    delete(&router, &format!("{overrides}/OVR-3"), &planner).await.problem(404);
    post(&router, overrides, &planner, r#"{"person":"nobody","from":"2026-11-24T18:00","for":"15h"}"#)
        .await
        .problem(404);
    let backwards = r#"{"person":"wang.lei","from":"2026-11-24T18:00","to":"2026-11-24T17:00"}"#;
    post(&router, overrides, &planner, backwards).await.problem(422);
}

#[tokio::test]
async fn cover_is_asked_for_and_answered() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let (li_na, wang_lei) =
        (world.token("li.na", Role::Responder).await, world.token("wang.lei", Role::Scheduler).await);
    let covers = "/api/v1/covers";
    let ask = r#"{"rotation":"expense-primary","from":"2026-11-24T18:00","for":"2h","ask":"wang.lei",
                  "swap_for":{"from":"2026-12-01T18:00","for":"2h"},"note":"school"}"#;
    let made = post(&router, covers, &li_na, ask).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!((&made["id"], &made["person"], &made["asked"]), (&"CVR-3".into(), &"li.na".into(), &"wang.lei".into()));
    assert_eq!(
        (made["to"].as_str(), made["swap_for"]["from"].as_str()),
        (Some("2026-11-24T12:00:00Z"), Some("2026-12-01T10:00:00Z"))
    );
    assert_eq!(get(&router, covers).await.json()["covers"][0], made);
    let done = post(&router, &format!("{covers}/cvr-3/accept"), &wang_lei, "{}").await.json();
    assert_eq!(done, serde_json::json!({"id": "CVR-3", "outcome": "accepted", "person": "wang.lei"}));
    assert_eq!(get(&router, covers).await.json()["covers"], serde_json::json!([]));
    post(&router, &format!("{covers}/CVR-3/withdraw"), &li_na, "{}").await.problem(404);
    let planner = world.token("planner", Role::Scheduler).await;
    post(&router, covers, &planner, ask).await.problem(422);
    post(&router, covers, &li_na, r#"{"rotation":"expense-primary","from":"2026-11-24T18:00"}"#).await.problem(422);
}

#[tokio::test]
async fn silences_have_an_end() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let made = post(
        &router,
        "/api/v1/silences",
        &world.admin,
        r#"{"matchers":["service=expense"],"for":"1h","reason":"发布"}"#,
    )
    .await;
    assert_eq!((made.status.as_u16(), made.json()["until"].as_str()), (201, Some("2026-11-22T20:12:40Z")));
    assert_eq!(get(&router, "/api/v1/silences").await.json()["silences"][0]["matchers"][0], "service=\"expense\"");
    for body in [
        r#"{"matchers":["service=expense"],"reason":"x"}"#,
        r#"{"matchers":[],"for":"1h","reason":"x"}"#,
        r#"{"matchers":["expense"],"for":"1h","reason":"x"}"#,
        r#"{"matchers":["a=~("],"for":"1h","reason":"x"}"#,
    ] {
        post(&router, "/api/v1/silences", &world.admin, body).await.problem(422);
    }
    assert_eq!(delete(&router, "/api/v1/silences/sil-3", &world.admin).await.status, 204);
    delete(&router, "/api/v1/silences/SIL-3", &world.admin).await.problem(404);
}

#[tokio::test]
async fn a_silence_may_begin_later_and_be_given_another_end() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let ask = r#"{"matchers":["service=expense"],"from":"2026-11-22T22:00:00Z","for":"1h","reason":"deploy"}"#;
    let made = post(&router, "/api/v1/silences", &world.admin, ask).await;
    assert_eq!((made.status.as_u16(), made.json()["until"].as_str()), (201, Some("2026-11-22T23:00:00Z")));
    assert_eq!(made.json()["active"], false);
    let longer = post(&router, "/api/v1/silences/SIL-3", &world.admin, r#"{"until":"2026-11-23T01:00:00Z"}"#).await;
    assert_eq!((longer.status.as_u16(), longer.json()["until"].as_str()), (200, Some("2026-11-23T01:00:00Z")));
    post(&router, "/api/v1/silences/SIL-9", &world.admin, r#"{"for":"1h"}"#).await.problem(404);
    assert_eq!(get(&router, "/api/v1/silences").await.json()["recurring"], serde_json::json!([]));
}

#[tokio::test]
async fn maintenance_is_recorded_listed_and_ended() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let ask = r#"{"title":"ledger upgrade","matchers":["service=ledger"],"for":"2h","expect":{"kinds":["status"],"up_to":"down"}}"#;
    let made = post(&router, "/api/v1/maintenance", &world.admin, ask).await;
    assert_eq!((made.status.as_u16(), made.json()["id"].as_str()), (201, Some("MNT-3")));
    let listed = get(&router, "/api/v1/maintenance").await.json();
    assert_eq!(listed["maintenance"][0]["expect"]["kinds"][0], "status");
    for body in [
        r#"{"title":"x","matchers":["service=ledger"]}"#,
        r#"{"title":"x","matchers":["ledger"],"for":"1h"}"#,
        r#"{"title":"x","matchers":["service=ledger"],"for":"1h","expect":{"kinds":["statsu"]}}"#,
    ] {
        post(&router, "/api/v1/maintenance", &world.admin, body).await.problem(422);
    }
    assert_eq!(delete(&router, "/api/v1/maintenance/MNT-3", &world.admin).await.status, 204);
    delete(&router, "/api/v1/maintenance/MNT-3", &world.admin).await.problem(404);
}

#[tokio::test]
async fn probes_are_shown_and_run_out_of_turn() {
    let mut world = World::new().await;
    let router = router(app(&world, true));
    let list = get(&router, "/api/v1/probes").await.json();
    let probe = &list["probes"][0];
    assert_eq!(
        (probe["id"].as_str(), probe["level"].as_str(), probe["kind"].as_str()),
        (Some("invoice-verify"), Some("down"), Some("status"))
    );
    assert_eq!(
        (probe["title"]["en"].as_str(), probe["worst_case_s"].as_f64()),
        (Some("Invoice verification"), Some(23.0))
    );
    assert!(!get(&router, "/api/v1/probes/invoice-verify").await.body.contains("very-secret"));
    assert_eq!(get(&router, "/api/v1/probes/INVOICE-verify").await.json()["observation"]["evidence"]["status"], 503);
    get(&router, "/api/v1/probes/nothing").await.problem(404);
    let mut asked = world.run_now.take().expect("the probers' end");
    tokio::spawn(async move {
        let request = asked.recv().await.expect("a request");
        let _ = request.reply.send(failing_run());
    });
    let ran = post(&router, "/api/v1/probes/invoice-verify/run", &world.admin, "").await.json();
    assert_eq!((ran["outcome"].as_str(), ran["phases_ms"]["ttfb"].as_f64()), (Some("down"), Some(112.0)));
    post(&router, "/api/v1/probes/nightly-export/run", &world.admin, "").await.problem(422);
    post(&router, "/api/v1/probes/nothing/run", &world.admin, "").await.problem(404);
}

#[tokio::test]
async fn a_test_page_is_followed_by_its_id() {
    let world = World::new().await;
    let router = router(app(&world, true));
    let sent = post(&router, "/api/v1/test-pages", &world.admin, r#"{"person":"li.na","channel":"mail"}"#).await;
    assert_eq!((sent.status.as_u16(), sent.json()["id"].as_str()), (202, Some("TEST-3")));
    assert_eq!(get(&router, "/api/v1/test-pages/test-3").await.json()["receipt"], "accepted");
    get(&router, "/api/v1/test-pages/TEST-9").await.problem(404);
    post(&router, "/api/v1/test-pages", &world.admin, r#"{"person":"nobody"}"#).await.problem(404);
    post(&router, "/api/v1/test-pages", &world.admin, r#"{"person":"chen.yu"}"#).await.problem(422);
    post(&router, "/api/v1/test-pages", &world.admin, r#"{"person":"wang.lei","channel":"hook"}"#).await.problem(422);
}

#[tokio::test]
async fn a_reload_takes_place_or_says_why_not() {
    let mut world = World::new().await;
    let router = router(app(&world, true));
    let mut asked = world.control.take().expect("the process's end");
    tokio::spawn(async move {
        while let Some(Control::Reload { accept_shift_change, reply }) = asked.recv().await {
            let refused = ReloadRefused {
                summary: "李娜 would no longer be on duty".into(),
                mistakes: Vec::new(),
                shift_change: true,
                changes: Vec::new(),
            };
            let done =
                ReloadDone { revision: "0123456789ab".into(), changed: true, notes: Vec::new(), changes: Vec::new() };
            let _ = reply.send(if accept_shift_change { Ok(done) } else { Err(refused) });
        }
    });
    let refused = post(&router, "/api/v1/reload", &world.admin, "").await;
    assert_eq!(refused.problem(409), "李娜 would no longer be on duty");
    assert_eq!(refused.json()["shift_change"], true);
    let done = post(&router, "/api/v1/reload", &world.admin, r#"{"accept_shift_change":true}"#).await;
    assert_eq!((done.status.as_u16(), done.json()["revision"].as_str()), (200, Some("0123456789ab")));
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_until_it_is_revoked() {
    let world = World::new().await;
    let router = router(app(&world, false));
    let made = post(&router, "/api/v1/tokens", &world.admin, r#"{"name":"ci","role":"viewer"}"#).await;
    assert_eq!(made.status, 201);
    let token = made.json()["token"].as_str().expect("the token").to_owned();
    let list = request(Method::GET, "/api/v1/tokens", Some(&world.admin)).body(Body::empty()).expect("a request");
    let list = send(&router, list).await;
    assert!(list.body.contains("\"ci\"") && !list.body.contains(&token));
    let read = async || {
        let request = request(Method::GET, "/api/v1/tickets", Some(&token)).body(Body::empty());
        send(&router, request.expect("a request")).await
    };
    assert_eq!(read().await.status, 200);
    post(&router, "/api/v1/tokens", &world.admin, r#"{"name":"ci","role":"admin"}"#).await.problem(409);
    post(&router, "/api/v1/tokens", &world.admin, r#"{"name":"","role":"admin"}"#).await.problem(422);
    post(&router, "/api/v1/tokens", &world.admin, r#"{"name":"x","role":"root"}"#).await.problem(422);
    assert_eq!(delete(&router, "/api/v1/tokens/ci", &world.admin).await.status, 204);
    let detail = read().await.problem(401);
    assert!(!detail.contains(&token), "a token is never repeated");
    delete(&router, "/api/v1/tokens/ci", &world.admin).await.problem(404);
}
