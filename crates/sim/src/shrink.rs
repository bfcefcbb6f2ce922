//! A night that fails is made small: what can be left out without its failing in the same way is left out,
//! events first, then faults, time, and parts of the configuration.

use serde_json::Value;

use crate::night::{Span, Written};
use crate::random::Drawn;
use crate::script::Faults;

/// The smallest night that was found to fail; `fails` lives through one and says whether it breaks the same
/// rule. At most `tries` nights are lived through.
pub fn shrink(drawn: &Drawn, tries: usize, fails: &mut dyn FnMut(&Drawn) -> bool) -> Drawn {
    let mut shrinking = Shrinking { best: drawn.clone(), tries, fails };
    loop {
        let before = shrinking.tries;
        let size = shrinking.size();
        shrinking.shorten();
        shrinking.drop_events();
        shrinking.drop_faults();
        shrinking.drop_configuration();
        if shrinking.size() >= size || shrinking.tries == 0 || before == shrinking.tries {
            return shrinking.best;
        }
    }
}

struct Shrinking<'a> {
    best: Drawn,
    tries: usize,
    fails: &'a mut dyn FnMut(&Drawn) -> bool,
}

impl Shrinking<'_> {
    fn size(&self) -> usize {
        let night = self.best.rest();
        self.best.config.to_string().len() + night.events.len() * 100 + format!("{:?}", night.faults).len()
    }

    /// Keeps a smaller night if it still fails.
    fn keeps(&mut self, candidate: Drawn) -> bool {
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        let fails = (self.fails)(&candidate);
        if fails {
            self.best = candidate;
        }
        fails
    }

    fn with(&self, change: impl FnOnce(&mut Written)) -> Drawn {
        let mut night = self.best.rest().clone();
        change(&mut night);
        Drawn::new(self.best.config.clone(), night)
    }

    /// Ends the night earlier.
    fn shorten(&mut self) {
        for share in [4, 2, 1] {
            let until = self.best.rest().until.0;
            let shorter = Span((until - until * share / 8) / 1_000 * 1_000);
            let candidate = self.with(|night| {
                night.until = shorter;
                night.events.retain(|e| e.at <= shorter);
            });
            self.keeps(candidate);
        }
    }

    /// Drops runs of events, long ones first.
    fn drop_events(&mut self) {
        let mut length = self.best.rest().events.len().div_ceil(2);
        while length > 0 {
            let mut from = 0;
            while from < self.best.rest().events.len() {
                let to = (from + length).min(self.best.rest().events.len());
                let candidate = self.with(|night| {
                    night.events.drain(from..to);
                });
                if !self.keeps(candidate) {
                    from += length;
                }
            }
            length /= 2;
        }
    }

    /// Takes each fault away.
    fn drop_faults(&mut self) {
        let Ok(Value::Object(all)) = serde_json::to_value(self.best.rest().faults) else { return };
        for name in all.keys() {
            let Ok(Value::Object(mut rest)) = serde_json::to_value(self.best.rest().faults) else { return };
            rest.remove(name);
            if let Ok(fewer) = serde_json::from_value::<Faults>(Value::Object(rest)) {
                let candidate = self.with(|night| night.faults = Some(fewer));
                self.keeps(candidate);
            }
        }
        if self.best.rest().faults == Some(Faults::default()) {
            let candidate = self.with(|night| night.faults = None);
            self.keeps(candidate);
        }
    }

    /// Takes parts of the configuration away, the big ones first. Reloads bring a whole one of their own.
    fn drop_configuration(&mut self) {
        let mut places = Vec::new();
        collect(&self.best.config, String::new(), &mut places);
        places.sort_by_key(|p| p.matches('/').count());
        // From behind, so that the places of what comes before stay right.
        for depth in 1..=places.last().map_or(0, |p| p.matches('/').count()) {
            let of_depth: Vec<String> = places.iter().filter(|p| p.matches('/').count() == depth).cloned().collect();
            for place in of_depth.iter().rev() {
                let mut config = self.best.config.clone();
                if remove(&mut config, place) {
                    let night = self.best.rest().clone();
                    self.keeps(Drawn::new(config, night));
                }
            }
        }
    }
}

/// The pointers of everything that a list or map holds.
fn collect(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                out.push(format!("{at}/{n}"));
                collect(item, format!("{at}/{n}"), out);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                out.push(format!("{at}/{key}"));
                collect(item, format!("{at}/{key}"), out);
            }
        }
        _ => {}
    }
}

/// Takes away what a pointer points to; false where there is nothing.
fn remove(config: &mut Value, place: &str) -> bool {
    let Some((parent, last)) = place.rsplit_once('/') else { return false };
    match config.pointer_mut(parent) {
        Some(Value::Array(items)) => match last.parse::<usize>() {
            Ok(n) if n < items.len() => {
                items.remove(n);
                true
            }
            _ => false,
        },
        Some(Value::Object(fields)) => fields.remove(last).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::draw;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let drawn = draw(7);
        let probes = |d: &Drawn| d.config["probes"].as_array().map_or(0, Vec::len);
        let small = shrink(&drawn, 10_000, &mut |d| probes(d) >= 1 && d.config.get("routes").is_some());
        assert_eq!(probes(&small), 1);
        assert!(small.rest().events.is_empty());
        assert_eq!(small.rest().faults, None);
        assert!(small.config.get("people").is_none());
    }
}
