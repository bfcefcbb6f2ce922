//! Folding one fact into the state. Sees no catalog: a fact holds all that it needs. A fact about a
//! ticket that is no longer remembered changes nothing.

use jiff::Timestamp;

use super::page::{DutyNotice, Ended, Notice, Page, Try};
use super::ticket::{Acked, Chase, Closed, Flapping, Member, Phase, Ticket, Wake};
use super::{Maintenance, QuietAlert, Silence, State, TESTS_KEPT, TestPage};
use crate::catalog::{Absence, LadderEntry, Override};
use crate::duty_notice::NoticeAbout;
use crate::fact::{Because, Fact, Firing, MessageKind, Quiet, Routed, Stage, What};
use crate::ids::{DedupKey, PageId, PersonId, SendId, SendSubject, TicketId};
use crate::input::Actor;
use crate::time::{after, shifted};
use crate::view::{PageState, Stages, Why};
use crate::word::Receipt;

/// How long an override or an absence stays after its end, for questions about the recent past.
const OVERRIDES_KEPT: crate::time::Millis = crate::time::Millis::hours(24 * 31);

impl State {
    /// Folds one fact in.
    pub fn apply(&mut self, fact: &Fact) {
        self.last_fact = fact.no;
        let at = fact.at;
        self.last_at = at;
        match &fact.what {
            What::Reloaded { .. }
            | What::Skipped { .. }
            | What::Escalated { .. }
            | What::Assigned { .. }
            | What::MergedFrom { .. } => {}
            What::PageGathered { page, lead, until } => self.gather(*page, *lead, *until),
            What::Started { .. } => self.begin_tries_anew(at),
            What::ClockShifted { by_ms } => self.shift_clock(*by_ms),
            What::DutyChanged { rotation, on_duty, .. } => {
                self.duty.insert(rotation.clone(), on_duty.clone());
            }
            What::AlertQuiet { alert, quiet, .. } => self.keep_quiet(alert, quiet, at),
            What::QuietResolved { key } => {
                self.leave_quiet(key);
                self.set_aside.remove(key);
            }
            What::TicketOpened { alert, routed, storm, .. } => {
                self.open(fact.ticket, alert, routed, at);
                if let Some(ticket) = fact.ticket.and_then(|id| self.tickets.get_mut(&id)) {
                    ticket.storm = storm.clone();
                }
            }
            What::TestAsked { test, person, channel, by } => {
                self.last_test = self.last_test.max(test.0);
                let sent = Try { n: 1, channel: channel.clone(), at, asked: at, ended: None };
                self.tests
                    .insert(*test, TestPage { person: person.clone(), channel: channel.clone(), by: by.clone(), sent });
                while self.tests.len() > TESTS_KEPT {
                    self.tests.pop_first();
                }
            }
            What::DutyNoticeDropped { .. } => {}
            What::DutyNoticeOwed { notice, person, channel, kind, about } => {
                let (person, channel, about) = (person.clone(), channel.clone(), about.clone());
                let (id, kind, tries) = (*notice, *kind, Vec::new());
                self.owe_duty(DutyNotice { id, person, channel, kind, about, owed_at: at, tries });
            }
            What::SilenceAdded { silence, matchers, until, by, reason, from } => {
                self.last_silence = self.last_silence.max(silence.0);
                let (matchers, by, reason) = (matchers.clone(), by.clone(), reason.clone());
                let from = from.unwrap_or(at);
                self.silences.insert(*silence, Silence { matchers, from, until: *until, by, reason, warned: false });
            }
            What::SilenceChanged { silence, until, .. } => {
                if let Some(silence) = self.silences.get_mut(silence) {
                    (silence.until, silence.warned) = (*until, false);
                }
            }
            What::SilenceExpiring { silence, .. } => {
                self.silences.get_mut(silence).into_iter().for_each(|s| s.warned = true);
            }
            What::SilenceEnded { silence, .. } => {
                self.silences.remove(silence);
            }
            What::MaintenanceAdded { maintenance, title, matchers, from, until, expect, cover_running, by } => {
                self.last_maintenance = self.last_maintenance.max(maintenance.0);
                let (title, matchers, expect, by) = (title.clone(), matchers.clone(), expect.clone(), by.clone());
                let (from, until, cover_running) = (*from, *until, *cover_running);
                let added = Maintenance { title, matchers, from, until, expect, cover_running, by };
                self.maintenance.insert(*maintenance, added);
            }
            What::MaintenanceEnded { maintenance, .. } => {
                self.maintenance.remove(maintenance);
            }
            What::OverrideAdded { override_, .. } => self.add_override(override_, at),
            What::OverrideRemoved { override_id, .. } => {
                self.recorded.overrides.retain(|o| o.id != Some(*override_id));
            }
            What::AbsenceAdded { absence, .. } => self.add_absence(absence, at),
            What::AbsenceRemoved { absence_id, .. } => {
                self.recorded.absences.retain(|a| a.id != Some(*absence_id));
            }
            What::CoverAsked { cover } => {
                self.last_cover = self.last_cover.max(cover.id.0);
                self.covers.insert(cover.id, cover.clone());
            }
            What::CoverAnswered { cover, .. } => {
                self.covers.remove(cover);
            }
            What::SendStarted { send, channel, .. } => self.send_started(*send, channel, at),
            What::SendEnded { send, receipt, handed_over, detail, retry_at } => {
                let (detail, retry_at, handed_over) = (detail.clone(), *retry_at, *handed_over);
                self.send_ended(*send, Ended { receipt: *receipt, at, counts_from: at, handed_over, detail, retry_at });
            }
            What::TicketReopened { .. }
            | What::AlertJoined { .. }
            | What::AlertChanged { .. }
            | What::AlertResolved { .. }
            | What::Flapped { .. }
            | What::FlapEnded { .. }
            | What::ProbeGone { .. }
            | What::StepEntered { .. }
            | What::PageStarted { .. }
            | What::EntryBegun { .. }
            | What::PageUnreachable { .. }
            | What::Acknowledged { .. }
            | What::Declined { .. }
            | What::Snoozed { .. }
            | What::Held { .. }
            | What::HeldBack { .. }
            | What::TicketResolved { .. }
            | What::Noted { .. }
            | What::StepWaits { .. }
            | What::KeptForHours { .. }
            | What::PageTold { .. }
            | What::PageLoosened { .. }
            | What::AcknowledgedByOne { .. }
            | What::AckRenewed { .. }
            | What::TakenOver { .. }
            | What::MergedInto { .. }
            | What::NoticeOwed { .. } => self.apply_to_ticket(fact),
        }
    }

