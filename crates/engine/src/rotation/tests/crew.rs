//! Several people, absences, replacing overrides, temporary schedules, zones of layers.

use super::*;
use crate::catalog::TemporaryShift;

/// Who is on duty at an instant: `li`, or `wang for li`.
fn at(rotation: &Rotation, catalog: &Catalog, recorded: &Recorded, at: &str) -> Vec<String> {
    let on_duty = on_duty(catalog, rotation, recorded, at.parse().expect("an instant"));
    let shown = |duty: OnDuty| match duty.stands_in_for {
        Some(other) => format!("{} for {other}", duty.person),
        None => duty.person.to_string(),
    };
    on_duty.into_iter().map(shown).collect()
}

fn absence(person: &str, from: &str, to: &str) -> Absence {
    let at = |text: &str| text.parse().expect("an instant");
    Absence { id: None, person: person.into(), from: at(from), to: at(to), reason: None }
}

fn for_person(replaced: &str, over: Override) -> Override {
    Override { replaces: Some(replaced.into()), ..over }
}

#[test]
fn the_next_n_have_the_turn_together() {
    let mut base = layer("base", &["li", "wang", "chen"], TurnEvery::Days(1), "09:00", "2026-11-20");
    base.at_once = 2;
    let duty = rotation("UTC", vec![base]);
    let none = Recorded::default();
    let on = |day: u8| at(&duty, &catalog(), &none, &format!("2026-11-{day}T12:00:00Z"));
    assert_eq!([on(20), on(21), on(22), on(23)], [["li", "wang"], ["chen", "li"], ["wang", "chen"], ["li", "wang"]]);
    let shifts = expand(
        &catalog(),
        &duty,
        &none,
        "2026-11-20T09:00:00Z".parse().expect("an instant"),
        "2026-11-22T09:00:00Z".parse().expect("an instant"),
    );
    let of_li: Vec<_> = shifts.shifts.iter().filter(|shift| shift.on_duty.person.as_str() == "li").collect();
    assert_eq!(of_li.len(), 1, "two turns in a row are one shift");
    assert_eq!(shifts.shifts.len(), 3);
}

