//! A thin stand-in for the store, until its branch is merged.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use watchbell_engine::commit::TicketRow;
use watchbell_engine::fact::Fact;
use watchbell_engine::ids::{ProbeId, TicketId};
use watchbell_engine::observation::Observation;
use watchbell_engine::view::{PageView, TicketState, TicketView};

#[derive(Debug, thiserror::Error)]
#[error("store")]
pub struct StoreError;
#[derive(Clone, Debug)]
pub struct TicketFilter {
    pub states: Vec<TicketState>,
    pub before: Option<TicketId>,
    pub limit: u32,
}
#[derive(Clone, Debug)]
pub struct TokenRow {
    pub name: String,
    pub role: String,
    pub created_at: Timestamp,
}
#[derive(Debug, Default)]
pub struct History;
impl History {
    pub async fn last_failures(&self, _probe: &ProbeId, _limit: u32) -> Result<Vec<Observation>, StoreError> {
        Ok(Vec::new())
    }
}
#[derive(Clone, Default)]
pub struct Store(Arc<(Mutex<Vec<([u8; 32], TokenRow)>>, History)>);
impl Store {
    pub async fn ticket(&self, _id: TicketId) -> Result<Option<TicketRow>, StoreError> {
        Ok(None)
    }
    pub async fn tickets(&self, _f: &TicketFilter) -> Result<Vec<TicketView>, StoreError> {
        Ok(Vec::new())
    }
    pub async fn pages(&self, _t: TicketId) -> Result<Vec<PageView>, StoreError> {
        Ok(Vec::new())
    }
    pub async fn facts_of(&self, _t: TicketId) -> Result<Vec<Fact>, StoreError> {
        Ok(Vec::new())
    }
    pub async fn create_token(&self, name: &str, role: &str, hash: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
        self.0.0.lock().map_err(|_| StoreError)?.push((*hash, TokenRow { name: name.into(), role: role.into(), created_at: now }));
        Ok(())
    }
    pub async fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        Ok(self.0.0.lock().map_err(|_| StoreError)?.iter().find(|(h, _)| h == hash).map(|(_, r)| r.clone()))
    }
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        Ok(self.0.0.lock().map_err(|_| StoreError)?.iter().map(|(_, r)| r.clone()).collect())
    }
    pub async fn revoke_token(&self, name: &str) -> Result<bool, StoreError> {
        let mut all = self.0.0.lock().map_err(|_| StoreError)?;
        let before = all.len();
        all.retain(|(_, r)| r.name != name);
        Ok(all.len() < before)
    }
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
    pub fn history(&self) -> &History {
        &self.0.1
    }
}
