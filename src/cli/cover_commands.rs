//! `cover`, `swap`, `covers`: asking others to take a shift, and answering.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use watchbell_config::Config;
use watchbell_engine::view::CoverView;

use super::args::{CoverArgs, CoversCommand, SwapArgs, instant};
use super::output::Failure;
use super::server_commands::{Session, length};
use super::tell;
use crate::clock::Clock;
use crate::web::api::shapes::{CoverDone, Covers};
use crate::web::percent_encoded;

impl Session {
    /// Asks somebody, or everybody else of the rotation.
    pub(super) async fn cover(&self, config: Option<&Config>, asked: CoverArgs) -> Result<(), Failure> {
        let zone = self.zone_of(config, &asked.rotation);
        let mut body = span(zone, asked.from.as_deref(), asked.to.as_deref(), asked.lasts)?;
        body["rotation"] = json!(asked.rotation);
        body["person"] = json!(asked.person);
        body["ask"] = json!(asked.ask);
        body["note"] = json!(asked.note);
        self.ask(&body, zone).await
    }

    /// Offers to take another shift in return.
    pub(super) async fn swap(&self, config: Option<&Config>, asked: SwapArgs) -> Result<(), Failure> {
        let zone = self.zone_of(config, &asked.rotation);
        let mut body = span(zone, Some(&asked.from), asked.to.as_deref(), asked.lasts)?;
        body["rotation"] = json!(asked.rotation);
        body["person"] = json!(asked.person);
        body["ask"] = json!(asked.with);
        body["note"] = json!(asked.note);
        body["swap_for"] = span(zone, Some(&asked.their_from), asked.their_to.as_deref(), asked.lasts)?;
        self.ask(&body, zone).await
    }

    pub(super) async fn covers(&self, command: Option<CoversCommand>) -> Result<(), Failure> {
        let (id, deed, body) = match command {
            None => {
                let all: Covers = self.api.get("/api/v1/covers").await?;
                let lines = || all.covers.iter().map(|c| line(c, &self.zone)).collect::<Vec<_>>().join("\n");
                self.show(&all, || if all.covers.is_empty() { "nobody asks for cover".into() } else { lines() });
                return Ok(());
            }
            Some(CoversCommand::Accept { id, person }) => (id, "accept", json!({"person": person})),
            Some(CoversCommand::Decline { id, person }) => (id, "decline", json!({"person": person})),
            Some(CoversCommand::Withdraw { id }) => (id, "withdraw", json!({})),
        };
        let done: CoverDone = self.api.post(&format!("/api/v1/covers/{}/{deed}", percent_encoded(&id)), &body).await?;
        self.show(&done, || {
            let by = done.person.as_ref().map_or(String::new(), |person| format!(" by {person}"));
            format!("{} is {}{by}", done.id, done.outcome)
        });
        Ok(())
    }

    async fn ask(&self, body: &Value, zone: &TimeZone) -> Result<(), Failure> {
        let cover: CoverView = self.api.post("/api/v1/covers", body).await?;
        self.show(&cover, || line(&cover, zone));
        Ok(())
    }

    fn zone_of<'a>(&'a self, config: Option<&'a Config>, rotation: &str) -> &'a TimeZone {
        config.and_then(|c| c.catalog.rotations.get(rotation)).map_or(&self.zone, |r| &r.zone)
    }
}

/// The fields `from` and `to` or `for` of a request.
fn span(
    zone: &TimeZone,
    from: Option<&str>,
    to: Option<&str>,
    lasts: Option<SignedDuration>,
) -> Result<Value, Failure> {
    let now = Clock::system().now();
    let at = |text: &str| instant(text, zone, now).map_err(Failure::input);
    let from = from.map_or(Ok(now), at)?;
    match (to, lasts) {
        (Some(to), _) => Ok(json!({"from": from, "to": at(to)?})),
        (None, Some(lasts)) => Ok(json!({"from": from, "for": length(lasts)})),
        (None, None) => Err(Failure::input("say until when: --to or --for")),
    }
}

fn line(cover: &CoverView, zone: &TimeZone) -> String {
    let span = |from, to| format!("{} to {}", tell::moment(from, zone), tell::moment(to, zone));
    let whom = cover.asked.as_ref().map_or("everybody else".to_owned(), ToString::to_string);
    let (id, person, rotation) = (cover.id, &cover.person, &cover.rotation);
    let swap = cover.swap_for.map_or(String::new(), |s| format!(", in return for {}", span(s.from, s.to)));
    let note = cover.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
    format!("{id}: {person} asks {whom} to take {rotation} from {}{swap}{note}", span(cover.from, cover.to))
}
