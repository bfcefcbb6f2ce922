//! Whoever wants something of the process asks until there is an answer.

use watchbell_engine::heartbeat::Beat;
use watchbell_engine::ids::{InputId, PersonId, ProbeId};
use watchbell_engine::input::{Act, Actor, Answer, Deed, Envelope, Input, Signal, Via};
use watchbell_engine::time::Millis;

use crate::check::{Rule, answers_kept};
use crate::tell;
use crate::world::{Event, World};

/// Who has no answer after so long asks again.
const AGAIN_AFTER: Millis = Millis::secs(5);

/// Something that somebody wants.
#[derive(Debug)]
pub(crate) struct Ask {
    input: Input,
    /// Who, and for what, in words; nothing where the answer is of no interest.
    told: Option<String>,
    answered: bool,
}

impl Ask {
    pub(crate) fn signal(signal: Signal) -> Self {
        Self { input: Input::Signal(signal), told: None, answered: false }
    }

    pub(crate) fn beat(probe: ProbeId, beat: Beat) -> Self {
        Self { input: Input::Beat { probe, beat }, told: None, answered: false }
    }
}

impl World {
    /// Somebody acts: through a page's link where the deed has one.
    pub(crate) fn act(&mut self, person: &PersonId, deed: Deed) {
        let through_page = match &deed {
            Deed::Ack { page, .. } | Deed::Escalate { page, .. } => page.is_some(),
            Deed::Decline { .. } => true,
            Deed::Resolve { .. }
            | Deed::Snooze { .. }
            | Deed::Take { .. }
            | Deed::Assign { .. }
            | Deed::Merge { .. }
            | Deed::Note { .. }
            | Deed::Declare { .. }
            | Deed::AddSilence { .. }
            | Deed::ChangeSilence { .. }
            | Deed::EndSilence { .. }
            | Deed::AddMaintenance { .. }
            | Deed::EndMaintenance { .. }
            | Deed::AddOverride { .. }
            | Deed::RemoveOverride { .. }
            | Deed::AddAbsence { .. }
            | Deed::RemoveAbsence { .. }
            | Deed::AskCover { .. }
            | Deed::AcceptCover { .. }
            | Deed::DeclineCover { .. }
            | Deed::WithdrawCover { .. }
            | Deed::TestPage { .. } => false,
        };
        let via = if through_page { Via::Link } else { Via::Api };
        let told = tell::deed(person, &deed);
        let by = Actor { person: Some(person.clone()), name: person.to_string(), via };
        self.ask_anew(Ask { input: Input::Act(Act { by, what: deed }), told: Some(told), answered: false });
    }

    /// What nobody has answered.
    pub(crate) fn unanswered(&self) -> Vec<String> {
        let open = self.asks.iter().filter(|a| !a.answered);
        open.map(|a| a.told.clone().unwrap_or_else(|| format!("{:?}", a.input))).collect()
    }

    pub(crate) fn ask_anew(&mut self, ask: Ask) {
        self.asks.push(ask);
        self.ask(self.asks.len() - 1);
    }

    /// Asks, and comes again later; a repeat has the same id.
    pub(crate) fn ask(&mut self, n: usize) {
        let Some(ask) = self.asks.get(n).filter(|a| !a.answered) else { return };
        let (id, input) = (InputId::from(format!("ask-{n}")), ask.input.clone());
        if let Some(process) = &mut self.process {
            let tag = self.steady.as_microsecond().unsigned_abs() * 1_000 + n as u64 % 1_000;
            process.asked.insert(tag, n);
            process.inbox.push_back((Some(tag), Envelope { id, input: input.clone() }));
            if let Some(answer) = self.planted_answer(&input) {
                self.answered(tag, &answer);
            }
        }
        self.push(AGAIN_AFTER, Event::AskAgain(n));
    }

    pub(crate) fn answered(&mut self, tag: u64, answer: &Answer) {
        let Some(n) = self.process.as_mut().and_then(|p| p.asked.remove(&tag)) else {
            return self.violated(Rule::InOrder, format!("answer {tag} is for nobody, or came twice"));
        };
        let Some(ask) = self.asks.get_mut(n).filter(|a| !a.answered) else { return };
        ask.answered = true;
        if let Some(wrong) = answers_kept::answered(&self.store, &ask.input, answer) {
            self.violated(Rule::AnswersKept, wrong);
        }
        let Some(ask) = self.asks.get(n) else { return };
        if let Some(told) = ask.told.clone() {
            self.log.say(self.now(), format!("{told}: {}", tell::answer(answer)));
        }
    }
}
