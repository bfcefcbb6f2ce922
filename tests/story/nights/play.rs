//! Plays one story after another, whatever happens to the server: a service breaks, somebody is paged,
//! presses the button until it is taken, and the service heals.

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::chance::Chance;
use crate::story::bell::{Home, LIMIT, client, now, read, until};
use crate::story::hooks::Got;
use crate::story::town::{Event, Town};

/// Who acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// The person on duty.
    AckedByTheFirst,
    /// Nobody in time; then whoever step 2 pages.
    AckedByTheSecond,
}

impl Plan {
    /// The plan of the story of each probe.
    pub(super) fn of(probe: usize) -> Self {
        if probe.is_multiple_of(2) { Self::AckedByTheSecond } else { Self::AckedByTheFirst }
    }
}

/// What was seen of a story from outside.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) plan: Plan,
    pub(super) ticket: String,
    /// Who was paged, step by step.
    pub(super) paged: Vec<String>,
    /// When the press was answered with 303.
    pub(super) acked: Timestamp,
}

pub(super) async fn stories(
    home: &Home,
    town: &Town,
    probes: usize,
    mut chance: Chance,
    over: CancellationToken,
) -> Vec<Story> {
    let duty = ask(home, "/api/v1/oncall?rotation=primary").await;
    let first = duty["rotations"][0]["on_duty"][0]["person"].as_str().expect("somebody is on duty").to_owned();
    let mut told = Vec::new();
    for n in 0..probes {
        if over.is_cancelled() {
            break;
        }
        told.push(story(home, town, n, &first, &mut chance).await);
    }
    told
}

async fn story(home: &Home, town: &Town, n: usize, first: &str, chance: &mut Chance) -> Story {
    let (plan, probe, path) = (Plan::of(n), format!("p{n}"), format!("/plain/p{n}"));
    town.target.fail(&path);
    let page_of = |person: &str| {
        let (probe, person) = (probe.clone(), person.to_owned());
        move |g: &Got| g.kind() == "page" && g.probe() == probe && g.person == person
    };
    let mut page = town.hook(&format!("{first} is paged for {probe}"), LIMIT, page_of(first)).await;
    let mut paged = vec![first.to_owned()];
    let ticket = page.ticket().to_owned();
    if plan == Plan::AckedByTheSecond {
        let to = format!("{first}@night.example");
        let mail = |m: &watchbell::demo::smtp::Mail| m.to == to && m.header("X-Page-Id") == Some(page.page());
        town.mail(&format!("{first} is paged by mail for {probe}"), LIMIT, mail).await;
        page = town.hook(&format!("step 2 for {probe}"), LIMIT, page_of("cho")).await;
        paged.push("cho".to_owned());
        assert_eq!(page.ticket(), ticket, "one fault, one ticket");
    }
    tokio::time::sleep(chance.millis(0..300)).await; // a thumb needs a moment
    press(town, page.ack_url()).await;
    let acked = now();
    let state = ask(home, &format!("/api/v1/tickets/{ticket}")).await["state"].clone();
    assert_eq!(state, "acknowledged", "what was answered is durable");
    town.target.heal(&path);
    until(&format!("{ticket} is resolved"), async || {
        let present = ask(home, &format!("/api/v1/tickets/{ticket}")).await;
        (present["state"] == "resolved").then_some(())
    })
    .await;
    Story { plan, ticket, paged, acked }
}

/// Presses until it is taken, as a person does who sees an error.
async fn press(town: &Town, link: &str) {
    until("the press is taken", async || {
        town.events.send(Event::Press).unwrap_or_default(); // the killer may have gone
        let reply = read(client().post(link)).await.ok()?;
        // 503 while it starts; whatever else it says would be wrong.
        assert!(matches!(reply.status, 303 | 503), "{} to a press: {}", reply.status, reply.text);
        (reply.status == 303).then_some(())
    })
    .await;
}

/// An answer of the API, as soon as there is one.
pub(in crate::story) async fn ask(home: &Home, path: &str) -> Value {
    let url = format!("{}{path}", home.url());
    until(&format!("GET {path}"), async || {
        let reply = read(client().get(&url)).await.ok()?;
        (reply.status == 200).then(|| reply.json())
    })
    .await
}
