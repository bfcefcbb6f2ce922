use proptest::prelude::*;

use super::*;
use crate::time::shifted;

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn every(every: Millis, grace: Millis, max_run: Option<Millis>) -> HeartbeatRule {
    HeartbeatRule { expected: Expected::Every(every), grace, max_run }
}

fn cron(cron: &str, zone: &str, grace: Millis) -> HeartbeatRule {
    let zone = TimeZone::get(zone).expect("a zone");
    HeartbeatRule { expected: Expected::Cron { cron: cron.into(), zone }, grace, max_run: None }
}

/// The instants at which a cron expression is due, after `from`.
fn due(text: &str, zone: &str, from: &str, n: usize) -> Vec<String> {
    let (cron, zone) = (parse_cron(text).expect(text), TimeZone::get(zone).expect("a zone"));
    let next = |at: &Timestamp| cron.next_after(*at, &zone);
    std::iter::successors(next(&instant(from)), next).take(n).map(|at| at.to_zoned(zone.clone()).to_string()).collect()
}

#[test]
fn a_beat_at_the_exact_deadline_is_in_time() {
    let rule = every(Millis::hours(1), Millis::mins(5), None);
    let start = instant("2026-11-22T03:00:00Z");
    let mark = HeartbeatMark::fresh(start);
    let limit = instant("2026-11-22T04:05:00Z");
    let (down, kind) = rule.deadline(&mark).expect("beats are due");
    assert_eq!((down, kind), (limit + TICK, FailureKind::HeartbeatMissed));
    assert_eq!(rule.judge(&mark, limit), None);
    assert_eq!(rule.judge(&mark, down), Some((FailureKind::HeartbeatMissed, limit)), "who wakes then finds it down");
    let mark = mark.after(Beat::Success, limit);
    assert_eq!(rule.judge(&mark, down), None);
    assert_eq!(rule.deadline(&mark).map(|(down, _)| down), Some(instant("2026-11-22T05:10:00Z") + TICK));
}

#[test]
fn a_start_is_no_success_and_a_long_run_is_an_overrun() {
    let rule = every(Millis::hours(24), Millis::hours(1), Some(Millis::mins(30)));
    let begun = instant("2026-11-22T02:30:00Z");
    let mark = HeartbeatMark::fresh(instant("2026-11-22T00:00:00Z")).after(Beat::Start, begun);
    assert_eq!(mark.last_success, None);
    let limit = instant("2026-11-22T03:00:00Z");
    assert_eq!(rule.deadline(&mark), Some((limit + TICK, FailureKind::HeartbeatOverrun)));
    let later = instant("2026-11-24T00:00:00Z");
    assert_eq!(rule.judge(&mark, later), Some((FailureKind::HeartbeatOverrun, limit)), "what came first stays");
    let again = mark.after(Beat::Start, instant("2026-11-22T02:50:00Z"));
    assert_eq!(rule.judge(&again, instant("2026-11-22T03:10:00Z")), None, "a new start is a new run");
    let ended = mark.after(Beat::Exit(0), later);
    assert_eq!((ended.running_since, rule.judge(&ended, later)), (None, None));
}

#[test]
fn a_failure_holds_until_a_success() {
    let rule = every(Millis::hours(1), Millis::ZERO, Some(Millis::mins(1)));
    let now = instant("2026-11-22T02:30:00Z");
    let failed = HeartbeatMark::fresh(now).after(Beat::Start, now).after(Beat::Exit(3), now);
    assert_eq!(failed.failed, Some(Failed { at: now, exit: Some(3) }));
    assert_eq!(rule.deadline(&failed), None, "it is down already");
    let restarted = failed.after(Beat::Start, shifted(now, 1_000));
    let later = shifted(now, 86_400_000);
    assert_eq!(rule.judge(&restarted, later), Some((FailureKind::HeartbeatFailed, now)));
    assert_eq!(restarted.after(Beat::Fail, later).failed, Some(Failed { at: later, exit: None }));
    assert_eq!(rule.judge(&restarted.after(Beat::Success, later), later), None);
}

#[test]
fn a_nightly_job_has_until_its_grace_is_over() {
    let rule = cron("30 2 * * *", "Asia/Shanghai", Millis::mins(20));
    let mark = HeartbeatMark::fresh(instant("2026-11-22T00:00:00Z"));
    let limit = instant("2026-11-22T18:50:00Z");
    assert_eq!(rule.deadline(&mark), Some((limit + TICK, FailureKind::HeartbeatMissed)));
    let mark = mark.after(Beat::Success, instant("2026-11-22T18:41:00Z"));
    assert_eq!(rule.judge(&mark, instant("2026-11-23T18:50:00Z")), None);
    assert!(rule.judge(&mark, instant("2026-11-23T18:50:01Z")).is_some());
}

