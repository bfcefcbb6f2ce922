//! What people ask for: acknowledge, resolve, escalate, decline, snooze, note, declare; silences,
//! overrides, test pages.

use jiff::Timestamp;

use super::Turn;
use super::cover::Wanted;
use crate::catalog::{Absence, Localized, Override};
use crate::cover::CoverSpan;
use crate::fact::{Because, Firing, MessageKind, Stage, What};
use crate::ids::{
    AbsenceId, ChannelId, DedupKey, OverrideId, PageId, PersonId, RotationId, SendId, SendSubject, TestId, TicketId,
};
use crate::input::{Act, Actor, Answer, Deed, Refusal};
use crate::label::Labels;
use crate::state::{Phase, Ticket};
use crate::word::{Priority, ResolvedAs, Severity};

impl Turn<'_> {
    /// Does what was asked for, or says why not.
    pub(super) fn take_act(&mut self, act: &Act) -> Answer {
        let by = &act.by;
        let done = match &act.what {
            Deed::Ack { ticket, page } => self.ack(*ticket, *page, by),
            Deed::Resolve { ticket, resolved_as, cause } => self.resolve(*ticket, *resolved_as, cause.as_deref(), by),
            Deed::Escalate { ticket, page } => self.escalate(*ticket, *page, by),
            Deed::Decline { page } => self.decline(*page, by),
            Deed::Snooze { ticket, until } => self.snooze(*ticket, *until, by),
            Deed::Take { ticket } => self.take_it(*ticket, by),
            Deed::Assign { ticket, person } => self.assign(*ticket, person, by),
            Deed::Merge { ticket, into } => self.merge(*ticket, *into, by),
            Deed::Note { ticket, text } => self.note(*ticket, text, by),
            Deed::Declare { summary, severity, labels } => self.declare(summary, *severity, labels),
            Deed::AddSilence { matchers, from, until, reason } => {
                self.add_silence(matchers, (*from, *until), reason, by)
            }
            Deed::ChangeSilence { silence, until } => self.change_silence(*silence, *until, by),
            Deed::EndSilence { silence } => self.end_silence_by(*silence, by),
            Deed::AddOverride { rotation, person, from, to, replaces } => {
                self.add_override(rotation, (person, replaces.as_ref()), (*from, *to), by)
            }
            Deed::AddMaintenance { title, matchers, from, until, expect, cover_running } => {
                self.add_maintenance((title, matchers), (*from, *until), (expect, *cover_running), by)
            }
            Deed::EndMaintenance { maintenance } => self.end_maintenance_by(*maintenance, by),
            Deed::RemoveOverride { override_id } => self.remove_override(*override_id, by),
            Deed::AddAbsence { person, from, to, reason } => {
                self.add_absence(person, (*from, *to), reason.as_deref(), by)
            }
            Deed::RemoveAbsence { absence_id } => self.remove_absence(*absence_id, by),
            Deed::AskCover { rotation, person, from, to, asked, swap_for, note } => {
                let span = CoverSpan { from: *from, to: *to };
                let (asked, swap_for, note) = (asked.as_ref(), *swap_for, note.as_deref());
                self.ask_cover(&Wanted { rotation, person, span, asked, swap_for, note }, by)
            }
            Deed::AcceptCover { cover, person } => self.accept_cover(*cover, person, by),
            Deed::DeclineCover { cover, person } => self.decline_cover(*cover, person, by),
            Deed::WithdrawCover { cover } => self.withdraw_cover(*cover, by),
            Deed::TestPage { person, channel } => self.test_page(person, channel.as_ref(), by),
        };
        done.unwrap_or_else(Answer::Refused)
    }

    fn ticket(&self, id: TicketId) -> Result<&Ticket, Refusal> {
        self.state().tickets.get(&id).ok_or(Refusal::NoSuchTicket(id))
    }

    /// The ticket, open, and of the same occurrence as the page whose link was used.
    pub(super) fn open_ticket(&self, id: TicketId, page: Option<PageId>) -> Result<&Ticket, Refusal> {
        let ticket = self.ticket(id)?;
        if let Some(page) = page {
            let page = ticket.page(page).ok_or(Refusal::NoSuchPage(page))?;
            if page.occurrence != ticket.occurrence {
                return Err(Refusal::EarlierOccurrence(id));
            }
        }
        if ticket.is_open() { Ok(ticket) } else { Err(Refusal::AlreadyResolved(id)) }
    }

    pub(super) fn ack(&mut self, id: TicketId, page: Option<PageId>, by: &Actor) -> Result<Answer, Refusal> {
        let ticket = self.open_ticket(id, page)?;
        if let Phase::Acknowledged(acked) = &ticket.phase {
            // Two people answered; the first holds it. Who holds it has more time.
            let renewed = self.put_off(ticket).filter(|_| by.person.is_some() && acked.by.person == by.person);
            if renewed.is_some() {
                self.record(Some(id), What::AckRenewed { by: by.clone(), times_out: renewed });
            }
            return Ok(Answer::Ticket { ticket: id, already: true });
        }
        let (times_out, already) = (self.ack_times_out(ticket), ticket.acks.iter().any(|(before, _)| before == by));
        if !self.acknowledged_by_one(id, page, by) {
            self.advance(id);
            return Ok(Answer::Ticket { ticket: id, already });
        }
        self.record(Some(id), What::Acknowledged { by: by.clone(), page, times_out });
        self.tell_everybody(id, MessageKind::Acknowledged, Some(by.name.clone()), by.person.as_ref());
        Ok(Answer::Ticket { ticket: id, already: false })
    }

    fn resolve(&mut self, id: TicketId, as_: ResolvedAs, cause: Option<&str>, by: &Actor) -> Result<Answer, Refusal> {
        if !self.ticket(id)?.is_open() {
            return Ok(Answer::Ticket { ticket: id, already: true });
        }
        self.close(id, as_, cause.map(Into::into), by.clone());
        Ok(Answer::Ticket { ticket: id, already: false })
    }

    fn escalate(&mut self, id: TicketId, page: Option<PageId>, by: &Actor) -> Result<Answer, Refusal> {
        let ticket = self.open_ticket(id, page)?;
        // One that was kept back from the start has no step yet.
        let reached = (ticket.entries > 0).then_some(ticket.reached);
        self.record(Some(id), What::Escalated { by: by.clone(), page });
        let following = reached.and_then(|(pass, stage)| self.ask_for(id, |ask| ask.following(pass, stage)));
        let (pass, stage) = following.unwrap_or((1, Stage::Step(0)));
        self.enter(id, pass, stage, Because::Escalated);
        // Told after the step was entered, so that the message says where the ticket stands now.
        self.tell_everybody(id, MessageKind::Escalated, Some(by.name.clone()), by.person.as_ref());
        self.advance(id);
        Ok(Answer::Ticket { ticket: id, already: false })
    }

    fn decline(&mut self, page: PageId, by: &Actor) -> Result<Answer, Refusal> {
        let id = page.ticket;
        let ticket = self.open_ticket(id, Some(page))?;
        let declined = ticket.page(page).is_some_and(|p| p.declined);
        let chased = matches!(ticket.phase, Phase::Triggered(_));
        if declined || !chased {
            return Ok(Answer::Ticket { ticket: id, already: true });
        }
        self.record(Some(id), What::Declined { by: by.clone(), page });
        self.advance(id);
        Ok(Answer::Ticket { ticket: id, already: false })
    }

    fn snooze(&mut self, id: TicketId, until: Timestamp, by: &Actor) -> Result<Answer, Refusal> {
        let chased = matches!(self.open_ticket(id, None)?.phase, Phase::Triggered(_));
        if until <= self.now {
            return Err(Refusal::EndsBeforeItStarts);
        }
        self.record(Some(id), What::Snoozed { by: by.clone(), until });
        if chased {
            self.tell_everybody(id, MessageKind::Acknowledged, Some(by.name.clone()), by.person.as_ref());
        }
        Ok(Answer::Ticket { ticket: id, already: false })
    }

    fn note(&mut self, id: TicketId, text: &str, by: &Actor) -> Result<Answer, Refusal> {
        let times_out = self.put_off(self.ticket(id)?);
        let text = text.trim();
        if text.is_empty() {
            return Err(Refusal::Empty("text".into()));
        }
        self.record(Some(id), What::Noted { by: by.clone(), text: text.into(), times_out });
        Ok(Answer::Ticket { ticket: id, already: false })
    }

    /// A fault that a person declares always has a ticket of its own, and is ended by a person.
    fn declare(&mut self, summary: &str, severity: Severity, labels: &Labels) -> Result<Answer, Refusal> {
        let summary = summary.trim();
        if summary.is_empty() {
            return Err(Refusal::Empty("summary".into()));
        }
        let severity = severity.max(Severity::Warning);
        // By the fact that will record it: a ticket's number is free again when it joins another.
        let key = DedupKey::from(format!("api:declare-{}", self.state().last_fact.next().0));
        let mut labels = labels.clone();
        labels.insert("severity".into(), severity.to_string());
        let now = self.now;
        let ticket = self.fire(Firing {
            key: key.clone(),
            probe: None,
            kind: None,
            severity,
            title: Localized::same(summary),
            impact: None,
            summary: summary.into(),
            labels,
            owner: None,
            runbook: Vec::new(),
            started_at: now,
            seen: now,
            confirmed: now,
            last_good: None,
            runs: 1,
            run: None,
            told: None,
            level: None,
        });
        Ok(match ticket {
            Some(ticket) => Answer::Ticket { ticket, already: false },
            None => Answer::Signal { dedup_key: key, ticket: None }, // a silence matches its labels
        })
    }

    fn add_override(
        &mut self,
        rotation: &RotationId,
        (person, replaces): (&PersonId, Option<&PersonId>),
        (from, to): (Timestamp, Timestamp),
        by: &Actor,
    ) -> Result<Answer, Refusal> {
        if !self.catalog.rotations.contains_key(rotation) {
            return Err(Refusal::NoSuchRotation(rotation.clone()));
        }
        for person in std::iter::once(person).chain(replaces) {
            self.known(person)?;
        }
        if replaces == Some(person) {
            return Err(Refusal::ForThemselves(person.clone()));
        }
        if to <= from || to <= self.now {
            return Err(Refusal::EndsBeforeItStarts);
        }
        let id = OverrideId(self.state().last_override + 1);
        let (rotation, person, replaces) = (rotation.clone(), person.clone(), replaces.cloned());
        let override_ = Override { id: Some(id), rotation, person, from, to, replaces };
        self.record(None, What::OverrideAdded { override_, by: by.clone() });
        self.duty_may_have_changed();
        Ok(Answer::Override(id))
    }

    fn remove_override(&mut self, id: OverrideId, by: &Actor) -> Result<Answer, Refusal> {
        if !self.state().recorded.overrides.iter().any(|o| o.id == Some(id)) {
            return Err(Refusal::NoSuchOverride(id));
        }
        self.record(None, What::OverrideRemoved { override_id: id, by: by.clone() });
        self.duty_may_have_changed();
        Ok(Answer::Override(id))
    }

    fn add_absence(
        &mut self,
        person: &PersonId,
        (from, to): (Timestamp, Timestamp),
        reason: Option<&str>,
        by: &Actor,
    ) -> Result<Answer, Refusal> {
        self.known(person)?;
        if to <= from || to <= self.now {
            return Err(Refusal::EndsBeforeItStarts);
        }
        let id = AbsenceId(self.state().last_absence + 1);
        let reason = reason.map(str::trim).filter(|text| !text.is_empty()).map(String::from);
        let absence = Absence { id: Some(id), person: person.clone(), from, to, reason };
        self.record(None, What::AbsenceAdded { absence, by: by.clone() });
        self.duty_may_have_changed();
        Ok(Answer::Absence(id))
    }

    fn remove_absence(&mut self, id: AbsenceId, by: &Actor) -> Result<Answer, Refusal> {
        if !self.state().recorded.absences.iter().any(|a| a.id == Some(id)) {
            return Err(Refusal::NoSuchAbsence(id));
        }
        self.record(None, What::AbsenceRemoved { absence_id: id, by: by.clone() });
        self.duty_may_have_changed();
        Ok(Answer::Absence(id))
    }

    pub(super) fn known(&self, person: &PersonId) -> Result<(), Refusal> {
        if self.catalog.people.contains_key(person) { Ok(()) } else { Err(Refusal::NoSuchPerson(person.clone())) }
    }

    pub(super) fn duty_may_have_changed(&mut self) {
        self.engine.duty_due = Some(self.now);
        self.look_at_duty();
        self.advance_duty_notices();
    }

    fn test_page(&mut self, id: &PersonId, channel: Option<&ChannelId>, by: &Actor) -> Result<Answer, Refusal> {
        let person = self.catalog.people.get(id).ok_or_else(|| Refusal::NoSuchPerson(id.clone()))?;
        let ladder = person.page_by.ladder(Priority::P1);
        let first = ladder.iter().flat_map(|e| &e.via).find(|c| person.channels.contains(*c));
        let channel = match channel {
            Some(channel) if person.channels.contains(channel) => channel.clone(),
            Some(channel) => return Err(Refusal::NoContact { person: id.clone(), channel: channel.clone() }),
            None => first.cloned().ok_or_else(|| Refusal::NoContacts(id.clone()))?,
        };
        let test = TestId(self.state().last_test + 1);
        let asked = What::TestAsked { test, person: id.clone(), channel: channel.clone(), by: by.clone() };
        self.record(None, asked);
        let send = SendId { subject: SendSubject::Test(test), attempt: 1 };
        let message = self.message(send, id.clone(), channel, MessageKind::Test, None, Some(by.name.clone()));
        self.out.outbox.push(message);
        Ok(Answer::Test(test))
    }
}
