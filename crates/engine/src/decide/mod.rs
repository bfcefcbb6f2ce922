//! Deciding: what an input means now. Each fact is folded in as it is recorded, so that what follows
//! in the same decision sees it, and the state changes in no other way.

mod act;
mod alert;
mod away;
mod canary;
mod chase;
mod cover;
mod digest;
mod duty;
mod duty_notice;
mod flap;
mod hand;
mod hours;
mod lapse;
mod message;
mod people;
mod quiet;
mod quiet_acts;
mod send;
mod show;
mod signal;
mod sources;
mod storm;
mod wakes;
mod walk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::commit::{Commit, Mark, TicketRow};
use crate::fact::{Fact, What};
use crate::ids::{DedupKey, Epoch, InputId, SendId, TicketId};
use crate::input::{Answer, Envelope, Input};
use crate::outgoing::Outgoing;
use crate::state::{State, Ticket};
use crate::view::LiveView;
use away::Away;
use lapse::Lapses;
use sources::Sources;
use wakes::Wakes;

/// A clock that starts further than this behind the last record was set back meanwhile.
const CLOCK_BEHIND_MS: i128 = 2_000;

/// How many answers are remembered, so that a repeated input gets the same one.
const ANSWERS_KEPT: usize = 4_096;

/// The same for answers to lists, counted by what they hold: a bound on memory.
const LISTED_ANSWERS_KEPT: usize = 65_536;

/// The engine: the state and what is derived from it.
#[derive(Debug)]
pub struct Engine {
    state: State,
    epoch: Epoch,
    /// When who is on duty has to be looked at again.
    duty_due: Option<Timestamp>,
    /// Before this instant no heartbeat is missed and no job overruns: jobs could not reach us while we were not there.
    beats_from: Option<Timestamp>,
    /// Since when; what is held again and again is judged all the same.
    beats_held_since: Option<Timestamp>,
    /// Rows of an earlier epoch that are sent again: whatever comes of it, they may have arrived before.
    adopted: BTreeSet<SendId>,
    answers: BTreeMap<InputId, Answer>,
    /// The ids in `answers`, oldest first.
    answered: VecDeque<InputId>,
    /// What `answers` hold, in single answers.
    answers_weigh: usize,
    /// When something of which ticket is due.
    wakes: Wakes,
    /// When which alert is over unless its source says it again.
    lapses: Lapses,
    /// When a silence or a window begins or ends next.
    windows_due: Option<Timestamp>,
    /// Alerts that wait a moment for what may explain them.
    settling: BTreeSet<(Timestamp, DedupKey)>,
    /// Tickets that explain quiet alerts, and moved since those were last looked at.
    moved: BTreeSet<TicketId>,
    /// Live alerts that may explain others.
    sources: Sources,
    /// When this process took over.
    started: Option<Timestamp>,
    /// Tickets of which something fell due while watchbell was not there.
    away: BTreeMap<TicketId, Away>,
    /// The last minutes of tickets, for storms.
    storms: storm::Storms,
    /// The last changes of probes that may flap.
    changes: flap::Changes,
    /// When the process before was last known to live.
    last_alive: Timestamp,
}

/// What a decision wants done, beside what it already did to the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// What happened, in order.
    pub facts: Vec<Fact>,
    /// New messages.
    pub outbox: Vec<Outgoing>,
    /// Messages that have an outcome now.
    pub ended: Vec<SendId>,
    /// Messages of an earlier epoch that are sent as they are.
    pub adopted: Vec<SendId>,
    /// Last values, in order: of one key the last one counts.
    pub marks: Vec<Mark>,
    /// Tickets whose projections must be written.
    pub touched: BTreeSet<TicketId>,
}

/// Why the engine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WakeReason {
    /// A step, an entry, a try or a snooze of this ticket is due.
    Ticket(TicketId),
    /// A silence or a window begins or ends, or an alert has waited long enough.
    Silence,
    /// A heartbeat is due.
    Heartbeat,
    /// A shift ends, or somebody is to be told of theirs.
    Duty,
    /// A source has said nothing more for too long.
    Source,
}

