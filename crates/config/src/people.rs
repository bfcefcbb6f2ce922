//! `people` and `rooms`: names, addresses, ladders.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchbell_engine::catalog::{Channel, ChannelKind, LadderEntry, PageBy, Person};
use watchbell_engine::ids::{ChannelId, PersonId};
use watchbell_engine::time::Millis;

use crate::channels;
use crate::context::Context;
use crate::gather::{self, Item};
use crate::mistake::Mistakes;
use crate::model::{ChannelSpec, Secret};
use crate::scalar;
use crate::spans;
use crate::tree::{Node, Value};
use crate::web_address;

/// The address of a person on each channel.
pub(crate) type Contacts = BTreeMap<ChannelId, Secret>;

/// Every channel by its id.
pub(crate) type Channels = BTreeMap<ChannelId, (Channel, ChannelSpec)>;

const PERSON: [&str; 8] = ["id", "name", "contacts", "page_by", "locale", "time_zone", "disabled", "away"];

/// A person or a room with its addresses.
pub(crate) fn person(
    item: Item<'_>,
    room: bool,
    channels: &Channels,
    now: Timestamp,
    context: &Context<'_>,
    out: &mut Mistakes,
) -> Option<(Person, Contacts)> {
    let what = if room { "a room" } else { "a person" };
    let map = out.map(item.node, what, &PERSON)?;
    let id = gather::id_of(map, if room { "duty-room" } else { "li.na" }, out);
    let name = map.get("name").and_then(|n| out.text(n, "a name")).map(String::from);
    let contacts = map.get("contacts").map_or_else(BTreeMap::new, |n| contacts(n, context, out));
    let locale = out.optional(map, "locale", "a language", gather::word);
    let zone = out.optional(map, "time_zone", "a time zone", scalar::zone);
    let disabled = out.optional(map, "disabled", "true or false", scalar::truth);
    let own: Vec<&Channel> = contacts.keys().filter_map(|id| channels.get(id)).map(|(channel, _)| channel).collect();
    let page_by = match map.get("page_by") {
        Some(node) => page_by(node, &written_contacts(map), &own, out)?,
        None => default_ladders(&own),
    };
    let id = PersonId::from(id?);
    let zone = zone.unwrap_or_else(|| item.defaults.zone());
    let reading = spans::Reading { zone: &zone, now, context };
    let away = map.get("away").map_or_else(Vec::new, |node| reading.absences(node, &id, out));
    let person = Person {
        name: name.unwrap_or_else(|| id.to_string()),
        room,
        disabled: disabled.unwrap_or(false),
        locale: locale.unwrap_or_else(|| item.defaults.locale()),
        zone,
        page_by,
        channels: contacts.keys().cloned().collect(),
        away,
        id,
    };
    Some((person, contacts))
}

/// The channels under `contacts`, also those whose address was refused: that is said once.
fn written_contacts(map: &Node) -> Vec<&str> {
    map.get("contacts").map_or_else(Vec::new, |n| n.entries().iter().map(|(key, _)| key.text.as_str()).collect())
}

fn contacts(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Contacts {
    let mut contacts = BTreeMap::new();
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        let hint = Some("write contacts: { mail: me@example.com }".into());
        out.error(&node.spot(), format!("expected a map from channel to address, found {}", node.what()), hint);
    }
    for (key, value) in node.entries() {
        let Some((_, kind)) = context.names.channels.get(&key.text) else {
            let spot = key.spot(value);
            let message = format!("there is no channel `{}`", key.text);
            context.names.unknown(out, &spot, message, &key.text, context.names.channels.keys());
            continue;
        };
        let channel = ChannelId::from(key.text.as_str());
        let Some(given) = context.private(value, "an address", out) else {
            // Said once: the person counts as having an address, and nothing is used.
            contacts.insert(channel, Secret::new(""));
            continue;
        };
        if let (Some(text), Some(kind)) = (given.known(), kind)
            && let Some((message, hint)) = unfit(*kind, text)
        {
            out.error(&value.spot(), message, Some(hint.into()));
        }
        contacts.insert(channel, given.secret());
    }
    contacts
}

