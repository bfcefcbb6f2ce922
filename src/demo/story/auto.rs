//! Plays the whole story by itself: breaks, answers, heals, and insists that everything happened in time.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use watchbell_engine::ids::TicketId;
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::view::{PageView, TicketState, TicketView, TimelineEntry, WhyView};
use watchbell_engine::word::Receipt;

use super::lines::LIMIT;
use super::look::{LookError, Onlooker, Seen};
use super::{Story, checks};
use crate::demo::service::Fault;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// How long each stage may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The whole story.
    pub overall: Duration,
    /// Until the server is ready, and then until the first probe has run.
    pub ready: Duration,
    /// From the switch to the first page.
    pub page: Duration,
    /// From the page's acceptance to phone and mail.
    pub sink: Duration,
    /// From the answer to the end of the escalation.
    pub ack: Duration,
    /// From the healing to the end of the ticket.
    pub resolve: Duration,
    /// From there until everybody has been told.
    pub told: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            overall: Duration::from_secs(60),
            ready: Duration::from_secs(15),
            page: Duration::from_secs(30),
            sink: Duration::from_secs(5),
            ack: Duration::from_secs(5),
            resolve: Duration::from_secs(25),
            told: Duration::from_secs(8),
        }
    }
}

/// Why a story did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DidNotHappen {
    /// A stage did not come in time.
    #[error("{what} did not happen within {limit}{}; look at {hint}", last.as_ref().map(|e| format!(" (last look failed: {e})")).unwrap_or_default())]
    InTime {
        /// What was waited for.
        what: &'static str,
        /// For how long at most.
        limit: Millis,
        /// Where the cause shows.
        hint: &'static str,
        /// Why the last look failed, where it did.
        last: Option<LookError>,
    },
    /// The server could not be asked or told.
    #[error("{0}")]
    Look(#[from] LookError),
    /// Something happened that must not.
    #[error("{0}")]
    Wrong(String),
}

/// A story that went well.
#[derive(Clone, Debug)]
pub struct Played {
    /// Its ticket.
    pub ticket: TicketId,
    /// From the switch to the first page handed over.
    pub page_after: Millis,
    /// From the switch to the last end notice.
    pub whole: Millis,
    /// What happened.
    pub timeline: Vec<TimelineEntry>,
    /// What was decided.
    pub why: WhyView,
}

/// Plays the story against a running server and says each line as it happens. `Ok` only if everything
/// happened, in time, and to the right person.
pub async fn play(
    world: &Onlooker,
    story: Story,
    limits: Limits,
    say: &mut dyn FnMut(&str),
) -> Result<Played, DidNotHappen> {
    let mut player = Player { world, story, say, limits, ends: Instant::now() + limits.overall };
    player.wait_until_watched().await?;

    world.break_it(Fault::Verification503).await?;
    let opened = player.wait_for_page().await?;
    player.check_first_page(&opened).await?;

    let ack_url = player.wait_for_sinks(&opened.page).await?;
    world.acknowledge(&ack_url).await?;
    let acknowledged_at = player.wait_for_ack(opened.ticket).await?;

    world.heal().await?;
    player.wait_for_end(opened.ticket, acknowledged_at).await?;
    let ended = player.wait_for_news(opened.ticket).await?;
    player.finish(&opened, ended).await
}

/// What is known once the first page has gone out.
struct Opened {
    ticket: TicketId,
    page: PageView,
    broken_at: Timestamp,
    page_after: Millis,
    worst_case: Option<Millis>,
}

/// What is known once everybody has been told.
struct Ended {
    seen: Seen,
    told_at: Timestamp,
}

struct Player<'a> {
    world: &'a Onlooker,
    story: Story,
    say: &'a mut dyn FnMut(&str),
    limits: Limits,
    ends: Instant,
}

