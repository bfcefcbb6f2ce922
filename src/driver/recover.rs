//! After a start: raise the epoch, fold the facts, and ask the engine about what was left unfinished.

use std::collections::BTreeMap;

use watchbell_engine::pump::Pump;
use watchbell_engine::state::State;

use super::{Driver, DriverDeps, DriverError};
use crate::store::{LoadError, Loaded, StoreError};

/// Why a start could not recover.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The store did not answer.
    #[error("the store could not be read")]
    Store(#[from] StoreError),
    /// What it holds cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Taking over failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

impl Driver {
    /// Takes over the store: from here on no earlier process can commit, and everything that an earlier
    /// one left unfinished has been decided anew.
    pub async fn take_over(deps: DriverDeps) -> Result<Self, RecoverError> {
        let now = deps.clock.now();
        let epoch = deps.store.raise_epoch(now).await?;
        let loaded = deps.store.load().await?;
        tracing::info!(
            epoch = epoch.0,
            facts = loaded.facts.len(),
            unfinished = loaded.unfinished.len(),
            "store taken over"
        );
        let facts_since_snapshot = loaded.facts.len() as u64;
        let (state, unfinished) = fold(loaded, &deps).await?;
        let catalog = std::sync::Arc::clone(&deps.live.config.load().catalog);
        let pump = Pump::new(state, epoch, catalog);
        let mut driver = Self { deps, pump, replies: BTreeMap::new(), next_tag: 0, facts_since_snapshot };
        let commands = driver.pump.take_over(now, unfinished);
        driver.serve(commands).await?;
        Ok(driver)
    }
}

async fn fold(
    loaded: Loaded,
    deps: &DriverDeps,
) -> Result<(State, Vec<watchbell_engine::outgoing::Outgoing>), RecoverError> {
    let Loaded { snapshot, facts, marks, unfinished, .. } = loaded;
    let mut state = State::default();
    let mut facts = facts;
    if let Some((upto, text)) = snapshot {
        match serde_json::from_str::<State>(&text) {
            Ok(read) => state = read,
            // A snapshot is a cache: one that another build wrote is left aside, and the facts are folded
            // from the first.
            Err(error) => {
                tracing::info!(upto = upto.0, %error, "the snapshot is of another build; folding all facts");
                facts = deps.store.all_facts().await?;
            }
        }
    }
    for fact in &facts {
        state.apply(fact);
    }
    for mark in marks {
        state.mark(mark);
    }
    Ok((state, unfinished))
}
