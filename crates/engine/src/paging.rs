//! The ladder of one page: which entries are due, when a try is made again, when a person counts as
//! not reached. Design, section 5, paging rules.

use jiff::Timestamp;

use crate::catalog::LadderEntry;
use crate::ids::ChannelId;
use crate::state::{Page, Try};
use crate::time::{Millis, after};
use crate::view::PageState;
use crate::word::Receipt;

/// An entry that no channel accepted this long after it began gives way to the next.
pub const ACCEPT_WITHIN: Millis = Millis::secs(10);

/// A try without any report counts as unknown after this long: six times the cut-off of one send,
/// so that only a send whose executor died comes here.
pub const REPORT_WITHIN: Millis = Millis::secs(30);

/// A follow-up is given up after so many tries; a page never is.
pub const NOTICE_TRIES: u32 = 8;

/// The pause before the next try on a channel after so many failures in a row.
pub fn backoff(failures: usize) -> Millis {
    match failures {
        0 | 1 => Millis::secs(2),
        2 => Millis::secs(5),
        3 => Millis::secs(10),
        _ => Millis::secs(30),
    }
}

/// When the next try follows a failed one; `None` where there is none to follow.
pub fn retry_at(now: Timestamp, receipt: Receipt, failures: usize, wanted: Option<Millis>) -> Option<Timestamp> {
    match receipt {
        Receipt::TryAgain | Receipt::Unknown => {
            // A provider that asks for minutes is not worth waiting for: other channels go on, and this
            // one is asked again as if it had said nothing.
            let pause = wanted.filter(|w| *w <= Millis::mins(5)).unwrap_or_default().max(backoff(failures));
            Some(after(now, pause))
        }
        Receipt::Accepted
        | Receipt::Delivered
        | Receipt::Seen
        | Receipt::Answered
        | Receipt::Refused
        | Receipt::Lapsed
        | Receipt::CalledOff => None,
    }
}

/// What a page wants done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// This entry begins.
    Begin(u32),
    /// This channel is tried again.
    Retry(ChannelId),
    /// No channel took it.
    Unreachable,
    /// This try has had no report for too long.
    Lost(u32),
    /// The message that was to tell it did not get through in time.
    Loosen,
}

/// The first thing that is due on a live page of a triggered ticket; `newest` says that no later page
/// of the ticket is for the same person.
pub fn due(page: &Page, newest: bool, now: Timestamp) -> Option<Due> {
    if let Some(within) = &page.within {
        return (within.until <= now).then_some(Due::Loosen);
    }
    if let Some(lost) = page.tries.iter().find(|t| t.ended.is_none() && after(t.asked, REPORT_WITHIN) <= now) {
        return Some(Due::Lost(lost.n));
    }
    if next_entry_at(page).is_some_and(|at| at <= now) {
        return Some(Due::Begin(u32::try_from(page.begun.len()).unwrap_or(u32::MAX)));
    }
    if unreachable_at(page).is_some_and(|at| at <= now) {
        return Some(Due::Unreachable);
    }
    retries(page, newest).find(|(at, _)| *at <= now).map(|(_, channel)| Due::Retry(channel))
}

/// When [`due`] will next have something to say.
pub fn next_wake(page: &Page, newest: bool) -> Option<Timestamp> {
    if let Some(within) = &page.within {
        return Some(within.until);
    }
    let lost = page.tries.iter().filter(|t| t.ended.is_none()).map(|t| after(t.asked, REPORT_WITHIN));
    let retries = retries(page, newest).map(|(at, _)| at);
    lost.chain(retries).chain(next_entry_at(page)).chain(unreachable_at(page)).min()
}

/// When the next entry of the ladder begins: at its time, or sooner when the one before failed.
fn next_entry_at(page: &Page) -> Option<Timestamp> {
    if page.step_over {
        return None;
    }
    let next = page.ladder.get(page.begun.len())?;
    let in_time = after(page.counts_from, next.after);
    let Some(begun) = page.begun.last() else { return Some(in_time) };
    let before = &page.ladder[page.begun.len() - 1];
    match entry_fate(page, before, *begun) {
        Fate::Accepted => Some(in_time),
        Fate::Refused(at) => Some(in_time.min(at)),
        Fate::Open => Some(in_time.min(after(*begun, ACCEPT_WITHIN))),
    }
}

/// When the person counts as not reached, unless something is accepted before.
fn unreachable_at(page: &Page) -> Option<Timestamp> {
    let all_begun = page.begun.len() == page.ladder.len();
    if page.state != PageState::Pursuing || !all_begun || page.is_accepted() {
        return None;
    }
    let (entry, begun) = (page.ladder.last()?, *page.begun.last()?);
    match entry_fate(page, entry, begun) {
        Fate::Accepted => None,
        Fate::Refused(at) => Some(at),
        Fate::Open => Some(after(begun, ACCEPT_WITHIN)),
    }
}

enum Fate {
    Accepted,
    /// Every channel said no for good; the last one at this instant.
    Refused(Timestamp),
    Open,
}

fn entry_fate(page: &Page, entry: &LadderEntry, begun: Timestamp) -> Fate {
    // Whatever was under way on a channel when the entry began counts for it.
    let last = |channel: &ChannelId| page.last_try(channel);
    let since = |t: &Try| t.ended.as_ref().is_some_and(|e| e.receipt.is_accepted() && e.counts_from >= begun);
    if entry.via.iter().filter_map(last).any(since) {
        return Fate::Accepted;
    }
    let refused_at = |t: &Try| t.ended.as_ref().filter(|e| e.receipt == Receipt::Refused).map(|e| e.counts_from);
    let all: Option<Vec<Timestamp>> = entry.via.iter().map(|c| last(c).and_then(refused_at)).collect();
    all.and_then(|at| at.into_iter().max()).map_or(Fate::Open, Fate::Refused)
}

fn retries(page: &Page, newest: bool) -> impl Iterator<Item = (Timestamp, ChannelId)> {
    // After its step a page goes on only for a person whom nothing has reached, and only the newest one.
    let goes_on = page.is_live() && (!page.step_over || (newest && !page.is_accepted()));
    let channels = if goes_on { page.channels() } else { Vec::new() };
    channels.into_iter().filter_map(|channel| Some((page.last_try(&channel)?.retry_at()?, channel)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_follow_the_paging_rules() {
        assert_eq!([1, 2, 3, 4, 9].map(|n| backoff(n).0 / 1_000), [2, 5, 10, 30, 30]);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(retry_at(now, Receipt::Refused, 1, None), None);
        let asked = retry_at(now, Receipt::TryAgain, 1, Some(Millis::secs(60)));
        assert_eq!(asked, Some(after(now, Millis::secs(60))));
        let too_long = retry_at(now, Receipt::TryAgain, 1, Some(Millis::hours(1)));
        assert_eq!(too_long, Some(after(now, Millis::secs(2))));
    }
}
