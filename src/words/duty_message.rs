//! What people are told of their duty: a handoff, a shift that is coming.

use watchbell_engine::duty_notice::{DutyAbout, DutyEvent, DutyPerson, OpenTicket};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::word::Locale;

use super::clean::one_line;
use super::cover_message;
use super::page::PageText;
use super::time::Moments;

/// The longest name or title, characters.
const WORDS_MAX: usize = 80;

/// The message in words.
pub(super) fn text(
    message: &Outgoing,
    duty: &DutyAbout,
    moments: &Moments,
    buttons: Vec<(String, String)>,
) -> PageText {
    let locale = message.locale;
    let first_line = match &duty.cover {
        Some(cover) => cover_message::first_line(duty, cover, locale),
        None => first_line(duty, moments, locale),
    };
    let mut lines: Vec<String> = [when(duty, moments, locale), others(duty, locale)].into_iter().flatten().collect();
    lines.extend(tickets(duty, locale));
    lines.extend(duty.cover.iter().flat_map(|cover| cover_message::lines(cover, moments, locale)));
    PageText { subject: first_line.clone(), first_line, lines, buttons }
}

/// `expense-primary 交接班:你开始值班,至周一 09:00`.
fn first_line(duty: &DutyAbout, moments: &Moments, locale: Locale) -> String {
    let rotation = &duty.rotation;
    let until = duty.until.map(|at| moments.minute(at));
    let from = moments.minute(duty.from);
    match (duty.event, until, locale) {
        (DutyEvent::ComesOn, Some(until), Locale::ZhCn) => format!("{rotation} 交接班:你开始值班,至{until}"),
        (DutyEvent::ComesOn, None, Locale::ZhCn) => format!("{rotation} 交接班:你开始值班"),
        (DutyEvent::ComesOn, Some(until), Locale::En) => format!("{rotation}: you are on duty now, until {until}"),
        (DutyEvent::ComesOn, None, Locale::En) => format!("{rotation}: you are on duty now"),
        (DutyEvent::GoesOff, _, Locale::ZhCn) => format!("{rotation} 交接班:你的值班已结束"),
        (DutyEvent::GoesOff, _, Locale::En) => format!("{rotation}: your duty has ended"),
        (DutyEvent::Reminder, _, Locale::ZhCn) => format!("值班提醒:{rotation} 自{from} 起由你值班"),
        (DutyEvent::Reminder, _, Locale::En) => format!("Reminder: you are on duty in {rotation} from {from}"),
        (DutyEvent::Cover, _, Locale::ZhCn) => format!("代班:{rotation}"),
        (DutyEvent::Cover, _, Locale::En) => format!("Cover in {rotation}"),
    }
}

/// `11月24日 18:00 至周一 09:00(北京时间)`.
fn when(duty: &DutyAbout, moments: &Moments, locale: Locale) -> Option<String> {
    let (from, zone) = (moments.minute(duty.from), moments.zone_name(duty.from));
    let until = duty.until.map(|at| moments.minute(at));
    Some(match (duty.event, until, locale) {
        (DutyEvent::GoesOff, _, Locale::ZhCn) => format!("{from}({zone})"),
        (DutyEvent::GoesOff, _, Locale::En) => format!("At {from} ({zone})"),
        (DutyEvent::ComesOn | DutyEvent::Reminder | DutyEvent::Cover, Some(until), Locale::ZhCn) => {
            format!("{from} 至 {until}({zone})")
        }
        (DutyEvent::ComesOn | DutyEvent::Reminder | DutyEvent::Cover, Some(until), Locale::En) => {
            format!("{from} to {until} ({zone})")
        }
        (DutyEvent::ComesOn | DutyEvent::Reminder | DutyEvent::Cover, None, Locale::ZhCn) => {
            format!("自 {from}({zone})")
        }
        (DutyEvent::ComesOn | DutyEvent::Reminder | DutyEvent::Cover, None, Locale::En) => {
            format!("From {from} ({zone})")
        }
    })
}

