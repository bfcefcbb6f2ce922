//! Who is on duty, asked of the engine's brute-force oracle, a day at a time.

#[path = "../../../engine/tests/oracle/mod.rs"]
mod oracle;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use watchbell_engine::Timestamp;
use watchbell_engine::catalog::{Absence, Catalog, Override, Rotation};
use watchbell_engine::ids::PersonId;
use watchbell_engine::rotation::Recorded;

use oracle::{Answer, Clocks, DAY, WallClock, timeline};

/// The oracle with what it has worked out.
#[derive(Default)]
pub struct Duty {
    clocks: Zones,
    days: BTreeMap<String, Vec<Answer>>,
}

/// The clocks of the zones that were asked for.
#[derive(Default)]
struct Zones(BTreeMap<String, WallClock>);

impl Clocks for Zones {
    fn of(&mut self, zone: &TimeZone) -> &WallClock {
        let name = zone.iana_name().unwrap_or("UTC").to_owned();
        self.0.entry(name.clone()).or_insert_with(|| WallClock::new(&name, 2026, 400))
    }
}

impl Duty {
    pub fn at(&mut self, catalog: &Catalog, rotation: &Rotation, recorded: &Recorded, at: Timestamp) -> Vec<PersonId> {
        let minute = at.as_second().div_euclid(60);
        let day = minute.div_euclid(DAY);
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
            .or_insert_with(|| timeline(catalog, rotation, &recorded, &mut self.clocks, day * DAY, (day + 1) * DAY));
        let answer = answers.get(usize::try_from(minute - day * DAY).expect("within the day"));
        answer.into_iter().flatten().map(|(person, ..)| PersonId::from(person.as_str())).collect()
    }
}

fn whole(at: Timestamp) -> Timestamp {
    oracle::instant(at.as_second().div_euclid(60), 0)
}
