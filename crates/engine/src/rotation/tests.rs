mod crew;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::*;
use crate::catalog::{
    Calendar, CatchAll, Days, DutyMessages, HandoffAt, Layer, PageBy, Person, Turn, TurnBy, TurnEvery, Window,
};
use crate::ids::{CalendarId, OverrideId};
use crate::time::Millis;
use crate::word::Locale;

pub(super) fn catalog() -> Catalog {
    let person = |id: &str| Person {
        id: id.into(),
        name: id.to_owned(),
        room: false,
        disabled: id == "away",
        locale: Locale::En,
        zone: TimeZone::UTC,
        page_by: PageBy::default(),
        channels: BTreeSet::new(),
        away: Vec::new(),
    };
    // The National Day week of 2026 and the Saturday that makes up for it.
    let china = Calendar {
        holidays: (1..8).map(|day| Date::constant(2026, 10, day)).collect(),
        make_up: [Date::constant(2026, 10, 10)].into(),
        years: [2026].into(),
    };
    Catalog {
        revision: "r1".into(),
        zone: TimeZone::UTC,
        locale: Locale::En,
        people: ["li", "wang", "chen", "away"].map(|id| (id.into(), person(id))).into(),
        rotations: BTreeMap::new(),
        calendars: [(CalendarId::from("china"), china)].into(),
        policies: BTreeMap::new(),
        default_policy: "none".into(),
        self_policy: None,
        routes: Vec::new(),
        channels: BTreeMap::new(),
        probes: BTreeMap::new(),
        catch_all: CatchAll { person: "li".into(), every: Millis::mins(5) },
        not_paging: crate::not_paging::NotPaging::default(),
    }
}

pub(super) fn rotation(zone: &str, layers: Vec<Layer>) -> Rotation {
    Rotation {
        id: "duty".into(),
        zone: TimeZone::get(zone).expect("a zone"),
        calendar: Some("china".into()),
        layers,
        overrides: Vec::new(),
        temporary: Vec::new(),
        gaps_allowed: None,
        messages: DutyMessages::default(),
    }
}

/// A layer that hands off at `at`, which is "09:00", "mon 09:00" or "15 09:00".
pub(super) fn layer(id: &str, people: &[&str], every: TurnEvery, at: &str, since: &str) -> Layer {
    let (head, clock) = at.split_once(' ').unwrap_or(("", at));
    let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let weekday = weekdays.iter().position(|name| *name == head).and_then(|n| i8::try_from(n).ok());
    let at = HandoffAt {
        time: time(clock),
        weekday: weekday.map(|n| Weekday::from_monday_zero_offset(n).expect("a weekday")),
        day: head.parse().ok(),
    };
    let turn = Turn { every, at, since: since.parse().expect("a date"), by: TurnBy::Calendar };
    let people = people.iter().map(|id| PersonId::from(*id)).collect();
    Layer { id: id.into(), people, turn, only: Vec::new(), zone: None, at_once: 1 }
}

fn time(text: &str) -> Time {
    format!("{text}:00").parse().expect("a time")
}

pub(super) fn only(mut layer: Layer, windows: &[(Days, &str, &str)]) -> Layer {
    let window =
        |(days, from, to): &(Days, &str, &str)| Window { days: *days, from: time(from), to: time(to), dates: None };
    layer.only = windows.iter().map(window).collect();
    layer
}

pub(super) fn over(id: Option<u64>, person: &str, from: &str, to: &str) -> Override {
    let at = |text: &str| text.parse().expect("an instant");
    let (from, to) = (at(from), at(to));
    Override { id: id.map(OverrideId), rotation: "duty".into(), person: person.into(), from, to, replaces: None }
}

/// The shifts between two instants as lines of local time: `03-29 03:00+02:00 li weekly`.
fn lines(rotation: &Rotation, recorded: &[Override], from: &str, to: &str) -> Vec<String> {
    let (from, to) = (from.parse().expect("an instant"), to.parse().expect("an instant"));
    let recorded = Recorded { overrides: recorded.to_vec(), absences: Vec::new() };
    let expanded = expand(&catalog(), rotation, &recorded, from, to);
    let shifts = expanded.shifts.iter().map(|shift| {
        let OnDuty { person, layer, override_, .. } = &shift.on_duty;
        let reason = layer.as_ref().map(ToString::to_string).or(override_.clone()).unwrap_or_default();
        (shift.from, format!("{person} {reason}"))
    });
    let mut all: Vec<_> = shifts.chain(expanded.gaps.iter().map(|gap| (gap.from, "nobody".to_owned()))).collect();
    all.sort();
    let local = |at: Timestamp| at.to_zoned(rotation.zone.clone()).strftime("%m-%d %H:%M%:z").to_string();
    all.into_iter().map(|(at, who)| format!("{} {who}", local(at))).collect()
}

