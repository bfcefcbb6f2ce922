//! What rotations need of a time zone: the instant at which a wall time arrives, and the stretches
//! between clock changes, within which wall time and instants run side by side.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// The first instant at which the zone's wall clock shows `wall` or later, which is the rule for
/// handoffs: the only one where it is plain, the first of two where it is repeated, the first valid
/// instant after the gap where it is skipped. `None` beyond the ends of the calendar.
pub(super) fn first_instant(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(wall).ok()
        }
        AmbiguousOffset::Gap { before, after } => {
            // The change lies after the skipped time read with the later offset, and at or before it
            // read with the earlier one. (jiff's "compatible" would move on by the length of the gap.)
            let too_early = after.to_timestamp(wall).ok()?;
            let late = before.to_timestamp(wall).ok()?;
            let changes = zone.following(too_early).take_while(|change| change.timestamp() <= late);
            let change = changes.filter(|change| change.offset() == after).map(|change| change.timestamp()).next();
            Some(change.unwrap_or(late))
        }
    }
}

/// The instants inside (from, to) at which the zone's clock changes, each with the offsets before and after.
pub(super) fn changes(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Offset, Offset)> {
    stretches(zone, from, to).windows(2).map(|pair| (pair[1].from, pair[0].offset, pair[1].offset)).collect()
}

/// A span without a clock change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// From this instant, inclusive.
    pub(super) from: Timestamp,
    /// To this instant, exclusive.
    pub(super) to: Timestamp,
    offset: Offset,
}

impl Stretch {
    /// What the wall clock shows at its start.
    pub(super) fn wall_from(&self) -> DateTime {
        self.offset.to_datetime(self.from)
    }

    /// What the wall clock would show at its end without the change.
    pub(super) fn wall_to(&self) -> DateTime {
        self.offset.to_datetime(self.to)
    }

    /// The instant at which this stretch shows `wall`, held inside the stretch.
    pub(super) fn instant(&self, wall: DateTime) -> Timestamp {
        let beyond = if wall < self.wall_from() { self.from } else { self.to };
        self.offset.to_timestamp(wall).unwrap_or(beyond).clamp(self.from, self.to)
    }
}

/// The stretches that tile [from, to), in order.
pub(super) fn stretches(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
    let mut out = Vec::new();
    if from >= to {
        return out;
    }
    let mut now = Stretch { from, to, offset: zone.to_offset(from) };
    for change in zone.following(from).take_while(|change| change.timestamp() < to) {
        if change.offset() != now.offset {
            out.push(Stretch { to: change.timestamp(), ..now });
            now = Stretch { from: change.timestamp(), to, offset: change.offset() };
        }
    }
    out.push(now);
    out
}
