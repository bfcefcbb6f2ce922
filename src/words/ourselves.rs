//! What watchbell says when it is itself unwell.

use std::collections::BTreeMap;

use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, Locale};

use super::kind::kind_short;

/// What is wrong with watchbell itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwell {
    /// No round of the canary has come back for so long.
    Canary {
        /// Since the last one that did.
        silent: Millis,
    },
    /// Pages are owed and not handed over.
    Outbox {
        /// The age of the oldest one.
        oldest: Millis,
    },
    /// Critical probes have no conclusive run.
    Blind {
        /// So many of them.
        blind: usize,
        /// Of so many critical ones.
        critical: usize,
        /// What their last runs ended with, and how often; inconclusive kinds alone.
        kinds: BTreeMap<FailureKind, usize>,
    },
}

/// In one line, for the title of the alarm.
pub fn unwell(what: &Unwell, locale: Locale) -> String {
    match (what, locale) {
        (Unwell::Canary { silent }, Locale::ZhCn) => {
            format!("watchbell 自检失败:{} 秒内没有一次自检呼叫送回", whole(*silent))
        }
        (Unwell::Canary { silent }, Locale::En) => {
            format!("watchbell may not page: its own test pages have not come back for {} s", whole(*silent))
        }
        (Unwell::Outbox { oldest }, Locale::ZhCn) => {
            format!("watchbell 有呼叫积压:最早一条已等待 {} 秒", whole(*oldest))
        }
        (Unwell::Outbox { oldest }, Locale::En) => {
            format!("watchbell hands pages over too slowly: the oldest has waited for {} s", whole(*oldest))
        }
        (Unwell::Blind { blind, critical, kinds }, locale) => {
            let kinds: Vec<String> =
                kinds.iter().map(|(kind, n)| format!("{} {n}", kind_short(*kind, None, locale))).collect();
            let found = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
            match locale {
                Locale::ZhCn => format!("watchbell 失明:{critical} 个关键拨测中有 {blind} 个没有结论{found}"),
                Locale::En => {
                    format!("watchbell is blind: {blind} of {critical} critical probes have no conclusive run{found}")
                }
            }
        }
    }
}

fn whole(length: Millis) -> f64 {
    length.as_secs_f64().round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_fits_on_one_line() {
        let kinds = BTreeMap::from([(FailureKind::SelfDns, 2)]);
        let blind = Unwell::Blind { blind: 3, critical: 40, kinds };
        for locale in [Locale::ZhCn, Locale::En] {
            for what in
                [&blind, &Unwell::Canary { silent: Millis(121_400) }, &Unwell::Outbox { oldest: Millis(12_000) }]
            {
                let text = unwell(what, locale);
                assert!(text.starts_with("watchbell") && !text.contains('\n') && text.chars().count() < 120, "{text}");
            }
        }
        assert!(unwell(&blind, Locale::En).contains("3 of 40"), "{}", unwell(&blind, Locale::En));
    }
}