impl Engine {
    /// An engine over a state, deciding in `epoch`.
    pub fn new(state: State, epoch: Epoch) -> Self {
        let mut wakes = Wakes::default();
        wakes.refresh(&state, &BTreeMap::new(), state.tickets.keys().copied().collect());
        let settling = state.quiet.iter().filter_map(|(key, q)| Some((quiet::settles_at(&q.quiet)?, key.clone())));
        Self {
            wakes,
            lapses: Lapses::of(&state),
            windows_due: Some(Timestamp::MIN),
            settling: settling.collect(),
            moved: state.explained.keys().copied().collect(),
            sources: Sources::default(),
            storms: storm::Storms::default(),
            changes: flap::Changes::default(),
            last_alive: state.last_at,
            state,
            epoch,
            duty_due: Some(Timestamp::MIN),
            started: None,
            away: BTreeMap::new(),
            beats_from: None,
            beats_held_since: None,
            adopted: BTreeSet::new(),
            answers: BTreeMap::new(),
            answered: VecDeque::new(),
            answers_weigh: 0,
        }
    }

    /// The epoch it decides in.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Decides what an input means at `now` and folds it in. The answer may be shown once the
    /// decision is durable.
    pub fn decide(&mut self, catalog: &Catalog, now: Timestamp, envelope: &Envelope, out: &mut Decision) -> Answer {
        if let Some(answer) = self.answers.get(&envelope.id) {
            return answer.clone();
        }
        let mut turn = Turn { engine: self, catalog, now, out, later: None, gathering: false };
        let answer = turn.take(&envelope.input);
        turn.follow_explanations();
        self.wakes.follow(&self.state, &self.away);
        if matches!(envelope.input, Input::Act(_) | Input::Signal(_) | Input::Signals(_)) {
            self.remember(envelope.id.clone(), answer.clone());
        }
        answer
    }

    /// The last word on a batch: pages that were decided in it, and that an answer in the same batch made
    /// unwanted, are ended before anything is released. `gone` are those that left already.
    pub fn call_off(&mut self, catalog: &Catalog, now: Timestamp, out: &mut Decision, gone: &BTreeSet<SendId>) {
        Turn { engine: self, catalog, now, out, later: None, gathering: false }.call_off_unwanted(gone);
        self.wakes.follow(&self.state, &self.away);
    }

    fn remember(&mut self, id: InputId, answer: Answer) {
        let weighs = |answer: &Answer| match answer {
            Answer::Signals(tickets) => tickets.len(),
            _ => 1,
        };
        self.answers_weigh += weighs(&answer);
        while self.answered.len() >= ANSWERS_KEPT || self.answers_weigh > LISTED_ANSWERS_KEPT {
            let Some(oldest) = self.answered.pop_front() else { break };
            self.answers_weigh -= self.answers.remove(&oldest).as_ref().map_or(0, weighs);
        }
        self.answered.push_back(id.clone());
        self.answers.insert(id, answer);
    }

    /// Nothing could be taken in of late: sources do not count as fallen silent for it, nor jobs as late.
    pub fn could_not_hear(&mut self, now: Timestamp) {
        self.lapses.hold(crate::time::after(now, lapse::HELD));
        self.hold_beats(now);
    }

    /// When something is due next, and what.
    pub fn next_wake(&self, catalog: &Catalog) -> Option<(Timestamp, WakeReason)> {
        let tickets = self.wakes.first().map(|(at, id)| (at, WakeReason::Ticket(id)));
        let settled = self.settling.first().map(|(at, _)| *at);
        let silences = settled.into_iter().chain(self.windows_due).map(|at| (at, WakeReason::Silence));
        let beats = self.next_beat(catalog).map(|at| (at, WakeReason::Heartbeat));
        let told = duty_notice::next_wake(&self.state);
        let duty = [self.duty_due, told].into_iter().flatten().min().map(|at| (at, WakeReason::Duty));
        let sources = self.lapses.first().map(|at| (at, WakeReason::Source));
        tickets.into_iter().chain(silences).chain(beats).chain(duty).chain(sources).min()
    }

    /// What the outside may look at.
    pub fn view(&self, catalog: &Catalog, now: Timestamp, before: &LiveView, touched: &BTreeSet<TicketId>) -> LiveView {
        show::live_view(&self.state, catalog, now, before, touched)
    }

    /// The commit that makes a decision durable.
    pub fn commit(&self, catalog: &Catalog, now: Timestamp, decision: Decision) -> Commit {
        let rows = decision.touched.iter().filter_map(|id| self.state.tickets.get(id));
        let tickets: Vec<TicketRow> = rows.map(|t| show::ticket_row(&self.state, catalog, now, t)).collect();
        let Decision { facts, outbox, ended, adopted, marks, touched: _ } = decision;
        Commit { epoch: self.epoch, at: Some(now), facts, tickets, outbox, ended, adopted, marks }
    }
}

