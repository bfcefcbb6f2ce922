//! While a probe's committed verdict is not up its alert is known, and while it is up there is none.

use watchbell_engine::ids::DedupKey;
use watchbell_engine::state::State;
use watchbell_engine::word::Level;

use crate::script::Setup;

/// What is wrong with the durable state.
pub(crate) fn look(state: &State, setup: &Setup) -> Vec<String> {
    let mut wrong = Vec::new();
    for verdict in state.verdicts.values() {
        let key = DedupKey::probe(&verdict.probe);
        let known = state.is_firing(&key) || state.set_aside.contains(&key);
        let in_force = setup.catalog.probes.contains_key(&verdict.probe);
        // What comes and goes keeps its ticket while it is up.
        let flaps = state.firing_ticket(&key).and_then(|t| t.member(&key)).is_some_and(|m| !m.is_down());
        if in_force && !flaps && known == (verdict.level == Level::Up) {
            wrong.push(format!("{key} is {} and its alert says otherwise", verdict.level));
        }
    }
    wrong
}
