//! What a message says: a page, a follow-up, a test.

use watchbell_engine::fact::MessageKind;
use watchbell_engine::outgoing::{About, Also, Outgoing};
use watchbell_engine::word::Locale;

use super::clean::one_line;
use super::duty_message;
use super::follow_up;
use super::reason;
use super::silence_message;
use super::text::Text;
use super::time::Moments;
use super::what;

/// The longest line of a sender's or an owner's own words, characters.
const LINE_MAX: usize = 200;

/// The longest runbook step in a page, characters; the whole of it is behind the link.
const STEP_MAX: usize = 80;

/// So many of the other tickets have a button; all of them are told, and the rest is behind the ticket list.
const BUTTONS_MAX: usize = 8;

/// How many steps of the runbook a page shows (design, section 5).
const STEPS_SHOWN: usize = 3;

/// The links that a message carries; those that are `None` have no button.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Where the person says "I have it".
    pub ack: Option<String>,
    /// Where the person passes it on.
    pub escalate: Option<String>,
    /// Where the person says "I cannot".
    pub decline: Option<String>,
    /// Where the ticket is shown.
    pub ticket: Option<String>,
    /// Where the person says "I have it" of each other page that the message tells.
    pub also: Vec<String>,
}

/// A message in words, for any channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageText {
    /// The subject of a mail: the first line of the page and the ticket; a follow-up has `Re: ` before it
    /// and nothing else changed, so that mail programs keep them together.
    pub subject: String,
    /// The first line, the same on every channel.
    pub first_line: String,
    /// What follows it.
    pub lines: Vec<String>,
    /// Label and address of each button.
    pub buttons: Vec<(String, String)>,
}

/// What a message says to its reader.
pub fn page_text(message: &Outgoing, links: &Links) -> PageText {
    let locale = message.locale;
    let moments = Moments::new(&message.zone, message.decided_at, locale);
    let buttons = [buttons(links, locale), also_buttons(message, links, locale)].concat();
    if let Some(duty) = &message.duty {
        return duty_message::text(message, duty, &moments, buttons);
    }
    if let Some(silence) = &message.silence {
        return silence_message::text(message, silence, &moments, buttons);
    }
    let Some(about) = &message.about else { return test_text(message, &moments, buttons) };
    let subject = format!("{} ({})", first_line(about, locale), about.ticket);
    match message.kind {
        MessageKind::Test
        | MessageKind::DutyHandoff
        | MessageKind::DutyReminder
        | MessageKind::DutyCover
        | MessageKind::SilenceExpiring => test_text(message, &moments, buttons),
        MessageKind::Page => {
            let lines = page_lines(message, about, &moments);
            PageText { subject, first_line: first_line(about, locale), lines, buttons }
        }
        MessageKind::Acknowledged | MessageKind::Escalated | MessageKind::Resolved | MessageKind::Cancelled => {
            let event = follow_up::event(message, about);
            let first_line = format!("{event} · {}", what::headline(about, locale));
            let lines = follow_up::lines(message, about, &moments);
            PageText { subject: format!("Re: {subject}"), first_line, lines, buttons }
        }
    }
}

/// The first line of a page: `P1 发票验真中断 · HTTP 503`.
pub fn first_line(about: &About, locale: Locale) -> String {
    let headline = what::headline(about, locale);
    match what::short(&about.alert, locale) {
        Some(short) => format!("{headline} · {short}"),
        None => headline,
    }
}

fn page_lines(message: &Outgoing, about: &About, moments: &Moments) -> Vec<String> {
    let locale = message.locale;
    let lines = [
        impact(about, locale),
        Some(since(about, moments, locale)),
        what::finding(about, locale).map(|finding| labelled(Text::new("现象", "What"), &finding, locale)),
        why_you(message, about, moments),
        also(about, moments, locale),
        runbook(about, locale),
        Some(about.ticket.to_string()),
    ];
    lines.into_iter().flatten().chain(others(message, locale)).collect()
}

