//! What the configuration says about not paging: recurring silences, maintenance windows, inhibition,
//! flapping, storms. All of it is narrow, has an end, and is answered by pure functions of an instant.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fact::Firing;
use crate::heartbeat::Cron;
use crate::label::{Labels, Matcher};
use crate::time::{Millis, after};
use crate::word::{FailureKind, Level};

/// How long a page may wait for what may explain it: the state of what it depends on, or an inhibitor.
pub const SETTLE: Millis = Millis::secs(2);

/// Everything that the configuration keeps quiet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotPaging {
    /// Recurring silences.
    pub silences: Vec<StandingSilence>,
    /// Maintenance windows.
    pub maintenance: Vec<MaintenanceRule>,
    /// What explains what.
    pub inhibit: Vec<InhibitRule>,
    /// When many tickets become one; `None` for never.
    pub storm: Option<StormRule>,
}

/// A silence that comes again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingSilence {
    /// Its id.
    pub id: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// When.
    pub when: Windows,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
}

/// A maintenance window of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct MaintenanceRule {
    /// Its id.
    pub id: String,
    /// What is done, for people.
    pub title: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// When.
    pub when: Windows,
    /// What is expected inside; anything else pages.
    pub expect: Expect,
    /// Holds escalations too that were running when it began.
    pub cover_running: bool,
}

/// What a maintenance window expects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// Only these kinds of failure; any where empty.
    #[serde(default)]
    pub kinds: BTreeSet<FailureKind>,
    /// Nothing worse than this level; any where `None`.
    #[serde(default)]
    pub up_to: Option<Level>,
}

impl Expect {
    /// Whether an alert is what was expected. What says neither kind nor level is expected only where
    /// nothing was said about them.
    pub fn covers(&self, alert: &Firing) -> bool {
        let kind = self.kinds.is_empty() || alert.kind.is_some_and(|kind| self.kinds.contains(&kind));
        let level = match self.up_to {
            Some(Level::Degraded) => alert.level == Some(Level::Degraded),
            Some(Level::Down | Level::Up) | None => true,
        };
        kind && level
    }
}

/// When something is in force.
#[derive(Clone, Debug, PartialEq)]
pub enum Windows {
    /// Begins at wall times and lasts so long, as elapsed time.
    Every {
        /// The beginnings.
        cron: Cron,
        /// The zone of their wall times.
        zone: TimeZone,
        /// How long each window lasts.
        lasts: Millis,
    },
    /// Once.
    Once {
        /// From when, inclusive.
        from: Timestamp,
        /// To when, exclusive.
        to: Timestamp,
    },
}

impl Windows {
    /// The window that this instant lies in: from, and to.
    pub fn at(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Once { from, to } => (*from <= now && now < *to).then_some((*from, *to)),
            Self::Every { cron, zone, lasts } => {
                let from = cron.next_after(before(now, *lasts), zone)?;
                (from <= now).then(|| (from, after(from, *lasts)))
            }
        }
    }

    /// When [`Self::at`] has another answer next: an end or a beginning.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        if let Some((_, to)) = self.at(now) {
            return Some(to);
        }
        match self {
            Self::Once { from, .. } => (now < *from).then_some(*from),
            Self::Every { cron, zone, .. } => cron.next_after(now, zone),
        }
    }

    /// The next windows that have not ended, at most so many.
    pub fn upcoming(&self, now: Timestamp, most: usize) -> Vec<(Timestamp, Timestamp)> {
        match self {
            Self::Once { from, to } => (now < *to).then_some((*from, *to)).into_iter().take(most).collect(),
            Self::Every { cron, zone, lasts } => {
                let first = cron.next_after(before(now, *lasts), zone);
                let starts = std::iter::successors(first, |from| cron.next_after(*from, zone));
                starts.take(most).map(|from| (from, after(from, *lasts))).collect()
            }
        }
    }
}

fn before(at: Timestamp, by: Millis) -> Timestamp {
    let by = SignedDuration::try_from(by.duration()).unwrap_or(SignedDuration::MAX);
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// One alert explains others.
#[derive(Clone, Debug, PartialEq)]
pub struct InhibitRule {
    /// Where it stands: `alerts/routing.yaml:30`.
    pub name: String,
    /// What explains.
    pub source: Vec<Matcher>,
    /// What it explains.
    pub target: Vec<Matcher>,
    /// Labels that both have, with the same value; what is absent is equal to nothing.
    pub equal: Vec<String>,
}

impl InhibitRule {
    /// The values of the labels that must be equal; `None` where one of them is missing.
    pub fn values(&self, labels: &Labels) -> Option<Vec<String>> {
        self.equal.iter().map(|label| labels.get(label).filter(|value| !value.is_empty()).cloned()).collect()
    }
}

/// When the alerts of a service become one ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormRule {
    /// So many new tickets …
    pub tickets: u32,
    /// … within so long.
    pub within: Millis,
}

impl StormRule {
    /// In force where the configuration says nothing: no service has that many independent faults at once.
    pub const DEFAULT: Self = Self { tickets: 20, within: Millis::mins(1) };
}

/// When a probe counts as flapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlapRule {
    /// So many changes between firing and not …
    pub changes: u32,
    /// … within so long; it is calm again after as long without any.
    pub within: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heartbeat::parse_cron;

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn sundays(zone: &str) -> Windows {
        let cron = parse_cron("0 2 * * sun").expect("well formed");
        Windows::Every { cron, zone: TimeZone::get(zone).expect("bundled"), lasts: Millis::hours(2) }
    }

    #[test]
    fn a_window_begins_at_wall_time_and_lasts_as_elapsed_time() {
        let windows = sundays("Asia/Shanghai"); // 02:00 is 18:00 UTC of the day before
        let window = Some((at("2026-11-21T18:00:00Z"), at("2026-11-21T20:00:00Z")));
        assert_eq!(windows.at(at("2026-11-21T17:59:59Z")), None);
        assert_eq!(windows.at(at("2026-11-21T18:00:00Z")), window);
        assert_eq!(windows.at(at("2026-11-21T19:59:59Z")), window);
        assert_eq!(windows.at(at("2026-11-21T20:00:00Z")), None);
        assert_eq!(windows.next_change(at("2026-11-21T12:00:00Z")), window.map(|w| w.0));
        assert_eq!(windows.next_change(at("2026-11-21T19:00:00Z")), window.map(|w| w.1));
        assert_eq!(windows.upcoming(at("2026-11-21T19:00:00Z"), 2).len(), 2);
    }

    #[test]
    fn clock_changes_neither_skip_nor_repeat_a_window() {
        let windows = sundays("Europe/Berlin");
        // 29 March 2026: 02:00 to 03:00 does not exist; the window begins as much later and lasts two hours.
        let spring = windows.at(at("2026-03-29T01:30:00Z"));
        assert_eq!(spring, Some((at("2026-03-29T01:00:00Z"), at("2026-03-29T03:00:00Z"))));
        // 25 October 2026: 02:00 comes twice; the first one counts, and the window is not begun again.
        let autumn = Some((at("2026-10-25T00:00:00Z"), at("2026-10-25T02:00:00Z")));
        assert_eq!(windows.at(at("2026-10-25T00:30:00Z")), autumn);
        assert_eq!(windows.at(at("2026-10-25T01:30:00Z")), autumn);
        assert_eq!(windows.at(at("2026-10-25T02:00:00Z")), None);
    }
}
