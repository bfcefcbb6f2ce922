//! iCalendar (RFC 5545, RFC 7986): the text of a feed. Instants are UTC and shifts stand one by one, so that it
//! needs neither a VTIMEZONE nor rules.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

/// Octets of a physical line without its end (RFC 5545, 3.1).
const LINE_MAX: usize = 75;

/// How often a client may look again: an hour is enough for planning.
const REFRESH: &str = "PT1H";

/// One shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The same for the same shift in every answer.
    pub(super) uid: String,
    /// From, inclusive.
    pub(super) from: Timestamp,
    /// To, exclusive.
    pub(super) to: Timestamp,
    /// In one line.
    pub(super) summary: String,
    /// What else there is to know.
    pub(super) description: Option<String>,
}

/// When the plan behind a feed was last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(pub(super) Timestamp);

impl Stamp {
    /// Grows with every change of the plan; the seconds since 2026, so that it needs no memory.
    fn sequence(self) -> i64 {
        const YEAR_2026: i64 = 1_767_225_600;
        self.0.as_second().saturating_sub(YEAR_2026).clamp(0, i64::from(i32::MAX))
    }
}

/// The id of a shift: of the rotation, the layer, the person and the instant at which it begins.
pub(super) fn uid(parts: [&str; 4], host: &str) -> String {
    format!("{}@{host}", sha256(parts.join("|").as_bytes()))
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The whole feed.
pub(super) fn calendar(name: &str, events: &[Event], stamp: Stamp) -> String {
    let mut out = Lines::default();
    out.line("BEGIN:VCALENDAR");
    out.line("VERSION:2.0");
    out.line("PRODID:-//watchbell//duty//EN");
    out.line("CALSCALE:GREGORIAN");
    out.line("METHOD:PUBLISH");
    out.text("NAME", name);
    out.text("X-WR-CALNAME", name);
    out.line(&format!("REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}"));
    out.line(&format!("X-PUBLISHED-TTL:{REFRESH}"));
    for event in events {
        out.line("BEGIN:VEVENT");
        out.line(&format!("UID:{}", event.uid));
        out.line(&format!("DTSTAMP:{}", utc(stamp.0)));
        out.line(&format!("LAST-MODIFIED:{}", utc(stamp.0)));
        out.line(&format!("SEQUENCE:{}", stamp.sequence()));
        out.line(&format!("DTSTART:{}", utc(event.from)));
        out.line(&format!("DTEND:{}", utc(event.to)));
        out.text("SUMMARY", &event.summary);
        if let Some(description) = &event.description {
            out.text("DESCRIPTION", description);
        }
        out.line("TRANSP:TRANSPARENT");
        out.line("END:VEVENT");
    }
    out.line("END:VCALENDAR");
    out.0
}

/// A strong ETag over what the feed says, and not over when it was said.
pub(super) fn etag(name: &str, events: &[Event]) -> String {
    let hash = sha256(calendar(name, events, Stamp(Timestamp::UNIX_EPOCH)).as_bytes());
    format!("\"{}\"", hash.get(..32).unwrap_or(&hash))
}

/// Whether a client's `If-None-Match` names this ETag (RFC 9110, 13.1.2: compared weakly).
pub(super) fn is_known(if_none_match: &str, etag: &str) -> bool {
    let tags = if_none_match.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
    tags.into_iter().any(|tag| tag == "*" || tag == etag)
}

/// `20260105T010000Z`; shifts begin and end on whole seconds.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Physical lines.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// A property whose value is TEXT: escaped first, then folded.
    fn text(&mut self, name: &str, value: &str) {
        self.line(&format!("{name}:{}", escaped(value)));
    }

    /// A logical line, folded between characters; the space that continues it counts.
    fn line(&mut self, logical: &str) {
        let mut used = 0;
        for c in logical.chars() {
            if used + c.len_utf8() > LINE_MAX {
                self.0.push_str("\r\n ");
                used = 1;
            }
            self.0.push(c);
            used += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

/// TEXT (RFC 5545, 3.3.11): no other character is escaped. Control characters have no place in it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(logical: &str) -> Vec<String> {
        let mut lines = Lines::default();
        lines.line(logical);
        assert!(lines.0.ends_with("\r\n"));
        lines.0.trim_end_matches("\r\n").split("\r\n").map(ToOwned::to_owned).collect()
    }

    #[test]
    fn the_vectors_of_the_contract() {
        let text = "On call: 李伟, payments; backup C:\\ops\nsee runbook for the escalation policy";
        let logical = format!("SUMMARY:{}", escaped(text));
        let expected = "SUMMARY:On call: 李伟\\, payments\\; backup C:\\\\ops\\nsee runbook for the escalation policy";
        assert_eq!((logical.as_str(), logical.len()), (expected, 90));
        let lines = folded(&logical);
        assert!(lines[0].ends_with("...for the es".trim_start_matches("...")) && lines[0].len() == 75, "{lines:?}");
        assert_eq!(lines[1], " calation policy");
        let lengths = |logical: &str| folded(logical).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(&format!("DESCRIPTION:{}", "x".repeat(64))), [75, 2]);
        assert_eq!(lengths(&format!("SUMMARY:{}李", "x".repeat(66))), [74, 4]);
        let uid = uid(["sched-42", "layer-1", "user-7", "2026-01-05T01:00:00Z"], "ops.acme.example");
        let hash = "dbce3f632b8779a96a6d3ae80817b8a06aab2c4fc77098247789fbc99eb267ab";
        assert_eq!(uid, format!("{hash}@ops.acme.example"));
    }

    #[test]
    fn a_feed_is_whole_and_its_etag_knows_no_time() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let event = Event {
            uid: "a@b".into(),
            from: at("2026-01-05T01:00:00Z"),
            to: at("2026-01-12T01:00:00Z"),
            summary: "On call: Li Wei, payments".into(),
            description: None,
        };
        let events = [event.clone()];
        let (early, late) = (Stamp(at("2026-01-04T12:00:00Z")), Stamp(at("2026-01-04T12:00:05Z")));
        let text = calendar("On call - payments", &events, early);
        let expected = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//watchbell//duty//EN\nCALSCALE:GREGORIAN\n\
            METHOD:PUBLISH\nNAME:On call - payments\nX-WR-CALNAME:On call - payments\n\
            REFRESH-INTERVAL;VALUE=DURATION:PT1H\nX-PUBLISHED-TTL:PT1H\nBEGIN:VEVENT\nUID:a@b\n\
            DTSTAMP:20260104T120000Z\nLAST-MODIFIED:20260104T120000Z\nSEQUENCE:302400\nDTSTART:20260105T010000Z\n\
            DTEND:20260112T010000Z\nSUMMARY:On call: Li Wei\\, payments\nTRANSP:TRANSPARENT\nEND:VEVENT\nEND:VCALENDAR\n";
        assert_eq!(text, expected.replace('\n', "\r\n"));
        assert!(calendar("x", &events, late).contains("SEQUENCE:302405\r\n"), "every change counts up");
        let moved = Event { to: at("2026-01-12T02:00:00Z"), ..event };
        assert_eq!(etag("x", &events), etag("x", &events));
        assert_ne!(etag("x", &events), etag("x", &[moved]));
    }

    #[test]
    fn an_etag_is_found_in_what_clients_send() {
        for (header, known) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false)]
        {
            assert_eq!(is_known(header, "\"a\""), known, "{header}");
        }
    }
}
