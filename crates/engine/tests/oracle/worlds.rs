//! Made-up rotations in zones whose clocks do odd things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use watchbell_engine::catalog::{
    Absence, Calendar, Catalog, CatchAll, Days, HandoffAt, Layer, Override, PageBy, Person, Rotation, Temporary,
    TemporaryShift, Turn, TurnBy, TurnEvery, Window,
};
use watchbell_engine::ids::{AbsenceId, CalendarId, OverrideId, PersonId, RotationId};
use watchbell_engine::rotation::Recorded;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Locale;

use super::oracle::{Clocks, DAY, WallClock, instant};

/// How many days each clock covers.
const DAYS: i64 = 700;

/// Zones, each from the year in which its clock does what makes it worth having here.
const ZONES: [(&str, i16); 18] = [
    ("UTC", 2026),
    ("Asia/Shanghai", 2026),
    ("Asia/Kolkata", 2026),
    ("Europe/Berlin", 2026),
    ("Europe/Dublin", 2026), // its winter is the exception, an hour back
    ("America/New_York", 2026),
    ("America/St_Johns", 2010),    // changed at 00:01
    ("America/Sao_Paulo", 2017),   // changed at midnight, so a day began at 01:00
    ("Australia/Lord_Howe", 2026), // half an hour
    ("Africa/Casablanca", 2026),   // an hour back for Ramadan
    ("Antarctica/Troll", 2026),    // two hours
    ("Asia/Tehran", 2021),         // changed at midnight by its own calendar, then no more
    ("Asia/Gaza", 2026),           // by a list
    ("Asia/Pyongyang", 2017),      // half an hour for good
    ("Africa/Juba", 2020),         // an hour for good
    ("Pacific/Apia", 2011),        // skipped 2011-12-30
    ("Pacific/Kwajalein", 1993),   // skipped 1993-08-21
    ("Pacific/Kwajalein", 1969),   // lived almost a whole day twice
];

pub(crate) static CLOCKS: LazyLock<Vec<WallClock>> =
    LazyLock::new(|| ZONES.iter().map(|(zone, year)| WallClock::new(zone, *year, DAYS)).collect());

/// Four who can be on duty, one disabled, one whom the catalog does not know.
const PEOPLE: [&str; 6] = ["ann", "bob", "cleo", "dan", "disabled", "unknown"];

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    pub(crate) rotation: Rotation,
    pub(crate) recorded: Recorded,
    pub(crate) clock: usize,
    /// The span that is looked at, in minutes since 1970.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl World {
    /// The clocks of the year that the world is in.
    pub(crate) fn clocks(&self) -> ZoneClocks {
        ZoneClocks { year: ZONES[self.clock].1, others: BTreeMap::new() }
    }
}

/// Clocks of one year: those at hand, and others as they are asked for.
pub(crate) struct ZoneClocks {
    year: i16,
    others: BTreeMap<String, WallClock>,
}

impl Clocks for ZoneClocks {
    fn of(&mut self, zone: &TimeZone) -> &WallClock {
        let name = zone.iana_name().expect("a zone with a name");
        if let Some(n) = ZONES.iter().position(|known| *known == (name, self.year)) {
            return &CLOCKS[n];
        }
        self.others.entry(name.to_owned()).or_insert_with(|| WallClock::new(name, self.year, DAYS))
    }
}

