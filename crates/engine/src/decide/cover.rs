//! Asking others to take a shift: nobody's duty changes before somebody accepts, and the first who does has it.

use jiff::Timestamp;

use super::Turn;
use crate::catalog::{Override, Rotation};
use crate::cover::{Cover, CoverAbout, CoverSpan};
use crate::duty_notice::{DutyAbout, DutyEvent, DutyPerson};
use crate::fact::{MessageKind, What};
use crate::ids::{CoverId, OverrideId, PersonId, RotationId};
use crate::input::{Actor, Answer, Refusal};
use crate::rotation;
use crate::word::CoverOutcome;

/// The whole of what is asked for.
pub(super) struct Wanted<'a> {
    pub(super) rotation: &'a RotationId,
    pub(super) person: &'a PersonId,
    pub(super) span: CoverSpan,
    pub(super) asked: Option<&'a PersonId>,
    pub(super) swap_for: Option<CoverSpan>,
    pub(super) note: Option<&'a str>,
}

impl Turn<'_> {
    pub(super) fn ask_cover(&mut self, wanted: &Wanted<'_>, by: &Actor) -> Result<Answer, Refusal> {
        let catalog = self.catalog;
        let no_rotation = || Refusal::NoSuchRotation(wanted.rotation.clone());
        let rotation = catalog.rotations.get(wanted.rotation).ok_or_else(no_rotation)?;
        self.known(wanted.person)?;
        let CoverSpan { from, to } = wanted.span;
        let from = from.max(self.now);
        if to <= from {
            return Err(Refusal::EndsBeforeItStarts);
        }
        self.has_duty(rotation, wanted.person, CoverSpan { from, to })?;
        if let Some(asked) = wanted.asked {
            self.can_stand_in(asked, wanted.person)?;
        }
        let swap_for = wanted.swap_for.map(|swap| CoverSpan { from: swap.from.max(self.now), ..swap });
        if let Some(swap) = swap_for {
            let other = wanted.asked.ok_or_else(|| Refusal::Empty("ask".into()))?;
            if swap.to <= swap.from {
                return Err(Refusal::EndsBeforeItStarts);
            }
            if swap.meets(from, to) {
                return Err(Refusal::SwapsOverlap);
            }
            self.has_duty(rotation, other, swap)?;
        }
        let id = CoverId(self.state().last_cover + 1);
        let note = wanted.note.map(str::trim).filter(|text| !text.is_empty()).map(String::from);
        let cover = Cover {
            id,
            rotation: rotation.id.clone(),
            person: wanted.person.clone(),
            from,
            to,
            asked: wanted.asked.cloned(),
            swap_for,
            note,
            asked_at: self.now,
            by: by.clone(),
        };
        let all = self.those_asked(rotation, &cover);
        if all.is_empty() {
            return Err(Refusal::NobodyToAsk(rotation.id.clone()));
        }
        self.record(None, What::CoverAsked { cover: cover.clone() });
        for person in &all {
            self.tell_of_cover(person, &cover, None, &cover.person);
        }
        self.duty_may_have_changed();
        Ok(Answer::Cover(id))
    }

    pub(super) fn accept_cover(&mut self, id: CoverId, person: &PersonId, by: &Actor) -> Result<Answer, Refusal> {
        let cover = self.open_cover(id)?;
        let no_rotation = || Refusal::NoSuchRotation(cover.rotation.clone());
        let rotation = self.catalog.rotations.get(&cover.rotation).ok_or_else(no_rotation)?;
        self.was_asked(rotation, &cover, person)?;
        let span = CoverSpan { from: cover.from.max(self.now), to: cover.to };
        self.has_duty(rotation, &cover.person, span)?;
        self.is_there(person, span)?;
        if let Some(swap) = cover.swap_for {
            self.has_duty(rotation, person, swap)?;
            self.is_there(&cover.person, swap)?;
        }
        let (outcome, who) = (CoverOutcome::Accepted, Some(person.clone()));
        self.record(None, What::CoverAnswered { cover: id, outcome, person: who, by: by.clone() });
        self.stand_in_for(&cover.rotation, person, &cover.person, span, by);
        if let Some(swap) = cover.swap_for {
            self.stand_in_for(&cover.rotation, &cover.person, person, swap, by);
        }
        self.tell_of_cover(&cover.person, &cover, Some(CoverOutcome::Accepted), person);
        self.duty_may_have_changed();
        Ok(Answer::Cover(id))
    }

    /// Whoever alone was asked says no. Of many, each just does not answer.
    pub(super) fn decline_cover(&mut self, id: CoverId, person: &PersonId, by: &Actor) -> Result<Answer, Refusal> {
        let cover = self.open_cover(id)?;
        if cover.asked.as_ref() != Some(person) {
            return Err(Refusal::NotAsked { cover: id, person: person.clone() });
        }
        let (outcome, who) = (CoverOutcome::Declined, Some(person.clone()));
        self.record(None, What::CoverAnswered { cover: id, outcome, person: who, by: by.clone() });
        self.tell_of_cover(&cover.person, &cover, Some(outcome), person);
        self.duty_may_have_changed();
        Ok(Answer::Cover(id))
    }

    pub(super) fn withdraw_cover(&mut self, id: CoverId, by: &Actor) -> Result<Answer, Refusal> {
        let cover = self.open_cover(id)?;
        let outcome = CoverOutcome::Withdrawn;
        self.record(None, What::CoverAnswered { cover: id, outcome, person: None, by: by.clone() });
        // One person who was asked may be about to answer; of many, nobody waits for it.
        if let Some(asked) = &cover.asked {
            self.tell_of_cover(asked, &cover, Some(outcome), &cover.person);
        }
        self.duty_may_have_changed();
        Ok(Answer::Cover(id))
    }

    /// Ends the requests that nobody answered in time, and tells those who asked.
    pub(super) fn lapse_covers(&mut self) {
        let over = |cover: &&Cover| cover.lapses() <= self.now;
        let lapsed: Vec<Cover> = self.state().covers.values().filter(over).cloned().collect();
        for cover in lapsed {
            let outcome = CoverOutcome::Lapsed;
            self.record(None, What::CoverAnswered { cover: cover.id, outcome, person: None, by: Actor::engine() });
            self.tell_of_cover(&cover.person, &cover, Some(outcome), &cover.person);
        }
    }

    /// When the first request lapses.
    pub(super) fn next_lapse_of_covers(&self) -> Option<Timestamp> {
        self.state().covers.values().map(Cover::lapses).min()
    }

    fn open_cover(&self, id: CoverId) -> Result<Cover, Refusal> {
        self.state().covers.get(&id).cloned().ok_or(Refusal::NoSuchCover(id))
    }

    /// Everybody who is asked and can answer.
    fn those_asked(&self, rotation: &Rotation, cover: &Cover) -> Vec<PersonId> {
        let all = cover.asked.as_ref().map_or_else(|| rotation::people_of(rotation), |one| vec![one.clone()]);
        let can = |id: &PersonId| *id != cover.person && self.catalog.people.get(id).is_some_and(|p| !p.disabled);
        all.into_iter().filter(can).collect()
    }

    fn was_asked(&self, rotation: &Rotation, cover: &Cover, person: &PersonId) -> Result<(), Refusal> {
        self.can_stand_in(person, &cover.person)?;
        if self.those_asked(rotation, cover).contains(person) {
            return Ok(());
        }
        Err(Refusal::NotAsked { cover: cover.id, person: person.clone() })
    }

    fn can_stand_in(&self, person: &PersonId, instead_of: &PersonId) -> Result<(), Refusal> {
        self.known(person)?;
        if person == instead_of {
            return Err(Refusal::ForThemselves(person.clone()));
        }
        let disabled = self.catalog.people.get(person).is_some_and(|p| p.disabled);
        if disabled { Err(Refusal::Disabled(person.clone())) } else { Ok(()) }
    }

    /// Whether the person would be on duty anywhere in the span; who is, where not.
    fn has_duty(&self, rotation: &Rotation, person: &PersonId, span: CoverSpan) -> Result<(), Refusal> {
        let expanded = rotation::expand(self.catalog, rotation, &self.state().recorded, span.from, span.to);
        if expanded.shifts.iter().any(|shift| shift.on_duty.person == *person) {
            return Ok(());
        }
        let mut on_duty: Vec<PersonId> = expanded.shifts.into_iter().map(|shift| shift.on_duty.person).collect();
        on_duty.sort();
        on_duty.dedup();
        Err(Refusal::NotTheirDuty { person: person.clone(), rotation: rotation.id.clone(), on_duty })
    }

    /// Whoever is away would be passed over, and whoever asked would believe to be free.
    fn is_there(&self, person: &PersonId, span: CoverSpan) -> Result<(), Refusal> {
        let written = self.catalog.people.get(person).into_iter().flat_map(|p| &p.away);
        let recorded = self.state().recorded.absences.iter().filter(|absence| absence.person == *person);
        let is_away = written.chain(recorded).any(|absence| span.meets(absence.from, absence.to));
        if is_away { Err(Refusal::IsAway(person.clone())) } else { Ok(()) }
    }

    fn stand_in_for(
        &mut self,
        rotation: &RotationId,
        person: &PersonId,
        instead_of: &PersonId,
        CoverSpan { from, to }: CoverSpan,
        by: &Actor,
    ) {
        let id = Some(OverrideId(self.state().last_override + 1));
        let (rotation, person, replaces) = (rotation.clone(), person.clone(), Some(instead_of.clone()));
        let override_ = Override { id, rotation, person, from, to, replaces };
        self.record(None, What::OverrideAdded { override_, by: by.clone() });
    }

    /// `who` asks, or answered.
    fn tell_of_cover(&mut self, to: &PersonId, cover: &Cover, outcome: Option<CoverOutcome>, who: &PersonId) {
        let name = self.catalog.people.get(who).map_or_else(|| who.to_string(), |p| p.name.clone());
        let (swap_for, note) = (cover.swap_for, cover.note.clone());
        let about = DutyAbout {
            rotation: cover.rotation.clone(),
            event: DutyEvent::Cover,
            from: cover.from,
            until: Some(cover.to),
            others: vec![DutyPerson { id: who.clone(), name }],
            tickets: Vec::new(),
            more_tickets: 0,
            cover: Some(CoverAbout { id: cover.id, outcome, swap_for, note }),
        };
        self.owe_duty(to, MessageKind::DutyCover, &about);
    }
}
