//! An alarm about watchbell itself: a signal with a `self:` key, which takes the way of every other one.

use std::sync::Arc;

use watchbell_engine::ids::DedupKey;
use watchbell_engine::input::{Input, Signal, SignalAction};
use watchbell_engine::label::Labels;
use watchbell_engine::view::{LiveView, TicketState};
use watchbell_engine::word::Severity;

use crate::inbox::{Inbox, Lane, Live};
use crate::words::{Unwell, unwell};

/// One alarm. It is told once when it is raised and once when it is over, and again until that is durable.
pub(super) struct Alarm {
    key: DedupKey,
    inbox: Inbox,
    live: Arc<Live>,
    raised: bool,
}

impl Alarm {
    /// An alarm that may still be raised from the life before.
    pub(super) fn new(key: &str, inbox: &Inbox, live: &Arc<Live>) -> Self {
        let key = DedupKey::from(key);
        let raised = is_known(&live.view.load(), &key);
        Self { key, inbox: inbox.clone(), live: Arc::clone(live), raised }
    }

    /// Whether the engine has been told.
    pub(super) fn is_raised(&self) -> bool {
        self.raised
    }

    /// Says what is wrong, once.
    pub(super) async fn raise(&mut self, what: &Unwell) {
        if self.raised {
            return;
        }
        let summary = unwell(what, self.live.config.load().catalog.locale);
        tracing::error!(key = %self.key, "{summary}");
        self.raised = self.tell(SignalAction::Fire, summary).await;
    }

    /// Says that it is over, once.
    pub(super) async fn lower(&mut self) {
        if self.raised {
            self.raised = !self.tell(SignalAction::Resolve, String::new()).await;
        }
    }

    /// Whether it is durable. If not, the caller looks again soon and decides from what it sees then.
    async fn tell(&self, action: SignalAction, summary: String) -> bool {
        let signal = Signal {
            dedup_key: self.key.clone(),
            action,
            summary,
            severity: Severity::Critical,
            labels: Labels::from([("service".to_owned(), "watchbell".to_owned())]),
            started_at: None,
            source: "self".into(),
            more: watchbell_engine::input::More::default(),
        };
        match self.inbox.ask(Lane::Signals, Input::Signal(signal)).await {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(key = %self.key, %error, "an alarm about watchbell itself could not be recorded");
                false
            }
        }
    }
}

/// Whether the alarm is raised, by what has been recorded.
pub(super) fn is_known(view: &LiveView, key: &DedupKey) -> bool {
    let open = view.tickets.values().filter(|t| t.view.state != TicketState::Resolved);
    open.flat_map(|t| &t.view.alerts).any(|a| a.dedup_key == *key)
        || view.quiet.iter().any(|q| q.alert.dedup_key == *key)
}
