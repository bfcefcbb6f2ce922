//! Detection: from the runs of one probe to a verdict, with confirmation. Pure; one [`Detector`] per
//! probe and site. Streaks are not stored: after a restart a fault is confirmed anew.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::observation::{Observation, RunSummary, Verdict};
use crate::time::{Millis, elapsed};
use crate::word::{FailureKind, Level, Outcome, Severity};

#[cfg(test)]
mod tests;

/// How long a transient degradation must have lasted before it is a verdict (design, levels).
pub const DEGRADED_AFTER: Millis = Millis::mins(5);

/// How long 429 answers are only degraded (design, levels).
pub const RATE_LIMITED_FOR: Millis = Millis::mins(2);

/// With so many days left or fewer, a certificate that ends soon is an error (design, levels).
pub const CERT_ERROR_DAYS: u64 = 3;

/// How often in a row a new kind must be seen before a fault that is known is told under it.
const NEW_KIND_RUNS: u32 = 2;

/// How runs become a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetectRule {
    /// How many failing runs make `down`.
    pub down_after: DownAfter,
    /// After a first failing run the next one follows this soon, on a fresh connection.
    pub confirm_after: Millis,
    /// So many good runs in a row end it.
    pub up_after: u32,
    /// The severity of `down`.
    pub severity: Severity,
}

/// How many failing runs make `down`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownAfter {
    /// So many in a row.
    InARow(u32),
    /// So many of the last `of`.
    OutOf {
        /// The threshold.
        k: u32,
        /// The window, at least `k`.
        of: u32,
    },
}

impl DownAfter {
    /// The number of failing runs that it takes.
    pub const fn failures(self) -> u32 {
        match self {
            Self::InARow(k) | Self::OutOf { k, .. } => k,
        }
    }

    /// How many of the last runs are looked at.
    pub const fn window(self) -> usize {
        match self {
            Self::InARow(k) => k as usize,
            Self::OutOf { k, of } => (if of > k { of } else { k }) as usize,
        }
    }
}

/// What to do after a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The verdict, when the run settled one that differs from the last (level, kind or severity), and
    /// after the first conclusive settling of this detector.
    pub verdict: Option<Verdict>,
    /// Run again this soon after the end of this run, on a fresh connection, instead of waiting for the slot.
    pub confirm_after: Option<Millis>,
}

/// The memory of one probe's runs.
#[derive(Clone, Debug)]
pub struct Detector {
    rule: DetectRule,
    /// The verdict told last; `None` until the first one settles.
    told: Option<Verdict>,
    /// The last conclusive runs, oldest first, while the probe is not down; as many as the rule looks at.
    window: VecDeque<Mark>,
    /// Failing runs since the present `down` began.
    failing: u32,
    /// Degraded runs of one kind since the last good run. Failing runs do not end it: they are worse, not better.
    degraded: Option<Streak>,
    /// Runs in a row that do not show what was told last.
    better: Option<Streak>,
    /// A kind other than the one told, and how often in a row it was seen, while down.
    rival: Option<(Option<FailureKind>, u32)>,
    last_up: Option<Timestamp>,
    last_not_failing: Option<Timestamp>,
}

/// One conclusive run in the window.
#[derive(Clone, Debug)]
struct Mark {
    started: Timestamp,
    ended: Timestamp,
    /// What a failing run found.
    found: Option<Found>,
}

/// What a verdict tells of a run.
#[derive(Clone, Debug)]
struct Found {
    kind: Option<FailureKind>,
    message: Option<String>,
    summary: Option<RunSummary>,
}

/// Runs in a row that have something in common, by the first of them.
#[derive(Clone, Copy, Debug)]
struct Streak {
    kind: Option<FailureKind>,
    started: Timestamp,
    ended: Timestamp,
    runs: u32,
}

/// What a conclusive run counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Good,
    Degraded,
    Failing,
}

impl Detector {
    /// A detector that knows nothing yet.
    pub fn new(rule: DetectRule) -> Self {
        Self {
            rule,
            told: None,
            window: VecDeque::new(),
            failing: 0,
            degraded: None,
            better: None,
            rival: None,
            last_up: None,
            last_not_failing: None,
        }
    }

    /// The verdict told last, so that it can be told again after a reload; `None` until one settled.
    pub fn current(&self) -> Option<&Verdict> {
        self.told.as_ref()
    }

    /// Takes in one run, whose outcome was known at `ended`.
    pub fn observe(&mut self, run: &Observation, ended: Timestamp) -> Step {
        let verdict = match self.counts(run) {
            Some(counts) => {
                self.count(run, ended, counts);
                let verdict = self.judge(run, ended, counts);
                if let Some(verdict) = &verdict {
                    self.settle(verdict.clone());
                }
                verdict
            }
            None => None,
        };
        Step { verdict, confirm_after: self.is_confirming().then_some(self.rule.confirm_after) }
    }

