//! `rotations`: layers, turns and windows, in the short and the long form.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use watchbell_engine::catalog::{Calendar, Days, Layer, Rotation, Turn, TurnBy, Window};
use watchbell_engine::ids::{CalendarId, LayerId, PersonId, RotationId};
use watchbell_engine::rotation::TEMPORARY;

use crate::calendars::CHINA;
use crate::context::Context;
use crate::gather::{self, Item};
use crate::mistake::Mistakes;
use crate::tree::{Node, Value};
use crate::{duty_messages, scalar, spans, turn, windows};

const SHORT: [&str; 5] = ["people", "turn", "only", "by", "at_once"];
const ALL: [&str; 15] = [
    "id",
    "time_zone",
    "calendar",
    "layers",
    "overrides",
    "temporary",
    "gaps_allowed",
    "people",
    "turn",
    "only",
    "by",
    "at_once",
    "name",
    "handoff",
    "remind",
];
const LAYER: [&str; 7] = ["id", "people", "turn", "only", "by", "at_once", "time_zone"];
/// The most people that a layer has on duty at once.
const AT_ONCE_MAX: u64 = 100;
/// A calendar that runs out is told of so long before.
const TOLD_BEFORE: SignedDuration = SignedDuration::from_hours(24 * 60);
/// The layer of the short form.
pub(crate) const ONLY_LAYER: &str = "main";

/// One rotation.
pub(crate) fn rotation(
    item: Item<'_>,
    calendars: &BTreeMap<CalendarId, Calendar>,
    now: Timestamp,
    context: &Context<'_>,
    out: &mut Mistakes,
) -> Option<Rotation> {
    let map = out.map(item.node, "a rotation", &ALL)?;
    let id = gather::id_of(map, "expense-primary", out).map(RotationId::from);
    let zone = match map.get("time_zone") {
        Some(node) => out.value(node, "a time zone", scalar::zone),
        None => Some(item.defaults.zone()),
    };
    let calendar = map.get("calendar").and_then(|node| calendar(node, context, out));
    let layers = layers(map, context, out);
    let gaps_allowed =
        map.get("gaps_allowed").and_then(|n| out.text(n, "the reason why gaps are right")).map(String::from);
    let messages = duty_messages::read(map, out);
    let (mut overrides, mut temporary) = (Vec::new(), Vec::new());
    if let (Some(id), Some(zone)) = (&id, &zone) {
        let reading = spans::Reading { zone, now, context };
        overrides = map.get("overrides").map_or_else(Vec::new, |n| reading.overrides(n, id, out));
        temporary = map.get("temporary").map_or_else(Vec::new, |n| reading.temporary(n, out));
    }
    workdays_known(map, layers.as_deref().unwrap_or_default(), calendar.as_ref(), calendars, now, out);
    Some(Rotation { id: id?, zone: zone?, calendar, layers: layers?, overrides, temporary, gaps_allowed, messages })
}

