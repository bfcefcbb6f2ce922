//! How the story is told: one line for each thing that people would notice, and for each decision with
//! its reason.

use watchbell_engine::duty_notice::DutyEvent;
use watchbell_engine::explain;
use watchbell_engine::fact::{Because, DutyRecord, Fact, MessageKind, Quiet, Stage, What};
use watchbell_engine::ids::{PersonId, SendSubject};
use watchbell_engine::input::{Answer, Deed, SignalAction};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::view::TicketState;

use crate::script::{CrashPoint, Habit, Happening, Health, Mode, StoreMode};
use crate::world::World;

/// What happens to the world; `None` for what is told when it is answered.
pub(crate) fn happening(happening: &Happening) -> Option<String> {
    Some(match happening {
        Happening::Target { probe, health } => match health {
            Health::Up => format!("{probe} works"),
            Health::Down { kind, status: Some(status) } => format!("{probe} breaks: {kind} {status}"),
            Health::Down { kind, status: None } => format!("{probe} breaks: {kind}"),
            Health::Slow(total) => format!("{probe} is slow: {total}"),
            Health::Unknowable => format!("{probe} cannot be judged"),
        },
        Happening::Signal(signal) => match signal.action {
            SignalAction::Fire => {
                format!("{} says that {} fires ({})", signal.source, signal.dedup_key, signal.severity)
            }
            SignalAction::Resolve => format!("{} says that {} is over", signal.source, signal.dedup_key),
            SignalAction::Acknowledge => format!("{} says that somebody has {}", signal.source, signal.dedup_key),
            SignalAction::Change => format!("{} changes something", signal.source),
        },
        Happening::Beat { probe, beat } => format!("{probe} says {beat:?}"),
        Happening::Act { .. } => return None,
        Happening::Channel { channel, person, mode } => {
            let whose = person.as_ref().map_or(String::new(), |p| format!(" of {p}"));
            format!("{channel}{whose} {}", mode_text(*mode))
        }
        Happening::Habit { person, habit } => match habit {
            Habit::Sleeps => format!("{person} sleeps"),
            Habit::Acks(after) => format!("{person} acknowledges what comes, after {after}"),
            Habit::Declines(after) => format!("{person} declines what comes, after {after}"),
        },
        Happening::Crash { when: CrashPoint::Now, .. } => return None,
        Happening::Crash { when, .. } => format!("watchbell is to die: {}", crash_text(*when)),
        Happening::Store(mode) => format!("the store {}", store_text(*mode)),
        Happening::Clock { by_ms } => format!("the wall clock is set by {:+} s", by_ms / 1_000),
        Happening::Reload(_) => "a new configuration is put in force".into(),
    })
}

fn mode_text(mode: Mode) -> &'static str {
    match mode {
        Mode::Accepts => "accepts",
        Mode::Refuses => "refuses",
        Mode::FailsForNow => "fails for now",
        Mode::Hangs => "hangs",
        Mode::AnswerLost => "takes it and its answer is lost",
        Mode::Loses => "says that it took it, and loses it",
        Mode::Delays => "takes it and is late",
        Mode::Doubles => "delivers twice",
        Mode::FailsAndDelivers => "fails for now, and delivers",
    }
}

fn store_text(mode: StoreMode) -> &'static str {
    match mode {
        StoreMode::Works => "works",
        StoreMode::Fails => "fails",
        StoreMode::Hangs => "hangs",
        StoreMode::SaysNothing => "writes, and its answers are lost",
    }
}

fn crash_text(point: CrashPoint) -> &'static str {
    match point {
        CrashPoint::Now => "now",
        CrashPoint::BeforeCommit => "before the next commit",
        CrashPoint::BeforeRelease => "after the next commit with a message, before the release",
        CrashPoint::BeforeHandOver => "after the next release, before the provider has it",
        CrashPoint::BeforeReport => "when the next message is at its provider",
        CrashPoint::BeforeAnswer => "when the next answer is durable, before it is given",
    }
}

