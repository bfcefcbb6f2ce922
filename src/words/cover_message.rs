//! What people are told of a request that somebody takes a shift.

use watchbell_engine::cover::{CoverAbout, CoverSpan};
use watchbell_engine::duty_notice::DutyAbout;
use watchbell_engine::word::{CoverOutcome, Locale};

use super::clean::one_line;
use super::time::Moments;

/// The longest name or note, characters.
const WORDS_MAX: usize = 200;

/// `王磊 请求换班:expense-primary`, and what became of it.
pub(super) fn first_line(duty: &DutyAbout, cover: &CoverAbout, locale: Locale) -> String {
    let (rotation, who) = (&duty.rotation, who(duty));
    let is_swap = cover.swap_for.is_some();
    match (cover.outcome, locale) {
        (None, Locale::ZhCn) if is_swap => format!("{who} 想与你换班:{rotation}"),
        (None, Locale::ZhCn) => format!("{who} 请人代班:{rotation}"),
        (None, Locale::En) if is_swap => format!("{who} asks to swap shifts with you in {rotation}"),
        (None, Locale::En) => format!("{who} asks for cover in {rotation}"),
        (Some(CoverOutcome::Accepted), Locale::ZhCn) if is_swap => format!("换班成立:{who} 已接受({rotation})"),
        (Some(CoverOutcome::Accepted), Locale::ZhCn) => format!("代班成立:{who} 已接受({rotation})"),
        (Some(CoverOutcome::Accepted), Locale::En) if is_swap => format!("{who} swaps shifts with you in {rotation}"),
        (Some(CoverOutcome::Accepted), Locale::En) => format!("{who} covers for you in {rotation}"),
        (Some(CoverOutcome::Declined), Locale::ZhCn) => format!("{who} 无法代班,仍由你值班:{rotation}"),
        (Some(CoverOutcome::Declined), Locale::En) => format!("{who} cannot; you stay on duty in {rotation}"),
        (Some(CoverOutcome::Withdrawn), Locale::ZhCn) => format!("{who} 的代班请求已撤回:{rotation}"),
        (Some(CoverOutcome::Withdrawn), Locale::En) => format!("{who} needs no cover any more in {rotation}"),
        (Some(CoverOutcome::Lapsed), Locale::ZhCn) => format!("无人代班,仍由你值班:{rotation}"),
        (Some(CoverOutcome::Lapsed), Locale::En) => format!("Nobody took your shift in {rotation}"),
    }
}

/// The shift, what is offered in return, the note, and how to answer.
pub(super) fn lines(cover: &CoverAbout, moments: &Moments, locale: Locale) -> Vec<String> {
    let swap = cover.swap_for.map(|CoverSpan { from, to }| {
        let (from, to) = (moments.minute(from), moments.minute(to));
        match (cover.outcome.is_some(), locale) {
            (false, Locale::ZhCn) => format!("换你的班:{from} 至 {to}"),
            (false, Locale::En) => format!("For your shift: {from} to {to}"),
            (true, Locale::ZhCn) => format!("作为交换:{from} 至 {to}"),
            (true, Locale::En) => format!("In return: {from} to {to}"),
        }
    });
    let note = cover.note.as_ref().map(|note| one_line(note, WORDS_MAX));
    let how = cover.outcome.is_none().then(|| {
        let command = format!("watchbell covers accept {}", cover.id);
        match locale {
            Locale::ZhCn => format!("接受:{command} --as 你的 id;在有人接受之前,值班不变"),
            Locale::En => format!("To accept: {command} --as YOU; nobody's duty changes before that"),
        }
    });
    [swap, note, how].into_iter().flatten().collect()
}

fn who(duty: &DutyAbout) -> String {
    duty.others.first().map_or_else(String::new, |person| one_line(&person.name, WORDS_MAX))
}
