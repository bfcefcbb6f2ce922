//! People: what they do when a page reaches them.

use watchbell_engine::ids::PageId;
use watchbell_engine::input::Deed;
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::time::Millis;

use crate::script::{Habit, Happening};
use crate::world::{Event, World};

impl World {
    /// Somebody looks at a page.
    pub(crate) fn is_read(&mut self, message: &Outgoing) {
        let Some(page) = message.page else { return };
        let (wait, deed) = match self.habits.get(&message.person).copied().unwrap_or(Habit::Sleeps) {
            Habit::Sleeps => match self.wakes_by_chance(page) {
                Some(answer) => answer,
                None => return,
            },
            Habit::Acks(wait) => (wait, Deed::Ack { ticket: page.ticket, page: Some(page) }),
            Habit::Declines(wait) => (wait, Deed::Decline { page }),
        };
        if !self.read.insert(page) {
            return; // they have answered this one
        }
        let person = message.person.clone();
        self.push(wait, Event::Happens(Box::new(Happening::Act { person, deed })));
    }

    fn wakes_by_chance(&mut self, page: PageId) -> Option<(Millis, Deed)> {
        let chaos = self.chaos?;
        if !self.rng.chance(chaos.answers) {
            return None;
        }
        let wait = Millis(self.rng.between(200, 90_000));
        let (ticket, page) = (page.ticket, Some(page));
        Some(match self.rng.between(0, 3) {
            0 => (wait, Deed::Decline { page: page? }),
            1 => (wait, Deed::Escalate { ticket, page }),
            _ => (wait, Deed::Ack { ticket, page }),
        })
    }
}
