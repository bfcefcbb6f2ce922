//! What we build from: allowed licences, one TLS stack, one copy of each big crate. `deny.toml` says the
//! same to cargo-deny, for those who have it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Licences that we take.
const ALLOWED: [&str; 9] =
    ["0BSD", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Of these there is one copy, or two halves of the program would not understand each other.
const ONCE: [&str; 7] = ["axum", "h2", "hyper", "reqwest", "rustls", "sqlx", "tokio"];

/// A second TLS stack or crypto provider.
const NEVER: [&str; 4] = ["native-tls", "openssl", "openssl-sys", "ring"];

/// What cargo prints, offline: everything that was needed to build this test is here already.
fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("cargo writes UTF-8")
}

/// Name and versions of every crate that is built for this platform, development included.
fn built() -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in cargo(&["tree", "--workspace", "-e", "all", "--prefix", "none", "--locked"]).lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next())
            && version.starts_with('v')
        {
            out.entry(name.to_owned()).or_default().insert(version.trim_start_matches('v').to_owned());
        }
    }
    assert!(out.len() > 100, "the tree holds {} crates, which cannot be all", out.len());
    out
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
    let built = built();
    let host = cargo(&["--version", "--verbose"]);
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host");
    let metadata = cargo(&["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo writes JSON");
    let mut refused = Vec::new();
    let mut judged = 0;
    for package in metadata["packages"].as_array().expect("packages") {
        let (name, version) = (package["name"].as_str().unwrap_or("?"), package["version"].as_str().unwrap_or("?"));
        if !built.get(name).is_some_and(|versions| versions.contains(version)) {
            continue; // listed for a feature or platform that is never built
        }
        judged += 1;
        let licence = package["license"].as_str().unwrap_or("none");
        if !is_allowed(licence) {
            refused.push(format!("{name} {version}: {licence}"));
        }
    }
    assert!(judged > 100, "only {judged} crates were judged");
    assert!(refused.is_empty(), "licences that we do not take:\n{}", refused.join("\n"));
}

#[test]
fn there_is_one_tls_stack_and_one_copy_of_each_big_crate() {
    let built = built();
    for name in NEVER {
        assert!(!built.contains_key(name), "`{name}` is built; see `cargo tree -e all -i {name}`");
    }
    for name in ONCE {
        let versions = built.get(name).map_or(0, BTreeSet::len);
        assert_eq!(versions, 1, "`{name}` should be built once: {:?}", built.get(name));
    }
}

#[test]
fn expressions_are_judged_as_spdx_says() {
    assert!(is_allowed("MIT OR Apache-2.0") && is_allowed("Unlicense/MIT") && is_allowed("(MIT OR GPL-3.0) AND ISC"));
    assert!(is_allowed("Apache-2.0 WITH LLVM-exception"));
    assert!(!is_allowed("GPL-3.0") && !is_allowed("MIT AND GPL-3.0") && !is_allowed("none") && !is_allowed("MIT MIT"));
}
