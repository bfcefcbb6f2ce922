//! Tells the story while people play it: by the buttons of the pages, or by keys on the terminal.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::look::{LookError, Onlooker, Seen};
use super::{Story, checks};
use crate::demo::keys::Key;
use crate::demo::service::Fault;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Tells and obeys until `q`, or until `stop`.
pub async fn follow(
    world: &Onlooker,
    mut story: Story,
    mut keys: mpsc::Receiver<Key>,
    stop: CancellationToken,
    say: &mut dyn FnMut(&str),
) {
    let mut seen = Seen::default();
    let mut keys_open = true;
    let mut reachable = true;
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let key = tokio::select! {
            () = stop.cancelled() => return,
            key = keys.recv(), if keys_open => { keys_open = key.is_some(); key }
            _ = tick.tick() => None,
        };
        match key {
            Some(Key::Quit) => return,
            Some(key) => obey(world, key, &seen, say).await,
            None => (),
        }
        match world.look().await {
            Ok(look) => {
                reachable = true;
                for line in story.tell(&look) {
                    say(&line.to_string());
                }
                seen = look;
            }
            Err(e) if reachable => {
                reachable = false;
                say(&format!("the server cannot be asked right now: {e}"));
            }
            Err(_) => (), // said once; the next look may succeed
        }
    }
}

async fn obey(world: &Onlooker, key: Key, seen: &Seen, say: &mut dyn FnMut(&str)) {
    let done: Result<(), LookError> = match key {
        Key::Break => world.break_it(Fault::Verification503).await,
        Key::Heal => world.heal().await,
        Key::Acknowledge => match checks::newest_unanswered(seen) {
            Some(ack_url) => world.acknowledge(&ack_url).await,
            None => {
                say("nobody is being paged: break something first (b)");
                Ok(())
            }
        },
        Key::Quit => Ok(()),
        Key::Other(line) => {
            say(&format!("`{line}` is not a key: b breaks, a acknowledges, h heals, q ends"));
            Ok(())
        }
    };
    if let Err(e) = done {
        say(&format!("that did not work: {e}"));
    }
}
