//! The first time in the coming year at which nobody is on duty.

use jiff::Timestamp;
use watchbell_engine::catalog::{Catalog, Rotation};
use watchbell_engine::rotation::{self, Gap, Recorded};
use watchbell_engine::time::{self, Millis};

/// How far ahead rotations are looked at.
const HORIZON: Millis = Millis::hours(24 * 365);

/// The first gap of a rotation within 365 days of `now`.
pub(crate) fn first_gap(catalog: &Catalog, rotation: &Rotation, now: Timestamp) -> Option<Gap> {
    rotation::expand(catalog, rotation, &Recorded::default(), now, time::after(now, HORIZON)).gaps.into_iter().next()
}
