//! The story on the shipped configuration, from the first 503 to the ticket that tells it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use watchbell::demo::smtp::Mail;

use super::bell::{Bell, Home, LIMIT, client, now, read, until};
use super::hooks::Got;
use super::town::Town;
use crate::postgres;

/// What breaks.
const VERIFY: &str = "/v1/invoices/verify";

/// Promise 1: from the first broken moment to the first page, and what a busy test machine may add.
const PAGED_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_told_on_sqlite() {
    tell(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_told_on_postgresql() {
    let url = postgres::fresh_database().await;
    tell(Some(&url)).await;
}

async fn tell(store: Option<&str>) {
    let town = Town::start().await;
    town.ask_mail_login();
    let home = Home::shipped(&town, store);
    let bell = home.started().await;
    // Healthy first, so that the page can say when it was last good.
    until("the service is seen to be well", async || {
        let probe = bell.json("/api/v1/probes/invoice-verify").await;
        (probe["level"] == "up").then_some(())
    })
    .await;
    assert!(bell.printed().contains("on duty now: expense-primary: "), "{}", bell.printed());

    let broken = now();
    town.target.fail(VERIFY);
    let page = town.hook("the first page", PAGED_WITHIN, |got| got.kind() == "page").await;
    let mail = town.mail("the first page", PAGED_WITHIN, |mail| is_about(mail, page.ticket())).await;
    let story = Story { town: &town, bell: &bell, broken, page, mail };
    let first = story.the_person_on_duty_is_paged().await;
    let others = story.somebody_escalates(&first).await;
    story.the_link_shows_and_acknowledges(&first).await;
    story.the_status_page_speaks_both_languages().await;
    story.everybody_is_told_the_end(&first, &others).await;
    story.the_ticket_tells_it(&first).await;
    story.numbers_are_shown().await;
    assert_eq!(bell.stop().await.0, Some(0));
}

struct Story<'a> {
    town: &'a Town,
    bell: &'a Bell,
    broken: Timestamp,
    page: Got,
    mail: Mail,
}

impl Story<'_> {
    fn ticket(&self) -> &str {
        self.page.ticket()
    }

    async fn ticket_json(&self) -> Value {
        self.bell.json(&format!("/api/v1/tickets/{}", self.ticket())).await
    }

    /// Everybody of these rotations at that moment.
    async fn on_duty(&self, rotation: &str, at: &str) -> String {
        let duty = self.bell.json(&format!("/api/v1/oncall?rotation={rotation}&at={at}")).await;
        duty["rotations"][0]["on_duty"][0]["person"].as_str().expect("somebody is on duty").to_owned()
    }

    async fn the_person_on_duty_is_paged(&self) -> String {
        let ticket = self.ticket_json().await;
        let first = self.on_duty("expense-primary", ticket["opened_at"].as_str().expect("a time")).await;
        let body = &self.page.body;
        assert_eq!(self.page.person, first, "the page went to whoever is on duty");
        assert_eq!(self.page.id, format!("{}-p1-hook", self.ticket()));
        assert_eq!(body["to"], json!({ "person": first, "channel": "hook" }));
        assert_eq!((&body["ticket"]["state"], &body["ticket"]["priority"]), (&json!("triggered"), &json!("P1")));
        assert_eq!(body["alert"]["dedup_key"], "probe:invoice-verify");
        assert_eq!(body["alert"]["kind"], "status");
        assert!(body["ticket"]["next_step"]["at"].is_string(), "who is next, and when: {body}");

        assert_eq!(self.mail.to, format!("{first}@expense.example"));
        assert!(
            self.mail.subject.starts_with("P1 ") && self.mail.subject.contains("HTTP 503"),
            "{}",
            self.mail.subject
        );
        assert!(self.mail.subject.contains(self.ticket()), "{}", self.mail.subject);
        for part in ["POST /v1/invoices/verify", "expense-primary", "①", &self.base_of_links()] {
            assert!(self.mail.text.contains(part), "`{part}` is missing in {}", self.mail.text);
        }
        assert!(!self.mail.text.contains("out of order"), "bodies stay here: {}", self.mail.text);
        assert_eq!((&ticket["state"], &ticket["step"]), (&json!("triggered"), &json!(1)));
        first
    }

    fn base_of_links(&self) -> String {
        self.page.ack_url().split("/a/").next().expect("a part before").to_owned() + "/a/"
    }

    /// Presses escalate through the API, so that there is somebody else to be told.
    async fn somebody_escalates(&self, first: &str) -> BTreeSet<String> {
        let reply = self.bell.post(&format!("/api/v1/tickets/{}/escalate", self.ticket()), &json!({})).await;
        assert_eq!((reply.status, reply.json()["step"].clone()), (200, json!(2)), "{}", reply.text);
        let entered = reply.json()["next_step"]["at"].as_str().expect("a time").parse::<Timestamp>().expect("a time");
        let entered = entered.checked_sub(jiff::SignedDuration::from_mins(3)).expect("an instant");
        let second = self.on_duty("expense-secondary", &entered.to_string()).await;
        let called = BTreeSet::from([second, "lead".to_owned()]);
        for person in &called {
            self.town
                .hook("a page of step 2", LIMIT, |g| g.kind() == "page" && g.person == *person && g.id != self.page.id)
                .await;
        }
        let told = |g: &Got| g.kind() == "page.escalated" && g.person == *first;
        self.town.hook("the first hears of it", LIMIT, told).await;
        called.into_iter().filter(|person| person != first).collect()
    }

    async fn the_link_shows_and_acknowledges(&self, first: &str) {
        let shown = read(client().get(self.page.ack_url())).await.expect("the link's page");
        assert_eq!(shown.status, 200);
        for part in [self.ticket(), VERIFY, "<form", "503", "out of order"] {
            assert!(shown.text.contains(part), "`{part}` is missing in {}", shown.text);
        }
        assert_eq!(self.ticket_json().await["state"], "triggered", "looking acknowledges nothing");

        let form = "application/x-www-form-urlencoded";
        let press = client().post(self.page.ack_url()).header("content-type", form).body("action=ack");
        let pressed = read(press).await.expect("an answer");
        assert_eq!(pressed.status, 303, "{}", pressed.text);
        let ticket = self.ticket_json().await;
        assert_eq!(ticket["state"], "acknowledged");
        // The shipped policy asks again when it is still open an hour after the answer (`ack_timeout`), not before.
        let (answered, next) = (&ticket["acknowledged_at"], &ticket["next_step"]["at"]);
        assert_eq!(time(next).duration_since(time(answered)).as_secs(), 3_600, "nothing is paged any more");
        assert!(ticket["acknowledged_by"].is_string());
        let again = read(client().post(self.page.ack_url())).await.expect("an answer");
        assert_eq!(again.status, 303, "pressed twice");
        assert_eq!(self.ticket_json().await["acknowledged_at"], ticket["acknowledged_at"]);
        let pages = self.pages().await;
        let answered = pages.iter().find(|p| p["person"] == first).expect("the first page");
        assert_eq!(answered["state"], "answered");
    }

    async fn the_status_page_speaks_both_languages(&self) {
        for (lang, state) in [("zh-CN", "中断"), ("en", "outage")] {
            let page = self.bell.get(&format!("/status?lang={lang}")).await;
            assert_eq!(page.status, 200);
            for part in ["invoice-verification", state] {
                assert!(page.text.to_lowercase().contains(part), "`{part}` is missing in {lang}: {}", page.text);
            }
            assert!(!page.text.contains(self.ticket()), "the public hears of no ticket");
        }
    }

    async fn everybody_is_told_the_end(&self, first: &str, others: &BTreeSet<String>) {
        self.town.target.heal(VERIFY);
        for person in others.iter().map(String::as_str).chain([first]) {
            let over = |g: &Got| g.kind() == "page.resolved" && g.person == person;
            let got = self.town.hook("the end", LIMIT, over).await;
            assert_eq!((got.ticket(), &got.body["ticket"]["state"]), (self.ticket(), &json!("resolved")));
            let to = format!("{person}@expense.example");
            let end = |m: &Mail| m.to == to && m.header("X-Page-Id").is_some_and(|id| id == got_notice(m));
            let is_end = |m: &Mail| end(m) && m.subject.starts_with("Re: ") && ends(m);
            let mail = self.town.mail("the end", LIMIT, is_end).await;
            assert_eq!(mail.subject, format!("Re: {}", self.mail_to(&to).subject), "one thread by subject");
            assert_eq!(mail.header("In-Reply-To"), self.mail.header("References"), "one thread by header");
        }
        for person in others {
            self.town.hook("it is taken", LIMIT, |g| g.kind() == "page.acknowledged" && g.person == *person).await;
        }
        let to_first =
            self.town.hooks.got().into_iter().filter(|g| g.person == first && g.kind() == "page.acknowledged");
        assert_eq!(to_first.count(), 0, "whoever acknowledged knows");
    }

    /// The page that went to this address.
    fn mail_to(&self, to: &str) -> Mail {
        let mails = self.town.mail.messages();
        mails.into_iter().find(|m| m.to == to && m.subject.starts_with("P1 ")).expect("a page by mail")
    }

    async fn pages(&self) -> Vec<Value> {
        let pages = self.bell.json(&format!("/api/v1/pages?ticket={}", self.ticket())).await;
        pages["pages"].as_array().expect("a list").clone()
    }

    async fn the_ticket_tells_it(&self, first: &str) {
        let ticket = self.ticket_json().await;
        assert_eq!((&ticket["state"], &ticket["resolved_as"]), (&json!("resolved"), &json!("self_recovered")));
        assert_eq!(
            (&ticket["service"], &ticket["policy"]),
            (&json!("invoice-verification"), &json!("expense-critical"))
        );
        assert_eq!(ticket["alerts"][0]["state"], "resolved");
        let names = [
            "impact_started",
            "detected",
            "opened_at",
            "first_page_accepted",
            "acknowledged_at",
            "restored",
            "resolved_at",
        ];
        in_order(&ticket, &names);
        assert!(self.broken <= time(&ticket["impact_started"]), "not before it was broken");
        let page = self.pages().await.into_iter().find(|p| p["id"] == self.page.page()).expect("the first page");
        in_order(&page["stages"], &["broken", "seen", "confirmed", "ticket", "handed_over", "accepted"]);
        let took = time(&page["stages"]["accepted"]).duration_since(self.broken);
        assert!(took.as_secs() < 30, "promise 1: {took:#}");

        let timeline = self.bell.json(&format!("/api/v1/tickets/{}/timeline", self.ticket())).await;
        let kinds: Vec<&str> =
            timeline["timeline"].as_array().expect("a list").iter().filter_map(|e| e["kind"].as_str()).collect();
        let story = [
            "ticket_opened",
            "step_entered",
            "page_started",
            "send_started",
            "send_ended",
            "escalated",
            "step_entered",
            "page_started",
            "acknowledged",
            "alert_resolved",
            "ticket_resolved",
            "send_ended",
        ];
        let mut told = kinds.iter();
        let missing = story.iter().find(|wanted| !told.any(|kind| kind == *wanted));
        assert_eq!(missing, None, "in this order in {kinds:?}");

        let why = self.bell.json(&format!("/api/v1/tickets/{}/why", self.ticket())).await;
        let decisions = why["decisions"].as_array().expect("a list");
        let paged = decisions.iter().find(|d| d["outcome"] == "paged").expect("somebody was paged");
        assert_eq!(
            (&paged["person"], &paged["policy"], &paged["step"]),
            (&json!(first), &json!("expense-critical"), &json!(1))
        );
        assert_eq!(paged["rotation"], "expense-primary");
        assert!(
            paged["revision"].is_string() && (paged["layer"].is_string() || paged["override"].is_string()),
            "{paged}"
        );
        let stopped = decisions.iter().any(|d| {
            d["outcome"] == "suppressed" && d["reason"].as_str().is_some_and(|r| r.contains("acknowledged by"))
        });
        assert!(stopped, "why nobody was paged after: {decisions:?}");
    }

    async fn numbers_are_shown(&self) {
        let metrics = self.bell.get("/metrics").await.text;
        for stage in ["seen", "confirmed", "ticket", "handed_over", "accepted"] {
            let line = format!("watchbell_page_stage_seconds_count{{stage=\"{stage}\"}} 1");
            assert!(metrics.contains(&line), "{line}");
        }
        assert!(metrics.contains("probe_success{probe=\"invoice-verify\",service=\"invoice-verification\"} 1"));
        assert_eq!(self.bell.get("/readyz").await.status, 200);
        assert_eq!(self.bell.get("/healthz").await.status, 200);
    }
}

/// A mail of this ticket.
fn is_about(mail: &Mail, ticket: &str) -> bool {
    mail.header("X-Incident-Id") == Some(ticket)
}

/// What the header says, where it names a follow-up.
fn got_notice(mail: &Mail) -> String {
    mail.header("X-Page-Id").filter(|id| id.contains("-n")).unwrap_or_default().to_owned()
}

/// The mail says that it is over.
fn ends(mail: &Mail) -> bool {
    mail.text.starts_with("已自行恢复") || mail.text.starts_with("Recovered by itself")
}

fn time(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    text.parse().unwrap_or_else(|e| panic!("{text} is no time: {e}"))
}

/// None of them is missing, and none is before the one that it follows.
fn in_order(of: &Value, names: &[&str]) {
    for pair in names.windows(2) {
        assert!(time(&of[pair[0]]) <= time(&of[pair[1]]), "{} before {} in {of}", pair[0], pair[1]);
    }
}
