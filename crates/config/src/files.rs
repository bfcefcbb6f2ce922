//! Which files make up a configuration, and the revision that names them.
//!
//! Owns: finding and reading `watchbell.yaml` and `*.yaml` in `probes/`, `rotations/`, `alerts/`; the hash.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchbell_engine::ids::Revision;

use crate::mistake::{Mistake, Mistakes, Spot};
use crate::tree::{KeyPath, Place, SourceFile};

/// The file in the directory itself.
pub(crate) const ROOT_FILE: &str = "watchbell.yaml";
/// The directories beside it; files deeper down are not read.
const FOLDERS: [&str; 3] = ["alerts", "probes", "rotations"];
/// Largest file that is read: 100,000 probes take about 30 MB.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How a configuration asks for the value of an environment variable.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where a configuration comes from.
#[derive(Clone)]
pub struct Sources {
    /// The configuration directory.
    pub dir: PathBuf,
    /// Values of `--var name=value`, instead of those in the files.
    pub vars: BTreeMap<String, String>,
    /// The environment that `{env: NAME}` asks.
    pub env: Env,
}

impl Sources {
    /// A directory, read with the environment of this process.
    pub fn process(dir: impl Into<PathBuf>, vars: BTreeMap<String, String>) -> Self {
        Self { dir: dir.into(), vars, env: Arc::new(|name| std::env::var(name).ok()) }
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("dir", &self.dir).field("vars", &self.vars.keys()).finish_non_exhaustive()
    }
}

/// Reads every file of the configuration, in a stable order; those that cannot be read are recorded.
pub(crate) fn load(dir: &Path, out: &mut Mistakes) -> Vec<Arc<SourceFile>> {
    let shown = dir.display().to_string();
    if !dir.is_dir() {
        let hint = "name the configuration directory with --config DIR, or write one with `watchbell init DIR`";
        out.push(Mistake::outside(shown, "", "there is no such directory", Some(hint.into())));
        return Vec::new();
    }
    let mut names = Vec::new();
    if dir.join(ROOT_FILE).exists() {
        names.push(ROOT_FILE.to_owned());
    }
    for folder in FOLDERS {
        names.extend(yaml_in(dir, folder, out));
    }
    if names.is_empty() {
        let hint = format!("write {ROOT_FILE}, or let `watchbell init DIR` write one");
        out.push(Mistake::outside(shown, "", format!("there is no {ROOT_FILE}"), Some(hint)));
    }
    names.iter().filter_map(|name| read(dir, name, out)).collect()
}

/// The names of the YAML files in one folder, sorted.
fn yaml_in(dir: &Path, folder: &str, out: &mut Mistakes) -> Vec<String> {
    let path = dir.join(folder);
    if !path.exists() {
        return Vec::new();
    }
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) => {
            out.push(Mistake::outside(folder, "", format!("cannot be listed: {error}"), None));
            return Vec::new();
        }
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|n| !n.starts_with('.'))
        .collect();
    names.sort();
    for name in names.iter().filter(|name| name.ends_with(".yml")) {
        let hint = format!("rename it to {}.yaml", name.trim_end_matches(".yml"));
        out.push_warning(Mistake::outside(format!("{folder}/{name}"), "", "only *.yaml files are read", Some(hint)));
    }
    names.into_iter().filter(|name| name.ends_with(".yaml")).map(|name| format!("{folder}/{name}")).collect()
}

fn read(dir: &Path, name: &str, out: &mut Mistakes) -> Option<Arc<SourceFile>> {
    let mut refuse = |why: String| {
        out.push(Mistake::outside(name, "", why, None));
        None
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(dir.join(name));
    match opened.and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)) {
        Err(error) => return refuse(format!("cannot be read: {error}")),
        Ok(read) if read as u64 > MAX_FILE_BYTES => return refuse("is larger than 64 MiB; split it".into()),
        Ok(_) => (),
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(Arc::new(SourceFile::new(name, text))),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let before = &error.as_bytes()[..good];
            let line = before.iter().filter(|b| **b == b'\n').count() + 1;
            let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
            let file = Arc::new(SourceFile::new(name, text));
            let place = Place { file, line, column, width: 1 };
            out.error(
                &Spot::new(place, KeyPath::default()),
                "this is not UTF-8",
                Some("save the file as UTF-8".into()),
            );
            None
        }
    }
}

/// The revision with files beside the YAML taken in; the same one where there are none.
pub(crate) fn with_more(revision: Revision, files: &BTreeMap<String, String>) -> Revision {
    if files.is_empty() {
        return revision;
    }
    let files: Vec<_> = files.iter().map(|(name, text)| Arc::new(SourceFile::new(name, text.clone()))).collect();
    self::revision(&files, &BTreeMap::from([(String::new(), revision.to_string())]))
}

/// Names this content: the first 12 hex digits of SHA-256 over file names, contents and variables.
pub(crate) fn revision(files: &[Arc<SourceFile>], vars: &BTreeMap<String, String>) -> Revision {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut part = |text: &str| {
        // The length first, so that no two contents can run together to the same bytes.
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for file in sorted {
        part(&file.name);
        part(&file.text);
    }
    for (name, value) in vars {
        part(name);
        part(value);
    }
    let digest = hash.finish();
    Revision::from(digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_follows_content_and_variables() {
        let file = |name: &str, text: &str| Arc::new(SourceFile::new(name, text));
        let vars = |value: &str| BTreeMap::from([("a".to_owned(), value.to_owned())]);
        let one = revision(&[file("a", "1"), file("b", "2")], &vars("x"));
        assert_eq!(one.as_str().len(), 12);
        assert_eq!(one, revision(&[file("b", "2"), file("a", "1")], &vars("x")), "order does not matter");
        assert_ne!(one, revision(&[file("a", "1"), file("b", "2")], &vars("y")));
        assert_ne!(one, revision(&[file("a", "12"), file("b", "")], &vars("x")));
    }
}