    fn apply_to_ticket(&mut self, fact: &Fact) {
        let moves = matches!(
            fact.what,
            What::TicketReopened { .. }
                | What::TicketResolved { .. }
                | What::MergedInto { .. }
                | What::AlertChanged { rerouted: Some(_), .. }
        );
        if let (Some(id), true) = (fact.ticket, moves) {
            self.leave_index(id);
        }
        let Some(ticket) = fact.ticket.and_then(|id| self.tickets.get_mut(&id)) else { return };
        if let What::TicketResolved { .. } = &fact.what {
            self.set_aside.extend(ticket.firing().filter(|m| m.is_down()).map(|m| m.alert.key.clone()));
        }
        ticket.apply(fact);
        let ticket_id = ticket.id;
        if let What::TicketReopened { alert, .. } | What::AlertJoined { alert, .. } = &fact.what {
            self.by_key.insert(alert.key.clone(), ticket_id);
            let before = self.leave_quiet(&alert.key).and_then(|q| q.muted_since);
            if let (Some(since), Some(ticket)) = (before, self.tickets.get_mut(&ticket_id)) {
                ticket.muted_since = ticket.muted_since.or(Some(since));
                ticket.was_silenced = true;
            }
            self.set_aside.remove(&alert.key);
        }
        if let (Some(id), true) = (fact.ticket, moves) {
            self.enter_index(id);
        }
    }