/// `影响:员工无法提交含发票的报销单`.
pub(super) fn impact(about: &About, locale: Locale) -> Option<String> {
    let impact = one_line(about.impact.as_ref()?.get(locale), LINE_MAX);
    (!impact.is_empty()).then(|| labelled(Text::new("影响", "Impact"), &impact, locale))
}

/// `03:12:04 起(北京时间),连续 3 次失败,03:11:59 还正常`.
fn since(about: &About, moments: &Moments, locale: Locale) -> String {
    let alert = &about.alert;
    let (start, zone) = (moments.second(alert.started_at), moments.zone_name(alert.started_at));
    let runs = alert.probe.as_ref().map_or(0, |_| alert.runs);
    let good = alert.last_good.map(|at| moments.second(at));
    let mut line = match locale {
        Locale::ZhCn => format!("{start} 起({zone})"),
        Locale::En => format!("Since {start} ({zone})"),
    };
    match (runs, locale) {
        (0, Locale::ZhCn | Locale::En) => (),
        (1, Locale::ZhCn) => line.push_str(",失败 1 次"),
        (1, Locale::En) => line.push_str(", 1 failed run"),
        (runs, Locale::ZhCn) => line.push_str(&format!(",连续 {runs} 次失败")),
        (runs, Locale::En) => line.push_str(&format!(", {runs} failed runs in a row")),
    }
    match (good, locale) {
        (Some(good), Locale::ZhCn) => line.push_str(&format!(",{good} 还正常")),
        (Some(good), Locale::En) => line.push_str(&format!(", still good at {good}")),
        (None, Locale::ZhCn | Locale::En) => (),
    }
    line
}

/// `为何是你:expense-primary 值班,至周一 09:00 · 03:14:10 前无人认领则呼叫王磊`.
fn why_you(message: &Outgoing, about: &About, moments: &Moments) -> Option<String> {
    let locale = message.locale;
    let label =
        if message.room { Text::new("为何发到这里", "Why here") } else { Text::new("为何是你", "Why you") };
    let why = about.why.as_ref().map(|why| reason::why(why, moments, locale));
    let parts: Vec<String> = [why, next_step(about, moments, locale)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| labelled(label, &parts.join(" · "), locale))
}

/// `03:14:10 前无人认领则呼叫王磊`.
pub(super) fn next_step(about: &About, moments: &Moments, locale: Locale) -> Option<String> {
    let at = moments.second(about.next_at?);
    let names = about.next_names.iter().map(|name| one_line(name, STEP_MAX)).collect::<Vec<_>>();
    Some(match (names.is_empty(), locale) {
        (true, Locale::ZhCn) => format!("{at} 前无人认领则升级"),
        (true, Locale::En) => format!("escalates if nobody acknowledges by {at}"),
        (false, Locale::ZhCn) => format!("{at} 前无人认领则呼叫{}", names.join("、")),
        (false, Locale::En) => format!("if nobody acknowledges by {at}, {} will be paged", names.join(", ")),
    })
}

/// What else there is to know: a reopening, further alerts, a silence that ended.
fn also(about: &About, moments: &Moments, locale: Locale) -> Option<String> {
    let others = about.live_alerts.saturating_sub(1);
    let again = (about.occurrence > 1).then(|| match locale {
        Locale::ZhCn => format!("第 {} 次发生", about.occurrence),
        Locale::En => format!("occurrence {} of this ticket", about.occurrence),
    });
    let others = (others > 0).then(|| match locale {
        Locale::ZhCn => format!("同单另有 {others} 个告警"),
        Locale::En => format!("{others} more firing in this ticket"),
    });
    let silenced = about.was_silenced.then(|| match (about.muted_since.map(|at| moments.second(at)), locale) {
        (Some(since), Locale::ZhCn) => format!("自 {since} 起曾被静默"),
        (Some(since), Locale::En) => format!("was muted since {since}"),
        (None, _) => Text::new("此前被静默", "was silenced before").get(locale).into(),
    });
    let parts: Vec<String> = [again, others, silenced].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| labelled(Text::new("另外", "Also"), &parts.join(" · "), locale))
}

