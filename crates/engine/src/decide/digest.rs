//! Many pages to one person at one moment: one message tells them all. Each page stays an obligation of
//! its own, with its own link; what the message does not get through is pursued by itself.

use std::collections::BTreeMap;

use super::Turn;
use crate::fact::What;
use crate::ids::{ChannelId, PageId, PersonId, SendId, SendSubject, TicketId};
use crate::outgoing::Also;
use crate::paging::{self, ACCEPT_WITHIN, Due};
use crate::state::{Page, Phase};
use crate::time::after;
use crate::word::Receipt;

/// So many urgent pages to one person at one moment have a message each.
pub(super) const APART: usize = 3;

/// One message tells at most so many pages, its own included.
const MOST: usize = 40;

impl Turn<'_> {
    /// Does everything that is due on several tickets: who is to be paged first, then the messages.
    pub(super) fn advance_together(&mut self, due: &[TicketId]) {
        self.gathering = due.len() > 1;
        for id in due {
            self.advance(*id);
        }
        if std::mem::take(&mut self.gathering) {
            self.gather(due);
            for id in due {
                self.advance(*id);
            }
        }
    }

    /// Pages of low urgency to one person share a message from the second on, urgent ones from the fourth.
    fn gather(&mut self, due: &[TicketId]) {
        let mut groups: BTreeMap<(PersonId, Vec<ChannelId>, bool), Vec<PageId>> = BTreeMap::new();
        for ticket in due.iter().filter_map(|id| self.state().tickets.get(id)) {
            let chased = matches!(ticket.phase, Phase::Triggered(_));
            for (page, newest) in ticket.live_pages().into_iter().filter(|_| chased) {
                if paging::due(page, newest, self.now) == Some(Due::Begin(0))
                    && let Some(first) = page.ladder.first()
                {
                    let key = (page.person.clone(), first.via.clone(), page.priority.is_urgent());
                    groups.entry(key).or_default().push(page.id);
                }
            }
        }
        for ((_, _, urgent), mut pages) in groups {
            if pages.len() <= if urgent { APART } else { 1 } {
                continue;
            }
            pages.sort_by_key(|id| (self.page(*id).map(|p| p.priority), *id));
            for group in pages.chunks(MOST) {
                let Some((lead, others)) = group.split_first() else { continue };
                let until = after(self.now, ACCEPT_WITHIN);
                for page in others {
                    self.record(Some(page.ticket), What::PageGathered { page: *page, lead: *lead, until });
                }
            }
        }
    }

    /// What became of a message that tells other pages too.
    pub(super) fn tell_the_others(&mut self, send: SendId, receipt: Receipt) {
        let SendSubject::Page(id) = send.subject else { return };
        let Some(lead) = self.page(id).filter(|p| !p.tells.is_empty()) else { return };
        let Some(channel) = lead.tries.get((send.attempt as usize).wrapping_sub(1)).map(|t| t.channel.clone()) else {
            return;
        };
        let waits = lead.tries.iter().any(|t| t.ended.is_none());
        for other in lead.tells.clone() {
            let Some(page) = self.pursued(other) else { continue };
            let by_itself = page.within.is_none();
            if receipt.is_accepted() && page.last_try(&channel).is_none() {
                self.record(Some(other.ticket), What::PageTold { page: other, by: send, channel: channel.clone() });
            } else if !receipt.is_accepted() && !waits && !by_itself {
                self.record(Some(other.ticket), What::PageLoosened { page: other });
                self.advance(other.ticket);
            }
        }
    }

    /// What a page's message tells beside it.
    pub(super) fn also(&self, id: PageId) -> Vec<Also> {
        let tells = self.page(id).map(|p| p.tells.as_slice()).unwrap_or_default();
        let brief = |id: &PageId| {
            let page = self.pursued(*id)?;
            let lead = self.state().tickets.get(&id.ticket)?.lead();
            Some(Also {
                ticket: id.ticket,
                page: *id,
                title: lead.title.clone(),
                priority: page.priority,
                kind: lead.kind,
                summary: lead.summary.clone(),
            })
        };
        tells.iter().filter_map(brief).collect()
    }

    fn pursued(&self, id: PageId) -> Option<&Page> {
        let ticket = self.state().tickets.get(&id.ticket)?;
        let page = ticket.page(id).filter(|p| p.is_live() && p.occurrence == ticket.occurrence)?;
        matches!(ticket.phase, Phase::Triggered(_)).then_some(page)
    }
}