/// Why an address does not fit a channel. The address itself is not repeated: it may come from a secret.
fn unfit(kind: ChannelKind, text: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        ChannelKind::Smtp => {
            channels::mailbox(text).is_err().then_some(("this is not a mail address", "write it as me@example.com"))
        }
        ChannelKind::Webhook => web_address::http(text, true).is_err().then_some((
            "this is not a web address to POST to",
            "write it as https://host/path, without a user or password",
        )),
        ChannelKind::Dingtalk => {
            let digits = text.strip_prefix('+').unwrap_or(text);
            let mobile = (5..=20).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit() || c == '-');
            (!mobile)
                .then_some(("this is not a mobile number to mention", "write it as 13800000000 or +86-13800000000"))
        }
    }
}

/// What a person gets who has no `page_by`: everything at once. The quiet ladder leaves loud channels out
/// where a quiet one exists.
fn default_ladders(own: &[&Channel]) -> PageBy {
    let at_once = |channels: Vec<&&Channel>| match channels.as_slice() {
        [] => Vec::new(),
        some => vec![LadderEntry { after: Millis::ZERO, via: some.iter().map(|c| c.id.clone()).collect() }],
    };
    let quiet: Vec<_> = own.iter().filter(|channel| !channel.loud).collect();
    let normal = if quiet.is_empty() { own.iter().collect() } else { quiet };
    PageBy { urgent: at_once(own.iter().collect()), normal: at_once(normal) }
}

fn page_by(node: &Node, contacts: &[&str], own: &[&Channel], out: &mut Mistakes) -> Option<PageBy> {
    if matches!(node.value, Value::List(_)) {
        let both = ladder(node, contacts, out);
        return Some(PageBy { urgent: both.clone(), normal: both });
    }
    let map = out.map(node, "`page_by`", &["urgent", "normal"])?;
    let default = default_ladders(own);
    Some(PageBy {
        urgent: map.get("urgent").map_or(default.urgent, |n| ladder(n, contacts, out)),
        normal: map.get("normal").map_or(default.normal, |n| ladder(n, contacts, out)),
    })
}

fn ladder(node: &Node, contacts: &[&str], out: &mut Mistakes) -> Vec<LadderEntry> {
    let mut ladder: Vec<LadderEntry> = Vec::new();
    let items = out.list(node, "a list of { after, via }");
    if items.is_empty() && matches!(node.value, Value::List(_)) {
        out.error(&node.spot(), "an empty ladder reaches nobody", Some("write [ { after: 0s, via: [mail] } ]".into()));
    }
    for item in items {
        let Some(map) = out.map(item, "an entry of a ladder", &["after", "via"]) else { continue };
        let after = map.get("after").map_or(Some(Millis::ZERO), |n| out.value(n, "a length of time", scalar::duration));
        let via = out.required(map, "via", "[mail]").map_or_else(Vec::new, |n| via(n, contacts, out));
        if let (Some(after), Some(before)) = (after, ladder.last())
            && after < before.after
        {
            let message = format!("this entry begins at {after}, before the one above it ({})", before.after);
            out.error(&item.spot(), message, Some("write the entries in the order of their `after`".into()));
        }
        ladder.extend(after.map(|after| LadderEntry { after, via }));
    }
    ladder
}

fn via(node: &Node, contacts: &[&str], out: &mut Mistakes) -> Vec<ChannelId> {
    let items = match node.value {
        Value::Scalar(_) => std::slice::from_ref(node),
        Value::Null | Value::List(_) | Value::Map(_) => out.list(node, "a list of channels"),
    };
    if items.is_empty() {
        out.error(&node.spot(), "`via` names no channel", None);
    }
    let mut via = Vec::new();
    for item in items {
        let Some(text) = out.text(item, "the id of a channel") else { continue };
        if contacts.contains(&text) {
            via.push(ChannelId::from(text));
        } else {
            let near = scalar::did_you_mean(text, contacts.iter().copied());
            let hint =
                near.unwrap_or_else(|| format!("write contacts: {{ {text}: … }}, or use {}", contacts.join(", ")));
            out.error(&item.spot(), format!("this person has no contact on `{}`", item.written()), Some(hint));
        }
    }
    via
}
