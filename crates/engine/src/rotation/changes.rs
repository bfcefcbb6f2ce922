//! Who is on duty differently under one configuration than under another, and the overrides that would
//! keep whoever is on duty now. Pure, as all of this module: `check --against` and reload ask it alike.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Expanded, Recorded, expand};
use crate::catalog::{Catalog, Override, Rotation};
use crate::ids::{PersonId, RotationId};

/// A span in which other people are on duty than would have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// In which rotation.
    pub rotation: RotationId,
    /// From this instant, inclusive.
    pub from: Timestamp,
    /// To this instant, exclusive.
    pub to: Timestamp,
    /// Who would have been on duty, by id; nobody, where empty.
    pub before: Vec<PersonId>,
    /// Who is instead.
    pub after: Vec<PersonId>,
    /// Lines for the `overrides:` of the rotation that keep those of `before`; none, where overrides cannot
    /// say it.
    pub keep: Vec<String>,
}

/// What differs between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// In the rotations that both have, by their starts.
    pub changes: Vec<Change>,
    /// Rotations that only the new one has.
    pub added: Vec<RotationId>,
    /// Rotations that only the old one has.
    pub removed: Vec<RotationId>,
}

/// Who is on duty differently between `from` and `to`.
pub fn changes(old: &Catalog, new: &Catalog, recorded: &Recorded, from: Timestamp, to: Timestamp) -> Changes {
    let mut out = Changes::default();
    for rotation in old.rotations.values() {
        let Some(after) = new.rotations.get(&rotation.id) else {
            out.removed.push(rotation.id.clone());
            continue;
        };
        let (had, has) = (expand(old, rotation, recorded, from, to), expand(new, after, recorded, from, to));
        out.changes.extend(differences(&had, &has).into_iter().map(|(span, before, after_people)| {
            let keep = lines(&kept(&rotation.id, span, &before, &after_people), &after.zone);
            Change { rotation: rotation.id.clone(), from: span.0, to: span.1, before, after: after_people, keep }
        }));
    }
    out.changes.sort_by(|a, b| (a.from, &a.rotation).cmp(&(b.from, &b.rotation)));
    out.added = new.rotations.keys().filter(|id| !old.rotations.contains_key(*id)).cloned().collect();
    out
}

impl Change {
    /// The overrides that would keep those of `before`, as they would stand in `rotation`.
    pub fn overrides(&self) -> Vec<Override> {
        kept(&self.rotation, (self.from, self.to), &self.before, &self.after)
    }

    /// Whether it is so at this instant.
    pub fn is_at(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

type Difference = ((Timestamp, Timestamp), Vec<PersonId>, Vec<PersonId>);

/// The spans in which the people differ, each as long as both sides stay the same.
fn differences(had: &Expanded, has: &Expanded) -> Vec<Difference> {
    let ends = |e: &Expanded| e.shifts.iter().flat_map(|s| [s.from, s.to]).collect::<Vec<_>>();
    let gaps = |e: &Expanded| e.gaps.iter().flat_map(|g| [g.from, g.to]).collect::<Vec<_>>();
    let cuts: BTreeSet<Timestamp> = [ends(had), ends(has), gaps(had), gaps(has)].into_iter().flatten().collect();
    let cuts: Vec<Timestamp> = cuts.into_iter().collect();
    let mut out: Vec<Difference> = Vec::new();
    for (from, to) in cuts.iter().copied().zip(cuts.iter().copied().skip(1)) {
        let (before, after) = (people_at(had, from), people_at(has, from));
        if before == after {
            continue;
        }
        match out.last_mut() {
            Some(last) if last.0.1 == from && last.1 == before && last.2 == after => last.0.1 = to,
            Some(_) | None => out.push(((from, to), before, after)),
        }
    }
    out
}

/// Who is on duty at an instant of the span, by id, each once.
fn people_at(expanded: &Expanded, at: Timestamp) -> Vec<PersonId> {
    let shifts = expanded.shifts.iter().take_while(|shift| shift.from <= at).filter(|shift| at < shift.to);
    let people: BTreeSet<PersonId> = shifts.map(|shift| shift.on_duty.person.clone()).collect();
    people.into_iter().collect()
}

/// One person is kept by an override for everybody; of several, each new one is replaced by one who is gone.
fn kept(
    rotation: &RotationId,
    (from, to): (Timestamp, Timestamp),
    before: &[PersonId],
    after: &[PersonId],
) -> Vec<Override> {
    let over = |person: &PersonId, replaces: Option<&PersonId>| Override {
        id: None,
        rotation: rotation.clone(),
        person: person.clone(),
        from,
        to,
        replaces: replaces.cloned(),
    };
    if let [only] = before {
        return vec![over(only, None)];
    }
    if before.len() != after.len() {
        return Vec::new(); // overrides neither add nor take away a seat
    }
    let gone = before.iter().filter(|person| !after.contains(person));
    let new = after.iter().filter(|person| !before.contains(person));
    gone.zip(new).map(|(gone, new)| over(gone, Some(new))).collect()
}

/// As lines of YAML, in wall time of the zone.
fn lines(overrides: &[Override], zone: &TimeZone) -> Vec<String> {
    let line = |over: &Override| {
        let replaces = over.replaces.as_ref().map_or(String::new(), |person| format!(", replaces: {person}"));
        let (from, to) = (written(over.from, zone), written(over.to, zone));
        format!("- {{ person: {}, from: \"{from}\", to: \"{to}\"{replaces} }}", over.person)
    };
    overrides.iter().map(line).collect()
}

/// An instant as YAML writes it: wall time where that means this instant alone, else the instant.
fn written(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone()).datetime();
    let exact = local.second() == 0 && local.subsec_nanosecond() == 0;
    let unambiguous = zone.to_ambiguous_zoned(local).unambiguous().is_ok_and(|z| z.timestamp() == at);
    if exact && unambiguous { local.strftime("%Y-%m-%dT%H:%M").to_string() } else { at.to_string() }
}

/// With the overrides of these changes after its own, as if their lines had been pasted.
pub fn with_kept(rotation: &Rotation, changes: &[Change]) -> Rotation {
    let mut out = rotation.clone();
    let own = changes.iter().filter(|change| change.rotation == rotation.id);
    out.overrides.extend(own.flat_map(Change::overrides));
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalog, layer, over, rotation};
    use super::*;
    use crate::catalog::TurnEvery::Weeks;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn world(rotations: Vec<Rotation>) -> Catalog {
        let mut catalog = catalog();
        catalog.rotations = rotations.into_iter().map(|r| (r.id.clone(), r)).collect();
        catalog
    }

