//! Who can have a duty at all, and when: in the catalog, not disabled, not away.

use jiff::Timestamp;

use super::Recorded;
use crate::catalog::{Absence, Catalog};
use crate::ids::PersonId;

/// The people of a catalog with everything that is known of their absences.
#[derive(Clone, Copy)]
pub(super) struct People<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) recorded: &'a Recorded,
}

impl<'a> People<'a> {
    /// Whether a person can be on duty at all.
    pub(super) fn is_available(&self, id: &PersonId) -> bool {
        self.catalog.people.get(id).is_some_and(|person| !person.disabled)
    }

    /// The absences of a person, in no order; they may overlap.
    pub(super) fn absences(&self, id: &'a PersonId) -> impl Iterator<Item = &'a Absence> {
        let written = self.catalog.people.get(id).map(|person| person.away.as_slice()).unwrap_or_default();
        let recorded = self.recorded.absences.iter().filter(move |absence| absence.person == *id);
        written.iter().chain(recorded).filter(|absence| absence.from < absence.to)
    }

    /// Whether a person is away at `at`.
    pub(super) fn is_away(&self, id: &'a PersonId, at: Timestamp) -> bool {
        self.absences(id).any(|absence| absence.from <= at && at < absence.to)
    }

    /// The instants inside (from, to) at which one of `people` goes away or comes back, in order.
    pub(super) fn comings_and_goings<'p>(
        &self,
        people: impl Iterator<Item = &'a PersonId> + 'p,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Timestamp>
    where
        'a: 'p,
    {
        let mut cuts: Vec<Timestamp> = people
            .flat_map(|id| self.absences(id))
            .flat_map(|absence| [absence.from, absence.to])
            .filter(|at| from < *at && *at < to)
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }
}

/// The pieces into which `cuts` (in order) divide [from, to).
pub(super) fn divided(
    cuts: &[Timestamp],
    from: Timestamp,
    to: Timestamp,
) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let inside = cuts[cuts.partition_point(|cut| *cut <= from)..].iter().copied().take_while(move |cut| *cut < to);
    let mut start = from;
    let pieces = inside.chain(std::iter::once(to)).map(move |end| (std::mem::replace(&mut start, end), end));
    pieces.filter(|(from, to)| from < to)
}
