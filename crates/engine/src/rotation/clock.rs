//! What clock changes do to a rotation: shifts that are longer or shorter than usual, handoffs whose wall time
//! is skipped or comes twice.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::turn::Handoffs;
use super::zone::changes;
use super::{OnDuty, Recorded, expand};
use crate::catalog::{Catalog, Layer, Rotation, TurnEvery};
use crate::ids::LayerId;

/// A clock change that a rotation feels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockChange {
    /// When.
    pub at: Timestamp,
    /// In which zone: the rotation's, or that of some of its layers.
    pub zone: TimeZone,
    /// How far the clock goes ahead; negative where it goes back.
    pub ahead: SignedDuration,
    /// What it does; never empty.
    pub effects: Vec<ClockEffect>,
}

/// What a clock change does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClockEffect {
    /// The wall time of a handoff is skipped: it comes with the change.
    HandoffSkipped {
        /// Of which layer.
        layer: LayerId,
        /// When it should come.
        wall: DateTime,
        /// When it comes.
        at: Timestamp,
    },
    /// The wall time of a handoff comes twice: it is the first of the two.
    HandoffTwice {
        /// Of which layer.
        layer: LayerId,
        /// When it should come.
        wall: DateTime,
        /// When it comes.
        at: Timestamp,
    },
    /// Turns of hours are counted through: from now on they hand off at another wall time.
    HandoffsMove {
        /// Of which layer.
        layer: LayerId,
    },
    /// A shift lasts longer or shorter than the clock on the wall says.
    ShiftLength {
        /// Whose.
        on_duty: OnDuty,
        /// From.
        from: Timestamp,
        /// To.
        to: Timestamp,
        /// How long by the clock on the wall.
        by_the_wall: SignedDuration,
    },
}

/// What the clock changes between `from` and `to` do to the rotation as it is configured, in order. Shifts that
/// go on for longer than a season are not spoken of.
pub fn clock_changes(catalog: &Catalog, rotation: &Rotation, from: Timestamp, to: Timestamp) -> Vec<ClockChange> {
    let mut zones: Vec<&TimeZone> = Vec::new();
    for zone in rotation.layers.iter().map(|layer| layer.zone_in(rotation)) {
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    let mut out = Vec::new();
    for zone in zones {
        let layers: Vec<&Layer> = rotation.layers.iter().filter(|layer| layer.zone_in(rotation) == zone).collect();
        for (at, before, after) in changes(zone, from, to) {
            let ahead = SignedDuration::from_secs((after.seconds() - before.seconds()).into());
            let mut effects: Vec<ClockEffect> =
                layers.iter().flat_map(|layer| handoffs(layer, zone, at, before, after)).collect();
            effects.extend(lengths(catalog, rotation, &layers, at, ahead));
            if !effects.is_empty() {
                out.push(ClockChange { at, zone: zone.clone(), ahead, effects });
            }
        }
    }
    out.sort_by_key(|change| change.at);
    out
}

/// What a change does to the handoffs of one layer.
fn handoffs(layer: &Layer, zone: &TimeZone, at: Timestamp, before: Offset, after: Offset) -> Vec<ClockEffect> {
    let Some(handoffs) = Handoffs::of(&layer.turn, zone) else { return Vec::new() };
    // One person hands off to nobody.
    let alone = layer.people.windows(2).all(|pair| pair[0] == pair[1]);
    if alone || handoffs.start() > at {
        return Vec::new();
    }
    let layer_id = || layer.id.clone();
    if let TurnEvery::Hours(_) = layer.turn.every {
        return vec![ClockEffect::HandoffsMove { layer: layer_id() }];
    }
    let (one, other) = (before.to_datetime(at), after.to_datetime(at));
    let last = handoffs.last_before(at).unwrap_or(0);
    // The change may hide several handoffs, but only where it skips days.
    let near =
        (last.saturating_sub(1)..=last.saturating_add(1)).filter_map(|k| Some((handoffs.wall(k)?, handoffs.nth(k)?)));
    let effect = |(wall, comes): (DateTime, Timestamp)| {
        if one <= wall && wall < other {
            Some(ClockEffect::HandoffSkipped { layer: layer_id(), wall, at: comes })
        } else if other <= wall && wall < one {
            Some(ClockEffect::HandoffTwice { layer: layer_id(), wall, at: comes })
        } else {
            None
        }
    };
    near.filter_map(effect).collect()
}

/// The shifts of these layers that go on over a change, with how long they are by the wall.
fn lengths(
    catalog: &Catalog,
    rotation: &Rotation,
    layers: &[&Layer],
    at: Timestamp,
    ahead: SignedDuration,
) -> Vec<ClockEffect> {
    let around = |days: i64| super::days_away(at, days);
    let (from, to) = (around(-SHIFT_DAYS), around(SHIFT_DAYS));
    let plain = Rotation { overrides: Vec::new(), temporary: Vec::new(), ..rotation.clone() };
    let shifts = expand(catalog, &plain, &Recorded::default(), from, to).shifts;
    let is_felt = |shift: &super::Shift| {
        let of_layer = layers.iter().any(|layer| shift.on_duty.layer.as_ref() == Some(&layer.id));
        of_layer && from < shift.from && shift.from < at && at < shift.to && shift.to < to
    };
    let felt = shifts.into_iter().filter(is_felt).map(|shift| {
        let by_the_wall = shift.to.duration_since(shift.from) + ahead;
        ClockEffect::ShiftLength { on_duty: shift.on_duty, from: shift.from, to: shift.to, by_the_wall }
    });
    felt.collect()
}

/// A shift that goes on for longer than this before or after a change is not felt to be another hour long.
const SHIFT_DAYS: i64 = 35;
