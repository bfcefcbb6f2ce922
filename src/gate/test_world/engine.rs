//! The stand-in for the engine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use watchbell_engine::catalog::{Absence, Override};
use watchbell_engine::ids::{
    AbsenceId, CoverId, InputId, MaintenanceId, OverrideId, PageId, SilenceId, TestId, TicketId,
};
use watchbell_engine::input::{Act, Answer, Deed, Input, Refusal};
use watchbell_engine::view::{CoverView, LiveView, MaintenanceView, SilenceView, TestView, TicketLive, TicketState};
use watchbell_engine::word::Receipt;

use crate::clock::Clock;
use crate::inbox::{InboxReader, Live};

/// Answers whatever comes until the inbox is gone.
pub(super) async fn answer(mut reader: InboxReader, live: Arc<Live>, inputs: Arc<Mutex<Vec<Input>>>, clock: Clock) {
    let mut answered: BTreeMap<InputId, Answer> = BTreeMap::new();
    loop {
        let first = reader.ready().await;
        if first.is_none() && Arc::strong_count(&live) == 1 {
            return;
        }
        for pending in first.into_iter().chain(reader.take(512)) {
            let id = pending.envelope.id.clone();
            let answer = answered.get(&id).cloned().unwrap_or_else(|| {
                inputs.lock().expect("no panic while it was held").push(pending.envelope.input.clone());
                let mut view = (**live.view.load()).clone();
                let answer = decide(&mut view, &live, pending.envelope.input, &clock).unwrap_or_else(Answer::Refused);
                live.view.store(Arc::new(view));
                answer
            });
            answered.insert(id, answer.clone());
            if let Some(reply) = pending.reply {
                let _ = reply.send(answer);
            }
        }
    }
}

fn decide(view: &mut LiveView, live: &Live, input: Input, clock: &Clock) -> Result<Answer, Refusal> {
    match input {
        Input::Act(Act { by, what }) => deed(view, live, &by.name, what, clock),
        Input::Signal(signal) => Ok(Answer::Signal { dedup_key: signal.dedup_key, ticket: Some(TicketId(43)) }),
        Input::Signals(signals) => Ok(Answer::Signals(vec![Some(TicketId(43)); signals.len()])),
        Input::Verdict(_)
        | Input::Beat { .. }
        | Input::Report(_)
        | Input::Tick
        | Input::ClockStepped { .. }
        | Input::TookOver { .. }
        | Input::Reloaded => Ok(Answer::Done),
    }
}

fn open(view: &mut LiveView, id: TicketId, page: Option<PageId>) -> Result<&mut TicketLive, Refusal> {
    let ticket = Arc::make_mut(view.tickets.get_mut(&id).ok_or(Refusal::NoSuchTicket(id))?);
    let occurrence = page.and_then(|p| ticket.pages.iter().find(|l| l.view.id == p)).map(|p| p.occurrence);
    if occurrence.is_some_and(|n| n < ticket.occurrence) {
        return Err(Refusal::EarlierOccurrence(id));
    }
    if ticket.view.state == TicketState::Resolved {
        return Err(Refusal::AlreadyResolved(id));
    }
    Ok(ticket)
}

