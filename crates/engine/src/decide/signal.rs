//! What sources say: verdicts of our own probes, signals from outside, beats of jobs.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Turn;
use crate::catalog::{Localized, ProbeInfo};
use crate::commit::Mark;
use crate::fact::{Firing, What};
use crate::heartbeat::{Beat, HeartbeatMark};
use crate::ids::{DedupKey, ProbeId, TicketId};
use crate::input::{Actor, Answer, Refusal, Signal, SignalAction, Via};
use crate::label::Labels;
use crate::observation::Verdict;
use crate::state::Phase;
use crate::time::{Millis, after};
use crate::word::{FailureKind, Level, ResolvedAs, Severity};

/// After a start, or a time in which we could not hear, no heartbeat is missed for so long: jobs could not reach us,
/// and those that try again do so within a minute.
pub(super) const BEATS_HELD: Millis = Millis::secs(60);

/// However often it is held anew, a beat is judged after so long.
const BEATS_HELD_AT_MOST: Millis = Millis::mins(5);

impl Turn<'_> {
    /// A settled verdict.
    pub(super) fn take_verdict(&mut self, verdict: &Verdict) -> Answer {
        let answer = self.judge_verdict(verdict);
        self.heard(&verdict.probe);
        answer
    }

    /// The same verdict told again makes no fact.
    fn judge_verdict(&mut self, verdict: &Verdict) -> Answer {
        let before = self.state().verdict(&verdict.probe, &verdict.site);
        if before.is_some_and(|b| b.says_the_same(verdict)) {
            return Answer::Done;
        }
        if verdict.probe == ProbeId::canary() {
            self.take_canary(verdict);
            return Answer::Done;
        }
        let Some(probe) = self.catalog.probes.get(&verdict.probe) else { return Answer::Done };
        let key = DedupKey::probe(&probe.id);
        match verdict.level {
            Level::Up => {
                self.end(&key, "the probe is up again");
            }
            Level::Degraded | Level::Down => {
                let alert = fired_by_probe(probe, key, verdict);
                self.fire(alert);
            }
        }
        self.mark(Mark::Verdict(verdict.clone()));
        Answer::Done
    }

    /// A signal from outside.
    pub(super) fn take_signal(&mut self, signal: &Signal) -> Answer {
        if signal.dedup_key.as_str().is_empty() {
            return Answer::Refused(Refusal::Empty("dedup_key".into()));
        }
        let ticket = self.take_one(signal);
        Answer::Signal { dedup_key: signal.dedup_key.clone(), ticket }
    }

    /// Many signals of one source. Tickets are looked at once all were taken in, so that a page counts all
    /// alerts of its ticket, and speaks of the worst.
    pub(super) fn take_signals(&mut self, signals: &[Signal]) -> Answer {
        self.later = Some(BTreeSet::new());
        let named = |signal: &&Signal| !signal.dedup_key.as_str().is_empty();
        let tickets = signals.iter().map(|s| Some(s).filter(named).and_then(|s| self.take_one(s))).collect();
        for id in self.later.take().unwrap_or_default() {
            self.advance(id);
        }
        Answer::Signals(tickets)
    }

    fn take_one(&mut self, signal: &Signal) -> Option<TicketId> {
        let key = &signal.dedup_key;
        match signal.action {
            SignalAction::Resolve => self.end(key, &format!("{} says so", signal.source)),
            SignalAction::Fire if self.was_ended_as_nothing(signal) => None,
            SignalAction::Fire => self.take_fire(signal),
            SignalAction::Acknowledge => self.take_acknowledged(signal),
            SignalAction::Change => {
                let text = format!("change: {}", signal.summary);
                self.record(None, What::Noted { by: source_of(signal), text, times_out: None });
                None
            }
        }
    }

    fn take_fire(&mut self, signal: &Signal) -> Option<TicketId> {
        let (key, lapses) = (&signal.dedup_key, signal.more.told.as_ref().and_then(|t| t.lapses));
        if signal.more.level {
            let ticket = self.state().firing_ticket(key).map(|t| t.id);
            if self.is_told_again(signal) {
                lapses.into_iter().for_each(|lapse| self.hear_again(key, lapse));
                return ticket;
            }
        }
        let (facts, alert) = (self.out.facts.len(), fired_by_signal(signal, self.now));
        let ticket = self.fire(alert);
        if let Some(lapse) = lapses.filter(|_| self.out.facts.len() == facts) {
            self.hear_again(key, lapse);
        }
        ticket
    }

    /// Whether a source only repeats itself: nothing that matters is new, or a person has ended the ticket
    /// knowing of this alert.
    fn is_told_again(&self, signal: &Signal) -> bool {
        let key = &signal.dedup_key;
        let member = || self.state().tickets.get(self.state().by_key.get(key)?)?.member(key);
        if self.state().set_aside.contains(key) {
            return member().is_some_and(|m| signal.severity <= m.alert.severity);
        }
        let quiet = self.state().quiet.get(key);
        let known = quiet.map(|q| &q.alert).or_else(|| member().filter(|m| m.is_firing()).map(|m| &m.alert));
        let Some(known) = known else { return false };
        let same = known.severity == signal.severity && known.labels == signal.labels;
        let worded = known.title.en == signal.summary
            && known.told.as_ref().map(|t| &t.annotations) == signal.more.told.as_ref().map(|t| &t.annotations);
        // What is kept quiet is looked at anew whenever its source speaks: a silence may have come or gone.
        same && quiet.is_none() && (worded || self.engine.lapses.was_worded_just_now(key, self.now))
    }

    /// A source says that somebody has it.
    fn take_acknowledged(&mut self, signal: &Signal) -> Option<TicketId> {
        let ticket = self.state().firing_ticket(&signal.dedup_key)?.id;
        match self.ack(ticket, None, &source_of(signal)) {
            Ok(_) => Some(ticket),
            Err(_) => None, // over already, as the source will find out
        }
    }

    /// Whether a person ended this very fault and said that it needs nobody: a source that repeats what it said
    /// then says nothing new (`docs/decisions/0010-said-to-be-nothing.md`). One that does not tell when the
    /// fault began may mean another one.
    fn was_ended_as_nothing(&self, signal: &Signal) -> bool {
        let state = self.state();
        let ticket = state.by_key.get(&signal.dedup_key).and_then(|id| state.tickets.get(id));
        let Some((ticket, Phase::Resolved(closed))) = ticket.map(|t| (t, &t.phase)) else { return false };
        let nothing = match closed.resolved_as {
            ResolvedAs::FalseAlarm | ResolvedAs::Planned | ResolvedAs::Duplicate => true,
            ResolvedAs::Fixed | ResolvedAs::SelfRecovered => false,
        };
        let repeated = signal.started_at.is_some_and(|at| at <= closed.at) && signal.severity <= ticket.worst;
        nothing && repeated && state.set_aside.contains(&signal.dedup_key)
    }

    /// A job says something; the last value is kept with the commit.
    pub(super) fn take_beat(&mut self, id: &ProbeId, beat: Beat) -> Answer {
        let known = self.catalog.probes.get(id).is_some_and(|p| p.heartbeat.is_some());
        if !known {
            return Answer::Refused(Refusal::NoSuchHeartbeat(id.clone()));
        }
        let before = self.state().beats.get(id).copied().unwrap_or_else(|| HeartbeatMark::fresh(self.now));
        let mark = before.after(beat, self.now);
        self.mark(Mark::Heartbeat { probe: id.clone(), mark });
        self.judge_beat(id, mark.failed.is_some() && mark.failed != before.failed);
        Answer::Done
    }

    /// Looks whether a beat is missing.
    pub(super) fn look_at_beats(&mut self) {
        let heartbeats = self.catalog.probes.values().filter(|p| p.heartbeat.is_some());
        for id in heartbeats.map(|p| p.id.clone()).collect::<Vec<_>>() {
            if !self.state().beats.contains_key(&id) {
                self.mark(Mark::Heartbeat { probe: id.clone(), mark: HeartbeatMark::fresh(self.now) });
            }
            self.judge_beat(&id, false);
        }
        if self.engine.beats_from.is_some_and(|at| at <= self.now) {
            self.engine.release_beats();
        }
    }

    /// `failed_now`: the job has just said that it failed, which no person can have known before.
    fn judge_beat(&mut self, id: &ProbeId, failed_now: bool) {
        let Some(probe) = self.catalog.probes.get(id) else { return };
        let (Some(rule), Some(mark)) = (&probe.heartbeat, self.state().beats.get(id)) else { return };
        let key = DedupKey::probe(id);
        match rule.judge(mark, self.now) {
            None => {
                self.end(&key, "a beat came in time");
            }
            Some(_) if !failed_now && self.state().set_aside.contains(&key) => {} // a person ended it, knowing that it was there
            Some((kind, _)) if kind != FailureKind::HeartbeatFailed && self.beats_are_held() => {}
            Some((kind, since)) => {
                let alert = fired_by_silence_of_a_job(probe, key, kind, since, mark, self.now);
                self.fire(alert);
            }
        }
    }
}

