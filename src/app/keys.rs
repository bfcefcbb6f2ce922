//! The server key, from which the links in pages are made.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use watchbell_config::{Config, StoreUrl};
use watchbell_engine::ids::{ChannelId, PageId};

use crate::delivery::LinkMaker;
use crate::inbox::Live;
use crate::web::LinkKey;

/// The key may be given here instead of in a file: 43 base64url characters.
const KEY_VARIABLE: &str = "WATCHBELL_KEY";

/// The file beside the store.
const KEY_FILE: &str = "watchbell.key";

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Why there is no server key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("the server key {} cannot be {doing} ({why}); links in pages are made from it: make the directory writable, or set WATCHBELL_KEY", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// What the system said.
        why: String,
    },
    /// It is no key.
    #[error(
        "{place} does not hold a server key (43 base64url characters); remove it, and a new one is made: links in pages that were sent before will then no longer work"
    )]
    NotAKey {
        /// Where it was found.
        place: String,
    },
    /// No randomness.
    #[error("the system gave no random bytes for a server key")]
    Random,
}

/// The server key: from the environment, else from the file beside the store, which is made at the
/// first start with rights for its owner alone.
pub(super) fn server_key(config: &Config) -> Result<Vec<u8>, KeyError> {
    if let Ok(text) = std::env::var(KEY_VARIABLE) {
        return decode(&text).ok_or_else(|| KeyError::NotAKey { place: KEY_VARIABLE.into() });
    }
    let path = key_file(config);
    match std::fs::read_to_string(&path) {
        Ok(text) => decode(&text).ok_or_else(|| KeyError::NotAKey { place: path.display().to_string() }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => make(&path),
        Err(e) => Err(KeyError::File { path, doing: "read", why: e.to_string() }),
    }
}

/// Beside the store; in the configuration directory where the store is a server.
pub fn key_file(config: &Config) -> PathBuf {
    let dir = match &config.store {
        StoreUrl::Sqlite(path) => path.parent().unwrap_or(&config.dir),
        StoreUrl::Postgres(_) => &config.dir,
    };
    dir.join(KEY_FILE)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim()).ok().filter(|key| key.len() == KEY_BYTES)
}

fn make(path: &Path) -> Result<Vec<u8>, KeyError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut key = vec![0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_| KeyError::Random)?;
    let failed = |e: std::io::Error| KeyError::File { path: path.into(), doing: "written", why: e.to_string() };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(URL_SAFE_NO_PAD.encode(&key).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(key)
}

/// The token of whoever can read the server key, if this process can: derived from it, so that it does
/// not lead back to it (`docs/decisions/0008-the-operator-of-the-machine.md`).
pub fn operator_token(config: &Config) -> Option<String> {
    let text = std::env::var(KEY_VARIABLE).ok().or_else(|| std::fs::read_to_string(key_file(config)).ok())?;
    decode(&text).map(|key| derived_token(&key))
}

pub(super) fn derived_token(key: &[u8]) -> String {
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"watchbell operator token v1");
    format!("wb_{}", URL_SAFE_NO_PAD.encode(mac.as_ref()))
}

/// Makes the links of pages, below the `public_url` in force.
pub(super) struct Links {
    key: LinkKey,
    live: Arc<Live>,
}

impl Links {
    pub(super) fn new(key: LinkKey, live: Arc<Live>) -> Self {
        Self { key, live }
    }
}

impl LinkMaker for Links {
    fn ack_url(&self, page: PageId, channel: &ChannelId) -> String {
        format!("{}{}", self.live.config.load().server.public_url, self.key.ack_path(page, channel))
    }
}
