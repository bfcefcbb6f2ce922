//! Watching ourselves from inside: pages that are owed and not handed over (`self:outbox`), critical
//! probes without a conclusive run (`self:blind`, promise 5). What nobody inside could tell any more is told
//! by the watchdog's silence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use watchbell_config::{Check, Config};
use watchbell_engine::ids::ProbeId;
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::word::{FailureKind, Outcome, Severity};

use super::alarm::Alarm;
use crate::clock::Clock;
use crate::inbox::{Inbox, Live, ProbeBoard};
use crate::telemetry::Metrics;
use crate::words::Unwell;

/// How often we look.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// So many looks in a row make an alarm: one late look wakes nobody.
const RAISED_AFTER: u32 = 3;

/// So many looks in a row without it end it: what comes and goes stays one ticket.
const LOWERED_AFTER: u32 = 30;

/// A page that has waited for so long is late.
const OLDEST_MAX: Millis = Millis::secs(10);

/// A critical probe must have a conclusive run within so long (promise 5); where it runs less often, within
/// two of its intervals.
const BLIND_AFTER: Millis = Millis::secs(30);

/// A look that comes this late says that we were stopped: what is old now is so because of that.
const STOPPED_AFTER: Millis = Millis::secs(10);

/// What is needed to look.
pub(super) struct SelfWatch {
    pub(super) clock: Clock,
    pub(super) inbox: Inbox,
    pub(super) live: Arc<Live>,
    pub(super) metrics: Metrics,
}

impl SelfWatch {
    /// Looks until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut outbox = Looks::new(Alarm::new("self:outbox", &self.inbox, &self.live));
        let mut blind = Looks::new(Alarm::new("self:blind", &self.inbox, &self.live));
        let mut sight = Sight::new(self.clock.now());
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let oldest = Millis((self.metrics.outbox_oldest.get() * 1_000.0) as u64);
            outbox.look((oldest > OLDEST_MAX).then_some(Unwell::Outbox { oldest })).await;
            let (config, now) = (self.live.config.load_full(), self.clock.now());
            blind.look(sight.look(&config, &self.live.probes, now)).await;
        }
    }
}

/// k of n for an alarm.
struct Looks {
    alarm: Alarm,
    count: Count,
}

impl Looks {
    fn new(alarm: Alarm) -> Self {
        let count = Count { raised: alarm.is_raised(), ..Count::default() };
        Self { alarm, count }
    }

    async fn look(&mut self, seen: Option<Unwell>) {
        let raised = self.count.look(seen.is_some());
        match seen {
            Some(what) if raised => self.alarm.raise(&what).await,
            None if !raised => self.alarm.lower().await,
            Some(_) | None => {}
        }
    }
}

/// Looks in a row that say otherwise than the alarm.
#[derive(Default)]
struct Count {
    raised: bool,
    otherwise: u32,
}

impl Count {
    /// Whether the alarm is to be raised after this look.
    fn look(&mut self, seen: bool) -> bool {
        self.otherwise = if seen == self.raised { 0 } else { self.otherwise + 1 };
        let enough = if self.raised { LOWERED_AFTER } else { RAISED_AFTER };
        if self.otherwise >= enough {
            (self.raised, self.otherwise) = (!self.raised, 0);
        }
        self.raised
    }
}

/// Which critical probes we see nothing of.
struct Sight {
    last_look: Timestamp,
    /// From when on each critical probe could have run: known to us, and we were not stopped.
    from: BTreeMap<ProbeId, Timestamp>,
}

impl Sight {
    fn new(now: Timestamp) -> Self {
        Self { last_look: now, from: BTreeMap::new() }
    }

