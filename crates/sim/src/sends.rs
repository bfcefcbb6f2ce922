//! Messages on their way: released, handed to a provider, at somebody's phone, reported.

use watchbell_engine::fact::MessageKind;
use watchbell_engine::ids::{ChannelId, InputId, PersonId};
use watchbell_engine::input::{Envelope, Input, SendReport};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Receipt;

use crate::check::{Rule, quiet_after_answer};
use crate::script::{CrashPoint, Mode};
use crate::tell;
use crate::world::{Arrival, Event, World};

/// When one send is cut off.
const CUT_OFF: u64 = 5_000;

impl World {
    pub(crate) fn release(&mut self, messages: Vec<Outgoing>, recorded: bool) {
        let messages = self.planted_release(messages);
        self.let_go(messages, recorded);
    }

    pub(crate) fn let_go(&mut self, messages: Vec<Outgoing>, recorded: bool) {
        let Some(process) = &mut self.process else { return };
        let epoch = process.epoch;
        if !recorded {
            process.unrecorded.extend(messages.iter().map(|m| m.send));
            self.log.say(self.now(), format!("{} first pages go out unrecorded", messages.len()));
        }
        for message in messages {
            if recorded && let Some(wrong) = quiet_after_answer::released(&self.store.state, &message) {
                self.violated(Rule::QuietAfterAnswer, wrong);
            }
            let takes = self.takes(100, 5, 400);
            self.push(takes, Event::HandOver { epoch, message: Box::new(message) });
        }
        self.dies_at(CrashPoint::BeforeHandOver);
    }

    pub(crate) fn hand_over(&mut self, message: Outgoing) {
        let usual = self.mode(&message.channel, &message.person);
        let mode = self.by_chance(usual);
        match mode {
            // The provider has taken it: there is nothing more that could be known.
            Mode::Loses | Mode::Delays => self.watch.paging.arrived(&message, self.steady),
            _ if mode != usual && message.kind == MessageKind::Page => {
                self.watch.paging.failed(message.page.map(|p| p.ticket), self.steady);
            }
            _ => {}
        }
        let (receipt, takes_ms) = match mode {
            Mode::Accepts | Mode::Loses | Mode::Delays | Mode::Doubles => (Receipt::Accepted, 200),
            Mode::Refuses => (Receipt::Refused, 200),
            Mode::FailsForNow | Mode::FailsAndDelivers => (Receipt::TryAgain, 200),
            Mode::Hangs | Mode::AnswerLost => (Receipt::Unknown, CUT_OFF),
        };
        let receipt = self.planted_receipt(receipt);
        if mode != Mode::Accepts {
            let key = format!("{}/{}/{}/{mode:?}", message.send.subject, message.channel, message.person);
            self.log.say_once(self.now(), key, tell::failed_try(&message, mode));
        }
        let (send, handed_over) = (message.send, Some(self.now()));
        self.deliver(message, mode);
        if self.dies_at(CrashPoint::BeforeReport) {
            return;
        }
        let Some(epoch) = self.process.as_ref().map(|p| p.epoch) else { return };
        let report = SendReport { send, handed_over, receipt, detail: None, retry_after: None };
        if self.by_ratio(|f| f.doubled_reports) {
            let again = Millis(self.rng.between(1, 20_000));
            self.push(again, Event::Report { epoch, report: Box::new(report.clone()) });
        }
        self.push(Millis(takes_ms), Event::Report { epoch, report: Box::new(report) });
    }

    fn by_chance(&mut self, usual: Mode) -> Mode {
        let Some(faults) = self.faults.filter(|_| usual == Mode::Accepts) else { return usual };
        let drawn = [
            (faults.lost_answers, Mode::AnswerLost),
            (faults.refusals, Mode::Refuses),
            (faults.failures, Mode::FailsForNow),
            (faults.error_then_arrives, Mode::FailsAndDelivers),
            (faults.hangs, Mode::Hangs),
            (faults.lost, Mode::Loses),
            (faults.late, Mode::Delays),
            (faults.doubled, Mode::Doubles),
        ];
        drawn.into_iter().find_map(|(ratio, mode)| self.rng.ratio(ratio).then_some(mode)).unwrap_or(usual)
    }

    /// What the provider does with it after it has said something, or nothing.
    fn deliver(&mut self, message: Outgoing, mode: Mode) {
        match mode {
            Mode::Accepts | Mode::AnswerLost | Mode::FailsAndDelivers => self.arrives(message),
            Mode::Delays => {
                let late = self.takes(60_000, 1_000, 120_000);
                self.push(late, Event::Arrives(Box::new(message)));
            }
            Mode::Doubles => {
                self.watch.doubles.allow_again(&[message.send].into());
                let again = self.takes(1_000, 1, 20_000);
                self.push(again, Event::Arrives(Box::new(message.clone())));
                self.arrives(message);
            }
            Mode::Loses | Mode::Refuses | Mode::FailsForNow | Mode::Hangs => {}
        }
    }

    /// How a channel behaves for a person.
    pub(crate) fn mode(&self, channel: &ChannelId, person: &PersonId) -> Mode {
        let own = self.modes.get(&(channel.clone(), Some(person.clone())));
        own.or_else(|| self.modes.get(&(channel.clone(), None))).copied().unwrap_or(Mode::Accepts)
    }

    pub(crate) fn arrives(&mut self, message: Outgoing) {
        let at = self.now();
        self.log.say(at, tell::arrival(&message));
        self.watch.paging.arrived(&message, self.steady);
        if let Some(broken) = self.watch.doubles.arrived(message.send) {
            self.violated(Rule::FewDoubles, broken);
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