    fn open(&mut self, id: Option<TicketId>, alert: &Firing, routed: &Routed, at: Timestamp) {
        let Some(id) = id else { return };
        self.forget_old(at);
        self.last_ticket = self.last_ticket.max(id.0);
        let before = self.leave_quiet(&alert.key).and_then(|q| q.muted_since);
        self.set_aside.remove(&alert.key);
        self.by_key.insert(alert.key.clone(), id);
        let mut ticket = Ticket::opened(id, alert, routed, at);
        (ticket.was_silenced, ticket.muted_since) = (before.is_some(), before);
        self.tickets.insert(id, ticket);
        self.enter_index(id);
    }

    fn keep_quiet(&mut self, alert: &Firing, quiet: &Quiet, at: Timestamp) {
        let before = self.leave_quiet(&alert.key);
        let since = before.as_ref().filter(|b| b.quiet.word() == quiet.word()).map_or(at, |b| b.since);
        let wanted = !matches!(quiet, Quiet::Info | Quiet::Settling { .. });
        let (muted_since, muted_by) = before.map_or((None, None), |b| (b.muted_since, b.muted_by));
        let muted_since = muted_since.or(wanted.then_some(at));
        let muted_by = wanted.then(|| quiet.clone()).or(muted_by);
        if let Some(ticket) = quiet.explained_by() {
            self.explained.entry(ticket).or_default().insert(alert.key.clone());
        }
        let quiet = QuietAlert { alert: alert.clone(), quiet: quiet.clone(), since, muted_since, muted_by };
        self.quiet.insert(alert.key.clone(), quiet);
    }

