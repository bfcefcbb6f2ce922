//! Instants and lengths of time as a person reads them.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use watchbell_engine::time::Millis;
use watchbell_engine::word::Locale;

/// Tells instants to one reader: in the zone and language of that person, seen from one moment.
#[derive(Clone, Debug)]
pub struct Moments {
    zone: TimeZone,
    today: Date,
    locale: Locale,
}

impl Moments {
    /// For a reader in the IANA zone `zone` at `now`. A zone that is not known is told as UTC.
    pub fn new(zone: &str, now: Timestamp, locale: Locale) -> Self {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        Self::in_zone(zone, now, locale)
    }

    /// As [`Moments::new`], for a zone that is at hand.
    pub fn in_zone(zone: TimeZone, now: Timestamp, locale: Locale) -> Self {
        let today = now.to_zoned(zone.clone()).date();
        Self { zone, today, locale }
    }

    /// `03:12:04`, with the day before it where that is not today.
    pub fn second(&self, at: Timestamp) -> String {
        let local = self.local(at);
        format!("{}{:02}:{:02}:{:02}", self.day(&local), local.hour(), local.minute(), local.second())
    }

    /// `18:00` today, `周一 09:00` within the next six days, `12月1日 09:00` elsewhere.
    pub fn minute(&self, at: Timestamp) -> String {
        let local = self.local(at);
        let time = format!("{:02}:{:02}", local.hour(), local.minute());
        let days_ahead = self.today.until(local.date()).map_or(i32::MAX, |span| span.get_days());
        if (1..=6).contains(&days_ahead) {
            return format!("{} {time}", weekday(local.weekday(), self.locale));
        }
        format!("{}{time}", self.day(&local))
    }

    /// What the zone is called: `北京时间` for Asia/Shanghai, elsewhere its abbreviation at that instant.
    pub fn zone_name(&self, at: Timestamp) -> String {
        if self.zone.iana_name() == Some("Asia/Shanghai") {
            return match self.locale {
                Locale::ZhCn => "北京时间".into(),
                Locale::En => "Beijing time".into(),
            };
        }
        let name = self.local(at).strftime("%Z").to_string();
        // Zones without letters of their own have an offset for an abbreviation.
        if name.starts_with(['+', '-']) { format!("UTC{name}") } else { name }
    }

    fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// The day with a blank behind it; nothing today.
    fn day(&self, local: &Zoned) -> String {
        let date = local.date();
        if date == self.today {
            return String::new();
        }
        match (self.locale, date.year() == self.today.year()) {
            (Locale::ZhCn, true) => format!("{}月{}日 ", date.month(), date.day()),
            (Locale::ZhCn, false) => format!("{}年{}月{}日 ", date.year(), date.month(), date.day()),
            (Locale::En, true) => date.strftime("%-d %b ").to_string(),
            (Locale::En, false) => date.strftime("%-d %b %Y ").to_string(),
        }
    }
}

fn weekday(day: Weekday, locale: Locale) -> &'static str {
    let (zh, en) = match day {
        Weekday::Monday => ("周一", "Mon"),
        Weekday::Tuesday => ("周二", "Tue"),
        Weekday::Wednesday => ("周三", "Wed"),
        Weekday::Thursday => ("周四", "Thu"),
        Weekday::Friday => ("周五", "Fri"),
        Weekday::Saturday => ("周六", "Sat"),
        Weekday::Sunday => ("周日", "Sun"),
    };
    match locale {
        Locale::ZhCn => zh,
        Locale::En => en,
    }
}

/// A length in its two largest units: `4 分 12 秒`, `2 h 5 min`; under a second, `0 秒`.
pub fn length(length: Millis, locale: Locale) -> String {
    let secs = length.0 / 1_000;
    let (days, hours, mins, secs) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60);
    let units = match locale {
        Locale::ZhCn => ["天", "小时", "分", "秒"],
        Locale::En => ["d", "h", "min", "s"],
    };
    let parts = [days, hours, mins, secs];
    let first = parts.iter().position(|n| *n > 0).unwrap_or(parts.len() - 1);
    let shown = (first..parts.len()).take(2).filter(|i| *i == first || parts[*i] > 0);
    shown.map(|i| format!("{} {}", parts[i], units[i])).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn instants_are_told_in_the_readers_zone() {
        let now = at("2026-11-24T19:12:10Z");
        let zh = Moments::new("Asia/Shanghai", now, Locale::ZhCn);
        assert_eq!(zh.second(at("2026-11-24T19:12:04Z")), "03:12:04");
        assert_eq!(zh.second(at("2026-11-24T15:59:59Z")), "11月24日 23:59:59");
        assert_eq!(zh.minute(at("2026-11-30T01:00:00Z")), "周一 09:00");
        assert_eq!(zh.minute(at("2026-12-02T01:00:00Z")), "12月2日 09:00", "a week ahead would read as today");
        assert_eq!(zh.minute(at("2027-01-04T01:00:00Z")), "2027年1月4日 09:00");
        assert_eq!(zh.zone_name(now), "北京时间");
        let en = Moments::new("America/New_York", now, Locale::En);
        assert_eq!(en.second(now), "14:12:10");
        assert_eq!(en.second(at("2026-11-24T04:00:00Z")), "23 Nov 23:00:00");
        assert_eq!(en.minute(at("2026-11-25T14:00:00Z")), "Wed 09:00");
        assert_eq!(en.zone_name(now), "EST");
        assert_eq!(Moments::new("Asia/Singapore", now, Locale::En).zone_name(now), "UTC+08");
        assert_eq!(Moments::new("No/Where", now, Locale::En).zone_name(now), "UTC");
    }

    #[test]
    fn lengths_have_two_units_at_most() {
        let shown = [0, 12_000, 252_000, 3_600_000, 7_500_000, 97_200_000].map(|ms| length(Millis(ms), Locale::ZhCn));
        assert_eq!(shown, ["0 秒", "12 秒", "4 分 12 秒", "1 小时", "2 小时 5 分", "1 天 3 小时"]);
        assert_eq!(length(Millis::secs(252), Locale::En), "4 min 12 s");
    }
}
