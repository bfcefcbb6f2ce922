//! Prints the facts of a night, one a line, as the store keeps them. A golden journal is made once for
//! each version of the facts and then never again:
//! `cargo run -p watchbell-sim --example journal -- tests/nights/everything.yaml > crates/engine/tests/golden/v1.jsonl`

#[path = "../tests/night/mod.rs"]
mod night;

use std::path::PathBuf;

use watchbell_engine::fact::What;
use watchbell_sim::World;

fn main() {
    let Some(path) = std::env::args().nth(1).map(PathBuf::from) else {
        eprintln!("which night? journal tests/nights/everything.yaml");
        std::process::exit(2);
    };
    let mut world = World::new(night::night(&night::written(&path)));
    world.run();
    for fact in world.facts() {
        let line = serde_json::json!({
            "no": fact.no, "epoch": fact.epoch, "at": fact.at, "ticket": fact.ticket,
            "kind": fact.what.kind(), "version": What::VERSION, "body": fact.what.body(),
        });
        println!("{line}");
    }
}