/// A ticket and its pages as queries read them.
pub(crate) fn projection(state: &State, catalog: &Catalog, now: Timestamp, ticket: &Ticket) -> TicketRow {
    show::ticket_row(state, catalog, now, ticket)
}

/// One decision under way.
struct Turn<'a> {
    engine: &'a mut Engine,
    catalog: &'a Catalog,
    now: Timestamp,
    out: &'a mut Decision,
    /// Tickets that are looked at once everything was taken in; `None` while each is looked at straight away.
    later: Option<BTreeSet<TicketId>>,
    /// Pages are begun after all of them are known.
    gathering: bool,
}

impl Turn<'_> {
    fn take(&mut self, input: &Input) -> Answer {
        match input {
            Input::Verdict(verdict) => self.take_verdict(verdict),
            Input::Signal(signal) => self.take_signal(signal),
            Input::Signals(signals) => self.take_signals(signals),
            Input::Beat { probe, beat } => self.take_beat(probe, *beat),
            Input::Act(act) => self.take_act(act),
            Input::Report(report) => self.take_report(report),
            Input::Tick => {
                self.notice_absence();
                self.tick();
                Answer::Done
            }
            Input::ClockStepped { by_ms } => {
                self.record(None, What::ClockShifted { by_ms: *by_ms });
                self.engine.duty_due = Some(self.now);
                self.engine.windows_due = Some(self.now);
                self.tick();
                Answer::Done
            }
            Input::TookOver { unfinished } => {
                self.take_over(unfinished);
                Answer::Done
            }
            Input::Reloaded => {
                self.reloaded();
                Answer::Done
            }
        }
    }

    /// Records a fact and folds it in.
    fn record(&mut self, ticket: Option<TicketId>, what: What) {
        let fact = Fact { no: self.state().last_fact.next(), epoch: self.engine.epoch, at: self.now, ticket, what };
        self.engine.state.apply(&fact);
        self.follow_lapse(&fact);
        self.engine.note_quiet(&fact, self.catalog);
        match (&fact.what, ticket) {
            (What::ClockShifted { .. } | What::Started { .. }, _) => {
                self.engine.wakes.stale.extend(self.engine.state.tickets.keys());
            }
            (_, Some(ticket)) => {
                self.engine.wakes.stale.insert(ticket);
            }
            (_, None) => {}
        }
        self.out.touched.extend(ticket);
        self.out.facts.push(fact);
    }

    /// Keeps a last value; the store writes the newest of each key.
    fn mark(&mut self, mark: Mark) {
        self.engine.state.mark(mark.clone());
        self.out.marks.push(mark);
    }

    fn state(&self) -> &State {
        &self.engine.state
    }

    /// Does everything that is due now.
    fn tick(&mut self) {
        self.look_at_duty();
        self.look_at_windows();
        self.look_at_settled();
        self.look_at_beats();
        self.end_lapsed();
        self.engine.wakes.follow(&self.engine.state, &self.engine.away);
        let due = self.engine.wakes.due(self.now);
        self.engine.wakes.stale.extend(&due);
        self.advance_together(&due);
        // Behind everything that pages.
        self.advance_duty_notices();
    }

    fn reloaded(&mut self) {
        self.record(None, What::Reloaded { revision: self.catalog.revision.clone() });
        self.engine.duty_due = Some(self.now);
        self.rules_changed();
        self.note_gone_probes();
        self.look_at_hours();
        self.tick();
    }

    fn take_over(&mut self, unfinished: &[crate::input::Unfinished]) {
        // A machine that starts with a clock behind the record would wait for all deadlines once more.
        let by_ms = self.now.duration_since(self.state().last_at).as_millis();
        if by_ms < -CLOCK_BEHIND_MS {
            self.record(None, What::ClockShifted { by_ms: i64::try_from(by_ms).unwrap_or(i64::MIN) });
        }
        // What fell due while watchbell was not there, before the start moves what was under way.
        self.engine.away = self.find_overdue();
        self.engine.started = Some(self.now);
        self.record(None, What::Started { revision: self.catalog.revision.clone() });
        self.engine.duty_due = Some(Timestamp::MIN);
        self.engine.could_not_hear(self.now);
        self.rules_changed();
        for row in unfinished {
            self.settle_unfinished(row);
        }
        self.note_gone_probes();
        self.tick();
    }
}
