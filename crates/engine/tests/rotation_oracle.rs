//! The rotation against a brute-force oracle and against itself, in zones with odd clocks.

#[path = "oracle/mod.rs"]
mod oracle;
#[path = "oracle/worlds.rs"]
mod worlds;

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use watchbell_engine::catalog::{HandoffAt, TurnEvery};
use watchbell_engine::rotation::{Expanded, OnDuty, Shift, expand, next_change, on_duty, shift_at};

use self::oracle::{Answer, Duty, instant, timeline};
use self::worlds::{World, worlds};

/// The runs of equal answers, with their ends in minutes.
fn runs(answers: &[Answer], from: i64) -> Vec<(Timestamp, Timestamp, Answer)> {
    let mut runs: Vec<(Timestamp, Timestamp, Answer)> = Vec::new();
    for (n, answer) in answers.iter().enumerate() {
        let minute = from + n as i64;
        match runs.last_mut() {
            Some((_, to, last)) if last == answer => *to = instant(minute + 1, 0),
            _ => runs.push((instant(minute, 0), instant(minute + 1, 0), answer.clone())),
        }
    }
    runs
}

fn duty(on_duty: OnDuty) -> Duty {
    let OnDuty { person, layer, override_, stands_in_for } = on_duty;
    (person.to_string(), layer.map(|id| id.to_string()), override_, stands_in_for.map(|id| id.to_string()))
}

fn answer(on_duty: Vec<OnDuty>) -> Answer {
    let mut answer: Answer = on_duty.into_iter().map(duty).collect();
    answer.sort();
    answer
}

/// The spans in which the same people are on duty, as the shifts and gaps have it.
fn tiles(expanded: &Expanded, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp, Answer)> {
    let edges = expanded.shifts.iter().flat_map(|shift| [shift.from, shift.to]);
    let edges = edges.chain(expanded.gaps.iter().flat_map(|gap| [gap.from, gap.to]));
    let edges: Vec<Timestamp> = edges.chain([from, to]).collect::<BTreeSet<_>>().into_iter().collect();
    let at = |at: Timestamp| {
        let shifts = expanded.shifts.iter().filter(|shift| shift.from <= at && at < shift.to);
        answer(shifts.map(|shift| shift.on_duty.clone()).collect())
    };
    edges.windows(2).map(|pair| (pair[0], pair[1], at(pair[0]))).collect()
}

fn asked(world: &World, at: Timestamp) -> Answer {
    answer(on_duty(&world.catalog, &world.rotation, &world.recorded, at))
}

proptest! {
    /// Every minute of the span, every answer at a random second, every next change.
    #[test]
    fn an_oracle_agrees(world in worlds(), picks in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..60), 12)) {
        let World { catalog, rotation, recorded, .. } = &world;
        let expected = timeline(catalog, rotation, recorded, &mut world.clocks(), world.from, world.to);
        let (from, to) = (instant(world.from, 0), instant(world.to, 0));
        let expanded = expand(catalog, rotation, recorded, from, to);
        prop_assert_eq!(tiles(&expanded, from, to), runs(&expected, world.from));
        for (pick, second) in picks {
            let n = pick.index(expected.len());
            let at = instant(world.from + n as i64, second);
            prop_assert_eq!(&asked(&world, at), &expected[n], "at {}", at);
            let end = expected[n..].iter().position(|later| *later != expected[n]).map(|ahead| n + ahead);
            let change = next_change(catalog, rotation, recorded, at);
            match end {
                Some(end) => prop_assert_eq!(change, Some(instant(world.from + end as i64, 0)), "after {}", at),
                None => prop_assert!(change.is_none_or(|change| change >= to), "after {}: {:?}", at, change),
            }
        }
    }

    /// Shifts and gaps cover any span and agree with the single question at their edges and middles; each
    /// shift has its true ends.
    #[test]
    fn shifts_and_gaps_cover_all(world in worlds(), head in 0_i64..90_000_000, tail in -90_000_000_i64..600_000_000) {
        let from = instant(world.from, 0).checked_add(SignedDuration::from_millis(head)).expect("inside");
        let to = instant(world.to, 0).checked_add(SignedDuration::from_millis(tail)).expect("inside");
        let World { catalog, rotation, recorded, .. } = &world;
        let expanded = expand(catalog, rotation, recorded, from, to);
        let is_gap = |at: Timestamp| expanded.gaps.iter().any(|gap| gap.from <= at && at < gap.to);
        for (start, end, expected) in tiles(&expanded, from, to) {
            prop_assert_eq!(is_gap(start), expected.is_empty(), "at {}", start);
            let middle = start.checked_add(end.duration_since(start) / 2).expect("inside");
            let last = end.checked_sub(SignedDuration::from_nanos(1)).expect("inside");
            for at in [start, middle, last] {
                prop_assert_eq!(&asked(&world, at), &expected, "at {}", at);
            }
        }
        for shift in &expanded.shifts {
            prop_assert!(shift.from < shift.to);
            let found = shift_at(catalog, rotation, recorded, shift.from);
            let (_, since, until) = found.iter().find(|(on_duty, ..)| *on_duty == shift.on_duty).expect("is on duty");
            prop_assert!(since.is_none_or(|since| since <= shift.from) && until.is_none_or(|until| until >= shift.to));
            prop_assert!(shift.from == from || *since == Some(shift.from));
            prop_assert!(shift.to == to || *until == Some(shift.to));
            let goes_on = |other: &Shift| other.on_duty == shift.on_duty && other.from == shift.to;
            prop_assert!(!expanded.shifts.iter().any(goes_on), "neighbours are joined");
        }
        prop_assert!(expanded.shifts.is_sorted_by_key(|shift| shift.from));
        prop_assert!(expanded.gaps.windows(2).all(|pair| pair[0].to < pair[1].from), "gaps are joined");
    }

    /// The ends of the calendar and absurd counts are answered like anything else.
    #[test]
    fn no_date_is_too_far(
        mut world in worlds(),
        year in prop_oneof![Just(-9_999_i16), Just(9_999), 1_900_i16..2_100],
        (month, day) in prop_oneof![Just((1_i8, 1_i8)), Just((12, 31)), (1_i8..13, 1_i8..29)],
        count in prop_oneof![Just(u32::MAX), 300_u32..5_000],
        at in prop_oneof![
            Just(Timestamp::MIN), Just(Timestamp::MAX), (-377_705_023_200_i64..253_402_207_200).prop_map(|s| instant(0, s)),
        ],
    ) {
        for layer in &mut world.rotation.layers {
            layer.turn.since = Date::new(year, month, day).expect("a date");
            layer.turn.at = HandoffAt { time: Time::MAX, weekday: None, day: None };
            layer.turn.by = Default::default();
            layer.turn.every = match layer.turn.every {
                TurnEvery::Hours(_) => TurnEvery::Hours(count),
                TurnEvery::Days(_) => TurnEvery::Days(count),
                TurnEvery::Weeks(_) => TurnEvery::Weeks(count),
                TurnEvery::Months(_) => TurnEvery::Months(count),
                TurnEvery::Weekdays(days) => TurnEvery::Weekdays(days),
            };
        }
        asked(&world, at);
        shift_at(&world.catalog, &world.rotation, &world.recorded, at);
        let change = next_change(&world.catalog, &world.rotation, &world.recorded, at);
        prop_assert!(change.is_none_or(|change| change > at));
    }
}
