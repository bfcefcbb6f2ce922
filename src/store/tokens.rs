//! API tokens: names, roles and hashes. The token itself is never here.

use jiff::Timestamp;

use super::Store;
use super::db::{Row, q};
use super::error::{CreateTokenError, StoreError};

/// The use of a token is written down at most this often, microseconds: reading must not become writing.
const TOUCHED_EVERY_US: i64 = 60_000_000;

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// What people call it; unique.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// When it was used last, give or take a minute.
    pub last_used: Option<Timestamp>,
}

impl Store {
    /// Keeps a new token by its hash.
    pub async fn create_token(
        &self,
        name: &str,
        role: &str,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), CreateTokenError> {
        const CREATE: &str = "INSERT INTO tokens (name, role, hash, created_us) VALUES ($1, $2, $3, $4)
            ON CONFLICT (name) DO NOTHING";
        let query = q(CREATE).bind(name).bind(role).bind(hash.as_slice()).bind(now);
        match self.write_rows("store.token.create", query).await? {
            0 => Err(CreateTokenError::NameTaken(name.into())),
            _one => Ok(()),
        }
    }

    /// The token with this hash.
    pub async fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        let query = q("SELECT name, role, created_us, last_used_us FROM tokens WHERE hash = $1").bind(hash.as_slice());
        self.rows("store.token.by_hash", query).await?.first().map(TokenRow::read).transpose()
    }

    /// Notes that a token was used; writes at most once a minute.
    pub async fn touch_token(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        const TOUCH: &str = "UPDATE tokens SET last_used_us = $1
            WHERE name = $2 AND (last_used_us IS NULL OR last_used_us <= $1 - $3)";
        let query = q(TOUCH).bind(now).bind(name).bind(TOUCHED_EVERY_US);
        self.write_rows("store.token.touch", query).await.map(drop)
    }

    /// Every token, by name.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let query = q("SELECT name, role, created_us, last_used_us FROM tokens");
        let rows = self.rows("store.token.list", query).await?;
        let mut tokens = rows.iter().map(TokenRow::read).collect::<Result<Vec<_>, _>>()?;
        tokens.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tokens)
    }

    /// Takes a token away; false where there was none of that name.
    pub async fn revoke_token(&self, name: &str) -> Result<bool, StoreError> {
        let query = q("DELETE FROM tokens WHERE name = $1").bind(name);
        Ok(self.write_rows("store.token.revoke", query).await? > 0)
    }
}

impl TokenRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.get("name")?,
            role: row.get("role")?,
            created_at: row.instant("created_us")?,
            last_used: row.maybe_instant("last_used_us")?,
        })
    }
}
