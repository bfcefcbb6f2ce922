//! Spans of duty for people at a terminal: who changes, from when to when.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_engine::ids::PersonId;
use watchbell_engine::rotation::Change;
use watchbell_engine::word::Locale;

use super::text::Text;

/// `tue 24 Nov 09:00 – 18:00 expense-primary: li.na → wang.lei`, in wall time of the zone.
pub fn change_line(change: &Change, zone: &TimeZone) -> String {
    let span = span(change.from, change.to, zone);
    format!("{span} {}: {} → {}", change.rotation, people(&change.before), people(&change.after))
}

/// What to paste, where overrides can say it; otherwise why not.
pub fn keep_lines(change: &Change) -> Vec<String> {
    if !change.keep.is_empty() {
        return change.keep.clone();
    }
    let why = match change.before[..] {
        [] => "# nobody was on duty then; no override can say that",
        [..] => "# not as many people as before; overrides cannot say that, a temporary schedule can",
    };
    vec![why.into()]
}

/// `tue 24 Nov 09:00 – 18:00`, `tue 24 Nov 18:00 – wed 25 Nov 09:00`; the weekday as YAML writes it.
pub fn span(from: Timestamp, to: Timestamp, zone: &TimeZone) -> String {
    let (from, to) = (from.to_zoned(zone.clone()), to.to_zoned(zone.clone()));
    let day =
        |at: &jiff::Zoned| format!("{} {}", at.strftime("%a").to_string().to_lowercase(), at.strftime("%-d %b %H:%M"));
    let end = if from.date() == to.date() { to.strftime("%H:%M").to_string() } else { day(&to) };
    format!("{} – {end}", day(&from))
}

/// `li.na, wang.lei`; `nobody`.
pub fn people(people: &[PersonId]) -> String {
    if people.is_empty() {
        return "nobody".into();
    }
    people.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ")
}

/// The name of a calendar feed.
pub fn feed_name(subject: &str, locale: Locale) -> String {
    match locale {
        Locale::ZhCn => format!("值班 - {subject}"),
        Locale::En => format!("On call - {subject}"),
    }
}

/// A shift in a calendar feed; without a name in the feed of the person alone.
pub fn feed_summary(name: Option<&str>, rotation: &str, locale: Locale) -> String {
    let what = name.map_or_else(|| rotation.to_owned(), |name| format!("{name}, {rotation}"));
    match locale {
        Locale::ZhCn => format!("值班: {what}"),
        Locale::En => format!("On call: {what}"),
    }
}

/// A shift that goes on after the end of a calendar feed.
pub fn feed_open_end(locale: Locale) -> &'static str {
    Text::new("此班次在本日历的范围之后继续。", "This shift goes on after the end of this calendar.").get(locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_line() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
        let change = Change {
            rotation: "expense-primary".into(),
            from: at("2026-11-24T01:00:00Z"),
            to: at("2026-11-24T10:00:00Z"),
            before: vec!["li.na".into()],
            after: vec!["wang.lei".into()],
            keep: Vec::new(),
        };
        assert_eq!(change_line(&change, &zone), "tue 24 Nov 09:00 – 18:00 expense-primary: li.na → wang.lei");
        let longer = Change { to: at("2026-11-25T01:00:00Z"), after: Vec::new(), ..change };
        assert_eq!(change_line(&longer, &zone), "tue 24 Nov 09:00 – wed 25 Nov 09:00 expense-primary: li.na → nobody");
        assert!(keep_lines(&longer)[0].contains("temporary schedule"));
    }
}
