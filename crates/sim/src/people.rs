//! People: what they do when a page reaches them.

use watchbell_engine::ids::PageId;
use watchbell_engine::input::Deed;
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::time::{Millis, after};

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
        if self.by_ratio(|f| f.old_links) {
            let later = wait.plus(Millis(self.rng.between(1_000, 1_200_000)));
            let again = Happening::Act { person: person.clone(), deed: deed.clone() };
            self.push(later, Event::Happens(Box::new(again)));
        }
        self.push(wait, Event::Happens(Box::new(Happening::Act { person, deed })));
    }

    fn wakes_by_chance(&mut self, page: PageId) -> Option<(Millis, Deed)> {
        if !self.by_ratio(|f| f.answers) {
            return None;
        }
        let late = self.rng.chance(20);
        let wait = Millis(if late { self.rng.between(90_000, 600_000) } else { self.rng.between(200, 90_000) });
        let (ticket, page) = (page.ticket, Some(page));
        Some(match self.rng.between(0, 5) {
            0 => (wait, Deed::Decline { page: page? }),
            1 => (wait, Deed::Escalate { ticket, page }),
            2 => (wait, Deed::Snooze { ticket, until: after(self.now(), wait.plus(Millis::mins(2))) }),
            _ => (wait, Deed::Ack { ticket, page }),
        })
    }
}
