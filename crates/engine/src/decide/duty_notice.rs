//! Telling people about their duty (who comes on and who goes off at a handoff, and who will) and authors about
//! their silences. Over quiet channels alone, behind every page, and never long after the moment.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Turn;
use super::send::tries_wake;
use crate::catalog::{Catalog, Person, Rotation};
use crate::duty_notice::{DutyAbout, DutyEvent, DutyPerson, NoticeAbout, OpenTicket, TICKETS_NAMED, WORTH};
use crate::fact::{DutyRecord, MessageKind, What};
use crate::ids::{ChannelId, DutyNoticeId, PersonId, SendId, SendSubject};
use crate::rotation::{self, OnDuty, Shift};
use crate::state::{DutyNotice, Phase, State, Try};
use crate::time::{after, elapsed};
use crate::word::Receipt;

/// When a message about duty wants to be tried next.
pub(super) fn next_wake(state: &State) -> Option<Timestamp> {
    state.duty_notices.values().filter_map(|notice| tries_wake(&notice.tries)).min()
}

/// When the next shift of a rotation is to be told of in advance.
pub(super) fn next_reminder(
    catalog: &Catalog,
    rotation: &Rotation,
    state: &State,
    now: Timestamp,
) -> Option<Timestamp> {
    let ahead = rotation.messages.remind?;
    let change = rotation::next_change(catalog, rotation, &state.recorded, after(now, ahead))?;
    change.checked_sub(ahead.duration()).ok().filter(|at| *at > now)
}