/// A clock change: its instant, and what the wall clock would have shown without it.
#[derive(Clone, Copy, Debug)]
struct Change {
    at: i64,
    wall: i64,
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let place = (0..ZONES.len(), any::<prop::sample::Index>(), 110_i64..400, prop::bool::weighted(0.85));
    let people = (vec(absences(), 0..4), vec(absences(), 0..3));
    let rota = (vec(layers(), 1..4), vec(plans(), 0..3), vec(overrides(), 0..4), recorded_overrides());
    (place, rota, people, calendars(), any::<bool>()).prop_map(
        |((clock, near, day, at_a_change), rota, (away, recorded_away), (free, worked), has_calendar)| {
            let (layers, plans, yaml, recorded) = rota;
            let changes: Vec<_> = (CLOCKS[clock].offsets.windows(2))
                .map(|pair| Change { at: pair[1].0, wall: pair[1].0 + pair[0].1 })
                .filter(|change| (110 * DAY..600 * DAY).contains(&(change.at - CLOCKS[clock].from)))
                .collect();
            let change = (at_a_change && !changes.is_empty()).then(|| near.get(&changes));
            let middle = change.map_or(day * DAY, |change| change.at - CLOCKS[clock].from);
            let from = CLOCKS[clock].from + middle - 6 * DAY;
            let first_day = from / DAY;
            let mut catalog = catalog(first_day, &free, &worked);
            for absence in away.iter().map(|absence| absence.build(from, None)) {
                catalog.people.entry(absence.person.clone()).and_modify(|person| person.away.push(absence));
            }
            let mut rotation = Rotation {
                id: RotationId::from("duty"),
                zone: CLOCKS[clock].zone.clone(),
                calendar: has_calendar.then(|| CalendarId::from("own")),
                layers: layers.into_iter().map(|layer| layer.build(first_day, change)).collect(),
                overrides: yaml.iter().map(|over| over.build(from, None)).collect(),
                temporary: plans.iter().map(|plan| plan.build(from)).collect(),
                gaps_allowed: None,
                messages: watchbell_engine::catalog::DutyMessages::default(),
            };
            for (n, layer) in rotation.layers.iter_mut().enumerate() {
                layer.id = format!("layer{n}").as_str().into();
            }
            let ids = 1_u64..;
            let overrides = ids.clone().zip(&recorded).map(|(n, over)| over.build(from, Some(OverrideId(n))));
            let absences = ids.zip(&recorded_away).map(|(n, absence)| absence.build(from, Some(AbsenceId(n))));
            let recorded = Recorded { overrides: overrides.collect(), absences: absences.collect() };
            World { catalog, rotation, recorded, clock, from, to: from + 12 * DAY }
        },
    )
}

fn date(day: i64) -> Date {
    Timestamp::from_second(day * 86_400).expect("inside the calendar").to_zoned(TimeZone::UTC).date()
}

/// Days off and worked, by their place in the span.
fn calendars() -> impl Strategy<Value = (BTreeSet<i64>, BTreeSet<i64>)> {
    let days = || vec(-2_i64..14, 0..5).prop_map(|days| days.into_iter().collect());
    (days(), days())
}

fn catalog(first_day: i64, free: &BTreeSet<i64>, worked: &BTreeSet<i64>) -> Catalog {
    let dates = |days: &BTreeSet<i64>| days.iter().map(|day| date(first_day + day)).collect();
    let calendar = Calendar { holidays: dates(free), make_up: dates(worked), years: BTreeSet::new() };
    Catalog {
        revision: "r1".into(),
        zone: TimeZone::UTC,
        locale: Locale::En,
        people: PEOPLE.iter().filter(|id| **id != "unknown").map(|id| (PersonId::from(*id), person(id))).collect(),
        rotations: BTreeMap::new(),
        calendars: [(CalendarId::from("own"), calendar)].into(),
        policies: BTreeMap::new(),
        default_policy: "none".into(),
        self_policy: None,
        routes: Vec::new(),
        channels: BTreeMap::new(),
        probes: BTreeMap::new(),
        catch_all: CatchAll { person: "ann".into(), every: Millis::mins(5) },
        not_paging: watchbell_engine::not_paging::NotPaging::default(),
    }
}

fn person(id: &str) -> Person {
    Person {
        id: id.into(),
        name: id.to_owned(),
        room: false,
        disabled: id == "disabled",
        locale: Locale::En,
        zone: TimeZone::UTC,
        page_by: PageBy::default(),
        channels: BTreeSet::new(),
        away: Vec::new(),
    }
}

#[derive(Clone, Debug)]
struct MadeLayer {
    people: Vec<PersonId>,
    every: TurnEvery,
    at: HandoffAt,
    /// Days before the span's start.
    since: i64,
    by: TurnBy,
    only: Vec<MadeWindow>,
    zone: Option<usize>,
    at_once: u32,
    /// Hand off so many minutes after what the wall clock shows at the clock change, on its day.
    aim: Option<i64>,
}

