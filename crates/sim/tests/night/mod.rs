//! Nights as files: `tests/nights/*.yaml` at the repository root, read as the server reads its configuration.
#![allow(dead_code, reason = "each binary uses a part of this")]

pub mod duty;
pub mod live;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchbell_config::{Check, Config, Secrets, Sources, read};
use watchbell_engine::Timestamp;
use watchbell_sim::night::{ConfigText, Written};
use watchbell_sim::{Faults, Night, ProbeRun, Setup};

/// Where the nights are.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/nights")
}

/// The file names of all nights, in order.
pub fn all() -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory()).expect("the directory of nights");
    let mut files: Vec<PathBuf> = files.map(|f| f.expect("a directory entry").path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    files
}

/// A night from its file.
pub fn written(path: &Path) -> Written {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A night, ready to be lived through.
pub fn night(written: &Written) -> Night {
    written.night(&mut Reader::new().reads()).unwrap_or_else(|e| panic!("{e}"))
}

/// The same night with another seed, in which everything goes wrong that can.
pub fn with_faults(night: &Night, seed: u64) -> Night {
    Night { seed, faults: Some(Faults::ALL), ..night.clone() }
}

/// Reads configurations from a directory of its own, as the server would.
pub struct Reader {
    dir: PathBuf,
}

impl Reader {
    pub fn new() -> Self {
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("watchbell-nights-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        Self { dir }
    }

    /// The reader as a night asks it.
    pub fn reads(&self) -> impl FnMut(&ConfigText, Timestamp) -> Result<Setup, String> + '_ {
        |config, now| {
            let text = config.text(|name| {
                let path = directory().join("configs").join(format!("{name}.yaml"));
                std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
            })?;
            self.setup(&text, now)
        }
    }

    fn setup(&self, text: &str, now: Timestamp) -> Result<Setup, String> {
        std::fs::write(self.dir.join("watchbell.yaml"), text).map_err(|e| e.to_string())?;
        let env: watchbell_config::Env = Arc::new(|name| {
            let token = name.ends_with("_TOKEN");
            Some(if token {
                format!("a-token-of-the-nights-{name}")
            } else {
                "whsec_c2VjcmV0LW9mLXRoZS1uaWdodHM=".into()
            })
        });
        let sources = Sources { dir: self.dir.clone(), vars: BTreeMap::new(), env };
        let report = read(&sources, Secrets::WarnIfMissing, now);
        let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
        let config = report.config.ok_or_else(|| errors.join("\n\n"))?;
        Ok(setup(&config))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir); // what is left behind is only a temporary file
    }
}

fn setup(config: &Config) -> Setup {
    let run = |spec: &watchbell_config::ProbeSpec| match spec.check {
        Check::Http(_) | Check::Tcp(_) => {
            Some((spec.id.clone(), ProbeRun { every: spec.every, timeout: spec.timeout, rule: spec.detect }))
        }
        Check::Heartbeat { .. } => None,
    };
    Setup { catalog: Arc::clone(&config.catalog), runs: config.probes.values().filter_map(run).collect() }
}
