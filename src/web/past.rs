//! Duty over a span: before now from the record of who was on duty, after it from the configuration. Where the
//! record does not reach, the configuration in force is asked for the past too, and the answer says so.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use watchbell_engine::catalog::{Catalog, Rotation};
use watchbell_engine::fact::{Fact, What};
use watchbell_engine::ids::RotationId;
use watchbell_engine::rotation::{Expanded, OnDuty, expand, joined, recorded_shifts};
use watchbell_engine::view::OnDutyView;

use super::App;
use super::api::shapes::{GapView, RotationDuty, RotationShifts, ShiftView};
use crate::gate::Problem;
use crate::store::StoreError;

/// The kind of the facts that are the record.
const KIND: &str = "duty_changed";

/// What was true when a span began is looked for in so many facts at a time …
const PAGE: u32 = 256;

/// … and so many times: the changes of 100 rotations in three months.
const PAGES: usize = 64;

/// A client that asks from now on asks for no past, though its clock may be a little behind.
const JUST_NOW: SignedDuration = SignedDuration::from_secs(60);

/// How far around an instant its shift is looked for.
const AROUND: SignedDuration = SignedDuration::from_hours(35 * 24);

/// What was recorded of every rotation, from an instant on.
#[derive(Debug, Default)]
pub(super) struct Past {
    now: Timestamp,
    record: BTreeMap<RotationId, Vec<(Timestamp, Vec<OnDuty>)>>,
}

impl Past {
    /// The record from `from` until now; nothing is asked where that lies in the future.
    pub(super) async fn load(app: &App, from: Timestamp) -> Result<Self, Problem> {
        let now = app.clock.now();
        let mut past = Self { now, record: BTreeMap::new() };
        if from > now.saturating_sub(JUST_NOW).unwrap_or(now) {
            return Ok(past);
        }
        let wanted: Vec<RotationId> = app.live.config.load().catalog.rotations.keys().cloned().collect();
        for fact in before(app, &wanted, from).await?.iter().chain(&app.store.facts_of_kind(KIND, from, now).await?) {
            past.take(fact);
        }
        // A handoff is recorded a moment after it took place.
        past.record.values_mut().for_each(|record| record.sort_by_key(|(at, _)| *at));
        Ok(past)
    }

    fn take(&mut self, fact: &Fact) {
        let What::DutyChanged { rotation, on_duty, since, .. } = &fact.what else { return };
        let seat = |record: &watchbell_engine::fact::DutyRecord| OnDuty {
            person: record.person.clone(),
            layer: record.layer.clone(),
            override_: None,
            stands_in_for: None,
        };
        let people = on_duty.iter().map(seat).collect();
        self.record.entry(rotation.clone()).or_default().push((since.unwrap_or(fact.at), people));
    }

    /// When the record of a rotation begins.
    fn begins(&self, rotation: &Rotation) -> Option<Timestamp> {
        self.record.get(&rotation.id)?.first().map(|(at, _)| *at)
    }

    /// Shifts and gaps of a span, whether each part is from the record or not.
    pub(super) fn expanded(&self, app: &App, catalog: &Catalog, rotation: &Rotation, span: Span) -> Expanded {
        let recorded = &app.live.view.load().recorded;
        let by_config = |from: Timestamp, to: Timestamp| expand(catalog, rotation, recorded, from, to);
        let Some(begins) = self.begins(rotation) else { return by_config(span.from, span.to) };
        let (begins, now) = (begins.max(span.from).min(span.to), self.now.max(span.from).min(span.to));
        let record = self.record.get(&rotation.id).map(Vec::as_slice).unwrap_or_default();
        let known = recorded_shifts(record, begins, now);
        joined(vec![by_config(span.from, begins), known, by_config(now, span.to)])
    }

    /// As the API shows it.
    pub(super) fn shifts(&self, app: &App, catalog: &Catalog, rotation: &Rotation, span: Span) -> RotationShifts {
        let expanded = self.expanded(app, catalog, rotation, span);
        let begins = self.begins(rotation);
        let recorded = |from: Timestamp| from < self.now && begins.is_some_and(|begins| begins <= from);
        let gaps = expanded.gaps.into_iter().map(|g| GapView { from: g.from, to: g.to }).collect();
        let shifts = expanded.shifts.into_iter().map(|shift| {
            let recorded = recorded(shift.from);
            ShiftView::new(shift, recorded)
        });
        RotationShifts { id: rotation.id.clone(), shifts: shifts.collect(), gaps }
    }

    /// Who was on duty at an instant of the past, as the API shows it; `None` where the record does not say.
    pub(super) fn at(&self, app: &App, catalog: &Catalog, rotation: &Rotation, at: Timestamp) -> Option<RotationDuty> {
        if at >= self.now || self.begins(rotation)? > at {
            return None;
        }
        let span = Span::around(at);
        let expanded = self.expanded(app, catalog, rotation, span);
        let shifts = expanded.shifts.into_iter().filter(|shift| shift.from <= at && at < shift.to);
        let on_duty = shifts.map(|shift| OnDutyView {
            person: shift.on_duty.person,
            layer: shift.on_duty.layer,
            since: Some(shift.from).filter(|from| *from > span.from),
            until: Some(shift.to).filter(|to| *to < span.to),
        });
        Some(RotationDuty { id: rotation.id.clone(), recorded: true, on_duty: on_duty.collect() })
    }
}

/// From an instant, inclusive, to another, exclusive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Span {
    /// In which the shift at `at` is looked for.
    pub(super) fn around(at: Timestamp) -> Self {
        let from = at.saturating_sub(AROUND).unwrap_or(Timestamp::MIN);
        Self { from, to: at.saturating_add(AROUND).unwrap_or(Timestamp::MAX) }
    }
}

/// The last change of each rotation before `from`.
async fn before(app: &App, wanted: &[RotationId], from: Timestamp) -> Result<Vec<Fact>, StoreError> {
    let mut found: BTreeMap<RotationId, Fact> = BTreeMap::new();
    let mut after_no = None;
    for _ in 0..PAGES {
        let facts = app.store.last_of_kind(KIND, from, after_no, PAGE).await?;
        let Some(last) = facts.last() else { break };
        after_no = Some(last.no);
        for fact in facts {
            if let What::DutyChanged { rotation, .. } = &fact.what {
                found.entry(rotation.clone()).or_insert(fact);
            }
        }
        if wanted.iter().all(|id| found.contains_key(id)) {
            break;
        }
    }
    Ok(found.into_values().collect())
}