#[test]
fn a_skipped_handoff_comes_at_the_end_of_the_gap() {
    let daily = layer("daily", &["li", "wang"], TurnEvery::Days(1), "02:30", "2026-03-28");
    assert_eq!(
        lines(&rotation("Europe/Berlin", vec![daily]), &[], "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"),
        ["03-28 13:00+01:00 li daily", "03-29 03:00+02:00 wang daily", "03-30 02:30+02:00 li daily"]
    );
}

#[test]
fn a_repeated_handoff_comes_once_and_first() {
    let daily = layer("daily", &["li", "wang"], TurnEvery::Days(1), "02:30", "2026-10-24");
    assert_eq!(
        lines(&rotation("Europe/Berlin", vec![daily]), &[], "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"),
        ["10-24 14:00+02:00 li daily", "10-25 02:30+02:00 wang daily", "10-26 02:30+01:00 li daily"]
    );
}

#[test]
fn hours_are_elapsed_time_and_days_are_wall_time() {
    let from = "2026-03-28T23:00:00Z";
    let to = "2026-03-29T23:00:00Z";
    let hours = layer("hours", &["li", "wang", "chen"], TurnEvery::Hours(8), "00:00", "2026-03-29");
    assert_eq!(
        lines(&rotation("Europe/Berlin", vec![hours]), &[], from, to),
        ["03-29 00:00+01:00 li hours", "03-29 09:00+02:00 wang hours", "03-29 17:00+02:00 chen hours"]
    );
    let days = layer("days", &["li", "wang"], TurnEvery::Days(1), "09:00", "2026-03-28");
    assert_eq!(
        lines(&rotation("Europe/Berlin", vec![days]), &[], from, to),
        ["03-29 00:00+01:00 li days", "03-29 09:00+02:00 wang days"]
    );
}

#[test]
fn a_month_without_the_day_uses_its_last() {
    let monthly = layer("m", &["li", "wang"], TurnEvery::Months(1), "31 09:00", "2026-01-31");
    assert_eq!(
        lines(&rotation("Asia/Shanghai", vec![monthly]), &[], "2026-01-01T00:00:00Z", "2026-05-15T00:00:00Z"),
        [
            "01-01 08:00+08:00 nobody",
            "01-31 09:00+08:00 li m",
            "02-28 09:00+08:00 wang m",
            "03-31 09:00+08:00 li m",
            "04-30 09:00+08:00 wang m"
        ]
    );
}

#[test]
fn the_first_handoff_is_the_first_on_or_after_since() {
    let weekly = layer("w", &["li", "wang"], TurnEvery::Weeks(2), "mon 09:00", "2026-01-06");
    assert_eq!(
        lines(&rotation("UTC", vec![weekly]), &[], "2026-01-06T00:00:00Z", "2026-02-08T00:00:00Z"),
        ["01-06 00:00+00:00 nobody", "01-12 09:00+00:00 li w", "01-26 09:00+00:00 wang w"]
    );
    let monthly = layer("m", &["li", "wang"], TurnEvery::Months(1), "5 09:00", "2026-01-06");
    let monthly = rotation("UTC", vec![monthly]);
    assert_eq!(lines(&monthly, &[], "2026-02-05T08:59:00Z", "2026-02-05T10:00:00Z").len(), 2);
}

