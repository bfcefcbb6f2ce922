//! A rotation over a span: temporary schedules and layers laid over each other from the top down, each
//! filling only what those above it left open, then the overrides, the earliest first. It walks
//! boundaries, never minutes.

use jiff::Timestamp;

use super::crew::{Level, Seat, TEMPORARY_LAYER, are_alike, has_somebody, settle, take_over};
use super::layer::Seated;
use super::people::{People, divided};
use super::{Expanded, Gap, Shift, overrides, window};
use crate::catalog::{Override, Rotation, Temporary};

/// A span in which the same people are on duty; nobody, where the crew is empty.
#[derive(Clone)]
pub(super) struct Tile<'a> {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) crew: Vec<Seat<'a>>,
}

/// Shifts and gaps from `from` to `to`.
pub(super) fn expanded(people: People<'_>, rotation: &Rotation, from: Timestamp, to: Timestamp) -> Expanded {
    let mut shifts: Vec<Shift> = Vec::new();
    let mut gaps: Vec<Gap> = Vec::new();
    // The crew of the tile before, each with the place of its shift.
    let mut before: Vec<(Seat<'_>, usize)> = Vec::new();
    for Tile { from, to, crew } in tiles(people, rotation, from, to) {
        if crew.is_empty() {
            match gaps.last_mut() {
                Some(gap) if gap.to == from => gap.to = to,
                Some(_) | None => gaps.push(Gap { from, to }),
            }
        }
        let here = crew.into_iter().map(|seat| match before.iter().find(|(other, _)| other.is_like(&seat)) {
            Some((_, n)) => {
                shifts[*n].to = to;
                (seat, *n)
            }
            None => {
                shifts.push(Shift { on_duty: seat.on_duty(), from, to });
                (seat, shifts.len() - 1)
            }
        });
        before = here.collect();
    }
    Expanded { shifts, gaps }
}

/// The first instant after `from` and before `to` at which the crew is another one.
pub(super) fn first_change(
    people: People<'_>,
    rotation: &Rotation,
    from: Timestamp,
    to: Timestamp,
) -> Option<Timestamp> {
    let tiles = tiles(people, rotation, from, to);
    let first = tiles.first()?;
    tiles.iter().find(|tile| !are_alike(&tile.crew, &first.crew)).map(|tile| tile.from)
}

/// Tiles that cover [from, to), in order.
fn tiles<'a>(people: People<'a>, rotation: &'a Rotation, from: Timestamp, to: Timestamp) -> Vec<Tile<'a>> {
    let mut open = if from < to { vec![Gap { from, to }] } else { Vec::new() };
    let mut tiles = Vec::new();
    let mut vacant = Vec::new();
    for (rank, temporary) in rotation.temporary.iter().rev().enumerate() {
        let level = Level { layer: &TEMPORARY_LAYER, rank };
        let (held, empty) = temporary_tiles(people, temporary, level).partition(|tile| has_somebody(&tile.crew));
        vacant.extend(empty);
        open = fill(&open, held, &mut tiles);
    }
    let calendar = window::calendar_of(people.catalog, rotation);
    for (rank, layer) in (rotation.temporary.len()..).zip(rotation.layers.iter().rev()) {
        let (Some(first), Some(last)) = (open.first(), open.last()) else { break };
        let Some(seated) = Seated::of(people, rotation, calendar, layer, rank) else { continue };
        let (held, empty) =
            layer_tiles(people, &seated, first.from, last.to).partition(|tile| has_somebody(&tile.crew));
        vacant.extend(empty);
        open = fill(&open, held, &mut tiles);
    }
    tiles.extend(open.iter().map(|gap| Tile { from: gap.from, to: gap.to, crew: Vec::new() }));
    tiles.sort_unstable_by_key(|tile| tile.from);
    for tile in vacant {
        within(&mut tiles, tile.from, tile.to)
            .iter_mut()
            .for_each(|under| under.crew.extend(tile.crew.iter().cloned()));
    }
    for over in overrides(people, rotation) {
        lay_over(&mut tiles, people, over);
    }
    tiles.iter_mut().for_each(|tile| settle(&mut tile.crew));
    tiles
}

/// A temporary schedule where it has seats.
fn temporary_tiles<'a>(
    people: People<'a>,
    temporary: &'a Temporary,
    level: Level<'a>,
) -> impl Iterator<Item = Tile<'a>> {
    let shifts = || temporary.shifts.iter();
    let mut cuts = people.comings_and_goings(shifts().map(|s| &s.person), temporary.from, temporary.to);
    let edges = shifts().flat_map(|s| [s.from, s.to]);
    cuts.extend(edges.filter(|at| temporary.from < *at && *at < temporary.to));
    cuts.sort_unstable();
    cuts.dedup();
    let pieces: Vec<_> = divided(&cuts, temporary.from, temporary.to).collect();
    let tiles = pieces.into_iter().map(move |(from, to)| {
        let crew = super::temporary_crew(people, temporary, level, from);
        Tile { from, to, crew }
    });
    tiles.filter(|tile| !tile.crew.is_empty())
}

