//! A night that is drawn from a seed: another configuration, other faults, another hour each time, written
//! as a night is written, so that one that fails can be kept.

mod config;
mod events;
mod features;
mod start;

use serde_json::Value;
use watchbell_engine::time::Millis;

use crate::night::{ConfigText, Span, Written, yaml};
use crate::rng::Rng;
use crate::script::Faults;

/// A night that was drawn, with its configuration as a tree, so that parts of it can be taken away.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The configuration; its text is filled in by [`Drawn::written`].
    pub config: Value,
    /// The rest.
    night: Written,
}

impl Drawn {
    /// Puts a tree and a night together.
    pub fn new(config: Value, night: Written) -> Self {
        Self { config, night }
    }

    /// The night without its configuration.
    pub fn rest(&self) -> &Written {
        &self.night
    }

    /// The night as it is written.
    pub fn written(&self) -> Written {
        Written { config: ConfigText::inline(yaml::block(&self.config)), ..self.night.clone() }
    }
}

/// The night of a seed.
pub fn draw(seed: u64) -> Drawn {
    let mut rng = Rng::new(seed ^ 0x5eed_0000_0000_0000);
    let (zone, start) = start::draw(&mut rng);
    let world = config::draw(&mut rng, zone, start);
    let lasts = Millis::mins(rng.between(15, 45));
    let faults = faults(&mut rng);
    let events = events::draw(&mut rng, &world, lasts);
    let about = format!("A night drawn from seed {seed}.");
    let until = Span(i64::try_from(lasts.0).unwrap_or(i64::MAX));
    let config = ConfigText::default();
    let night = Written { about, config, start, seed, faults: Some(faults), events, until, expect: Vec::new() };
    Drawn::new(world.config, night)
}

/// Which faults strike, and how often: most are away in most nights, so that each is seen alone too.
fn faults(rng: &mut Rng) -> Faults {
    let calm = rng.chance(15);
    let mut ratio = |percent: u64, most: u64| {
        if !calm && rng.chance(percent) { rng.between(1, most) } else { 0 }
    };
    Faults {
        crashes: ratio(40, 60),
        commit_fails: ratio(25, 1_500),
        commit_hangs: ratio(15, 400),
        commit_says_no: ratio(25, 1_500),
        lost: ratio(20, 2_000),
        late: ratio(25, 3_000),
        doubled: ratio(25, 3_000),
        lost_answers: ratio(30, 3_000),
        doubled_reports: ratio(30, 4_000),
        refusals: ratio(30, 3_000),
        failures: ratio(30, 4_000),
        error_then_arrives: ratio(25, 3_000),
        hangs: ratio(30, 3_000),
        answers: ratio(70, 6_000),
        old_links: ratio(40, 8_000),
    }
}
