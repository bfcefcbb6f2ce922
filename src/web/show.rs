//! How screens show instants, lengths and states: local time with its zone, UTC beside it; word, shape and colour.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_engine::time::{Millis, elapsed};
use watchbell_engine::view::TicketState;
use watchbell_engine::word::{Level, Locale};

use crate::words::screen::{Label, sentence};
use crate::words::{InWords as _, Moments};

/// An instant in a `<time>` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// For machines, RFC 3339 UTC.
    pub(super) iso: String,
    /// For whoever hovers.
    pub(super) utc: String,
    /// In the reader's zone; the date only where it is not today.
    pub(super) text: String,
}

/// The reader's side of time.
#[derive(Clone, Debug)]
pub(super) struct Face {
    /// In which language.
    pub(super) locale: Locale,
    /// As of when.
    pub(super) now: Timestamp,
    /// In the reader's zone.
    pub(super) moments: Moments,
}

impl Face {
    /// For a reader in a zone.
    pub(super) fn new(zone: TimeZone, locale: Locale, now: Timestamp) -> Self {
        Self { locale, now, moments: Moments::in_zone(zone, now, locale) }
    }

    /// An instant to the second.
    pub(super) fn at(&self, at: Timestamp) -> Moment {
        Self::moment(at, self.moments.second(at))
    }

    /// An instant to the minute, with its weekday while that is enough to know it by.
    pub(super) fn until(&self, at: Timestamp) -> Moment {
        Self::moment(at, self.moments.minute(at))
    }

    fn moment(at: Timestamp, text: String) -> Moment {
        let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        Moment { iso: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), utc, text }
    }

    /// How long ago an instant was.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        sentence::ago(self.locale, elapsed(at, self.now))
    }

    /// How long it is until an instant; zero once it has passed.
    pub(super) fn left(&self, at: Timestamp) -> Millis {
        elapsed(self.now, at)
    }

    /// What people call the zone.
    pub(super) fn zone_name(&self) -> String {
        self.moments.zone_name(self.now)
    }
}

/// A state as word, shape and colour; the colour is never alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Badge {
    /// The CSS class that gives the colour.
    pub(super) class: &'static str,
    /// The shape.
    pub(super) mark: &'static str,
    /// The word.
    pub(super) word: &'static str,
}

impl Badge {
    const fn new(class: &'static str, mark: &'static str, word: &'static str) -> Self {
        Self { class, mark, word }
    }

    /// What detection believes of a probe; unknown before it settled.
    pub(super) fn level(level: Option<Level>, locale: Locale) -> Self {
        let (class, mark) = match level {
            Some(Level::Up) => ("up", "●"),
            Some(Level::Degraded) => ("degraded", "▲"),
            Some(Level::Down) => ("major", "■"),
            None => ("unknown", "○"),
        };
        Self::new(class, mark, level.map_or(Label::StateUnknown.get(locale), |l| l.words(locale)))
    }

    /// Where a ticket stands.
    pub(super) fn ticket(state: TicketState, locale: Locale) -> Self {
        let (class, mark) = match state {
            TicketState::Triggered => ("major", "■"),
            TicketState::Acknowledged => ("partial", "◆"),
            TicketState::Resolved => ("up", "●"),
        };
        Self::new(class, mark, state.words(locale))
    }

    /// A badge of the public page.
    pub(super) const fn public(class: &'static str, mark: &'static str, word: &'static str) -> Self {
        Self::new(class, mark, word)
    }
}

/// The points of a small line chart, 100 by 24 units, newest at the right; `None` where there are too few.
pub(super) fn sparkline(totals: &[Option<f64>]) -> Option<String> {
    let known: Vec<f64> = totals.iter().flatten().copied().collect();
    if known.len() < 2 {
        return None;
    }
    let top = known.iter().copied().fold(1.0_f64, f64::max);
    let step = 100.0 / (totals.len() - 1) as f64;
    let points = totals
        .iter()
        .enumerate()
        .filter_map(|(i, total)| total.map(|ms| format!("{:.1},{:.1}", i as f64 * step, 23.0 - 22.0 * ms / top)));
    Some(points.collect::<Vec<_>>().join(" "))
}

/// Milliseconds for people: three digits are enough.
pub(super) fn ms(value: f64) -> String {
    if value >= 1_000.0 { format!("{:.2} s", value / 1_000.0) } else { format!("{value:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local_and_keep_utc_beside_them() {
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
        let face = Face::new(zone, Locale::ZhCn, "2026-11-22T20:00:00Z".parse().expect("an instant"));
        let shown = face.at("2026-11-22T19:12:04Z".parse().expect("an instant"));
        assert_eq!((shown.text.as_str(), shown.iso.as_str()), ("03:12:04", "2026-11-22T19:12:04Z"));
        assert_eq!(shown.utc, "2026-11-22 19:12:04 UTC");
        assert_eq!(face.ago("2026-11-22T19:59:00Z".parse().expect("an instant")), "1 分前");
        assert_eq!(face.left("2026-11-22T19:59:00Z".parse().expect("an instant")), Millis::ZERO);
    }

    #[test]
    fn a_chart_leaves_out_what_is_not_known() {
        assert_eq!(sparkline(&[Some(1.0), None]), None);
        assert_eq!(sparkline(&[Some(10.0), None, Some(5.0)]).as_deref(), Some("0.0,1.0 100.0,12.0"));
    }
}
