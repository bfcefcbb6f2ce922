//! Duty in words, for people at a terminal: the calendar, the shares, what changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use watchbell_engine::catalog::Catalog;
use watchbell_engine::rotation::{Change, Changes};

use super::rota_command::{Fairness, Shares};
use crate::web::api::shapes::{Rota, RotationShifts, ShiftView};
use crate::words::{change_line, keep_lines, span};

/// Each rotation in its own zone, week by week; a week begins on Monday.
pub(super) fn calendar(rota: &Rota, catalog: &Catalog) -> String {
    let mut out = format!("from the {}", rota.source);
    if rota.source == "files" {
        out.push_str(": computed, without what the server has recorded");
    }
    for rotation in &rota.rotations {
        let zone = catalog.rotations.get(&rotation.id).map_or(&catalog.zone, |r| &r.zone);
        let _ = write!(out, "\n\n{} (times in {})", rotation.id, zone.iana_name().unwrap_or("UTC"));
        for (monday, lines) in weeks(rotation, zone) {
            let _ = write!(out, "\n  week of {}", monday.strftime("%a %-d %b %Y"));
            lines.iter().for_each(|line| out.push_str(&format!("\n    {line}")));
        }
    }
    out
}

/// The lines of each week, by its Monday.
fn weeks(rotation: &RotationShifts, zone: &TimeZone) -> BTreeMap<Date, Vec<String>> {
    let shifts = rotation.shifts.iter().map(|s| (s.from, s.to, format!("{}{}", s.person, remark(s))));
    let gaps = rotation.gaps.iter().map(|g| (g.from, g.to, "NOBODY  (gap)".to_owned()));
    let mut all: Vec<(Timestamp, Timestamp, String)> = shifts.chain(gaps).collect();
    all.sort();
    let spans: Vec<String> = all.iter().map(|(from, to, _)| span(*from, *to, zone)).collect();
    let width = spans.iter().map(|span| span.chars().count()).max().unwrap_or(0);
    let mut weeks: BTreeMap<Date, Vec<String>> = BTreeMap::new();
    for ((from, _, who), span) in all.into_iter().zip(spans) {
        weeks.entry(monday(from, zone)).or_default().push(format!("{span:width$}  {who}"));
    }
    weeks
}

/// What is not the plain turn of a layer.
fn remark(shift: &ShiftView) -> String {
    let by = match (&shift.layer, &shift.override_) {
        (Some(layer), _) => layer.to_string(),
        (None, Some(over)) => format!("override {over}"),
        (None, None) => "override".into(),
    };
    let instead = shift.stands_in_for.as_ref().map_or(String::new(), |person| format!(", for {person}"));
    let recorded = if shift.recorded { ", recorded" } else { "" };
    format!("  ({by}{instead}{recorded})")
}

fn monday(at: Timestamp, zone: &TimeZone) -> Date {
    let date = at.to_zoned(zone.clone()).date();
    let back = i64::from(date.weekday().since(Weekday::Monday));
    date.checked_sub(jiff::Span::new().days(back)).unwrap_or(date)
}

/// A table of each rotation.
pub(super) fn fairness(fairness: &Fairness, zone: &TimeZone) -> String {
    let span = span(fairness.from, fairness.to, zone);
    let mut out = format!("from the {}: {span}", fairness.source);
    for Shares { id, people } in &fairness.rotations {
        let width = people.iter().map(|load| load.person.as_str().len()).max().unwrap_or(0).max(6);
        let _ =
            write!(out, "\n\n{id}\n  {:width$}  shifts  nights  weekends  holidays    hours  shortest rest", "person");
        for load in people {
            let rest = load.shortest_rest_hours.map_or("-".into(), |hours| format!("{hours} h"));
            let _ = write!(
                out,
                "\n  {:width$}  {:6}  {:6}  {:8}  {:8}  {:7}  {rest:>13}",
                load.person, load.shifts, load.nights, load.weekends, load.holidays, load.hours
            );
        }
    }
    out
}

/// Who changes from whom to whom, and the lines that keep whoever is on duty.
pub(super) fn changes(changes: &Changes, name: &str, catalog: &Catalog) -> String {
    let mut out = String::new();
    for (ids, what) in [(&changes.added, "is new"), (&changes.removed, "is gone")] {
        ids.iter().for_each(|id| out.push_str(&format!("\n{id} {what}")));
    }
    if changes.changes.is_empty() {
        return format!("\nagainst {name}: nobody's duty changes{out}");
    }
    let zone =
        |change: &Change| catalog.rotations.get(&change.rotation).map_or(&catalog.zone, |rotation| &rotation.zone);
    let mut keep: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for change in &changes.changes {
        out.push_str(&format!("\n  {}", change_line(change, zone(change))));
        keep.entry(change.rotation.as_str()).or_default().extend(keep_lines(change));
    }
    for (rotation, lines) in keep {
        out.push_str(&format!("\n\nto keep those who are on duty in {rotation} now, add under it:\n    overrides:"));
        lines.iter().for_each(|line| out.push_str(&format!("\n      {line}")));
    }
    format!("\nagainst {name}, who is on duty changes:{out}")
}
