//! Who is on duty, asked of the engine's brute-force oracle, a day at a time.

#[path = "../../../engine/tests/oracle/mod.rs"]
mod oracle;

use std::collections::BTreeMap;

use watchbell_engine::Timestamp;
use watchbell_engine::catalog::{Catalog, Override, Rotation};
use watchbell_engine::ids::PersonId;

use oracle::{Answer, DAY, WallClock, timeline};

/// The oracle with what it has worked out.
#[derive(Default)]
pub struct Duty {
    clocks: BTreeMap<String, WallClock>,
    days: BTreeMap<String, Vec<Answer>>,
}

impl Duty {
    pub fn at(
        &mut self,
        catalog: &Catalog,
        rotation: &Rotation,
        recorded: &[Override],
        at: Timestamp,
    ) -> Option<PersonId> {
        let minute = at.as_second().div_euclid(60);
        let day = minute.div_euclid(DAY);
        let zone = rotation.zone.iana_name().unwrap_or("UTC").to_owned();
        let clock = self.clocks.entry(zone.clone()).or_insert_with(|| WallClock::new(&zone, 2026, 400));
        // Overrides that a person records begin within a minute; the oracle looks at whole ones.
        let recorded: Vec<Override> =
            recorded.iter().map(|o| Override { from: whole(o.from), to: whole(o.to), ..o.clone() }).collect();
        let key = format!("{}|{}|{day}|{recorded:?}", catalog.revision, rotation.id);
        let answers = self
            .days
            .entry(key)
            .or_insert_with(|| timeline(catalog, rotation, &recorded, clock, day * DAY, (day + 1) * DAY));
        let answer = answers.get(usize::try_from(minute - day * DAY).ok()?)?;
        answer.as_ref().map(|(person, ..)| PersonId::from(person.as_str()))
    }
}

fn whole(at: Timestamp) -> Timestamp {
    oracle::instant(at.as_second().div_euclid(60), 0)
}
