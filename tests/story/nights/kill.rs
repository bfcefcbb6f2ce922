//! Starts the server, kills it at a moment that chance draws, and starts it again on the same data.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::chance::Chance;
use crate::story::bell::{Bell, Home, LIMIT, now};
use crate::story::town::{Event, Town};

/// A moment whose event does not come is now.
const NO_EVENT: Duration = Duration::from_secs(3);

/// When a life ends: so long after the start, or after something that happens in it.
#[derive(Clone, Copy, Debug)]
pub(in crate::story) struct Moment {
    /// Counted from when it was ready; otherwise from the start of the process.
    pub(in crate::story) ready: bool,
    pub(in crate::story) event: Option<Event>,
    pub(in crate::story) delay: Duration,
}

impl Moment {
    /// Half of them lie anywhere; the others close to something that is under way.
    pub(in crate::story) fn draw(chance: &mut Chance) -> Self {
        let event = match chance.below(8) {
            0..=3 => None,
            4 => Some(Event::Failing),
            5 => Some(Event::Hook),
            6 => Some(Event::Mail),
            _ => Some(Event::Press),
        };
        let delay = match event {
            None => chance.millis(0..2_500),
            Some(Event::Failing) => chance.millis(0..500),
            Some(Event::Hook | Event::Mail) => chance.millis(0..200),
            Some(Event::Press) => chance.millis(0..40),
        };
        Self { ready: false, event, delay }
    }
}

/// One life of the process.
pub(in crate::story) struct Life {
    pub(in crate::story) from: Timestamp,
    /// When it was ready; `None` where it was killed before.
    pub(in crate::story) ready: Option<Timestamp>,
    /// When it was killed, and at which moment; the last one is not.
    pub(in crate::story) killed: Option<(Timestamp, Moment)>,
}

/// Every life of a night, and the process of the last one, which lives on.
pub(in crate::story) struct Lives {
    pub(in crate::story) all: Vec<Life>,
    pub(in crate::story) last: Bell,
}

pub(in crate::story) async fn again_and_again(
    home: &Home,
    town: &Town,
    kills: usize,
    mut chance: Chance,
    draw: impl Fn(&mut Chance) -> Moment,
    over: CancellationToken,
) -> Lives {
    let mut all = Vec::new();
    for _ in 0..kills {
        let (mut from_start, mut from_ready) = (town.events.subscribe(), town.events.subscribe());
        let (from, mut bell) = (now(), home.start());
        let moment = draw(&mut chance);
        let mut ready = None;
        tokio::select! {
            () = come(moment, &mut from_start), if !moment.ready => {}
            () = async {
                bell.ready().await;
                ready = Some(now());
                if moment.ready {
                    come(moment, &mut from_ready).await;
                } else {
                    std::future::pending::<()>().await;
                }
            } => {}
        }
        let killed = now();
        bell.kill();
        all.push(Life { from, ready, killed: Some((killed, moment)) });
    }
    let (from, mut last) = (now(), home.start());
    last.ready().await;
    all.push(Life { from, ready: Some(now()), killed: None });
    over.cancel();
    Lives { all, last }
}

async fn come(moment: Moment, events: &mut broadcast::Receiver<Event>) {
    if let Some(wanted) = moment.event {
        let happens = async {
            loop {
                match events.recv().await {
                    Ok(event) if event == wanted => return,
                    // Another one, or some were missed: the next will do.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => (),
                    Err(broadcast::error::RecvError::Closed) => tokio::time::sleep(LIMIT).await,
                }
            }
        };
        tokio::time::timeout(NO_EVENT, happens).await.unwrap_or_default();
    }
    tokio::time::sleep(moment.delay).await;
}
