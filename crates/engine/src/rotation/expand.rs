//! A rotation over a span: overrides and layers laid over each other from the top down, each filling
//! only what those above it left open. It walks boundaries, never minutes.

use jiff::Timestamp;

use super::layer::{Held, Seated};
use super::{Expanded, Gap, OnDuty, Shift, overrides, window};
use crate::catalog::{Catalog, Override, Rotation};
use crate::ids::{LayerId, PersonId};

/// Why somebody is on duty.
#[derive(Clone, Copy)]
enum Reason<'a> {
    Layer(&'a LayerId),
    Override(&'a Override),
}

#[derive(Clone, Copy)]
struct Piece<'a> {
    from: Timestamp,
    to: Timestamp,
    person: &'a PersonId,
    reason: Reason<'a>,
}

impl Piece<'_> {
    fn on_duty(&self) -> OnDuty {
        match self.reason {
            Reason::Layer(layer) => OnDuty::by_layer(self.person, layer),
            Reason::Override(over) => OnDuty::by_override(over),
        }
    }
}

/// The rotation from `from` to `to`: shifts and gaps tile [from, to); both are empty where it is.
pub fn expand(
    catalog: &Catalog,
    rotation: &Rotation,
    recorded: &[Override],
    from: Timestamp,
    to: Timestamp,
) -> Expanded {
    let mut open = if from < to { vec![Gap { from, to }] } else { Vec::new() };
    let mut pieces = Vec::new();
    for over in overrides(catalog, rotation, recorded).filter(|over| over.from < over.to) {
        let piece = Piece { from: over.from, to: over.to, person: &over.person, reason: Reason::Override(over) };
        open = fill(&open, &[piece], &mut pieces);
    }
    let calendar = window::calendar_of(catalog, rotation);
    for layer in rotation.layers.iter().rev() {
        let (Some(first), Some(last)) = (open.first(), open.last()) else { break };
        let Some(seated) = Seated::of(catalog, rotation, calendar, layer) else { continue };
        let reason = Reason::Layer(&layer.id);
        let held = seated.held(first.from, last.to).into_iter();
        let held: Vec<_> = held.map(|Held { from, to, person }| Piece { from, to, person, reason }).collect();
        open = fill(&open, &held, &mut pieces);
    }
    Expanded { shifts: join(pieces), gaps: open }
}

/// Puts what of `over` lies in `open` into `pieces` and gives back what is still open. All three are
/// in order and without overlaps, but for `pieces`, to which this adds.
fn fill<'a>(open: &[Gap], over: &[Piece<'a>], pieces: &mut Vec<Piece<'a>>) -> Vec<Gap> {
    let mut still = Vec::with_capacity(open.len());
    let mut over = over.iter().peekable();
    for gap in open {
        let mut from = gap.from;
        while let Some(piece) = over.peek().filter(|piece| piece.from < gap.to) {
            let (start, end) = (piece.from.max(from), piece.to.min(gap.to));
            if start < end {
                if from < start {
                    still.push(Gap { from, to: start });
                }
                pieces.push(Piece { from: start, to: end, ..**piece });
                from = end;
            }
            if piece.to > gap.to {
                break;
            }
            over.next();
        }
        if from < gap.to {
            still.push(Gap { from, to: gap.to });
        }
    }
    still
}

/// The pieces as shifts, in order; neighbours with the same person and reason become one.
fn join(mut pieces: Vec<Piece<'_>>) -> Vec<Shift> {
    pieces.sort_unstable_by_key(|piece| piece.from);
    let mut shifts: Vec<Shift> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let on_duty = piece.on_duty();
        match shifts.last_mut() {
            Some(last) if last.to == piece.from && last.on_duty == on_duty => last.to = piece.to,
            Some(_) | None => shifts.push(Shift { on_duty, from: piece.from, to: piece.to }),
        }
    }
    shifts
}
