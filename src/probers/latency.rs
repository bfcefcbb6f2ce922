//! Times against their bounds.

use watchbell_config::LatencyLevels;
use watchbell_engine::observation::Assertion;
use watchbell_engine::word::{FailureKind, Outcome};

use super::fault::Fault;

/// Judges measured times, each with its name and bounds; what is down counts before what is degraded.
pub(super) fn judge(measured: &[(&str, LatencyLevels, Option<f64>)], out: &mut Vec<Assertion>) -> Result<(), Fault> {
    let mut worst: Option<Fault> = None;
    for (name, levels, took_ms) in measured {
        let Some(took_ms) = *took_ms else { continue };
        for (bound, is_down) in [(levels.down, true), (levels.degraded, false)] {
            let Some(bound) = bound else { continue };
            let found = (took_ms > bound.0 as f64).then(|| shown(took_ms));
            out.push(Assertion {
                what: format!("{name} is at most {bound}"),
                ok: found.is_none(),
                found: found.clone(),
            });
            let Some(found) = found else { continue };
            let message = format!("{name} took {found}, expected at most {bound}");
            if is_down && worst.as_ref().is_none_or(|w| w.outcome != Outcome::Down) {
                worst = Some(Fault::down(FailureKind::Latency, message));
            } else if worst.is_none() {
                worst = Some(Fault::degraded(FailureKind::Latency, message));
            }
        }
    }
    worst.map_or(Ok(()), Err)
}

/// Milliseconds as a person reads them.
fn shown(ms: f64) -> String {
    if ms < 1_000.0 { format!("{ms:.0}ms") } else { format!("{:.2}s", ms / 1_000.0) }
}

#[cfg(test)]
mod tests {
    use watchbell_engine::time::Millis;

    use super::*;

    #[test]
    fn down_counts_before_degraded() {
        let levels = LatencyLevels { degraded: Some(Millis(800)), down: Some(Millis::secs(2)) };
        let outcome = |total, ttfb| {
            let mut out = Vec::new();
            judge(&[("total", levels, total), ("ttfb", levels, ttfb)], &mut out).err().map(|f| (f.outcome, f.message))
        };
        assert_eq!(outcome(Some(800.0), None), None);
        let degraded = (Outcome::Degraded, "total took 801ms, expected at most 800ms".to_owned());
        assert_eq!(outcome(Some(801.0), Some(1.0)), Some(degraded));
        let down = (Outcome::Down, "ttfb took 2.10s, expected at most 2s".to_owned());
        assert_eq!(outcome(Some(900.0), Some(2_100.0)), Some(down), "the worst one, though it is judged last");
    }
}