    fn leave_quiet(&mut self, key: &DedupKey) -> Option<QuietAlert> {
        let left = self.quiet.remove(key)?;
        if let Some(ticket) = left.quiet.explained_by()
            && let Some(keys) = self.explained.get_mut(&ticket)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.explained.remove(&ticket);
            }
        }
        Some(left)
    }

    fn add_override(&mut self, added: &Override, at: Timestamp) {
        if let Some(id) = added.id {
            self.last_override = self.last_override.max(id.0);
        }
        self.recorded.overrides.retain(|o| after(o.to, OVERRIDES_KEPT) > at);
        self.recorded.overrides.push(added.clone());
    }

    fn add_absence(&mut self, added: &Absence, at: Timestamp) {
        if let Some(id) = added.id {
            self.last_absence = self.last_absence.max(id.0);
        }
        self.recorded.absences.retain(|a| after(a.to, OVERRIDES_KEPT) > at);
        self.recorded.absences.push(added.clone());
    }

    fn owe_duty(&mut self, notice: DutyNotice) {
        self.last_duty_notice = self.last_duty_notice.max(notice.id.0);
        self.duty_notices.retain(|_, known| !known.is_over());
        if let (MessageKind::DutyReminder, NoticeAbout::Duty(about)) = (notice.kind, &notice.about) {
            let people = self.reminded.entry(about.rotation.clone()).or_default();
            people.retain(|_, start| *start > notice.owed_at);
            people.insert(notice.person.clone(), about.from);
        }
        self.duty_notices.insert(notice.id, notice);
    }

    fn send_started(&mut self, send: SendId, channel: &crate::ids::ChannelId, at: Timestamp) {
        let sent = Try { n: send.attempt, channel: channel.clone(), at, asked: at, ended: None };
        match send.subject {
            SendSubject::Page(id) => {
                if let Some(page) = self.tickets.get_mut(&id.ticket).and_then(|t| t.page_mut(id)) {
                    page.stages.handed_over = page.stages.handed_over.or(Some(at));
                    page.tries.push(sent);
                }
            }
            SendSubject::Notice(id) => {
                let notices = self.tickets.get_mut(&id.ticket).map(|t| &mut t.notices);
                if let Some(notice) = notices.and_then(|all| all.get_mut((id.n as usize).wrapping_sub(1))) {
                    notice.tries.push(sent);
                }
            }
            SendSubject::Duty(id) => {
                if let Some(notice) = self.duty_notices.get_mut(&id) {
                    notice.tries.push(sent);
                }
            }
            SendSubject::Test(_) => {}   // its one try is made by `TestAsked`
            SendSubject::Canary(_) => {} // makes no facts
        }
    }

    fn send_ended(&mut self, send: SendId, ended: Ended) {
        if let SendSubject::Page(id) = send.subject {
            if let Some(ticket) = self.tickets.get_mut(&id.ticket) {
                ticket.page_send_ended(id, send.attempt, ended);
            }
            return;
        }
        if let Some(tried) = self.find_try_mut(send) {
            tried.ended = Some(ended);
        }
    }

    fn find_try_mut(&mut self, send: SendId) -> Option<&mut Try> {
        let index = (send.attempt as usize).checked_sub(1)?;
        match send.subject {
            SendSubject::Page(id) => self.tickets.get_mut(&id.ticket)?.page_mut(id)?.tries.get_mut(index),
            SendSubject::Notice(id) => {
                self.tickets.get_mut(&id.ticket)?.notices.get_mut((id.n as usize).checked_sub(1)?)?.tries.get_mut(index)
            }
            SendSubject::Duty(id) => self.duty_notices.get_mut(&id)?.tries.get_mut(index),
            SendSubject::Test(id) => (index == 0).then_some(&mut self.tests.get_mut(&id)?.sent),
            SendSubject::Canary(_) => None,
        }
    }

    /// The try behind an outbox row.
    pub fn find_try(&self, send: SendId) -> Option<&Try> {
        let index = (send.attempt as usize).checked_sub(1)?;
        match send.subject {
            SendSubject::Page(id) => self.tickets.get(&id.ticket)?.page(id)?.tries.get(index),
            SendSubject::Notice(id) => {
                self.tickets.get(&id.ticket)?.notices.get((id.n as usize).checked_sub(1)?)?.tries.get(index)
            }
            SendSubject::Duty(id) => self.duty_notices.get(&id)?.tries.get(index),
            SendSubject::Test(id) => (index == 0).then_some(&self.tests.get(&id)?.sent),
            SendSubject::Canary(_) => None,
        }
    }

    /// What was under way died with the process before. Whoever takes it over begins now, and so does the
    /// time in which somebody must take it.
    fn begin_tries_anew(&mut self, at: Timestamp) {
        let under_way = |t: &&mut Try| t.ended.is_none();
        for ticket in self.tickets.values_mut() {
            for page in ticket.pages.iter_mut().filter(|p| p.is_live() && p.tries.iter().any(|t| t.ended.is_none())) {
                page.tries.iter_mut().filter(under_way).for_each(|t| t.asked = at);
                page.begun.iter_mut().last().into_iter().for_each(|begun| *begun = at);
            }
            let notices = ticket.notices.iter_mut().flat_map(|n| &mut n.tries);
            notices.filter(under_way).for_each(|t| t.asked = at);
        }
        let duty = self.duty_notices.values_mut().flat_map(|n| &mut n.tries);
        duty.filter(under_way).for_each(|t| t.asked = at);
    }

    /// Deadlines that count from events move with the clock; calendar instants stay.
    fn shift_clock(&mut self, by_ms: i64) {
        for ticket in self.tickets.values_mut().filter(|t| t.is_open()) {
            match &mut ticket.phase {
                Phase::Triggered(chase) => chase.due = shifted(chase.due, by_ms),
                Phase::Acknowledged(Acked { wake: Some(wake), .. }) if wake.because == Because::AckTimedOut => {
                    wake.at = shifted(wake.at, by_ms);
                }
                Phase::Acknowledged(_) | Phase::Held { .. } | Phase::OffHours { .. } | Phase::Resolved(_) => {}
            }
            ticket.members.shift_flaps(by_ms);
            for page in &mut ticket.pages {
                page.counts_from = shifted(page.counts_from, by_ms);
                page.begun.iter_mut().for_each(|at| *at = shifted(*at, by_ms));
                page.tries.iter_mut().for_each(|t| shift_try(t, by_ms));
                page.within.iter_mut().for_each(|within| within.until = shifted(within.until, by_ms));
            }
        }
        for tried in self.duty_notices.values_mut().flat_map(|n| &mut n.tries) {
            shift_try(tried, by_ms);
        }
        for notice in self.tickets.values_mut().flat_map(|t| &mut t.notices) {
            notice.tries.iter_mut().for_each(|t| shift_try(t, by_ms));
        }
    }
}