/// A layer where it has seats in [from, to).
fn layer_tiles<'a>(
    people: People<'a>,
    seated: &Seated<'a>,
    from: Timestamp,
    to: Timestamp,
) -> impl Iterator<Item = Tile<'a>> {
    let cuts = people.comings_and_goings(seated.people(), from, to);
    let tiles = seated.held(from, to).into_iter().flat_map(move |held| {
        let pieces = divided(&cuts, held.from, held.to);
        let pieces = pieces.map(|(from, to)| Tile { from, to, crew: seated.crew(people, held.turn, from) });
        pieces.collect::<Vec<_>>()
    });
    tiles.filter(|tile| !tile.crew.is_empty())
}

/// Puts what of `over` lies in `open` into `tiles` and gives back what is still open. All three are
/// in order and without overlaps, but for `tiles`, to which this adds.
fn fill<'a>(open: &[Gap], over: Vec<Tile<'a>>, tiles: &mut Vec<Tile<'a>>) -> Vec<Gap> {
    let mut still = Vec::with_capacity(open.len());
    let mut over = over.iter().peekable();
    for gap in open {
        let mut from = gap.from;
        while let Some(tile) = over.peek().filter(|tile| tile.from < gap.to) {
            let (start, end) = (tile.from.max(from), tile.to.min(gap.to));
            if start < end {
                if from < start {
                    still.push(Gap { from, to: start });
                }
                tiles.push(Tile { from: start, to: end, crew: tile.crew.clone() });
                from = end;
            }
            if tile.to > gap.to {
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

/// Lays an override over the tiles, where its person is not away.
fn lay_over<'a>(tiles: &mut Vec<Tile<'a>>, people: People<'a>, over: &'a Override) {
    let cuts = people.comings_and_goings(std::iter::once(&over.person), over.from, over.to);
    for (from, to) in divided(&cuts, over.from, over.to).filter(|(from, _)| !people.is_away(&over.person, *from)) {
        within(tiles, from, to).iter_mut().for_each(|tile| take_over(&mut tile.crew, over));
    }
}

/// The tiles of [from, to), cut at its ends.
fn within<'t, 'a>(tiles: &'t mut Vec<Tile<'a>>, from: Timestamp, to: Timestamp) -> &'t mut [Tile<'a>] {
    let (Some(first), Some(last)) = (tiles.first(), tiles.last()) else { return &mut [] };
    let (from, to) = (from.max(first.from), to.min(last.to));
    if from >= to {
        return &mut [];
    }
    let (first, end) = (cut(tiles, from), cut(tiles, to));
    &mut tiles[first..end]
}

/// The place of the tile that begins at `at`, made by a cut where there is none; `at` lies within the tiles.
fn cut(tiles: &mut Vec<Tile<'_>>, at: Timestamp) -> usize {
    let place = tiles.partition_point(|tile| tile.from < at);
    match place.checked_sub(1).map(|before| tiles[before].clone()) {
        Some(tile) if tile.to > at => {
            tiles[place - 1].to = at;
            tiles.insert(place, Tile { from: at, ..tile });
        }
        Some(_) | None => {}
    }
    place
}
