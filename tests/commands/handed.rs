//! Tickets from hand to hand, and what is kept quiet: from the command line to a server and back.

use serde_json::json;

use super::has;
use super::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_given_taken_and_merged() {
    let house = House::running().await;
    house.run(&["declare", "payroll looks wrong", "--label", "service=payroll"]).await.ok();
    house.run(&["declare", "travel looks wrong", "--label", "service=travel"]).await.ok();
    let given = house.run(&["assign", "INC-1", "wang.lei", "--format", "json"]).await.json();
    assert_eq!((&given["state"], &given["assigned_to"]), (&json!("triggered"), &json!("wang.lei")));
    house.run(&["assign", "INC-1", "nobody"]).await.fails(2);
    let taken = house.run(&["take", "INC-1", "--format", "json"]).await.json();
    assert_eq!((&taken["state"], &taken["assigned_to"]), (&json!("acknowledged"), &json!(null)));
    let merged = house.run(&["merge", "INC-2", "INC-1"]).await.ok();
    assert!(merged.contains("INC-"), "{merged}");
    let why = house.run(&["why", "INC-2"]).await.ok();
    assert!(why.contains("merged into INC-1"), "{why}");
    let open = house.run(&["tickets", "--state", "acknowledged", "--format", "json"]).await.json();
    assert_eq!(open["tickets"].as_array().map(Vec::len), Some(1), "one goes on: {open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_quiet_is_listed_and_told() {
    let house = House::running().await;
    assert!(house.run(&["suppressed"]).await.ok().starts_with("nothing is suppressed"));
    let added = house
        .run(&["maintenance", "add", "service=ledger", "--title", "upgrade", "--for", "2h", "--format", "json"])
        .await
        .json();
    let window = added["id"].as_str().expect("an id").to_owned();
    assert!(house.run(&["maintenance", "list"]).await.ok().contains(&format!("{window}  upgrade")));
    house.run(&["maintenance", "end", &window]).await.ok();
    assert_eq!(house.run(&["maintenance", "list"]).await.ok(), "no maintenance\n");
    house.run(&["declare", "payroll looks wrong", "--label", "service=payroll"]).await.ok();
    house.run(&["silence", "service=payroll", "--for", "1h", "--reason", "deploy"]).await.ok();
    let list = house.run(&["suppressed", "--format", "json"]).await.json();
    assert_eq!(list["suppressed"][0]["why"], "silence", "{list}");
    assert_eq!(list["suppressed"][0]["ticket"], "INC-1");
    let said = house.run(&["why-not", "wang.lei", "INC-1", "--format", "json"]).await.json();
    has(&said, "ticket person answer text at step instead");
    assert_eq!(said["answer"], "silenced", "{said}");
}
