//! Who would be paged: by the server and by the files, and what CI makes of it.

use serde_json::json;

use super::has;
use super::house::House;

const AT: [&str; 5] = ["simulate", "--at", "2026-11-24T18:00", "--label", "service=login"];

#[tokio::test(flavor = "multi_thread")]
async fn the_server_counts_what_was_recorded() {
    let house = House::running().await;
    // Within what a silence may cover, and so that the server and the files are asked about one instant.
    let in_an_hour = watchbell::clock::Clock::system().now() + jiff::SignedDuration::from_hours(1);
    let in_an_hour = in_an_hour.to_string();
    let at = ["simulate", "--at", &in_an_hour, "--label", "service=login"];
    let asked = [&at[..], &["--until", "10m", "--format", "json"]].concat();
    let files = house.run(&[&asked[..], &["--offline"]].concat()).await.json();
    let mut server = house.run(&asked).await.json();
    assert_eq!((&server["source"], &files["source"]), (&json!("server"), &json!("files")));
    server["source"] = "files".into();
    assert_eq!(server, files, "nothing is recorded yet");
    has(&files, "at source revision route priority pages notes");
    has(&files["pages"][0], "at person channel policy step reason because after_ms rotation layer override");
    let first = &files["pages"][0];
    assert_eq!((&first["person"], &first["policy"], &first["step"]), (&json!("li.na"), &json!("all"), &json!(1)));
    assert_eq!(first["reason"], "on duty in primary (layer main)");

    let over = ["override", "primary", "wang.lei", "--for", "3h"];
    house.run(&over).await.ok();
    let with_override = house.run(&asked).await.json();
    assert_eq!(with_override["pages"][0]["person"], "wang.lei");
    assert_eq!(with_override["pages"][0]["override"], "OVR-1");
    house.run(&["silence", "service=login", "--for", "700h", "--reason", "known"]).await.ok();
    let done = house.run(&at).await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("nobody would be paged") && done.out.contains("SIL-1"), "{done:?}");
    assert_eq!(house.run(&["tickets", "--state", "all"]).await.ok().trim_end(), "no tickets", "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_and_wrong_questions_have_their_exit_codes() {
    let house = House::empty().await;
    let files = |more: &[&'static str]| [&AT[..], &["--offline"], more].concat();
    house.run(&files(&["--expect", "li.na", "--expect-page-within", "30s"])).await.ok();
    assert!(
        house
            .run(&files(&["--until", "1m", "--expect", "wang.lei"]))
            .await
            .fails(1)
            .contains("wang.lei would not be paged")
    );
    let heartbeat = house.run(&["simulate", "--probe", "nightly", "--offline", "--expect-page-within", "30s"]).await;
    heartbeat.ok();
    assert!(house.run(&files(&["--expect", "nobody.here"])).await.fails(2).contains("no person `nobody.here`"));
    assert!(house.run(&["simulate", "--probe", "nothing", "--offline"]).await.fails(2).contains("no probe `nothing`"));
    assert!(house.run(&files(&["--until", "48h"])).await.fails(2).contains("at most 24h"));
    house.run(&["simulate", "--offline"]).await.fails(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_says_what_is_printed() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/simulate.md")).expect("the guide");
    let block = |text: &str| text.split("\n```").next().unwrap_or_default().to_owned();
    let yaml = guide.split("```yaml\n").nth(1).map(block).expect("its configuration");
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("watchbell.yaml"), yaml).expect("a file");
    let examples: Vec<String> = guide.split("```console\n").skip(1).map(block).collect();
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let (command, printed) = example.split_once('\n').unwrap_or((&example, ""));
        let arguments = command.strip_prefix("$ watchbell ").expect("a command").split_whitespace();
        let done = tokio::process::Command::new(env!("CARGO_BIN_EXE_watchbell"))
            .arg("--config")
            .arg(dir.path())
            .args(arguments)
            .output()
            .await
            .expect("it runs");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let both = [said(&done.stdout), said(&done.stderr)].join("\n");
        assert_eq!(both.trim_end(), printed.trim_end(), "{command}");
    }
}