impl MadeLayer {
    fn build(mut self, first_day: i64, change: Option<&Change>) -> Layer {
        let mut since = first_day - self.since;
        if let (Some(change), Some(aim)) = (change, self.aim) {
            let (day, minute) = ((change.wall + aim).div_euclid(DAY), (change.wall + aim).rem_euclid(DAY));
            let date = date(day);
            self.at.time = Time::constant((minute / 60) as i8, (minute % 60) as i8, 0, 0);
            (self.at.weekday, self.at.day) = (Some(date.weekday()), Some(date.day()));
            since = match self.every {
                TurnEvery::Hours(_) => day,
                TurnEvery::Days(n) => day - i64::from(n) * (self.since / 4),
                TurnEvery::Weeks(n) => day - 7 * i64::from(n) * (self.since / 30),
                TurnEvery::Months(_) => day - self.since,
                TurnEvery::Weekdays(_) => day - 7 * (self.since / 10),
            };
        }
        let turn = Turn { every: self.every, at: self.at, since: date(since), by: self.by };
        let only = self.only.into_iter().map(|window| window.build(first_day)).collect();
        let zone = self.zone.map(|n| TimeZone::get(ZONES[n].0).expect("a zone of the bundled database"));
        Layer { id: "layer".into(), people: self.people, turn, only, zone, at_once: self.at_once }
    }
}

fn people() -> impl Strategy<Value = PersonId> {
    // The two who cannot be on duty are rare, or every rotation would be full of holes.
    prop_oneof![9 => 0_usize..4, 1 => 4_usize..6].prop_map(|n| PersonId::from(PEOPLE[n]))
}

/// Mostly in the small hours, where clocks change.
fn times() -> impl Strategy<Value = Time> {
    let small = (0_i8..4, prop_oneof![Just(0_i8), Just(15), Just(30), Just(45), Just(1)]);
    let any = (0_i8..24, prop_oneof![Just(0_i8), Just(30)]);
    prop_oneof![2 => small, 1 => any].prop_map(|(hour, minute)| Time::constant(hour, minute, 0, 0))
}

fn layers() -> impl Strategy<Value = MadeLayer> {
    let every = prop_oneof![
        (1_u32..40).prop_map(TurnEvery::Hours),
        (1_u32..4).prop_map(TurnEvery::Days),
        (1_u32..3).prop_map(TurnEvery::Weeks),
        (1_u32..3).prop_map(TurnEvery::Months),
        any::<[bool; 7]>().prop_map(|days| TurnEvery::Weekdays(if days.contains(&true) { days } else { [true; 7] })),
    ];
    let weekdays = (0_i8..7).prop_map(|n| Weekday::from_monday_zero_offset(n).expect("a weekday"));
    let at = (times(), weekdays, prop_oneof![1_i8..32, 28_i8..32]).prop_map(|(time, weekday, day)| HandoffAt {
        time,
        weekday: Some(weekday),
        day: Some(day),
    });
    let by = prop_oneof![2 => Just(TurnBy::Calendar), 1 => Just(TurnBy::Active)];
    let only = prop_oneof![1 => Just(Vec::new()), 2 => vec(windows(), 1..4)];
    let aim = prop::option::of((-6_i64..7).prop_map(|quarters| quarters * 15));
    let zone = prop_oneof![3 => Just(None), 1 => (0..ZONES.len()).prop_map(Some)];
    let at_once = prop_oneof![2 => Just(1_u32), 1 => 2_u32..5];
    (vec(people(), 1..5), every, at, -4_i64..90, by, only, aim, (zone, at_once)).prop_map(
        |(people, every, at, since, by, only, aim, (zone, at_once))| MadeLayer {
            people,
            every,
            at,
            since,
            by,
            only,
            zone,
            at_once,
            aim,
        },
    )
}

#[derive(Clone, Debug)]
struct MadeWindow {
    days: Days,
    from: Time,
    to: Time,
    /// First day counted from the span's start, and how many more.
    dates: Option<(i64, i64)>,
}

impl MadeWindow {
    fn build(self, first_day: i64) -> Window {
        let dates = self.dates.map(|(first, more)| (date(first_day + first), date(first_day + first + more)));
        Window { days: self.days, from: self.from, to: self.to, dates }
    }
}

fn windows() -> impl Strategy<Value = MadeWindow> {
    let days = prop_oneof![
        Just(Days::Any),
        any::<[bool; 7]>().prop_map(Days::Weekdays),
        Just(Days::Workdays),
        Just(Days::Restdays),
    ];
    let dates = prop_oneof![3 => Just(None), 1 => (-3_i64..10, 0_i64..6).prop_map(Some)];
    (days, times(), times(), any::<bool>(), dates).prop_map(|(days, from, to, whole_day, dates)| MadeWindow {
        days,
        from,
        to: if whole_day && from.hour() % 2 == 0 { from } else { to },
        dates,
    })
}

