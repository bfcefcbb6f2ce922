//! The shipped configuration, carried in the binary so that a demo needs no files beside it.

use std::io;
use std::path::Path;

macro_rules! shipped {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../", $path)))),+]
    };
}

/// The files of the configuration directory at the repository's root.
const FILES: &[(&str, &str)] = shipped![
    "watchbell.yaml",
    "alerts/routing.yaml",
    "probes/approval.yaml",
    "probes/invoice-verification.yaml",
    "probes/login.yaml",
    "probes/nightly.yaml",
    "probes/upload.yaml",
    "rotations/expense.yaml",
    "runbooks/approval.md",
    "runbooks/invoice-verification.md",
    "runbooks/login.md",
    "runbooks/nightly-settlement.md",
    "runbooks/tax-upstream.md",
    "runbooks/upload.md",
];

/// Writes the shipped configuration into a directory.
pub fn write_shipped(dir: &Path) -> io::Result<()> {
    for (path, text) in FILES {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_example_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut there = vec!["watchbell.yaml".to_owned()];
        for dir in ["alerts", "probes", "rotations", "runbooks"] {
            for entry in std::fs::read_dir(root.join(dir)).expect("a directory of the example") {
                let name = entry.expect("an entry").file_name();
                there.push(format!("{dir}/{}", name.to_str().expect("a plain name")));
            }
        }
        let mut carried: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        there.sort();
        carried.sort_unstable();
        assert_eq!(carried, there);
    }
}