#[test]
fn a_window_past_midnight_belongs_to_the_day_it_starts_on() {
    let week = layer("week", &["li"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
    let nights = layer("nights", &["wang"], TurnEvery::Days(1), "22:00", "2026-01-05");
    let nights = only(nights, &[(Days::Weekdays([false, false, false, false, true, false, false]), "22:00", "06:00")]);
    // 2026-11-20 is a Friday: its night runs into Saturday, and Sunday's early hours are nobody's night.
    assert_eq!(
        lines(&rotation("Asia/Shanghai", vec![week, nights]), &[], "2026-11-20T00:00:00Z", "2026-11-22T16:00:00Z"),
        ["11-20 08:00+08:00 li week", "11-20 22:00+08:00 wang nights", "11-21 06:00+08:00 li week"]
    );
}

#[test]
fn a_window_is_open_in_both_passes_of_a_repeated_hour() {
    let dawn = layer("dawn", &["li"], TurnEvery::Days(1), "00:00", "2026-10-01");
    let dawn = only(dawn, &[(Days::Any, "02:15", "02:45")]);
    assert_eq!(
        lines(&rotation("Europe/Berlin", vec![dawn]), &[], "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"),
        [
            "10-25 02:00+02:00 nobody",
            "10-25 02:15+02:00 li dawn",
            "10-25 02:45+02:00 nobody",
            "10-25 02:15+01:00 li dawn",
            "10-25 02:45+01:00 nobody"
        ]
    );
}

#[test]
fn a_make_up_saturday_is_a_workday_and_a_holiday_is_none() {
    let office = layer("office", &["li"], TurnEvery::Days(1), "09:00", "2026-01-05");
    let office = only(office, &[(Days::Workdays, "09:00", "18:00")]);
    let rest = layer("rest", &["wang"], TurnEvery::Days(1), "09:00", "2026-01-05");
    let rest = only(rest, &[(Days::Restdays, "09:00", "18:00")]);
    let duty = rotation("Asia/Shanghai", vec![office, rest]);
    let noon = |day: &str| lines(&duty, &[], &format!("{day}T04:00:00Z"), &format!("{day}T04:01:00Z")).concat();
    assert_eq!(noon("2026-10-10"), "10-10 12:00+08:00 li office", "a Saturday that is worked");
    assert_eq!(noon("2026-10-07"), "10-07 12:00+08:00 wang rest", "a Wednesday off");
    assert_eq!(noon("2026-10-11"), "10-11 12:00+08:00 wang rest");
    let plain = Rotation { calendar: None, ..duty };
    let saturday = "2026-10-10T04:00:00Z".parse().expect("an instant");
    let on_duty = on_duty(&catalog(), &plain, &Recorded::default(), saturday).remove(0);
    assert_eq!(on_duty.person.as_str(), "wang", "without a calendar a Saturday is a Saturday");
}

#[test]
fn turns_pass_by_the_calendar_or_by_activity() {
    let daily = layer("daily", &["li", "wang", "chen"], TurnEvery::Days(1), "09:00", "2026-11-16");
    let weekdays = Days::Weekdays([true, true, true, true, true, false, false]);
    let mut office = rotation("UTC", vec![only(daily, &[(weekdays, "09:00", "18:00")])]);
    let monday = |office: &Rotation| lines(office, &[], "2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z").concat();
    assert_eq!(monday(&office), "11-23 10:00+00:00 wang daily", "seven days on");
    office.layers[0].turn.by = TurnBy::Active;
    assert_eq!(monday(&office), "11-23 10:00+00:00 chen daily", "five windows on");
    office.layers[0].turn.every = TurnEvery::Days(2);
    assert_eq!(monday(&office), "11-23 10:00+00:00 chen daily", "two windows each: li li wang wang chen chen");
}

#[test]
fn the_later_line_and_the_latest_recorded_override_win() {
    let week = layer("week", &["li"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
    let mut duty = rotation("UTC", vec![week]);
    duty.overrides = vec![
        over(None, "wang", "2026-11-22T01:00:00Z", "2026-11-22T05:00:00Z"),
        over(None, "chen", "2026-11-22T02:00:00Z", "2026-11-22T05:00:00Z"),
    ];
    let elsewhere =
        Override { rotation: "other".into(), ..over(Some(3), "wang", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z") };
    let recorded = [
        over(Some(1), "wang", "2026-11-22T03:00:00Z", "2026-11-22T06:00:00Z"),
        over(Some(2), "li", "2026-11-22T04:00:00Z", "2026-11-22T04:30:00Z"),
        elsewhere,
    ];
    assert_eq!(
        lines(&duty, &recorded, "2026-11-22T00:00:00Z", "2026-11-22T07:00:00Z"),
        [
            "11-22 00:00+00:00 li week",
            "11-22 01:00+00:00 wang yaml",
            "11-22 02:00+00:00 chen yaml",
            "11-22 03:00+00:00 wang OVR-1",
            "11-22 04:00+00:00 li OVR-2",
            "11-22 04:30+00:00 wang OVR-1",
            "11-22 06:00+00:00 li week"
        ]
    );
}

#[test]
fn who_is_disabled_or_unknown_falls_through_to_the_layer_below() {
    let base = layer("base", &["li"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
    let top = layer("top", &["wang", "away", "who"], TurnEvery::Days(1), "00:00", "2026-11-20");
    let mut duty = rotation("UTC", vec![base, top]);
    duty.overrides = vec![over(None, "chen", "2026-11-21T06:00:00Z", "2026-11-21T12:00:00Z")];
    let recorded = [over(Some(1), "away", "2026-11-21T00:00:00Z", "2026-11-24T00:00:00Z")];
    assert_eq!(
        lines(&duty, &recorded, "2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z"),
        [
            "11-20 00:00+00:00 wang top",
            "11-21 00:00+00:00 li base",
            "11-21 06:00+00:00 chen yaml",
            "11-21 12:00+00:00 li base",
            "11-23 00:00+00:00 wang top"
        ]
    );
}

#[test]
fn a_day_that_the_zone_skipped_is_nobodys_turn() {
    // Samoa had no 2011-12-30: its handoff falls together with midnight of the 31st.
    let daily = layer("daily", &["li", "wang", "chen"], TurnEvery::Days(1), "00:00", "2011-12-29");
    assert_eq!(
        lines(&rotation("Pacific/Apia", vec![daily]), &[], "2011-12-29T10:00:00Z", "2012-01-01T00:00:00Z"),
        ["12-29 00:00-10:00 li daily", "12-31 00:00+14:00 chen daily", "01-01 00:00+14:00 li daily"]
    );
}

#[test]
fn a_shift_has_its_true_ends_and_says_when_it_changes() {
    let week = layer("week", &["li", "wang"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
    let duty = rotation("Asia/Shanghai", vec![week]);
    let at = |text: &str| -> Timestamp { text.parse().expect("an instant") };
    let asked = at("2026-11-22T14:00:00Z");
    let (on_duty, from, to) = shift_at(&catalog(), &duty, &Recorded::default(), asked).remove(0);
    assert_eq!(on_duty.layer, Some("week".into()));
    assert_eq!((from, to), (Some(at("2026-11-16T01:00:00Z")), Some(at("2026-11-23T01:00:00Z"))));
    assert_eq!(next_change(&catalog(), &duty, &Recorded::default(), asked), to);
    let alone = rotation("UTC", vec![layer("all", &["li"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05")]);
    let (_, from, to) = shift_at(&catalog(), &alone, &Recorded::default(), asked).remove(0);
    assert_eq!((from, to), (None, None), "beyond the horizon");
    assert_eq!(next_change(&catalog(), &alone, &Recorded::default(), asked), None, "never");
    let before = at("2026-01-01T00:00:00Z");
    assert_eq!(next_change(&catalog(), &alone, &Recorded::default(), before), Some(at("2026-01-05T09:00:00Z")));
}

#[test]
fn gaps_are_found_and_everybody_is_named_once() {
    let base = layer("base", &["wang", "li", "wang"], TurnEvery::Weeks(1), "mon 09:00", "2026-11-23");
    let top = layer("top", &["away", "li"], TurnEvery::Weeks(1), "mon 09:00", "2026-01-05");
    let duty = rotation("UTC", vec![base, only(top, &[(Days::Any, "00:00", "12:00")])]);
    assert_eq!(people_of(&duty), ["wang", "li", "away"].map(PersonId::from));
    let at = |text: &str| -> Timestamp { text.parse().expect("an instant") };
    let (from, to) = (at("2026-11-17T00:00:00Z"), at("2027-11-17T00:00:00Z"));
    let gap = Gap { from: at("2026-11-17T12:00:00Z"), to: at("2026-11-18T00:00:00Z") };
    assert_eq!(first_gap(&catalog(), &duty, from, to), Some(gap));
    assert_eq!(first_gap(&catalog(), &duty, at("2026-11-23T09:00:00Z"), to), None);
    assert_eq!(
        expand(&catalog(), &duty, &Recorded::default(), to, from),
        Expanded::default(),
        "an empty span is empty"
    );
}
