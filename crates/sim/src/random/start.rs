//! When a night begins: often around a change of the clocks or a handoff.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_engine::time::{Millis, after, shifted};

use crate::rng::Rng;

/// Zones with whole, half and quarter hours, on both halves of the earth, with and without summer time.
const ZONES: [&str; 10] = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Auckland",
    "Africa/Casablanca",
    "Pacific/Chatham",
    "UTC",
];

/// 2026-02-01T00:00:00Z: rotations begin before it, and the year's changes of the clocks come after it.
const FIRST: i64 = 1_769_904_000;

const MINUTE_MS: i64 = 60_000;

/// A zone, and a whole minute in 2026.
pub(super) fn draw(rng: &mut Rng) -> (&'static str, Timestamp) {
    let zone = *rng.pick(&ZONES);
    let any = after(Timestamp::from_second(FIRST).unwrap_or_default(), Millis::mins(rng.between(0, 320 * 1_440)));
    let before =
        |at: Timestamp, rng: &mut Rng| shifted(at, -MINUTE_MS * i64::try_from(rng.between(0, 25)).unwrap_or(0));
    let start = match rng.between(0, 9) {
        0..=3 => change_of_clocks(zone, any).map(|at| before(at, rng)).unwrap_or(any),
        4..=6 => {
            // Handoffs fall on these hours; see the rotations that are drawn.
            let hour = Millis::hours(*rng.pick(&[0, 6, 9, 18, 22]));
            let midnight = any.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC)).start_of_day();
            midnight.map_or(any, |day| before(after(day.timestamp(), hour), rng))
        }
        _ => any,
    };
    (zone, start)
}

fn change_of_clocks(zone: &str, from: Timestamp) -> Option<Timestamp> {
    let zone = TimeZone::get(zone).ok()?;
    let next = zone.following(from).next().map(|t| t.timestamp());
    // Past the year's last one, the one before.
    let inside =
        |at: &Timestamp| *at < after(Timestamp::from_second(FIRST).unwrap_or_default(), Millis::hours(325 * 24));
    next.filter(inside).or_else(|| zone.preceding(from).next().map(|t| t.timestamp()).filter(|t| t.as_second() > FIRST))
}
