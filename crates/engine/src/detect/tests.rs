use proptest::prelude::*;

use super::*;
use crate::ids::{ProbeId, SiteId};
use crate::observation::{Assertion, Certificate, Evidence, Phases};
use crate::time::{after, shifted};

const RULE: DetectRule = DetectRule {
    down_after: DownAfter::InARow(3),
    confirm_after: Millis::secs(2),
    up_after: 2,
    severity: Severity::Critical,
};

fn start() -> Timestamp {
    "2026-11-22T03:12:00Z".parse().expect("an instant")
}

fn run(at: Timestamp, outcome: Outcome, kind: Option<FailureKind>) -> Observation {
    Observation {
        probe: ProbeId::from("site"),
        at,
        site: SiteId::local(),
        outcome,
        kind,
        message: kind.map(|k| format!("found {k}")),
        phases_ms: Phases::default(),
        assertions: Vec::new(),
        evidence: Evidence::default(),
    }
}

/// Feeds runs that start every `every` and take 100 ms.
struct Bench {
    detector: Detector,
    at: Timestamp,
    every: Millis,
}

impl Bench {
    fn new(rule: DetectRule) -> Self {
        Self { detector: Detector::new(rule), at: start(), every: Millis::secs(5) }
    }

    fn feed(&mut self, run: Observation) -> Step {
        self.at = after(run.at, self.every);
        self.detector.observe(&run, shifted(run.at, 100))
    }

    fn down(&mut self, kind: FailureKind) -> Step {
        self.feed(run(self.at, Outcome::Down, Some(kind)))
    }

    fn degraded(&mut self, kind: FailureKind) -> Step {
        self.feed(run(self.at, Outcome::Degraded, Some(kind)))
    }

    fn up(&mut self) -> Step {
        self.feed(run(self.at, Outcome::Up, None))
    }

    fn inconclusive(&mut self) -> Step {
        self.feed(run(self.at, Outcome::Inconclusive, Some(FailureKind::SelfResources)))
    }

    fn expiring(&mut self, days: i64) -> Step {
        let mut run = run(self.at, Outcome::Degraded, Some(FailureKind::CertExpiring));
        run.evidence.certificate = Some(Certificate {
            subject: "CN=site".into(),
            names: vec!["site".into()],
            issuer: "CN=ca".into(),
            not_before: start(),
            not_after: shifted(self.at, days * 86_400_000 - 1),
        });
        self.feed(run)
    }

    fn made_up(rule: DetectRule) -> Self {
        let mut bench = Self::new(rule);
        bench.up();
        assert_eq!(bench.up().verdict.map(|v| v.level), Some(Level::Up));
        bench
    }

    fn made_down(rule: DetectRule) -> Self {
        let mut bench = Self::made_up(rule);
        (0..rule.down_after.failures()).for_each(|_| drop(bench.down(FailureKind::Status)));
        assert_eq!(bench.detector.current().map(|v| v.level), Some(Level::Down));
        bench
    }
}

fn said(step: &Step) -> Option<(Level, Option<FailureKind>, Severity)> {
    step.verdict.as_ref().map(|v| (v.level, v.kind, v.severity))
}

#[test]
fn the_first_good_level_is_told_once() {
    let mut bench = Bench::new(RULE);
    assert_eq!(bench.up(), Step { verdict: None, confirm_after: None });
    assert_eq!(said(&bench.up()), Some((Level::Up, None, Severity::Critical)));
    assert_eq!(bench.up().verdict, None);
    assert_eq!(bench.detector.current().map(|v| v.level), Some(Level::Up), "to be told again after a reload");
}

