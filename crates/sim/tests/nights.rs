//! Every night of `tests/nights`, told minute by minute and compared with the story that was reviewed; and
//! again under chance, where only what must always hold is asked.

mod night;

use std::path::Path;

use night::duty::Duty;
use night::{all, with_faults, written};
use watchbell_sim::{World, check};

/// So many times each night is lived through again, each time with other faults.
const CHANCES: u64 = 20;

fn name(path: &Path) -> String {
    path.file_stem().expect("a file name").to_string_lossy().into_owned()
}

/// What was wrong with a night that has been lived through.
fn judged(world: &World, duty: &mut Duty) -> Vec<String> {
    let mut on_duty = |catalog: &_, rotation: &_, recorded: &_, at| duty.at(catalog, rotation, recorded, at);
    let judged = check::facts(world.facts(), world.catalogs(), &mut on_duty);
    world.violations.iter().chain(&judged).map(ToString::to_string).collect()
}

#[test]
fn every_night_goes_as_it_is_told() {
    let mut duty = Duty::default();
    let mut wrong = Vec::new();
    for path in all() {
        let (name, written) = (name(&path), written(&path));
        let mut world = World::new(night::night(&written));
        world.run();
        let story = world.timeline();
        wrong.extend(judged(&world, &mut duty).into_iter().map(|text| format!("{name}: {text}")));
        let missed = written.expect.iter().filter_map(|e| e.missed(&world, written.start));
        wrong.extend(missed.map(|text| format!("{name}: {text}")));
        world.heal();
        wrong.extend(judged(&world, &mut duty).into_iter().map(|text| format!("{name}, healed: {text}")));
        insta::with_settings!({ snapshot_path => "nights", prepend_module_to_snapshot => false, omit_expression => true,
            description => written.about.clone() }, { insta::assert_snapshot!(name.clone(), story) });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whatever_goes_wrong_no_page_is_lost() {
    let mut duty = Duty::default();
    let mut wrong = Vec::new();
    for path in all() {
        let (name, written) = (name(&path), written(&path));
        let night = night::night(&written);
        for seed in 1..=CHANCES {
            let mut world = World::new(with_faults(&night, seed));
            world.run();
            world.heal();
            wrong.extend(judged(&world, &mut duty).into_iter().map(|text| format!("{name}, seed {seed}: {text}")));
        }
    }
    assert!(wrong.is_empty(), "{} of them\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}

/// One night and seed, told in full: `NIGHT=spine SEED=3 cargo test -p watchbell-sim --test nights one -- --nocapture`.
#[test]
fn one_night_is_the_same_story_every_time() {
    let name = std::env::var("NIGHT").unwrap_or_else(|_| "spine".into());
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7);
    let written = written(&night::directory().join(format!("{name}.yaml")));
    let night =
        if written.faults.is_some() { night::night(&written) } else { with_faults(&night::night(&written), seed) };
    let live = || {
        let mut world = World::new(night.clone());
        world.run();
        world.heal();
        world
    };
    let (first, second) = (live(), live());
    println!("{}\n{}", first.timeline(), judged(&first, &mut Duty::default()).join("\n"));
    assert_eq!(first.timeline(), second.timeline(), "one seed, one story");
    assert_eq!(first.facts(), second.facts());
}
