//! Folding what is handed on: from one step to a later one, from the night to the morning, from one
//! person, page or ticket to another.

use jiff::Timestamp;

use super::State;
use super::page::{Ended, Try, Within};
use super::ticket::{Acked, Closed, Phase, StepWait, Ticket, Wake};
use crate::fact::{Because, Fact, Stage, What};
use crate::ids::{ChannelId, PageId, PolicyId, SendId};
use crate::input::Actor;
use crate::view::PageState;
use crate::word::{Receipt, ResolvedAs};

impl State {
    /// One page is told in the message of another, which may be of another ticket.
    pub(super) fn gather(&mut self, page: PageId, lead: PageId, until: Timestamp) {
        if let Some(page) = self.tickets.get_mut(&page.ticket).and_then(|t| t.page_mut(page)) {
            page.within = Some(Within { lead, until });
        }
        if let Some(lead) = self.tickets.get_mut(&lead.ticket).and_then(|t| t.page_mut(lead)) {
            lead.tells.push(page);
        }
    }
}

impl Ticket {
    pub(super) fn apply_handed(&mut self, fact: &Fact) {
        let at = fact.at;
        match &fact.what {
            What::StepWaits { policy, stage, opens, .. } => self.step_waits(policy, *stage, *opens),
            What::KeptForHours { until, .. } => {
                self.end_pages(None, None);
                self.waits.clear();
                self.acks.clear();
                self.taken = None; // whoever had it let it run out
                self.phase = Phase::OffHours { until: *until };
            }
            What::PageTold { page, by, channel } => self.page_told(*page, *by, channel, at),
            What::PageLoosened { page } => {
                if let Some(page) = self.page_mut(*page) {
                    page.within = None;
                }
            }
            What::AcknowledgedByOne { by, page } => self.acknowledged_by_one(by, *page, at),
            What::AckRenewed { times_out, .. } | What::Noted { times_out, .. } => self.put_off(*times_out),
            What::TakenOver { by, times_out } => {
                let since = self.taken.take().map_or(at, |(_, since)| since);
                self.taken = Some((by.clone(), since));
                self.end_pages(None, by.person.as_ref());
                self.waits.clear();
                let wake = times_out.map(|at| Wake { at, because: Because::AckTimedOut });
                self.phase = Phase::Acknowledged(Acked { by: by.clone(), at, wake });
            }
            What::MergedInto { into, by } => {
                self.end_pages(None, None);
                self.waits.clear();
                self.members.end_all(at);
                self.merged_into = Some(*into);
                let resolved_as = ResolvedAs::Duplicate;
                self.phase = Phase::Resolved(Closed { at, resolved_as, cause: None, by: by.clone() });
            }
            other => debug_assert!(false, "{} is folded elsewhere", other.kind()),
        }
    }

    fn step_waits(&mut self, policy: &PolicyId, stage: Stage, at: Timestamp) {
        match self.waits.iter_mut().find(|wait| wait.policy == *policy && wait.stage == stage) {
            Some(wait) => wait.at = at,
            None => self.waits.push(StepWait { policy: policy.clone(), stage, at }),
        }
    }

    fn put_off(&mut self, times_out: Option<Timestamp>) {
        if let (Phase::Acknowledged(Acked { wake: Some(wake), .. }), Some(at)) = (&mut self.phase, times_out)
            && wake.because == Because::AckTimedOut
        {
            wake.at = at;
        }
    }

    fn acknowledged_by_one(&mut self, by: &Actor, page: Option<PageId>, at: Timestamp) {
        let occurrence = self.occurrence;
        for own in self.pages.iter_mut().filter(|p| p.occurrence == occurrence && p.is_live()) {
            if page == Some(own.id) || by.person.as_ref() == Some(&own.person) {
                own.state = PageState::Answered;
            }
        }
        self.acks.push((by.clone(), at));
    }

    /// Told within another message: its first entry counts as begun, and its channel took it.
    fn page_told(&mut self, id: PageId, by: SendId, channel: &ChannelId, at: Timestamp) {
        let occurrence = self.occurrence;
        let Some(page) = self.page_mut(id) else { return };
        page.within = None;
        if page.begun.is_empty() {
            page.begun.push(at);
        }
        let detail = Some(format!("told in the message {by}"));
        let receipt = Receipt::Accepted;
        let ended = Ended { receipt, at, counts_from: at, handed_over: Some(at), detail, retry_at: None };
        let n = u32::try_from(page.tries.len() + 1).unwrap_or(u32::MAX);
        page.tries.push(Try { n, channel: channel.clone(), at, asked: at, ended: Some(ended) });
        page.stages.handed_over = page.stages.handed_over.or(Some(at));
        page.stages.accepted = page.stages.accepted.or(Some(at));
        if page.state == PageState::Unreachable {
            page.state = PageState::Pursuing;
        }
        if page.occurrence == occurrence {
            self.first_page_accepted = self.first_page_accepted.or(Some(at));
        }
    }
}
