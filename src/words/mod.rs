//! Every text of pages, notices and screens that a person reads, in zh-CN and in English.
//!
//! A text is a [`Text`] or a function over [`Locale`] that spells out both languages, so that a missing
//! translation does not compile. Nothing is looked up by name while the program runs. What comes from
//! outside (titles, summaries, runbook steps) passes through [`clean`] before it stands in a message.
//!
//! May import: the engine crate. Never: sends, reads a clock, or shows bodies, headers and evidence.

mod clean;
mod cover_message;
mod duty;
mod duty_message;
mod follow_up;
mod kind;
mod ourselves;
mod page;
mod reason;
pub mod screen;
mod silence_message;
mod text;
mod time;
mod vocabulary;
mod what;

pub use clean::{clip, clip_bytes, one_line};
pub use duty::{change_line, feed_name, feed_open_end, feed_summary, keep_lines, people, span};
pub use follow_up::event as event_words;
pub use kind::{kind_sentence, kind_short};
pub use ourselves::{Unwell, unwell};
pub use page::{Links, PageText, first_line, page_text};
pub use reason::{because, quiet, skip, why};
pub use text::{InWords, Text};
pub use time::{Moments, length};

#[cfg(test)]
mod tests;
