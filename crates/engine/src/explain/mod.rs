//! Timeline and `why`: queries over the facts of one ticket. Nothing is decided here; each fact already
//! holds its reason.

mod handed;

use crate::fact::{Because, Fact, MessageKind, Quiet, Skip, Stage, What};
use crate::ids::{PolicyId, SendSubject, TicketId};
use crate::input::{Actor, Via};
use crate::view::{TimelineEntry, WhyDecision, WhyOutcome, WhyView};
use crate::word::Receipt;

/// The story of a ticket, oldest first.
pub fn timeline(facts: &[Fact]) -> Vec<TimelineEntry> {
    facts.iter().filter_map(entry).collect()
}

fn entry(fact: &Fact) -> Option<TimelineEntry> {
    let (text, by) = tell(&fact.what)?;
    let by = by.map(|a| a.name.clone());
    Some(TimelineEntry { fact: fact.no.0, at: fact.at, kind: fact.what.kind().into(), text, by })
}

fn tell(what: &What) -> Option<(String, Option<&Actor>)> {
    let text = match what {
        What::TicketOpened { alert, routed, storm, .. } => {
            let storm = storm
                .as_ref()
                .map_or(String::new(), |of| format!("; {of} has so many faults at once that further ones join here"));
            format!(
                "opened as {}: {} ({}); route {}, policy {}{storm}",
                routed.priority, alert.title.en, alert.summary, routed.route, routed.policy
            )
        }
        What::Flapped { key, up, calm_at } => {
            let now = if *up { "up" } else { "down" };
            format!(
                "{key} comes and goes, and is {now} now; the ticket stays open until it is calm, {calm_at:.0} at the earliest"
            )
        }
        What::FlapEnded { key } => format!("{key} is calm"),
        What::TicketReopened { alert, occurrence, .. } => {
            format!("reopened (occurrence {occurrence}): {} ({})", alert.title.en, alert.summary)
        }
        What::AlertJoined { alert, .. } => format!("{} joined: {}", alert.key, alert.summary),
        What::AlertChanged { alert, priority, .. } => {
            format!("{} is now {} ({priority}): {}", alert.key, alert.severity, alert.summary)
        }
        What::AlertResolved { key, reason } => format!("{key} ended: {reason}"),
        What::ProbeGone { probe } => format!("probe {probe} is gone from the configuration; the ticket goes on"),
        What::StepEntered { policy, pass, stage, due, because, .. } => {
            format!("{} of {policy}, pass {pass}, until {due:.0}: {}", stage_text(*stage), because_text(because))
        }
        What::Skipped { stage, person, skip, .. } => {
            let who = person.as_ref().map_or(String::new(), |p| format!(" {p}"));
            format!("{} passed over{who}: {}", stage_text(*stage), skip_text(skip))
        }
        What::PageStarted { page, person, why, .. } => format!("paging {person} ({page}): {}", why.text),
        What::PageUnreachable { page } => format!("{page} reached nobody: no channel accepted it"),
        What::SendStarted { send, person, channel, kind, .. } => {
            format!("{} to {person} over {channel} ({send})", kind.webhook_type())
        }
        What::SendEnded { send, receipt, detail, retry_at, .. } => {
            let detail = detail.as_ref().map_or(String::new(), |d| format!(": {d}"));
            let again = retry_at.map_or(String::new(), |at| format!("; again at {at:.0}"));
            format!("{send} {}{detail}{again}", receipt_text(*receipt))
        }
        What::Acknowledged { by, page, .. } => {
            return Some((format!("acknowledged by {}{}", by.name, via_text(by, page.is_some())), Some(by)));
        }
        What::Escalated { by, .. } => return Some((format!("escalated by {}", by.name), Some(by))),
        What::Declined { by, page } => return Some((format!("{page} declined by {}", by.name), Some(by))),
        What::Snoozed { by, until } => return Some((format!("snoozed by {} until {until:.0}", by.name), Some(by))),
        What::Noted { by, text, .. } => return Some((text.clone(), Some(by))),
        What::Held { silence, until } => format!("paging held by silence {silence} until {until:.0} at most"),
        What::HeldBack { quiet, .. } => format!("paging held: {}", quiet_text(quiet)),
        What::AlertQuiet { alert, quiet, .. } => format!("{} is not paged: {}", alert.key, quiet_text(quiet)),
        What::QuietResolved { key } => format!("{key}, which was not paged, is over"),
        What::TicketResolved { resolved_as, cause, by } => {
            let cause = cause.as_ref().map_or(String::new(), |c| format!(": {c}"));
            return Some((format!("resolved as {resolved_as} by {}{cause}", by.name), Some(by)));
        }
        What::NoticeOwed { person, channel, kind, .. } => {
            format!("{person} is owed {} over {channel}", kind.webhook_type())
        }
        What::StepWaits { .. }
        | What::KeptForHours { .. }
        | What::PageGathered { .. }
        | What::PageTold { .. }
        | What::PageLoosened { .. }
        | What::AcknowledgedByOne { .. }
        | What::AckRenewed { .. }
        | What::TakenOver { .. }
        | What::Assigned { .. }
        | What::MergedInto { .. }
        | What::MergedFrom { .. } => return handed::tell(what),
        What::EntryBegun { .. }
        | What::Started { .. }
        | What::Reloaded { .. }
        | What::ClockShifted { .. }
        | What::DutyChanged { .. }
        | What::SilenceAdded { .. }
        | What::SilenceChanged { .. }
        | What::SilenceExpiring { .. }
        | What::SilenceEnded { .. }
        | What::MaintenanceAdded { .. }
        | What::MaintenanceEnded { .. }
        | What::OverrideAdded { .. }
        | What::OverrideRemoved { .. }
        | What::AbsenceAdded { .. }
        | What::AbsenceRemoved { .. }
        | What::CoverAsked { .. }
        | What::CoverAnswered { .. }
        | What::DutyNoticeOwed { .. }
        | What::DutyNoticeDropped { .. }
        | What::TestAsked { .. } => return None,
    };
    Some((text, None))
}

