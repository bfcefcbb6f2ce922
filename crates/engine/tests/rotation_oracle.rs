//! The rotation against a brute-force oracle and against itself, in zones with odd clocks.

#[path = "oracle/mod.rs"]
mod oracle;
#[path = "oracle/worlds.rs"]
mod worlds;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use watchbell_engine::catalog::{HandoffAt, TurnEvery};
use watchbell_engine::rotation::{Expanded, OnDuty, expand, next_change, on_duty, shift_at};

use self::oracle::{Answer, instant, timeline};
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

fn answer(on_duty: OnDuty) -> Answer {
    Some((on_duty.person.to_string(), on_duty.layer.map(|id| id.to_string()), on_duty.override_))
}

/// Shifts and gaps in one list.
fn tiles(expanded: Expanded) -> Vec<(Timestamp, Timestamp, Answer)> {
    let shifts = expanded.shifts.into_iter().map(|shift| (shift.from, shift.to, answer(shift.on_duty)));
    let gaps = expanded.gaps.into_iter().map(|gap| (gap.from, gap.to, None));
    let mut tiles: Vec<_> = shifts.chain(gaps).collect();
    tiles.sort_by_key(|tile| tile.0);
    tiles
}

fn asked(world: &World, at: Timestamp) -> Answer {
    on_duty(&world.catalog, &world.rotation, &world.recorded, at).into_iter().next().and_then(answer)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Every minute of the span, every answer at a random second, every next change.
    #[test]
    fn an_oracle_agrees(world in worlds(), picks in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..60), 12)) {
        let expected = timeline(&world.catalog, &world.rotation, &world.recorded, world.clock(), world.from, world.to);
        let (from, to) = (instant(world.from, 0), instant(world.to, 0));
        let expanded = expand(&world.catalog, &world.rotation, &world.recorded, from, to);
        prop_assert_eq!(tiles(expanded), runs(&expected, world.from));
        for (pick, second) in picks {
            let n = pick.index(expected.len());
            let at = instant(world.from + n as i64, second);
            prop_assert_eq!(&asked(&world, at), &expected[n], "at {}", at);
            let end = expected[n..].iter().position(|later| *later != expected[n]).map(|ahead| n + ahead);
            let change = next_change(&world.catalog, &world.rotation, &world.recorded, at);
            match end {
                Some(end) => prop_assert_eq!(change, Some(instant(world.from + end as i64, 0)), "after {}", at),
                None => prop_assert!(change.is_none_or(|change| change >= to), "after {}: {:?}", at, change),
            }
        }
    }

    /// Shifts and gaps tile any span and agree with the single question at their edges and middles.
    #[test]
    fn shifts_and_gaps_tile(world in worlds(), head in 0_i64..90_000_000, tail in -90_000_000_i64..600_000_000) {
        let from = instant(world.from, 0).checked_add(SignedDuration::from_millis(head)).expect("inside");
        let to = instant(world.to, 0).checked_add(SignedDuration::from_millis(tail)).expect("inside");
        let tiles = tiles(expand(&world.catalog, &world.rotation, &world.recorded, from, to));
        let mut reached = from;
        for (start, end, expected) in &tiles {
            prop_assert_eq!(*start, reached);
            prop_assert!(start < end);
            reached = *end;
            let middle = start.checked_add(end.duration_since(*start) / 2).expect("inside");
            let last = end.checked_sub(SignedDuration::from_nanos(1)).expect("inside");
            for at in [*start, middle, last] {
                prop_assert_eq!(&asked(&world, at), expected, "at {}", at);
            }
            let shift = shift_at(&world.catalog, &world.rotation, &world.recorded, middle);
            prop_assert_eq!(shift.is_empty(), expected.is_none());
            for (_, since, until) in shift {
                prop_assert!(since.is_none_or(|since| since <= *start) && until.is_none_or(|until| until >= *end));
                prop_assert!(*start == from || since == Some(*start));
                prop_assert!(*end == to || until == Some(*end));
            }
        }
        prop_assert_eq!(reached, to);
        prop_assert!(tiles.windows(2).all(|pair| pair[0].2 != pair[1].2), "neighbours are joined");
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