#[test]
fn a_fault_is_confirmed_soon_and_told_with_its_times() {
    let mut bench = Bench::made_up(RULE);
    let first = bench.at;
    for _ in 0..2 {
        assert_eq!(bench.down(FailureKind::Status), Step { verdict: None, confirm_after: Some(Millis::secs(2)) });
    }
    let mut third = run(bench.at, Outcome::Down, Some(FailureKind::Status));
    third.evidence.request = Some("POST https://api.example/v1/verify".into());
    third.evidence.status = Some(503);
    third.assertions = vec![Assertion { what: "status is 200".into(), ok: false, found: Some("503".into()) }];
    third.phases_ms.total = Some(12.4);
    let step = bench.feed(third.clone());
    let verdict = step.verdict.expect("settled");
    assert_eq!(step.confirm_after, None, "settled: the slots go on");
    assert_eq!((verdict.level, verdict.kind), (Level::Down, Some(FailureKind::Status)));
    assert_eq!((verdict.since, verdict.seen), (first, shifted(first, 100)));
    assert_eq!(verdict.confirmed, shifted(third.at, 100));
    assert_eq!((verdict.runs, verdict.last_good), (3, Some(shifted(first, -5_000))));
    let summary = verdict.summary.expect("a summary");
    assert_eq!(summary.request.as_deref(), Some("POST /v1/verify"));
    assert_eq!(
        (summary.status, summary.expected.as_deref(), summary.total),
        (Some(503), Some("200"), Some(Millis(12)))
    );
}

#[test]
fn a_single_failing_run_is_no_fault() {
    let mut bench = Bench::made_up(RULE);
    bench.down(FailureKind::Status);
    bench.down(FailureKind::Status);
    assert_eq!(bench.up(), Step { verdict: None, confirm_after: None });
    assert_eq!(bench.down(FailureKind::Status).verdict, None, "the streak begins anew");
}

#[test]
fn k_of_n_counts_across_good_runs() {
    let mut bench = Bench::made_up(DetectRule { down_after: DownAfter::OutOf { k: 2, of: 4 }, ..RULE });
    let first = bench.at;
    bench.down(FailureKind::Status);
    assert!(bench.up().confirm_after.is_some(), "one more failing run within the window would do");
    bench.up();
    let verdict = bench.down(FailureKind::ConnectRefused).verdict.expect("2 of 4");
    assert_eq!((verdict.level, verdict.since, verdict.runs), (Level::Down, first, 2));
}

#[test]
fn k_of_n_stops_confirming_when_it_is_out_of_reach() {
    let mut bench = Bench::made_up(DetectRule { down_after: DownAfter::OutOf { k: 3, of: 5 }, ..RULE });
    bench.down(FailureKind::Status);
    let confirms: Vec<_> = (0..4).map(|_| bench.up().confirm_after.is_some()).collect();
    assert_eq!(confirms, [true, true, false, false]);
}

#[test]
fn good_runs_in_a_row_end_it_and_are_quickened() {
    let mut bench = Bench::made_down(RULE);
    let back = bench.at;
    assert_eq!(bench.up(), Step { verdict: None, confirm_after: Some(RULE.confirm_after) });
    assert_eq!(bench.down(FailureKind::Status), Step { verdict: None, confirm_after: None });
    assert!(bench.up().verdict.is_none());
    let verdict = bench.up().verdict.expect("over");
    assert_eq!((verdict.level, verdict.kind, verdict.runs), (Level::Up, None, 2));
    assert_eq!(verdict.since, shifted(back, 10_000));
}

#[test]
fn inconclusive_changes_no_streak_and_asks_again() {
    let mut bench = Bench::made_up(RULE);
    assert_eq!(bench.inconclusive(), Step { verdict: None, confirm_after: None });
    bench.down(FailureKind::Status);
    bench.down(FailureKind::Status);
    assert_eq!(bench.inconclusive(), Step { verdict: None, confirm_after: Some(RULE.confirm_after) });
    assert_eq!(bench.down(FailureKind::Status).verdict.map(|v| v.runs), Some(3));
    bench.up();
    assert!(bench.inconclusive().confirm_after.is_some());
    assert_eq!(bench.up().verdict.map(|v| v.level), Some(Level::Up));
}

#[test]
fn a_degradation_is_told_after_five_minutes() {
    let mut bench = Bench::made_up(RULE);
    let first = bench.at;
    for _ in 0..60 {
        assert_eq!(bench.degraded(FailureKind::Latency), Step { verdict: None, confirm_after: None });
    }
    let verdict = bench.degraded(FailureKind::Latency).verdict.expect("it lasted");
    assert_eq!((verdict.level, verdict.severity, verdict.since), (Level::Degraded, Severity::Warning, first));
    assert!(bench.up().verdict.is_none());
    assert_eq!(bench.up().verdict.map(|v| v.level), Some(Level::Up));
}

