//! Whom a stage of a policy pages, and why; whom it passes over, and why.

use jiff::Timestamp;

use crate::catalog::{Catalog, LadderEntry, Person, Policy, Target};
use crate::condition::Situation;
use crate::fact::{Skip, Stage};
use crate::ids::{PersonId, PolicyId, RotationId};
use crate::rotation::{self, OnDuty, Recorded};
use crate::time::Millis;
use crate::view::Why;
use crate::word::Priority;

/// Somebody to page.
pub(super) struct Called {
    pub(super) person: PersonId,
    pub(super) ladder: Vec<LadderEntry>,
    pub(super) why: Why,
}

/// Whom a stage pages and whom it passes over.
#[derive(Default)]
pub(super) struct Staff {
    pub(super) called: Vec<Called>,
    pub(super) skipped: Vec<(Option<PersonId>, Skip)>,
}

/// What decides about staff.
#[derive(Clone)]
pub(super) struct Ask<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) recorded: &'a Recorded,
    pub(super) route: &'a str,
    pub(super) policy: &'a Policy,
    /// The policy that the route named, where it led to this one.
    pub(super) home: Option<PolicyId>,
    pub(super) situation: Situation<'a>,
    pub(super) at: Timestamp,
}

impl Ask<'_> {
    /// Whom `stage` pages at this instant. A person who is named twice is paged once, for the first
    /// reason.
    pub(super) fn staff(&self, stage: Stage) -> Staff {
        let mut staff = Staff::default();
        match stage {
            Stage::CatchAll => {
                let why = self.why("catch-all of the policy".into());
                self.call(&self.policy.catch_all.person, why, &mut staff);
                staff.called.iter_mut().for_each(|c| begin_within(&mut c.ladder, self.policy.catch_all.every));
            }
            // Whoever is named is no matter of the policy.
            Stage::Named => {}
            Stage::Step(index) => {
                let step = self.policy.steps.get(index as usize);
                for target in step.map(|s| s.page.as_slice()).unwrap_or_default() {
                    self.call_target(target, index, &mut staff);
                }
            }
        }
        staff
    }

    fn call_target(&self, target: &Target, index: u32, staff: &mut Staff) {
        match target {
            Target::Person(id) => {
                let why = self.why(format!("named by step {}", index + 1));
                self.call(id, why, staff);
            }
            Target::Rotation(id) => self.call_on_duty(id, staff),
            Target::WholeRotation(id) => {
                for person in self.catalog.rotations.get(id).map(rotation::people_of).unwrap_or_default() {
                    let mut why = self.why(format!("a member of {id}"));
                    why.rotation = Some(id.clone());
                    self.call(&person, why, staff);
                }
            }
            Target::Policy(_) => {} // leads on, and pages nobody itself
        }
    }

    fn call_on_duty(&self, id: &RotationId, staff: &mut Staff) {
        let rotation = self.catalog.rotations.get(id);
        let shifts = rotation.map(|r| rotation::shift_at(self.catalog, r, self.recorded, self.at));
        let Some(shifts) = shifts.filter(|shifts| !shifts.is_empty()) else {
            staff.skipped.push((None, Skip::NobodyOnDuty { rotation: id.clone() }));
            return;
        };
        for (on_duty, _, until) in shifts {
            let person = on_duty.person.clone();
            self.call(&person, self.why_on_duty(id, on_duty, until), staff);
        }
    }

    fn why_on_duty(&self, id: &RotationId, on_duty: OnDuty, until: Option<Timestamp>) -> Why {
        let by = match (&on_duty.layer, &on_duty.override_) {
            (Some(layer), None) => format!("layer {layer}"),
            (_, Some(over)) => format!("override {over}"),
            (None, None) => "the rotation".into(),
        };
        let instead = on_duty.stands_in_for.map_or(String::new(), |person| format!(", for {person}"));
        let mut why = self.why(format!("on duty in {id} ({by}{instead})"));
        why.rotation = Some(id.clone());
        why.layer = on_duty.layer;
        why.override_ = on_duty.override_;
        why.until = until;
        why
    }

    fn call(&self, id: &PersonId, why: Why, staff: &mut Staff) {
        if staff.called.iter().any(|c| c.person == *id) {
            return;
        }
        match self.reach(id) {
            Ok(ladder) => staff.called.push(Called { person: id.clone(), ladder, why }),
            Err(skip) => staff.skipped.push((Some(id.clone()), skip)),
        }
    }

    /// The ladder of a person who can be paged.
    pub(super) fn reach(&self, id: &PersonId) -> Result<Vec<LadderEntry>, Skip> {
        let person = self.catalog.people.get(id).ok_or(Skip::Gone)?;
        if person.disabled {
            return Err(Skip::Disabled);
        }
        let ladder = ladder_of(person, self.situation.priority);
        if ladder.is_empty() { Err(Skip::NoContact) } else { Ok(ladder) }
    }

    pub(super) fn why(&self, text: String) -> Why {
        Why {
            revision: self.catalog.revision.clone(),
            route: self.route.into(),
            rotation: None,
            layer: None,
            override_: None,
            until: None,
            text,
        }
    }
}

/// A ladder of the last resort that would begin only when the next page takes its place never began at
/// all: it begins at once.
fn begin_within(ladder: &mut [LadderEntry], every: Millis) {
    let Some(first) = ladder.first().map(|e| e.after).filter(|first| *first >= every) else { return };
    ladder.iter_mut().for_each(|entry| entry.after = entry.after.minus(first));
}

/// The entries of a person's ladder that have a channel with an address. A `normal` ladder that comes
/// to nothing falls back to the urgent one: being reached late beats not being reached.
fn ladder_of(person: &Person, priority: Priority) -> Vec<LadderEntry> {
    let usable = |entries: &[LadderEntry]| -> Vec<LadderEntry> {
        let keep = |e: &LadderEntry| {
            let via: Vec<_> = e.via.iter().filter(|c| person.channels.contains(*c)).cloned().collect();
            (!via.is_empty()).then_some(LadderEntry { after: e.after, via })
        };
        entries.iter().filter_map(keep).collect()
    };
    let ladder = usable(person.page_by.ladder(priority));
    if ladder.is_empty() { usable(&person.page_by.urgent) } else { ladder }
}