/// A calendar by its id.
pub(crate) fn calendar(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<CalendarId> {
    let id = out.text(node, "the id of a calendar")?;
    if id == CHINA || context.names.calendars.contains_key(id) {
        return Some(CalendarId::from(id));
    }
    let built_in = CHINA.to_owned();
    let known = context.names.calendars.keys().chain(std::iter::once(&built_in));
    context.names.unknown(out, &node.spot(), format!("there is no calendar `{}`", node.written()), id, known);
    None
}

fn layers(map: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<Vec<Layer>> {
    let Some(list) = map.get("layers") else {
        // The short form is a rotation of one layer.
        return layer(map, LayerId::from(ONLY_LAYER), context, out).map(|layer| vec![layer]);
    };
    for key in SHORT {
        if let Some(node) = map.get(key) {
            out.error(&node.spot(), format!("`{key}` belongs into a layer where there are `layers`"), None);
        }
    }
    let mut layers: Vec<Layer> = Vec::new();
    let items = out.list(list, "a list of layers");
    if items.is_empty() && matches!(list.value, Value::List(_)) {
        out.error(&list.spot(), "a rotation without layers has nobody on duty", None);
    }
    let mut complete = !items.is_empty();
    for item in items {
        let read = out.map(item, "a layer", &LAYER).and_then(|map| {
            let id = out.required(map, "id", "weekly").and_then(|n| out.value(n, "an id", scalar::id));
            let id = LayerId::from(id.unwrap_or_default());
            if layers.iter().any(|layer| layer.id == id) && !id.as_str().is_empty() {
                out.error(&map.get("id")?.spot(), format!("the layer `{id}` is written twice in this rotation"), None);
            }
            if id.as_str() == TEMPORARY {
                let message = format!("the id `{TEMPORARY}` is that of temporary schedules; choose another one");
                out.error(&map.get("id")?.spot(), message, None);
            }
            let zone = out.optional(map, "time_zone", "a time zone", scalar::zone);
            layer(map, id, context, out).map(|layer| Layer { zone, ..layer })
        });
        complete &= read.is_some();
        layers.extend(read);
    }
    complete.then_some(layers)
}

fn layer(map: &Node, id: LayerId, context: &Context<'_>, out: &mut Mistakes) -> Option<Layer> {
    let people = out.required(map, "people", "[ … ]").map(|node| {
        let items = out.list(node, "a list of people");
        if items.is_empty() && matches!(node.value, Value::List(_)) {
            out.error(&node.spot(), "a layer without people has nobody on duty", None);
        }
        let read: Vec<_> = items.iter().filter_map(|n| context.names.person(n, out)).map(PersonId::from).collect();
        (read.len() == items.len() && !items.is_empty()).then_some(read)
    });
    let turn = out.required(map, "turn", "weekly mon 09:00 since 2026-01-05").and_then(|n| turn::read(n, out));
    let only = map.get("only").map_or_else(Vec::new, |n| windows::read(n, out));
    let by = out.optional(map, "by", "what counts as a turn", turn::by);
    if let (Some(TurnBy::Active), [], Some(node)) = (by, only.as_slice(), map.get("by")) {
        out.warn(&node.spot(), "`by: active` counts windows, and this layer has none in `only`", None);
    }
    let at_once = at_once(map, people.as_ref().and_then(Option::as_deref).unwrap_or_default(), out);
    let turn: Option<Turn> = turn.map(|turn| Turn { by: by.unwrap_or(turn.by), ..turn });
    Some(Layer { id, people: people??, turn: turn?, only, zone: None, at_once })
}

/// How many are on duty together: not more than there are.
fn at_once(map: &Node, people: &[PersonId], out: &mut Mistakes) -> u32 {
    let Some(node) = map.get("at_once") else { return 1 };
    let Some(read) = out.value(node, "a number of people", |text| scalar::whole(text, 1, AT_ONCE_MAX)) else {
        return 1;
    };
    let there = people.iter().collect::<std::collections::BTreeSet<_>>().len();
    if there > 0 && read > there as u64 {
        let message = format!("{read} people are to be on duty at once, and the layer has {there}");
        out.error(&node.spot(), message, None);
    }
    u32::try_from(read).unwrap_or(1)
}

/// Warns where working days are asked for that nobody has published.
fn workdays_known(
    map: &Node,
    layers: &[Layer],
    calendar: Option<&CalendarId>,
    calendars: &BTreeMap<CalendarId, Calendar>,
    now: Timestamp,
    out: &mut Mistakes,
) {
    let asks = |window: &Window| matches!(window.days, Days::Workdays | Days::Restdays);
    if !layers.iter().any(|layer| layer.only.iter().any(asks)) {
        return;
    }
    let Some(id) = calendar else {
        if map.get("calendar").is_none() {
            let hint = format!("write calendar: {CHINA}, or one of your own");
            out.warn(&map.spot(), "without a calendar, workdays are Monday to Friday", Some(hint));
        }
        return;
    };
    let Some(known) = calendars.get(id) else { return };
    let ahead = now.checked_add(TOLD_BEFORE).unwrap_or(Timestamp::MAX);
    let years = now.to_zoned(TimeZone::UTC).year()..=ahead.to_zoned(TimeZone::UTC).year();
    let missing: Vec<String> = years.filter(|year| !known.years.contains(year)).map(|y| y.to_string()).collect();
    if let Some(node) = map.get("calendar").filter(|_| !missing.is_empty()) {
        let message = format!("the calendar `{id}` has no {}: workdays there are Monday to Friday", missing.join(", "));
        let hint =
            format!("when it is published, add it under calendars: [ {{ id: {id}, holidays: […], make_up: […] }} ]");
        out.warn(&node.spot(), message, Some(hint));
    }
}