/// A message at somebody's phone.
pub(crate) fn arrival(message: &Outgoing) -> String {
    let to = format!("→ {} over {}", message.person, message.channel);
    if let Some(duty) = &message.duty {
        let event = match duty.event {
            DutyEvent::ComesOn => "comes on",
            DutyEvent::GoesOff => "goes off",
            DutyEvent::Reminder => "will come on",
            DutyEvent::Cover => "cover",
        };
        let tickets: Vec<String> = duty.tickets.iter().map(|ticket| ticket.id.to_string()).collect();
        let open = if tickets.is_empty() { String::new() } else { format!("; open: {}", tickets.join(", ")) };
        let cover = duty.cover.as_ref().map_or(String::new(), |cover| {
            let outcome = cover.outcome.map_or("asked", watchbell_engine::word::CoverOutcome::as_str);
            format!(" {} {outcome}", cover.id)
        });
        return format!("{to}: {} {} {event}{cover}{open}", message.kind.webhook_type(), duty.rotation);
    }
    if let Some(about) = &message.silence {
        return format!("{to}: {} {}, {} still there", message.kind.webhook_type(), about.silence, about.firing);
    }
    let Some(about) = &message.about else { return format!("{to}: test {}", message.send) };
    let by = message.by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
    let what = format!("{} {}", about.priority, about.title.en);
    match message.kind {
        MessageKind::Page => {
            let kind = about.alert.kind.map_or(String::new(), |k| format!(" · {k}"));
            let state = match about.state {
                TicketState::Triggered => "",
                TicketState::Acknowledged => " (acknowledged)",
                TicketState::Resolved => " (resolved)",
            };
            let why = about.why.as_ref().map_or("", |w| w.text.as_str());
            let next = about.next_to.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ");
            let also: String =
                message.also.iter().map(|a| format!("; also {} {} {}", a.ticket, a.priority, a.title.en)).collect();
            format!("{to}: {what}{kind}{state} [{}] {why}; next {next}{also}", message.send)
        }
        kind @ (MessageKind::Acknowledged
        | MessageKind::Escalated
        | MessageKind::Resolved
        | MessageKind::Cancelled
        | MessageKind::Test
        | MessageKind::DutyHandoff
        | MessageKind::DutyReminder
        | MessageKind::DutyCover
        | MessageKind::SilenceExpiring) => format!("{to}: {} {}{by}", kind.webhook_type(), about.ticket),
    }
}

/// A try that did not go as it should.
pub(crate) fn failed_try(message: &Outgoing, mode: Mode) -> String {
    let what = match message.send.subject {
        SendSubject::Page(page) => page.to_string(),
        SendSubject::Notice(notice) => format!("{} ({notice})", message.kind.webhook_type()),
        SendSubject::Test(test) => test.to_string(),
        SendSubject::Canary(round) => round.to_string(),
        SendSubject::Duty(duty) => format!("{} ({duty})", message.kind.webhook_type()),
    };
    format!("✗ {} {}: {what} for {}", message.channel, mode_text(mode), message.person)
}

