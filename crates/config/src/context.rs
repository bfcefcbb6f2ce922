//! What every section's reader asks: secrets, names of other items, the defaults of the file.
//!
//! Owns: `{env: NAME}` and `{file: PATH}`, references between items. Never: the items themselves.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use jiff::tz::TimeZone;
use watchbell_engine::catalog::ChannelKind;
use watchbell_engine::time::Millis;
use watchbell_engine::word::{Locale, Severity};

use crate::files::Env;
use crate::mistake::{Mistakes, Spot};
use crate::model::Secret;
use crate::probe::alert::Alert;
use crate::scalar;
use crate::tree::{Node, Place, Value};

/// Largest file that can hold one secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// What an unset secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// A mistake: nothing can run without it.
    Required,
    /// Worth a warning: the machine that checks need not have it.
    WarnIfMissing,
}

/// A secret, or the knowledge that there will be one.
pub(crate) enum Given {
    /// Here it is.
    Known(Secret),
    /// It is not set on this machine, which only `check` allows.
    Unset,
}

impl Given {
    /// The secret; empty where it is unset.
    pub(crate) fn secret(self) -> Secret {
        match self {
            Self::Known(secret) => secret,
            Self::Unset => Secret::new(""),
        }
    }

    /// The text, where it is known.
    pub(crate) fn known(&self) -> Option<&str> {
        match self {
            Self::Known(secret) => Some(secret.reveal()),
            Self::Unset => None,
        }
    }
}

/// What a file says once for all its items.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) service: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) zone: Option<TimeZone>,
    pub(crate) locale: Option<Locale>,
    pub(crate) severity: Option<Severity>,
    pub(crate) every: Option<Millis>,
    pub(crate) timeout: Option<Millis>,
    pub(crate) detect_within: Option<Millis>,
    pub(crate) alert: Alert,
}

impl Defaults {
    /// What is written here, else what is written for all files. `service` and `owner` hold for their file alone.
    pub(crate) fn over(self, all: &Self) -> Self {
        Self {
            service: self.service,
            owner: self.owner,
            zone: self.zone.or_else(|| all.zone.clone()),
            locale: self.locale.or(all.locale),
            severity: self.severity.or(all.severity),
            every: self.every.or(all.every),
            timeout: self.timeout.or(all.timeout),
            detect_within: self.detect_within.or(all.detect_within),
            alert: self.alert.over(&all.alert),
        }
    }

    /// The zone; UTC where nothing says one.
    pub(crate) fn zone(&self) -> TimeZone {
        self.zone.clone().unwrap_or(TimeZone::UTC)
    }

    /// The language; English where nothing says one.
    pub(crate) fn locale(&self) -> Locale {
        self.locale.unwrap_or(Locale::En)
    }
}

/// The ids that can be referred to, with the place of each.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// People and rooms.
    pub(crate) people: BTreeMap<String, Place>,
    pub(crate) rotations: BTreeMap<String, Place>,
    pub(crate) policies: BTreeMap<String, Place>,
    /// The kind is missing where it could not be read.
    pub(crate) channels: BTreeMap<String, (Place, Option<ChannelKind>)>,
    /// Probes.
    pub(crate) probes: BTreeMap<String, Place>,
    pub(crate) calendars: BTreeMap<String, Place>,
    /// A file could not be parsed: what is unknown may stand in it.
    pub(crate) incomplete: bool,
}

impl Names {
    /// Records an unknown reference, unless the file that could hold it was unreadable.
    pub(crate) fn unknown<'k>(
        &self,
        out: &mut Mistakes,
        at: &Spot,
        message: String,
        word: &str,
        known: impl Iterator<Item = &'k String> + Clone,
    ) {
        if self.incomplete {
            return;
        }
        let near = scalar::did_you_mean(word, known.clone().map(String::as_str));
        let hint = near.or_else(|| {
            let some: Vec<_> = known.take(12).map(String::as_str).collect();
            (!some.is_empty()).then(|| format!("known: {}", some.join(", ")))
        });
        out.error(at, message, hint);
    }

    /// A person or room by its id.
    pub(crate) fn person(&self, node: &Node, out: &mut Mistakes) -> Option<String> {
        let id = out.text(node, "the id of a person")?.to_owned();
        if self.people.contains_key(&id) {
            return Some(id);
        }
        if self.rotations.contains_key(&id) {
            out.error(&node.spot(), format!("`{id}` is a rotation; a person is needed here"), None);
        } else {
            self.unknown(
                out,
                &node.spot(),
                format!("there is no person `{}`", node.written()),
                &id,
                self.people.keys(),
            );
        }
        None
    }

    /// A policy by its id.
    pub(crate) fn policy(&self, node: &Node, out: &mut Mistakes) -> Option<String> {
        let id = out.text(node, "the id of a policy")?.to_owned();
        if !self.policies.contains_key(&id) {
            self.unknown(
                out,
                &node.spot(),
                format!("there is no policy `{}`", node.written()),
                &id,
                self.policies.keys(),
            );
            return None;
        }
        Some(id)
    }
}