    fn look(&mut self, config: &Config, board: &ProbeBoard, now: Timestamp) -> Option<Unwell> {
        if elapsed(self.last_look, now) > STOPPED_AFTER {
            self.from.clear();
        }
        self.last_look = now;
        let critical = |id: &ProbeId| config.catalog.probes.get(id).is_some_and(|p| p.severity == Severity::Critical);
        let runs = config.probes.values().filter(|p| !matches!(p.check, Check::Heartbeat { .. }) && critical(&p.id));
        let runs: Vec<_> = runs.collect();
        self.from.retain(|id, _| runs.iter().any(|p| p.id == *id));
        let (mut blind, mut kinds) = (0, BTreeMap::new());
        board.look(|known| {
            for probe in &runs {
                let from = *self.from.entry(probe.id.clone()).or_insert(now);
                let live = known.get(&probe.id);
                let seen = live.and_then(|l| l.conclusive_at).map_or(from, |at| at.max(from));
                let limit = BLIND_AFTER.max(Millis(probe.every.times(2).0 + probe.timeout.0));
                if elapsed(seen, now) > limit {
                    blind += 1;
                    let last = live.and_then(|l| l.last.as_ref()).filter(|run| run.outcome == Outcome::Inconclusive);
                    if let Some(kind) = last.and_then(|run| run.kind) {
                        *kinds.entry(kind).or_insert(0) += 1;
                    }
                }
            }
        });
        let kinds: BTreeMap<FailureKind, usize> = kinds;
        (blind > 0).then_some(Unwell::Blind { blind, critical: runs.len(), kinds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_looks_make_an_alarm_and_a_minute_without_ends_it() {
        let mut count = Count::default();
        let looks = |count: &mut Count, seen: bool, n: u32| (0..n).fold(None, |_, _| Some(count.look(seen)));
        assert_eq!(looks(&mut count, true, RAISED_AFTER - 1), Some(false), "one late look wakes nobody");
        assert_eq!(looks(&mut count, false, 1), Some(false));
        assert_eq!(looks(&mut count, true, RAISED_AFTER - 1), Some(false), "counted from the start again");
        assert_eq!(looks(&mut count, true, 1), Some(true));
        assert_eq!(looks(&mut count, false, LOWERED_AFTER - 1), Some(true), "what comes and goes stays one ticket");
        assert_eq!(looks(&mut count, true, 1), Some(true));
        assert_eq!(looks(&mut count, false, LOWERED_AFTER), Some(false));
    }

    mod sight {
        use watchbell_config::{Secrets, Sources};
        use watchbell_engine::observation::Observation;

        use super::*;
        use crate::gate::test_world::failing_run;

        fn at(secs: i64) -> Timestamp {
            Timestamp::from_second(1_780_000_000 + secs).expect("an instant")
        }

        fn config() -> Config {
            let dir = tempfile::tempdir().expect("a directory");
            let yaml = r#"
channels: { hook: { webhook: {} } }
people: [ { id: me, contacts: { hook: "http://127.0.0.1:9/me" } } ]
defaults: { every: 5s }
probes:
  - { id: payout, tcp: "127.0.0.1:9", severity: critical }
  - { id: login, tcp: "127.0.0.1:9", severity: critical }
  - { id: news, tcp: "127.0.0.1:9", severity: warning }
"#;
            std::fs::write(dir.path().join("watchbell.yaml"), yaml).expect("a file");
            let sources = Sources::process(dir.path(), BTreeMap::new());
            let report = watchbell_config::read(&sources, Secrets::Required, at(0));
            report.config.unwrap_or_else(|| panic!("{:?}", report.errors))
        }

        fn ran(board: &ProbeBoard, probe: &str, outcome: Outcome, kind: Option<FailureKind>, when: Timestamp) {
            let run = Observation { probe: probe.into(), at: when, outcome, kind, ..failing_run() };
            board.record(Arc::new(run), None);
        }

        #[test]
        fn critical_probes_without_a_conclusive_run_for_thirty_seconds_are_told_with_their_kinds() {
            let (config, board) = (config(), ProbeBoard::default());
            let mut sight = Sight::new(at(0));
            let mut last = None;
            for secs in (0..=40).step_by(2) {
                ran(&board, "login", Outcome::Up, None, at(secs));
                ran(&board, "payout", Outcome::Inconclusive, Some(FailureKind::SelfDns), at(secs));
                last = sight.look(&config, &board, at(secs));
                assert_eq!(last.is_some(), secs > 30, "after {secs} s");
            }
            let kinds = BTreeMap::from([(FailureKind::SelfDns, 1)]);
            assert_eq!(last, Some(Unwell::Blind { blind: 1, critical: 2, kinds }));
            ran(&board, "payout", Outcome::Down, Some(FailureKind::ConnectRefused), at(42));
            assert_eq!(sight.look(&config, &board, at(42)), None, "a finding is a finding");
        }

        #[test]
        fn a_process_that_was_stopped_is_not_blind() {
            let (config, board) = (config(), ProbeBoard::default());
            let mut sight = Sight::new(at(0));
            ran(&board, "login", Outcome::Up, None, at(0));
            ran(&board, "payout", Outcome::Up, None, at(0));
            assert_eq!(sight.look(&config, &board, at(2)), None);
            assert_eq!(sight.look(&config, &board, at(3_600)), None);
            assert_eq!(sight.look(&config, &board, at(3_602)), None);
        }
    }
}