/// What somebody asks for.
pub(crate) fn deed(person: &PersonId, deed: &Deed) -> String {
    match deed {
        Deed::Ack { page: Some(page), .. } => format!("{person} acknowledges through the link of {page}"),
        Deed::Ack { ticket, page: None } => format!("{person} acknowledges {ticket}"),
        Deed::Resolve { ticket, resolved_as, .. } => format!("{person} ends {ticket} as {resolved_as}"),
        Deed::Escalate { ticket, .. } => format!("{person} escalates {ticket}"),
        Deed::Decline { page } => format!("{person} declines {page}"),
        Deed::Snooze { ticket, .. } => format!("{person} snoozes {ticket}"),
        Deed::Take { ticket } => format!("{person} takes {ticket} over"),
        Deed::Assign { ticket, person: other } => format!("{person} gives {ticket} to {other}"),
        Deed::Merge { ticket, into } => format!("{person} merges {ticket} into {into}"),
        Deed::Note { ticket, text } => format!("{person} notes on {ticket}: {text}"),
        Deed::Declare { summary, .. } => format!("{person} declares: {summary}"),
        Deed::AddSilence { matchers, reason, .. } => format!("{person} silences {matchers:?}: {reason}"),
        Deed::ChangeSilence { silence, .. } => format!("{person} gives {silence} another end"),
        Deed::EndSilence { silence } => format!("{person} ends {silence}"),
        Deed::AddOverride { rotation, person: other, replaces: None, .. } => {
            format!("{person} puts {other} in {rotation}")
        }
        Deed::AddOverride { rotation, person: other, replaces: Some(replaced), .. } => {
            format!("{person} puts {other} in {rotation} for {replaced}")
        }
        Deed::AddMaintenance { title, .. } => format!("{person} begins maintenance: {title}"),
        Deed::EndMaintenance { maintenance } => format!("{person} ends {maintenance}"),
        Deed::RemoveOverride { override_id } => format!("{person} takes {override_id} back"),
        Deed::AddAbsence { person: other, reason, .. } => {
            let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            format!("{person} says that {other} is away{reason}")
        }
        Deed::RemoveAbsence { absence_id } => format!("{person} takes {absence_id} back"),
        Deed::AskCover { person: other, asked, .. } => {
            let whom = asked.as_ref().map_or("everybody", PersonId::as_str);
            format!("{person} asks {whom} to cover {other}")
        }
        Deed::AcceptCover { cover, .. } => format!("{person} accepts {cover}"),
        Deed::DeclineCover { cover, .. } => format!("{person} declines {cover}"),
        Deed::WithdrawCover { cover } => format!("{person} withdraws {cover}"),
        Deed::TestPage { person: other, .. } => format!("{person} asks for a test page to {other}"),
    }
}

/// What they are told.
pub(crate) fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Done | Answer::Ticket { already: false, .. } => "done".into(),
        Answer::Ticket { already: true, .. } => "it was so already".into(),
        Answer::Signal { dedup_key, .. } => format!("taken in as {dedup_key}"),
        Answer::Signals(tickets) => format!("{} taken in", tickets.len()),
        Answer::Silence(id) => id.to_string(),
        Answer::Maintenance(id) => id.to_string(),
        Answer::Override(id) => id.to_string(),
        Answer::Absence(id) => id.to_string(),
        Answer::Cover(id) => id.to_string(),
        Answer::Test(id) => id.to_string(),
        Answer::Refused(refusal) => format!("refused, {refusal}"),
    }
}

impl World {
    /// Tells the facts from this one on.
    pub(crate) fn tell_facts(&mut self, from: usize) {
        for n in from..self.store.facts.len() {
            if let Some(told) = fact(&self.store.facts[n]) {
                let at = self.store.facts[n].at;
                self.log.say(at, told);
            }
        }
    }
}

