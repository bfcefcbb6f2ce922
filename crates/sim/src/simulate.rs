//! Who would be paged: one fault in a world where everything works, on a given configuration, with what has
//! been recorded beside it. The same engine, pump and detection as in production decide.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchbell_engine::explain;
use watchbell_engine::fact::{Fact, MessageKind, Stage, What};
use watchbell_engine::heartbeat::Beat;
use watchbell_engine::ids::{ChannelId, DedupKey, LayerId, PageId, PersonId, PolicyId, ProbeId, Revision, RotationId};
use watchbell_engine::input::{More, Signal, SignalAction};
use watchbell_engine::label::Labels;
use watchbell_engine::time::{Millis, elapsed, shifted};
use watchbell_engine::word::{FailureKind, Priority, Severity};

use crate::script::{Habit, Happening, Health, Night, Setup};
use crate::tell;
use crate::world::{Arrival, World};

/// All is well for so long before the fault.
const BEFORE: Millis = Millis::mins(1);

/// The longest span that is looked at.
pub const LONGEST: Millis = Millis::hours(24);

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// When the fault begins.
    pub at: Timestamp,
    /// What breaks.
    pub fault: Fault,
    /// Who is paged acknowledges so long after the page has come; nobody does, where `None`.
    pub ack_after: Option<Millis>,
    /// Only this person acknowledges.
    pub by: Option<PersonId>,
    /// How long is looked at.
    pub lasts: Millis,
}

/// What breaks.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// What this probe looks at, or the job behind this heartbeat.
    Probe(ProbeId),
    /// Something with these labels, told from outside.
    Told {
        /// What routes and silences see.
        labels: Labels,
        /// How bad.
        severity: Severity,
    },
}

/// Who would be paged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Simulated {
    /// When the fault begins.
    pub at: Timestamp,
    /// `server` or `files`.
    pub source: String,
    /// Which configuration was asked.
    pub revision: Revision,
    /// The route that matched.
    pub route: Option<String>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// In the order in which they go out.
    pub pages: Vec<SimulatedPage>,
    /// Who was passed over, and why nobody is paged.
    pub notes: Vec<Note>,
}

/// One page over one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimulatedPage {
    /// When it is handed to the provider.
    pub at: Timestamp,
    /// Who.
    pub person: PersonId,
    /// Over what.
    pub channel: ChannelId,
    /// By which policy.
    pub policy: PolicyId,
    /// In which step, from 1; null for the catch-all.
    pub step: Option<u32>,
    /// Why this person: `on duty in expense-primary (layer weekly)`.
    pub reason: String,
    /// Why this step now: `opened`, `nobody acknowledged`.
    pub because: String,
    /// So long after the fault began.
    pub after_ms: u64,
    /// By which rotation.
    pub rotation: Option<RotationId>,
    /// By which layer.
    pub layer: Option<LayerId>,
    /// By which override.
    #[serde(rename = "override")]
    pub override_: Option<String>,
}

/// Something to know beside the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// A question that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// There is no such probe.
    #[error("there is no probe `{0}` in the configuration")]
    NoSuchProbe(ProbeId),
    /// There is no such person.
    #[error("there is no person `{0}` in the configuration")]
    NoSuchPerson(PersonId),
    /// It lasts too long.
    #[error("at most {LONGEST} are looked at")]
    TooLong,
    /// The instant is at an end of the calendar.
    #[error("the time lies at an end of the calendar")]
    NoSuchTime,
}

/// Lives through it. `before` are facts that count from the beginning: overrides, absences, silences.
pub fn simulate(
    setup: &Setup,
    before: Vec<What>,
    source: &str,
    question: &Question,
) -> Result<Simulated, Unanswerable> {
    let night = night(setup, before, question)?;
    let mut world = World::new(night);
    world.run();
    let opened = world.facts().iter().find_map(|f| match &f.what {
        What::TicketOpened { routed, .. } => Some(routed),
        _ => None,
    });
    let pages = world.arrivals.iter().filter(|a| a.message.kind == MessageKind::Page);
    Ok(Simulated {
        at: question.at,
        source: source.into(),
        revision: setup.catalog.revision.clone(),
        route: opened.map(|r| r.route.clone()),
        priority: opened.map(|r| r.priority),
        pages: pages.filter_map(|a| page(&world, a, question.at)).collect(),
        notes: world.facts().iter().filter_map(note).collect(),
    })
}

