//! Who has no duty, who stands in, who is on duty for a while: everything in YAML with a `from` and a `to`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use watchbell_engine::catalog::{Absence, Override, Temporary, TemporaryShift};
use watchbell_engine::ids::{PersonId, RotationId};

use crate::context::Context;
use crate::mistake::Mistakes;
use crate::scalar::{self, Problem};
use crate::tree::Node;

/// What the spans of one rotation or person are read with.
pub(crate) struct Reading<'a> {
    pub(crate) zone: &'a TimeZone,
    pub(crate) now: Timestamp,
    pub(crate) context: &'a Context<'a>,
}

impl Reading<'_> {
    /// `away` of a person: dates, of which the last counts, or times.
    pub(crate) fn absences(&self, node: &Node, person: &PersonId, out: &mut Mistakes) -> Vec<Absence> {
        let mut absences = Vec::new();
        for item in out.list(node, "a list of absences") {
            let Some(map) = out.map(item, "an absence", &["from", "to", "reason"]) else { continue };
            let reason = map.get("reason").and_then(|n| out.text(n, "a reason")).map(String::from);
            let Some((from, to)) = self.span(map, "this absence", true, out) else { continue };
            absences.push(Absence { id: None, person: person.clone(), from, to, reason });
        }
        absences
    }

    /// `overrides` of a rotation.
    pub(crate) fn overrides(&self, node: &Node, rotation: &RotationId, out: &mut Mistakes) -> Vec<Override> {
        let mut overrides: Vec<Override> = Vec::new();
        for item in out.list(node, "a list of overrides") {
            let Some(map) = out.map(item, "an override", &["person", "from", "to", "replaces"]) else { continue };
            let person = out.required(map, "person", "li.na").and_then(|n| self.context.names.person(n, out));
            let replaces = map.get("replaces").map(|n| self.context.names.person(n, out).map(PersonId::from));
            let span = self.span(map, "this override", false, out);
            let (Some(person), Some((from, to))) = (person.map(PersonId::from), span) else { continue };
            let Some(replaces) = replaces.map_or(Some(None), |read| read.map(Some)) else { continue };
            if replaces.as_ref() == Some(&person) {
                out.error(&item.spot(), format!("`{person}` cannot stand in for themselves"), None);
                continue;
            }
            let together = |o: &&Override| o.from < to && from < o.to && o.person != person && o.replaces == replaces;
            if let Some(other) = overrides.iter().find(together) {
                let message = format!("this override overlaps that of `{}`; the later line wins", other.person);
                out.warn(&item.spot(), message, None);
            }
            overrides.push(Override { id: None, rotation: rotation.clone(), person, from, to, replaces });
        }
        overrides
    }

    /// `temporary` of a rotation.
    pub(crate) fn temporary(&self, node: &Node, out: &mut Mistakes) -> Vec<Temporary> {
        let mut all = Vec::new();
        for item in out.list(node, "a list of temporary schedules") {
            let Some(map) = out.map(item, "a temporary schedule", &["from", "to", "shifts"]) else { continue };
            let span = self.span(map, "this temporary schedule", false, out);
            let shifts = out.required(map, "shifts", "[ { person: li.na, from: …, to: … } ]");
            let shifts = shifts.map_or(&[][..], |n| out.list(n, "a list of shifts"));
            let shifts: Vec<_> = shifts.iter().filter_map(|node| self.temporary_shift(node, span, out)).collect();
            let Some((from, to)) = span else { continue };
            all.push(Temporary { from, to, shifts });
        }
        all
    }

    fn temporary_shift(
        &self,
        node: &Node,
        window: Option<(Timestamp, Timestamp)>,
        out: &mut Mistakes,
    ) -> Option<TemporaryShift> {
        let map = out.map(node, "a shift", &["person", "from", "to"])?;
        let person = out.required(map, "person", "li.na").and_then(|n| self.context.names.person(n, out));
        let (from, to) = self.both(map, "this shift", false, out)?;
        if let Some((first, last)) = window
            && (from < first || last < to)
        {
            out.warn(&node.spot(), "what of this shift lies outside the temporary schedule is cut off", None);
        }
        Some(TemporaryShift { person: PersonId::from(person?), from, to })
    }

    /// `from` and `to`, with a warning where they are over.
    fn span(&self, map: &Node, what: &str, whole_days: bool, out: &mut Mistakes) -> Option<(Timestamp, Timestamp)> {
        let (from, to) = self.both(map, what, whole_days, out)?;
        if to <= self.now {
            out.warn(&map.spot(), format!("{what} is over"), Some("remove the line".into()));
        }
        Some((from, to))
    }

    fn both(&self, map: &Node, what: &str, whole_days: bool, out: &mut Mistakes) -> Option<(Timestamp, Timestamp)> {
        let example = if whole_days { "2026-11-24" } else { "\"2026-11-24T18:00\"" };
        let mut read = |key: &str, is_end: bool| {
            let node = out.required(map, key, example)?;
            out.value(node, "a time", |text| match scalar::date(text) {
                Ok(day) if whole_days => self.edge_of(day, is_end),
                Ok(_) | Err(_) => scalar::instant(text, self.zone),
            })
        };
        let (from, to) = (read("from", false), read("to", true));
        let (from, to) = (from?, to?);
        if from >= to {
            let hint = if whole_days { "a date as `to` counts to its end" } else { "`to` is exclusive" };
            let hint = format!("{hint} and must come after `from`");
            out.error(&map.spot(), format!("{what} ends before it begins"), Some(hint));
            return None;
        }
        Some((from, to))
    }

    /// The first instant of a day, or of the one after it.
    fn edge_of(&self, day: Date, is_end: bool) -> Result<Timestamp, Problem> {
        let day = if is_end { day.tomorrow() } else { Ok(day) };
        let start = day.and_then(|day| day.to_zoned(self.zone.clone()));
        start.map(|start| start.timestamp()).map_err(|_| Problem::new("this date lies at the end of the calendar"))
    }
}