impl Turn<'_> {
    fn beats_are_held(&self) -> bool {
        self.engine.beats_from.is_some_and(|from| self.now < from)
    }
}

impl super::Engine {
    /// No beat is missed for a moment. A store that hangs again and again must not keep heartbeats from being
    /// judged for ever.
    pub(super) fn hold_beats(&mut self, now: Timestamp) {
        let since = *self.beats_held_since.get_or_insert(now);
        let until = after(now, BEATS_HELD).min(after(since, BEATS_HELD_AT_MOST));
        self.beats_from = self.beats_from.max(Some(until));
    }

    /// Beats are judged as they come due.
    pub(super) fn release_beats(&mut self) {
        (self.beats_from, self.beats_held_since) = (None, None);
    }

    /// When a heartbeat that is not failing yet will be.
    pub(super) fn next_beat(&self, catalog: &crate::catalog::Catalog) -> Option<Timestamp> {
        let deadline = |p: &ProbeInfo| {
            let rule = p.heartbeat.as_ref()?;
            let mark = self.state.beats.get(&p.id)?;
            let key = DedupKey::probe(&p.id);
            if self.state.is_firing(&key) || self.state.set_aside.contains(&key) {
                return None;
            }
            let (at, _) = rule.deadline(mark)?;
            // The deadline itself is still in time; the engine looks just after it.
            Some(
                self.beats_from
                    .map_or(at, |from| from.max(at))
                    .saturating_add(jiff::SignedDuration::from_millis(1))
                    .unwrap_or(at),
            )
        };
        catalog.probes.values().filter_map(deadline).min()
    }
}