#[test]
fn one_good_run_starts_the_five_minutes_anew() {
    let mut bench = Bench::made_up(RULE);
    (0..59).for_each(|_| drop(bench.degraded(FailureKind::Latency)));
    bench.up();
    assert!((0..60).all(|_| bench.degraded(FailureKind::Latency).verdict.is_none()));
}

#[test]
fn a_restart_does_not_end_what_may_be_degraded() {
    let mut bench = Bench::new(RULE);
    assert!((0..60).all(|_| bench.degraded(FailureKind::Latency).verdict.is_none()));
    assert_eq!(bench.degraded(FailureKind::Latency).verdict.map(|v| v.level), Some(Level::Degraded));
}

#[test]
fn degraded_runs_end_down() {
    let mut bench = Bench::made_down(RULE);
    assert!(bench.degraded(FailureKind::Latency).confirm_after.is_some());
    assert_eq!(said(&bench.degraded(FailureKind::Latency)), Some((Level::Up, None, Severity::Critical)));
}

#[test]
fn a_certificate_is_told_after_confirmation_and_again_when_it_is_urgent() {
    let mut bench = Bench::made_up(RULE);
    assert!(bench.expiring(14).verdict.is_none() && bench.expiring(14).verdict.is_none());
    let kind = Some(FailureKind::CertExpiring);
    assert_eq!(said(&bench.expiring(14)), Some((Level::Degraded, kind, Severity::Warning)));
    assert_eq!(bench.expiring(4).verdict, None);
    assert_eq!(said(&bench.expiring(3)), Some((Level::Degraded, kind, Severity::Error)));
    assert_eq!(bench.expiring(2).verdict, None);
    // Down and back: the certificate is still the matter, so nothing claims that all is well.
    (0..3).for_each(|_| drop(bench.down(FailureKind::Status)));
    bench.expiring(2);
    assert_eq!(said(&bench.expiring(2)), Some((Level::Degraded, kind, Severity::Error)));
}

#[test]
fn rate_limiting_is_down_after_two_minutes() {
    let mut bench = Bench::made_up(RULE);
    let first = bench.at;
    for _ in 0..24 {
        assert_eq!(bench.degraded(FailureKind::RateLimited).verdict, None);
    }
    let verdict = bench.degraded(FailureKind::RateLimited).verdict.expect("it lasted");
    assert_eq!((verdict.level, verdict.kind, verdict.since), (Level::Down, Some(FailureKind::RateLimited), first));
    assert_eq!(bench.degraded(FailureKind::RateLimited).verdict, None);
    assert_eq!(bench.degraded(FailureKind::RateLimited).verdict, None, "429 is no recovery");
}

#[test]
fn slowness_is_down_only_when_all_confirming_runs_are_slow() {
    let rule = DetectRule { down_after: DownAfter::OutOf { k: 3, of: 5 }, ..RULE };
    let mut bench = Bench::made_up(rule);
    bench.down(FailureKind::Latency);
    bench.down(FailureKind::Latency);
    bench.up();
    assert_eq!(bench.down(FailureKind::Latency).verdict, None, "one of them was not slow");
    bench.down(FailureKind::Latency);
    assert_eq!(said(&bench.down(FailureKind::Latency)).map(|v| v.1), Some(Some(FailureKind::Latency)));
}

#[test]
fn a_fault_that_was_not_only_slow_keeps_its_name() {
    let mut bench = Bench::made_up(RULE);
    bench.down(FailureKind::ConnectRefused);
    bench.down(FailureKind::Latency);
    let verdict = bench.down(FailureKind::Latency).verdict.expect("three failing runs");
    assert_eq!(verdict.kind, Some(FailureKind::ConnectRefused));
    assert_eq!(verdict.message.as_deref(), Some("found connect_refused"));
}

