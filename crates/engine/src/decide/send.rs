//! Messages: starting tries, taking in what became of them, follow-ups to those who were paged, and
//! what a crash left unfinished.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Turn;
use crate::fact::{MessageKind, What};
use crate::ids::{ChannelId, NoticeId, PageId, PersonId, SendId, SendSubject, TicketId};
use crate::input::{Answer, SendReport, Unfinished};
use crate::outgoing::Outgoing;
use crate::paging::{self, NOTICE_TRIES};
use crate::state::{Notice, Page, Phase, Try};
use crate::time::{Millis, after, elapsed};
use crate::word::Receipt;

/// A message that waited longer than this over a crash is decided anew instead of being sent.
const STILL_FRESH: Millis = Millis::secs(60);

/// A follow-up older than this is not worth telling any more.
const NOTICE_WORTH: Millis = Millis::hours(24);

/// When a notice wants to be tried, or its try counts as lost.
pub(super) fn notice_wake(notice: &Notice) -> Option<Timestamp> {
    tries_wake(&notice.tries)
}

/// When a message with these tries wants the next one, or its last one counts as lost.
pub(super) fn tries_wake(tries: &[Try]) -> Option<Timestamp> {
    match tries.last() {
        None => Some(Timestamp::MIN),
        Some(Try { ended: None, asked, .. }) => Some(after(*asked, paging::REPORT_WITHIN)),
        Some(tried) => tried.retry_at(),
    }
}