    /// `None` for an inconclusive run, which changes no streak.
    fn counts(&self, run: &Observation) -> Option<Counts> {
        match run.outcome {
            Outcome::Up => Some(Counts::Good),
            // It does not serve us, so it is no recovery either.
            Outcome::Degraded if run.kind == Some(FailureKind::RateLimited) && self.level() == Some(Level::Down) => {
                Some(Counts::Failing)
            }
            Outcome::Degraded => Some(Counts::Degraded),
            Outcome::Down => Some(Counts::Failing),
            Outcome::Inconclusive => None,
        }
    }

    fn level(&self) -> Option<Level> {
        self.told.as_ref().map(|v| v.level)
    }

    fn count(&mut self, run: &Observation, ended: Timestamp, counts: Counts) {
        let first = Streak { kind: run.kind, started: run.at, ended, runs: 0 };
        match counts {
            Counts::Good => self.degraded = None,
            Counts::Degraded => {
                let streak = self.degraded.take().filter(|s| s.kind == run.kind).unwrap_or(first);
                self.degraded = Some(streak.and_one());
            }
            Counts::Failing => (),
        }
        self.better = self.is_better(run, counts).then(|| self.better.take().unwrap_or(first).and_one());
        match counts {
            Counts::Good => (self.last_up, self.last_not_failing) = (Some(run.at), Some(run.at)),
            Counts::Degraded => self.last_not_failing = Some(run.at),
            Counts::Failing => self.failing = self.failing.saturating_add(1),
        }
        match &self.told {
            Some(told) if told.level == Level::Down => {
                let before = self.rival.filter(|(kind, _)| *kind == run.kind).map_or(0, |(_, runs)| runs);
                let other = counts == Counts::Failing && run.kind != told.kind;
                self.rival = other.then_some((run.kind, before + 1));
            }
            Some(_) | None => self.mark(run, ended, counts),
        }
    }

    /// Whether the run does not show what was told last. While nothing is known, only a good run is better:
    /// a restart must not end what may be degraded.
    fn is_better(&self, run: &Observation, counts: Counts) -> bool {
        match (counts, &self.told) {
            (Counts::Good, _) => true,
            (Counts::Failing, _) => false,
            (Counts::Degraded, None) => false,
            (Counts::Degraded, Some(_)) if run.kind == Some(FailureKind::RateLimited) => false,
            (Counts::Degraded, Some(told)) => match told.level {
                Level::Up => false,
                Level::Degraded => told.kind != run.kind,
                Level::Down => true,
            },
        }
    }

    fn mark(&mut self, run: &Observation, ended: Timestamp, counts: Counts) {
        let found = (counts == Counts::Failing).then(|| Found::of(run));
        if found.is_none() {
            // All confirming runs must be slow: one that is not takes back those before it.
            for mark in &mut self.window {
                mark.found.take_if(|f| f.kind == Some(FailureKind::Latency));
            }
        }
        if self.window.len() >= self.rule.down_after.window() {
            self.window.pop_front();
        }
        self.window.push_back(Mark { started: run.at, ended, found });
    }

    /// Whether the next run should follow soon: a fault or its end is half confirmed.
    fn is_confirming(&self) -> bool {
        match self.level() {
            Some(Level::Down) => self.better.is_some(),
            None | Some(Level::Up | Level::Degraded) => self.down_is_in_reach(),
        }
    }

    /// Whether further failing runs alone can still make `down` before some failing run leaves the window.
    fn down_is_in_reach(&self) -> bool {
        let (k, of) = (self.rule.down_after.failures() as usize, self.rule.down_after.window());
        let mut failures = 0;
        self.window.iter().rev().enumerate().any(|(back, mark)| {
            failures += usize::from(mark.found.is_some());
            mark.found.is_some() && failures + of - (back + 1) >= k
        })
    }

    /// The verdict that this run settles, if it differs from the one told last.
    fn judge(&self, run: &Observation, ended: Timestamp, counts: Counts) -> Option<Verdict> {
        match self.told.as_ref() {
            Some(told) if told.level == Level::Down => match counts {
                Counts::Failing => self.renamed(told, run, ended),
                Counts::Good | Counts::Degraded => self.over(run, ended),
            },
            told => self.down(run, ended).or_else(|| match told.map(|v| v.level) {
                Some(Level::Degraded) => self.worsened(run, ended).or_else(|| self.over(run, ended)),
                Some(Level::Up | Level::Down) => self.lasting(run, ended),
                None => self.lasting(run, ended).or_else(|| self.over(run, ended)),
            }),
        }
    }

    /// Enough failing runs, or rate limiting that does not end.
    fn down(&self, run: &Observation, ended: Timestamp) -> Option<Verdict> {
        let found: Vec<_> = self.window.iter().filter_map(|m| m.found.as_ref().map(|f| (m, f))).collect();
        let runs = u32::try_from(found.len()).unwrap_or(u32::MAX);
        if let (Some((first, last)), true) = (found.first().zip(found.last()), runs >= self.rule.down_after.failures())
        {
            // A fault with another name than slowness is told by that name, though the last run was only slow.
            let named = found.iter().rev().find(|(_, f)| f.kind != Some(FailureKind::Latency)).unwrap_or(last).1;
            let streak = Streak { kind: named.kind, started: first.0.started, ended: first.0.ended, runs };
            return Some(self.verdict(run, Level::Down, streak, named.clone(), ended));
        }
        let limited = self.degraded.filter(|s| {
            s.kind == Some(FailureKind::RateLimited)
                && run.kind == s.kind
                && s.runs >= self.rule.down_after.failures()
                && elapsed(s.started, ended) >= RATE_LIMITED_FOR
        })?;
        Some(self.verdict(run, Level::Down, limited, Found::of(run), ended))
    }

