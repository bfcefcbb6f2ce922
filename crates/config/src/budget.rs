//! The thirty-second promise as a sum, with the smallest change that keeps it.
//!
//! `worst_case = every + timeout + (k - 1) x (confirm_after + timeout) + page_after + 5 s`

use std::fmt;

use watchbell_engine::budget::Budget;
use watchbell_engine::time::Millis;

/// 1 s start lag, 1 s decide and commit, 3 s to the provider.
const OURS: Millis = Millis::secs(5);
/// A page may wait this long for a parent's verdict.
const DEPENDENCY: Millis = Millis::secs(2);
/// Shortest values that a fix proposes; below them probing costs more than it tells.
const LEAST: Millis = Millis::secs(1);
/// Proposals are whole multiples of this, as people write them.
const GRAIN: u64 = 500;

/// The sum: from the first moment of a fault to the first page handed over.
pub(crate) fn worst_case(b: &Budget) -> Millis {
    let confirming = b.confirm_after.plus(b.timeout).times(u64::from(b.k.saturating_sub(1)));
    let dependency = if b.has_dependency { DEPENDENCY } else { Millis::ZERO };
    b.every.plus(b.timeout).plus(confirming).plus(b.page_after).plus(dependency).plus(OURS)
}

/// The sum written out: `5s + 3s + 2 x (2s + 3s) + 5s = 23 s`.
pub(crate) fn sum(b: &Budget) -> String {
    let mut text = format!("every {} + timeout {}", b.every, b.timeout);
    if b.k > 1 {
        text += &format!(" + {} x (confirm_after {} + timeout {})", b.k - 1, b.confirm_after, b.timeout);
    }
    if b.page_after > Millis::ZERO {
        text += &format!(" + page_after {}", b.page_after);
    }
    if b.has_dependency {
        text += &format!(" + dependency {DEPENDENCY}");
    }
    text + &format!(" + {OURS} = {}", seconds(worst_case(b)))
}

/// `34 s`, `7.5 s`.
pub(crate) fn seconds(time: Millis) -> String {
    format!("{} s", time.as_secs_f64())
}

/// One change and what it gives.
pub(crate) struct Fix {
    change: String,
    gives: Millis,
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} gives {}", self.change, seconds(self.gives))
    }
}

/// The first of these that fits into `limit`: fewer failing runs, a shorter pause, a shorter interval, a
/// shorter timeout. `None` where no single change is enough.
pub(crate) fn smallest_fix(b: &Budget, limit: Millis) -> Option<Fix> {
    let fits = |changed: &Budget| worst_case(changed) <= limit;
    let fewer = (1..b.k).rev().map(|k| Budget { k, ..*b }).find(fits);
    if let Some(fixed) = fewer {
        return Some(Fix { change: format!("down_after {}", fixed.k), gives: worst_case(&fixed) });
    }
    let over = worst_case(b).minus(limit);
    let pause = shorter(b.confirm_after, over, u64::from(b.k.saturating_sub(1)), Millis::ZERO);
    if let Some(fixed) = pause.map(|confirm_after| Budget { confirm_after, ..*b }).filter(fits) {
        return Some(Fix { change: format!("confirm_after {}", fixed.confirm_after), gives: worst_case(&fixed) });
    }
    let interval = shorter(b.every, over, 1, b.timeout.plus(Millis(GRAIN)).max(LEAST));
    if let Some(fixed) = interval.map(|every| Budget { every, ..*b }).filter(fits) {
        return Some(Fix { change: format!("every {}", fixed.every), gives: worst_case(&fixed) });
    }
    let timeout = shorter(b.timeout, over, u64::from(b.k), LEAST);
    let fixed = timeout.map(|timeout| Budget { timeout, ..*b }).filter(fits)?;
    Some(Fix { change: format!("timeout {}", fixed.timeout), gives: worst_case(&fixed) })
}

/// `value` made shorter so that `times` of it save `over`; `None` where that would go below `least`.
fn shorter(value: Millis, over: Millis, times: u64, least: Millis) -> Option<Millis> {
    let each = over.0.checked_add(times.checked_sub(1)?)? / times;
    let left = value.0.checked_sub(each)?;
    let left = left - left % GRAIN;
    (left >= least.0).then_some(Millis(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(every: u64, timeout: u64, k: u32, confirm_after: u64) -> Budget {
        let (every, timeout, confirm_after) = (Millis::secs(every), Millis::secs(timeout), Millis::secs(confirm_after));
        Budget { every, timeout, k, confirm_after, page_after: Millis::ZERO, has_dependency: false }
    }

    fn fix(b: &Budget) -> String {
        smallest_fix(b, Millis::secs(30)).map_or("nothing".into(), |fix| fix.to_string())
    }

    #[test]
    fn the_defaults_take_twenty_three_seconds() {
        let defaults = budget(5, 3, 3, 2);
        assert_eq!(worst_case(&defaults), Millis::secs(23));
        assert_eq!(sum(&defaults), "every 5s + timeout 3s + 2 x (confirm_after 2s + timeout 3s) + 5s = 23 s");
        let all = Budget { page_after: Millis::secs(3), has_dependency: true, ..defaults };
        assert_eq!(worst_case(&all), Millis::secs(28));
    }

    #[test]
    fn the_smallest_change_that_is_enough_is_named() {
        assert_eq!(worst_case(&budget(10, 5, 3, 2)), Millis::secs(34));
        assert_eq!(fix(&budget(10, 5, 3, 2)), "down_after 2 gives 27 s");
        assert_eq!(fix(&budget(60, 3, 1, 2)), "every 22s gives 30 s");
        assert_eq!(fix(&budget(26, 5, 1, 2)), "every 20s gives 30 s");
        assert_eq!(fix(&budget(60, 58, 3, 2)), "nothing");
    }
}
