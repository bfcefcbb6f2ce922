//! Probing: runs start at their slots, find what there is to find, and detection settles on a verdict.

use std::collections::BTreeMap;

use watchbell_engine::detect::Detector;
use watchbell_engine::ids::{ProbeId, SiteId};
use watchbell_engine::observation::{Assertion, Evidence, Observation, Phases};
use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, Outcome};

use crate::script::{Health, ProbeRun};
use crate::world::{Event, World};

/// How long a run takes that finds all well, or is answered wrongly.
const USUAL_RUN: Millis = Millis(80);

impl World {
    /// Puts the probes of the configuration on the schedule. Those that are the same keep their streaks,
    /// and every settled verdict is told once more.
    pub(crate) fn schedule_probes(&mut self) {
        let Some(process) = &mut self.process else { return };
        let every: BTreeMap<_, _> = self.setup.runs.iter().map(|(id, run)| (id.clone(), run.every)).collect();
        process.schedule.replace(every, self.steady);
        let mut before = std::mem::take(&mut process.detectors);
        for (id, run) in &self.setup.runs {
            let same = before.remove(id).filter(|(rule, _)| *rule == run.rule);
            process.detectors.insert(id.clone(), same.unwrap_or_else(|| (run.rule, Detector::new(run.rule))));
        }
        let told = process.detectors.values().filter_map(|(_, detector)| detector.current()).cloned();
        process.verdicts = told.map(|v| (v.probe.clone(), v)).collect();
    }

    pub(crate) fn start_due_runs(&mut self) {
        let Some(process) = &mut self.process else { return };
        let due = process.schedule.pop_due(self.steady);
        for due in due {
            let passes = self.process.as_ref().is_some_and(|p| !p.confirming.contains(&due.probe));
            if passes {
                self.begin_run(&due.probe);
            }
        }
    }

    pub(crate) fn confirm(&mut self, probe: &ProbeId) {
        if let Some(process) = &mut self.process {
            process.confirming.remove(probe);
        }
        self.begin_run(probe);
    }

    fn begin_run(&mut self, probe: &ProbeId) {
        let Some(run) = self.setup.runs.get(probe).copied() else { return };
        let health = self.targets.get(probe).copied().unwrap_or(Health::Up);
        let at = self.now();
        let Some(process) = &mut self.process else { return };
        if !process.running.insert(probe.clone()) {
            return;
        }
        let epoch = process.epoch;
        let (found, takes) = observation(probe, health, run);
        self.push(takes, Event::RunEnds { epoch, run: Box::new(Observation { at, ..found }) });
    }

    pub(crate) fn run_ends(&mut self, run: &Observation) {
        let ended = self.now();
        let Some(process) = &mut self.process else { return };
        process.running.remove(&run.probe);
        let Some((_, detector)) = process.detectors.get_mut(&run.probe) else { return };
        let step = detector.observe(run, ended);
        if let Some(verdict) = step.verdict {
            process.verdicts.insert(run.probe.clone(), verdict);
        }
        if let Some(wait) = step.confirm_after {
            process.confirming.insert(run.probe.clone());
            let epoch = process.epoch;
            self.push(wait, Event::Confirm { epoch, probe: run.probe.clone() });
        }
    }
}

/// What a run finds, and how long it takes.
fn observation(probe: &ProbeId, health: Health, run: ProbeRun) -> (Observation, Millis) {
    let (outcome, kind, status, takes) = match health {
        Health::Up => (Outcome::Up, None, Some(200), USUAL_RUN),
        Health::Down { kind: kind @ (FailureKind::ConnectTimeout | FailureKind::HeaderTimeout), status } => {
            (Outcome::Down, Some(kind), status, run.timeout)
        }
        Health::Down { kind, status } => (Outcome::Down, Some(kind), status, USUAL_RUN),
        Health::Slow(total) => (Outcome::Degraded, Some(FailureKind::Latency), Some(200), total.min(run.timeout)),
        Health::Unknowable => (Outcome::Inconclusive, Some(FailureKind::SelfResources), None, USUAL_RUN),
    };
    let message = kind.map(|kind| match status {
        Some(status) if status != 200 => format!("answered {status}, expected 2xx"),
        Some(_) | None => kind.to_string(),
    });
    let what = Assertion { what: "status is 2xx".into(), ok: outcome == Outcome::Up, found: None };
    let evidence = Evidence { request: Some(format!("GET https://{probe}.example/")), status, ..Evidence::default() };
    let found = Observation {
        probe: probe.clone(),
        at: jiff::Timestamp::UNIX_EPOCH,
        site: SiteId::local(),
        outcome,
        kind,
        message,
        phases_ms: Phases { total: Some(takes.0 as f64), ..Phases::default() },
        assertions: if status.is_some() { vec![what] } else { Vec::new() },
        evidence,
    };
    (found, takes)
}