/// The labels that every alert of a probe carries.
fn labels_of(probe: &ProbeInfo, severity: Severity) -> Labels {
    let mut labels = probe.labels.clone();
    labels.insert("probe".into(), probe.id.to_string());
    labels.insert("service".into(), probe.service.clone());
    labels.insert("component".into(), probe.component.clone());
    labels.insert("severity".into(), severity.to_string());
    labels
}

fn runbook_of(probe: &ProbeInfo) -> Vec<String> {
    probe
        .runbook
        .as_ref()
        .map(|r| if r.steps.is_empty() { vec![r.source.clone()] } else { r.steps.clone() })
        .unwrap_or_default()
}

fn fired_by_probe(probe: &ProbeInfo, key: DedupKey, verdict: &Verdict) -> Firing {
    Firing {
        key,
        probe: Some(probe.id.clone()),
        kind: verdict.kind,
        severity: verdict.severity,
        title: probe.title.clone(),
        impact: probe.impact.clone(),
        summary: verdict.message.clone().unwrap_or_else(|| verdict.level.to_string()),
        labels: labels_of(probe, verdict.severity),
        owner: probe.owner.clone(),
        runbook: runbook_of(probe),
        started_at: verdict.since,
        seen: verdict.seen,
        confirmed: verdict.confirmed,
        last_good: verdict.last_good,
        runs: verdict.runs,
        run: verdict.summary.clone(),
        told: None,
        level: Some(verdict.level),
    }
}

fn fired_by_silence_of_a_job(
    probe: &ProbeInfo,
    key: DedupKey,
    kind: FailureKind,
    since: Timestamp,
    mark: &HeartbeatMark,
    now: Timestamp,
) -> Firing {
    let summary = match (kind, mark.failed.and_then(|f| f.exit)) {
        (FailureKind::HeartbeatFailed, Some(code)) => format!("the job ended with exit code {code}"),
        (FailureKind::HeartbeatFailed, None) => "the job said that it failed".into(),
        (FailureKind::HeartbeatOverrun, _) => "the job has not ended in time".into(),
        _ => "no beat came in time".to_owned(),
    };
    Firing {
        key,
        probe: Some(probe.id.clone()),
        kind: Some(kind),
        severity: probe.severity,
        title: probe.title.clone(),
        impact: probe.impact.clone(),
        summary,
        labels: labels_of(probe, probe.severity),
        owner: probe.owner.clone(),
        runbook: runbook_of(probe),
        started_at: since,
        seen: now,
        confirmed: now,
        last_good: mark.last_success,
        runs: 1,
        run: None,
        told: None,
        level: Some(Level::Down),
    }
}

fn source_of(signal: &Signal) -> Actor {
    Actor { person: None, name: signal.source.clone(), via: Via::Api }
}

fn fired_by_signal(signal: &Signal, now: Timestamp) -> Firing {
    let mut labels = signal.labels.clone();
    if labels.get("severity").is_none_or(|word| word != signal.severity.as_str()) {
        labels.insert("severity".into(), signal.severity.to_string());
    }
    Firing {
        key: signal.dedup_key.clone(),
        probe: None,
        kind: None,
        severity: signal.severity,
        title: Localized::same(signal.summary.clone()),
        impact: None,
        summary: signal.more.details.clone().unwrap_or_else(|| signal.summary.clone()),
        labels,
        owner: None,
        runbook: signal.more.runbook.clone(),
        started_at: signal.started_at.filter(|at| *at <= now).unwrap_or(now),
        seen: now,
        confirmed: now,
        last_good: None,
        runs: 1,
        run: None,
        told: signal.more.told.clone(),
        level: None,
    }
}