/// The times of a try are compared with those of its entry, which move: they move along.
fn shift_try(tried: &mut Try, by_ms: i64) {
    tried.asked = shifted(tried.asked, by_ms);
    if let Some(ended) = &mut tried.ended {
        ended.counts_from = shifted(ended.counts_from, by_ms);
        ended.retry_at = ended.retry_at.map(|at| shifted(at, by_ms));
    }
}

impl Ticket {
    fn opened(id: TicketId, alert: &Firing, routed: &Routed, at: Timestamp) -> Self {
        Self {
            id,
            routed: routed.clone(),
            occurrence: 1,
            opened_at: at,
            occurred_at: at,
            phase: Phase::Triggered(Chase::begins(at)),
            members: Member { alert: alert.clone(), ended_at: None, probe_gone: false, flapping: None }.into(),
            worst: alert.severity,
            pages: Vec::new(),
            notices: Vec::new(),
            entries: 0,
            reached: (1, Stage::Step(0)),
            first_page_accepted: None,
            taken: None,
            restored: None,
            was_silenced: false,
            muted_since: None,
            home: None,
            waits: Vec::new(),
            acks: Vec::new(),
            merged_into: None,
            storm: None,
        }
    }

    fn apply(&mut self, fact: &Fact) {
        let at = fact.at;
        match &fact.what {
            What::TicketReopened { alert, routed, occurrence, .. } => self.reopen(alert, routed, *occurrence, at),
            What::AlertJoined { alert, priority } => {
                self.routed.priority = *priority;
                self.put_member(alert);
            }
            What::AlertChanged { alert, priority, rerouted } => {
                if let Some(rerouted) = rerouted {
                    self.routed = rerouted.clone();
                    self.home = None;
                    self.waits.clear();
                }
                self.routed.priority = *priority;
                self.put_member(alert);
            }
            What::AlertResolved { key, .. } => self.end_member(key, at),
            What::Flapped { key, up, calm_at } => {
                let before = self.members.get(key).and_then(|m| m.flapping.as_ref());
                let since = before.map_or(at, |f| f.since);
                self.members.flap(key, Some(Flapping { since, up: *up, calm_at: *calm_at }));
            }
            What::FlapEnded { key } => self.members.flap(key, None),
            What::ProbeGone { probe } => {
                self.members.note_gone(probe);
            }
            What::StepEntered { policy, entry, pass, stage, due, home, require, .. } => {
                self.routed.policy = policy.clone();
                self.home = home.clone();
                self.waits.retain(|wait| wait.at > at);
                self.acks.clear();
                if *stage == Stage::Named {
                    self.waits.clear();
                }
                self.entries = *entry;
                self.reached = (*pass, *stage);
                self.taken = None;
                let occurrence = self.occurrence;
                for page in self.pages.iter_mut().filter(|p| p.occurrence == occurrence) {
                    page.step_over = true;
                    page.within = None;
                }
                let (entry, pass, stage, due, require) = (*entry, *pass, *stage, *due, *require);
                self.phase = Phase::Triggered(Chase { entry, pass, stage, due, require });
            }
            What::PageStarted { page, person, ladder, why } => self.page_started(*page, person, ladder, why, at),
            What::EntryBegun { page, .. } => {
                if let Some(page) = self.page_mut(*page) {
                    page.begun.push(at);
                }
            }
            What::PageUnreachable { page } => {
                if let Some(page) = self.page_mut(*page) {
                    page.state = PageState::Unreachable;
                }
            }
            What::Acknowledged { by, page, times_out } => {
                self.taken_by(by, *page, at);
                let wake = times_out.map(|at| Wake { at, because: Because::AckTimedOut });
                self.phase = Phase::Acknowledged(Acked { by: by.clone(), at, wake });
            }
            What::Snoozed { by, until } => {
                self.taken_by(by, None, at);
                let wake = Some(Wake { at: *until, because: Because::SnoozeEnded });
                self.phase = Phase::Acknowledged(Acked { by: by.clone(), at, wake });
            }
            What::Declined { page, .. } => {
                if let Some(page) = self.page_mut(*page) {
                    page.declined = true;
                    page.state = PageState::Ended;
                }
            }
            What::Held { silence, until } => self.hold(&Quiet::Silenced(*silence), Some(*until), at),
            What::HeldBack { quiet, until } => self.hold(quiet, *until, at),
            What::TicketResolved { resolved_as, cause, by } => {
                self.end_pages(None, None);
                self.waits.clear();
                self.members.end_all(at);
                let (resolved_as, cause, by) = (*resolved_as, cause.clone(), by.clone());
                self.phase = Phase::Resolved(Closed { at, resolved_as, cause, by });
            }
            What::NoticeOwed { notice, person, channel, kind, page, by } => self.notices.push(Notice {
                id: *notice,
                person: person.clone(),
                channel: channel.clone(),
                kind: *kind,
                page: *page,
                by: by.clone(),
                tries: Vec::new(),
            }),
            What::StepWaits { .. }
            | What::KeptForHours { .. }
            | What::PageTold { .. }
            | What::PageLoosened { .. }
            | What::AcknowledgedByOne { .. }
            | What::AckRenewed { .. }
            | What::TakenOver { .. }
            | What::Noted { .. }
            | What::MergedInto { .. } => self.apply_handed(fact),
            What::Started { .. }
            | What::Reloaded { .. }
            | What::ClockShifted { .. }
            | What::DutyChanged { .. }
            | What::AlertQuiet { .. }
            | What::QuietResolved { .. }
            | What::TicketOpened { .. }
            | What::Skipped { .. }
            | What::SendStarted { .. }
            | What::SendEnded { .. }
            | What::Escalated { .. }
            | What::Assigned { .. }
            | What::MergedFrom { .. }
            | What::PageGathered { .. }
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
            | What::TestAsked { .. } => {} // not about one ticket's own fields
        }
    }

