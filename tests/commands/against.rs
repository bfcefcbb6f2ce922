//! What another configuration changes: who is on duty differently, and the lines that keep them.

use serde_json::json;

use super::has;
use super::house::House;

/// The rotation of the house with other people.
const BEFORE: &str = "people: [li.na], turn: weekly";
const AFTER: &str = "people: [li.na, wang.lei], turn: weekly";

fn git(house: &House, args: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.arg("-C").arg(house.path("")).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(args);
    let done = command.output().expect("git is here");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_people_is_said_and_can_be_kept() {
    let house = House::empty().await;
    git(&house, &["init", "-q", "-b", "main"]);
    git(&house, &["add", "watchbell.yaml"]);
    git(&house, &["commit", "-q", "-m", "one"]);
    let same = house.run(&["check", "--against", "main"]).await.ok();
    assert!(same.contains("against main: nobody's duty changes"), "{same}");

    house.edit(BEFORE, AFTER);
    let said = house.run(&["check", "--against", "HEAD"]).await.ok();
    assert!(said.contains("primary: li.na → wang.lei"), "{said}");
    assert!(said.contains("    overrides:\n      - { person: li.na, from: \""), "{said}");
    let json = house.run(&["check", "--against", "HEAD", "--format", "json"]).await.json();
    has(&json, "ok errors warnings probes filled_in clock_changes changes added removed");
    let change = &json["changes"][0];
    has(change, "rotation from to before after keep");
    assert_eq!((&change["before"], &change["after"]), (&json!(["li.na"]), &json!(["wang.lei"])));
    let plain = house.run(&["check", "--format", "json"]).await.json();
    has(&plain, "ok errors warnings probes filled_in clock_changes");

    let lines: Vec<String> = json["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| c["keep"][0].as_str().expect("a line").trim_start_matches("- ").to_owned())
        .collect();
    let turn = "turn: weekly mon 09:00 since 2026-01-05";
    house.edit(turn, &format!("{turn}, overrides: [ {} ]", lines.join(", ")));
    let kept = house.run(&["check", "--against", "HEAD"]).await.ok();
    assert!(kept.contains("nobody's duty changes"), "{kept}");

    let rota = house.run(&["rota", "--against", "HEAD", "--from", "2027-03-01T00:00", "--weeks", "4"]).await.ok();
    assert!(rota.contains("primary: li.na → wang.lei"), "{rota}");
    let rota = ["rota", "--against", "HEAD", "--from", "2027-03-01T00:00", "--weeks", "4", "--format", "json"];
    has(&house.run(&rota).await.json(), "source against from to changes added removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_directory_is_as_good_and_what_is_not_there_is_said() {
    let house = House::empty().await;
    let other = House::empty().await;
    other.edit(BEFORE, AFTER);
    let there = other.path("").display().to_string();
    let said = house.run(&["check", "--against", &there]).await.ok();
    assert!(said.contains("primary: wang.lei → li.na"), "{said}");

    let no_git = house.run(&["check", "--against", "main"]).await.fails(2);
    assert!(no_git.contains("is not in a git repository") && no_git.contains("--against DIR"), "{no_git}");
    git(&house, &["init", "-q", "-b", "main"]);
    let unknown = house.run(&["check", "--against", "no-such-branch"]).await.fails(2);
    assert!(unknown.contains("`no-such-branch` is neither a directory nor a revision"), "{unknown}");
    let option = house.run(&["check", "--against=--upload-pack=x"]).await.fails(2);
    assert!(option.contains("is neither a directory nor a revision"), "{option}");
    let absent = house.run_with(&["check", "--against", "main"], &[("PATH", "/nowhere")]).await.fails(1);
    assert!(absent.contains("there is no `git` on this machine"), "{absent}");
    other.edit("people: [li.na, wang.lei]", "people: [li.na, nobody]");
    let broken = house.run(&["check", "--against", &there]).await.fails(2);
    assert!(broken.contains("has 1 mistake") && broken.contains("not about what is here"), "{broken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_load_is_shared_as_it_is_counted() {
    let house = House::empty().await;
    house.edit(BEFORE, AFTER);
    let asked = ["rota", "--fairness", "--from", "2026-01-05T09:00", "--weeks", "4"];
    let said = house.run(&asked).await.ok();
    assert!(said.contains("from the files: mon 5 Jan 09:00 – mon 2 Feb 09:00"), "{said}");
    assert!(said.contains("  li.na          2      14         2         0      336          168 h"), "{said}");
    let json = house.run(&[&asked[..], &["--format", "json"]].concat()).await.json();
    has(&json, "source from to rotations");
    has(&json["rotations"][0]["people"][0], "person shifts nights weekends holidays hours shortest_rest_hours");
    let year = house.run(&["rota", "--fairness", "--format", "json"]).await.json();
    assert_eq!(year["rotations"][0]["people"][0]["nights"].as_u64().map(|n| n > 170), Some(true), "{year}");
}
