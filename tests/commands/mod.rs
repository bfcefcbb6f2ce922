//! The command line, end to end: every command that asks a server, against a running one, as text for people and
//! as JSON for programs, with its exit code.

mod against;
mod duty;
mod handed;
mod house;
mod serving;
mod simulate;
mod surface;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use house::House;

/// An object has these keys, none more and none ever left out.
#[track_caller]
fn has(value: &Value, keys: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("an object, not {value}"));
    let found: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(found, keys.split_whitespace().collect());
}

/// What a ticket has, none of it ever left out (design, section 8).
const TICKET: &str = "id title state priority policy step owner impact service component url opened_at impact_started \
    detected first_page_accepted acknowledged_at acknowledged_by restored resolved_at resolved_as reopened \
    snoozed_until held_until ack_times_out assigned_to waiting acknowledged_by_some still_to_acknowledge merged_into \
    next_step alerts explains flapping storm";

#[track_caller]
fn is_ticket(ticket: &Value) {
    has(ticket, TICKET);
    assert_eq!(ticket["url"], "https://watch.example.com/tickets/INC-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_declared_answered_and_ended() {
    let house = House::running().await;
    let words = async |command: &[&str]| house.run(command).await.ok();
    let parsed = async |command: &[&str]| {
        let done = house.run(&[command, &["--format", "json"]].concat()).await;
        assert_eq!(done.code, 0, "{done:?}");
        done.json()
    };
    assert_eq!(words(&["tickets"]).await, "no tickets\n");
    assert_eq!(parsed(&["tickets"]).await, json!({ "tickets": [], "next": null }));
    let opened = parsed(&["declare", "payroll looks wrong", "--label", "service=payroll"]).await;
    is_ticket(&opened);
    assert_eq!(
        (&opened["priority"], &opened["service"], &opened["state"]),
        (&"P1".into(), &"payroll".into(), &"triggered".into())
    );
    let list = words(&["tickets"]).await;
    assert!(
        list.starts_with("INC-1 P1 triggered payroll looks wrong · since ") && list.contains("wang.lei next, at "),
        "{list}"
    );
    is_ticket(&parsed(&["tickets", "--state", "triggered"]).await["tickets"][0]);

    assert!(words(&["ack", "INC-1"]).await.contains("INC-1 P1 acknowledged payroll looks wrong"));
    let again = parsed(&["ack", "inc-1"]).await;
    is_ticket(&again);
    assert_eq!(again["acknowledged_by"], "operator");
    assert!(words(&["note", "INC-1", "gateway restarted"]).await.starts_with("INC-1 "));
    is_ticket(&parsed(&["note", "INC-1", "again"]).await);
    assert!(words(&["escalate", "INC-1"]).await.contains(" triggered "));
    assert_eq!(parsed(&["escalate", "INC-1"]).await["state"], "triggered");
    assert!(words(&["snooze", "INC-1", "--for", "30m"]).await.contains("operator has it, again at "));
    assert!(parsed(&["snooze", "INC-1", "--for", "1h30m"]).await["snoozed_until"].is_string());

    let told = words(&["why", "INC-1"]).await;
    assert!(told.contains("paged li.na over hook: on duty in primary (layer "), "{told}");
    let why = parsed(&["why", "INC-1"]).await;
    has(&why, "ticket decisions");
    assert_eq!(why["ticket"], "INC-1");
    let decision = "at outcome person channel reason revision policy step rotation layer override silence";
    has(&why["decisions"][0], decision);

    let ended = words(&["resolve", "INC-1", "--as", "planned", "--cause", "a drill"]).await;
    assert!(ended.contains("INC-1 P1 resolved payroll looks wrong") && ended.ends_with("· planned\n"), "{ended}");
    assert_eq!(parsed(&["resolve", "INC-1"]).await["resolved_as"], "planned", "it ends once");
    assert!(house.run(&["ack", "INC-1"]).await.fails(1).contains("INC-1 is resolved already"));
    assert_eq!(words(&["tickets"]).await, "no tickets\n");
    assert!(words(&["tickets", "--state", "all"]).await.starts_with("INC-1 P1 resolved"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_the_operators_to_mend() {
    let house = House::running().await;
    for command in [
        &["ack", "INC-9"][..],
        &["ack", "nonsense"],
        &["resolve", "INC-9"],
        &["escalate", "INC-9"],
        &["snooze", "INC-9", "--for", "5m"],
        &["note", "INC-9", "x"],
        &["why", "INC-9"],
        &["test-page", "nobody"],
        &["test-page", "li.na", "--via", "ding"],
        &["override", "nowhere", "li.na", "--for", "1h"],
        &["override", "primary", "nobody", "--for", "1h"],
        &["oncall", "--rotation", "nowhere"],
        &["rota", "--rotation", "nowhere"],
        &["token", "revoke", "nobody"],
        &["tickets", "--state", "lost"],
        &["tickets", "--server", "nonsense"],
        &["note", "INC-9", ""],
        &["declare", " "],
        &["declare", "x", "--severity", "info"],
        &["declare", "x", "--label", "service"],
        &["resolve", "INC-9", "--as", "forgotten"],
        &["snooze", "INC-9", "--for", "0s"],
        &["silence", "nonsense", "--for", "1h", "--reason", "x"],
        &["silence", "service=x", "--reason", "without an end"],
        &["token", "create", "x", "--role", "king"],
        &["oncall", "--at", "yesterday"],
    ] {
        for format in ["text", "json"] {
            let done = house.run(&[command, &["--format", format]].concat()).await;
            assert_eq!((done.code, done.out.as_str()), (2, ""), "{command:?}: {done:?}");
            assert!(done.err.starts_with("error: "), "{command:?}: {done:?}");
        }
    }
    assert_eq!(house.run(&["tickets", "--state", "all"]).await.ok(), "no tickets\n", "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_page_succeeds_only_when_it_was_taken() {
    let house = House::running().await;
    assert_eq!(house.run(&["test-page", "li.na"]).await.ok(), "TEST-1 to li.na over hook: accepted (204 No Content)\n");
    let taken = house.run(&["test-page", "li.na", "--via", "hook", "--format", "json"]).await;
    assert_eq!((taken.code, &taken.json()["receipt"]), (0, &"accepted".into()), "{taken:?}");
    has(&taken.json(), "id person channel at receipt detail");
    let refused = house.run(&["test-page", "wang.lei"]).await;
    assert_eq!((refused.code, refused.out.as_str()), (1, "TEST-3 to wang.lei over hook: refused (404 Not Found)\n"));
    let refused = house.run(&["test-page", "wang.lei", "--format", "json"]).await;
    assert_eq!((refused.code, &refused.json()["receipt"]), (1, &"refused".into()), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_keeps_quiet_until_its_end() {
    let house = House::running().await;
    house.run(&["declare", "payroll looks wrong", "--label", "service=payroll"]).await.ok();
    let said = house.run(&["silence", "service=payroll", "--for", "1h", "--reason", "deploy 4711"]).await.ok();
    assert!(said.starts_with("SIL-1 until ") && said.ends_with("; 1 alert is quiet now\n"), "{said}");
    let more =
        ["silence", "service=~\"pay.*\"", "severity!=warning", "--for", "30m", "--reason", "x", "--format", "json"];
    let silence = house.run(&more).await.json();
    has(&silence, "id matchers from until by reason silenced active ends_soon");
    assert_eq!(silence["matchers"], json!(["service=~\"pay.*\"", "severity!=\"warning\""]));
    let quiet = house.run(&["declare", "payroll again", "--label", "service=payroll"]).await.fails(1);
    assert!(quiet.contains("a silence matches it"), "{quiet}");
    let later = ["silence", "service=ledger", "--from", "2099-01-01T00:00", "--for", "1h", "--reason", "later"];
    let said = house.run(&later).await.ok();
    assert!(said.starts_with("SIL-3 from ") && said.ends_with("; pending\n"), "{said}");
    let list = house.run(&["silences"]).await.ok();
    assert!(list.contains("SIL-1  service=\"payroll\"") && list.contains("pending from "), "{list}");
    assert!(house.run(&["extend", "SIL-2", "--for", "2h"]).await.ok().starts_with("SIL-2 until "));
    house.run(&["extend", "SIL-2", "--for", "721h"]).await.fails(2);
    let all = house.run(&["suppressed", "--format", "json"]).await.json();
    has(&all, "suppressed counts next");
    has(&all["suppressed"][0], "alert why since until by ticket quiet");
    assert_eq!(all["counts"]["silence"], 2);
    let text = house.run(&["suppressed"]).await.ok();
    assert!(text.starts_with("2 alerts are not paged\n"), "{text}");
    let said = house.run(&["why-not", "li.na", "INC-1"]).await.ok();
    assert!(said.starts_with("INC-1: "), "{said}");
    has(
        &house.run(&["why-not", "li.na", "inc-1", "--format", "json"]).await.json(),
        "ticket person answer text at step instead",
    );
    house.run(&["why-not", "nobody", "INC-1"]).await.fails(2);
    for silence in ["SIL-1", "SIL-2"] {
        assert!(house.run(&["unsilence", silence]).await.ok().contains("has ended"));
    }
    house.run(&["unsilence", "SIL-1"]).await.fails(2);
    assert_eq!(house.run(&["suppressed"]).await.ok(), "nothing is suppressed: everything that fires is paged\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_is_recorded_listed_and_ended() {
    let house = House::running().await;
    assert_eq!(house.run(&["maintenance", "list"]).await.ok(), "no maintenance\n");
    let add =
        ["maintenance", "add", "service=ledger", "--title", "Ledger upgrade", "--for", "2h", "--expect", "status"];
    let window = house.run(&[&add[..], &["--up-to", "down", "--format", "json"]].concat()).await.json();
    has(&window, "id title matchers from until active recurring expect cover_running by quiet");
    assert_eq!(window["expect"], json!({ "kinds": ["status"], "up_to": "down" }));
    let list = house.run(&["maintenance", "list"]).await.ok();
    assert!(list.starts_with("MNT-1  Ledger upgrade  service=\"ledger\"  "), "{list}");
    assert!(house.run(&["maintenance", "end", "MNT-1"]).await.ok().contains("has ended"));
    house.run(&["maintenance", "end", "MNT-1"]).await.fails(2);
    house.run(&["maintenance", "add", "service=x", "--title", "t", "--for", "1h", "--expect", "statsu"]).await.fails(2);
}
