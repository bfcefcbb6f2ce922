//! After a start: raise the epoch, fold the facts, and ask the engine about what was left unfinished.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;
use watchbell_engine::pump::Pump;
use watchbell_engine::state::State;

use super::aside::Asides;
use super::{Driver, DriverDeps, DriverError};
use crate::store::{LoadError, Loaded, Store, StoreError};

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
        let facts_since_snapshot = loaded.facts.len() as u64;
        let (unfinished, state) = (loaded.unfinished.clone(), fold(loaded, &deps.store).await?);
        tracing::info!(epoch = epoch.0, facts = state.last_fact.0, unfinished = unfinished.len(), "store taken over");
        let catalog = std::sync::Arc::clone(&deps.live.config.load().catalog);
        let pump = Pump::new(state, epoch, catalog);
        let mut driver = Self {
            deps,
            pump,
            replies: BTreeMap::new(),
            next_tag: 0,
            facts_since_snapshot,
            aside: Asides::default(),
            stop: CancellationToken::new(),
        };
        let commands = driver.pump.take_over(now, unfinished);
        driver.serve(commands).await?;
        Ok(driver)
    }
}

async fn fold(loaded: Loaded, store: &Store) -> Result<State, LoadError> {
    let Loaded { snapshot, mut facts, marks, .. } = loaded;
    let mut state = State::default();
    if let Some((upto, text)) = snapshot {
        match serde_json::from_str::<State>(&text) {
            Ok(read) => state = read,
            // A snapshot is a cache: one that another build wrote is dropped, and the facts are folded
            // from the first.
            Err(error) => {
                tracing::info!(upto = upto.0, %error, "the snapshot is of another build; folding all facts");
                store.drop_snapshots().await?;
                facts = store.load().await?.facts;
            }
        }
    }
    facts.iter().for_each(|fact| state.apply(fact));
    marks.into_iter().for_each(|mark| state.mark(mark));
    Ok(state)
}
