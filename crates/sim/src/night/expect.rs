//! What a night must have shown, as it is written: one statement a line.
//!
//! `paged: li.na over hook from 12m to 12m30s`, `not_paged: lead from 20m`, `told: li.na resolved`,
//! `ticket: INC-1 resolved self_recovered`, `said: a part of the timeline`, `not_said: …`.

use serde::{Deserialize, Serialize};
use watchbell_engine::Timestamp;
use watchbell_engine::fact::MessageKind;
use watchbell_engine::ids::TicketId;
use watchbell_engine::time::after;

use super::Span;
use crate::world::World;

#[allow(missing_docs, reason = "the words are those of the YAML, shown above")]
/// One statement.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    Paged(String),
    NotPaged(String),
    Told(String),
    Ticket(String),
    Said(String),
    NotSaid(String),
}

/// Whom a statement is about, over what, and when.
#[derive(Debug)]
struct Asked {
    person: String,
    kind: MessageKind,
    channel: Option<String>,
    from: Timestamp,
    to: Timestamp,
    times: Option<usize>,
}

impl Asked {
    fn parse(text: &str, kind: MessageKind, start: Timestamp) -> Self {
        let mut words = text.split_whitespace();
        let person = words.next().expect("a statement names somebody").to_owned();
        let mut asked = Self { person, kind, channel: None, from: Timestamp::MIN, to: Timestamp::MAX, times: None };
        let instant = |word: &str| after(start, Span::parse(word).unwrap_or_else(|e| panic!("{text}: {e}")).millis());
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("`{text}` ends too soon"));
            match word {
                "over" => asked.channel = Some(value().to_owned()),
                "from" => asked.from = instant(value()),
                "to" => asked.to = instant(value()),
                "times" => asked.times = Some(value().parse().expect("a number of times")),
                "acknowledged" => asked.kind = MessageKind::Acknowledged,
                "escalated" => asked.kind = MessageKind::Escalated,
                "resolved" => asked.kind = MessageKind::Resolved,
                "cancelled" => asked.kind = MessageKind::Cancelled,
                "test" => asked.kind = MessageKind::Test,
                "handoff" => asked.kind = MessageKind::DutyHandoff,
                "cover" => asked.kind = MessageKind::DutyCover,
                "reminder" => asked.kind = MessageKind::DutyReminder,
                "expiring" => asked.kind = MessageKind::SilenceExpiring,
                other => panic!("`{text}`: what is `{other}`?"),
            }
        }
        asked
    }

    fn count(&self, world: &World) -> usize {
        let fits = |a: &&crate::world::Arrival| {
            a.message.kind == self.kind
                && a.message.person.as_str() == self.person
                && self.channel.as_ref().is_none_or(|c| a.message.channel.as_str() == c)
                && self.from <= a.at
                && a.at <= self.to
        };
        world.arrivals.iter().filter(fits).count()
    }

    fn holds(&self, world: &World) -> bool {
        let count = self.count(world);
        self.times.map_or(count > 0, |times| count == times)
    }
}

impl Expected {
    /// What is not so; `None` where it is.
    pub fn missed(&self, world: &World, start: Timestamp) -> Option<String> {
        let holds = match self {
            Self::Paged(text) => Asked::parse(text, MessageKind::Page, start).holds(world),
            Self::NotPaged(text) => Asked::parse(text, MessageKind::Page, start).count(world) == 0,
            Self::Told(text) => Asked::parse(text, MessageKind::Resolved, start).holds(world),
            Self::Ticket(text) => ticket_is(world, text),
            Self::Said(text) => world.timeline().contains(text),
            Self::NotSaid(text) => !world.timeline().contains(text),
        };
        (!holds).then(|| format!("expected {self:?}"))
    }
}

/// `INC-1 resolved self_recovered`, `INC-2 acknowledged li.na`, `INC-3 none`.
fn ticket_is(world: &World, text: &str) -> bool {
    let mut words = text.split_whitespace();
    let id: TicketId = words.next().and_then(|w| w.parse().ok()).expect("a statement names a ticket");
    let Some(shown) = world.state().tickets.get(&id) else { return words.next() == Some("none") };
    let mut facts = vec![shown.state().as_str().to_owned(), format!("occurrence-{}", shown.occurrence)];
    facts.extend(shown.taken.as_ref().map(|(by, _)| by.name.clone()));
    if let watchbell_engine::state::Phase::Resolved(closed) = &shown.phase {
        facts.push(closed.resolved_as.to_string());
    }
    words.all(|word| facts.iter().any(|f| f == word))
}