#[derive(Clone, Debug)]
struct MadeOverride {
    person: PersonId,
    from: i64,
    minutes: i64,
    elsewhere: bool,
    replaces: Option<PersonId>,
}

impl MadeOverride {
    fn build(&self, first: i64, id: Option<OverrideId>) -> Override {
        let elsewhere = self.elsewhere && id.is_some();
        Override {
            id,
            rotation: if elsewhere { "other".into() } else { "duty".into() },
            person: self.person.clone(),
            from: instant(first + self.from, 0),
            to: instant(first + self.from + self.minutes, 0),
            replaces: self.replaces.clone().filter(|id| *id != self.person),
        }
    }
}

fn overrides() -> impl Strategy<Value = MadeOverride> {
    let replaces = prop_oneof![1 => Just(None), 4 => people().prop_map(Some)];
    (people(), -DAY..13 * DAY, -10_i64..9 * DAY, prop::bool::weighted(0.1), replaces).prop_map(
        |(person, from, minutes, elsewhere, replaces)| MadeOverride { person, from, minutes, elsewhere, replaces },
    )
}

/// Some at random, and often a chain: somebody is replaced, and so are those who came in their place,
/// all for about the same time.
fn recorded_overrides() -> impl Strategy<Value = Vec<MadeOverride>> {
    (vec(overrides(), 0..6), prop::option::weighted(0.6, chains())).prop_map(|(mut all, chain)| {
        let place = all.len() / 2;
        all.splice(place..place, chain.into_iter().flatten());
        all
    })
}

fn chains() -> impl Strategy<Value = Vec<MadeOverride>> {
    let links = vec((0_i64..200, 0_usize..3, 0_usize..4), 3..6);
    let crew = Just([0_usize, 1, 2, 3]).prop_shuffle();
    (-DAY..12 * DAY, 300_i64..4 * DAY, crew, links).prop_map(|(from, minutes, crew, links)| {
        let made = links.into_iter().enumerate().map(|(n, (later, replaced, by))| {
            // One after the other first, so that the later ones have a chain to cut.
            let (replaced, by) = if n < 2 { (n, n + 1) } else { (replaced, if n == 2 { 3 } else { by }) };
            let id = |n: usize| PersonId::from(PEOPLE[crew[n]]);
            MadeOverride { person: id(by), from: from + later, minutes, elsewhere: false, replaces: Some(id(replaced)) }
        });
        made.collect()
    })
}

#[derive(Clone, Debug)]
struct MadeAbsence {
    person: PersonId,
    from: i64,
    minutes: i64,
}

impl MadeAbsence {
    fn build(&self, first: i64, id: Option<AbsenceId>) -> Absence {
        let (from, to) = (instant(first + self.from, 0), instant(first + self.from + self.minutes, 0));
        Absence { id, person: self.person.clone(), from, to, reason: None }
    }
}

fn absences() -> impl Strategy<Value = MadeAbsence> {
    let span = (people(), -2 * DAY..12 * DAY, -10_i64..6 * DAY);
    span.prop_map(|(person, from, minutes)| MadeAbsence { person, from, minutes })
}

/// A temporary schedule; its shifts may begin before its window and end after it.
#[derive(Clone, Debug)]
struct MadePlan {
    from: i64,
    minutes: i64,
    /// Person, start counted from the window's, and length.
    shifts: Vec<(PersonId, i64, i64)>,
}

impl MadePlan {
    fn build(&self, first: i64) -> Temporary {
        let shift = |(person, from, minutes): &(PersonId, i64, i64)| TemporaryShift {
            person: person.clone(),
            from: instant(first + self.from + from, 0),
            to: instant(first + self.from + from + minutes, 0),
        };
        Temporary {
            from: instant(first + self.from, 0),
            to: instant(first + self.from + self.minutes, 0),
            shifts: self.shifts.iter().map(shift).collect(),
        }
    }
}

fn plans() -> impl Strategy<Value = MadePlan> {
    let shifts = vec((people(), -300_i64..3 * DAY, -10_i64..2 * DAY), 0..4);
    (-DAY..12 * DAY, -10_i64..4 * DAY, shifts).prop_map(|(from, minutes, shifts)| MadePlan { from, minutes, shifts })
}
