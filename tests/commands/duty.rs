//! Who is on duty, by the server and by the files.

use serde_json::{Value, json};

use super::has;
use super::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn the_server_and_the_files_answer_alike() {
    let mut house = House::empty().await;
    let at = ["oncall", "--at", "2036-11-24T18:00", "--format", "json"];
    let span = ["rota", "--from", "2036-11-24T18:00", "--to", "2036-12-24T18:00:00+08:00", "--format", "json"];
    let from_files = (house.run(&at).await.json(), house.run(&span).await.json());
    house.start().await;
    let offline = (
        house.run(&[&at[..], &["--offline"]].concat()).await.json(),
        house.run(&[&span[..], &["--offline"]].concat()).await.json(),
    );
    assert_eq!(offline, from_files, "nobody running, or nobody asked");
    let mut from_server = (house.run(&at).await.json(), house.run(&span).await.json());
    for (server, files) in [(&mut from_server.0, &from_files.0), (&mut from_server.1, &from_files.1)] {
        assert_eq!((&server["source"], &files["source"]), (&json!("server"), &json!("files")));
        server["source"] = "files".into();
    }
    assert_eq!(from_server, from_files);

    let (oncall, rota) = from_files;
    has(&oncall, "at source rotations");
    assert_eq!(oncall["at"], "2036-11-24T10:00:00Z");
    has(&oncall["rotations"][0], "id on_duty recorded");
    has(&oncall["rotations"][0]["on_duty"][0], "person layer since until");
    has(&rota, "source rotations");
    has(&rota["rotations"][0], "id shifts gaps");
    let shifts = rota["rotations"][0]["shifts"].as_array().expect("a list");
    has(&shifts[0], "person layer from to override stands_in_for recorded");
    assert!(shifts.windows(2).all(|pair| pair[0]["to"] == pair[1]["from"]), "they tile the span: {rota}");
    let ends = (&shifts[0]["from"], &shifts[shifts.len() - 1]["to"]);
    assert_eq!(ends, (&json!("2036-11-24T10:00:00Z"), &json!("2036-12-24T10:00:00Z")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_stands_in_at_once_and_only_the_server_knows_it() {
    let house = House::running().await;
    let said = house.run(&["oncall", "--rotation", "primary"]).await.ok();
    assert!(said.contains("(from the server)") && said.contains("  primary: li.na (layer "), "{said}");
    let added = house.run(&["override", "primary", "wang.lei", "--for", "15h"]).await.ok();
    assert!(added.starts_with("OVR-1: wang.lei stands in for primary from "), "{added}");
    let later = ["override", "primary", "li.na", "--from", "2030-01-01T18:00", "--for", "2h", "--format", "json"];
    let later: Value = house.run(&later).await.json();
    has(&later, "id rotation person from to replaces");
    assert_eq!((&later["from"], &later["to"]), (&json!("2030-01-01T10:00:00Z"), &json!("2030-01-01T12:00:00Z")));

    let said = house.run(&["oncall"]).await.ok();
    assert!(said.contains("  primary: wang.lei until ") && said.contains("(override)"), "{said}");
    let duty = house.run(&["oncall", "--format", "json"]).await.json();
    assert_eq!(duty["rotations"][0]["on_duty"][0]["layer"], Value::Null);
    let offline = house.run(&["oncall", "--offline"]).await.ok();
    assert!(offline.contains("(from the files)") && offline.contains("  primary: li.na (layer "), "{offline}");
    let rota = house.run(&["rota", "--rotation", "primary"]).await.ok();
    assert!(rota.starts_with("from the server\n\nprimary (times in Asia/Shanghai)\n  week of Mon "), "{rota}");
    assert!(rota.contains("  wang.lei  (override OVR-1)\n") && rota.contains("  li.na  (main)\n"), "{rota}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_for_one_person_leaves_everybody_else_their_duty() {
    let house = House::running().await;
    let whole = ["override", "primary", "wang.lei", "--from", "2030-01-01T18:00", "--for", "15h", "--replaces"];
    let added = house.run(&[&whole[..], &["li.na"]].concat()).await.ok();
    assert!(added.starts_with("OVR-1: wang.lei stands in for li.na in primary from "), "{added}");
    let later: Value = house.run(&[&whole[..], &["li.na", "--format", "json"]].concat()).await.json();
    assert_eq!(later["replaces"], json!("li.na"));
    let refused = house.run(&[&whole[..], &["wang.lei"]].concat()).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("nobody can stand in for themselves"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_is_asked_for_and_taken_from_the_command_line() {
    let house = House::running().await;
    let ask = ["cover", "primary", "--for", "15h", "--as", "li.na", "--ask", "wang.lei", "--note", "a wedding"];
    let asked = house.run(&ask).await.ok();
    assert!(asked.starts_with("CVR-1: li.na asks wang.lei to take primary from "), "{asked}");
    assert!(asked.trim_end().ends_with(": a wedding"), "{asked}");
    let listed = house.run(&["covers", "--format", "json"]).await.json();
    has(&listed["covers"][0], "id rotation person from to asked swap_for note asked_at");
    let said = house.run(&["oncall"]).await.ok();
    assert!(said.contains("  primary: li.na "), "nothing changes before somebody accepts: {said}");
    let own = house.run(&["covers", "accept", "CVR-1", "--as", "li.na"]).await;
    assert_eq!(own.code, 2, "{own:?}");
    assert_eq!(
        house.run(&["covers", "accept", "CVR-1", "--as", "wang.lei"]).await.ok().trim_end(),
        "CVR-1 is accepted by wang.lei"
    );
    let said = house.run(&["oncall"]).await.ok();
    assert!(said.contains("  primary: wang.lei until ") && said.contains("(override)"), "{said}");
    assert_eq!(house.run(&["covers"]).await.ok().trim_end(), "nobody asks for cover");
    let late = house.run(&["covers", "accept", "CVR-1", "--as", "wang.lei"]).await;
    assert_eq!(late.code, 2, "{late:?}");
    let not_hers = house.run(&["cover", "primary", "--for", "1h", "--as", "li.na", "--ask", "wang.lei"]).await;
    assert_eq!(not_hers.code, 1, "{not_hers:?}");
    assert!(not_hers.err.contains("on duty: wang.lei"), "{not_hers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_to_say_is_told_of() {
    let house = House::running().await;
    for command in ["oncall", "rota"] {
        let done = house.run_with(&[command], &[("WATCHBELL_TOKEN", "wb_revoked")]).await;
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.out.contains("from the files"), "{done:?}");
        assert!(done.err.starts_with("warning: this token is not known"), "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_what_was_recorded() {
    let house = House::running().await;
    house.run(&["oncall"]).await.ok();
    house.run(&["override", "primary", "wang.lei", "--for", "15h"]).await.ok();
    // What follows lies after the override was recorded; the configuration alone would still say li.na.
    let now = watchbell::clock::Clock::system().now();
    let at = |secs: i64| now.checked_add(jiff::SignedDuration::from_secs(secs)).expect("an instant").to_string();
    let past = house.run(&["oncall", "--at", &now.to_string(), "--format", "json"]).await.json();
    let rotation = &past["rotations"][0];
    assert_eq!((&rotation["recorded"], &rotation["on_duty"][0]["person"]), (&json!(true), &json!("wang.lei")));
    let said = house.run(&["oncall", "--at", &now.to_string()]).await.ok();
    assert!(said.contains("(from the server, as it was recorded)"), "{said}");
    let future = house.run(&["oncall", "--at", &at(3_600), "--format", "json"]).await.json();
    assert_eq!(future["rotations"][0]["recorded"], json!(false));

    let span = ["rota", "--from", &at(-600), "--to", &at(90_000), "--format", "json"];
    let rota = house.run(&span).await.json();
    let shifts = rota["rotations"][0]["shifts"].as_array().expect("a list");
    let row = |n: usize| (shifts[n]["person"].clone(), shifts[n]["recorded"].clone(), shifts[n]["override"].clone());
    assert_eq!(row(0), (json!("li.na"), json!(false), Value::Null), "before the record began: {rota}");
    assert_eq!(row(1), (json!("wang.lei"), json!(true), json!("OVR-1")), "{rota}");
    assert!(shifts.windows(2).all(|pair| pair[0]["to"] == pair[1]["from"]), "they tile the span: {rota}");
    let offline = house.run(&["rota", "--from", &at(-600), "--offline"]).await.ok();
    assert!(offline.starts_with("from the files: computed, without what the server has recorded\n"), "{offline}");
}