/// The other tickets that the message tells: how many, and each in a line.
fn others(message: &Outgoing, locale: Locale) -> Vec<String> {
    let count = message.also.len();
    let heading = match locale {
        Locale::ZhCn => format!("此外还有 {count} 个事件单等你认领:"),
        Locale::En if count == 1 => "1 more ticket waits for you:".to_owned(),
        Locale::En => format!("{count} more tickets wait for you:"),
    };
    let line = |also: &Also| {
        let title = one_line(also.title.get(locale), LINE_MAX);
        format!("{} {title} ({})", also.priority, also.ticket)
    };
    let heading = (count > 0).then_some(heading);
    heading.into_iter().chain(message.also.iter().map(line)).collect()
}

fn also_buttons(message: &Outgoing, links: &Links, locale: Locale) -> Vec<(String, String)> {
    let button = |(also, url): (&Also, &String)| {
        let label = Text::new("认领", "Acknowledge").get(locale);
        (format!("{label} {}", also.ticket), url.clone())
    };
    message.also.iter().zip(&links.also).take(BUTTONS_MAX).map(button).collect()
}

/// `预案:① 看网关 5xx ② 回滚最近发布 ③ 切备用通道`.
fn runbook(about: &About, locale: Locale) -> Option<String> {
    let numbered = ['①', '②', '③'].iter().zip(about.runbook.iter().take(STEPS_SHOWN));
    let steps: Vec<String> = numbered.map(|(n, step)| format!("{n} {}", one_line(step, STEP_MAX))).collect();
    (!steps.is_empty()).then(|| labelled(Text::new("预案", "Runbook"), &steps.join(" "), locale))
}

fn test_text(message: &Outgoing, moments: &Moments, buttons: Vec<(String, String)>) -> PageText {
    let locale = message.locale;
    let (subject, channel) = (message.send.subject, &message.channel);
    let name = one_line(&message.person_name, STEP_MAX);
    let by = message.by.as_deref().map(|by| one_line(by, STEP_MAX));
    let (at, zone) = (moments.second(message.decided_at), moments.zone_name(message.decided_at));
    let first_line =
        Text::new("测试:watchbell 呼叫测试,无需处理", "Test: watchbell test page, nothing to do").get(locale);
    let (reached, asked) = match locale {
        Locale::ZhCn => (
            format!("{name}:看到这条消息,说明 {channel} 能呼叫到你"),
            by.map_or_else(|| format!("{at} 发起({zone})"), |by| format!("{by} 于 {at} 发起({zone})")),
        ),
        Locale::En => (
            format!("{name}: if you read this, {channel} can reach you"),
            by.map_or_else(
                || format!("Asked for at {at} ({zone})"),
                |by| format!("Asked for by {by} at {at} ({zone})"),
            ),
        ),
    };
    let subject_line = format!("{first_line} ({subject})");
    PageText {
        subject: subject_line,
        first_line: first_line.into(),
        lines: vec![reached, asked, subject.to_string()],
        buttons,
    }
}

/// `影响:…`, `Impact: …`.
pub(super) fn labelled(label: Text, text: &str, locale: Locale) -> String {
    match locale {
        Locale::ZhCn => format!("{}:{text}", label.zh_cn),
        Locale::En => format!("{}: {text}", label.en),
    }
}

fn buttons(links: &Links, locale: Locale) -> Vec<(String, String)> {
    let all = [
        (Text::new("认领", "Acknowledge"), &links.ack),
        (Text::new("升级", "Escalate"), &links.escalate),
        (Text::new("接不了", "Decline"), &links.decline),
        (Text::new("查看", "Open"), &links.ticket),
    ];
    all.into_iter().filter_map(|(label, url)| Some((label.get(locale).into(), url.clone()?))).collect()
}
