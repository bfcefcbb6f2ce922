//! The canary: watchbell breaks a target of its own and pages itself, all the time (promise 7).
//!
//! A round takes the way of every page (verdict, decision, commit, outbox, delivery, receipt) and leaves
//! last values alone: no ticket, no fact, no row that stays
//! (`docs/decisions/0009-canary.md`).

use super::Turn;
use crate::commit::Mark;
use crate::fact::MessageKind;
use crate::ids::{CanaryId, ChannelId, PersonId, SendId, SendSubject};
use crate::observation::Verdict;
use crate::word::Level;

/// The channel that leads back to watchbell.
const LOOP_BACK: &str = "loop-back";

/// Who is paged.
const ITSELF: &str = "watchbell";

impl Turn<'_> {
    /// The canary's target broke, and is owed a page; or it is well again.
    pub(super) fn take_canary(&mut self, verdict: &Verdict) {
        match verdict.level {
            Level::Up => {}
            Level::Degraded | Level::Down => {
                let before = self.state().canary;
                // One row at most: a round whose receipt never came gives way to the next.
                if before != CanaryId::default() {
                    self.out.ended.push(send_of(before));
                }
                let round = CanaryId(before.0 + 1);
                self.mark(Mark::Canary(round));
                let (person, channel) = (PersonId::from(ITSELF), ChannelId::from(LOOP_BACK));
                let message = self.message(send_of(round), person, channel, MessageKind::Test, None, None);
                self.out.outbox.push(message);
            }
        }
        self.mark(Mark::Verdict(verdict.clone()));
    }
}

fn send_of(round: CanaryId) -> SendId {
    SendId { subject: SendSubject::Canary(round), attempt: 1 }
}