    fn reopen(&mut self, alert: &Firing, routed: &Routed, occurrence: u32, at: Timestamp) {
        self.routed = routed.clone();
        self.occurrence = occurrence;
        self.occurred_at = at;
        self.entries = 0;
        self.reached = (1, Stage::Step(0));
        self.worst = alert.severity;
        self.first_page_accepted = None;
        self.taken = None;
        (self.was_silenced, self.muted_since, self.storm) = (false, None, None);
        self.home = None;
        self.waits.clear();
        self.acks.clear();
        self.merged_into = None;
        self.put_member(alert);
        // The other alerts of the occurrence before are over; they are told anew if they fire again.
        let key = &alert.key;
        self.members.keep_only(key);
        self.phase = Phase::Triggered(Chase::begins(at));
    }

    fn hold(&mut self, quiet: &Quiet, until: Option<Timestamp>, at: Timestamp) {
        self.was_silenced = true;
        self.muted_since = self.muted_since.filter(|_| matches!(self.phase, Phase::Held { .. })).or(Some(at));
        self.taken = None; // whoever had snoozed it has it no more
        self.end_pages(None, None);
        self.waits.clear();
        self.phase = Phase::Held { quiet: quiet.clone(), until };
    }

    fn put_member(&mut self, alert: &Firing) {
        self.worst = self.worst.max(alert.severity);
        self.restored = None;
        let before = self.members.get(&alert.key).filter(|m| m.is_firing());
        let flapping = before.and_then(|m| m.flapping.clone());
        self.members.put(Member { alert: alert.clone(), ended_at: None, probe_gone: false, flapping });
    }

