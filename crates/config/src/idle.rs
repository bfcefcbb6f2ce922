//! What is written in a rotation and never comes to pass: windows that match no day, layers that are always
//! covered, people whose turn always falls where the layer has nobody.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use watchbell_engine::catalog::{Calendar, Catalog, Days, Layer, Rotation, TurnBy, TurnEvery, Window};
use watchbell_engine::ids::PersonId;
use watchbell_engine::rotation::{self, Recorded};
use watchbell_engine::time::{Millis, after};

use crate::mistake::Mistakes;
use crate::tree::{Node, Value};

/// How far ahead is looked at least.
const YEAR_DAYS: u64 = 366;
/// How far ahead is looked at most; whoever comes up later than that is not spoken of.
const FAR_DAYS: u64 = 4 * YEAR_DAYS;

/// Warns of what never comes to pass in one rotation. What was recorded and what is written for a while
/// (overrides, absences, temporary schedules) is left out.
pub(crate) fn warn(node: &Node, catalog: &Catalog, rotation: &Rotation, now: Timestamp, out: &mut Mistakes) {
    let nodes: Vec<&Node> = match node.get("layers").map(|list| &list.value) {
        Some(Value::List(items)) => items.iter().collect(),
        Some(_) | None => vec![node],
    };
    if nodes.len() != rotation.layers.len() {
        return; // some could not be read
    }
    let mut everybody = catalog.clone();
    everybody.people.values_mut().for_each(|person| person.away.clear());
    let plain = Rotation { overrides: Vec::new(), temporary: Vec::new(), ..rotation.clone() };
    let days = plain.layers.iter().map(|layer| days_ahead(layer, rotation, now)).max().unwrap_or(0).min(FAR_DAYS);
    let end = after(now, Millis::hours(24 * days));
    let expanded = rotation::expand(&everybody, &plain, &Recorded::default(), now, end);
    for (node, layer) in nodes.into_iter().zip(&plain.layers) {
        let never = windows_never(node, catalog, rotation, layer, now, out);
        let on_duty = |shift: &&rotation::Shift| shift.on_duty.layer.as_ref() == Some(&layer.id);
        let seen: BTreeSet<&PersonId> =
            expanded.shifts.iter().filter(on_duty).map(|shift| &shift.on_duty.person).collect();
        let is_there = |id: &&PersonId| catalog.people.get(*id).is_some_and(|person| !person.disabled);
        let people = || layer.people.iter().filter(is_there);
        if seen.is_empty() {
            if !never && people().next().is_some() {
                let hint = "later layers cover it, or it has no time to be active".to_owned();
                out.warn(&node.spot(), format!("the layer `{}` never has anybody on duty", layer.id), Some(hint));
            }
            continue;
        }
        if layer.turn.by == TurnBy::Active || days_ahead(layer, rotation, now) > FAR_DAYS {
            continue; // every period comes to everybody, or it takes too long to say
        }
        let idle: BTreeSet<&PersonId> = people().filter(|id| !seen.contains(id)).collect();
        if !idle.is_empty() {
            let names: Vec<String> = idle.iter().map(|id| format!("`{id}`")).collect();
            let message = format!("in the layer `{}` it is never the turn of {}", layer.id, names.join(", "));
            let hint = "their turns always fall where the layer is not active or is covered; see `by: active`";
            out.warn(&node.spot(), message, Some(hint.into()));
        }
    }
}

/// So many days until everybody of a layer has had two turns, at least a year.
fn days_ahead(layer: &Layer, rotation: &Rotation, now: Timestamp) -> u64 {
    let (hours, per) = match layer.turn.every {
        TurnEvery::Hours(n) => (u64::from(n), 1),
        TurnEvery::Days(n) => (u64::from(n) * 24, 1),
        TurnEvery::Weeks(n) => (u64::from(n) * 24 * 7, 1),
        TurnEvery::Months(n) => (u64::from(n) * 24 * 31, 1),
        TurnEvery::Weekdays(days) => (24 * 7, days.iter().filter(|day| **day).count().max(1) as u64),
    };
    let turns = 2 * layer.people.len() as u64 + 1;
    let today = now.to_zoned(rotation.zone.clone()).date();
    let begins = today.until(layer.turn.since).map_or(0, |span| span.get_days());
    (hours * turns / per / 24).max(YEAR_DAYS) + u64::try_from(begins).unwrap_or(0)
}

/// Whether none of the layer's windows ever matches; says so of each that does not.
fn windows_never(
    node: &Node,
    catalog: &Catalog,
    rotation: &Rotation,
    layer: &Layer,
    now: Timestamp,
    out: &mut Mistakes,
) -> bool {
    let today = now.to_zoned(layer.zone_in(rotation).clone()).date();
    let plain = Calendar::default();
    let calendar = rotation.calendar.as_ref().and_then(|id| catalog.calendars.get(id)).unwrap_or(&plain);
    let nodes = match node.get("only").map(|only| &only.value) {
        Some(Value::List(items)) if items.len() == layer.only.len() => items.as_slice(),
        Some(_) | None => return false,
    };
    let mut all = true;
    for (node, window) in nodes.iter().zip(&layer.only) {
        let is_over = window.dates.is_some_and(|(_, last)| last < today);
        if !is_over && matches_some_day(window, calendar, today) {
            all = false;
        } else if is_over {
            out.warn(&node.spot(), "this window is over", Some("remove the line".into()));
        } else {
            out.warn(&node.spot(), "this window matches no day", None);
        }
    }
    all
}

/// Whether a window starts on some day from yesterday on; one without dates is looked for within a year.
fn matches_some_day(window: &Window, calendar: &Calendar, today: Date) -> bool {
    let (first, last) = window.dates.unwrap_or((Date::MIN, Date::MAX));
    let first = first.max(today.yesterday().unwrap_or(today));
    let year = i64::try_from(YEAR_DAYS).unwrap_or(i64::MAX);
    let last = last.min(first.checked_add(year.days()).unwrap_or(Date::MAX));
    first.series(1.day()).take_while(|day| *day <= last).any(|day| match window.days {
        Days::Any => true,
        Days::Weekdays(days) => days[day.weekday().to_monday_zero_offset() as usize],
        Days::Workdays => calendar.is_workday(day),
        Days::Restdays => !calendar.is_workday(day),
    })
}
