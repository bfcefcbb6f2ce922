//! Sentences with parts. Times come in as text, already in the reader's zone.

use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, Level, Locale};

use super::kinds::kind_name;

/// What broke, in about eight words: `发票验真中断 · HTTP 503`. `status` is the answer's where there was one.
pub fn headline(locale: Locale, title: &str, level: Level, kind: Option<FailureKind>, status: Option<u16>) -> String {
    let finding = match (kind, status) {
        (Some(FailureKind::Status), Some(status)) => format!(" · HTTP {status}"),
        (Some(kind), _) => format!(" · {}", kind_name(kind, locale)),
        (None, _) => String::new(),
    };
    match (level, locale) {
        (Level::Down, Locale::ZhCn) => format!("{title}中断{finding}"),
        (Level::Down, Locale::En) => format!("{title} down{finding}"),
        (Level::Degraded, Locale::ZhCn) => format!("{title}性能下降{finding}"),
        (Level::Degraded, Locale::En) => format!("{title} degraded{finding}"),
        (Level::Up, _) => title.to_owned(),
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
    let left = span(locale, left);
    match (locale, names) {
        (Locale::ZhCn, []) => format!("{at} 前无人认领则升级(还有 {left})"),
        (Locale::ZhCn, names) => format!("{at} 前无人认领则呼叫{}(还有 {left})", names.join("、")),
        (Locale::En, []) => format!("Unless somebody acknowledges, it escalates at {at} (in {left})"),
        (Locale::En, names) => {
            format!("Unless somebody acknowledges, {} is paged at {at} (in {left})", names.join(", "))
        }
    }
}

/// Why somebody on duty was paged.
pub fn on_duty(locale: Locale, rotation: &str, override_: bool, until: Option<&str>) -> String {
    let stand_in = match (override_, locale) {
        (true, Locale::ZhCn) => "临时替班",
        (false, Locale::ZhCn) => "值班",
        (true, Locale::En) => "Standing in for",
        (false, Locale::En) => "On duty in",
    };
    match (locale, until) {
        (Locale::ZhCn, Some(until)) => format!("{rotation} {stand_in},至{until}"),
        (Locale::ZhCn, None) => format!("{rotation} {stand_in}"),
        (Locale::En, Some(until)) => format!("{stand_in} {rotation} until {until}"),
        (Locale::En, None) => format!("{stand_in} {rotation}"),
    }
}

/// Why somebody was paged whom the policy names.
pub fn named_by_step(locale: Locale, policy: &str, step: u32) -> String {
    match locale {
        Locale::ZhCn => format!("策略 {policy} 第 {step} 步点名"),
        Locale::En => format!("Named by step {step} of {policy}"),
    }
}

/// Why the catch-all was paged.
pub fn catch_all(locale: Locale, policy: &str) -> String {
    match locale {
        Locale::ZhCn => format!("策略 {policy} 已用完,你是兜底人"),
        Locale::En => format!("{policy} is used up, and you are the catch-all"),
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
    let span = span(locale, age);
    match locale {
        Locale::ZhCn => format!("{span}前"),
        Locale::En => format!("{span} ago"),
    }
}

/// How old the data of the status page is, once that is worth saying.
pub fn old_data(locale: Locale, age: Millis) -> String {
    let span = span(locale, age);
    match locale {
        Locale::ZhCn => format!("数据已有 {span}未更新"),
        Locale::En => format!("The data is {span} old"),
    }
}

/// A length of time in its two largest units.
pub fn span(locale: Locale, length: Millis) -> String {
    let secs = length.0 / 1_000;
    let (days, hours, mins, s) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60);
    let (d, h, m, sec) = match locale {
        Locale::ZhCn => (" 天", " 小时", " 分", " 秒"),
        Locale::En => (" d", " h", " min", " s"),
    };
    let two = |a: u64, a_unit: &str, b: u64, b_unit: &str| {
        if b == 0 { format!("{a}{a_unit}") } else { format!("{a}{a_unit} {b}{b_unit}") }
    };
    match (days, hours, mins) {
        (0, 0, 0) => format!("{s}{sec}"),
        (0, 0, mins) => two(mins, m, s, sec),
        (0, hours, mins) => two(hours, h, mins, m),
        (days, hours, _) => two(days, d, hours, h),
    }
}

/// What people call a zone; its IANA name where they have no word for it.
pub fn zone_name(locale: Locale, zone: &str) -> &str {
    match (locale, zone) {
        (Locale::ZhCn, "Asia/Shanghai") => "北京时间",
        (Locale::En, "Asia/Shanghai") => "Beijing time",
        (Locale::ZhCn | Locale::En, other) => other,
    }
}

/// A day of the week, Monday = 0.
pub fn weekday(locale: Locale, monday_zero: usize) -> &'static str {
    const ZH: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
    const EN: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    match locale {
        Locale::ZhCn => ZH[monday_zero % 7],
        Locale::En => EN[monday_zero % 7],
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
    fn lengths_show_their_two_largest_units() {
        for (ms, zh, en) in [
            (900, "0 秒", "0 s"),
            (92_000, "1 分 32 秒", "1 min 32 s"),
            (120_000, "2 分", "2 min"),
            (3_660_000, "1 小时 1 分", "1 h 1 min"),
            (90_000_000, "1 天 1 小时", "1 d 1 h"),
        ] {
            assert_eq!((span(Locale::ZhCn, Millis(ms)).as_str(), span(Locale::En, Millis(ms)).as_str()), (zh, en));
        }
    }

    #[test]
    fn the_lines_of_the_contract() {
        let line = since(Locale::ZhCn, "03:12:04", "北京时间", 3, Some("03:11:59"));
        assert_eq!(line, "03:12:04 起(北京时间),连续 3 次失败,03:11:59 还正常");
        let why = on_duty(Locale::ZhCn, "expense-primary", false, Some("周一 09:00"));
        assert_eq!(why, "expense-primary 值班,至周一 09:00");
    }
}
