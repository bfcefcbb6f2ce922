//! Made-up rotations in zones whose clocks do odd things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use watchbell_engine::catalog::{
    Calendar, Catalog, CatchAll, Days, HandoffAt, Layer, Override, PageBy, Person, Rotation, Turn, TurnBy, TurnEvery,
    Window,
};
use watchbell_engine::ids::{CalendarId, OverrideId, PersonId, RotationId};
use watchbell_engine::rotation::Recorded;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Locale;

use super::oracle::{DAY, WallClock, instant};

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
    pub(crate) fn clock(&self) -> &'static WallClock {
        &CLOCKS[self.clock]
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
    (place, vec(layers(), 1..4), vec(overrides(), 0..4), vec(overrides(), 0..4), calendars(), any::<bool>()).prop_map(
        |((clock, near, day, at_a_change), layers, yaml, recorded, (free, worked), has_calendar)| {
            let changes: Vec<_> = (CLOCKS[clock].offsets.windows(2))
                .map(|pair| Change { at: pair[1].0, wall: pair[1].0 + pair[0].1 })
                .filter(|change| (110 * DAY..600 * DAY).contains(&(change.at - CLOCKS[clock].from)))
                .collect();
            let change = (at_a_change && !changes.is_empty()).then(|| near.get(&changes));
            let middle = change.map_or(day * DAY, |change| change.at - CLOCKS[clock].from);
            let from = CLOCKS[clock].from + middle - 6 * DAY;
            let first_day = from / DAY;
            let catalog = catalog(first_day, &free, &worked);
            let mut rotation = Rotation {
                id: RotationId::from("duty"),
                zone: CLOCKS[clock].zone.clone(),
                calendar: has_calendar.then(|| CalendarId::from("own")),
                layers: layers.into_iter().map(|layer| layer.build(first_day, change)).collect(),
                overrides: yaml.iter().map(|over| over.build(from, None)).collect(),
                temporary: Vec::new(),
                gaps_allowed: None,
            };
            for (n, layer) in rotation.layers.iter_mut().enumerate() {
                layer.id = format!("layer{n}").as_str().into();
            }
            let recorded =
                recorded.iter().enumerate().map(|(n, over)| over.build(from, Some(OverrideId(n as u64 + 1)))).collect();
            let recorded = Recorded { overrides: recorded, absences: Vec::new() };
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
        Layer { id: "layer".into(), people: self.people, turn, only, zone: None, at_once: 1 }
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
    (vec(people(), 1..5), every, at, -4_i64..90, by, only, aim)
        .prop_map(|(people, every, at, since, by, only, aim)| MadeLayer { people, every, at, since, by, only, aim })
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
            replaces: None,
        }
    }
}

fn overrides() -> impl Strategy<Value = MadeOverride> {
    (people(), -DAY..13 * DAY, -10_i64..2 * DAY, prop::bool::weighted(0.1))
        .prop_map(|(person, from, minutes, elsewhere)| MadeOverride { person, from, minutes, elsewhere })
}
