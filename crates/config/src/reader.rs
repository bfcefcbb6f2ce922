//! The order in which a configuration is read: files, variables, names, items, promises.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_engine::catalog::{Calendar, Catalog, CatchAll, Layer, Person, Policy, Rotation, Route, Step, Target};
use watchbell_engine::ids::{CalendarId, LayerId, PersonId, PolicyId, Revision, RotationId};

use crate::clock::{self, ClockLine};
use crate::conditions::Around;
use crate::context::{Context, Defaults, Names, Secrets};
use crate::files::{self, ROOT_FILE, Sources};
use crate::gather::{self, Doc};
use crate::mistake::{Mistake, Mistakes};
use crate::model::{Canary, Check, Config, Server, StoreUrl, Watchdog};
use crate::people::{self, Channels, Contacts};
use crate::policies::{self, Reach};
use crate::report::{ProbeBudget, Report};
use crate::tree::{self, Node, SourceFile, Value};
use crate::{
    calendars, channels, gaps, idle, integrations, not_paging, paths, probe, rotations, routes, server, turn, vars,
};

/// The id of the rotation and of the policy that are made where none is written.
const DEFAULT: &str = "default";

/// Reads a configuration directory. `now` is used for nothing but looking around: gaps in rotations and clock
/// changes of the next 365 days, calendars that run out soon, lines that are over.
pub fn read(sources: &Sources, secrets: Secrets, now: Timestamp) -> Report {
    let mut out = Mistakes::default();
    let files = files::load(&sources.dir, &mut out);
    read_files(&files, sources, secrets, now, out)
}

/// Reads files that are in memory already.
pub(crate) fn read_files(
    files: &[Arc<SourceFile>],
    sources: &Sources,
    secrets: Secrets,
    now: Timestamp,
    mut out: Mistakes,
) -> Report {
    let mut roots: Vec<Node> = tree::parse_all(files, &mut out);
    // What cannot be found may stand in what could not be read.
    let incomplete = out.count() > 0 && (roots.len() < files.len() || files.is_empty());
    let names = Names { incomplete, ..Names::default() };
    let mut context = Context { dir: &sources.dir, env: &sources.env, secrets, names };
    let sections: Vec<Node> = roots.iter().filter_map(|root| root.get("vars").cloned()).collect();
    let vars = vars::read(&sections.iter().collect::<Vec<_>>(), &sources.vars, &context, &mut out);
    for root in &mut roots {
        fill_in(root, &vars, incomplete, &mut out);
    }
    let docs = gather::docs(roots, &mut out);
    context.names = gather::names(&docs, incomplete, &mut out);
    let mut reading = Reading { docs: &docs, context, now, filled_in: Vec::new(), clock_changes: Vec::new(), out };
    let revision = files::revision(files, &vars);
    let (probes, config) = reading.all(&sources.dir, revision);
    let Reading { filled_in, clock_changes, mut out, .. } = reading;
    if config.is_none() && out.count() == 0 {
        out.push(Mistake::outside(
            sources.dir.display().to_string(),
            "",
            "this configuration could not be completed",
            None,
        ));
    }
    let (errors, warnings) = out.finish();
    let config = config.filter(|_| errors.is_empty()).map(|config| Config { filled_in: filled_in.clone(), ..config });
    Report { errors, warnings, probes, filled_in, clock_changes, config }
}

/// Fills variables into everything but the variables themselves.
fn fill_in(root: &mut Node, vars: &BTreeMap<String, String>, incomplete: bool, out: &mut Mistakes) {
    if let Value::Map(entries) = &mut root.value {
        for (_, node) in entries.iter_mut().filter(|(key, _)| key.text != "vars") {
            vars::fill_in(node, vars, incomplete, out);
        }
    }
}

struct Reading<'a> {
    docs: &'a [Doc],
    context: Context<'a>,
    now: Timestamp,
    filled_in: Vec<String>,
    clock_changes: Vec<ClockLine>,
    out: Mistakes,
}