    fn weekly(people: &[&str]) -> Rotation {
        rotation("Asia/Shanghai", vec![layer("main", people, Weeks(1), "mon 09:00", "2026-01-05")])
    }

    const FROM: &str = "2026-01-05T00:00:00Z";
    const TO: &str = "2026-01-26T01:00:00Z";

    fn between(old: &Catalog, new: &Catalog) -> Changes {
        changes(old, new, &Recorded::default(), at(FROM), at(TO))
    }

    #[test]
    fn who_changes_is_said_with_the_lines_that_keep_them() {
        let (old, new) = (world(vec![weekly(&["li", "wang"])]), world(vec![weekly(&["li", "wang", "chen"])]));
        let found = between(&old, &new);
        assert_eq!(found.changes.len(), 1, "{found:?}");
        let change = &found.changes[0];
        assert_eq!((change.from, change.to), (at("2026-01-19T01:00:00Z"), at("2026-01-26T01:00:00Z")));
        assert_eq!((&change.before[..], &change.after[..]), (&["li".into()][..], &["chen".into()][..]));
        assert_eq!(change.keep, ["- { person: li, from: \"2026-01-19T09:00\", to: \"2026-01-26T09:00\" }"]);
        assert!(change.is_at(change.from) && !change.is_at(change.to));
        assert_eq!(between(&old, &old), Changes::default());
    }

    #[test]
    fn the_lines_keep_everybody_who_can_be_kept() {
        let together = |people: &[&str], n| {
            let mut rotation = weekly(people);
            rotation.layers[0].at_once = n;
            rotation
        };
        for (old, new) in [
            (weekly(&["li", "wang", "chen"]), weekly(&["chen", "li"])),
            (weekly(&["li", "wang"]), together(&["chen", "wang", "li"], 2)),
            (together(&["li", "wang", "chen"], 2), together(&["chen", "wang", "li"], 2)),
        ] {
            let new_world = world(vec![new.clone()]);
            let found = between(&world(vec![old.clone()]), &new_world);
            assert!(!found.changes.is_empty() && found.changes.iter().all(|c| !c.keep.is_empty()), "{found:?}");
            let kept = world(vec![with_kept(&new, &found.changes)]);
            assert_eq!(between(&world(vec![old]), &kept).changes, [], "{found:?}");
        }
    }

    #[test]
    fn what_overrides_cannot_say_has_no_lines() {
        let mut none = weekly(&["li"]);
        none.layers[0].turn.since = "2026-01-19".parse().expect("a date");
        let mut two = weekly(&["li", "wang"]);
        two.layers[0].at_once = 2;
        let (nobody, pair, one) = (world(vec![none]), world(vec![two]), world(vec![weekly(&["li"])]));
        assert!(between(&nobody, &one).changes.iter().all(|c| c.before.is_empty() && c.keep.is_empty()));
        assert!(between(&pair, &one).changes.iter().all(|c| c.before.len() == 2 && c.keep.is_empty()));
        assert!(between(&one, &nobody).changes.iter().all(|c| c.after.is_empty() && c.keep.len() == 1));
    }

    #[test]
    fn what_is_recorded_lies_over_both() {
        let (old, new) = (world(vec![weekly(&["li"])]), world(vec![weekly(&["wang"])]));
        let recorded = Recorded { overrides: vec![over(Some(1), "chen", FROM, TO)], absences: Vec::new() };
        assert_eq!(changes(&old, &new, &recorded, at(FROM), at(TO)), Changes::default());
    }

    #[test]
    fn rotations_that_come_and_go_are_named() {
        let found = between(&world(vec![weekly(&["li"])]), &world(Vec::new()));
        assert_eq!((&found.removed[..], found.changes.len()), (&["duty".into()][..], 0));
        assert_eq!(between(&world(Vec::new()), &world(vec![weekly(&["li"])])).added, ["duty".into()]);
    }

    #[test]
    fn an_instant_that_wall_time_cannot_name_is_written_as_one() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        assert_eq!(written(at("2026-10-25T01:30:00Z"), &berlin), "2026-10-25T01:30:00Z", "02:30 comes twice");
        assert_eq!(written(at("2026-10-26T01:30:00Z"), &berlin), "2026-10-26T02:30");
        assert_eq!(written(at("2026-10-26T01:30:07Z"), &berlin), "2026-10-26T01:30:07Z");
    }
}
