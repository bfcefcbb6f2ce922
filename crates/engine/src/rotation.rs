//! Who is on duty: a pure function of the configuration and the recorded overrides, nothing else.
//! Preview, API, CLI and pager ask this one module.

use jiff::Timestamp;

use crate::catalog::{Catalog, Override, Rotation};
use crate::ids::{LayerId, PersonId};

/// Somebody on duty at an instant, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDuty {
    /// Who.
    pub person: PersonId,
    /// The layer; `None` for an override.
    pub layer: Option<LayerId>,
    /// The override that put the person there: `OVR-3`, or `yaml` for one in the configuration.
    pub override_: Option<String>,
}

/// A span in which the same person is on duty for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Who, and why.
    pub on_duty: OnDuty,
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
}

/// A span in which nobody is on duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
}

/// A rotation over a span: shifts and gaps tile it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// In order; adjacent ones with the same person and reason are joined.
    pub shifts: Vec<Shift>,
    /// In order.
    pub gaps: Vec<Gap>,
}

/// Who is on duty in `rotation` at `at`; nobody where `None`. `recorded` are the overrides that were
/// recorded at run time, oldest first; those of the configuration are in the rotation.
pub fn on_duty(catalog: &Catalog, rotation: &Rotation, recorded: &[Override], at: Timestamp) -> Option<OnDuty> {
    let _ = (catalog, rotation, recorded, at);
    unimplemented!("rotation")
}

/// The rotation from `from` to `to`.
pub fn expand(
    catalog: &Catalog,
    rotation: &Rotation,
    recorded: &[Override],
    from: Timestamp,
    to: Timestamp,
) -> Expanded {
    let _ = (catalog, rotation, recorded, from, to);
    unimplemented!("rotation")
}

/// The shift that contains `at`, with its true start and end looked for within `horizon_days` to
/// either side; an end beyond that is `None`.
pub fn shift_at(
    catalog: &Catalog,
    rotation: &Rotation,
    recorded: &[Override],
    at: Timestamp,
) -> Option<(OnDuty, Option<Timestamp>, Option<Timestamp>)> {
    let _ = (catalog, rotation, recorded, at);
    unimplemented!("rotation")
}

/// The next instant after `at` at which the answer of [`on_duty`] may change; `None` for never.
pub fn next_change(catalog: &Catalog, rotation: &Rotation, recorded: &[Override], at: Timestamp) -> Option<Timestamp> {
    let _ = (catalog, rotation, recorded, at);
    unimplemented!("rotation")
}
