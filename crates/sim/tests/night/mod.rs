//! Nights as files: `tests/nights/*.yaml` at the repository root.
#![allow(dead_code, reason = "each binary uses a part of this")]

pub mod duty;
pub mod event;
pub mod expect;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use watchbell_config::{Check, Config, Secrets, Sources, read};
use watchbell_engine::Timestamp;
use watchbell_engine::time::{Millis, after};
use watchbell_sim::{Chaos, Night, ProbeRun, Setup};

/// A night as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// One sentence.
    pub about: String,
    #[serde(flatten)]
    config: WrittenConfig,
    /// An instant with its offset.
    start: Timestamp,
    seed: u64,
    events: Vec<event::Written>,
    until: Span,
    #[serde(default)]
    pub expect: Vec<expect::Expected>,
}

/// A configuration in the documented format: here, or in a file of `configs/`; with words replaced.
#[derive(Clone, Debug, Deserialize)]
pub struct WrittenConfig {
    config: Option<String>,
    config_from: Option<String>,
    #[serde(default)]
    replace: BTreeMap<String, String>,
}

/// A length of time: `90s`, `1h30m`, `-250ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub i64);

impl Span {
    pub fn millis(self) -> Millis {
        Millis(u64::try_from(self.0).expect("a length that is not negative"))
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let mut total = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(format!("`{text}` has no unit"))?;
            let number: i64 = rest[..digits].parse().map_err(|e| format!("`{text}`: {e}"))?;
            rest = &rest[digits..];
            let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            total += number
                * match &rest[..unit] {
                    "ms" => 1,
                    "s" => 1_000,
                    "m" => 60_000,
                    "h" => 3_600_000,
                    other => return Err(format!("`{text}`: `{other}` is no unit")),
                };
            rest = &rest[unit..];
        }
        Ok(Self(sign * total))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

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

impl Written {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The night, ready to be lived through; the name tells temporary directories apart.
    pub fn night(&self, name: &str) -> Night {
        let setup = self.config.setup(name, self.start);
        let mut events = Vec::new();
        for (n, event) in self.events.iter().enumerate() {
            let at = event.at.millis();
            let changed =
                |config: &WrittenConfig| config.or_base(&self.config).setup(&format!("{name}-{n}"), self.start);
            for (later, happening) in event.what.happenings(after(self.start, at), changed) {
                events.push((at.plus(later), happening));
            }
        }
        Night { start: self.start, lasts: self.until.millis(), seed: self.seed, setup, events, chaos: None }
    }

    pub fn start(&self) -> Timestamp {
        self.start
    }
}

/// The same night with another seed, in which everything goes wrong that can.
pub fn with_chaos(night: &Night, seed: u64) -> Night {
    Night { seed, chaos: Some(Chaos::ALL), ..night.clone() }
}

impl WrittenConfig {
    fn or_base(&self, base: &Self) -> Self {
        if self.config.is_some() || self.config_from.is_some() {
            return self.clone();
        }
        Self { replace: self.replace.clone(), ..base.clone() }
    }

    fn text(&self) -> String {
        let mut text = match (&self.config, &self.config_from) {
            (Some(text), None) => text.clone(),
            (None, Some(name)) => {
                let path = directory().join("configs").join(format!("{name}.yaml"));
                std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            }
            _ => panic!("a night has `config` or `config_from`"),
        };
        for (from, to) in &self.replace {
            assert!(text.contains(from), "the configuration has no `{from}` to replace");
            text = text.replace(from, to);
        }
        text
    }

    /// Reads it from a directory of its own, as the server would.
    fn setup(&self, name: &str, now: Timestamp) -> Setup {
        let dir = std::env::temp_dir().join(format!("watchbell-nights-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        std::fs::write(dir.join("watchbell.yaml"), self.text()).expect("a file");
        let env: watchbell_config::Env = Arc::new(|name| {
            let token = name.ends_with("_TOKEN");
            Some(if token { "a-token-of-the-nights-01".into() } else { "whsec_c2VjcmV0LW9mLXRoZS1uaWdodHM=".into() })
        });
        let sources = Sources { dir: dir.clone(), vars: BTreeMap::new(), env };
        let report = read(&sources, Secrets::WarnIfMissing, now);
        std::fs::remove_dir_all(&dir).expect("the directory goes again");
        let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
        let config = report.config.unwrap_or_else(|| panic!("{name}: {}", errors.join("\n\n")));
        setup(&config)
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
