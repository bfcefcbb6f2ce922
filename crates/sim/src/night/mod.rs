//! Nights as they are written: `tests/nights/*.yaml` at the repository root, and what the shrinker writes.
//!
//! A night has its configuration in the documented format (here, or in a file of `configs/`, with words
//! replaced), a start, a seed, events, and what it must have shown. With `faults` chance strikes as well, and
//! the same seed strikes in the same way.

pub mod event;
pub mod expect;
pub mod span;
pub mod yaml;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchbell_engine::time::after;

use crate::script::{Faults, Night, Setup};
pub use span::Span;

/// A night as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// One sentence.
    pub about: String,
    /// The configuration it begins with.
    #[serde(flatten)]
    pub config: ConfigText,
    /// An instant with its offset.
    pub start: Timestamp,
    /// What all chance is drawn from.
    pub seed: u64,
    /// What goes wrong by chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<Faults>,
    /// What happens.
    pub events: Vec<event::Written>,
    /// How long it lasts.
    pub until: Span,
    /// What it must have shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<expect::Expected>,
}

/// A configuration in the documented format: here, or in a file of `configs/`; with words replaced.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ConfigText {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The name of a file in `configs/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_from: Option<String>,
    /// Words and what stands in their place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replace: BTreeMap<String, String>,
}

impl ConfigText {
    /// This text.
    pub fn inline(text: impl Into<String>) -> Self {
        Self { config: Some(text.into()), ..Self::default() }
    }

    /// This configuration, or `base` with the words of this one replaced.
    fn or_base(&self, base: &Self) -> Self {
        if self.config.is_some() || self.config_from.is_some() {
            return self.clone();
        }
        Self { replace: self.replace.clone(), ..base.clone() }
    }

    /// The whole text; `file` gives the text of a file of `configs/`.
    pub fn text(&self, file: impl FnOnce(&str) -> Result<String, String>) -> Result<String, String> {
        let mut text = match (&self.config, &self.config_from) {
            (Some(text), None) => text.clone(),
            (None, Some(name)) => file(name)?,
            _ => return Err("a night has `config` or `config_from`".into()),
        };
        for (from, to) in &self.replace {
            if !text.contains(from) {
                return Err(format!("the configuration has no `{from}` to replace"));
            }
            text = text.replace(from, to);
        }
        Ok(text)
    }
}

/// How a configuration is read: the night itself knows no files.
pub type ReadConfig<'a> = dyn FnMut(&ConfigText, Timestamp) -> Result<Setup, String> + 'a;

impl Written {
    /// The night, ready to be lived through.
    pub fn night(&self, read: &mut ReadConfig<'_>) -> Result<Night, String> {
        let setup = read(&self.config, self.start)?;
        let mut events = Vec::new();
        for event in &self.events {
            let at = event.at.millis();
            let mut changed = |config: &ConfigText| read(&config.or_base(&self.config), self.start);
            for (later, happening) in event.what.happenings(after(self.start, at), &mut changed)? {
                events.push((at.plus(later), happening));
            }
        }
        Ok(Night {
            start: self.start,
            lasts: self.until.millis(),
            seed: self.seed,
            setup,
            events,
            faults: self.faults,
            before: Vec::new(),
            plant: None,
        })
    }
}
