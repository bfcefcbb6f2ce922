//! Keys of the demo, as lines on standard input: `b` and enter. No raw mode, so that it works in a
//! pipe, in a log viewer, and on every terminal.
//!
//! May import: nothing beside this room.

use std::io::BufRead;

use tokio::sync::mpsc;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// `b`: break invoice verification.
    Break,
    /// `h`: heal everything.
    Heal,
    /// `a`: acknowledge the newest page.
    Acknowledge,
    /// `q`: end the demo.
    Quit,
    /// Something else.
    Other(String),
}

impl Key {
    /// Reads a line; `None` for an empty one.
    pub fn read(line: &str) -> Option<Self> {
        match line.trim() {
            "" => None,
            "b" | "B" => Some(Self::Break),
            "h" | "H" => Some(Self::Heal),
            "a" | "A" => Some(Self::Acknowledge),
            "q" | "Q" => Some(Self::Quit),
            other => Some(Self::Other(other.chars().take(40).collect())),
        }
    }
}

/// The keys that come over standard input. Its end is no `q`: a demo without a terminal goes on.
pub fn from_stdin() -> mpsc::Receiver<Key> {
    let (keys, out) = mpsc::channel(8);
    // A thread of its own, never joined: reading standard input cannot be cancelled, and must not keep
    // the process from ending.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if let Some(key) = Key::read(&line)
                && keys.blocking_send(key).is_err()
            {
                return;
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_key() {
        assert_eq!(Key::read("b\n"), Some(Key::Break));
        assert_eq!(Key::read(" Q "), Some(Key::Quit));
        assert_eq!(Key::read("\r\n"), None);
        assert_eq!(Key::read("help"), Some(Key::Other("help".into())));
    }
}
