//! Freezing what a message says at the moment it is decided.

use super::Turn;
use super::chase;
use crate::duty_notice::NoticeAbout;
use crate::fact::MessageKind;
use crate::ids::{ChannelId, PageId, PersonId, SendId, SendSubject};
use crate::outgoing::{About, AlertBrief, Outgoing};
use crate::state::{Phase, Ticket};

impl Turn<'_> {
    /// The message of one try.
    pub(super) fn message(
        &self,
        send: SendId,
        person: PersonId,
        channel: ChannelId,
        kind: MessageKind,
        page: Option<PageId>,
        by: Option<String>,
    ) -> Outgoing {
        let known = self.catalog.people.get(&person);
        let zone = known.map_or(&self.catalog.zone, |p| &p.zone);
        let ticket = page.and_then(|p| self.state().tickets.get(&p.ticket));
        let (duty, silence) = match self.notice_of(send) {
            Some(NoticeAbout::Duty(duty)) => (Some(duty), None),
            Some(NoticeAbout::Silence(silence)) => (None, Some(silence)),
            None => (None, None),
        };
        Outgoing {
            send,
            kind,
            page,
            person_name: known.map_or_else(|| person.to_string(), |p| p.name.clone()),
            room: known.is_some_and(|p| p.room),
            locale: known.map_or(self.catalog.locale, |p| p.locale),
            zone: zone.iana_name().unwrap_or("UTC").into(),
            channel,
            about: ticket.map(|t| self.about(t, page)),
            also: page.filter(|_| kind == MessageKind::Page).map(|id| self.also(id)).unwrap_or_default(),
            by,
            duty,
            silence,
            decided_at: self.now,
            person,
        }
    }

    fn notice_of(&self, send: SendId) -> Option<NoticeAbout> {
        let SendSubject::Duty(id) = send.subject else { return None };
        self.state().duty_notices.get(&id).map(|notice| notice.about.clone())
    }

    fn about(&self, ticket: &Ticket, page: Option<PageId>) -> About {
        let lead = ticket.lead();
        let next = chase::next_step(self.state(), self.catalog, ticket);
        let name = |id: &PersonId| self.catalog.people.get(id).map_or_else(|| id.to_string(), |p| p.name.clone());
        let next_to = next.to;
        let closed = match &ticket.phase {
            Phase::Resolved(closed) => Some(closed),
            Phase::Triggered(_) | Phase::Held { .. } | Phase::OffHours { .. } | Phase::Acknowledged(_) => None,
        };
        About {
            ticket: ticket.id,
            occurrence: ticket.occurrence,
            title: ticket.title(),
            impact: lead.impact.clone(),
            state: ticket.state(),
            priority: ticket.routed.priority,
            opened_at: ticket.opened_at,
            resolved_as: closed.map(|c| c.resolved_as),
            resolved_at: closed.map(|c| c.at),
            next_at: next.at,
            next_names: next_to.iter().map(name).collect(),
            next_to,
            why: page.and_then(|id| ticket.page(id)).map(|p| p.why.clone()),
            was_silenced: ticket.was_silenced,
            muted_since: ticket.muted_since,
            held_until: match &ticket.phase {
                Phase::OffHours { until } => Some(*until),
                Phase::Triggered(_) | Phase::Held { .. } | Phase::Acknowledged(_) | Phase::Resolved(_) => None,
            },
            merged_into: ticket.merged_into,
            live_alerts: u32::try_from(ticket.firing().count()).unwrap_or(u32::MAX),
            alert: AlertBrief {
                dedup_key: lead.key.clone(),
                probe: lead.probe.clone(),
                kind: lead.kind,
                severity: lead.severity,
                summary: lead.summary.clone(),
                labels: lead.labels.clone(),
                started_at: lead.started_at,
                last_good: lead.last_good,
                runs: lead.runs,
                run: lead.run.clone(),
            },
            runbook: lead.runbook.clone(),
        }
    }
}