fn deed(view: &mut LiveView, live: &Live, by: &str, what: Deed, clock: &Clock) -> Result<Answer, Refusal> {
    let now = clock.now();
    let config = live.config.load();
    let known = |person: &watchbell_engine::ids::PersonId| {
        config.catalog.people.get(person).ok_or_else(|| Refusal::NoSuchPerson(person.clone()))
    };
    match what {
        Deed::Ack { ticket: id, page } => {
            let ticket = &mut open(view, id, page)?.view;
            let already = ticket.state == TicketState::Acknowledged;
            if !already {
                ticket.state = TicketState::Acknowledged;
                (ticket.acknowledged_at, ticket.acknowledged_by) = (Some(now), Some(by.into()));
            }
            Ok(Answer::Ticket { ticket: id, already })
        }
        Deed::Resolve { ticket: id, resolved_as, .. } => {
            let ticket = &mut open(view, id, None)?.view;
            ticket.state = TicketState::Resolved;
            (ticket.resolved_at, ticket.resolved_as) = (Some(now), Some(resolved_as));
            Ok(Answer::Ticket { ticket: id, already: false })
        }
        Deed::Escalate { ticket: id, page } => {
            open(view, id, page)?.view.state = TicketState::Triggered;
            Ok(Answer::Ticket { ticket: id, already: false })
        }
        Deed::Decline { page } => {
            open(view, page.ticket, Some(page))?;
            Ok(Answer::Ticket { ticket: page.ticket, already: false })
        }
        Deed::Snooze { ticket: id, until } if until > now => {
            open(view, id, None)?.view.snoozed_until = Some(until);
            Ok(Answer::Ticket { ticket: id, already: false })
        }
        Deed::Take { ticket: id } => {
            let ticket = &mut open(view, id, None)?.view;
            (ticket.state, ticket.acknowledged_by) = (TicketState::Acknowledged, Some(by.into()));
            Ok(Answer::Ticket { ticket: id, already: false })
        }
        Deed::Assign { ticket: id, person } => {
            known(&person)?;
            open(view, id, None)?.view.state = TicketState::Triggered;
            Ok(Answer::Ticket { ticket: id, already: false })
        }
        Deed::Merge { ticket: id, into } => {
            let ticket = &mut open(view, id, None)?.view;
            (ticket.state, ticket.merged_into) = (TicketState::Resolved, Some(into));
            Ok(Answer::Ticket { ticket: into, already: false })
        }
        Deed::Note { text, .. } if text.trim().is_empty() => Err(Refusal::Empty("text".into())),
        Deed::Note { ticket: id, .. } if view.tickets.contains_key(&id) => {
            Ok(Answer::Ticket { ticket: id, already: false })
        }
        Deed::Note { ticket: id, .. } => Err(Refusal::NoSuchTicket(id)),
        Deed::Declare { summary, .. } => {
            let mut ticket = (*view.tickets[&super::TICKET]).clone();
            (ticket.view.id, ticket.view.title) = (TicketId(43), summary);
            view.tickets.insert(TicketId(43), Arc::new(ticket));
            Ok(Answer::Ticket { ticket: TicketId(43), already: false })
        }
        Deed::AddSilence { matchers, .. } if matchers.is_empty() => Err(Refusal::MatchesEverything),
        Deed::AddSilence { matchers, from, until, reason } if until > now => {
            let id = SilenceId(3);
            let (from, active) = (from.unwrap_or(now), from.is_none());
            let by = by.into();
            view.silences.push(SilenceView {
                id,
                matchers,
                from,
                until,
                by,
                reason,
                silenced: 0,
                active,
                ends_soon: false,
            });
            Ok(Answer::Silence(id))
        }
        Deed::ChangeSilence { silence, until } => {
            let known = view.silences.iter_mut().find(|s| s.id == silence);
            known.ok_or(Refusal::NoSuchSilence(silence))?.until = until;
            Ok(Answer::Silence(silence))
        }
        Deed::AddMaintenance { title, matchers, from, until, expect, cover_running } if until > now => {
            let (id, from, active) = (MaintenanceId(3), from.unwrap_or(now), from.is_none());
            view.maintenance.push(MaintenanceView {
                id: id.to_string(),
                title,
                matchers,
                from,
                until,
                active,
                recurring: false,
                expect,
                cover_running,
                by: by.into(),
                quiet: 0,
            });
            Ok(Answer::Maintenance(id))
        }
        Deed::AddMaintenance { .. } => Err(Refusal::EndsBeforeItStarts),
        Deed::EndMaintenance { maintenance } => {
            let before = view.maintenance.len();
            view.maintenance.retain(|m| m.id != maintenance.to_string());
            if view.maintenance.len() < before {
                Ok(Answer::Done)
            } else {
                Err(Refusal::NoSuchMaintenance(maintenance))
            }
        }
        Deed::EndSilence { silence } if view.silences.iter().any(|s| s.id == silence) => {
            view.silences.retain(|s| s.id != silence);
            Ok(Answer::Done)
        }
        Deed::EndSilence { silence } => Err(Refusal::NoSuchSilence(silence)),
        Deed::AddOverride { rotation, person, from, to, replaces } if to > from => {
            known(&person)?;
            view.recorded.overrides.push(Override { id: Some(OverrideId(3)), rotation, person, from, to, replaces });
            Ok(Answer::Override(OverrideId(3)))
        }
        Deed::AddAbsence { person, from, to, reason } if to > from => {
            known(&person)?;
            view.recorded.absences.push(Absence { id: Some(AbsenceId(3)), person, from, to, reason });
            Ok(Answer::Absence(AbsenceId(3)))
        }
        Deed::Snooze { .. } | Deed::AddSilence { .. } | Deed::AddOverride { .. } | Deed::AddAbsence { .. } => {
            Err(Refusal::EndsBeforeItStarts)
        }
        Deed::RemoveAbsence { absence_id } if view.recorded.absences.iter().any(|a| a.id == Some(absence_id)) => {
            view.recorded.absences.retain(|a| a.id != Some(absence_id));
            Ok(Answer::Done)
        }
        Deed::RemoveAbsence { absence_id } => Err(Refusal::NoSuchAbsence(absence_id)),
        Deed::RemoveOverride { override_id } if view.recorded.overrides.iter().any(|o| o.id == Some(override_id)) => {
            view.recorded.overrides.retain(|o| o.id != Some(override_id));
            Ok(Answer::Done)
        }
        Deed::RemoveOverride { override_id } => Err(Refusal::NoSuchOverride(override_id)),
        Deed::AskCover { rotation, person, from, to, asked, swap_for, note } => {
            known(&person)?;
            let (id, asked_at) = (CoverId(3), now);
            view.covers.push(CoverView { id, rotation, person, from, to, asked, swap_for, note, asked_at });
            Ok(Answer::Cover(id))
        }
        Deed::AcceptCover { cover, .. } | Deed::DeclineCover { cover, .. } | Deed::WithdrawCover { cover } => {
            let before = view.covers.len();
            view.covers.retain(|c| c.id != cover);
            if view.covers.len() < before { Ok(Answer::Cover(cover)) } else { Err(Refusal::NoSuchCover(cover)) }
        }
        Deed::TestPage { person, channel } => {
            let to = known(&person)?;
            let first = to.channels.first().cloned().ok_or_else(|| Refusal::NoContacts(person.clone()))?;
            let channel = channel.unwrap_or(first);
            if !to.channels.contains(&channel) {
                return Err(Refusal::NoContact { person, channel });
            }
            let receipt = Some(Receipt::Accepted);
            view.tests.push(TestView { id: TestId(3), person, channel, at: now, receipt, detail: None });
            Ok(Answer::Test(TestId(3)))
        }
    }
}
