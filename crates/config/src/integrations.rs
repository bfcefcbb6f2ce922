//! `integrations`: what is to be known of the systems that tell us of alerts.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_engine::ids::ProbeId;
use watchbell_engine::label::Labels;

use crate::context::Context;
use crate::gather;
use crate::mistake::Mistakes;
use crate::model::{AlertSource, Integrations, PagerdutyKey};
use crate::probe;
use crate::routes;
use crate::scalar::{self, Problem};
use crate::tree::Node;

const INTEGRATIONS: [&str; 3] = ["alertmanager", "alertmanager_webhook", "pagerduty"];
/// Keys of what speaks Alertmanager's language.
const SOURCE: [&str; 5] = ["id", "severity", "labels", "resolve_after", "heartbeats"];
/// A routing key has so many characters: clients check it.
const KEY_CHARS: usize = 32;
/// Added to every alert by others.
const TAKEN: [&str; 2] = ["severity", "probe"];

/// The section, or what holds without it.
pub(crate) fn read(
    node: Option<&Node>,
    context: &Context<'_>,
    heartbeats: &BTreeSet<ProbeId>,
    out: &mut Mistakes,
) -> Option<Integrations> {
    let Some(node) = node else { return Some(Integrations::default()) };
    let map = out.map(node, "`integrations`", &INTEGRATIONS)?;
    let mut reading = Reading { context, heartbeats, out };
    let alertmanager = map.get("alertmanager").map(|n| reading.source(n, "`alertmanager`", &SOURCE[1..]));
    let webhooks = map.get("alertmanager_webhook").map(|n| reading.webhooks(n));
    let pagerduty = map.get("pagerduty").map(|n| reading.keys(n));
    Some(Integrations {
        alertmanager: alertmanager.map_or(Some(AlertSource::default()), |read| read)?,
        webhooks: webhooks.unwrap_or_default(),
        pagerduty: pagerduty.unwrap_or_default(),
    })
}

struct Reading<'a, 'm> {
    context: &'a Context<'a>,
    heartbeats: &'a BTreeSet<ProbeId>,
    out: &'m mut Mistakes,
}

impl Reading<'_, '_> {
    fn source(&mut self, node: &Node, what: &str, known: &[&str]) -> Option<AlertSource> {
        let map = self.out.map(node, what, known)?;
        let severity = self.out.optional(map, "severity", "a severity", gather::word);
        let resolve_after = self.out.optional(map, "resolve_after", "a length of time", probe::positive);
        let labels = map.get("labels").map(|n| self.labels(n)).unwrap_or_default();
        let heartbeats = map.get("heartbeats").map(|n| self.heartbeats(n)).unwrap_or_default();
        let default = AlertSource::default();
        Some(AlertSource { severity: severity.unwrap_or(default.severity), resolve_after, labels, heartbeats })
    }

    fn webhooks(&mut self, node: &Node) -> BTreeMap<String, AlertSource> {
        let mut all = BTreeMap::new();
        for item in self.out.list(node, "a list of webhooks") {
            let source = self.source(item, "a webhook", &SOURCE);
            let Some(id) = self.id(item, "prometheus") else { continue };
            if all.contains_key(&id) {
                self.twice(item, &id);
            }
            all.extend(source.map(|source| (id, source)));
        }
        all
    }

    fn keys(&mut self, node: &Node) -> Vec<PagerdutyKey> {
        let mut all: Vec<PagerdutyKey> = Vec::new();
        for item in self.out.list(node, "a list of routing keys") {
            let Some(read) = self.key(item) else { continue };
            if all.iter().any(|other| other.id == read.id) {
                self.twice(item, &read.id);
            }
            let same = |other: &&PagerdutyKey| !read.key.reveal().is_empty() && other.key == read.key;
            if let (Some(other), Some(at)) = (all.iter().find(same), item.get("key")) {
                let message = format!("`{}` has the same key: events of one would count for the other", other.id);
                self.out.error(&at.secret_spot(), message, None);
            }
            all.push(read);
        }
        all
    }

    fn key(&mut self, item: &Node) -> Option<PagerdutyKey> {
        let map = self.out.map(item, "a routing key", &["id", "key", "severity", "labels"])?;
        let id = self.id(map, "gatus");
        let severity = self.out.optional(map, "severity", "a severity", gather::word);
        let labels = map.get("labels").map(|n| self.labels(n)).unwrap_or_default();
        let node = self.out.required(map, "key", "{ env: GATUS_KEY }")?;
        let given = self.context.secret(node, "the routing key", self.out)?;
        let fits = |text: &str| text.len() == KEY_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if given.known().is_some_and(|text| !fits(text)) {
            let hint = "make one with `openssl rand -hex 16`; clients refuse any other length".to_owned();
            let message = format!("a routing key has {KEY_CHARS} letters and digits");
            self.out.error(&node.secret_spot(), message, Some(hint));
            return None;
        }
        Some(PagerdutyKey { id: id?, key: given.secret(), severity, labels })
    }

    fn id(&mut self, item: &Node, example: &str) -> Option<String> {
        let node = self.out.required(item, "id", example)?;
        self.out.value(node, "an id", scalar::id)
    }

    fn twice(&mut self, item: &Node, id: &str) {
        let at = item.get("id").unwrap_or(item);
        self.out.error(&at.spot(), format!("the id `{id}` is used twice"), None);
    }

    fn labels(&mut self, node: &Node) -> Labels {
        let mut labels = Labels::new();
        for (key, value) in node.entries() {
            let name = match routes::label(&key.text) {
                Ok(name) if !TAKEN.contains(&name.as_str()) => name,
                Ok(name) => {
                    self.out.error(&key.spot(value), format!("`{name}` comes with each alert"), None);
                    continue;
                }
                Err(Problem { message, hint, .. }) => {
                    self.out.error(&key.spot(value), message, hint);
                    continue;
                }
            };
            labels.extend(self.out.text(value, "the value of a label").map(|text| (name, text.to_owned())));
        }
        if node.entries().is_empty() {
            self.out.error(&node.spot(), format!("expected a map of labels, found {}", node.what()), None);
        }
        labels
    }

    /// From the name of an alert to the heartbeat that it keeps beating.
    fn heartbeats(&mut self, node: &Node) -> BTreeMap<String, ProbeId> {
        let mut all = BTreeMap::new();
        for (name, value) in node.entries() {
            let Some(id) = self.out.text(value, "the id of a heartbeat") else { continue };
            let id = ProbeId::from(id);
            if !self.heartbeats.contains(&id) && !self.context.names.incomplete {
                let known: Vec<&str> = self.heartbeats.iter().map(ProbeId::as_str).collect();
                let near = scalar::did_you_mean(id.as_str(), known.iter().copied());
                let hint = near.unwrap_or_else(|| "write a probe with `heartbeat: { every, token }`".into());
                self.out.error(&value.spot(), format!("there is no heartbeat `{id}`"), Some(hint));
                continue;
            }
            all.insert(name.text.clone(), id);
        }
        all
    }
}
