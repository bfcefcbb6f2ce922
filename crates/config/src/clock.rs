//! What the clock changes of the coming year do to the rotations, as `check` lists them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use watchbell_engine::catalog::{Catalog, Rotation};
use watchbell_engine::ids::{LayerId, PersonId, RotationId};
use watchbell_engine::rotation::{self, ClockChange, ClockEffect};
use watchbell_engine::time::{Millis, after};

/// How far ahead is looked.
const HORIZON: Millis = Millis::hours(24 * 365);

/// One effect of one clock change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClockLine {
    /// On which rotation.
    pub rotation: RotationId,
    /// When the clock changes.
    pub at: Timestamp,
    /// In which zone.
    pub zone: String,
    /// By how many minutes the clock goes ahead; negative where it goes back.
    pub ahead_min: i64,
    /// `handoff_skipped`, `handoff_twice`, `handoffs_move` or `shift_length`.
    pub effect: &'static str,
    /// On which layer.
    pub layer: Option<LayerId>,
    /// Whose shift is longer or shorter.
    pub person: Option<PersonId>,
    /// The moment of the handoff, or the start of the shift.
    pub from: Option<Timestamp>,
    /// The end of the shift.
    pub to: Option<Timestamp>,
    /// All of it in one line.
    pub text: String,
}

/// Every effect on every rotation within a year of `now`, in the order of the changes.
pub(crate) fn lines(catalog: &Catalog, now: Timestamp) -> Vec<ClockLine> {
    let of = |rotation| rotation::clock_changes(catalog, rotation, now, after(now, HORIZON)).into_iter();
    let changes = catalog.rotations.values().flat_map(|rotation| of(rotation).map(move |change| (rotation, change)));
    let mut lines: Vec<ClockLine> = changes
        .flat_map(|(rotation, change)| {
            let line = |effect: &ClockEffect| line(rotation, &change, effect);
            change.effects.iter().map(line).collect::<Vec<_>>()
        })
        .collect();
    lines.sort_by_key(|line| line.at);
    lines
}

fn line(rotation: &Rotation, change: &ClockChange, effect: &ClockEffect) -> ClockLine {
    let mut line = ClockLine {
        rotation: rotation.id.clone(),
        at: change.at,
        zone: change.zone.iana_name().unwrap_or("UTC").to_owned(),
        ahead_min: change.ahead.as_mins(),
        effect: "",
        layer: None,
        person: None,
        from: None,
        to: None,
        text: String::new(),
    };
    let zone = &change.zone;
    let text = match effect {
        ClockEffect::HandoffSkipped { layer, wall, at } => {
            (line.effect, line.layer, line.from) = ("handoff_skipped", Some(layer.clone()), Some(*at));
            let wall = wall.strftime("%H:%M");
            format!("layer {layer}: there is no {wall} that day, the handoff comes at {}", clock(*at, zone))
        }
        ClockEffect::HandoffTwice { layer, wall, at } => {
            (line.effect, line.layer, line.from) = ("handoff_twice", Some(layer.clone()), Some(*at));
            let wall = wall.strftime("%H:%M");
            format!("layer {layer}: it is {wall} twice that day, the handoff comes the first time")
        }
        ClockEffect::HandoffsMove { layer } => {
            (line.effect, line.layer) = ("handoffs_move", Some(layer.clone()));
            let by = length(change.ahead.abs());
            let way = if change.ahead.is_negative() { "earlier" } else { "later" };
            format!("layer {layer}: turns are counted in hours, handoffs come {by} {way} by the clock from then on")
        }
        ClockEffect::ShiftLength { on_duty, from, to, by_the_wall } => {
            (line.effect, line.layer) = ("shift_length", on_duty.layer.clone());
            (line.person, line.from, line.to) = (Some(on_duty.person.clone()), Some(*from), Some(*to));
            let (lasts, usual) = (length(to.duration_since(*from)), length(*by_the_wall));
            format!("{} is on duty {lasts} instead of {usual}, from {}", on_duty.person, moment(*from, zone))
        }
    };
    line.text = format!("{} {}, {}: {text}", moment(change.at, zone), line.zone, rotation.id);
    line
}

fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

/// `25 h`, `23 h 30 min`.
fn length(length: SignedDuration) -> String {
    match (length.as_mins() / 60, length.as_mins() % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
