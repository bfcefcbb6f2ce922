//! What sources said last of the alerts that they say again and again, for whoever asks in Alertmanager's own
//! words. Nothing is decided from it: the engine keeps its own account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Looked through for what is over once it has grown by so many.
const LOOKED_THROUGH_AT: usize = 4_096;

/// When an alert was said last, and until when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) at: Timestamp,
    pub(super) until: Timestamp,
}

/// What was said of which alert, by its key.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    said: HashMap<String, Said>,
    look_at: usize,
}

impl Heard {
    pub(super) fn note(&self, all: impl IntoIterator<Item = (String, Said)>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.said.extend(all);
        if kept.said.len() > kept.look_at.max(LOOKED_THROUGH_AT) {
            kept.said.retain(|_, said| said.until > now);
            kept.look_at = kept.said.len() * 2;
        }
    }

    pub(super) fn of(&self, key: &str) -> Option<Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).said.get(key).copied()
    }
}