impl Player<'_> {
    async fn wait_until_watched(&mut self) -> Result<(), DidNotHappen> {
        let begun = Instant::now();
        let mut last = None;
        while begun.elapsed() < self.limits.ready {
            match self.world.ready().await {
                Ok(()) => {
                    let watched = |seen: &Seen| seen.broken.served.contains_key("verify").then_some(());
                    let hint = "the probes of the overview page, and the log";
                    return self
                        .wait("the first probe of the expense service", self.limits.ready, hint, |s, _| watched(s))
                        .await;
                }
                Err(e) => last = Some(e),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let hint = "the server's log and /readyz";
        Err(DidNotHappen::InTime { what: "the start of the server", limit: self.limits.ready.into(), hint, last })
    }

    async fn wait_for_page(&mut self) -> Result<Opened, DidNotHappen> {
        let hint = "the probe on the overview page, `why` of the newest ticket, and the log";
        self.wait("the first page", self.limits.page, hint, |seen, story| {
            let switch = seen.broken.log.iter().rev().find(|switch| switch.fault.is_some())?;
            let ticket = seen.tickets.iter().find(|t| t.state != TicketState::Resolved && is_verification(t))?;
            let page = seen.pages_of(ticket.id).first()?;
            let first = page.attempts.iter().find(|a| a.receipt.is_some_and(Receipt::is_accepted))?;
            let probe = ticket.alerts.iter().find_map(|alert| alert.probe.as_ref());
            Some(Opened {
                ticket: ticket.id,
                page: page.clone(),
                broken_at: switch.at,
                page_after: elapsed(switch.at, first.at),
                worst_case: probe.and_then(|probe| story.cast().worst_case.get(probe).copied()),
            })
        })
        .await
    }

    async fn check_first_page(&mut self, opened: &Opened) -> Result<(), DidNotHappen> {
        let bound = opened.worst_case.map_or(LIMIT, |worst| worst.min(LIMIT));
        if opened.page_after > bound {
            let (took, bound) = (opened.page_after.as_secs_f64(), bound.as_secs_f64());
            return Err(DidNotHappen::Wrong(format!(
                "the first page took {took:.1} s, more than the promised {bound} s"
            )));
        }
        let on_duty = self.world.on_duty().await?;
        if !checks::is_on_duty(&opened.page, &on_duty) {
            let (person, why) = (&opened.page.person, &opened.page.why.text);
            return Err(DidNotHappen::Wrong(format!(
                "{person} was paged ({why}), but is not on duty by /api/v1/oncall"
            )));
        }
        Ok(())
    }

    /// Waits until the page lies on the phone and in the mail of its person; returns the phone's link.
    async fn wait_for_sinks(&mut self, page: &PageView) -> Result<String, DidNotHappen> {
        let hint = "/demo/phone, and the attempts of the page in /api/v1/pages";
        let on_phone = |seen: &Seen| checks::page_on_phone(seen, page)?.ack_url.clone();
        let link = self.wait("the page on the phone", self.limits.sink, hint, |seen, _| on_phone(seen)).await?;
        let by_mail = |seen: &Seen, story: &Story| checks::page_by_mail(seen, story.cast(), page).map(drop);
        self.wait("the page by mail", self.limits.sink, hint, by_mail).await?;
        Ok(link)
    }

    async fn wait_for_ack(&mut self, ticket: TicketId) -> Result<Timestamp, DidNotHappen> {
        let hint = "the ticket's timeline";
        self.wait("the acknowledgement", self.limits.ack, hint, |seen, _| {
            let ticket = seen.tickets.iter().find(|t| t.id == ticket)?;
            checks::pursues_nobody(seen.pages_of(ticket.id)).then_some(ticket.acknowledged_at?)
        })
        .await
    }

    /// Waits for the end of the ticket. Nobody may have been paged between the answer and it.
    async fn wait_for_end(&mut self, ticket: TicketId, acknowledged_at: Timestamp) -> Result<(), DidNotHappen> {
        let hint = "the probe on the overview page, and the ticket's timeline";
        let ended = |seen: &Seen| seen.tickets.iter().any(|t| is_over(t, ticket)).then(|| seen.clone());
        let seen = self.wait("the end of the ticket", self.limits.resolve, hint, |seen, _| ended(seen)).await?;
        let late = checks::paged_after(&seen, ticket, acknowledged_at);
        if late.is_empty() {
            return Ok(());
        }
        Err(DidNotHappen::Wrong(format!("somebody had it, and still was paged: {}", late.join(", "))))
    }

    async fn wait_for_news(&mut self, ticket: TicketId) -> Result<Ended, DidNotHappen> {
        let what = "the news of the end to everybody who was paged";
        self.wait(what, self.limits.told, "/demo/phone", |seen, story| {
            let ticket = seen.tickets.iter().find(|t| is_over(t, ticket))?;
            let told = checks::everybody_told(seen, story.cast(), ticket)?;
            Some(Ended { seen: seen.clone(), told_at: told.at })
        })
        .await
    }

    async fn finish(self, opened: &Opened, ended: Ended) -> Result<Played, DidNotHappen> {
        let why = self.world.why(opened.ticket).await?;
        if why.decisions.is_empty() {
            return Err(DidNotHappen::Wrong(format!("`why {}` explains nothing", opened.ticket)));
        }
        let timeline = ended.seen.timeline_of(opened.ticket).to_vec();
        let cast = self.story.cast();
        (self.say)(&format!("\ntimeline {}", opened.ticket));
        for entry in &timeline {
            (self.say)(&format!("  {} {}", cast.clock(entry.at), entry.text));
        }
        (self.say)(&format!("\nwhy {}", opened.ticket));
        for decision in &why.decisions {
            let who = decision.person.as_ref().map(|person| format!("{}: ", cast.name(person))).unwrap_or_default();
            (self.say)(&format!("  {} {who}{}", cast.clock(decision.at), decision.reason));
        }
        let whole = elapsed(opened.broken_at, ended.told_at);
        let bound = opened.worst_case.map_or(LIMIT, |worst| worst.min(LIMIT)).as_secs_f64();
        (self.say)(&format!(
            "\nall of it happened: first page after {:.1} s (promised {bound} s), over after {:.1} s",
            opened.page_after.as_secs_f64(),
            whole.as_secs_f64()
        ));
        Ok(Played { ticket: opened.ticket, page_after: opened.page_after, whole, timeline, why })
    }

    /// Looks until `found` finds something, telling the story meanwhile.
    async fn wait<T>(
        &mut self,
        what: &'static str,
        limit: Duration,
        hint: &'static str,
        found: impl Fn(&Seen, &Story) -> Option<T>,
    ) -> Result<T, DidNotHappen> {
        let ends = (Instant::now() + limit).min(self.ends);
        loop {
            let last = match self.world.look().await {
                Ok(seen) => {
                    for line in self.story.tell(&seen) {
                        (self.say)(&line.to_string());
                    }
                    if let Some(thing) = found(&seen, &self.story) {
                        return Ok(thing);
                    }
                    None
                }
                Err(e) => Some(e),
            };
            if Instant::now() >= ends {
                return Err(DidNotHappen::InTime { what, limit: limit.into(), hint, last });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether a ticket is about what the player broke.
fn is_verification(ticket: &TicketView) -> bool {
    ticket.alerts.iter().any(|alert| alert.probe.as_ref().is_some_and(|probe| probe.as_str().contains("verif")))
}

fn is_over(ticket: &TicketView, id: TicketId) -> bool {
    ticket.id == id && ticket.state == TicketState::Resolved
}
