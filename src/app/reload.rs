//! Reloading: read everything anew, put it in force whole, or change nothing.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use watchbell_config::{Config, Secrets, Sources};
use watchbell_engine::rotation::{Change, Recorded, changes};
use watchbell_engine::time::{Millis, after};

use super::canary::Nest;
use crate::clock::Clock;
use crate::driver::Reload;
use crate::inbox::{Control, Live, ReloadDone, ReloadRefused};
use crate::probers::ProbersHandle;
use crate::words::{change_line, keep_lines};

/// So far ahead a reload says who is on duty differently.
const LOOK_AHEAD: Millis = Millis::hours(14 * 24);

/// Serves reloads, one at a time.
pub(super) struct Reloader {
    pub(super) sources: Sources,
    pub(super) live: Arc<Live>,
    pub(super) clock: Clock,
    pub(super) reloads: mpsc::Sender<Reload>,
    pub(super) probers: ProbersHandle,
    pub(super) nest: Nest,
}

impl Reloader {
    pub(super) async fn run(self, mut asked: mpsc::Receiver<Control>, stop: CancellationToken) {
        loop {
            let control = tokio::select! {
                () = stop.cancelled() => return,
                control = asked.recv() => control,
            };
            let Some(Control::Reload { accept_shift_change, reply }) = control else { return };
            let outcome = self.reload(accept_shift_change).await;
            match &outcome {
                Ok(done) => tracing::info!(revision = %done.revision, changed = done.changed, "configuration reloaded"),
                Err(refused) => {
                    tracing::error!(mistakes = refused.mistakes.len(), "{}; the one in force stays", refused.summary);
                }
            }
            let _ = reply.send(outcome); // whoever asked may have gone
        }
    }

    async fn reload(&self, accept_shift_change: bool) -> Result<ReloadDone, ReloadRefused> {
        let sources = self.sources.clone();
        let now = self.clock.now();
        let read = tokio::task::spawn_blocking(move || watchbell_config::read(&sources, Secrets::Required, now));
        let report = read.await.map_err(|_| refused("the configuration could not be read", Vec::new()))?;
        let mistakes: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
        let Some(new) = report.config else {
            let summary = format!("the configuration has {} mistakes", mistakes.len());
            return Err(refused(&summary, mistakes));
        };
        let (old, new) = (self.live.config.load_full(), Arc::new(new));
        let mut notes = needs_restart(&old, &new);
        let changes = shift_changes(&old, &new, &self.live.view.load().recorded, now);
        let at_once: Vec<String> = changes.iter().filter(|c| c.is_at(now)).flat_map(|c| in_words(c, &new)).collect();
        if !at_once.is_empty() && !accept_shift_change {
            let summary =
                "it would change who is on duty now; reload with --accept-shift-change if that is meant".into();
            return Err(ReloadRefused { summary, mistakes: at_once, shift_change: true, changes });
        }
        notes.extend(changes.iter().flat_map(|change| in_words(change, &new)));
        let (revision, changed) = (new.catalog.revision.to_string(), old.catalog.revision != new.catalog.revision);
        let (done, in_force) = oneshot::channel();
        let ending = || refused("the process is ending", Vec::new());
        self.reloads.send(Reload { config: Arc::clone(&new), done }).await.map_err(|_| ending())?;
        in_force.await.map_err(|_| ending())?;
        let probed = self.nest.with_probe(&new);
        self.live.probes.keep(|id| probed.probes.contains_key(id));
        self.probers.reload(probed);
        Ok(ReloadDone { revision, changed, notes, changes })
    }
}

fn refused(summary: &str, mistakes: Vec<String>) -> ReloadRefused {
    ReloadRefused { summary: summary.into(), mistakes, shift_change: false, changes: Vec::new() }
}

/// Who is on duty differently by the new configuration, from the present minute on.
fn shift_changes(old: &Config, new: &Config, recorded: &Recorded, now: Timestamp) -> Vec<Change> {
    let minute = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now);
    changes(&old.catalog, &new.catalog, recorded, minute, after(minute, LOOK_AHEAD)).changes
}

/// Who changes, and the lines that keep whoever is on duty by the configuration in force.
fn in_words(change: &Change, new: &Config) -> Vec<String> {
    let zone = new.catalog.rotations.get(&change.rotation).map_or(&new.catalog.zone, |rotation| &rotation.zone);
    let keep = format!("  to keep it, under `overrides:` of {}:", change.rotation);
    let lines = keep_lines(change).into_iter().map(|line| format!("    {line}"));
    [change_line(change, zone), keep].into_iter().chain(lines).collect()
}

/// What a reload cannot change.
fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    let mut out = Vec::new();
    if old.server.listen != new.server.listen || old.server.edge != new.server.edge || old.server.tls != new.server.tls
    {
        out.push("`server` addresses and certificates change with the next start".to_owned());
    }
    if old.store != new.store {
        out.push("`store` changes with the next start".to_owned());
    }
    out
}