/// A decision with its reason; `None` for what shows by itself.
pub(crate) fn fact(fact: &Fact) -> Option<String> {
    let on = fact.ticket.map_or(String::new(), |t| format!("{t} "));
    match &fact.what {
        What::StepEntered { policy, pass, stage, because, .. } => {
            let stage = match stage {
                Stage::Step(index) => format!("step {}", index + 1),
                Stage::CatchAll => "catch-all".into(),
                Stage::Named => "one person".into(),
            };
            Some(format!("{on}{stage} of {policy}, pass {pass}: {}", because_text(because)))
        }
        What::TicketOpened { .. }
        | What::TicketReopened { .. }
        | What::AlertJoined { .. }
        | What::AlertChanged { .. }
        | What::AlertResolved { .. }
        | What::Flapped { .. }
        | What::FlapEnded { .. }
        | What::ProbeGone { .. }
        | What::Skipped { .. }
        | What::PageUnreachable { .. }
        | What::Acknowledged { .. }
        | What::Escalated { .. }
        | What::Declined { .. }
        | What::Snoozed { .. }
        | What::Held { .. }
        | What::HeldBack { .. }
        | What::StepWaits { .. }
        | What::KeptForHours { .. }
        | What::PageGathered { .. }
        | What::PageTold { .. }
        | What::PageLoosened { .. }
        | What::AcknowledgedByOne { .. }
        | What::AckRenewed { .. }
        | What::TakenOver { .. }
        | What::Assigned { .. }
        | What::MergedInto { .. }
        | What::MergedFrom { .. }
        | What::TicketResolved { .. } => {
            explain::timeline(std::slice::from_ref(fact)).pop().map(|entry| format!("{on}{}", entry.text))
        }
        What::DutyChanged { rotation, on_duty, .. } => Some(format!("on duty in {rotation}: {}", duty_text(on_duty))),
        What::AlertQuiet { alert, quiet, .. } => Some(match quiet {
            Quiet::Silenced(id) => format!("{} is kept quiet by {id}", alert.key),
            Quiet::Info => format!("{} only informs", alert.key),
            other => format!("{} is not paged: {}", alert.key, explain::quiet_text(other)),
        }),
        What::QuietResolved { key } => Some(format!("{key} ended, quiet")),
        What::MaintenanceEnded { maintenance, by } => Some(format!("{maintenance} ends, by {}", by.name)),
        What::SilenceExpiring { silence, firing } => Some(format!("{silence} ends soon, {firing} still there")),
        What::SilenceEnded { silence, by } => Some(format!("{silence} ends, by {}", by.name)),
        What::ClockShifted { by_ms } => Some(format!("deadlines move by {:+} s", by_ms / 1_000)),
        What::Started { .. }
        | What::Reloaded { .. }
        | What::PageStarted { .. }
        | What::EntryBegun { .. }
        | What::SendStarted { .. }
        | What::SendEnded { .. }
        | What::Noted { .. }
        | What::SilenceAdded { .. }
        | What::SilenceChanged { .. }
        | What::MaintenanceAdded { .. }
        | What::OverrideAdded { .. }
        | What::OverrideRemoved { .. }
        | What::AbsenceAdded { .. }
        | What::AbsenceRemoved { .. }
        | What::CoverAsked { .. }
        | What::CoverAnswered { .. }
        | What::NoticeOwed { .. }
        | What::DutyNoticeOwed { .. }
        | What::TestAsked { .. } => None,
        What::DutyNoticeDropped { rotation, person, reason, .. } => {
            Some(format!("{person} is not told of the handoff in {rotation}: {reason}"))
        }
    }
}

fn duty_text(on_duty: &[DutyRecord]) -> String {
    let one = |d: &DutyRecord| match &d.layer {
        Some(layer) => format!("{} ({layer})", d.person),
        None => format!("{} (override)", d.person),
    };
    if on_duty.is_empty() { "nobody".into() } else { on_duty.iter().map(one).collect::<Vec<_>>().join(", ") }
}

pub(crate) fn because_text(because: &Because) -> String {
    match because {
        Because::Opened => "opened".into(),
        Because::Reopened => "reopened".into(),
        Because::NotAcknowledged => "nobody acknowledged".into(),
        Because::NobodyReached => "nobody was reached".into(),
        Because::Declined => "everybody declined".into(),
        Because::Escalated => "somebody asked for it".into(),
        Because::SnoozeEnded => "the snooze ended".into(),
        Because::AckTimedOut => "the acknowledgement ran out".into(),
        Because::SilenceEnded(id) => format!("{id} ended"),
        Because::QuietEnded(quiet) => format!("no longer quiet ({})", explain::quiet_text(quiet)),
        Because::Regrouped => "a new or worse alert".into(),
        Because::Rerouted => "the policy is gone".into(),
        Because::WindowOpened => "its window is open".into(),
        Because::HoursBegan => "office hours began".into(),
        Because::Assigned => "given to them".into(),
        Because::Away { since } => format!("it fell due at {since:.0}, and watchbell was not there"),
    }
}