/// People and rooms with their addresses, and their ids in the order of the files.
struct Everybody {
    people: BTreeMap<PersonId, Person>,
    contacts: BTreeMap<PersonId, Contacts>,
    order: Vec<PersonId>,
}

impl Everybody {
    /// The first one who can be paged; a person before a room.
    fn first_reachable(&self) -> Option<&Person> {
        let reachable = || self.order.iter().filter_map(|id| self.people.get(id)).filter(|p| policies::is_reachable(p));
        reachable().find(|person| !person.room).or_else(|| reachable().next())
    }
}

/// Server, store, dead-man's service, canary; `None` for what is not as it must be.
type Surroundings = (Option<Server>, Option<StoreUrl>, Option<Option<Watchdog>>, Option<Option<Canary>>);

impl Reading<'_> {
    fn all(&mut self, dir: &Path, revision: Revision) -> (Vec<ProbeBudget>, Option<Config>) {
        let docs = self.docs;
        let (server, store, watchdog, canary) = self.surroundings();
        let channels = channels::read(docs, &self.context, &mut self.out);
        let everybody = self.everybody(&channels);
        let items = gather::items(docs, "calendars", &mut self.out);
        let calendars::Read { calendars, feeds, files } = calendars::read(&items, &self.context, &mut self.out);
        let revision = files::with_more(revision, &files);
        let rotations = self.rotations(&calendars, &everybody);
        if !self.context.names.incomplete {
            calendars::unasked(&items, rotations.values().filter_map(|r| r.calendar.as_ref()), &mut self.out);
        }
        let escalation = self.escalation(&everybody, rotations);
        let items = gather::items(docs, "probes", &mut self.out);
        let read: Vec<_> =
            items.into_iter().filter_map(|item| probe::probe(item, &self.context, &mut self.out)).collect();
        let Some(Escalation { rotations, policies, default_policy, self_policy, routes, catch_all }) = escalation
        else {
            return (Vec::new(), None);
        };
        let shown = docs.iter().find(|doc| doc.root.place.file.name == ROOT_FILE).map(|doc| doc.defaults.clone());
        let shown = self.shown_defaults(shown.unwrap_or_default());
        let mut catalog = Catalog {
            revision,
            zone: shown.zone(),
            locale: shown.locale(),
            people: everybody.people,
            rotations,
            calendars,
            policies,
            default_policy,
            self_policy,
            routes,
            channels: channels.iter().map(|(id, (channel, _))| (id.clone(), channel.clone())).collect(),
            probes: read.iter().map(|read| (read.info.id.clone(), read.info.clone())).collect(),
            catch_all,
            not_paging: not_paging::read(docs, self.now, &mut self.out),
        };
        self.gaps(&catalog);
        self.idle(&catalog);
        self.clock_changes = clock::lines(&catalog, self.now);
        self.tokens(&read);
        probe::depends::check(&read, &self.context.names, &mut self.out);
        let section = gather::single(docs, "integrations", &mut self.out);
        let beating = read.iter().filter(|r| r.info.heartbeat.is_some()).map(|r| r.info.id.clone()).collect();
        let integrations = integrations::read(section, &self.context, &beating, &mut self.out);
        let mut budgets = BTreeMap::new();
        let mut specs = BTreeMap::new();
        for read in &read {
            probe::keep(read, &catalog, &mut self.out);
            let (worst_case, sum) =
                probe::worst_case(read, &catalog).map_or((None, String::new()), |(w, sum)| (Some(w), sum));
            let id = read.info.id.clone();
            budgets.insert(id.clone(), ProbeBudget { id: id.clone(), worst_case, sum });
            specs.insert(id, crate::model::ProbeSpec { worst_case, ..read.spec.clone() });
        }
        self.advise(&catalog);
        // A repeated id is a mistake already; the catalog keeps the same one as the specs.
        catalog.probes.retain(|id, _| specs.contains_key(id));
        let surroundings = server.zip(store).zip(watchdog.zip(canary)).zip(integrations);
        let config = surroundings.map(|(((server, store), (watchdog, canary)), integrations)| Config {
            dir: dir.to_owned(),
            catalog: Arc::new(catalog),
            server,
            store,
            channels: channels.into_iter().map(|(id, (_, spec))| (id, spec)).collect(),
            contacts: everybody.contacts,
            probes: specs,
            watchdog,
            integrations,
            canary,
            calendar_feeds: feeds,
            filled_in: Vec::new(),
        });
        (budgets.into_values().collect(), config)
    }

    /// What stands around the decisions; the dead-man's service is `Some(None)` where none is written.
    fn surroundings(&mut self) -> Surroundings {
        let (docs, out) = (self.docs, &mut self.out);
        let server = server::server(gather::single(docs, "server", out), &self.context, &mut self.filled_in, out);
        let store = server::store(gather::single(docs, "store", out), &self.context, &mut self.filled_in, out);
        let watchdog = match gather::single(docs, "watchdog", out) {
            Some(node) => server::watchdog(node, &self.context, out).map(Some),
            None => Some(None),
        };
        let canary = match gather::single(docs, "canary", out) {
            Some(node) => server::canary(node, out),
            None => Some(Some(Canary::default())),
        };
        (server, store, watchdog, canary)
    }

    fn shown_defaults(&mut self, defaults: Defaults) -> Defaults {
        if defaults.zone.is_none() {
            self.filled_in.push(format!("no defaults.time_zone in {ROOT_FILE}: times are shown in UTC"));
        }
        if defaults.locale.is_none() {
            self.filled_in.push(format!("no defaults.locale in {ROOT_FILE}: pages and screens are in English"));
        }
        defaults
    }

    fn everybody(&mut self, channels: &Channels) -> Everybody {
        let mut all = Everybody { people: BTreeMap::new(), contacts: BTreeMap::new(), order: Vec::new() };
        for (key, room) in [("people", false), ("rooms", true)] {
            for item in gather::items(self.docs, key, &mut self.out) {
                let read = people::person(item, room, channels, self.now, &self.context, &mut self.out);
                let Some((person, contacts)) = read else { continue };
                all.order.push(person.id.clone());
                all.contacts.insert(person.id.clone(), contacts);
                all.people.insert(person.id.clone(), person);
            }
        }
        all
    }

    fn rotations(
        &mut self,
        calendars: &BTreeMap<CalendarId, Calendar>,
        everybody: &Everybody,
    ) -> BTreeMap<RotationId, Rotation> {
        let items = gather::items(self.docs, "rotations", &mut self.out);
        let policies_written = self.docs.iter().any(|doc| doc.root.get("policies").is_some());
        if items.is_empty() && !policies_written && !self.context.names.incomplete {
            return self.always(everybody).map(|rotation| (rotation.id.clone(), rotation)).into_iter().collect();
        }
        let read = items
            .into_iter()
            .filter_map(|item| rotations::rotation(item, calendars, self.now, &self.context, &mut self.out));
        read.map(|rotation| (rotation.id.clone(), rotation)).collect()
    }

    /// The rotation in which the first reachable person is always on duty.
    fn always(&mut self, everybody: &Everybody) -> Option<Rotation> {
        let person = everybody.first_reachable()?;
        let taken = self.context.names.people.contains_key(DEFAULT);
        let id = RotationId::from(if taken { "default-rotation" } else { DEFAULT });
        self.filled_in.push(format!("no rotation: `{}` is always on duty", person.id));
        self.context.names.rotations.insert(id.to_string(), self.docs.first()?.root.place.clone());
        let layer = Layer {
            id: LayerId::from(rotations::ONLY_LAYER),
            people: vec![person.id.clone()],
            turn: turn::always(),
            only: Vec::new(),
            zone: None,
            at_once: 1,
        };
        let zone = person.zone.clone();
        Some(Rotation {
            id,
            zone,
            calendar: None,
            layers: vec![layer],
            overrides: Vec::new(),
            temporary: Vec::new(),
            gaps_allowed: None,
            messages: watchbell_engine::catalog::DutyMessages::default(),
        })
    }

    fn gaps(&mut self, catalog: &Catalog) {
        for item in gather::items(self.docs, "rotations", &mut Mistakes::default()) {
            let rotation = item.node.get("id").and_then(Node::text).and_then(|id| catalog.rotations.get(id));
            let Some(rotation) = rotation.filter(|rotation| rotation.gaps_allowed.is_none()) else { continue };
            let known = |id: &PersonId| catalog.people.contains_key(id);
            if !rotation.layers.iter().flat_map(|layer| &layer.people).all(known) {
                continue; // somebody could not be read; nothing can be said
            }
            let Some(gap) = gaps::first_gap(catalog, rotation, self.now) else { continue };
            let local = |at: Timestamp| at.to_zoned(rotation.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
            let message =
                format!("nobody is on duty in `{}` from {} to {}", rotation.id, local(gap.from), local(gap.to));
            let hint = "add a layer below that is always active, or write gaps_allowed: \"the reason\"".to_owned();
            self.out.error(&item.node.spot(), message, Some(hint));
        }
    }

    /// What is worth a warning about who is paged; said once everything is right.
    fn advise(&mut self, catalog: &Catalog) {
        if self.out.count() > 0 {
            return;
        }
        let reach = Reach { people: &catalog.people, rotations: &catalog.rotations };
        let channels = catalog.channels.iter().collect();
        let crew = paths::Crew { reach, policies: &catalog.policies, channels };
        let policies = gather::items(self.docs, "policies", &mut Mistakes::default());
        let people = gather::items(self.docs, "people", &mut Mistakes::default());
        paths::advise(&crew, &policies, &people, &mut self.out);
    }

    /// What of a rotation can never be of use.
    fn idle(&mut self, catalog: &Catalog) {
        for item in gather::items(self.docs, "rotations", &mut Mistakes::default()) {
            let rotation = item.node.get("id").and_then(Node::text).and_then(|id| catalog.rotations.get(id));
            if let Some(rotation) = rotation.filter(|_| !self.context.names.incomplete) {
                idle::warn(item.node, catalog, rotation, self.now, &mut self.out);
            }
        }
    }

    /// A token says which heartbeat beats, so that no two may have the same.
    fn tokens(&mut self, read: &[probe::Read<'_>]) {
        let mut seen = BTreeMap::new();
        for probe in read {
            let Check::Heartbeat { token } = &probe.spec.check else { continue };
            if token.reveal().is_empty() {
                continue; // not set on this machine
            }
            let Some(other) = seen.insert(token.reveal().to_owned(), &probe.spec.id) else { continue };
            let at = probe.node.get("heartbeat").and_then(|beat| beat.get("token")).unwrap_or(probe.node);
            let message = format!("`{other}` has the same token: a beat of one would count for the other");
            self.out.error(&at.secret_spot(), message, Some("give each heartbeat a token of its own".into()));
        }
    }

    fn escalation(&mut self, everybody: &Everybody, rotations: BTreeMap<RotationId, Rotation>) -> Option<Escalation> {
        let docs = self.docs;
        let items = gather::items(docs, "policies", &mut self.out);
        if items.is_empty() {
            let place = docs.first().map(|doc| (DEFAULT.to_owned(), doc.root.place.clone()));
            self.context.names.policies.extend(place);
        }
        let reach = Reach { people: &everybody.people, rotations: &rotations };
        let catch_all = self.catch_all(everybody, &reach);
        let mut policies = BTreeMap::new();
        for item in &items {
            let zone = item.defaults.zone();
            let around = Around { context: &self.context, zone: &zone, now: self.now };
            let policy = policies::policy(*item, catch_all.as_ref(), &reach, around, &mut self.out);
            policies.extend(policy.map(|policy| (policy.id.clone(), policy)));
        }
        if items.is_empty() {
            let policy = self.default_policy(rotations.keys(), catch_all.clone()?);
            policies.insert(policy.id.clone(), policy);
        }
        paths::check(&items, &policies, &mut self.out);
        let first = items.first().and_then(|item| item.node.get("id")?.text());
        let default_policy = if policies.contains_key(DEFAULT) { DEFAULT } else { first.unwrap_or(DEFAULT) };
        let node = gather::single(docs, "routes", &mut self.out);
        let routes = node.map_or_else(Vec::new, |node| {
            let file = docs.iter().find(|doc| doc.root.get("routes").is_some());
            let zone = file.map_or(TimeZone::UTC, |doc| doc.defaults.zone());
            let around = Around { context: &self.context, zone: &zone, now: self.now };
            routes::read(node, around, &mut self.out)
        });
        if node.is_none() {
            self.filled_in.push(format!("no routes: everything goes to the policy `{default_policy}`"));
        } else if default_policy != DEFAULT {
            self.filled_in
                .push(format!("no policy `default`: what no route matches goes to `{default_policy}`, the first one"));
        }
        let node = gather::single(docs, "self", &mut self.out);
        let self_policy = node.and_then(|node| policies::self_policy(node, &self.context, &mut self.out));
        Some(Escalation {
            default_policy: PolicyId::from(default_policy),
            catch_all: catch_all?,
            rotations,
            policies,
            self_policy,
            routes,
        })
    }

    /// The person of last resort: who is written, or the first who can be reached.
    fn catch_all(&mut self, everybody: &Everybody, reach: &Reach<'_>) -> Option<CatchAll> {
        let written = gather::single(self.docs, "catch_all", &mut self.out);
        let read = written.and_then(|node| policies::catch_all(node, reach, &self.context, &mut self.out));
        if read.is_some() {
            return read;
        }
        let Some(person) = everybody.first_reachable() else {
            if !self.context.names.incomplete && written.is_none() && self.out.count() == 0 {
                let hint = "write people: [ { id: me, contacts: { mail: me@example.com } } ] and the channel `mail`";
                self.out.push(Mistake::outside(
                    ROOT_FILE,
                    "people",
                    "nobody can be paged: no person has a contact",
                    Some(hint.into()),
                ));
            }
            return None;
        };
        if written.is_none() {
            let every = policies::CATCH_ALL_EVERY;
            self.filled_in
                .push(format!("no catch_all: `{}` is paged every {every} when all steps are used up", person.id));
        }
        Some(CatchAll { person: person.id.clone(), every: policies::CATCH_ALL_EVERY })
    }

    /// Pages whoever is on duty, once more after five minutes, then the catch-all.
    fn default_policy<'r>(
        &mut self,
        mut rotations: impl Iterator<Item = &'r RotationId>,
        catch_all: CatchAll,
    ) -> Policy {
        let ack_within = policies::ACK_WITHIN;
        let written = gather::items(self.docs, "rotations", &mut Mistakes::default());
        let first = written.first().and_then(|item| item.node.get("id")?.text()).map(RotationId::from);
        let (target, who) = match first.or_else(|| rotations.next().cloned()) {
            Some(id) => (Target::Rotation(id.clone()), format!("whoever is on duty in `{id}`")),
            None => (Target::Person(catch_all.person.clone()), format!("`{}`", catch_all.person)),
        };
        self.filled_in.push(format!(
            "no policy: `{DEFAULT}` pages {who}, again after {ack_within}, then `{}` every {}",
            catch_all.person, catch_all.every
        ));
        let steps = vec![Step::new(vec![target], ack_within)];
        Policy { id: PolicyId::from(DEFAULT), steps, repeat: 1, catch_all, ack_timeout: None, hold: None }
    }
}

/// Who is paged by which rules.
struct Escalation {
    rotations: BTreeMap<RotationId, Rotation>,
    policies: BTreeMap<PolicyId, Policy>,
    default_policy: PolicyId,
    self_policy: Option<PolicyId>,
    routes: Vec<Route>,
    catch_all: CatchAll,
}
