//! Sentences with parts. Times come in as text, already in the reader's zone.

use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, Level, Locale};

use crate::words::{InWords as _, kind_short, length};

/// What broke, in about eight words: `发票验真中断 · HTTP 503`. `status` is the answer's where there was one.
pub fn headline(locale: Locale, title: &str, level: Level, kind: Option<FailureKind>, status: Option<u16>) -> String {
    let finding = kind.map(|kind| format!(" · {}", kind_short(kind, status, locale))).unwrap_or_default();
    match (level, locale) {
        (Level::Up, _) => title.to_owned(),
        (Level::Degraded | Level::Down, Locale::ZhCn) => format!("{title}{}{finding}", level.words(locale)),
        (Level::Degraded | Level::Down, Locale::En) => format!("{title} {}{finding}", level.words(locale)),
    }
}

/// Since when, by how many runs, and when all was well.
pub fn since(locale: Locale, since: &str, zone: &str, runs: u32, last_good: Option<&str>) -> String {
    match locale {
        Locale::ZhCn => {
            let runs = if runs > 0 { format!(",连续 {runs} 次失败") } else { String::new() };
            let good = last_good.map(|at| format!(",{at} 还正常")).unwrap_or_default();
            format!("{since} 起({zone}){runs}{good}")
        }
        Locale::En => {
            let runs = if runs > 0 { format!(", failed {runs} times in a row") } else { String::new() };
            let good = last_good.map(|at| format!(", still well at {at}")).unwrap_or_default();
            format!("Since {since} ({zone}){runs}{good}")
        }
    }
}

/// What happens if nobody does anything, with the time that is left.
pub fn next_page(locale: Locale, at: &str, left: Millis, names: &[&str]) -> String {
    let left = length(left, locale);
    match (locale, names) {
        (Locale::ZhCn, []) => format!("{at} 前无人认领则升级(还有 {left})"),
        (Locale::ZhCn, names) => format!("{at} 前无人认领则呼叫{}(还有 {left})", names.join("、")),
        (Locale::En, []) => format!("Unless somebody acknowledges, it escalates at {at} (in {left})"),
        (Locale::En, names) => {
            format!("Unless somebody acknowledges, {} is paged at {at} (in {left})", names.join(", "))
        }
    }
}

/// Who has it, since when.
pub fn acknowledged(locale: Locale, by: &str, at: &str) -> String {
    match locale {
        Locale::ZhCn => format!("{by} 已于 {at} 认领"),
        Locale::En => format!("{by} acknowledged at {at}"),
    }
}

/// How and when it ended.
pub fn resolved(locale: Locale, how: &str, at: &str) -> String {
    match locale {
        Locale::ZhCn => format!("已于 {at} 结束:{how}"),
        Locale::En => format!("Resolved at {at}: {how}"),
    }
}

/// How many tickets are open.
pub fn open_tickets(locale: Locale, n: usize) -> String {
    match (locale, n) {
        (Locale::ZhCn, n) => format!("{n} 张事件单未结束"),
        (Locale::En, 1) => "1 open ticket".into(),
        (Locale::En, n) => format!("{n} open tickets"),
    }
}

/// How long ago something was.
pub fn ago(locale: Locale, age: Millis) -> String {
    let span = length(age, locale);
    match locale {
        Locale::ZhCn => format!("{span}前"),
        Locale::En => format!("{span} ago"),
    }
}

/// How old the data of the status page is, once that is worth saying.
pub fn old_data(locale: Locale, age: Millis) -> String {
    let span = length(age, locale);
    match locale {
        Locale::ZhCn => format!("数据已有 {span}未更新"),
        Locale::En => format!("The data is {span} old"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headlines_are_short_and_say_what_broke() {
        let zh = headline(Locale::ZhCn, "发票验真", Level::Down, Some(FailureKind::Status), Some(503));
        assert_eq!(zh, "发票验真中断 · HTTP 503");
        for kind in FailureKind::ALL {
            let en = headline(Locale::En, "Invoice verification", Level::Down, Some(*kind), None);
            assert!(en.split_whitespace().filter(|w| *w != "·").count() <= 8, "{en}");
        }
    }

    #[test]
    fn the_lines_of_the_contract() {
        let line = since(Locale::ZhCn, "03:12:04", "北京时间", 3, Some("03:11:59"));
        assert_eq!(line, "03:12:04 起(北京时间),连续 3 次失败,03:11:59 还正常");
        let next = next_page(Locale::ZhCn, "03:14:10", Millis::secs(92), &["王磊"]);
        assert_eq!(next, "03:14:10 前无人认领则呼叫王磊(还有 1 分 32 秒)");
    }
}
