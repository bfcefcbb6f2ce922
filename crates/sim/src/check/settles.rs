//! Once nothing is broken any more everything comes to rest: no ticket is open for what is up, every send
//! has an outcome, and everybody has an answer.

use watchbell_engine::ids::DedupKey;
use watchbell_engine::time::{Millis, elapsed};

use super::Rule;
use crate::world::World;

/// A send is cut off long before.
const ON_ITS_WAY: Millis = Millis::secs(15);

impl World {
    /// Long after everything was mended.
    pub(crate) fn has_settled(&mut self) {
        let mut wrong: Vec<String> = Vec::new();
        if self.process.is_none() {
            wrong.push("the process did not come back".into());
        }
        // What is on its way at this very moment has its time still.
        let now = self.now();
        let late = self.store.unfinished.values().filter(|m| elapsed(m.decided_at, now) > ON_ITS_WAY);
        wrong.extend(late.map(|m| format!("{} never got an outcome", m.send)));
        let probed = |key: &DedupKey| key.as_str().strip_prefix("probe:").map(str::to_owned);
        let mended = |key: &DedupKey| probed(key).is_some_and(|p| self.setup.runs.keys().any(|id| id.as_str() == p));
        for ticket in self.store.state.tickets.values().filter(|t| t.is_open()) {
            if ticket.firing().all(|m| mended(&m.alert.key)) {
                wrong.push(format!("{} is open though all is well", ticket.id));
            }
        }
        let kept = self.store.state.quiet.keys().filter(|key| mended(key));
        wrong.extend(kept.map(|key| format!("{key} is kept quiet though all is well")));
        for ask in self.unanswered() {
            wrong.push(format!("nobody ever answered: {ask}"));
        }
        wrong.into_iter().for_each(|text| self.violated(Rule::Settles, text));
        super::replay::folded(&self.store).into_iter().for_each(|text| self.violated(Rule::Replay, text));
    }
}
