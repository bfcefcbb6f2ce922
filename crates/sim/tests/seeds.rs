//! Nights drawn from seeds, for a bounded time; and each rule seen to find the defect it is there for.

mod night;

use std::time::{Duration, Instant};

use night::live::Lives;
use watchbell_sim::check::Rule;
use watchbell_sim::night::yaml;
use watchbell_sim::plant::Plant;
use watchbell_sim::random::draw;

/// Seeds are begun for so long; `make soak` goes on.
const AT_MOST: Duration = Duration::from_secs(40);

/// So many are enough.
const SEEDS: u64 = 1_500;

/// A planted defect is found within so many seeds.
const FOUND_WITHIN: u64 = 60;

#[test]
fn drawn_nights_break_no_rule() {
    let began = Instant::now();
    let mut lives = Lives::new();
    let (mut count, mut simulated, mut wrong) = (0, 0, Vec::new());
    for seed in 1..=SEEDS {
        if began.elapsed() > AT_MOST || wrong.len() > 20 {
            break;
        }
        count += 1;
        match lives.live(&draw(seed), None) {
            Ok(lived) => {
                simulated += lived.simulated.0;
                wrong.extend(lived.violations.iter().map(|v| format!("seed {seed}: {v}")));
            }
            Err(mistake) => wrong.push(format!("seed {seed} has a configuration that is refused: {mistake}")),
        }
    }
    println!("{count} seeds, {} simulated hours", simulated / 3_600_000);
    assert!(wrong.is_empty(), "{}\n`SHRINK=<seed> make soak` writes the night of one", wrong.join("\n"));
    assert!(count > 0);
}

#[test]
fn one_seed_is_one_story() {
    let story = || {
        let reader = night::Reader::new();
        let night = draw(11).written().night(&mut reader.reads()).expect("a configuration that is accepted");
        Lives::new().play(night).0.timeline()
    };
    assert_eq!(story(), story());
}

#[test]
fn a_drawn_night_is_the_same_when_it_is_read_from_its_file() {
    let drawn = draw(3).written();
    let text = yaml::night(&drawn).expect("it can be written");
    let read: watchbell_sim::night::Written = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(yaml::night(&read).expect("it can be written"), text);
    let told = |written| Lives::new().play(night::night(written)).0.timeline();
    assert_eq!(told(&read), told(&drawn));
}

/// The rule that must find each defect.
fn rule_for(plant: Plant) -> Rule {
    match plant {
        Plant::ReleaseDropped | Plant::NeverRetried => Rule::PagedInTime,
        Plant::PageAfterAnswer => Rule::QuietAfterAnswer,
        Plant::SentTwice => Rule::FewDoubles,
        Plant::WrongPerson => Rule::RightPeople,
        Plant::TwoTickets => Rule::OneTicket,
        Plant::FactLost => Rule::Replay,
        Plant::ViewNotPublished => Rule::ViewAgrees,
        Plant::AnsweredTooSoon => Rule::AnswersKept,
        Plant::NeverWakes | Plant::EndsSilently => Rule::NoSilentEnd,
        Plant::OutcomeLost => Rule::Settles,
        Plant::VerdictLost => Rule::LevelsAgree,
        Plant::FactsOutOfOrder => Rule::InOrder,
    }
}

#[test]
fn every_planted_defect_is_found_by_its_rule() {
    let mut lives = Lives::new();
    let mut unseen = Vec::new();
    for plant in Plant::ALL {
        let found = (1..=FOUND_WITHIN).find(|seed| {
            let lived = lives.live(&draw(*seed), Some(plant));
            lived.is_ok_and(|l| l.violations.iter().any(|v| v.rule == rule_for(plant)))
        });
        match found {
            Some(seed) => println!("{plant:?} is found by {:?} with seed {seed}", rule_for(plant)),
            None => unseen.push(plant),
        }
    }
    assert!(unseen.is_empty(), "nobody noticed {unseen:?}");
}

#[test]
fn a_night_that_fails_is_made_small_and_still_fails() {
    let mut lives = Lives::new();
    let plant = Some(Plant::ReleaseDropped);
    let fails = |lives: &mut Lives, seed: u64| lives.live(&draw(seed), plant).is_ok_and(|l| !l.violations.is_empty());
    let seed = (1..=FOUND_WITHIN).find(|seed| fails(&mut lives, *seed)).expect("a seed that fails");
    let small = lives.shrunk(&draw(seed), plant);
    let (before, after) = (draw(seed).written(), small.written());
    assert!(lives.live(&small, plant).is_ok_and(|l| !l.violations.is_empty()), "it fails still");
    assert!(after.events.len() < before.events.len() && after.events.len() <= 3, "{:?}", after.events);
    let text = yaml::night(&after).expect("it can be written");
    let read: watchbell_sim::night::Written = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(read.seed, seed);
}