/// Who had it before, or who has it now.
fn others(duty: &DutyAbout, locale: Locale) -> Option<String> {
    let name = |person: &DutyPerson| one_line(&person.name, WORDS_MAX);
    let names: Vec<String> = duty.others.iter().map(name).collect();
    let nobody = names.is_empty();
    match (duty.event, nobody, locale) {
        // The first line of a request has the name.
        (DutyEvent::Cover, _, Locale::ZhCn | Locale::En)
        | (DutyEvent::ComesOn | DutyEvent::Reminder, true, Locale::ZhCn | Locale::En) => None,
        (DutyEvent::ComesOn | DutyEvent::Reminder, false, Locale::ZhCn) => Some(format!("接替:{}", names.join("、"))),
        (DutyEvent::ComesOn | DutyEvent::Reminder, false, Locale::En) => Some(format!("After {}", names.join(", "))),
        (DutyEvent::GoesOff, true, Locale::ZhCn) => Some("现在无人值班".into()),
        (DutyEvent::GoesOff, true, Locale::En) => Some("Nobody is on duty now".into()),
        (DutyEvent::GoesOff, false, Locale::ZhCn) => Some(format!("现在值班:{}", names.join("、"))),
        (DutyEvent::GoesOff, false, Locale::En) => Some(format!("On duty now: {}", names.join(", "))),
    }
}

