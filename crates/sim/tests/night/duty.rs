//! Who is on duty, asked of the engine's brute-force oracle, a day at a time.

#[path = "../../../engine/tests/oracle/mod.rs"]
mod oracle;

use std::collections::BTreeMap;

use watchbell_engine::Timestamp;
use watchbell_engine::catalog::{Absence, Catalog, Override, Rotation};
use watchbell_engine::ids::PersonId;
use watchbell_engine::rotation::Recorded;

use oracle::{Answer, DAY, WallClock, timeline};

/// The oracle with what it has worked out.
#[derive(Default)]
pub struct Duty {
    clocks: BTreeMap<String, WallClock>,
    days: BTreeMap<String, Vec<Answer>>,
}

impl Duty {
    pub fn at(&mut self, catalog: &Catalog, rotation: &Rotation, recorded: &Recorded, at: Timestamp) -> Vec<PersonId> {
        let minute = at.as_second().div_euclid(60);
        let day = minute.div_euclid(DAY);
        let zone = rotation.zone.iana_name().unwrap_or("UTC").to_owned();
        let clock = self.clocks.entry(zone.clone()).or_insert_with(|| WallClock::new(&zone, 2026, 400));
        // Overrides that a person records begin within a minute; the oracle looks at whole ones.
        let overrides = recorded.overrides.iter();
        let absences = recorded.absences.iter();
        let recorded = Recorded {
            overrides: overrides.map(|o| Override { from: whole(o.from), to: whole(o.to), ..o.clone() }).collect(),
            absences: absences.map(|a| Absence { from: whole(a.from), to: whole(a.to), ..a.clone() }).collect(),
        };
        let key = format!("{}|{}|{day}|{recorded:?}", catalog.revision, rotation.id);
        let answers = self
            .days
            .entry(key)
            .or_insert_with(|| timeline(catalog, rotation, &recorded, clock, day * DAY, (day + 1) * DAY));
        let answer = answers.get(usize::try_from(minute - day * DAY).expect("within the day"));
        answer.into_iter().flatten().map(|(person, ..)| PersonId::from(person.as_str())).collect()
    }
}

fn whole(at: Timestamp) -> Timestamp {
    oracle::instant(at.as_second().div_euclid(60), 0)
}
