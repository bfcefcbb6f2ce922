//! Recording who is on duty, so that questions about the past are answered from what was true then.

use jiff::Timestamp;

use super::{Turn, duty_notice};
use crate::fact::{DutyRecord, What};
use crate::rotation;

impl Turn<'_> {
    /// Records every rotation whose duty is not as recorded, when it is time to look.
    pub(super) fn look_at_duty(&mut self) {
        let Some(due) = self.engine.duty_due.filter(|due| *due <= self.now) else { return };
        // Neither what somebody just asked for nor what a start finds was waited for.
        let waited = Some(due).filter(|due| *due > Timestamp::MIN);
        let since = waited.filter(|due| *due < self.now);
        self.lapse_covers();
        let mut next = self.next_lapse_of_covers();
        let mut changes = Vec::new();
        for rotation in self.catalog.rotations.values() {
            let recorded = &self.state().recorded;
            let now = rotation::on_duty(self.catalog, rotation, recorded, self.now);
            let on_duty: Vec<DutyRecord> =
                now.into_iter().map(|d| DutyRecord { person: d.person, layer: d.layer }).collect();
            if self.state().duty.get(&rotation.id) != Some(&on_duty) {
                changes.push((rotation.id.clone(), on_duty));
            }
            let change = rotation::next_change(self.catalog, rotation, recorded, self.now);
            let reminder = duty_notice::next_reminder(self.catalog, rotation, self.state(), self.now);
            next = [next, change, reminder].into_iter().flatten().min();
        }
        for (rotation, on_duty) in changes {
            let revision = self.catalog.revision.clone();
            let before = self.state().duty.get(&rotation).cloned();
            self.record(None, What::DutyChanged { rotation: rotation.clone(), on_duty, revision, since });
            if let (Some(before), Some(rotation)) = (before, self.catalog.rotations.get(&rotation)) {
                self.tell_handoff(rotation, &before, waited);
            }
        }
        for rotation in self.catalog.rotations.values() {
            self.remind(rotation);
        }
        self.engine.duty_due = next;
    }
}