    /// A fault that is told already shows another kind, twice in a row.
    fn renamed(&self, told: &Verdict, run: &Observation, ended: Timestamp) -> Option<Verdict> {
        self.rival.filter(|(_, runs)| *runs >= NEW_KIND_RUNS)?;
        let streak = Streak { kind: run.kind, started: told.since, ended: told.seen, runs: self.failing };
        Some(self.verdict(run, Level::Down, streak, Found::of(run), ended))
    }

    /// A degradation that is more than a moment.
    fn lasting(&self, run: &Observation, ended: Timestamp) -> Option<Verdict> {
        let streak = self.degraded.filter(|s| run.outcome == Outcome::Degraded && run.kind == s.kind)?;
        let settled = if streak.kind == Some(FailureKind::CertExpiring) {
            streak.runs >= self.rule.down_after.failures() // it does not pass by itself
        } else {
            elapsed(streak.started, ended) >= DEGRADED_AFTER
        };
        settled.then(|| self.verdict(run, Level::Degraded, streak, Found::of(run), ended))
    }

    /// The same degradation, now with another severity.
    fn worsened(&self, run: &Observation, ended: Timestamp) -> Option<Verdict> {
        let told = self.told.as_ref().filter(|v| v.kind == run.kind && run.outcome == Outcome::Degraded)?;
        (told.severity != degraded_severity(run)).then(|| self.lasting(run, ended)).flatten()
    }

    /// What was told last, or the unknown, is over.
    fn over(&self, run: &Observation, ended: Timestamp) -> Option<Verdict> {
        let better = self.better.filter(|s| s.runs >= self.rule.up_after)?;
        let up = || {
            let found = Found { kind: None, ..Found::of(run) };
            self.verdict(run, Level::Up, Streak { kind: None, ..better }, found, ended)
        };
        Some(self.lasting(run, ended).unwrap_or_else(up))
    }

    fn verdict(&self, run: &Observation, level: Level, streak: Streak, found: Found, ended: Timestamp) -> Verdict {
        Verdict {
            probe: run.probe.clone(),
            site: run.site.clone(),
            level,
            kind: streak.kind,
            message: found.message,
            severity: match level {
                Level::Up | Level::Down => self.rule.severity,
                Level::Degraded => degraded_severity(run),
            },
            last_good: match level {
                Level::Up | Level::Degraded => self.last_up,
                Level::Down => self.last_not_failing,
            },
            since: streak.started,
            seen: streak.ended,
            confirmed: ended,
            runs: streak.runs,
            summary: found.summary,
        }
    }

    fn settle(&mut self, verdict: Verdict) {
        if self.level() != Some(verdict.level) {
            self.window.clear();
            self.failing = verdict.runs;
        }
        self.better = None;
        self.rival = None;
        self.told = Some(verdict);
    }
}

impl Streak {
    fn and_one(self) -> Self {
        Self { runs: self.runs.saturating_add(1), ..self }
    }
}

impl Found {
    fn of(run: &Observation) -> Self {
        let expected = run.assertions.iter().find(|a| !a.ok).map(|a| {
            // A page says `answered 503, expected 200`: the subject stands there already.
            a.what.strip_prefix("status is ").unwrap_or(&a.what).to_owned()
        });
        let summary = RunSummary {
            request: run.evidence.request.as_deref().map(request_line),
            status: run.evidence.status,
            expected,
            total: run.phases_ms.total.map(|ms| Millis(ms.max(0.0).round() as u64)),
        };
        Self { kind: run.kind, message: run.message.clone(), summary: Some(summary) }
    }
}

/// `POST https://host/path?query` as a page shows it: `POST /path`. What is no such address stays as it is.
fn request_line(request: &str) -> String {
    let Some((method, (_, rest))) = request.split_once(' ').and_then(|(m, url)| Some((m, url.split_once("://")?)))
    else {
        return request.to_owned();
    };
    let path = rest.find('/').map_or("/", |slash| &rest[slash..]);
    format!("{method} {}", path.split(['?', '#']).next().unwrap_or(path))
}

/// The severity of a degraded run: by the days that are left for a certificate, otherwise a warning.
fn degraded_severity(run: &Observation) -> Severity {
    let left = run.evidence.certificate.as_ref().map(|c| elapsed(run.at, c.not_after));
    match (run.kind, left) {
        (Some(FailureKind::CertExpiring), Some(left)) if left <= Millis::hours(24 * CERT_ERROR_DAYS) => Severity::Error,
        (_, _) => Severity::Warning,
    }
}
