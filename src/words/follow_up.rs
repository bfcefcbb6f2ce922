//! What those who were paged are told afterwards: acknowledged, escalated, resolved, called off.

use watchbell_engine::fact::MessageKind;
use watchbell_engine::outgoing::{About, Outgoing};
use watchbell_engine::time::elapsed;
use watchbell_engine::word::{Locale, ResolvedAs};

use super::clean::one_line;
use super::page::{impact, labelled, next_step};
use super::text::{InWords, Text};
use super::time::{Moments, length};
use super::what;

/// The longest name, characters.
const NAME_MAX: usize = 60;

/// What happened, as it stands before the headline: `王磊 已认领`, `已自行恢复,历时 4 分 12 秒`.
pub fn event(message: &Outgoing, about: &About) -> String {
    let locale = message.locale;
    let by = message.by.as_deref().map(|name| one_line(name, NAME_MAX));
    match message.kind {
        MessageKind::Acknowledged | MessageKind::Escalated => match by {
            Some(name) => format!("{name} {}", message.kind.words(locale)),
            None => message.kind.words(locale).into(),
        },
        MessageKind::Resolved => {
            let how = about.resolved_as.map_or(message.kind.words(locale), |how| how.words(locale));
            match (lasted(about, locale), locale) {
                (Some(lasted), Locale::ZhCn) => format!("{how},历时 {lasted}"),
                (Some(lasted), Locale::En) => format!("{} after {lasted}", capital(how)),
                (None, Locale::ZhCn) => how.into(),
                (None, Locale::En) => capital(how),
            }
        }
        MessageKind::Cancelled => Text::new("呼叫已撤回", "Page called off").get(locale).into(),
        MessageKind::Page
        | MessageKind::Test
        | MessageKind::DutyHandoff
        | MessageKind::DutyReminder
        | MessageKind::DutyCover
        | MessageKind::SilenceExpiring => message.kind.words(locale).into(),
    }
}

/// What follows the first line.
pub(super) fn lines(message: &Outgoing, about: &About, moments: &Moments) -> Vec<String> {
    let locale = message.locale;
    let told = match message.kind {
        MessageKind::Acknowledged => Some(
            Text::new("呼叫已停止,结束时会再通知", "Paging has stopped; you will be told the end").get(locale).into(),
        ),
        MessageKind::Escalated => next_step(about, moments, locale).map(|line| capital(&line)),
        MessageKind::Resolved => Some(ended(message, about, moments)),
        MessageKind::Cancelled => Some(called_off(about, moments, locale)),
        MessageKind::Page
        | MessageKind::Test
        | MessageKind::DutyHandoff
        | MessageKind::DutyReminder
        | MessageKind::DutyCover
        | MessageKind::SilenceExpiring => None,
    };
    let merged = about.merged_into.map(|into| match locale {
        Locale::ZhCn => format!("已并入 {into},由那张事件单继续"),
        Locale::En => format!("It was merged into {into}, which goes on"),
    });
    let impact = match message.kind {
        MessageKind::Acknowledged | MessageKind::Escalated => impact(about, locale),
        MessageKind::Resolved
        | MessageKind::Cancelled
        | MessageKind::Page
        | MessageKind::Test
        | MessageKind::DutyHandoff
        | MessageKind::DutyReminder
        | MessageKind::DutyCover
        | MessageKind::SilenceExpiring => None,
    };
    let finding = what::finding(about, locale).map(|finding| labelled(Text::new("现象", "What"), &finding, locale));
    [told, merged, impact, finding, Some(about.ticket.to_string())].into_iter().flatten().collect()
}

/// Why nobody is paged for it now: a silence, or office hours.
fn called_off(about: &About, moments: &Moments, locale: Locale) -> String {
    match (about.held_until.map(|until| moments.minute(until)), locale) {
        (Some(until), Locale::ZhCn) => format!("低优先级,{until} 工作时间开始后再呼叫"),
        (Some(until), Locale::En) => format!("Low urgency: it is paged again when office hours begin, {until}"),
        (None, _) => Text::new("已被静默,不再呼叫", "It is silenced; nobody is paged for it now").get(locale).into(),
    }
}

/// `03:12:04 起,03:16:16 止(北京时间),由 李娜 结束`.
fn ended(message: &Outgoing, about: &About, moments: &Moments) -> String {
    let from = moments.second(about.alert.started_at);
    let end = about.resolved_at.unwrap_or(message.decided_at);
    let (to, zone) = (moments.second(end), moments.zone_name(end));
    // Who watched it recover by itself did not end it.
    let by_itself = about.resolved_as == Some(ResolvedAs::SelfRecovered);
    let by = message.by.as_deref().filter(|_| !by_itself).map(|name| one_line(name, NAME_MAX));
    match (by, message.locale) {
        (Some(by), Locale::ZhCn) => format!("{from} 起,{to} 止({zone}),由 {by} 结束"),
        (Some(by), Locale::En) => format!("From {from} to {to} ({zone}), ended by {by}"),
        (None, Locale::ZhCn) => format!("{from} 起,{to} 止({zone})"),
        (None, Locale::En) => format!("From {from} to {to} ({zone})"),
    }
}

fn lasted(about: &About, locale: Locale) -> Option<String> {
    about.resolved_at.map(|end| length(elapsed(about.alert.started_at, end), locale))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