/// Every page that was sent or not sent for a ticket, and why, oldest first.
pub fn why(ticket: TicketId, facts: &[Fact]) -> WhyView {
    let mut here = Here::default();
    let decisions = facts.iter().filter(|f| f.ticket == Some(ticket)).filter_map(|f| here.decision(f)).collect();
    WhyView { ticket, decisions }
}

/// Where in the policy the facts have come to.
#[derive(Default)]
struct Here {
    policy: Option<PolicyId>,
    stage: Option<Stage>,
    whys: std::collections::BTreeMap<u32, (crate::ids::PersonId, crate::view::Why, Option<PolicyId>, Option<Stage>)>,
}

impl Here {
    fn decision(&mut self, fact: &Fact) -> Option<WhyDecision> {
        match &fact.what {
            What::StepEntered { policy, stage, .. } => {
                (self.policy, self.stage) = (Some(policy.clone()), Some(*stage));
                None
            }
            What::PageStarted { page, person, why, .. } => {
                self.whys.insert(page.n, (person.clone(), why.clone(), self.policy.clone(), self.stage));
                None
            }
            What::SendStarted { send, person, channel, kind: MessageKind::Page, .. } => {
                let SendSubject::Page(page) = send.subject else { return None };
                let (_, why, policy, stage) = self.whys.get(&page.n)?;
                let again = if send.attempt > 1 { format!(" ({send})") } else { String::new() };
                Some(WhyDecision {
                    at: fact.at,
                    outcome: WhyOutcome::Paged,
                    person: Some(person.clone()),
                    channel: Some(channel.clone()),
                    reason: format!("{}{again}", why.text),
                    revision: Some(why.revision.clone()),
                    policy: policy.clone(),
                    step: stage.and_then(Stage::shown),
                    rotation: why.rotation.clone(),
                    layer: why.layer.clone(),
                    override_: why.override_.clone(),
                    silence: None,
                })
            }
            What::Skipped { stage, person, skip, policy, revision } => {
                let mut out = passed_over(fact, WhyOutcome::Skipped, skip_text(skip));
                out.person = person.clone();
                out.policy = Some(policy.clone());
                out.step = stage.shown();
                out.revision = Some(revision.clone());
                if let Skip::NobodyOnDuty { rotation } = skip {
                    out.rotation = Some(rotation.clone());
                }
                Some(out)
            }
            What::PageUnreachable { page } => {
                let mut out = passed_over(fact, WhyOutcome::Skipped, "no channel accepted the page".into());
                out.person = self.whys.get(&page.n).map(|(person, ..)| person.clone());
                (out.policy, out.step) = (self.policy.clone(), self.stage.and_then(Stage::shown));
                Some(out)
            }
            What::Held { silence, until } => {
                let mut out =
                    passed_over(fact, WhyOutcome::Suppressed, format!("silenced by {silence} until {until:.0}"));
                out.silence = Some(*silence);
                Some(out)
            }
            What::HeldBack { quiet, .. } => Some(passed_over(fact, WhyOutcome::Suppressed, quiet_text(quiet))),
            What::AlertQuiet { alert, quiet, revision } => {
                let reason = format!("{} is not paged: {}", alert.key, quiet_text(quiet));
                let mut out = passed_over(fact, WhyOutcome::Suppressed, reason);
                out.revision = Some(revision.clone());
                Some(out)
            }
            What::Acknowledged { by, .. } => {
                Some(passed_over(fact, WhyOutcome::Suppressed, format!("acknowledged by {}; paging stops", by.name)))
            }
            What::Snoozed { by, until } => {
                Some(passed_over(fact, WhyOutcome::Suppressed, format!("snoozed by {} until {until:.0}", by.name)))
            }
            What::TicketResolved { by, resolved_as, .. } => {
                let reason = format!("resolved as {resolved_as} by {}; paging stops", by.name);
                Some(passed_over(fact, WhyOutcome::Suppressed, reason))
            }
            What::AlertJoined { alert, .. } => {
                let reason =
                    format!("{} joined the open ticket; new pages only where a step is entered for it", alert.key);
                Some(passed_over(fact, WhyOutcome::Suppressed, reason))
            }
            What::StepWaits { .. }
            | What::KeptForHours { .. }
            | What::PageGathered { .. }
            | What::PageTold { .. }
            | What::PageLoosened { .. }
            | What::AcknowledgedByOne { .. }
            | What::AckRenewed { .. }
            | What::TakenOver { .. }
            | What::Assigned { .. }
            | What::MergedInto { .. }
            | What::MergedFrom { .. } => {
                let (outcome, reason, stage) = handed::reason(fact)?;
                let mut out = passed_over(fact, outcome, reason);
                (out.policy, out.step) = (self.policy.clone(), stage.or(self.stage).and_then(Stage::shown));
                if let What::PageTold { page, channel, .. } = &fact.what {
                    out.person = self.whys.get(&page.n).map(|(person, ..)| person.clone());
                    out.channel = Some(channel.clone());
                }
                Some(out)
            }
            What::SendStarted { .. }
            | What::SendEnded { .. }
            | What::EntryBegun { .. }
            | What::TicketOpened { .. }
            | What::TicketReopened { .. }
            | What::AlertChanged { .. }
            | What::AlertResolved { .. }
            | What::Flapped { .. }
            | What::FlapEnded { .. }
            | What::ProbeGone { .. }
            | What::Escalated { .. }
            | What::Declined { .. }
            | What::Noted { .. }
            | What::NoticeOwed { .. }
            | What::Started { .. }
            | What::Reloaded { .. }
            | What::ClockShifted { .. }
            | What::DutyChanged { .. }
            | What::QuietResolved { .. }
            | What::SilenceAdded { .. }
            | What::SilenceChanged { .. }
            | What::SilenceExpiring { .. }
            | What::SilenceEnded { .. }
            | What::MaintenanceAdded { .. }
            | What::MaintenanceEnded { .. }
            | What::OverrideAdded { .. }
            | What::OverrideRemoved { .. }
            | What::AbsenceAdded { .. }
            | What::AbsenceRemoved { .. }
            | What::CoverAsked { .. }
            | What::CoverAnswered { .. }
            | What::DutyNoticeOwed { .. }
            | What::DutyNoticeDropped { .. }
            | What::TestAsked { .. } => None,
        }
    }
}

