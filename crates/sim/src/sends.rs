//! Messages on their way: released, handed to a provider, at somebody's phone, reported.

use watchbell_engine::fact::MessageKind;
use watchbell_engine::ids::{ChannelId, InputId, PersonId};
use watchbell_engine::input::{Envelope, Input, SendReport};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::state::Phase;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Receipt;

use crate::script::{CrashPoint, Mode};
use crate::tell;
use crate::world::{Arrival, Event, World};

/// When one send is cut off.
const CUT_OFF: u64 = 5_000;

impl World {
    pub(crate) fn release(&mut self, messages: Vec<Outgoing>, recorded: bool) {
        let Some(process) = &mut self.process else { return };
        let epoch = process.epoch;
        if !recorded {
            process.unrecorded.extend(messages.iter().map(|m| m.send));
            self.log.say(self.now(), format!("{} first pages go out unrecorded", messages.len()));
        }
        for message in messages {
            if recorded && message.kind == MessageKind::Page {
                self.page_is_wanted(&message);
            }
            let takes = self.takes(100, 5, 400);
            self.push(takes, Event::HandOver { epoch, message: Box::new(message) });
        }
        self.dies_at(CrashPoint::BeforeHandOver);
    }

    /// No page after an answer is durable.
    fn page_is_wanted(&mut self, message: &Outgoing) {
        let ticket = message.page.and_then(|p| self.store.state.tickets.get(&p.ticket));
        if !ticket.is_some_and(|t| matches!(t.phase, Phase::Triggered(_))) {
            self.violated(format!("{} is released though nobody is to be paged any more", message.send));
        }
    }

    pub(crate) fn hand_over(&mut self, message: Outgoing) {
        let usual = self.mode(&message.channel, &message.person);
        let mode = self.by_chance(usual);
        if mode != Mode::Accepts && message.kind == MessageKind::Page {
            self.watch.failed(message.page.map(|p| p.ticket), self.steady, mode != usual);
        }
        let (receipt, takes_ms) = match mode {
            Mode::Accepts => (Receipt::Accepted, 200),
            Mode::Refuses => (Receipt::Refused, 200),
            Mode::FailsForNow => (Receipt::TryAgain, 200),
            Mode::Hangs | Mode::AnswerLost => (Receipt::Unknown, CUT_OFF),
        };
        if mode != Mode::Accepts {
            let key = format!("{}/{}/{}/{mode:?}", message.send.subject, message.channel, message.person);
            self.log.say_once(self.now(), key, tell::failed_try(&message, mode));
        }
        let (send, handed_over) = (message.send, Some(self.now()));
        if mode.arrives() {
            self.arrives(message);
        }
        if self.dies_at(CrashPoint::BeforeReport) {
            return;
        }
        let Some(epoch) = self.process.as_ref().map(|p| p.epoch) else { return };
        let report = SendReport { send, handed_over, receipt, detail: None, retry_after: None };
        if self.chaos.is_some_and(|c| self.rng.chance(c.doubled_reports)) {
            let again = Millis(self.rng.between(1, 20_000));
            self.push(again, Event::Report { epoch, report: Box::new(report.clone()) });
        }
        self.push(Millis(takes_ms), Event::Report { epoch, report: Box::new(report) });
    }

    fn by_chance(&mut self, usual: Mode) -> Mode {
        let Some(chaos) = self.chaos.filter(|_| usual == Mode::Accepts) else { return usual };
        for (percent, mode) in [
            (chaos.lost_answers, Mode::AnswerLost),
            (chaos.refusals, Mode::Refuses),
            (chaos.failures, Mode::FailsForNow),
            (chaos.hangs, Mode::Hangs),
        ] {
            if self.rng.chance(percent) {
                return mode;
            }
        }
        usual
    }

    /// How a channel behaves for a person.
    pub(crate) fn mode(&self, channel: &ChannelId, person: &PersonId) -> Mode {
        let own = self.modes.get(&(channel.clone(), Some(person.clone())));
        own.or_else(|| self.modes.get(&(channel.clone(), None))).copied().unwrap_or(Mode::Accepts)
    }

    fn arrives(&mut self, message: Outgoing) {
        let at = self.now();
        self.log.say(at, tell::arrival(&message));
        if let Some(broken) = self.watch.arrived(&message, self.steady) {
            self.violated(broken);
        }
        if message.kind == MessageKind::Page {
            self.is_read(&message);
        }
        self.arrivals.push(Arrival { at, message });
    }

    pub(crate) fn report(&mut self, report: SendReport) {
        let id = InputId::from(format!("report-{}-{}", report.send, self.steady.as_microsecond()));
        if let Some(process) = &mut self.process {
            process.inbox.push_back((None, Envelope { id, input: Input::Report(report) }));
        }
    }
}