    fn end_member(&mut self, key: &DedupKey, at: Timestamp) {
        self.members.end(key, at);
        if !self.is_firing() {
            self.restored = Some(at);
        }
    }

    fn page_started(&mut self, id: PageId, person: &PersonId, ladder: &[LadderEntry], why: &Why, at: Timestamp) {
        let Phase::Triggered(chase) = &self.phase else { return };
        let lead = self.lead();
        let stages = Stages {
            broken: Some(lead.started_at),
            seen: Some(lead.seen),
            confirmed: Some(lead.confirmed),
            ticket: Some(self.occurred_at),
            handed_over: None,
            accepted: None,
        };
        self.pages.push(Page {
            id,
            person: person.clone(),
            occurrence: self.occurrence,
            entry: chase.entry,
            stage: chase.stage,
            policy: self.routed.policy.clone(),
            priority: self.routed.priority,
            why: why.clone(),
            started_at: at,
            counts_from: at,
            ladder: ladder.to_vec(),
            begun: Vec::new(),
            tries: Vec::new(),
            state: PageState::Pursuing,
            step_over: false,
            declined: false,
            stages,
            within: None,
            tells: Vec::new(),
        });
    }

    fn page_send_ended(&mut self, id: PageId, attempt: u32, ended: Ended) {
        let occurrence = self.occurrence;
        let Some(page) = self.page_mut(id) else { return };
        let Some(tried) = page.tries.get_mut((attempt as usize).wrapping_sub(1)) else { return };
        let (accepted, at) = (ended.receipt.is_accepted(), ended.at);
        if !matches!(ended.receipt, Receipt::Lapsed | Receipt::CalledOff) {
            // The delivery room knows best when the message left us.
            let first = page.stages.accepted.is_none() && attempt == 1;
            page.stages.handed_over =
                if first { ended.handed_over.or(page.stages.handed_over) } else { page.stages.handed_over };
        }
        tried.ended = Some(ended);
        if !accepted {
            return;
        }
        page.stages.accepted = page.stages.accepted.or(Some(at));
        if page.state == PageState::Unreachable {
            page.state = PageState::Pursuing;
        }
        if page.occurrence == occurrence {
            self.first_page_accepted = self.first_page_accepted.or(Some(at));
        }
    }

    fn taken_by(&mut self, by: &Actor, page: Option<PageId>, at: Timestamp) {
        self.taken = self.taken.take().or_else(|| Some((by.clone(), at)));
        self.waits.clear();
        self.end_pages(page, by.person.as_ref());
    }

    /// Ends the pages of this occurrence; those of whoever answered are `answered`.
    pub(super) fn end_pages(&mut self, answered: Option<PageId>, by: Option<&PersonId>) {
        let occurrence = self.occurrence;
        for page in self.pages.iter_mut().filter(|p| p.occurrence == occurrence && p.is_live()) {
            let answers = answered == Some(page.id) || by == Some(&page.person);
            page.state = if answers { PageState::Answered } else { PageState::Ended };
        }
    }
}
