//! Sources that say again and again that a fault is there, until one day they say nothing more.
//!
//! When an alert is over by itself is kept here, derived from its fact and from the mark that moved it. A
//! refreshed deadline is written only where a start would otherwise end the alert too early: most refreshes
//! cost no commit.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Turn;
use crate::commit::{LapseMark, Mark};
use crate::fact::{Fact, Firing, Lapse, What};
use crate::ids::DedupKey;
use crate::state::State;
use crate::time::{Millis, after, elapsed, shifted};

/// After a start, a stepped clock, or a time in which nothing could be taken in, no source counts as fallen
/// silent for so long: it could not reach us. Prometheus says every alert again within a minute.
pub(super) const HELD: Millis = Millis::mins(5);

/// A deadline that is looked at so late says that we were away ourselves: a process that was stopped, a machine
/// that slept.
const AWAY: Millis = Millis::secs(30);

/// Other words for the same fault are written down this often at most: some hold a measured value, which is
/// another one each time.
const WORDS_EVERY: Millis = Millis::mins(5);

/// When which alert is over unless its source says it again.
#[derive(Debug, Default)]
pub(super) struct Lapses {
    of: BTreeMap<DedupKey, Due>,
    in_order: BTreeSet<(Timestamp, DedupKey)>,
    /// Nothing lapses before.
    held_until: Option<Timestamp>,
}

/// What is known of one alert.
#[derive(Clone, Copy, Debug)]
struct Due {
    lapse: Lapse,
    /// When the source was heard last.
    heard: Timestamp,
    /// What a start would find in the store.
    written: Option<Timestamp>,
    /// When it was last written down what the alert says.
    worded: Timestamp,
}

impl Lapses {
    /// What the store knows.
    pub(super) fn of(state: &State) -> Self {
        let mut out = Self::default();
        let open = state.tickets.values().flat_map(|t| t.firing().map(|m| &m.alert));
        let quiet = state.quiet.values().map(|q| &q.alert);
        let set_aside = state.set_aside.iter().filter_map(|key| {
            let ticket = state.tickets.get(state.by_key.get(key)?)?;
            Some(&ticket.member(key)?.alert)
        });
        for alert in open.chain(quiet).chain(set_aside) {
            out.know(alert, state.lapses.get(&alert.key));
        }
        out
    }

    fn know(&mut self, alert: &Firing, mark: Option<&LapseMark>) {
        // A mark from before the alert fired is of an earlier time.
        let mark = mark.filter(|m| m.heard >= alert.seen).copied();
        let said = alert.told.as_ref().and_then(|t| t.lapses).map(|lapse| LapseMark { lapse, heard: alert.seen });
        let Some(LapseMark { lapse, heard }) = mark.or(said) else { return };
        self.set(&alert.key, Due { lapse, heard, written: Some(lapse.at), worded: alert.seen });
    }

    fn set(&mut self, key: &DedupKey, due: Due) {
        self.forget(key);
        self.in_order.insert((due.lapse.at, key.clone()));
        self.of.insert(key.clone(), due);
    }

    fn forget(&mut self, key: &DedupKey) {
        if let Some(due) = self.of.remove(key) {
            self.in_order.remove(&(due.lapse.at, key.clone()));
        }
    }