/// The open tickets that whoever comes on duty should know of, one line each.
fn tickets(duty: &DutyAbout, locale: Locale) -> Vec<String> {
    if duty.event != DutyEvent::ComesOn {
        return Vec::new();
    }
    let all = duty.tickets.len() as u64 + u64::from(duty.more_tickets);
    let head = match (all, locale) {
        (0, Locale::ZhCn) => "没有未结束的事件单".to_owned(),
        (0, Locale::En) => "No tickets are open".to_owned(),
        (n, Locale::ZhCn) => format!("未结束的事件单 {n} 张:"),
        (1, Locale::En) => "1 open ticket:".to_owned(),
        (n, Locale::En) => format!("{n} open tickets:"),
    };
    let line = |ticket: &OpenTicket| {
        let taken = match (ticket.acknowledged, locale) {
            (true, Locale::ZhCn) => "(已认领)",
            (true, Locale::En) => " (acknowledged)",
            (false, Locale::ZhCn | Locale::En) => "",
        };
        let title = one_line(ticket.title.get(locale), WORDS_MAX);
        format!("{} {} {title}{taken}", ticket.id, ticket.priority.as_str())
    };
    let more = (duty.more_tickets > 0).then(|| match locale {
        Locale::ZhCn => format!("另有 {} 张", duty.more_tickets),
        Locale::En => format!("and {} more", duty.more_tickets),
    });
    [head].into_iter().chain(duty.tickets.iter().map(line)).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use watchbell_engine::catalog::Localized;
    use watchbell_engine::cover::{CoverAbout, CoverSpan};
    use watchbell_engine::fact::MessageKind;
    use watchbell_engine::word::{CoverOutcome, Priority};

    use super::*;
    use crate::words::{Links, page_text};

    fn asked(outcome: Option<CoverOutcome>, locale: Locale) -> String {
        let at = |text: &str| text.parse().expect("an instant");
        let span = CoverSpan { from: at("2026-12-01T10:00:00Z"), to: at("2026-12-01T12:00:00Z") };
        let id = "CVR-3".parse().expect("an id");
        let cover = CoverAbout { id, outcome, swap_for: Some(span), note: Some("a school\nconcert".into()) };
        let mut message = message(DutyEvent::Cover, locale);
        message.kind = MessageKind::DutyCover;
        message.duty.as_mut().expect("about duty").cover = Some(cover);
        let text = page_text(&message, &Links::default());
        format!("{}\n{}", text.first_line, text.lines.join("\n"))
    }

    #[test]
    fn who_is_asked_is_told_for_which_shift_and_how_to_answer() {
        let zh = asked(None, Locale::ZhCn);
        assert!(zh.starts_with("王磊 想与你换班:expense-primary\n03:00 至 周一 09:00(北京时间)\n换你的班:"), "{zh}");
        assert!(zh.contains("watchbell covers accept CVR-3 --as 你的 id"), "{zh}");
        let en = asked(None, Locale::En);
        assert!(en.starts_with("王磊 asks to swap shifts with you in expense-primary\n03:00 to Mon 09:00"), "{en}");
        assert!(en.contains("\na school concert\nTo accept: watchbell covers accept CVR-3 --as YOU"), "{en}");
        let told = asked(Some(CoverOutcome::Accepted), Locale::En);
        assert!(told.starts_with("王磊 swaps shifts with you in expense-primary\n"), "{told}");
        assert!(!told.contains("To accept"), "{told}");
        assert!(asked(Some(CoverOutcome::Lapsed), Locale::ZhCn).starts_with("无人代班,仍由你值班:"), "nobody took it");
    }

    fn message(event: DutyEvent, locale: Locale) -> Outgoing {
        let sample = include_str!("../../tests/data/page.json");
        let page: Outgoing = serde_json::from_str(sample).expect("the sample is a message");
        let ticket = OpenTicket {
            id: "INC-42".parse().expect("an id"),
            title: Localized { zh_cn: "发票验真".into(), en: "Invoice\nverification".into() },
            priority: Priority::P1,
            acknowledged: true,
        };
        let duty = DutyAbout {
            rotation: "expense-primary".into(),
            event,
            from: "2026-11-24T19:00:00Z".parse().expect("an instant"),
            until: Some("2026-11-30T01:00:00Z".parse().expect("an instant")),
            others: vec![DutyPerson { id: "wang.lei".into(), name: "王磊".into() }],
            tickets: vec![ticket],
            more_tickets: 3,
            cover: None,
        };
        let (page, about, duty) = (Outgoing { page: None, ..page }, None, Some(duty));
        Outgoing { kind: MessageKind::DutyHandoff, about, duty, locale, ..page }
    }

    fn told(event: DutyEvent, locale: Locale) -> String {
        let text = page_text(&message(event, locale), &Links::default());
        assert!(text.buttons.is_empty() && text.subject == text.first_line);
        format!("{}\n{}", text.first_line, text.lines.join("\n"))
    }

    #[test]
    fn who_comes_on_is_told_until_when_and_what_is_open() {
        let zh = told(DutyEvent::ComesOn, Locale::ZhCn);
        assert_eq!(
            zh,
            "expense-primary 交接班:你开始值班,至周一 09:00\n03:00 至 周一 09:00(北京时间)\n接替:王磊\n\
             未结束的事件单 4 张:\nINC-42 P1 发票验真(已认领)\n另有 3 张"
        );
        let en = told(DutyEvent::ComesOn, Locale::En);
        assert_eq!(
            en,
            "expense-primary: you are on duty now, until Mon 09:00\n03:00 to Mon 09:00 (Beijing time)\nAfter 王磊\n\
             4 open tickets:\nINC-42 P1 Invoice verification (acknowledged)\nand 3 more"
        );
    }

    #[test]
    fn who_goes_off_and_who_will_come_are_told_the_rest() {
        let off = told(DutyEvent::GoesOff, Locale::En);
        assert_eq!(off, "expense-primary: your duty has ended\nAt 03:00 (Beijing time)\nOn duty now: 王磊");
        let off = told(DutyEvent::GoesOff, Locale::ZhCn);
        assert_eq!(off, "expense-primary 交接班:你的值班已结束\n03:00(北京时间)\n现在值班:王磊");
        let soon = told(DutyEvent::Reminder, Locale::En);
        assert!(
            soon.starts_with("Reminder: you are on duty in expense-primary from 03:00\n03:00 to Mon 09:00"),
            "{soon}"
        );
        let soon = told(DutyEvent::Reminder, Locale::ZhCn);
        assert!(soon.starts_with("值班提醒:expense-primary 自03:00 起由你值班\n"), "{soon}");
    }
}
