//! Lives through drawn nights on both cores, for as long as asked, and says what it found:
//! `SEEDS=100000`, `MINUTES=30`, `FIRST=1`. Exit code 1 with the seeds that broke a rule.
//!
//! `SHRINK=<seed>` makes that seed's night small and prints it as a file of `tests/nights`;
//! `TELL=<seed>` tells it minute by minute.

#[path = "../tests/night/mod.rs"]
mod night;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use night::live::Lives;
use watchbell_sim::night::yaml;
use watchbell_sim::random::draw;

/// More than this is told in one word.
const SHOWN: usize = 20;

#[derive(Default)]
struct Found {
    broken: BTreeMap<u64, String>,
    refused: BTreeMap<u64, String>,
    simulated_ms: u64,
    facts: usize,
    pages: usize,
}

fn main() -> ExitCode {
    if let Some(seed) = number("SHRINK") {
        return shrunk(seed);
    }
    if let Some(seed) = number("TELL") {
        return told(seed);
    }
    let first = number("FIRST").unwrap_or(1);
    let minutes = number("MINUTES");
    let seeds = number("SEEDS").unwrap_or(if minutes.is_some() { u64::MAX - first } else { 10_000 });
    let until = minutes.map(|m| Instant::now() + Duration::from_secs(m * 60));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (next, found, began) = (AtomicU64::new(first), Mutex::new(Found::default()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&next, first + seeds, until, &found));
        }
    });
    let done = next.load(Ordering::Relaxed).min(first + seeds) - first;
    let found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report(&found, done, began.elapsed().as_secs_f64())
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn work(next: &AtomicU64, end: u64, until: Option<Instant>, found: &Mutex<Found>) {
    let mut lives = Lives::new();
    while until.is_none_or(|at| Instant::now() < at) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let lived = lives.live(&draw(seed), None);
        let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match lived {
            Ok(lived) => {
                found.simulated_ms += lived.simulated.0;
                found.facts += lived.facts;
                found.pages += lived.pages;
                if let Some(first) = lived.violations.first() {
                    found.broken.insert(seed, format!("{first} ({} in all)", lived.violations.len()));
                }
            }
            Err(mistake) => {
                found.refused.insert(seed, mistake);
            }
        }
    }
}

fn report(found: &Found, done: u64, seconds: f64) -> ExitCode {
    let hours = found.simulated_ms as f64 / 3_600_000.0;
    println!(
        "{done} seeds in {seconds:.0} s: {:.0} seeds a second, {:.0} simulated hours a second ({hours:.0} hours, {} messages, {} facts)",
        done as f64 / seconds,
        hours / seconds,
        found.pages,
        found.facts
    );
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for text in found.broken.values() {
        *rules.entry(text.split(' ').next().unwrap_or_default()).or_default() += 1;
    }
    found
        .refused
        .iter()
        .take(SHOWN)
        .for_each(|(seed, text)| println!("seed {seed}: its configuration is refused: {text}"));
    found.broken.iter().take(SHOWN).for_each(|(seed, text)| println!("seed {seed}: {text}"));
    if found.broken.is_empty() && found.refused.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!(
        "{} seeds broke a rule {rules:?}, {} configurations were refused",
        found.broken.len(),
        found.refused.len()
    );
    ExitCode::FAILURE
}

fn shrunk(seed: u64) -> ExitCode {
    let mut lives = Lives::new();
    let small = lives.shrunk(&draw(seed), None);
    let violations = lives.live(&small, None).map(|l| l.violations).unwrap_or_default();
    let mut written = small.written();
    let Some(first) = violations.first() else {
        eprintln!("seed {seed} breaks no rule");
        return ExitCode::FAILURE;
    };
    written.about = format!("Found by seed {seed}: {first}");
    match yaml::night(&written) {
        Ok(text) => print!("{text}"),
        Err(e) => eprintln!("it cannot be written: {e}"),
    }
    violations.iter().for_each(|v| eprintln!("{v}"));
    ExitCode::SUCCESS
}

fn told(seed: u64) -> ExitCode {
    let reader = night::Reader::new();
    match draw(seed).written().night(&mut reader.reads()) {
        Ok(night) => {
            let (world, lived) = Lives::new().play(night);
            println!("{}", world.timeline());
            lived.violations.iter().for_each(|v| println!("{v}"));
            ExitCode::SUCCESS
        }
        Err(mistake) => {
            eprintln!("{mistake}");
            ExitCode::FAILURE
        }
    }
}
