//! What we build from: allowed licences, one TLS stack, one copy of each big crate. `deny.toml` says the
//! same to cargo-deny, for those who have it.

use std::collections::BTreeMap;
use std::process::Command;

/// Licences that we take.
const ALLOWED: [&str; 9] =
    ["0BSD", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Of these there is one copy, or two halves of the program would not understand each other.
const ONCE: [&str; 7] = ["axum", "h2", "hyper", "reqwest", "rustls", "sqlx", "tokio"];

/// A second TLS stack or crypto provider.
const NEVER: [&str; 4] = ["native-tls", "openssl", "openssl-sys", "ring"];

/// What cargo prints.
fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(out.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("cargo writes UTF-8")
}

/// Every crate that is built for this platform, development included: name and version, and its licence.
/// `cargo tree` leaves out what is listed for a feature or platform that is never built.
fn built() -> BTreeMap<(String, String), String> {
    let tree = cargo(&["tree", "--workspace", "-e", "all", "--prefix", "none", "--locked", "--format", "{p}|{l}"]);
    let read = |line: &str| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
        let mut words = package.split_whitespace();
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(((name.to_owned(), version.to_owned()), licence.trim().to_owned()))
    };
    let out: BTreeMap<_, _> = tree.lines().filter_map(read).collect();
    assert!(out.len() > 100, "the tree holds {} crates, which cannot be all", out.len());
    out
}

/// The versions of one crate.
fn versions(built: &BTreeMap<(String, String), String>, name: &str) -> Vec<String> {
    built.keys().filter(|(n, _)| n == name).map(|(_, version)| version.clone()).collect()
}

/// Whether an SPDX expression can be met with allowed licences alone: OR needs one side, AND both.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    either(&words, &mut at) && at == words.len()
}

fn either(words: &[&str], at: &mut usize) -> bool {
    let mut met = both(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at);
    }
    met
}

fn both(words: &[&str], at: &mut usize) -> bool {
    let mut met = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at);
    }
    met
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = either(words, at);
        *at += 1; // the closing parenthesis
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2; // an exception grants more, and nothing that we use
    }
    ALLOWED.contains(word)
}

#[test]
fn every_licence_is_allowed() {
    let refused: Vec<String> = built()
        .iter()
        .filter(|(_, licence)| !is_allowed(licence))
        .map(|((name, version), licence)| format!("{name} {version}: `{licence}`"))
        .collect();
    assert!(refused.is_empty(), "licences that we do not take:\n{}", refused.join("\n"));
}

#[test]
fn there_is_one_tls_stack_and_one_copy_of_each_big_crate() {
    let built = built();
    for name in NEVER {
        assert!(versions(&built, name).is_empty(), "`{name}` is built; see `cargo tree -e all -i {name}`");
    }
    for name in ONCE {
        let versions = versions(&built, name);
        assert_eq!(versions.len(), 1, "`{name}` should be built once: {versions:?}");
    }
}

#[test]
fn expressions_are_judged_as_spdx_says() {
    assert!(is_allowed("MIT OR Apache-2.0") && is_allowed("Unlicense/MIT") && is_allowed("(MIT OR GPL-3.0) AND ISC"));
    assert!(is_allowed("Apache-2.0 WITH LLVM-exception"));
    assert!(!is_allowed("GPL-3.0") && !is_allowed("MIT AND GPL-3.0") && !is_allowed("none") && !is_allowed("MIT MIT"));
}
