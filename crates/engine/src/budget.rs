//! The thirty-second promise as a sum: how long a fault can take to become a page.

use std::fmt;

use crate::time::Millis;

/// A run starts at most this late.
pub const START_LAG: Millis = Millis::secs(1);
/// From the end of the deciding run to the committed page.
pub const DECIDE_AND_COMMIT: Millis = Millis::secs(1);
/// From the committed page to the provider.
pub const TO_PROVIDER: Millis = Millis::secs(3);
/// How long a page may wait for the verdict of a probe it depends on.
pub const DEPENDENCY_WAIT: Millis = Millis::secs(2);

/// The least values that a fix proposes: below them a setting is hardly meant.
const LEAST_CONFIRM_AFTER: Millis = Millis(250);
const LEAST_EVERY: Millis = Millis::secs(1);
const LEAST_TIMEOUT: Millis = Millis::secs(1);

/// The terms of the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Time between runs.
    pub every: Millis,
    /// Longest run.
    pub timeout: Millis,
    /// Failing runs that make `down`.
    pub k: u32,
    /// Pause before a confirming run.
    pub confirm_after: Millis,
    /// The least `after` of those whom step 1 can page.
    pub page_after: Millis,
    /// Whether the page may wait for a parent's verdict.
    pub has_dependency: bool,
}

/// One setting of a probe with the value that it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Fewer failing runs make `down`.
    DownAfter(u32),
    /// The confirming run comes sooner.
    ConfirmAfter(Millis),
    /// Runs come more often.
    Every(Millis),
    /// A run is cut off sooner.
    Timeout(Millis),
}

/// The smallest change that keeps a limit, and what it gives: `down_after 2 gives 27 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to change.
    pub change: Change,
    /// The worst case then.
    pub gives: Millis,
}

/// A worst case above its limit: `34 s > 30 s: down_after 2 gives 27 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSlow {
    /// The worst case.
    pub worst_case: Millis,
    /// What it should not exceed.
    pub limit: Millis,
    /// What mends it; `None` where no single change does.
    pub fix: Option<Fix>,
}

impl Budget {
    /// From the first moment of a fault to the first page handed to a provider, at worst:
    /// `every + timeout + (k - 1) x (confirm_after + timeout) + page_after + dependency + 5 s`.
    pub fn worst_case(&self) -> Millis {
        let confirmations = u64::from(self.k.saturating_sub(1));
        let dependency = if self.has_dependency { DEPENDENCY_WAIT } else { Millis::ZERO };
        (self.every.plus(self.timeout))
            .plus(self.confirm_after.plus(self.timeout).times(confirmations))
            .plus(self.page_after)
            .plus(dependency)
            .plus(START_LAG.plus(DECIDE_AND_COMMIT).plus(TO_PROVIDER))
    }

    /// What is wrong where the worst case is above `limit`.
    pub fn check(&self, limit: Millis) -> Result<(), TooSlow> {
        let worst_case = self.worst_case();
        if worst_case <= limit {
            return Ok(());
        }
        Err(TooSlow { worst_case, limit, fix: self.smallest_fix(limit) })
    }

    /// The one change that brings the worst case down to `limit` and keeps the most; `None` where it is
    /// there already or no single change does. A lower `down_after` comes first, as long as a fault is
    /// still confirmed; then a shorter `confirm_after`, `every`, `timeout`; to page on a single failing
    /// run comes last.
    pub fn smallest_fix(&self, limit: Millis) -> Option<Fix> {
        let worst_case = self.worst_case();
        if worst_case <= limit {
            return None;
        }
        let excess = worst_case.minus(limit);
        let confirmed = self.down_after_within(limit);
        let unconfirmed = (self.k > 1).then_some(Change::DownAfter(1));
        (confirmed.into_iter().chain(self.confirm_after_without(excess)).chain(self.every_without(excess)))
            .chain(self.timeout_without(excess))
            .chain(unconfirmed)
            .map(|change| Fix { change, gives: self.with(change).worst_case() })
            .find(|fix| fix.gives <= limit)
    }

    /// The same with one change.
    pub fn with(self, change: Change) -> Self {
        match change {
            Change::DownAfter(k) => Self { k, ..self },
            Change::ConfirmAfter(confirm_after) => Self { confirm_after, ..self },
            Change::Every(every) => Self { every, ..self },
            Change::Timeout(timeout) => Self { timeout, ..self },
        }
    }

    /// The most failing runs, below `k` and at least two, that `limit` has room for.
    fn down_after_within(&self, limit: Millis) -> Option<Change> {
        let room = limit.minus(Self { k: 1, ..*self }.worst_case());
        let confirmations = room.0.checked_div(self.confirm_after.plus(self.timeout).0)?;
        let k = u32::try_from(confirmations.saturating_add(1)).unwrap_or(u32::MAX).min(self.k.saturating_sub(1));
        (k >= 2).then_some(Change::DownAfter(k))
    }