fn night(setup: &Setup, before: Vec<What>, question: &Question) -> Result<Night, Unanswerable> {
    if question.lasts > LONGEST {
        return Err(Unanswerable::TooLong);
    }
    let start = shifted(question.at, -i64::try_from(BEFORE.0).unwrap_or(0));
    if start >= question.at
        || question.at.as_second() > Timestamp::MAX.as_second() - LONGEST.duration().as_secs().cast_signed() * 2
    {
        return Err(Unanswerable::NoSuchTime);
    }
    let catalog = &setup.catalog;
    if let Some(by) = question.by.as_ref().filter(|by| !catalog.people.contains_key(*by)) {
        return Err(Unanswerable::NoSuchPerson(by.clone()));
    }
    let mut events = Vec::new();
    if let Some(wait) = question.ack_after {
        let awake = catalog.people.keys().filter(|id| question.by.as_ref().is_none_or(|by| by == *id));
        events
            .extend(awake.map(|id| (Millis::ZERO, Happening::Habit { person: id.clone(), habit: Habit::Acks(wait) })));
    }
    events.push((BEFORE, breaks(setup, &question.fault)?));
    // Nothing else breaks: the other probes need not run.
    let probe = match &question.fault {
        Fault::Probe(id) => setup.runs.get_key_value(id).map(|(id, run)| (id.clone(), *run)),
        Fault::Told { .. } => None,
    };
    let setup = Setup { catalog: catalog.clone(), runs: probe.into_iter().collect::<BTreeMap<_, _>>() };
    let lasts = BEFORE.plus(question.lasts);
    Ok(Night { start, lasts, seed: 0, setup, events, faults: None, before, plant: None })
}

fn breaks(setup: &Setup, fault: &Fault) -> Result<Happening, Unanswerable> {
    match fault {
        Fault::Probe(probe) if setup.runs.contains_key(probe) => {
            let health = Health::Down { kind: FailureKind::ConnectRefused, status: None };
            Ok(Happening::Target { probe: probe.clone(), health })
        }
        Fault::Probe(probe) if setup.catalog.probes.contains_key(probe) => {
            Ok(Happening::Beat { probe: probe.clone(), beat: Beat::Fail })
        }
        Fault::Probe(probe) => Err(Unanswerable::NoSuchProbe(probe.clone())),
        Fault::Told { labels, severity } => Ok(Happening::Signal(Signal {
            dedup_key: DedupKey::from("api:simulate"),
            action: SignalAction::Fire,
            summary: "a fault".into(),
            severity: *severity,
            labels: labels.clone(),
            started_at: None,
            source: "simulate".into(),
            more: More::default(),
        })),
    }
}

fn page(world: &World, arrival: &Arrival, since: Timestamp) -> Option<SimulatedPage> {
    let id = arrival.message.page?;
    let page = world.state().tickets.get(&id.ticket)?.page(id)?;
    let why = &page.why;
    Some(SimulatedPage {
        at: arrival.at,
        person: page.person.clone(),
        channel: arrival.message.channel.clone(),
        policy: page.policy.clone(),
        step: match page.stage {
            Stage::Step(_) => page.stage.shown(),
            Stage::CatchAll | Stage::Named => None,
        },
        reason: why.text.clone(),
        because: because(world.facts(), id, page.entry),
        after_ms: elapsed(since, arrival.at).0,
        rotation: why.rotation.clone(),
        layer: why.layer.clone(),
        override_: why.override_.clone(),
    })
}

/// Why the step of a page was entered.
fn because(facts: &[Fact], page: PageId, of: u32) -> String {
    let entered = facts.iter().filter(|f| f.ticket == Some(page.ticket)).find_map(|f| match &f.what {
        What::StepEntered { entry, because, .. } if *entry == of => Some(because),
        _ => None,
    });
    entered.map_or(String::new(), tell::because_text)
}

fn note(fact: &Fact) -> Option<Note> {
    let text = match &fact.what {
        What::AlertQuiet { .. } => tell::fact(fact)?,
        What::Skipped { .. } | What::PageUnreachable { .. } | What::Held { .. } | What::Acknowledged { .. } => {
            explain::timeline(std::slice::from_ref(fact)).pop()?.text
        }
        _ => return None,
    };
    Some(Note { at: fact.at, text })
}
