//! What must hold in a story that went well. Pure questions about one look at the world.

use std::collections::BTreeSet;

use jiff::Timestamp;
use watchbell_engine::ids::{PersonId, RotationId, TicketId};
use watchbell_engine::time::{Millis, after};
use watchbell_engine::view::{PageState, PageView, TicketState, TicketView};
use watchbell_engine::word::Receipt;

use super::cast::Cast;
use super::look::{OnDuty, Seen};
use crate::demo::phone::{ArrivedMail, PhoneMessage};

/// A send that was under way at the acknowledgement may still land this much later.
const UNDER_WAY: Millis = Millis::secs(2);

/// Who knows the end, and since when all of them do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// When the last of them was told.
    pub(super) at: Timestamp,
    /// Everybody who had been paged.
    pub(super) people: BTreeSet<PersonId>,
}

/// Whether no page of a ticket is being pursued.
pub(super) fn pursues_nobody(pages: &[PageView]) -> bool {
    pages.iter().all(|page| match page.state {
        PageState::Pursuing => false,
        PageState::Answered | PageState::Ended | PageState::Unreachable => true,
    })
}

/// Everybody whom a page reached, once each of them has been told the end; `None` before.
pub(super) fn everybody_told(seen: &Seen, cast: &Cast, ticket: &TicketView) -> Option<Told> {
    let resolved = ticket.resolved_at.filter(|_| ticket.state == TicketState::Resolved)?;
    let reached = |page: &&PageView| page.attempts.iter().any(|a| a.receipt.is_some_and(Receipt::is_accepted));
    let people: BTreeSet<PersonId> =
        seen.pages_of(ticket.id).iter().filter(reached).map(|page| page.person.clone()).collect();
    let mut at = resolved;
    for person in &people {
        at = at.max(told_at(seen, cast, ticket.id, person, resolved)?);
    }
    (!people.is_empty()).then_some(Told { at, people })
}

/// When a person was first told the end, by phone or by mail.
fn told_at(seen: &Seen, cast: &Cast, ticket: TicketId, person: &PersonId, end: Timestamp) -> Option<Timestamp> {
    let by_phone = seen.arrived.messages.iter().filter(|m| m.person == person.as_str() && m.kind == "page.resolved");
    let by_phone = by_phone.filter(|m| is_about(m, ticket)).map(|m| m.received_at);
    let by_mail = seen.arrived.mails.iter().filter(|mail| is_for(mail, cast, person) && mentions(mail, ticket));
    by_phone.chain(by_mail.map(|mail| mail.received_at)).filter(|at| *at >= end).min()
}

/// The page on the phone of whoever it was sent to, where it has arrived.
pub(super) fn page_on_phone<'a>(seen: &'a Seen, page: &PageView) -> Option<&'a PhoneMessage> {
    let id = page.id.to_string();
    seen.arrived.messages.iter().find(|m| {
        m.is_page() && m.page.as_deref() == Some(id.as_str()) && m.person == page.person.as_str() && m.ack_url.is_some()
    })
}

/// The link of the newest page on the phone whose ticket nobody has yet.
pub(super) fn newest_unanswered(seen: &Seen) -> Option<String> {
    let triggered = |m: &&PhoneMessage| {
        seen.tickets.iter().any(|ticket| ticket.state == TicketState::Triggered && is_about(m, ticket.id))
    };
    seen.arrived.messages.iter().rev().filter(|m| m.is_page()).find(triggered)?.ack_url.clone()
}

/// The mail of a page, where it has arrived.
pub(super) fn page_by_mail<'a>(seen: &'a Seen, cast: &Cast, page: &PageView) -> Option<&'a ArrivedMail> {
    seen.arrived.mails.iter().find(|mail| is_for(mail, cast, &page.person) && mentions(mail, page.ticket))
}

/// Whether the person of a page is on duty in the rotation that the page names, by the API's own answer.
pub(super) fn is_on_duty(page: &PageView, on_duty: &[(RotationId, Vec<OnDuty>)]) -> bool {
    let Some(rotation) = &page.why.rotation else { return false };
    let of = on_duty.iter().find(|(id, _)| id == rotation);
    of.is_some_and(|(_, people)| people.iter().any(|duty| duty.person == page.person))
}

/// Pages that went out although somebody had it already.
pub(super) fn paged_after(seen: &Seen, ticket: TicketId, acknowledged_at: Timestamp) -> Vec<String> {
    let late = after(acknowledged_at, UNDER_WAY);
    let pages = seen.pages_of(ticket).iter();
    pages
        .filter(|page| page.started_at > acknowledged_at || page.attempts.iter().any(|attempt| attempt.at > late))
        .map(|page| format!("{} to {}", page.id, page.person))
        .collect()
}

fn is_about(message: &PhoneMessage, ticket: TicketId) -> bool {
    message.ticket.as_deref() == Some(ticket.to_string().as_str())
}

fn is_for(mail: &ArrivedMail, cast: &Cast, person: &PersonId) -> bool {
    cast.mail_of.get(person).is_some_and(|address| mail.to.contains(address.as_str()))
}

/// Whether a mail names the ticket: `INC-1`, but not as the head of `INC-12`.
fn mentions(mail: &ArrivedMail, ticket: TicketId) -> bool {
    let id = ticket.to_string();
    let named_in = |text: &str| {
        text.match_indices(&id).any(|(at, _)| !text[at + id.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    named_in(&mail.subject) || named_in(&mail.text)
}
