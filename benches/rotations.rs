//! One year of 100 rotations with layers, restrictions, overrides and absences, expanded; and the question that
//! pages ask. Prints figures and their ratio to the target of the design, section 9.
//!
//! `cargo bench --bench rotations` (a few seconds)

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use watchbell_engine::catalog::{
    Absence, Calendar, Catalog, CatchAll, Days, HandoffAt, Layer, Override, PageBy, Person, Rotation, Turn, TurnBy,
    TurnEvery, Window,
};
use watchbell_engine::ids::{AbsenceId, CalendarId, OverrideId, PersonId, RotationId};
use watchbell_engine::rotation::{Recorded, expand, next_change, shift_at};
use watchbell_engine::time::Millis;
use watchbell_engine::word::Locale;

const ROTATIONS: usize = 100;
const PEOPLE: usize = 40;
/// The target: a year of all rotations, expanded.
const TARGET_MS: f64 = 100.0;
/// The best of so many passes is told: the first one warms caches up.
const PASSES: usize = 5;

fn main() {
    let (catalog, recorded) = (catalog(), recorded());
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    let to = from.checked_add(SignedDuration::from_hours(24 * 365)).expect("inside the calendar");
    let (mut shifts, mut gaps) = (0, 0);
    let expanded = best(|| {
        (shifts, gaps) = (0, 0);
        for rotation in catalog.rotations.values() {
            let expanded = expand(&catalog, rotation, &recorded, from, to);
            shifts += expanded.shifts.len();
            gaps += expanded.gaps.len();
        }
    });
    println!("one year of {ROTATIONS} rotations: {expanded:.1} ms, {shifts} shifts and {gaps} gaps");
    println!("  {:.2} of the target ({TARGET_MS} ms)", expanded / TARGET_MS);
    let at = from.checked_add(SignedDuration::from_hours(24 * 200 + 3)).expect("inside the calendar");
    let mut people = 0;
    let asked = best(|| {
        people = catalog.rotations.values().map(|r| shift_at(&catalog, r, &recorded, at).len()).sum();
    });
    println!(
        "who is on duty, since when and until when: {:.3} ms a rotation, {people} people",
        asked / ROTATIONS as f64
    );
    let mut next = 0;
    let changes = best(|| {
        next = catalog.rotations.values().filter_map(|r| next_change(&catalog, r, &recorded, at)).count();
    });
    println!("when that changes next: {:.3} ms a rotation, {next} do", changes / ROTATIONS as f64);
}

/// Milliseconds of the best pass.
fn best(mut work: impl FnMut()) -> f64 {
    let mut pass = || {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1_000.0
    };
    (0..PASSES).map(|_| pass()).fold(f64::INFINITY, f64::min)
}

fn person(n: usize) -> PersonId {
    PersonId::from(format!("person-{:02}", n % PEOPLE))
}

fn catalog() -> Catalog {
    let date = |text: &str| text.parse::<Date>().expect("a date");
    let china = Calendar {
        holidays: (1..8).map(|day| Date::constant(2026, 10, day)).collect(),
        make_up: [date("2026-10-10")].into(),
        years: [2026].into(),
    };
    let person = |n: usize| Person {
        id: person(n),
        name: format!("Person {n}"),
        room: false,
        disabled: n == 13,
        locale: Locale::En,
        zone: TimeZone::UTC,
        page_by: PageBy::default(),
        channels: BTreeSet::new(),
        away: Vec::new(),
    };
    Catalog {
        revision: "bench".into(),
        zone: TimeZone::UTC,
        locale: Locale::En,
        people: (0..PEOPLE).map(|n| (self::person(n), person(n))).collect(),
        rotations: (0..ROTATIONS).map(|n| (id(n), rotation(n))).collect(),
        calendars: [(CalendarId::from("china"), china)].into(),
        policies: BTreeMap::new(),
        default_policy: "none".into(),
        self_policy: None,
        routes: Vec::new(),
        channels: BTreeMap::new(),
        probes: BTreeMap::new(),
        catch_all: CatchAll { person: self::person(0), every: Millis::mins(5) },
        not_paging: watchbell_engine::not_paging::NotPaging::default(),
    }
}

fn id(n: usize) -> RotationId {
    RotationId::from(format!("rotation-{n:03}"))
}

/// A weekly base, nights by the day on working days, weekends in turn by their windows, a second zone.
fn rotation(n: usize) -> Rotation {
    let zones = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
    let zone = |n: usize| TimeZone::get(zones[n % zones.len()]).expect("a zone");
    let layer = |name: &str, first: usize, every: TurnEvery, hour: i8, by: TurnBy, only: Vec<Window>| Layer {
        id: name.into(),
        people: (0..5).map(|k| person(n + first + k)).collect(),
        turn: Turn {
            every,
            at: HandoffAt { time: Time::constant(hour, 0, 0, 0), weekday: Some(Weekday::Monday), day: None },
            since: Date::constant(2024, 1, 1),
            by,
        },
        only,
        zone: None,
        at_once: 1,
    };
    let window = |days: Days, from: i8, to: i8| Window {
        days,
        from: Time::constant(from, 0, 0, 0),
        to: Time::constant(to, 0, 0, 0),
        dates: None,
    };
    let nights = vec![window(Days::Workdays, 22, 6)];
    let weekend = vec![window(Days::Weekdays([false, false, false, false, false, true, true]), 0, 0)];
    let office = vec![window(Days::Workdays, 9, 18)];
    Rotation {
        id: id(n),
        zone: zone(n),
        calendar: Some("china".into()),
        layers: vec![
            Layer {
                at_once: 1 + (n % 2) as u32,
                ..layer("base", 0, TurnEvery::Weeks(1), 9, TurnBy::Calendar, Vec::new())
            },
            layer("nights", 5, TurnEvery::Days(1), 22, TurnBy::Calendar, nights),
            layer("weekend", 10, TurnEvery::Weeks(1), 0, TurnBy::Active, weekend),
            Layer { zone: Some(zone(n + 1)), ..layer("office", 15, TurnEvery::Days(1), 9, TurnBy::Calendar, office) },
        ],
        overrides: Vec::new(),
        temporary: Vec::new(),
        gaps_allowed: None,
        messages: watchbell_engine::catalog::DutyMessages::default(),
    }
}

/// Ten overrides of each rotation, half of them for one person, and five absences of each person.
fn recorded() -> Recorded {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    let at = |hours: usize| {
        let hours = SignedDuration::from_hours(i64::try_from(hours).unwrap_or_default());
        begin.checked_add(hours).expect("inside the calendar")
    };
    let overrides = (0..ROTATIONS * 10).map(|k| {
        let (rotation, start) = (k / 10, (k * 797) % 8_500);
        Override {
            id: Some(OverrideId(k as u64 + 1)),
            rotation: id(rotation),
            person: person(k + 7),
            from: at(start),
            to: at(start + 4 + k % 60),
            replaces: (k % 2 == 0).then(|| person(rotation + k % 5)),
        }
    });
    let absences = (0..PEOPLE * 5).map(|k| {
        let start = (k * 1_031) % 8_000;
        let person = person(k / 5);
        Absence {
            id: Some(AbsenceId(k as u64 + 1)),
            person,
            from: at(start),
            to: at(start + 24 + k % 240),
            reason: None,
        }
    });
    Recorded { overrides: overrides.collect(), absences: absences.collect() }
}