#[test]
fn days_of_the_week_are_numbered_as_unix_does() {
    for sunday in ["0 9 * * 0", "0 9 * * 7", "0 9 * * sun", "0 9 * * SUN"] {
        assert_eq!(due(sunday, "UTC", "2026-11-18T00:00:00Z", 1), ["2026-11-22T09:00:00+00:00[UTC]"], "{sunday}");
    }
    let days = due("0 9 * * fri-7", "UTC", "2026-11-18T00:00:00Z", 4);
    let days: Vec<_> = days.iter().map(|day| &day[5..10]).collect();
    assert_eq!(days, ["11-20", "11-21", "11-22", "11-27"]);
}

#[test]
fn either_day_field_is_enough_where_both_are_restricted() {
    let days = |cron: &str| -> Vec<String> {
        due(cron, "UTC", "2026-11-01T12:00:00Z", 3).iter().map(|day| day[5..10].to_owned()).collect()
    };
    assert_eq!(days("0 0 13 * 5"), ["11-06", "11-13", "11-20"]);
    assert_eq!(days("0 0 13 * *"), ["11-13", "12-13", "01-13"]);
    assert_eq!(days("0 0 */7 * 1"), ["02-01", "02-08", "02-15"], "a step over all days restricts nothing by itself");
}

#[test]
fn clock_changes_neither_skip_nor_double_a_job() {
    // Skipped: as much later as the gap is long. Repeated: the first time only.
    assert_eq!(
        due("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
        [
            "2026-03-28T02:30:00+01:00[Europe/Berlin]",
            "2026-03-29T03:30:00+02:00[Europe/Berlin]",
            "2026-03-30T02:30:00+02:00[Europe/Berlin]"
        ]
    );
    assert_eq!(
        due("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 2),
        ["2026-10-25T02:30:00+02:00[Europe/Berlin]", "2026-10-26T02:30:00+01:00[Europe/Berlin]"]
    );
    // A success within the second pass is not asked for again in the first.
    let second_pass = due("*/20 * * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1);
    assert_eq!(second_pass, ["2026-10-25T03:00:00+01:00[Europe/Berlin]"]);
}

#[test]
fn mistakes_are_named_by_their_field() {
    let wrong = |text: &str| parse_cron(text).expect_err(text).to_string();
    assert_eq!(
        wrong("0 30 2 * * *"),
        "`0 30 2 * * *` has 6 fields; cron takes five: minute, hour, day of month, month, day of week"
    );
    assert_eq!(wrong("30 24 * * *"), "`24` is no hour: use 0 to 23, `*`, lists `1,3`, ranges `1-5` and steps `*/2`");
    assert!(wrong("30 2 31 2 *").contains("never comes"));
    for bad in [
        "",
        "@daily",
        "* * * * 8",
        "*/0 * * * *",
        "5/15 * * * *",
        "9-5 * * * *",
        "1,,2 * * * *",
        "+5 * * * *",
        "-5 * * * *",
        "* * 0 * *",
        "* * * foo *",
        "* * ? * *",
        "* * L * *",
        "٣ * * * *",
        "* * * * mon-",
        "*/x * * * *",
    ] {
        assert!(parse_cron(bad).is_err(), "{bad}");
    }
    assert!(parse_cron(" 0  4 29 FEB\t* ").is_ok(), "a leap day comes");
}

/// A field of small values, as text and as the set that it means.
fn field(min: u32, max: u32) -> impl Strategy<Value = (String, Vec<u32>)> {
    prop_oneof![
        2 => Just(("*".to_owned(), (min..=max).collect())),
        1 => (2_usize..7).prop_map(move |step| (format!("*/{step}"), (min..=max).step_by(step).collect())),
        2 => prop::collection::vec(min..=max, 1..4).prop_map(|values| {
            (values.iter().map(u32::to_string).collect::<Vec<_>>().join(","), values)
        }),
        1 => (min..=max, min..=max).prop_map(|(a, b)| {
            (format!("{}-{}", a.min(b), a.max(b)), (a.min(b)..=a.max(b)).collect())
        }),
    ]
}

const ZONES: [&str; 8] = [
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Antarctica/Troll",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Minute by minute over a week without a clock change.
    #[test]
    fn cron_agrees_with_reading_the_clock(
        (minute, minutes) in field(0, 59), (hour, hours) in field(0, 23), (day, days) in field(1, 31),
        (month, months) in field(1, 12), (weekday, weekdays) in field(0, 7), from in 0_i64..20_000_000,
    ) {
        let text = format!("{minute} {hour} {day} {month} {weekday}");
        let Ok(cron) = parse_cron(&text) else { return Ok(()) };
        let start = shifted(instant("2026-01-01T00:00:00Z"), from * 1_000);
        let is_due = |at: Timestamp| {
            let wall = TimeZone::UTC.to_datetime(at);
            let has = |values: &[u32], n: i8| values.contains(&u32::from(n.unsigned_abs()));
            let sunday_0 = wall.weekday().to_sunday_zero_offset();
            let on_weekday = has(&weekdays, sunday_0) || (sunday_0 == 0 && weekdays.contains(&7));
            let either = !day.starts_with('*') && !weekday.starts_with('*');
            let on_day = if either { has(&days, wall.day()) || on_weekday } else { has(&days, wall.day()) && on_weekday };
            has(&minutes, wall.minute()) && has(&hours, wall.hour()) && has(&months, wall.month()) && on_day
        };
        let first_minute = start.as_second().div_euclid(60) + 1;
        let expected = (first_minute..first_minute + 7 * 1_440)
            .map(|minute| Timestamp::from_second(minute * 60).expect("inside"))
            .find(|at| is_due(*at));
        let next = cron.next_after(start, &TimeZone::UTC);
        match expected {
            Some(expected) => prop_assert_eq!(next, Some(expected), "{}", text),
            None => prop_assert!(next.is_none_or(|next| next > shifted(start, 7 * 86_400_000)), "{}", text),
        }
    }

    /// A job that succeeds within its grace after each time it is due is never down, in any zone and over
    /// any clock change; one that stops is down once the grace is over, and not a moment before.
    #[test]
    fn no_phantom_miss(
        zone in 0..ZONES.len(), year in prop_oneof![Just(2011_i16), Just(2018), Just(2026)], hour in 0_u32..24,
        step in prop_oneof![Just("0"), Just("30"), Just("*/15"), Just("7,52")], nightly in any::<bool>(),
        month in prop_oneof![Just(3_i8), Just(10), Just(12)], first in 1_i8..28, lateness in 0_u64..600_000,
    ) {
        let hour = if nightly { hour.to_string() } else { "*".to_owned() };
        let rule = cron(&format!("{step} {hour} * * *"), ZONES[zone], Millis::mins(10));
        let zone = TimeZone::get(ZONES[zone]).expect("a zone");
        let start = jiff::civil::date(year, month, first).at(0, 0, 0, 0).to_zoned(zone).expect("inside").timestamp();
        let mut mark = HeartbeatMark::fresh(start);
        for _ in 0..20 {
            let (down, kind) = rule.deadline(&mark).expect("always due again");
            prop_assert_eq!(kind, FailureKind::HeartbeatMissed);
            let limit = down - TICK;
            prop_assert_eq!(rule.judge(&mark, limit), None);
            prop_assert_eq!(rule.judge(&mark, down), Some((kind, limit)));
            let ends = after(limit - Millis::mins(10).duration(), Millis(lateness));
            prop_assert!(ends > mark.last_success.unwrap_or(start));
            let next = mark.after(Beat::Success, ends);
            prop_assert!(rule.deadline(&next).is_some_and(|(next, _)| next > down), "time goes on");
            prop_assert!(ends <= limit && rule.judge(&next, limit).is_none());
            mark = next;
        }
    }

    /// Whatever comes, the deadline is the first instant that is judged down.
    #[test]
    fn deadline_and_judgement_agree(
        beats in prop::collection::vec((0_u8..5, 0_i64..7_200_000), 0..8), every_ms in 1_u64..7_200_000,
        grace in 0_u64..600_000, max_run in prop::option::of(0_u64..3_600_000),
    ) {
        let rule = every(Millis(every_ms), Millis(grace), max_run.map(Millis));
        let mut now = instant("2026-11-22T00:00:00Z");
        let mut mark = HeartbeatMark::fresh(now);
        for (beat, later) in beats {
            now = shifted(now, later);
            let beat = [Beat::Success, Beat::Start, Beat::Fail, Beat::Exit(0), Beat::Exit(1)][usize::from(beat)];
            mark = mark.after(beat, now);
        }
        match rule.deadline(&mark) {
            Some((down, kind)) => {
                prop_assert_eq!(rule.judge(&mark, down - TICK), None);
                prop_assert_eq!(rule.judge(&mark, down).map(|(kind, _)| kind), Some(kind));
            }
            None => prop_assert_eq!(rule.judge(&mark, now).map(|(kind, _)| kind), Some(FailureKind::HeartbeatFailed)),
        }
    }
}