impl Turn<'_> {
    /// Whoever came on duty is told, and whoever went off. Nobody is told of what is recorded for the first time.
    /// `waited` is the moment, where it was waited for.
    pub(super) fn tell_handoff(&mut self, rotation: &Rotation, before: &[DutyRecord], waited: Option<Timestamp>) {
        if !rotation.messages.handoff {
            return;
        }
        let shifts = rotation::shift_at(self.catalog, rotation, &self.state().recorded, self.now);
        let had: Vec<PersonId> = before.iter().map(|record| record.person.clone()).collect();
        let has: Vec<PersonId> = shifts.iter().map(|(on_duty, ..)| on_duty.person.clone()).collect();
        let is_new = |on_duty: &OnDuty| !had.contains(&on_duty.person);
        // A start finds a handoff that came while nobody was there: when the shift began, or the YAML was changed.
        let began = shifts.iter().filter(|(on_duty, ..)| is_new(on_duty)).filter_map(|(_, since, _)| *since).max();
        let moment = waited.unwrap_or_else(|| began.unwrap_or(self.now).max(self.engine.last_alive).min(self.now));
        for (on_duty, _, until) in shifts.iter().filter(|(on_duty, ..)| is_new(on_duty)) {
            let about = self.about_duty(rotation, DutyEvent::ComesOn, moment, *until, &had);
            self.owe_duty(&on_duty.person, MessageKind::DutyHandoff, &about);
        }
        for person in had.iter().filter(|person| !has.contains(person)) {
            let about = self.about_duty(rotation, DutyEvent::GoesOff, moment, None, &has);
            self.owe_duty(person, MessageKind::DutyHandoff, &about);
        }
    }

    /// Tells of every shift that begins soon and was not told of. What goes on in another layer is no new shift.
    pub(super) fn remind(&mut self, rotation: &Rotation) {
        let Some(ahead) = rotation.messages.remind else { return };
        let to = after(self.now, ahead);
        // The shifts that begin at the very end of the span are in it.
        let to = to.checked_add(jiff::SignedDuration::from_millis(1)).unwrap_or(to);
        let shifts = rotation::expand(self.catalog, rotation, &self.state().recorded, self.now, to).shifts;
        let goes_on = |s: &Shift| {
            shifts.iter().any(|o| o.on_duty.person == s.on_duty.person && o.from < s.from && s.from <= o.to)
        };
        let new: Vec<&Shift> = shifts.iter().filter(|s| s.from > self.now && !goes_on(s)).collect();
        for shift in new {
            let person = &shift.on_duty.person;
            let told = self.state().reminded.get(&rotation.id).and_then(|people| people.get(person));
            if told.is_some_and(|start| *start >= shift.from) {
                continue;
            }
            let at_start = rotation::shift_at(self.catalog, rotation, &self.state().recorded, shift.from);
            let until = at_start.into_iter().find(|(d, ..)| d.person == *person).and_then(|(_, _, until)| until);
            let before: Vec<PersonId> =
                shifts.iter().filter(|s| s.to == shift.from).map(|s| s.on_duty.person.clone()).collect();
            let about = self.about_duty(rotation, DutyEvent::Reminder, shift.from, until, &before);
            self.owe_duty(person, MessageKind::DutyReminder, &about);
        }
    }

    fn about_duty(
        &self,
        rotation: &Rotation,
        event: DutyEvent,
        from: Timestamp,
        until: Option<Timestamp>,
        others: &[PersonId],
    ) -> DutyAbout {
        let name = |id: &PersonId| self.catalog.people.get(id).map_or_else(|| id.to_string(), |p| p.name.clone());
        let others = others.iter().map(|id| DutyPerson { id: id.clone(), name: name(id) }).collect();
        let open: Vec<OpenTicket> = match event {
            DutyEvent::ComesOn => self.open_tickets(),
            DutyEvent::GoesOff | DutyEvent::Reminder | DutyEvent::Cover => Vec::new(),
        };
        let more = open.len().saturating_sub(TICKETS_NAMED);
        let tickets = open.into_iter().take(TICKETS_NAMED).collect();
        let more_tickets = u32::try_from(more).unwrap_or(u32::MAX);
        DutyAbout { rotation: rotation.id.clone(), event, from, until, others, tickets, more_tickets, cover: None }
    }

    fn open_tickets(&self) -> Vec<OpenTicket> {
        let open = self.state().tickets.values().filter(|ticket| ticket.is_open());
        let shown = |ticket: &crate::state::Ticket| OpenTicket {
            id: ticket.id,
            title: ticket.lead().title.clone(),
            priority: ticket.routed.priority,
            acknowledged: matches!(ticket.phase, Phase::Acknowledged(_)),
        };
        open.map(shown).collect()
    }

    /// Tells a person of their duty; what comes too late is dropped, with the reason.
    pub(super) fn owe_duty(&mut self, id: &PersonId, kind: MessageKind, about: &DutyAbout) {
        let late = elapsed(about.from, self.now);
        let reachable = self.catalog.people.get(id).is_some_and(|person| !person.disabled);
        if reachable && kind == MessageKind::DutyHandoff && late > WORTH {
            let reason = format!("it would have come {late} after the handoff");
            let (rotation, person) = (about.rotation.clone(), id.clone());
            self.record(None, What::DutyNoticeDropped { rotation, person, kind, reason });
            return;
        }
        self.owe_quietly(id, kind, &NoticeAbout::Duty(about.clone()));
    }

    /// One message over each quiet channel of the person.
    pub(super) fn owe_quietly(&mut self, id: &PersonId, kind: MessageKind, about: &NoticeAbout) {
        let Some(person) = self.catalog.people.get(id).filter(|person| !person.disabled) else { return };
        for channel in quiet_channels(self.catalog, person) {
            let notice = DutyNoticeId(self.state().last_duty_notice + 1);
            let (person, about) = (id.clone(), about.clone());
            self.record(None, What::DutyNoticeOwed { notice, person, channel, kind, about });
        }
    }

    /// Starts the tries of messages about duty that are due.
    pub(super) fn advance_duty_notices(&mut self) {
        let now = self.now;
        let is_due = |notice: &&DutyNotice| tries_wake(&notice.tries).is_some_and(|at| at <= now);
        let due: Vec<DutyNotice> = self.state().duty_notices.values().filter(is_due).cloned().collect();
        for notice in due {
            let subject = SendSubject::Duty(notice.id);
            if let Some(Try { n, ended: None, .. }) = notice.tries.last() {
                let send = SendId { subject, attempt: *n };
                self.end_send(send, Receipt::Unknown, None, Some("no report came back".into()), None);
                continue;
            }
            let attempt = u32::try_from(notice.tries.len() + 1).unwrap_or(u32::MAX);
            let send = SendId { subject, attempt };
            self.start_send(send, notice.person, notice.channel, notice.kind, None, None);
        }
    }

    /// Whether a message that is about no ticket is still worth sending: of a silence, while it ends as told.
    pub(super) fn duty_is_worth(&self, id: DutyNoticeId) -> bool {
        self.state().duty_notices.get(&id).is_some_and(|notice| match &notice.about {
            NoticeAbout::Duty(_) => elapsed(notice.owed_at, self.now) <= WORTH,
            NoticeAbout::Silence(told) => {
                let known = self.state().silences.get(&told.silence);
                known.is_some_and(|s| s.until == told.until && self.now < s.until)
            }
        })
    }
}

/// The quiet channels of the first entry of the person's normal ladder that has one; every quiet channel of a
/// person without. Never a loud one: duty wakes nobody.
fn quiet_channels(catalog: &Catalog, person: &Person) -> BTreeSet<ChannelId> {
    let is_quiet =
        |id: &ChannelId| person.channels.contains(id) && catalog.channels.get(id).is_some_and(|channel| !channel.loud);
    let entries = person.page_by.normal.iter().map(|e| e.via.iter().filter(|c| is_quiet(c)).cloned().collect());
    let first = entries.into_iter().find(|via: &BTreeSet<ChannelId>| !via.is_empty());
    first.unwrap_or_else(|| person.channels.iter().filter(|c| is_quiet(c)).cloned().collect())
}
