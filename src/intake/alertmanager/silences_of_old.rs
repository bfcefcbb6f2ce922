//! Silences that are over: `amtool silence query --expired` shows them, and ending one again is no mistake.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use watchbell_engine::fact::What;
use watchbell_engine::ids::SilenceId;
use watchbell_engine::view::SilenceView;

use crate::store::{Store, StoreError};

/// Silences are shown for so long after their end, as Alertmanager does.
const SHOWN_FOR: SignedDuration = SignedDuration::from_hours(5 * 24);

/// A silence that ended within [`SHOWN_FOR`] was recorded within this: none lasts longer than 30 days.
const RECORDED_WITHIN: SignedDuration = SignedDuration::from_hours(36 * 24);

/// Every silence that ended of late, by its id.
pub(super) async fn ended(store: &Store, now: Timestamp) -> Result<BTreeMap<SilenceId, SilenceView>, StoreError> {
    let (soon, ended_from) = (now + SignedDuration::from_hours(1), now - SHOWN_FOR);
    let added = store.facts_of_kind("silence_added", now - RECORDED_WITHIN, soon).await?;
    let mut all = BTreeMap::new();
    for fact in added {
        let What::SilenceAdded { silence, matchers, until, by, reason, from } = fact.what else { continue };
        let (from, by) = (from.unwrap_or(fact.at), by.name);
        let view = SilenceView {
            id: silence,
            matchers,
            from,
            until,
            by,
            reason,
            silenced: 0,
            active: false,
            ends_soon: false,
        };
        all.insert(silence, view);
    }
    let mut out = BTreeMap::new();
    for fact in store.facts_of_kind("silence_ended", ended_from, soon).await? {
        let What::SilenceEnded { silence, .. } = fact.what else { continue };
        if let Some(mut view) = all.remove(&silence) {
            view.until = fact.at;
            view.from = view.from.min(fact.at);
            out.insert(silence, view);
        }
    }
    Ok(out)
}