#[test]
fn another_kind_is_told_when_seen_twice_in_a_row() {
    let mut bench = Bench::made_down(RULE);
    let since = bench.detector.current().map(|v| v.since);
    assert_eq!(bench.down(FailureKind::ConnectRefused).verdict, None);
    assert_eq!(bench.down(FailureKind::Status).verdict, None);
    assert_eq!(bench.down(FailureKind::ConnectRefused).verdict, None);
    let verdict = bench.down(FailureKind::ConnectRefused).verdict.expect("twice");
    assert_eq!((verdict.kind, Some(verdict.since)), (Some(FailureKind::ConnectRefused), since), "the same outage");
    assert_eq!(verdict.runs, 7);
    assert_eq!(bench.down(FailureKind::ConnectRefused).verdict, None);
}

#[test]
fn a_request_is_shown_without_host_and_query() {
    let shown = ["GET https://a.example/x/y?token=1", "GET http://a.example", "connect a.example:25"].map(request_line);
    assert_eq!(shown, ["GET /x/y", "GET /", "connect a.example:25"]);
}

/// What the rules say, worked out from the whole history instead of step by step.
fn model(history: &[Outcome], k: usize, of: usize, up_after: usize) -> Option<Level> {
    let conclusive: Vec<_> = history.iter().filter(|o| **o != Outcome::Inconclusive).collect();
    let (mut level, mut from) = (None, 0);
    for end in 1..=conclusive.len() {
        let failing = conclusive[from..end].iter().rev().take(of).filter(|o| ***o == Outcome::Down).count();
        let good = conclusive[from..end].iter().rev().take_while(|o| ***o == Outcome::Up).count();
        let next = match level {
            Some(Level::Down) if good >= up_after => Level::Up,
            None | Some(Level::Up) if failing >= k => Level::Down,
            None if good >= up_after => Level::Up,
            _ => continue,
        };
        (level, from) = (Some(next), end);
    }
    level
}

proptest! {
    #[test]
    fn levels_agree_with_the_model(
        history in prop::collection::vec(prop_oneof![
            3 => Just(Outcome::Up), 3 => Just(Outcome::Down), 1 => Just(Outcome::Inconclusive)], 0..60),
        k in 1_u32..5, extra in 0_u32..4, up_after in 1_u32..4,
    ) {
        let down_after = if extra == 0 { DownAfter::InARow(k) } else { DownAfter::OutOf { k, of: k + extra } };
        let mut bench = Bench::new(DetectRule { down_after, up_after, ..RULE });
        let mut told: Option<Verdict> = None;
        for (i, outcome) in history.iter().enumerate() {
            let step = bench.feed(run(bench.at, *outcome, (*outcome == Outcome::Down).then_some(FailureKind::Status)));
            let level = model(&history[..=i], k as usize, (k + extra) as usize, up_after as usize);
            prop_assert_eq!(bench.detector.current().map(|v| v.level), level);
            if let Some(verdict) = step.verdict {
                prop_assert!(told.as_ref().is_none_or(|t| !t.says_the_same(&verdict)), "only changes are told");
                prop_assert!(verdict.since < verdict.seen && verdict.seen <= verdict.confirmed);
                let least = if verdict.level == Level::Down { k } else { up_after };
                prop_assert!(verdict.runs >= least);
                told = Some(verdict);
            }
        }
        prop_assert_eq!(told.as_ref(), bench.detector.current());
    }

    #[test]
    fn a_lasting_fault_is_told_after_exactly_k_runs(before in prop::collection::vec(any::<bool>(), 0..20), k in 1_u32..6) {
        let mut bench = Bench::new(DetectRule { down_after: DownAfter::InARow(k), ..RULE });
        for good in before {
            if good { bench.up(); } else { bench.down(FailureKind::Status); }
        }
        bench.up();
        prop_assume!(bench.detector.current().is_none_or(|v| v.level == Level::Up));
        for n in 1..=k {
            let step = bench.down(FailureKind::Status);
            prop_assert_eq!(step.verdict.is_some(), n == k);
            prop_assert_eq!(step.confirm_after.is_some(), n < k);
        }
    }
}
