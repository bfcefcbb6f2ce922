//! Live alerts that may explain others, found by the labels that must be equal: derived from the state,
//! so that a target is not compared with every alert there is.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::fact::Firing;
use crate::ids::DedupKey;
use crate::label::all_match;
use crate::state::State;

/// The live sources of every inhibition rule.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// By the place of the rule and the values of its equal labels.
    by_values: BTreeMap<(usize, Vec<String>), BTreeSet<DedupKey>>,
    /// Where each key stands.
    of: BTreeMap<DedupKey, Vec<(usize, Vec<String>)>>,
}

impl Sources {
    /// Looks at every live alert that has a ticket.
    pub(super) fn rebuilt(state: &State, catalog: &Catalog) -> Self {
        let mut all = Self::default();
        if !catalog.not_paging.inhibit.is_empty() {
            for ticket in state.tickets.values().filter(|t| t.is_open()) {
                ticket.firing().for_each(|m| all.put(&m.alert, catalog));
            }
        }
        all
    }

    /// An alert fires, or fires with other labels.
    pub(super) fn put(&mut self, alert: &Firing, catalog: &Catalog) {
        self.take(&alert.key);
        for (n, rule) in catalog.not_paging.inhibit.iter().enumerate() {
            let values = rule.values(&alert.labels).filter(|_| all_match(&rule.source, &alert.labels));
            if let Some(place) = values.map(|values| (n, values)) {
                self.by_values.entry(place.clone()).or_default().insert(alert.key.clone());
                self.of.entry(alert.key.clone()).or_default().push(place);
            }
        }
    }

    /// An alert is over.
    pub(super) fn take(&mut self, key: &DedupKey) {
        for place in self.of.remove(key).unwrap_or_default() {
            if let Some(keys) = self.by_values.get_mut(&place) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_values.remove(&place);
                }
            }
        }
    }

    /// What may explain an alert with these values under rule `n`.
    pub(super) fn of_rule(&self, n: usize, values: Vec<String>) -> impl Iterator<Item = &DedupKey> {
        self.by_values.get(&(n, values)).into_iter().flatten()
    }
}