impl Turn<'_> {
    /// Begins an entry of a page's ladder: all its channels at once.
    pub(super) fn begin_entry(&mut self, page: PageId, entry: u32) {
        let via = self.page(page).and_then(|p| p.ladder.get(entry as usize)).map(|e| e.via.clone());
        self.record(Some(page.ticket), What::EntryBegun { page, entry });
        for channel in via.unwrap_or_default() {
            let under_way = |p: &Page| p.last_try(&channel).is_some_and(|t| t.ended.is_none());
            if !self.page(page).is_some_and(under_way) {
                self.start_try(page, channel);
            }
        }
    }

    /// Hands one more try of a page to the outbox.
    pub(super) fn start_try(&mut self, id: PageId, channel: ChannelId) {
        let Some(page) = self.page(id) else { return };
        let (person, n) = (page.person.clone(), page.tries.len());
        let send = SendId { subject: SendSubject::Page(id), attempt: u32::try_from(n + 1).unwrap_or(u32::MAX) };
        self.start_send(send, person, channel, MessageKind::Page, Some(id), None);
    }

    pub(super) fn start_send(
        &mut self,
        send: SendId,
        person: PersonId,
        channel: ChannelId,
        kind: MessageKind,
        page: Option<PageId>,
        by: Option<String>,
    ) {
        let what = What::SendStarted { send, person: person.clone(), channel: channel.clone(), kind, page };
        self.record(page.map(|p| p.ticket), what);
        let message = self.message(send, person, channel, kind, page, by);
        self.out.outbox.push(message);
    }

    /// A try whose executor never reported.
    pub(super) fn lose_try(&mut self, page: PageId, attempt: u32) {
        let send = SendId { subject: SendSubject::Page(page), attempt };
        self.end_send(send, Receipt::Unknown, None, Some("no report came back".into()), None);
    }

    /// A channel says what became of a message. A second report of one try changes nothing.
    pub(super) fn take_report(&mut self, report: &SendReport) -> Answer {
        let open = self.state().find_try(report.send).is_some_and(|t| t.ended.is_none());
        if !open {
            // Nothing remembers it any more, or it has its outcome: the row alone is closed.
            self.out.ended.push(report.send);
            return Answer::Done;
        }
        let sent_before = self.engine.adopted.remove(&report.send);
        let (receipt, detail) = match &report.detail {
            // The process that died may have handed it over: whoever got it then must hear how it ends.
            detail if sent_before && !report.receipt.may_have_arrived() => {
                let said = detail.as_deref().unwrap_or(report.receipt.as_str());
                (Receipt::Unknown, Some(format!("may have arrived before the restart; then: {said}")))
            }
            detail => (report.receipt, detail.clone()),
        };
        self.end_send(report.send, receipt, report.handed_over, detail, report.retry_after);
        if let Some(ticket) = ticket_of(report.send.subject) {
            self.follow_up_late_page(report.send, receipt);
            self.advance(ticket);
        }
        Answer::Done
    }

    pub(super) fn end_send(
        &mut self,
        send: SendId,
        receipt: Receipt,
        handed_over: Option<Timestamp>,
        detail: Option<String>,
        wanted: Option<Millis>,
    ) {
        let retry_at = match send.subject {
            SendSubject::Page(id) => {
                let failures = self.page(id).map_or(0, |p| failures(&p.tries, send.attempt));
                paging::retry_at(self.now, receipt, failures + 1, wanted)
            }
            SendSubject::Notice(_) if send.attempt >= NOTICE_TRIES => None,
            SendSubject::Notice(_) => paging::retry_at(self.now, receipt, send.attempt as usize, wanted),
            SendSubject::Test(_) | SendSubject::Canary(_) => None,
            SendSubject::Duty(_) if send.attempt >= NOTICE_TRIES => None,
            SendSubject::Duty(id) => {
                let retry = paging::retry_at(self.now, receipt, send.attempt as usize, wanted);
                retry.filter(|_| self.duty_is_worth(id))
            }
        };
        self.record(ticket_of(send.subject), What::SendEnded { send, receipt, handed_over, detail, retry_at });
        self.out.ended.push(send);
        self.tell_the_others(send, receipt);
    }

    /// A page that ended, and may have arrived, after the ticket had been answered or ended: whoever got it
    /// is told.
    fn follow_up_late_page(&mut self, send: SendId, receipt: Receipt) {
        let SendSubject::Page(id) = send.subject else { return };
        let Some(ticket) = self.state().tickets.get(&id.ticket) else { return };
        let Some(page) = ticket.page(id) else { return };
        if !receipt.may_have_arrived() || page.is_live() || page.occurrence != ticket.occurrence {
            return;
        }
        let Some(tried) = page.tries.get((send.attempt as usize).wrapping_sub(1)) else { return };
        let (kind, by) = match &ticket.phase {
            Phase::Resolved(closed) => (MessageKind::Resolved, closed.by.clone()),
            Phase::Acknowledged(acked) => (MessageKind::Acknowledged, acked.by.clone()),
            Phase::Held { .. } | Phase::OffHours { .. } => (MessageKind::Cancelled, crate::input::Actor::engine()),
            Phase::Triggered(_) => return,
        };
        if by.person.as_ref() == Some(&page.person) && kind == MessageKind::Acknowledged {
            return;
        }
        let (person, channel) = (page.person.clone(), tried.channel.clone());
        self.owe(id, person, channel, kind, Some(by.name));
    }

    /// Tells everybody who was paged in this occurrence how it went on, over each channel on which a page
    /// may have arrived; `except` is whoever did it.
    pub(super) fn tell_everybody(
        &mut self,
        id: TicketId,
        kind: MessageKind,
        by: Option<String>,
        except: Option<&PersonId>,
    ) {
        self.tell_everybody_but(id, kind, by, except.map(std::slice::from_ref).unwrap_or_default());
    }

    /// The same, with several who know already.
    pub(super) fn tell_everybody_but(
        &mut self,
        id: TicketId,
        kind: MessageKind,
        by: Option<String>,
        except: &[PersonId],
    ) {
        let Some(ticket) = self.state().tickets.get(&id) else { return };
        let mut to: Vec<(PageId, PersonId, ChannelId)> = Vec::new();
        for page in ticket.current_pages().filter(|p| !except.contains(&p.person)) {
            for tried in page.tries.iter().filter(|t| t.may_have_arrived()) {
                match to.iter_mut().find(|(_, person, channel)| *person == page.person && *channel == tried.channel) {
                    Some(told) => told.0 = page.id, // the newest page is the one they look at
                    None => to.push((page.id, page.person.clone(), tried.channel.clone())),
                }
            }
        }
        for (page, person, channel) in to {
            self.owe(page, person, channel, kind, by.clone());
        }
        self.advance_notices(id);
    }

    fn owe(&mut self, page: PageId, person: PersonId, channel: ChannelId, kind: MessageKind, by: Option<String>) {
        let n = self.state().tickets.get(&page.ticket).map_or(0, |t| t.notices.len());
        let notice = NoticeId { ticket: page.ticket, n: u32::try_from(n + 1).unwrap_or(u32::MAX) };
        self.record(Some(page.ticket), What::NoticeOwed { notice, person, channel, kind, page, by });
    }

    /// Starts the tries of follow-ups that are due; whether there were any.
    pub(super) fn advance_notices(&mut self, id: TicketId) -> bool {
        let Some(ticket) = self.state().tickets.get(&id) else { return false };
        let now = self.now;
        let due: Vec<Notice> =
            ticket.notices.iter().filter(|n| notice_wake(n).is_some_and(|at| at <= now)).cloned().collect();
        for notice in &due {
            if let Some(Try { n, ended: None, .. }) = notice.tries.last() {
                let send = SendId { subject: SendSubject::Notice(notice.id), attempt: *n };
                self.end_send(send, Receipt::Unknown, None, Some("no report came back".into()), None);
                continue;
            }
            let attempt = u32::try_from(notice.tries.len() + 1).unwrap_or(u32::MAX);
            let send = SendId { subject: SendSubject::Notice(notice.id), attempt };
            let (person, channel, by) = (notice.person.clone(), notice.channel.clone(), notice.by.clone());
            self.start_send(send, person, channel, notice.kind, Some(notice.page), by);
        }
        !due.is_empty()
    }

    /// An outbox row of an earlier epoch: still wanted and fresh, it is sent as it is; otherwise it ends
    /// with a reason, and what is wanted is decided from the present.
    pub(super) fn settle_unfinished(&mut self, row: &Unfinished) {
        let Some(tried) = self.state().find_try(row.send) else {
            self.out.ended.push(row.send);
            return;
        };
        if tried.ended.is_some() {
            self.out.ended.push(row.send);
            return;
        }
        let age = elapsed(row.decided_at, self.now);
        let wanted = self.is_wanted(row.send.subject, age);
        if wanted && age < STILL_FRESH {
            self.out.adopted.push(row.send);
            self.engine.adopted.insert(row.send);
            return;
        }
        let detail = match wanted {
            true => format!("waited {age} over a restart; decided anew"),
            false => "not wanted any more after a restart".into(),
        };
        self.lapse(row.send, Receipt::Lapsed, &detail, wanted.then_some(self.now));
    }

    /// Ends the pages of this batch that are not wanted any more at its end; those of an earlier epoch too, which
    /// may have arrived before.
    pub(super) fn call_off_unwanted(&mut self, gone: &BTreeSet<SendId>) {
        let open = |m: &&Outgoing| self.state().find_try(m.send).is_some_and(|t| t.ended.is_none());
        let unwanted = |m: &&Outgoing| !gone.contains(&m.send) && !self.is_wanted(m.send.subject, Millis::ZERO);
        let called_off: Vec<SendId> = self.out.outbox.iter().filter(open).filter(unwanted).map(|m| m.send).collect();
        for send in called_off {
            self.lapse(send, Receipt::CalledOff, "answered before it was sent", None);
        }
        let adopted = std::mem::take(&mut self.out.adopted);
        let open = |send: &SendId| self.state().find_try(*send).is_some_and(|t| t.ended.is_none());
        let is_over = |send: &SendId| open(send) && !self.is_wanted(send.subject, Millis::ZERO);
        let (over, kept): (Vec<SendId>, Vec<SendId>) = adopted.into_iter().partition(is_over);
        self.out.adopted = kept;
        for send in over {
            self.lapse(send, Receipt::Lapsed, "answered before it was sent again", None);
        }
    }

    fn lapse(&mut self, send: SendId, receipt: Receipt, detail: &str, retry_at: Option<Timestamp>) {
        let ended = What::SendEnded { send, receipt, handed_over: None, detail: Some(detail.into()), retry_at };
        self.record(ticket_of(send.subject), ended);
        self.out.ended.push(send);
        self.tell_the_others(send, receipt);
        // One that a restart ended may have arrived before, and been answered since.
        self.follow_up_late_page(send, receipt);
    }

    fn is_wanted(&self, subject: SendSubject, age: Millis) -> bool {
        match subject {
            SendSubject::Page(id) => {
                let ticket = self.state().tickets.get(&id.ticket);
                let chased = ticket.filter(|t| matches!(t.phase, Phase::Triggered(_)));
                chased.and_then(|t| t.page(id).map(|p| p.is_live() && p.occurrence == t.occurrence)).unwrap_or(false)
            }
            SendSubject::Notice(_) => age < NOTICE_WORTH,
            SendSubject::Canary(_) => true, // a row of an earlier epoch is ended: no try of it is remembered
            SendSubject::Test(_) => true,   // sent while it is fresh; nobody waits for an old one
            SendSubject::Duty(id) => self.duty_is_worth(id),
        }
    }

    pub(super) fn page(&self, id: PageId) -> Option<&Page> {
        self.state().tickets.get(&id.ticket)?.page(id)
    }
}

/// How many tries in a row failed on the channel of this one, before it.
fn failures(tries: &[Try], attempt: u32) -> usize {
    let Some(this) = tries.get((attempt as usize).wrapping_sub(1)) else { return 0 };
    let earlier = tries.iter().rev().filter(|t| t.n < attempt && t.channel == this.channel);
    earlier.take_while(|t| !t.is_accepted()).count()
}

fn ticket_of(subject: SendSubject) -> Option<TicketId> {
    match subject {
        SendSubject::Page(id) => Some(id.ticket),
        SendSubject::Notice(id) => Some(id.ticket),
        SendSubject::Test(_) | SendSubject::Canary(_) | SendSubject::Duty(_) => None,
    }
}
