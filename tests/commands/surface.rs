//! Absences and calendar feeds, end to end.

use serde_json::json;

use super::has;
use super::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn who_is_away_has_no_duty_and_can_come_back() {
    let house = House::empty().await;
    house.edit("people: [li.na], turn: weekly", "people: [li.na, wang.lei], turn: weekly");
    let mut house = house;
    house.start().await;
    assert_eq!(house.run(&["away", "--list"]).await.ok(), "nobody is away\n");
    let present =
        house.run(&["oncall", "--format", "json"]).await.json()["rotations"][0]["on_duty"][0]["person"].clone();
    let present = present.as_str().expect("somebody is on duty");
    let other = if present == "li.na" { "wang.lei" } else { "li.na" };
    let said = house.run(&["away", present, "--for", "36h", "--reason", "ill"]).await.ok();
    assert!(said.starts_with(&format!("ABS-1: {present} is away from ")) && said.ends_with(": ill\n"), "{said}");
    let duty = house.run(&["oncall"]).await.ok();
    assert!(duty.contains(&format!("  primary: {other} until ")), "{duty}");
    let rota = house.run(&["rota"]).await.ok();
    assert!(rota.contains(&format!("  {other}  (main, for {present})")), "{rota}");
    let list = house.run(&["away", "--list", "--format", "json"]).await.json();
    has(&list["absences"][0], "id person from to reason");
    assert_eq!(house.run(&["away", "--back", "ABS-1"]).await.ok(), "ABS-1 is taken back\n");
    assert!(house.run(&["oncall"]).await.ok().contains(&format!("  primary: {present} until ")));

    house.run(&["away", "--back", "ABS-9"]).await.fails(2);
    house.run(&["away", "nobody", "--for", "1h"]).await.fails(2);
    house.run(&["away", present]).await.fails(2);
    house.run(&["away", present, "--from", "2027-01-02T00:00", "--to", "2027-01-01T00:00"]).await.fails(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_served_to_whoever_has_its_address() {
    let house = House::running().await;
    let feed = house.run(&["feed", "li.na", "--format", "json"]).await.json();
    has(&feed, "url webcal");
    let url = feed["url"].as_str().expect("an address");
    let path = url.strip_prefix("https://watch.example.com").expect("below public_url");
    assert!(path.starts_with("/ical/person-li.na-") && path.ends_with(".ics"), "{path}");
    assert!(feed["webcal"].as_str().is_some_and(|url| url.starts_with("webcals://watch.example.com/ical/")));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let here = |path: &str| format!("http://{}{path}", house.listen);
    let answer = client.get(here(path)).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let header = |name: &str| answer.headers()[name].to_str().expect("ASCII").to_owned();
    assert_eq!(header("content-type"), "text/calendar; charset=utf-8");
    assert_eq!((header("cache-control"), header("referrer-policy")), ("private".into(), "no-referrer".into()));
    assert!(header("last-modified").ends_with(" GMT"));
    let etag = header("etag");
    let text = answer.text().await.expect("a calendar");
    assert!(text.contains("SUMMARY:On call: primary\r\n") || text.contains("SUMMARY:值班: primary\r\n"), "{text}");
    assert!(text.contains("DESCRIPTION:"), "one person's duty goes on after the end: {text}");

    let again = client.get(here(path)).header("if-none-match", &etag).send().await.expect("an answer");
    assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().ok()), (304, Some(etag.as_str())));
    let head = client.head(here(path)).send().await.expect("an answer");
    assert_eq!((head.status().as_u16(), head.text().await.expect("nothing")), (200, String::new()));
    house.run(&["override", "primary", "wang.lei", "--for", "15h"]).await.ok();
    let changed = client.get(here(path)).header("if-none-match", &etag).send().await.expect("an answer");
    assert_eq!(changed.status().as_u16(), 200, "the shifts are others");

    let rotation = house.run(&["feed", "primary"]).await.ok();
    assert!(rotation.starts_with("https://watch.example.com/ical/rotation-primary-"), "{rotation}");
    for path in [path.replace("li.na", "wang.lei"), "/ical/nothing.ics".into(), path.trim_end_matches(".ics").into()] {
        assert_eq!(client.get(here(&path)).send().await.expect("an answer").status().as_u16(), 404, "{path}");
    }
    house.run(&["feed", "nobody"]).await.fails(2);
    assert_eq!(json!(feed["url"]), house.run(&["feed", "li.na", "--format", "json"]).await.json()["url"]);
}
