//! The facts fold to the state that was acted on: in memory, at every start, and through a snapshot.

use watchbell_engine::state::State;

use crate::store::Store;

/// What has been compared.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    looked_at: u64,
}

impl Replay {
    /// Whether the state in memory is another than the durable one; looked at once for each new fact.
    pub(crate) fn memory(&mut self, memory: &State, store: &Store) -> Option<String> {
        let facts = store.last_fact().0;
        let fresh = std::mem::replace(&mut self.looked_at, facts) != facts;
        (fresh && *memory != store.state).then(|| "the state in memory is not what was committed".to_owned())
    }
}

/// What is wrong with the facts as a start would fold them, from the first and from a snapshot.
pub(crate) fn folded(store: &Store) -> Vec<String> {
    let mut wrong = Vec::new();
    if store.recover() != store.state {
        wrong.push("the facts fold to another state than the one that was committed".into());
    }
    let snapshot = serde_json::to_value(&store.state).and_then(serde_json::from_value::<State>);
    match snapshot {
        Ok(mut read) => {
            read.verdicts.clone_from(&store.state.verdicts);
            read.beats.clone_from(&store.state.beats);
            if read != store.state {
                wrong.push("a snapshot reads back as another state".into());
            }
        }
        Err(e) => wrong.push(format!("a snapshot cannot be read: {e}")),
    }
    wrong
}