    /// No source counts as fallen silent before.
    pub(super) fn hold(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// When the first alert is over by itself.
    pub(super) fn first(&self) -> Option<Timestamp> {
        let (at, _) = self.in_order.first()?;
        Some(self.held_until.map_or(*at, |held| held.max(*at)))
    }

    fn due(&self, now: Timestamp) -> Vec<(DedupKey, Timestamp)> {
        if self.held_until.is_some_and(|held| held > now) {
            return Vec::new();
        }
        let due = self.in_order.iter().take_while(|(at, _)| *at <= now);
        due.filter_map(|(_, key)| Some((key.clone(), self.of.get(key)?.heard))).collect()
    }

    /// Lengths of time move with the clock; instants that a source named stay.
    fn shift(&mut self, by_ms: i64) {
        let counted: Vec<_> =
            self.of.iter().filter(|(_, due)| !due.lapse.named).map(|(key, due)| (key.clone(), *due)).collect();
        for (key, mut due) in counted {
            due.lapse.at = shifted(due.lapse.at, by_ms);
            due.heard = shifted(due.heard, by_ms);
            self.set(&key, due);
        }
    }

    /// Whether other words for this alert were written down only just.
    pub(super) fn was_worded_just_now(&self, key: &DedupKey, now: Timestamp) -> bool {
        self.of.get(key).is_some_and(|due| elapsed(due.worded, now) < WORDS_EVERY)
    }
}

impl Turn<'_> {
    /// Keeps what facts say of deadlines.
    pub(super) fn follow_lapse(&mut self, fact: &Fact) {
        match &fact.what {
            What::TicketOpened { alert, .. }
            | What::TicketReopened { alert, .. }
            | What::AlertJoined { alert, .. }
            | What::AlertChanged { alert, .. }
            | What::AlertQuiet { alert, .. } => {
                let Some(lapse) = alert.told.as_ref().and_then(|t| t.lapses) else { return };
                let due = Due { lapse, heard: self.now, written: Some(lapse.at), worded: self.now };
                // The mark of before would stand over the fact at a start.
                if self.state().lapses.contains_key(&alert.key) {
                    self.mark(Mark::Lapse { key: alert.key.clone(), lapse: None });
                }
                self.engine.lapses.set(&alert.key, due);
            }
            What::AlertResolved { key, .. } | What::QuietResolved { key } => {
                self.engine.lapses.forget(key);
                if self.state().lapses.contains_key(key) {
                    self.mark(Mark::Lapse { key: key.clone(), lapse: None });
                }
            }
            What::ClockShifted { by_ms } => {
                self.engine.lapses.shift(*by_ms);
                self.engine.lapses.hold(after(self.now, HELD));
            }
            _ => {} // says nothing of a source
        }
    }

    /// The source says the same again: only the deadline moves. An instant that it named earlier and that lies
    /// later stands.
    pub(super) fn hear_again(&mut self, key: &DedupKey, lapse: Lapse) {
        let before = self.engine.lapses.of.get(key).copied();
        let lapse = match before {
            Some(before) if before.lapse.named && before.lapse.at > lapse.at => before.lapse,
            Some(_) | None => lapse,
        };
        let (written, worded) = before.map_or((None, self.now), |b| (b.written, b.worded));
        let mut due = Due { lapse, heard: self.now, written, worded };
        if must_be_written(written, lapse.at, self.now) {
            due.written = Some(lapse.at);
            self.mark(Mark::Lapse { key: key.clone(), lapse: Some(LapseMark { lapse, heard: self.now }) });
        }
        self.engine.lapses.set(key, due);
    }

    /// Something that was to be looked at long ago says that we were away ourselves: whoever spoke meanwhile
    /// was not heard. What was held for a while and is looked at after that is judged, or it never would be.
    pub(super) fn notice_absence(&mut self) {
        let Some(due) = self.engine.next_beat(self.catalog) else { return };
        // A hold that was over before anything was due has nothing to do with it.
        let passed = |from: Timestamp| from <= self.now && after(from, Millis(1)) < due;
        if self.engine.beats_from.is_some_and(passed) {
            self.engine.release_beats();
        }
        if self.engine.beats_from.is_none() && elapsed(due, self.now) > AWAY {
            self.engine.could_not_hear(self.now);
        }
    }

    /// Alerts whose source says nothing more are over.
    pub(super) fn end_lapsed(&mut self) {
        if self.engine.lapses.first().is_some_and(|at| elapsed(at, self.now) > AWAY) {
            self.engine.could_not_hear(self.now);
        }
        for (key, heard) in self.engine.lapses.due(self.now) {
            self.end(&key, &format!("source says nothing more since {heard:.0}"));
            self.engine.lapses.forget(&key); // also where there was nothing left to end
        }
    }
}

/// Whether a start would take this alert for over while its source still says it. Every deadline is held for
/// a while after a start; beyond that the store must know at least half of the way to it.
fn must_be_written(written: Option<Timestamp>, at: Timestamp, now: Timestamp) -> bool {
    let Some(written) = written else { return true };
    let half = Millis(elapsed(now, at).0 / 2);
    at > after(now, HELD) && written < after(now, half) || written > after(at, HELD)
}