    fn confirm_after_without(&self, excess: Millis) -> Option<Change> {
        let times = u64::from(self.k.saturating_sub(1));
        let each = Millis(excess.0.checked_add(times)?.checked_sub(1)?.checked_div(times)?);
        let shorter = tidy(self.confirm_after.minus(each));
        (shorter >= LEAST_CONFIRM_AFTER).then_some(Change::ConfirmAfter(shorter))
    }

    fn every_without(&self, excess: Millis) -> Option<Change> {
        let shorter = tidy(self.every.minus(excess));
        (shorter >= LEAST_EVERY && shorter > self.timeout).then_some(Change::Every(shorter))
    }

    fn timeout_without(&self, excess: Millis) -> Option<Change> {
        let each = Millis(excess.0.div_ceil(u64::from(self.k.max(1))));
        let shorter = tidy(self.timeout.minus(each));
        (shorter >= LEAST_TIMEOUT).then_some(Change::Timeout(shorter))
    }
}

/// Rounded down to what a person would write: whole seconds, below one second 50 ms.
fn tidy(length: Millis) -> Millis {
    let grain = if length >= Millis::secs(1) { 1_000 } else { 50 };
    Millis(length.0 - length.0 % grain)
}

/// `27 s`, `8.75 s`: the form of sums, beside the `27s` of settings.
struct Secs(Millis);

impl fmt::Display for Secs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DownAfter(k) => write!(f, "down_after {k}"),
            Self::ConfirmAfter(length) => write!(f, "confirm_after {length}"),
            Self::Every(length) => write!(f, "every {length}"),
            Self::Timeout(length) => write!(f, "timeout {length}"),
        }
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} gives {}", self.change, Secs(self.gives))
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", Secs(self.worst_case), Secs(self.limit))?;
        match &self.fix {
            Some(fix) => write!(f, ": {fix}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TooSlow {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the contract.
    fn example() -> Budget {
        Budget {
            every: Millis::secs(10),
            timeout: Millis::secs(5),
            k: 3,
            confirm_after: Millis::secs(2),
            page_after: Millis::ZERO,
            has_dependency: false,
        }
    }

    fn refused(budget: Budget) -> String {
        budget.check(Millis::secs(30)).expect_err("above the limit").to_string()
    }

    #[test]
    fn every_term_counts() {
        let defaults = Budget { every: Millis::secs(5), timeout: Millis::secs(3), ..example() };
        assert_eq!(defaults.worst_case(), Millis::secs(23));
        assert_eq!(defaults.check(Millis::secs(23)), Ok(()), "the limit itself is kept");
        let more = Budget { page_after: Millis(1_500), has_dependency: true, ..defaults };
        assert_eq!(more.worst_case(), Millis(26_500));
        let absurd = Budget { every: Millis(u64::MAX), k: u32::MAX, timeout: Millis(u64::MAX), ..defaults };
        assert_eq!(absurd.worst_case(), Millis(u64::MAX));
        assert_eq!(refused(absurd).split_once(" > ").map(|(_, limit)| limit), Some("30 s"));
    }

    #[test]
    fn the_fix_keeps_the_most() {
        assert_eq!(refused(example()), "34 s > 30 s: down_after 2 gives 27 s");
        let twice = Budget { k: 2, ..example() };
        assert_eq!(refused(Budget { every: Millis(14_500), ..twice }), "31.5 s > 30 s: confirm_after 500ms gives 30 s");
        assert_eq!(refused(Budget { every: Millis::secs(15), ..twice }), "32 s > 30 s: every 13s gives 30 s");
        let long_runs =
            Budget { every: Millis::secs(12), timeout: Millis::secs(11), confirm_after: Millis(250), ..twice };
        assert_eq!(refused(long_runs), "39.25 s > 30 s: timeout 6s gives 29.25 s");
    }

    #[test]
    fn paging_on_one_failing_run_is_the_last_resort() {
        let slow =
            Budget { every: Millis::secs(11), timeout: Millis::secs(10), page_after: Millis::secs(3), ..example() };
        let late = Budget { k: 2, has_dependency: true, ..slow };
        assert_eq!(refused(late), "43 s > 30 s: timeout 3s gives 29 s");
        let many =
            Budget { every: Millis::secs(20), timeout: Millis(1_500), k: 9, confirm_after: Millis(2_500), ..example() };
        assert_eq!(refused(many), "58.5 s > 30 s: down_after 1 gives 26.5 s");
        let few = Budget { k: 9, timeout: Millis::secs(1), confirm_after: Millis::secs(1), ..example() };
        assert_eq!(refused(few), "32 s > 30 s: down_after 8 gives 30 s", "no lower than it must be");
    }

    #[test]
    fn a_hopeless_sum_has_no_fix() {
        let office_hours = Budget { page_after: Millis::mins(5), ..example() };
        assert_eq!(refused(office_hours), "334 s > 30 s");
        assert_eq!(example().smallest_fix(Millis::secs(34)), None, "there is nothing to mend");
    }
}
