//! Lanes, mailboxes and answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use watchbell_engine::ids::{InputId, ProbeId, SiteId};
use watchbell_engine::input::{Answer, Envelope, Input, SendReport};
use watchbell_engine::observation::Verdict;

/// How many inputs may wait in one lane (design, order of a decision).
const LANE_DEPTH: usize = 4_096;

/// How long a source waits for its input to become durable before it is told to come again.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Which queue an input waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// People's answers, and receipts.
    Answers,
    /// Signals from other systems, beats.
    Signals,
}

/// Why an input was not taken in. The source should come again; nothing is known to be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Its lane is full.
    #[error("too much is waiting; try again in a few seconds")]
    Full,
    /// It could not be made durable in time; it may still be.
    #[error("paging cannot write to its store right now; try again in a few seconds")]
    NotDurable,
    /// The process is ending.
    #[error("paging is restarting; try again in a few seconds")]
    Stopped,
}

/// An input with the place where its answer goes.
#[derive(Debug)]
pub struct Pending {
    /// The input.
    pub envelope: Envelope,
    /// Where the answer goes, where somebody waits for it.
    pub reply: Option<oneshot::Sender<Answer>>,
}

/// The door, from outside; cheap to clone.
#[derive(Clone, Debug)]
pub struct Inbox {
    answers: mpsc::Sender<Pending>,
    /// Beside the answers, because they are taken in even while the store cannot be written.
    receipts: mpsc::Sender<Pending>,
    signals: mpsc::Sender<Pending>,
    slots: Arc<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    verdicts: Mutex<BTreeMap<(ProbeId, SiteId), Verdict>>,
    filled: Notify,
    counter: AtomicU64,
}

/// The door, from inside; the driver alone has it.
#[derive(Debug)]
pub struct InboxReader {
    answers: mpsc::Receiver<Pending>,
    receipts: mpsc::Receiver<Pending>,
    signals: mpsc::Receiver<Pending>,
    slots: Arc<Slots>,
}

impl Inbox {
    /// A door and its inside.
    pub fn new() -> (Self, InboxReader) {
        let (answers, answers_in) = mpsc::channel(LANE_DEPTH);
        let (receipts, receipts_in) = mpsc::channel(LANE_DEPTH);
        let (signals, signals_in) = mpsc::channel(LANE_DEPTH);
        let slots = Arc::new(Slots::default());
        let slots_in = Arc::clone(&slots);
        let reader = InboxReader { answers: answers_in, receipts: receipts_in, signals: signals_in, slots: slots_in };
        (Self { answers, receipts, signals, slots }, reader)
    }

    /// Hands in an input and waits until it is durable.
    pub async fn ask(&self, lane: Lane, input: Input) -> Result<Answer, Unavailable> {
        self.ask_as(self.next_id(), lane, input).await
    }

    /// As [`Inbox::ask`], with an id that the source chose: a repeat gets the same answer.
    pub async fn ask_as(&self, id: InputId, lane: Lane, input: Input) -> Result<Answer, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending { envelope: Envelope { id, input }, reply: Some(reply) };
        self.lane(lane).try_send(pending).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Unavailable::Full,
            mpsc::error::TrySendError::Closed(_) => Unavailable::Stopped,
        })?;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Unavailable::Stopped),
            Err(_) => Err(Unavailable::NotDurable),
        }
    }

    /// Hands in a receipt. Waits for room, because a receipt must not be lost while we live; after a
    /// crash the unfinished outbox row takes its place.
    pub async fn report(&self, report: SendReport) -> Result<(), Unavailable> {
        let pending = Pending { envelope: Envelope { id: self.next_id(), input: Input::Report(report) }, reply: None };
        self.receipts.send(pending).await.map_err(|_| Unavailable::Stopped)
    }

    /// Puts a settled verdict into its mailbox; never waits, the newest wins.
    pub fn tell_verdict(&self, verdict: Verdict) {
        let key = (verdict.probe.clone(), verdict.site.clone());
        self.slots.verdicts.lock().unwrap_or_else(PoisonError::into_inner).insert(key, verdict);
        self.slots.filled.notify_one();
    }

    /// How many inputs wait in a lane.
    pub fn depth(&self, lane: Lane) -> usize {
        let waiting = |sender: &mpsc::Sender<Pending>| sender.max_capacity() - sender.capacity();
        match lane {
            Lane::Answers => waiting(&self.answers) + waiting(&self.receipts),
            Lane::Signals => waiting(&self.signals),
        }
    }

    /// How many verdicts wait.
    pub fn verdicts_waiting(&self) -> usize {
        self.slots.verdicts.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn lane(&self, lane: Lane) -> &mpsc::Sender<Pending> {
        match lane {
            Lane::Answers => &self.answers,
            Lane::Signals => &self.signals,
        }
    }

    fn next_id(&self) -> InputId {
        InputId::from(format!("local-{}", self.slots.counter.fetch_add(1, Ordering::Relaxed)))
    }
}

impl InboxReader {
    /// Waits until something is there. Cancelling it loses nothing.
    pub async fn ready(&mut self) -> Option<Pending> {
        tokio::select! {
            biased;
            pending = self.answers.recv() => pending,
            pending = self.receipts.recv() => pending,
            () = self.slots.filled.notified() => None,
            pending = self.signals.recv() => pending,
        }
    }

    /// Takes what waits, answers first, then receipts, verdicts and signals; at most `max`.
    pub fn take(&mut self, max: usize) -> Vec<Pending> {
        let mut out = Vec::new();
        while out.len() < max {
            let Ok(pending) = self.answers.try_recv() else { break };
            out.push(pending);
        }
        out.extend(self.take_receipts(max - out.len()));
        out.extend(self.take_verdicts(max - out.len()));
        while out.len() < max {
            let Ok(pending) = self.signals.try_recv() else { break };
            out.push(pending);
        }
        out
    }

    /// Whether nobody waits.
    pub fn is_idle(&self) -> bool {
        let verdicts = self.slots.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        self.answers.is_empty() && self.receipts.is_empty() && self.signals.is_empty() && verdicts.is_empty()
    }

    /// Takes receipts alone; at most `max`.
    pub fn take_receipts(&mut self, max: usize) -> Vec<Pending> {
        let mut out = Vec::new();
        while out.len() < max {
            let Ok(pending) = self.receipts.try_recv() else { break };
            out.push(pending);
        }
        out
    }

    /// Takes verdicts alone; at most `max`.
    pub fn take_verdicts(&mut self, max: usize) -> Vec<Pending> {
        let mut out = Vec::new();
        let mut verdicts = self.slots.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        while out.len() < max {
            let Some(((probe, site), verdict)) = verdicts.pop_first() else { break };
            let id = InputId::from(format!("verdict-{probe}-{site}-{}", verdict.confirmed.as_microsecond()));
            out.push(Pending { envelope: Envelope { id, input: Input::Verdict(verdict) }, reply: None });
        }
        if !verdicts.is_empty() {
            self.slots.filled.notify_one();
        }
        out
    }
}
