//! `doctor`: is everything that watchbell rests on as it must be? `--rebuild` writes the projections anew.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use watchbell_config::{Config, Secrets, StoreUrl};
use watchbell_engine::commit::TicketRow;
use watchbell_engine::ids::FactNo;
use watchbell_engine::rebuild::{Rebuilt, differences, rebuild};
use watchbell_engine::time::{Millis, elapsed};

use super::args::{Common, Format};
use super::output::{Failure, quiet_configuration, say, say_json};
use super::run_command::chain;
use crate::app;
use crate::clock::Clock;
use crate::store::{Examined, Store};

/// A clock that is behind the last commit by more than this was set back.
const CLOCK_TOLERANCE: Millis = Millis::secs(2);

/// Tickets that are named where projections differ; the others are counted.
const NAMED: usize = 5;

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    message: String,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Finding>,
}

/// Looks at everything, and goes on after what is wrong. Exit code 1 where something is.
pub(super) async fn doctor(common: &Common, anew: bool) -> Result<ExitCode, Failure> {
    let config = quiet_configuration(common, Secrets::WarnIfMissing)?;
    let now = Clock::system().now();
    let mut checks = vec![Finding::of("configuration", Ok(format!("revision {}", config.catalog.revision)))];
    checks.push(secrets(&config));
    match Store::examine(&config.store).await {
        Ok(examined) => {
            let rebuilt = rebuild(&examined.facts, &config.catalog);
            if anew {
                checks.push(write(&config.store, &rebuilt, &examined).await);
                // What is said of projections is what stands there now.
                match Store::examine(&config.store).await {
                    Ok(after) => checks.extend(store(&after, &rebuilt, now)),
                    Err(error) => checks.push(Finding::of("store", Err(chain(&error)))),
                }
            } else {
                checks.extend(store(&examined, &rebuilt, now));
            }
        }
        Err(error) => checks.push(Finding::of("store", Err(chain(&error)))),
    }
    let report = Report { ok: checks.iter().all(|c| c.ok), checks };
    match common.format {
        Format::Json => say_json(&report),
        Format::Text => report.checks.iter().for_each(|c| {
            say(format!("{}  {:13} {}", if c.ok { "ok   " } else { "WRONG" }, c.check, c.message));
        }),
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Finding {
    fn of(check: &'static str, found: Result<String, String>) -> Self {
        let ok = found.is_ok();
        Self { check, ok, message: found.unwrap_or_else(|wrong| wrong) }
    }
}

/// What nobody but watchbell's own user may read.
fn secrets(config: &Config) -> Finding {
    let mut files = vec![app::key_file(config)];
    if let StoreUrl::Sqlite(path) = &config.store {
        files.push(path.clone());
    }
    files.extend(config.server.tls.iter().map(|tls| tls.key.clone()));
    let there: Vec<_> = files.iter().filter(|path| path.exists()).collect();
    let open: Vec<String> = there.iter().filter_map(|path| read_by_others(path)).collect();
    Finding::of(
        "secrets",
        match open.is_empty() {
            true => Ok(format!("{} files are closed to others", there.len())),
            false => Err(format!("others may read {}; chmod 600", open.join(", "))),
        },
    )
}

fn read_by_others(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o007 != 0).then(|| format!("{} (mode {mode:03o})", path.display()))
}

fn store(examined: &Examined, rebuilt: &Rebuilt, now: Timestamp) -> Vec<Finding> {
    let facts = examined.facts.len();
    vec![
        Finding::of("store", Ok(format!("opens; epoch {}", examined.epoch.0))),
        Finding::of("facts", Ok(format!("{facts} without a hole, all of kinds that this build knows"))),
        Finding::of("projections", projections(examined, rebuilt)),
        Finding::of("outbox", outbox(examined, rebuilt, now)),
        Finding::of("clock", clock(examined, now)),
    ]
}

fn projections(examined: &Examined, rebuilt: &Rebuilt) -> Result<String, String> {
    let mut wrong: Vec<String> = Vec::new();
    for (id, row) in &rebuilt.tickets {
        match examined.tickets.get(id) {
            None => wrong.push(format!("{id} is missing")),
            Some(stored) => {
                let differ = differences(stored, row);
                if !differ.is_empty() {
                    wrong.push(format!("{id} ({})", differ.join(", ")));
                }
            }
        }
    }
    let unknown = examined.tickets.keys().filter(|id| !rebuilt.tickets.contains_key(id));
    wrong.extend(unknown.map(|id| format!("{id} is in no fact")));
    if wrong.is_empty() {
        return Ok(format!("{} tickets are as their facts have them", rebuilt.tickets.len()));
    }
    let (count, named) = (wrong.len(), wrong.into_iter().take(NAMED).collect::<Vec<_>>().join("; "));
    Err(format!(
        "{count} tickets differ from their facts: {named}; stop the server and run `watchbell doctor --rebuild`"
    ))
}

/// What is owed must be known to the state, or nobody would ever ask for it.
fn outbox(examined: &Examined, rebuilt: &Rebuilt, now: Timestamp) -> Result<String, String> {
    let open = |m: &&watchbell_engine::outgoing::Outgoing| {
        rebuilt.state.find_try(m.send).is_none_or(|tried| tried.ended.is_some())
    };
    let paging = examined.unfinished.iter().filter(|m| m.page.is_some());
    let strange: Vec<String> = paging.filter(open).map(|m| m.send.to_string()).collect();
    if !strange.is_empty() {
        return Err(format!("{} rows are owed by no ticket: {}", strange.len(), strange.join(", ")));
    }
    Ok(match examined.unfinished.first() {
        None => "nothing is owed".into(),
        Some(oldest) => {
            let age = elapsed(oldest.decided_at, now).as_secs_f64();
            format!(
                "{} messages have no outcome yet, the oldest for {age:.0} s; a start asks of each",
                examined.unfinished.len()
            )
        }
    })
}

fn clock(examined: &Examined, now: Timestamp) -> Result<String, String> {
    match examined.committed {
        Some(last) if elapsed(now, last) > CLOCK_TOLERANCE => {
            Err(format!("it is {now} here, and the last commit took place at {last}: the clock was set back"))
        }
        Some(last) => Ok(format!("the last commit took place at {last}")),
        None => Ok("nothing has been committed yet".into()),
    }
}

async fn write(url: &StoreUrl, rebuilt: &Rebuilt, examined: &Examined) -> Finding {
    let rows: Vec<TicketRow> = rebuilt.tickets.values().cloned().collect();
    let upto = examined.facts.last().map_or(FactNo(0), |fact| fact.no);
    let written = Store::write_projections(url, &rows, upto).await;
    Finding::of(
        "rebuild",
        match written {
            Ok(()) => Ok(format!("{} tickets were written anew from {} facts", rows.len(), examined.facts.len())),
            Err(error) => Err(chain(&error)),
        },
    )
}
