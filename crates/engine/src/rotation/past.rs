//! Duty as it was recorded, as shifts: the past is answered from what was true then.

use jiff::Timestamp;

use super::{Expanded, Gap, OnDuty, Shift};

/// Shifts and gaps of [from, to) by a record: who was on duty from each instant on, in order. Before the first
/// instant nothing is known: neither a shift nor a gap.
pub fn recorded_shifts(record: &[(Timestamp, Vec<OnDuty>)], from: Timestamp, to: Timestamp) -> Expanded {
    let mut out = Expanded::default();
    for (n, (at, people)) in record.iter().enumerate() {
        let end = record.get(n + 1).map_or(to, |(next, _)| *next);
        let (from, to) = ((*at).max(from), end.min(to));
        if from >= to {
            continue;
        }
        if people.is_empty() {
            out.gaps.push(Gap { from, to });
        }
        out.shifts.extend(people.iter().map(|on_duty| Shift { on_duty: on_duty.clone(), from, to }));
    }
    joined(vec![out])
}

/// Spans that follow each other, as one: what goes on over a seam is one shift, with the reason of its last part.
pub fn joined(parts: Vec<Expanded>) -> Expanded {
    let mut out = Expanded::default();
    let mut parts: Vec<Expanded> = parts;
    let mut shifts: Vec<Shift> = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.shifts)).collect();
    shifts.sort_by_key(|shift| shift.from);
    for shift in shifts {
        let same = |s: &&mut Shift| {
            let (before, after) = (&s.on_duty, &shift.on_duty);
            s.to == shift.from && before.person == after.person && before.layer == after.layer
        };
        match out.shifts.iter_mut().rev().find(same) {
            Some(before) => (before.to, before.on_duty) = (shift.to, shift.on_duty),
            None => out.shifts.push(shift),
        }
    }
    let mut gaps: Vec<Gap> = parts.into_iter().flat_map(|part| part.gaps).collect();
    gaps.sort_by_key(|gap| gap.from);
    for gap in gaps {
        match out.gaps.last_mut() {
            Some(before) if before.to == gap.from => before.to = gap.to,
            Some(_) | None => out.gaps.push(gap),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: i64) -> Timestamp {
        Timestamp::from_second(n).expect("an instant")
    }

    fn duty(person: &str, layer: Option<&str>) -> OnDuty {
        OnDuty { person: person.into(), layer: layer.map(Into::into), override_: None, stands_in_for: None }
    }

    fn told(expanded: &Expanded) -> Vec<(String, i64, i64)> {
        let shifts = expanded.shifts.iter();
        shifts.map(|s| (s.on_duty.person.to_string(), s.from.as_second(), s.to.as_second())).collect()
    }

    #[test]
    fn a_record_becomes_shifts_and_gaps() {
        let record = vec![
            (at(10), vec![duty("li", Some("a")), duty("wang", Some("a"))]),
            (at(20), vec![duty("li", Some("a"))]),
            (at(30), Vec::new()),
            (at(40), vec![duty("li", None)]),
        ];
        let found = recorded_shifts(&record, at(5), at(50));
        let li = || "li".to_owned();
        assert_eq!(told(&found), [(li(), 10, 30), ("wang".into(), 10, 20), (li(), 40, 50)]);
        assert_eq!(found.gaps, [Gap { from: at(30), to: at(40) }]);
        assert_eq!(told(&recorded_shifts(&record, at(15), at(18))), [(li(), 15, 18), ("wang".into(), 15, 18)]);
        assert_eq!(recorded_shifts(&record, at(1), at(9)), Expanded::default(), "nothing is known");
    }

    #[test]
    fn what_goes_on_over_a_seam_is_one_shift() {
        let part = |person: &str, from, to| Expanded {
            shifts: vec![Shift { on_duty: duty(person, Some("a")), from: at(from), to: at(to) }],
            gaps: Vec::new(),
        };
        let all = joined(vec![part("li", 0, 10), part("li", 10, 20), part("wang", 20, 30)]);
        assert_eq!(told(&all), [("li".to_owned(), 0, 20), ("wang".into(), 20, 30)]);
    }
}
