//! How often each chat robot may speak.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use watchbell_engine::time::Millis;

/// DingTalk blocks a robot for about ten minutes after more than 20 messages in a minute. Counted over a
/// sliding minute: a bucket that refills would let twice as many through across the turn of a minute.
const PER_MINUTE: usize = 18;

/// So many of them follow-ups may use; the rest is kept for pages.
const PER_MINUTE_FOLLOW_UPS: usize = 12;

const MINUTE: Duration = Duration::from_secs(60);

/// What each robot sent in the last minute. Keyed by the robot's address, since two channels may share one.
#[derive(Default)]
pub(super) struct Robots(Mutex<BTreeMap<String, Robot>>);

#[derive(Default)]
struct Robot {
    sent: VecDeque<Instant>,
    blocked_until: Option<Instant>,
}

impl Robots {
    /// Takes one message out of the robot's minute, or says how long to wait for one.
    pub(super) fn reserve(&self, address: &str, follow_up: bool, now: Instant) -> Result<(), Millis> {
        let mut robots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let robot = robots.entry(address.into()).or_default();
        if let Some(until) = robot.blocked_until.filter(|until| *until > now) {
            return Err(Millis::from(until - now));
        }
        while robot.sent.front().is_some_and(|at| now.duration_since(*at) >= MINUTE) {
            robot.sent.pop_front();
        }
        let limit = if follow_up { PER_MINUTE_FOLLOW_UPS } else { PER_MINUTE };
        // There is room again when only `limit - 1` of those in the minute are left.
        let frees_room = robot.sent.len().checked_sub(limit).and_then(|i| robot.sent.get(i));
        match frees_room {
            Some(at) => Err(Millis::from(MINUTE.saturating_sub(now.duration_since(*at)))),
            None => {
                robot.sent.push_back(now);
                Ok(())
            }
        }
    }

    /// The robot itself said that it is too much.
    pub(super) fn block(&self, address: &str, wait: Millis, now: Instant) {
        let mut robots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        robots.entry(address.into()).or_default().blocked_until = Some(now + wait.duration());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_holds_more_than_eighteen() {
        let (robots, start) = (Robots::default(), Instant::now());
        let mut sent = Vec::new();
        for second in 0..300 {
            let now = start + Duration::from_secs(second);
            while robots.reserve("r", false, now).is_ok() {
                sent.push(second);
            }
        }
        assert_eq!(sent.len(), 5 * PER_MINUTE);
        let worst = (0..300).map(|from| sent.iter().filter(|at| (from..from + 60).contains(*at)).count()).max();
        assert_eq!(worst, Some(PER_MINUTE));
    }

    #[test]
    fn the_wait_is_told_and_is_enough() {
        let (robots, start) = (Robots::default(), Instant::now());
        for i in 0..PER_MINUTE as u64 {
            robots.reserve("r", false, start + Duration::from_secs(i)).expect("room");
        }
        let now = start + Duration::from_secs(30);
        assert_eq!(robots.reserve("r", false, now), Err(Millis::secs(30)));
        assert_eq!(robots.reserve("r", false, now + Duration::from_secs(30)), Ok(()));
        assert_eq!(robots.reserve("another", false, now), Ok(()), "each robot has its own minute");
    }

    #[test]
    fn follow_ups_leave_room_for_pages() {
        let (robots, now) = (Robots::default(), Instant::now());
        let told = (0..100).take_while(|_| robots.reserve("r", true, now).is_ok()).count();
        assert_eq!(told, PER_MINUTE_FOLLOW_UPS);
        assert_eq!(robots.reserve("r", false, now), Ok(()), "a page has room when follow-ups have none");
        assert_eq!(robots.reserve("r", true, now), Err(Millis::secs(60)));
    }

    #[test]
    fn a_blocked_robot_waits() {
        let (robots, now) = (Robots::default(), Instant::now());
        robots.block("r", Millis::secs(60), now);
        assert_eq!(robots.reserve("r", false, now + Duration::from_secs(20)), Err(Millis::secs(40)));
        assert_eq!(robots.reserve("r", false, now + MINUTE), Ok(()));
    }
}
