//! `rotations`: layers, turns, windows, overrides, in the short and the long form.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use watchbell_engine::catalog::{Calendar, Days, DutyMessages, Layer, Override, Rotation, Turn, TurnBy, Window};
use watchbell_engine::ids::{CalendarId, LayerId, PersonId, RotationId};
use watchbell_engine::time::Millis;

use crate::calendars::CHINA;
use crate::context::Context;
use crate::gather::{self, Item};
use crate::mistake::Mistakes;
use crate::scalar::Problem;
use crate::tree::{Node, Value};
use crate::{scalar, turn, windows};

const SHORT: [&str; 4] = ["people", "turn", "only", "by"];
const ALL: [&str; 13] =
    ["id", "time_zone", "calendar", "layers", "overrides", "gaps_allowed", "people", "turn", "only", "by", "name", "handoff", "remind"];
/// People are reminded of a shift this long before it at most.
const REMIND_MAX: Millis = Millis::hours(14 * 24);
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
    let overrides = match (&id, &zone) {
        (Some(id), Some(zone)) => overrides(map, id, zone, context, out),
        (_, _) => Vec::new(),
    };
    let messages = messages(map, out);
    workdays_known(map, layers.as_deref().unwrap_or_default(), calendar.as_ref(), calendars, now, out);
    Some(Rotation { id: id?, zone: zone?, calendar, layers: layers?, overrides, temporary: Vec::new(), gaps_allowed, messages })
}

/// What the people of the rotation are told of their duty.
fn messages(map: &Node, out: &mut Mistakes) -> DutyMessages {
    let mut messages = DutyMessages::default();
    if let Some(handoff) = out.optional(map, "handoff", "whether people are told at a handoff", handoff) {
        messages.handoff = handoff;
    }
    messages.remind = out.optional(map, "remind", "how long before a shift its person is reminded", remind);
    messages
}

fn handoff(text: &str) -> Result<bool, Problem> {
    match text {
        "notify" => Ok(true),
        "none" => Ok(false),
        other => Err(Problem::new(format!("`{other}` is neither `notify` nor `none`"))),
    }
}

fn remind(text: &str) -> Result<Millis, Problem> {
    let ahead = scalar::duration(text)?;
    if ahead > REMIND_MAX {
        return Err(Problem::new(format!("`{text}` is longer than {REMIND_MAX}")).hint("write at most 14d"));
    }
    Ok(ahead)
}

fn calendar(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<CalendarId> {
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
        let read = out.map(item, "a layer", &["id", "people", "turn", "only", "by"]).and_then(|map| {
            let id = out.required(map, "id", "weekly").and_then(|n| out.value(n, "an id", scalar::id));
            let id = LayerId::from(id.unwrap_or_default());
            if layers.iter().any(|layer| layer.id == id) && !id.as_str().is_empty() {
                out.error(&map.get("id")?.spot(), format!("the layer `{id}` is written twice in this rotation"), None);
            }
            layer(map, id, context, out)
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
    let turn: Option<Turn> = turn.map(|turn| Turn { by: by.unwrap_or(turn.by), ..turn });
    Some(Layer { id, people: people??, turn: turn?, only, zone: None, at_once: 1 })
}

fn overrides(
    map: &Node,
    rotation: &RotationId,
    zone: &TimeZone,
    context: &Context<'_>,
    out: &mut Mistakes,
) -> Vec<Override> {
    let mut overrides: Vec<Override> = Vec::new();
    for item in map.get("overrides").map_or(&[][..], |n| out.list(n, "a list of overrides")) {
        let Some(map) = out.map(item, "an override", &["person", "from", "to"]) else { continue };
        let person = out.required(map, "person", "li.na").and_then(|n| context.names.person(n, out));
        let mut instant = |key: &str| {
            let node = out.required(map, key, "\"2026-11-24T18:00\"")?;
            out.value(node, "a time", |text| scalar::instant(text, zone))
        };
        let (from, to) = (instant("from"), instant("to"));
        let (Some(person), Some(from), Some(to)) = (person, from, to) else { continue };
        if from >= to {
            let hint = Some("`to` is exclusive and must come after `from`".into());
            out.error(&item.spot(), "this override ends before it begins", hint);
            continue;
        }
        let person = PersonId::from(person);
        if let Some(other) = overrides.iter().find(|o| o.from < to && from < o.to && o.person != person) {
            let message = format!("this override overlaps that of `{}`; the later line wins", other.person);
            out.warn(&item.spot(), message, None);
        }
        overrides.push(Override { id: None, rotation: rotation.clone(), person, from, to, replaces: None });
    }
    overrides
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
    let ahead = now.checked_add(SignedDuration::from_hours(24 * 365)).unwrap_or(Timestamp::MAX);
    let years = now.to_zoned(TimeZone::UTC).year()..=ahead.to_zoned(TimeZone::UTC).year();
    let missing: Vec<String> = years.filter(|year| !known.years.contains(year)).map(|y| y.to_string()).collect();
    if let Some(node) = map.get("calendar").filter(|_| !missing.is_empty()) {
        let message = format!("the calendar `{id}` has no {}: workdays there are Monday to Friday", missing.join(", "));
        let hint =
            format!("when it is published, add it under calendars: [ {{ id: {id}, holidays: […], make_up: […] }} ]");
        out.warn(&node.spot(), message, Some(hint));
    }
}
