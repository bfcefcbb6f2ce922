//! The floors of `docs/architecture.md`: imports point downwards, and the core stays pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The floors of `src/`, from the ground up. A room imports rooms of lower floors alone. `gate` holds what
/// `web` and `intake` share; `cli` stands on top of `app` and `demo`, because its commands start them
/// (`docs/decisions/0002-rooms.md`).
const FLOORS: [&[&str]; 7] = [
    &["clock", "inbox", "telemetry", "words"],
    &["store"],
    &["gate"],
    &["probers", "delivery", "intake", "web"],
    &["driver"],
    &["app", "demo"],
    &["cli"],
];

/// What the crates beside `src/` may depend on of this workspace.
const CRATES: [(&str, &[&str]); 3] =
    [("engine", &[]), ("config", &["watchbell-engine"]), ("sim", &["watchbell-engine", "watchbell-config"])];

/// Whoever decides or reads YAML has no business with the outside world.
const WORLDLY: [&str; 16] = [
    "async-compression",
    "axum",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "lettre",
    "rand",
    "reqwest",
    "rustix",
    "rustls",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-rustls",
    "tokio-util",
    "tracing",
];

/// Each room with its floor, from 2: the engine and the crates beside `src/` have 0 and 1.
fn floors() -> BTreeMap<&'static str, usize> {
    FLOORS.iter().zip(2..).flat_map(|(rooms, floor)| rooms.iter().map(move |room| (*room, floor))).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a directory.
fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            out.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            out.push(path);
        }
    }
    out.sort();
    out
}

/// The module path of a file below `src/`: `src/web/api/tickets.rs` is `[web, api, tickets]`.
fn module_path(relative: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        relative.with_extension("").components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The code without its line comments.
fn code_of(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The rooms that a file names by `crate::…`, or by climbing to the root with `super::…`.
fn rooms_named(code: &str, depth: usize) -> Vec<String> {
    let door = Regex::new(r"\bcrate::(\{|[a-z_]+)").expect("a pattern");
    let mut out = Vec::new();
    for found in door.captures_iter(code) {
        match &found[1] {
            "{" => out.extend(heads_of_group(&code[found.get(0).expect("the match").end()..])),
            room => out.push(room.to_owned()),
        }
    }
    let climb = Regex::new(r"((?:\bsuper::)+)([a-z_]+)").expect("a pattern");
    let to_root = climb.captures_iter(code).filter(|found| found[1].matches("super").count() >= depth.max(2));
    out.extend(to_root.map(|found| found[2].to_owned()));
    out
}

/// The first names of `{a::b, c, d::{e, f}}`, whose opening brace is already behind us.
fn heads_of_group(rest: &str) -> Vec<String> {
    let (mut depth, mut heads, mut head, mut at_head) = (1, Vec::new(), String::new(), true);
    for c in rest.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => at_head = true,
            ':' if depth == 1 => at_head = false,
            c if depth == 1 && at_head && (c.is_alphanumeric() || c == '_') => head.push(c),
            _ => (),
        }
        if (!at_head || depth == 0 || c == ',') && !head.is_empty() {
            heads.push(std::mem::take(&mut head));
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

#[test]
fn imports_point_to_lower_floors() {
    let floors = floors();
    let src = root().join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&src) {
        let relative = file.strip_prefix(&src).expect("below src");
        let path = module_path(relative);
        let room = path[0].as_str();
        if path.len() == 1 && matches!(room, "lib" | "main") {
            continue;
        }
        let Some(floor) = floors.get(room) else {
            wrong.push(format!("src/{}: `{room}` stands on no floor; add it to the table", relative.display()));
            continue;
        };
        let text = std::fs::read_to_string(&file).expect("a source file");
        for named in rooms_named(&code_of(&text), path.len()) {
            let Some(other) = floors.get(named.as_str()).filter(|_| named != room) else { continue };
            if other >= floor {
                let place = relative.display();
                wrong.push(format!("src/{place}: `{room}` (floor {floor}) imports `{named}` (floor {other})"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports must point to lower floors (docs/architecture.md):\n{}", wrong.join("\n"));
}

#[test]
fn every_room_has_a_floor_and_says_what_it_is_for() {
    let src = root().join("src");
    let lib = std::fs::read_to_string(src.join("lib.rs")).expect("src/lib.rs");
    let floors = floors();
    let rooms: Vec<&str> =
        lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(rooms.len() > 10, "src/lib.rs holds the rooms: {rooms:?}");
    for room in rooms {
        assert!(floors.contains_key(room), "`{room}` stands on no floor; add it to the table");
        let file = [src.join(format!("{room}.rs")), src.join(room).join("mod.rs")].into_iter().find(|f| f.exists());
        let file = file.unwrap_or_else(|| panic!("`{room}` has no file"));
        let text = std::fs::read_to_string(&file).expect("a room's file");
        assert!(text.starts_with("//! "), "{} does not open with what the room is for", file.display());
    }
}

/// The names under `[dependencies]`, `[dev-dependencies]` and the like.
fn dependencies_of(manifest: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            inside = table.trim_end_matches(']').ends_with("dependencies");
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            out.push(name.trim_matches('"').to_owned());
        }
    }
    out
}

#[test]
fn the_crates_below_touch_nothing_outside() {
    for (krate, allowed) in CRATES {
        let manifest = root().join("crates").join(krate).join("Cargo.toml");
        if !manifest.exists() {
            continue; // `sim` comes later; its rule is here already
        }
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        let dependencies = dependencies_of(&text);
        assert!(!dependencies.is_empty(), "crates/{krate} lists its dependencies");
        for name in &dependencies {
            let own = name.starts_with("watchbell");
            assert!(!own || allowed.contains(&name.as_str()), "crates/{krate} may not depend on `{name}`");
            assert!(!WORLDLY.contains(&name.as_str()), "crates/{krate} is pure and may not depend on `{name}`");
        }
    }
}

#[test]
fn the_checker_sees_what_it_looks_for() {
    let code =
        code_of("use crate::{store::Store, words}; // crate::app\nlet x = crate::web::ask();\nuse super::super::cli;");
    assert_eq!(rooms_named(&code, 2), ["store", "words", "web", "cli"]);
    assert_eq!(rooms_named("use super::super::cli;", 3), Vec::<String>::new(), "still inside the room");
    assert_eq!(rooms_named("use crate::{\n    a::{b, c},\n    d,\n};", 1), ["a", "d"]);
    let manifest =
        "[package]\nname = \"x\"\n[dependencies]\ntokio.workspace = true\nserde = \"1\"\n[lints]\nworkspace = true";
    assert_eq!(dependencies_of(manifest), ["tokio", "serde"]);
}