/// What readers ask beside the tree.
pub(crate) struct Context<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) env: &'a Env,
    pub(crate) secrets: Secrets,
    pub(crate) names: Names,
}

impl Context<'_> {
    /// A secret: `{env: NAME}`, `{file: PATH}`, or, with a warning, the text itself.
    pub(crate) fn secret(&self, node: &Node, what: &str, out: &mut Mistakes) -> Option<Given> {
        if let Value::Scalar(scalar) = &node.value
            && !scalar.text.is_empty()
            && scalar.written.is_none()
        {
            let hint = "write { env: NAME } or { file: PATH }".to_owned();
            out.warn(
                &node.secret_spot(),
                format!("{what} stands in the file, where everybody who reads it sees it"),
                Some(hint),
            );
        }
        self.private(node, what, out)
    }

    /// A text that is not shown but may stand in the file: an address, a header.
    pub(crate) fn private(&self, node: &Node, what: &str, out: &mut Mistakes) -> Option<Given> {
        match &node.value {
            Value::Scalar(_) => out.text(node, what).map(|text| Given::Known(Secret::new(text))),
            Value::Map(_) => {
                out.map(node, what, &["env", "file"])?;
                match out.exactly_one(node, what, &["env", "file"])? {
                    (key, name) if key == "env" => self.in_env(name, out),
                    (_, path) => self.in_file(path, out),
                }
            }
            Value::Null | Value::List(_) => {
                let hint = Some("write { env: NAME } or { file: PATH }".into());
                out.error(&node.spot(), format!("expected {what}, found {}", node.what()), hint);
                None
            }
        }
    }

    /// The value of an environment variable.
    pub(crate) fn in_env(&self, node: &Node, out: &mut Mistakes) -> Option<Given> {
        let name = out.text(node, "the name of an environment variable")?;
        match (self.env)(name) {
            Some(value) if !value.is_empty() => Some(Given::Known(Secret::new(value))),
            Some(_) => self.missing(node, format!("the environment variable {name} is empty"), out),
            None => self.missing(node, format!("the environment variable {name} is not set"), out),
        }
    }

    fn in_file(&self, node: &Node, out: &mut Mistakes) -> Option<Given> {
        let path = self.dir.join(out.text(node, "the path of a file")?);
        let shown = node.written();
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(&path);
        if let Err(error) = opened.and_then(|file| file.take(MAX_SECRET_BYTES).read_to_end(&mut bytes)) {
            return self.missing(node, format!("the secret file {shown} cannot be read: {error}"), out);
        }
        let Ok(text) = String::from_utf8(bytes) else {
            out.error(&node.spot(), format!("the secret file {shown} is not UTF-8"), None);
            return None;
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return self.missing(node, format!("the secret file {shown} is empty"), out);
        }
        if readable_by_all(&path) {
            let message = format!("everybody on this machine can read the secret file {shown}");
            self.recorded(node, message, Some(format!("chmod 600 {shown}")), out)?;
        }
        Some(Given::Known(Secret::new(text)))
    }

    fn missing(&self, node: &Node, message: String, out: &mut Mistakes) -> Option<Given> {
        self.recorded(node, message, None, out).map(|()| Given::Unset)
    }

    /// Records what only a machine that runs must have; `None` where that makes it a mistake.
    pub(crate) fn recorded(
        &self,
        node: &Node,
        message: String,
        hint: Option<String>,
        out: &mut Mistakes,
    ) -> Option<()> {
        match self.secrets {
            Secrets::Required => {
                out.error(&node.spot(), message, hint);
                None
            }
            Secrets::WarnIfMissing => {
                out.warn(&node.spot(), message, hint);
                Some(())
            }
        }
    }
}

#[cfg(unix)]
fn readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_all(_: &Path) -> bool {
    false
}