#[test]
fn the_next_in_the_order_stands_in_for_who_is_away_and_the_other_seat_stays() {
    let mut base = layer("base", &["li", "wang", "chen"], TurnEvery::Days(1), "09:00", "2026-11-20");
    base.at_once = 2;
    let below = layer("below", &["chen"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
    let mut catalog = catalog();
    let away = |id: &str| absence(id, "2026-11-20T10:00:00Z", "2026-11-20T20:00:00Z");
    let mut recorded = Recorded { overrides: Vec::new(), absences: vec![away("li")] };
    let duty = rotation("UTC", vec![below, base]);
    let noon = "2026-11-20T12:00:00Z";
    assert_eq!(at(&duty, &catalog, &recorded, "2026-11-20T09:30:00Z"), ["li", "wang"], "not yet");
    assert_eq!(at(&duty, &catalog, &recorded, noon), ["chen for li", "wang"]);
    let next = next_change(&catalog, &duty, &recorded, noon.parse().expect("an instant"));
    assert_eq!(next, "2026-11-20T20:00:00Z".parse().ok(), "in the middle of the shift");
    catalog.people.get_mut("chen").expect("chen").away.push(away("chen"));
    assert_eq!(at(&duty, &catalog, &recorded, noon), ["wang"], "nobody is left for that seat");
    recorded.absences.push(away("wang"));
    assert_eq!(at(&duty, &catalog, &recorded, noon), [""; 0], "and the layer below has nobody who is there");
    recorded.overrides = vec![for_person("li", over(Some(1), "away", noon, "2026-11-20T13:00:00Z"))];
    assert_eq!(at(&duty, &catalog, &recorded, noon), [""; 0], "nobody is replaced by who is disabled");
}

#[test]
fn a_vacant_seat_waits_for_whoever_replaces_its_owner() {
    let base = layer("base", &["chen"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
    let top = layer("top", &["li"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
    let duty = rotation("UTC", vec![base, top]);
    let (from, to) = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
    let mut recorded = Recorded { overrides: Vec::new(), absences: vec![absence("li", from, to)] };
    assert_eq!(at(&duty, &catalog(), &recorded, from), ["chen"]);
    recorded.overrides.push(for_person("li", over(Some(1), "wang", from, "2026-11-20T12:00:00Z")));
    assert_eq!(at(&duty, &catalog(), &recorded, from), ["wang for li"]);
    assert_eq!(at(&duty, &catalog(), &recorded, "2026-11-20T12:00:00Z"), ["chen"]);
}

#[test]
fn who_replaces_one_person_has_their_shifts_and_no_others() {
    let daily = layer("daily", &["li", "wang"], TurnEvery::Days(1), "09:00", "2026-11-20");
    let duty = rotation("UTC", vec![daily]);
    let swap = for_person("li", over(Some(1), "chen", "2026-11-20T12:00:00Z", "2026-11-23T00:00:00Z"));
    assert_eq!(
        lines(&duty, &[swap], "2026-11-20T09:00:00Z", "2026-11-24T09:00:00Z"),
        [
            "11-20 09:00+00:00 li daily",
            "11-20 12:00+00:00 chen OVR-1",
            "11-21 09:00+00:00 wang daily",
            "11-22 09:00+00:00 chen OVR-1",
            "11-23 00:00+00:00 li daily",
            "11-23 09:00+00:00 wang daily"
        ]
    );
}

#[test]
fn of_overrides_that_overlap_the_latest_wins_and_without_it_the_earlier_one() {
    let duty = rotation("UTC", vec![layer("base", &["li"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05")]);
    let (from, to) = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
    let first = for_person("li", over(Some(1), "wang", from, to));
    let second = for_person("li", over(Some(2), "chen", from, to));
    let chained = for_person("wang", over(Some(3), "li", from, to));
    let on = |overrides: &[Override]| {
        let recorded = Recorded { overrides: overrides.to_vec(), absences: Vec::new() };
        at(&duty, &catalog(), &recorded, "2026-11-20T12:00:00Z")
    };
    assert_eq!(on(&[first.clone(), second.clone()]), ["chen for li"]);
    assert_eq!(on(&[second.clone(), first.clone()]), ["wang for li"]);
    assert_eq!(on(std::slice::from_ref(&first)), ["wang for li"]);
    assert_eq!(on(&[first.clone(), chained.clone()]), ["li for wang"], "a stand-in can be replaced");
    assert_eq!(on(&[first, second, chained]), ["chen for li"], "who lost the seat cannot");
}

#[test]
fn a_temporary_schedule_lies_above_the_layers_and_leaves_them_where_it_has_nobody() {
    let mut duty = rotation("UTC", vec![layer("base", &["li"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05")]);
    let at = |text: &str| text.parse().expect("an instant");
    let shift =
        |person: &str, from: &str, to: &str| TemporaryShift { person: person.into(), from: at(from), to: at(to) };
    duty.temporary = vec![Temporary {
        from: at("2026-11-20T00:00:00Z"),
        to: at("2026-11-22T00:00:00Z"),
        shifts: vec![
            shift("wang", "2026-11-19T00:00:00Z", "2026-11-20T12:00:00Z"),
            shift("chen", "2026-11-20T06:00:00Z", "2026-11-20T12:00:00Z"),
            shift("wang", "2026-11-21T18:00:00Z", "2026-11-25T00:00:00Z"),
        ],
    }];
    assert_eq!(
        lines(&duty, &[], "2026-11-19T12:00:00Z", "2026-11-23T00:00:00Z"),
        [
            "11-19 12:00+00:00 li base",
            "11-20 00:00+00:00 wang temporary",
            "11-20 06:00+00:00 chen temporary",
            "11-20 12:00+00:00 li base",
            "11-21 18:00+00:00 wang temporary",
            "11-22 00:00+00:00 li base"
        ]
    );
}

#[test]
fn layers_follow_the_sun_and_turn_on_the_days_that_are_listed() {
    let zone = |name: &str| Some(TimeZone::get(name).expect("a zone"));
    let office = |id: &str, person: &str, place: &str| {
        let mut layer = layer(id, &[person], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
        layer.zone = zone(place);
        only(layer, &[(Days::Any, "09:00", "17:00")])
    };
    let duty = rotation("UTC", vec![office("east", "li", "Asia/Shanghai"), office("west", "wang", "Europe/Berlin")]);
    assert_eq!(
        lines(&duty, &[], "2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z"),
        [
            "06-01 00:00+00:00 nobody",
            "06-01 01:00+00:00 li east",
            "06-01 07:00+00:00 wang west",
            "06-01 15:00+00:00 nobody"
        ]
    );
    let days = [true, false, true, false, true, false, false];
    let listed = layer("listed", &["li", "wang"], TurnEvery::Weekdays(days), "09:00", "2026-11-19");
    assert_eq!(
        lines(&rotation("UTC", vec![listed]), &[], "2026-11-19T00:00:00Z", "2026-11-26T00:00:00Z"),
        [
            "11-19 00:00+00:00 nobody",
            "11-20 09:00+00:00 li listed",
            "11-23 09:00+00:00 wang listed",
            "11-25 09:00+00:00 li listed"
        ]
    );
}

#[test]
fn what_a_clock_change_does_is_listed() {
    let nights = layer("nights", &["li", "wang"], TurnEvery::Days(1), "02:30", "2026-01-01");
    let hours = layer("hours", &["li", "wang"], TurnEvery::Hours(8), "00:00", "2026-01-01");
    let at = |text: &str| -> Timestamp { text.parse().expect("an instant") };
    let listed = |layer: Layer, from: &str, to: &str| {
        let changes = clock_changes(&catalog(), &rotation("Europe/Berlin", vec![layer]), at(from), at(to));
        changes.into_iter().flat_map(|change| change.effects).collect::<Vec<_>>()
    };
    let spring = listed(nights.clone(), "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
    let [ClockEffect::HandoffSkipped { at: comes, .. }] = spring.as_slice() else {
        panic!("{spring:?}");
    };
    assert_eq!(*comes, at("2026-03-29T01:00:00Z"));
    let autumn = listed(nights, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z");
    let [ClockEffect::HandoffTwice { .. }, ClockEffect::ShiftLength { from, to, by_the_wall, .. }] = autumn.as_slice()
    else {
        panic!("{autumn:?}");
    };
    assert_eq!(to.duration_since(*from), SignedDuration::from_hours(25));
    assert_eq!(*by_the_wall, SignedDuration::from_hours(24));
    let moved = listed(hours, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
    assert!(matches!(moved[0], ClockEffect::HandoffsMove { .. }), "{moved:?}");
    let plain = layer("plain", &["li", "wang"], TurnEvery::Days(1), "09:00", "2026-01-01");
    let shanghai = clock_changes(
        &catalog(),
        &rotation("Asia/Shanghai", vec![plain]),
        at("2026-01-01T00:00:00Z"),
        at("2027-01-01T00:00:00Z"),
    );
    assert_eq!(shanghai, [], "no clock, no change");
}
