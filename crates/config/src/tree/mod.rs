//! One YAML file as a tree whose every key and value knows its place and keeps its source text.
//!
//! Owns: the tree; [`parse`] makes it. Never: what a key means.

mod parse;

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::mistake::Spot;

pub(crate) use parse::parse_all;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the configuration directory, with `/`.
    pub(crate) name: String,
    /// Its whole text.
    pub(crate) text: String,
    /// Where each line begins, found when the first mistake is shown.
    begins: OnceLock<Vec<usize>>,
}

impl SourceFile {
    /// A file with its text.
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), begins: OnceLock::new() }
    }

    /// A line by its number, from 1; empty where there is none.
    pub(crate) fn line(&self, number: usize) -> &str {
        let begins = self
            .begins
            .get_or_init(|| std::iter::once(0).chain(self.text.match_indices('\n').map(|(at, _)| at + 1)).collect());
        let from = number.checked_sub(1).and_then(|index| begins.get(index)).copied().unwrap_or(self.text.len());
        self.text[from..].lines().next().unwrap_or_default()
    }
}

/// Where something stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// In which file.
    pub(crate) file: Arc<SourceFile>,
    /// From 1; 0 where the whole file is meant.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// How many characters of the line it covers, at least 1.
    pub(crate) width: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.name, self.line, self.column)
    }
}

/// The way from the root of a file to a value; shown as `probes[2].http.url`.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyPath(Option<Arc<Link>>);

#[derive(Debug)]
struct Link {
    parent: KeyPath,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl KeyPath {
    /// The value under a key.
    pub(crate) fn key(&self, key: &str) -> Self {
        Self(Some(Arc::new(Link { parent: self.clone(), step: Step::Key(key.into()) })))
    }

    fn index(&self, index: usize) -> Self {
        Self(Some(Arc::new(Link { parent: self.clone(), step: Step::Index(index) })))
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(link) = &self.0 else { return Ok(()) };
        link.parent.fmt(f)?;
        match &link.step {
            Step::Key(key) if link.parent.0.is_none() => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) path: KeyPath,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A text, a number, a truth value: whatever is written in one piece.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    /// What it says: `no` stays `no`, `1.10` stays `1.10`.
    pub(crate) text: String,
    /// Written in quotes, as a block or with `!!str`, and therefore a text and nothing else.
    pub(crate) quoted: bool,
    /// What stands in the file, where `{{vars.…}}` changed it.
    pub(crate) written: Option<String>,
    /// How many characters after the place the text begins, where it stands there as it is.
    pub(crate) begins: Option<usize>,
    /// What is wrong with it has been recorded already.
    pub(crate) broken: bool,
}

impl Scalar {
    fn empty() -> Self {
        Self { text: String::new(), quoted: false, written: None, begins: None, broken: false }
    }
}

/// A key of a map.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) place: Place,
}

impl Key {
    /// Where to point when the key is meant; `value` is what stands under it.
    pub(crate) fn spot(&self, value: &Node) -> Spot {
        Spot::new(self.place.clone(), value.path.clone())
    }
}

impl Node {
    /// Where to point when the whole value is meant.
    pub(crate) fn spot(&self) -> Spot {
        Spot::new(self.place.clone(), self.path.clone())
    }

    /// The same for a value that may be a secret: the snippet shows stars in its place.
    pub(crate) fn secret_spot(&self) -> Spot {
        Spot { hidden: matches!(self.value, Value::Scalar(_)), ..self.spot() }
    }

    /// Where to point when a part of a text is meant, `from` characters into it.
    pub(crate) fn spot_within(&self, from: usize, width: usize) -> Spot {
        let mut spot = self.spot();
        if let Value::Scalar(Scalar { begins: Some(begins), .. }) = &self.value {
            spot.place.column += begins + from;
            spot.place.width = width.max(1);
        }
        spot
    }

    /// The value under a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The key and value under a key of a map.
    pub(crate) fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        self.entries().iter().find(|(k, _)| k.text == key).map(|(k, n)| (k, n))
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// What kind of thing it is, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Whether what is wrong with it has been recorded already.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.broken)
    }

    /// The text of a single value.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The text as it stands in the file: variables are not filled in, since they may be secret.
    pub(crate) fn written(&self) -> &str {
        match &self.value {
            Value::Scalar(scalar) => scalar.written.as_deref().unwrap_or(&scalar.text),
            Value::Null | Value::List(_) | Value::Map(_) => "",
        }
    }
}
