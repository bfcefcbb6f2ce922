//! A message arrives once, and at most once more for each crash that left it in doubt.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_engine::ids::SendId;

/// How often what has arrived, and may.
#[derive(Debug, Default)]
pub(crate) struct Doubles {
    arrived: BTreeMap<SendId, u32>,
    /// So many arrivals more than one are the price of crashes, or of the provider.
    allowed: BTreeMap<SendId, u32>,
}

impl Doubles {
    /// These are in doubt, or doubled by their provider: each may come once more.
    pub(crate) fn allow_again(&mut self, in_doubt: &BTreeSet<SendId>) {
        for send in in_doubt {
            *self.allowed.entry(*send).or_default() += 1;
        }
    }

    /// A message is at its person; what is wrong with that.
    pub(crate) fn arrived(&mut self, send: SendId) -> Option<String> {
        let count = self.arrived.entry(send).or_default();
        *count += 1;
        let allowed = 1 + self.allowed.get(&send).copied().unwrap_or(0);
        (*count > allowed).then(|| format!("{send} arrives {count} times, {allowed} would be the price"))
    }
}
