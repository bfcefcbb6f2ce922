use super::*;

fn at(us: i64) -> Timestamp {
    from_micros(us).expect("inside the calendar")
}

/// 2026-11-22T14:00:00Z and a bit, so that nothing is aligned by chance.
const START_US: i64 = 1_795_356_000_123_457;

fn ids(n: usize) -> impl Iterator<Item = ProbeId> {
    (0..n).map(|n| ProbeId::from(format!("probe-{n:05}")))
}

/// Probes popped from `from_us` to `to_us`, woken exactly when the schedule asks for it.
fn run(schedule: &mut Schedule, to_us: i64) -> Vec<(ProbeId, i64)> {
    let mut out = Vec::new();
    while let Some(due) = schedule.next_due().filter(|due| micros(*due) <= to_us) {
        let popped = schedule.pop_due(due);
        assert!(!popped.is_empty(), "the schedule asked to be woken for nothing");
        out.extend(popped.into_iter().map(|due| (due.probe, micros(due.slot))));
    }
    out
}

#[test]
fn ten_thousand_starts_are_spread_evenly() {
    let mut schedule = Schedule::new();
    ids(10_000).for_each(|id| schedule.insert(id, Millis::secs(5), at(START_US)));
    let starts = run(&mut schedule, START_US + 5_000_000);
    assert_eq!(starts.len(), 10_000, "each once in one interval");
    let mut per_100_ms = vec![0; 50];
    starts.iter().for_each(|(_, slot)| per_100_ms[((slot - START_US - 1) / 100_000) as usize] += 1);
    // 200 on average; even chance leaves a standard deviation of 14.
    assert!(per_100_ms.iter().all(|n| (140..=260).contains(n)), "{per_100_ms:?}");
}

#[test]
fn a_restart_keeps_every_phase() {
    let mut first = Schedule::new();
    ids(100).for_each(|id| first.insert(id, Millis(7_300), at(START_US)));
    let mut before = run(&mut first, START_US + 60_000_000);
    let mut second = Schedule::new();
    ids(100).for_each(|id| second.insert(id, Millis(7_300), at(START_US + 31_234_567)));
    let mut after = run(&mut second, START_US + 60_000_000);
    before.retain(|(_, slot)| *slot > START_US + 31_234_567);
    before.sort();
    after.sort();
    assert_eq!(before, after, "the same slots to the microsecond");
    // The hash is a promise: this slot was computed once and stays.
    let mut one = Schedule::new();
    one.insert("invoice-verify".into(), Millis::secs(5), at(0));
    assert_eq!(one.next_due().map(micros), Some(EXPECTED_PHASE_US));
}

/// The phase of `invoice-verify` in five seconds.
const EXPECTED_PHASE_US: i64 = 1_529_251;

#[test]
fn a_late_probe_goes_on_at_its_next_slot_and_counts_what_it_left_out() {
    let mut schedule = Schedule::new();
    schedule.insert("a".into(), Millis::secs(5), at(START_US));
    let slot = schedule.next_due().expect("one probe");
    let late = crate::time::after(slot, Millis(12_500));
    let due = schedule.pop_due(late);
    assert_eq!(due, [Due { probe: "a".into(), slot, lag: Millis(12_500), skipped: 2 }]);
    assert_eq!(schedule.next_due(), Some(crate::time::after(slot, Millis::secs(15))), "in the future, in phase");
    assert_eq!(schedule.pop_due(late), [], "no burst to make up for it");
    let on_time = crate::time::after(slot, Millis::secs(15));
    assert_eq!(schedule.pop_due(on_time)[0].skipped, 0);
    let next_exactly = crate::time::after(slot, Millis::secs(25));
    assert_eq!(schedule.pop_due(next_exactly)[0].skipped, 1, "a slot that is due now has passed");
}

#[test]
fn slow_probes_are_seen_within_a_minute_and_spread_over_it() {
    let mut schedule = Schedule::new();
    ids(600).for_each(|id| schedule.insert(id, Millis::hours(24), at(START_US)));
    let starts = run(&mut schedule, START_US + 60_000_000);
    let seen: std::collections::BTreeSet<_> = starts.iter().map(|(id, _)| id).collect();
    assert_eq!(seen.len(), 600);
    let first_half = starts.iter().filter(|(_, slot)| *slot <= START_US + 30_000_000).count();
    assert!((230..=370).contains(&first_half), "{first_half} of {}", starts.len());
    // From then on it keeps its own slots, a day apart.
    let day_us = 86_400_000_000;
    let next = run(&mut schedule, START_US + 60_000_000 + day_us);
    let of_one: Vec<_> = next.iter().filter(|(id, _)| id.as_str() == "probe-00007").collect();
    assert_eq!(of_one.len(), 1, "{of_one:?}");
    assert_eq!(schedule.probes["probe-00007"].due_us - of_one[0].1, day_us);
}

#[test]
fn a_reload_keeps_the_time_of_what_stays() {
    let mut schedule = Schedule::new();
    let now = at(START_US);
    schedule.insert("nightly".into(), Millis::hours(24), now);
    schedule.insert("gone".into(), Millis::secs(5), now);
    schedule.insert("faster".into(), Millis::secs(30), now);
    let nightly = schedule.probes["nightly"].due_us;
    let later = at(START_US + 1_000_000);
    let probes = [("nightly", Millis::hours(24)), ("faster", Millis::secs(1)), ("new", Millis::secs(1))];
    schedule.replace(probes.map(|(id, every)| (id.into(), every)).into(), later);
    assert_eq!(schedule.probes["nightly"].due_us, nightly);
    assert_eq!(schedule.probes.len(), 3);
    let first = run(&mut schedule, START_US + 2_000_000);
    let mut names: Vec<_> = first.iter().map(|(id, _)| id.as_str()).filter(|id| *id != "nightly").collect();
    names.sort_unstable();
    assert_eq!(names, ["faster", "new"], "one second holds one slot of each");
}

#[test]
fn what_is_removed_or_inserted_anew_is_due_once() {
    let mut schedule = Schedule::new();
    for _ in 0..1_000 {
        schedule.insert("a".into(), Millis::hours(1), at(START_US));
        schedule.remove(&"a".into());
    }
    assert_eq!(schedule.next_due(), None, "a removed probe wakes nobody");
    assert!(schedule.heap.len() <= 64, "what is stale does not pile up");
    schedule.insert("b".into(), Millis::secs(5), at(START_US));
    schedule.remove(&"b".into());
    schedule.insert("b".into(), Millis::secs(5), at(START_US));
    schedule.insert("b".into(), Millis::secs(5), at(START_US + 1));
    assert_eq!(run(&mut schedule, START_US + 5_000_000).len(), 1);
}

#[test]
fn absurd_intervals_and_instants_are_held_inside_the_calendar() {
    let mut schedule = Schedule::new();
    schedule.insert("zero".into(), Millis::ZERO, at(START_US));
    schedule.insert("never".into(), Millis(u64::MAX), Timestamp::MAX);
    schedule.insert("early".into(), Millis::secs(5), Timestamp::MIN);
    assert_eq!(schedule.pop_due(Timestamp::MIN), []);
    assert!(schedule.next_due().is_some_and(|due| due < at(0)));
    let due = schedule.pop_due(at(START_US + 10_000));
    assert_eq!(due.iter().map(|due| due.probe.as_str()).collect::<Vec<_>>(), ["early", "zero"]);
    assert!(due[1].skipped >= 8, "a zero interval counts as a millisecond: {}", due[1].skipped);
}
