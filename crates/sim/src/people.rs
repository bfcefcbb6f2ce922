//! People: what they do when a page reaches them.

use watchbell_engine::input::Deed;
use watchbell_engine::outgoing::Outgoing;

use crate::script::{Habit, Happening};
use crate::world::{Event, World};

impl World {
    /// Somebody looks at a page.
    pub(crate) fn is_read(&mut self, message: &Outgoing) {
        let Some(page) = message.page else { return };
        let (wait, deed) = match self.habits.get(&message.person).copied().unwrap_or(Habit::Sleeps) {
            Habit::Sleeps => return,
            Habit::Acks(wait) => (wait, Deed::Ack { ticket: page.ticket, page: Some(page) }),
            Habit::Declines(wait) => (wait, Deed::Decline { page }),
        };
        let person = message.person.clone();
        self.push(wait, Event::Happens(Box::new(Happening::Act { person, deed })));
    }
}
