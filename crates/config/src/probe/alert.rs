//! `alert`: how failing runs become a verdict.

use watchbell_engine::detect::DownAfter;
use watchbell_engine::not_paging::FlapRule;
use watchbell_engine::time::Millis;

use crate::mistake::Mistakes;
use crate::scalar::{self, Problem};
use crate::tree::Node;

/// The defaults of section 5.
pub(crate) const DOWN_AFTER: DownAfter = DownAfter::InARow(3);
/// The pause before a confirming run.
pub(crate) const CONFIRM_AFTER: Millis = Millis::secs(2);
/// Good runs in a row that end a fault.
pub(crate) const UP_AFTER: u32 = 2;
/// Most runs in a threshold or window.
const MAX_RUNS: u64 = 100;

/// What is written; each part falls back by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alert {
    pub(crate) down_after: Option<DownAfter>,
    pub(crate) confirm_after: Option<Millis>,
    pub(crate) up_after: Option<u32>,
    pub(crate) flap: Option<FlapRule>,
}

impl Alert {
    /// Reads `{ down_after, confirm_after, up_after, flap }`.
    pub(crate) fn read(node: &Node, out: &mut Mistakes) -> Self {
        let known = ["down_after", "confirm_after", "up_after", "flap"];
        let Some(map) = out.map(node, "`alert`", &known) else { return Self::default() };
        Self {
            down_after: out.optional(map, "down_after", "a number of runs", down_after),
            confirm_after: out.optional(map, "confirm_after", "a length of time", scalar::duration),
            up_after: out.optional(map, "up_after", "a number of runs", runs),
            flap: map.get("flap").and_then(|n| flap(n, out)),
        }
    }

    /// What is written here, else what is written there.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self {
            down_after: self.down_after.or(other.down_after),
            confirm_after: self.confirm_after.or(other.confirm_after),
            up_after: self.up_after.or(other.up_after),
            flap: self.flap.or(other.flap),
        }
    }
}

/// `{ changes: 6, within: 10m }`.
fn flap(node: &Node, out: &mut Mistakes) -> Option<FlapRule> {
    let map = out.map(node, "`flap`", &["changes", "within"])?;
    let changes = out.required(map, "changes", "6")?;
    let changes = out.value(changes, "a number of changes", |text| scalar::whole(text, 2, MAX_RUNS));
    let within = out.required(map, "within", "10m")?;
    let within = out.value(within, "a length of time", crate::probe::positive);
    Some(FlapRule { changes: u32::try_from(changes?).unwrap_or(u32::MAX), within: within? })
}

fn runs(text: &str) -> Result<u32, Problem> {
    scalar::whole(text, 1, MAX_RUNS).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// `3`, or `2 of 3`.
fn down_after(text: &str) -> Result<DownAfter, Problem> {
    let Some((k, of)) = text.split_once(" of ") else {
        return runs(text).map(DownAfter::InARow).map_err(|p| p.hint("write 3, or 2 of 3"));
    };
    let (k, of) = (runs(k.trim())?, runs(of.trim())?);
    if k > of {
        return Err(Problem::new(format!("`{text}` can never be: {k} is more than {of}")));
    }
    Ok(DownAfter::OutOf { k, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_in_a_row_or_out_of_a_window() {
        assert_eq!(down_after("3"), Ok(DownAfter::InARow(3)));
        assert_eq!(down_after("2 of 3"), Ok(DownAfter::OutOf { k: 2, of: 3 }));
        for bad in ["0", "4 of 3", "2 of", "of 3", "two", "0 of 3"] {
            assert!(down_after(bad).is_err(), "{bad}");
        }
    }
}