fn passed_over(fact: &Fact, outcome: WhyOutcome, reason: String) -> WhyDecision {
    WhyDecision {
        at: fact.at,
        outcome,
        person: None,
        channel: None,
        reason,
        revision: None,
        policy: None,
        step: None,
        rotation: None,
        layer: None,
        override_: None,
        silence: None,
    }
}

fn stage_text(stage: Stage) -> String {
    match stage {
        Stage::Step(index) => format!("step {}", index + 1),
        Stage::CatchAll => "the catch-all".into(),
        Stage::Named => "one person".into(),
    }
}

fn because_text(because: &Because) -> String {
    match because {
        Because::Opened => "the ticket was opened".into(),
        Because::Reopened => "the ticket was reopened".into(),
        Because::NotAcknowledged => "nobody acknowledged in time".into(),
        Because::NobodyReached => "nobody of the step before was reached".into(),
        Because::Declined => "everybody of the step before declined".into(),
        Because::Escalated => "somebody asked for it".into(),
        Because::SnoozeEnded => "the snooze ended".into(),
        Because::AckTimedOut => "the acknowledgement ran out".into(),
        Because::SilenceEnded(id) => format!("silence {id} ended and it is still firing"),
        Because::QuietEnded(quiet) => format!("it is still firing after it was quiet ({})", quiet_text(quiet)),
        Because::Regrouped => "a new or worse alert asks for people again".into(),
        Because::Rerouted => "its policy is gone from the configuration".into(),
        Because::WindowOpened => "the window that it waited for is open".into(),
        Because::HoursBegan => "office hours began".into(),
        Because::Assigned => "it was given to them".into(),
        Because::Away { since } => {
            format!("it fell due at {since:.0}, when watchbell was not there; decided anew from the present")
        }
    }
}

