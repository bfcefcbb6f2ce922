//! Living through a drawn night, and judging it.

use watchbell_engine::time::Millis;
use watchbell_sim::check::{self, Violation};
use watchbell_sim::plant::Plant;
use watchbell_sim::random::Drawn;
use watchbell_sim::shrink::shrink;
use watchbell_sim::{Night, World};

use super::Reader;
use super::duty::Duty;

/// How many nights a shrinker may live through.
const TRIES: usize = 4_000;

/// Lives through nights one after the other, and remembers what can be used again.
pub struct Lives {
    duty: Duty,
    reader: Reader,
}

/// A night that has been lived through.
pub struct Lived {
    pub violations: Vec<Violation>,
    pub simulated: Millis,
    pub facts: usize,
    pub pages: usize,
}

impl Lives {
    pub fn new() -> Self {
        Self { duty: Duty::default(), reader: Reader::new() }
    }

    /// Lives through a drawn night, and on until everything has come to rest; the mistake where its
    /// configuration is refused.
    pub fn live(&mut self, drawn: &Drawn, plant: Option<Plant>) -> Result<Lived, String> {
        let night = drawn.written().night(&mut self.reader.reads())?;
        let (_, lived) = self.play(Night { plant, ..night });
        Ok(lived)
    }

    /// Lives through a night.
    pub fn play(&mut self, night: Night) -> (World, Lived) {
        let lasts = night.lasts;
        let mut world = World::new(night);
        world.run();
        let healing = world.heal();
        let duty = &mut self.duty;
        let mut on_duty = |catalog: &_, rotation: &_, recorded: &_, at| duty.at(catalog, rotation, recorded, at);
        let judged = check::facts(world.facts(), world.catalogs(), &mut on_duty);
        let violations = world.violations.iter().chain(&judged).cloned().collect();
        let (facts, pages) = (world.facts().len(), world.arrivals.len());
        (world, Lived { violations, simulated: lasts.plus(healing), facts, pages })
    }

    /// The smallest night that breaks a rule as this one does.
    pub fn shrunk(&mut self, drawn: &Drawn, plant: Option<Plant>) -> Drawn {
        let broken = self.live(drawn, plant).map(|l| l.violations.into_iter().map(|v| v.rule).collect::<Vec<_>>());
        let Some(rule) = broken.ok().and_then(|rules| rules.first().copied()) else { return drawn.clone() };
        let mut fails = |d: &Drawn| self.live(d, plant).is_ok_and(|l| l.violations.iter().any(|v| v.rule == rule));
        shrink(drawn, TRIES, &mut fails)
    }
}
