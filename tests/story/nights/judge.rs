//! Judges a night by everything that arrived and by what the tickets say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::QUICK_S;
use super::kill::{Life, Lives};
use super::play::{Plan, Story, ask};
use crate::story::bell::{Home, until};
use crate::story::town::Town;

/// A message that arrived earlier than this before a kill was no longer under way: the longest pause of
/// the phones, and a commit on a busy machine.
const UNDER_WAY: SignedDuration = SignedDuration::from_millis(1_500);

/// What arrives this soon after a start was sent by the life before: it was on its way when the process
/// was killed, and a new one first has to read its configuration and its store.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_millis(40);

/// Somebody on whose channels nothing was accepted for so long counts as not reached (design, section 5).
const NOT_REACHED_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// How late a server that is ready may be on a busy machine.
const BUSY: SignedDuration = SignedDuration::from_secs(2);

/// A message, over whichever channel.
pub(in crate::story) struct Arrived {
    pub(in crate::story) at: Timestamp,
    /// The same for every copy of one attempt.
    id: String,
    pub(in crate::story) person: String,
    pub(in crate::story) channel: &'static str,
    pub(in crate::story) ticket: String,
    pub(in crate::story) kind: String,
    /// The page that it is, or is about; `None` where the channel does not say.
    page: Option<String>,
    text: String,
}

impl Arrived {
    pub(in crate::story) fn line(&self) -> String {
        format!("{} {} to {} over {}: {}", self.at, self.kind, self.person, self.channel, self.id)
    }
}

/// What nights came to.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) kills: usize,
    stories: usize,
    messages: usize,
    copies: usize,
    gave_way: usize,
}

impl Report {
    pub(super) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.stories += other.stories;
        self.messages += other.messages;
        self.copies += other.copies;
        self.gave_way += other.gave_way;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, stories, messages, copies, gave_way } = self;
        write!(f, "{kills} kills in {stories} stories; {messages} messages, of which {copies} came twice; ")?;
        write!(f, "{gave_way} steps gave way since no receipt survived")
    }
}

pub(super) async fn night(home: &Home, town: &Town, lives: Lives, stories: Vec<Story>) -> Report {
    let Lives { all, last } = lives;
    let mut gave_way = 0;
    for story in &stories {
        everybody_hears_the_end(town, story).await;
        gave_way += the_ticket_is_whole(home, &all, story).await;
    }
    // Ended in order, so that nothing more can come.
    let (code, _) = last.stop().await;
    assert_eq!(code, Some(0), "it ends in order");
    let kills = all.iter().filter(|life| life.killed.is_some()).count();
    let messages = arrived(town);
    let copies = copies_were_under_way(&all, &messages, UNDER_WAY);
    one_page_one_person(&messages);
    for story in &stories {
        nothing_after_the_ack(&messages, story);
    }
    Report { kills, stories: stories.len(), messages: messages.len(), copies, gave_way }
}

pub(in crate::story) fn arrived(town: &Town) -> Vec<Arrived> {
    let hooks = town.hooks.got().into_iter().map(|got| Arrived {
        at: got.at,
        id: format!("{} attempt {}", got.id, got.attempt()),
        person: got.person.clone(),
        channel: "hook",
        ticket: got.ticket().to_owned(),
        kind: got.kind().to_owned(),
        page: Some(got.page().to_owned()),
        text: got.body.to_string(),
    });
    let mails = town.mail.messages().into_iter().map(|mail| {
        let header = |name: &str| mail.header(name).unwrap_or_else(|| panic!("no {name} in {mail:?}")).to_owned();
        let subject = header("X-Page-Id");
        Arrived {
            at: mail.received_at,
            id: header("Message-ID"),
            person: mail.to.trim_end_matches("@night.example").to_owned(),
            channel: "mail",
            ticket: header("X-Incident-Id"),
            kind: match subject.contains("-p") {
                true => "page".into(),
                false if mail.text.starts_with("Recovered by itself") => "page.resolved".into(),
                false => "page.acknowledged".into(),
            },
            page: subject.contains("-p").then_some(subject),
            text: mail.text.clone(),
        }
    });
    hooks.chain(mails).collect()
}

/// Whoever got a page hears over the same channel that it is over.
async fn everybody_hears_the_end(town: &Town, story: &Story) {
    let what = format!("everybody who was paged for {} hears the end", story.ticket);
    let missing = std::cell::RefCell::new(BTreeSet::new());
    let heard = async || {
        let messages = arrived(town);
        let got = |kind: &str| -> BTreeSet<(String, &'static str)> {
            let of_kind = messages.iter().filter(|m| m.ticket == story.ticket && m.kind == kind);
            of_kind.map(|m| (m.person.clone(), m.channel)).collect()
        };
        *missing.borrow_mut() = got("page").difference(&got("page.resolved")).cloned().collect();
        missing.borrow().is_empty().then_some(())
    };
    let heard = tokio::time::timeout(std::time::Duration::from_secs(20), until(&what, heard)).await;
    let came: Vec<String> = arrived(town).iter().filter(|m| m.ticket == story.ticket).map(Arrived::line).collect();
    assert!(heard.is_ok(), "{what}, but not {:?}; there came {came:#?}", missing.borrow());
}