/// Why something is not paged, in words.
pub fn quiet_text(quiet: &Quiet) -> String {
    match quiet {
        Quiet::Silenced(id) => format!("silenced by {id}"),
        Quiet::Info => "it only informs".into(),
        Quiet::Standing { silence, until } => format!("silenced by the recurring silence {silence} until {until:.0}"),
        Quiet::Maintenance { window, until } => format!("expected in maintenance {window} until {until:.0}"),
        Quiet::Inhibited { by, ticket } => format!("{by} explains it, which somebody was told of in {ticket}"),
        Quiet::Depends { on, ticket } => format!("it depends on {on}, which is down; somebody was told in {ticket}"),
        Quiet::Settling { until } => format!("it waits until {until:.0} for what may explain it"),
    }
}

fn skip_text(skip: &Skip) -> String {
    match skip {
        Skip::NobodyOnDuty { rotation } => format!("nobody is on duty in {rotation}"),
        Skip::Disabled => "the person is disabled".into(),
        Skip::Gone => "the person is gone from the configuration".into(),
        Skip::NoContact => "there is no channel to reach the person".into(),
        Skip::NobodyLeft => "nobody is left to page here".into(),
        Skip::NotNow { opens: None } => "its condition is not fulfilled".into(),
        Skip::NotNow { opens: Some(at) } => format!("its window opens at {at:.0}"),
    }
}

fn receipt_text(receipt: Receipt) -> &'static str {
    match receipt {
        Receipt::Accepted => "accepted",
        Receipt::Delivered => "delivered",
        Receipt::Seen => "seen",
        Receipt::Answered => "answered",
        Receipt::TryAgain => "failed for now",
        Receipt::Refused => "refused",
        Receipt::Unknown => "has no known outcome",
        Receipt::Lapsed => "lapsed",
        Receipt::CalledOff => "called off",
    }
}

fn via_text(by: &Actor, through_page: bool) -> String {
    match &by.via {
        Via::Link if through_page => " through the page's link".into(),
        Via::Room { room } => format!(" via {room}, unverified"),
        Via::Link | Via::Api | Via::Engine => String::new(),
    }
}