/// How many steps gave way because kill after kill kept every receipt from being recorded.
async fn the_ticket_is_whole(home: &Home, lives: &[Life], story: &Story) -> usize {
    let ticket = &story.ticket;
    let timeline = ask(home, &format!("/api/v1/tickets/{ticket}/timeline")).await;
    let entries = timeline["timeline"].as_array().expect("a list");
    let of_kind = |kind: &'static str| entries.iter().filter(move |e| e["kind"] == kind);
    let steps: Vec<&Value> = of_kind("step_entered").collect();
    let gave_way = steps.windows(2).filter(|pair| gave_way(lives, pair[0], pair[1])).count();
    let wanted = story.paged.len() + gave_way;
    for (kind, times) in [
        ("ticket_opened", 1),
        ("ticket_reopened", 0),
        ("step_entered", wanted),
        ("acknowledged", 1),
        ("ticket_resolved", 1),
    ] {
        assert_eq!(of_kind(kind).count(), times, "{kind} in {timeline:#}");
    }

    let pages = ask(home, &format!("/api/v1/pages?ticket={ticket}")).await;
    let pages = pages["pages"].as_array().expect("a list");
    assert_eq!(pages.len(), wanted, "{ticket}: one page for each step, none anew after a restart: {pages:#?}");
    for (n, (page, person)) in pages.iter().zip(&story.paged).enumerate() {
        assert_eq!((&page["id"], &page["person"]), (&json!(format!("{ticket}-p{}", n + 1)), &json!(person)));
        let attempts = page["attempts"].as_array().expect("a list");
        assert_eq!(attempts.len(), 2, "one attempt on each channel, whatever was killed: {page}");
    }
    let states: Vec<&Value> = pages.iter().map(|page| &page["state"]).collect();
    assert_eq!(states[story.paged.len() - 1], "answered", "{ticket}: {states:?}");
    assert!(!states.iter().any(|state| **state == "pursuing"), "{ticket}: {states:?}");
    if story.plan == Plan::AckedByTheSecond {
        goes_on_in_time(lives, ticket, time(&pages[0]["started_at"]), time(&pages[1]["started_at"]));
    }
    gave_way
}

/// Whether a step gave way since nobody of the one before was known to be reached in time. That is right only
/// where no life in between lasted long enough to record a receipt.
fn gave_way(lives: &[Life], before: &Value, step: &Value) -> bool {
    if !step["text"].as_str().is_some_and(|text| text.contains("nobody of the step before was reached")) {
        return false;
    }
    let (from, to) = (time(&before["at"]), time(&step["at"]));
    assert!(to.duration_since(from) >= NOT_REACHED_AFTER, "gave way too soon after {from}: {step}");
    for life in lives {
        let (Some(ready), Some((killed, moment))) = (life.ready, life.killed) else { continue };
        let could_record = killed.min(to).duration_since(ready.max(from));
        assert!(could_record < BUSY, "the life from {} to {killed} ({moment:?}) recorded nothing: {step}", life.from);
    }
    true
}

/// Step 2 begins when step 1 is over, or as soon as a server is ready after it: never early, hardly late.
fn goes_on_in_time(lives: &[Life], ticket: &str, first: Timestamp, second: Timestamp) {
    let due = first + SignedDuration::from_secs(QUICK_S);
    assert!(second >= due, "{ticket}: step 2 at {second}, before {due}");
    let able = lives.iter().find_map(|life| {
        let from = life.ready?.max(due);
        let lasted = life.killed.is_none_or(|(at, _)| at.duration_since(from) > BUSY);
        lasted.then_some(from + BUSY)
    });
    let able = able.expect("the last life lasts");
    assert!(second <= able, "{ticket}: step 2 was due at {due} and came at {second}, after {able}");
}

/// A copy is allowed only of what was under way when the process was killed: one more for that kill.
pub(in crate::story) fn copies_were_under_way(
    lives: &[Life],
    messages: &[Arrived],
    under_way: SignedDuration,
) -> usize {
    let mut by_id: BTreeMap<&str, Vec<&Arrived>> = BTreeMap::new();
    messages.iter().for_each(|m| by_id.entry(&m.id).or_default().push(m));
    let life = |at: Timestamp| lives.iter().rposition(|l| l.from + ON_ITS_WAY <= at).unwrap_or(0);
    let mut copies = 0;
    for (id, mut same) in by_id {
        same.sort_by_key(|m| m.at);
        for pair in same.windows(2) {
            copies += 1;
            let (earlier, later) = (life(pair[0].at), life(pair[1].at));
            let (first, second, from) = (pair[0].at, pair[1].at, lives[later].from);
            assert!(earlier < later, "{id} came twice in the life from {from}, at {first} and {second}");
            let Some((killed, moment)) = lives[earlier].killed else { unreachable!("a later life follows a kill") };
            let before = killed.duration_since(pair[0].at);
            assert!(before <= under_way, "{id} came {before:#} before a kill ({moment:?}) and again after it");
            assert_eq!(pair[0].text, pair[1].text, "{id}: a copy says the same");
        }
    }
    copies
}

fn one_page_one_person(messages: &[Arrived]) {
    let mut whose: BTreeMap<&str, &str> = BTreeMap::new();
    let mut attempts: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for m in messages.iter().filter(|m| m.kind == "page") {
        let page = m.page.as_deref().expect("a page has an id");
        assert_eq!(*whose.entry(page).or_insert(&m.person), m.person, "{page} goes to one person");
        assert!(page.starts_with(&format!("{}-p", m.ticket)), "{page} of {}", m.ticket);
        attempts.entry((page, m.channel)).or_default().insert(&m.id);
    }
    for ((page, channel), ids) in attempts {
        assert_eq!(ids.len(), 1, "{page} over {channel} keeps its id and attempt: {ids:?}");
    }
}

/// After the press was answered nobody is paged any more for the ticket, whatever is killed.
fn nothing_after_the_ack(messages: &[Arrived], story: &Story) {
    let pages = messages.iter().filter(|m| m.ticket == story.ticket && m.kind == "page");
    let late: Vec<String> = pages.filter(|m| m.at > story.acked + UNDER_WAY).map(Arrived::line).collect();
    assert!(late.is_empty(), "{} was acknowledged at {}: {late:#?}", story.ticket, story.acked);
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}
