//! What the author of a silence is told shortly before it ends while something still fires in it.

use watchbell_engine::duty_notice::SilenceAbout;
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::word::Locale;

use super::clean::one_line;
use super::page::PageText;
use super::text::Text;
use super::time::Moments;

/// The longest reason or list of matchers, characters.
const WORDS_MAX: usize = 160;

/// The message in words.
pub(super) fn text(
    message: &Outgoing,
    silence: &SilenceAbout,
    moments: &Moments,
    buttons: Vec<(String, String)>,
) -> PageText {
    let locale = message.locale;
    let first_line = first_line(silence, moments, locale);
    let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    let matchers = one_line(&matchers.join(", "), WORDS_MAX);
    let reason = one_line(&silence.reason, WORDS_MAX);
    let (until, zone) = (moments.minute(silence.until), moments.zone_name(silence.until));
    let lines = match locale {
        Locale::ZhCn => vec![
            format!("静默范围:{matchers}"),
            format!("原因:{reason}"),
            format!("{until}({zone})起,仍在告警的将呼叫值班人员;需要更久的安静,请延长静默"),
        ],
        Locale::En => vec![
            format!("Silences: {matchers}"),
            format!("Reason: {reason}"),
            format!(
                "From {until} ({zone}) what still fires pages whoever is on duty; extend the silence to keep it quiet"
            ),
        ],
    };
    PageText { subject: first_line.clone(), first_line, lines, buttons }
}

/// `静默 SIL-3 将于 11:30 结束,仍有 2 个告警`.
fn first_line(silence: &SilenceAbout, moments: &Moments, locale: Locale) -> String {
    let head = Text::new("静默", "Silence").get(locale);
    let (id, until, firing) = (silence.silence, moments.minute(silence.until), silence.firing);
    match (locale, firing) {
        (Locale::ZhCn, n) => format!("{head} {id} 将于 {until} 结束,仍有 {n} 个告警"),
        (Locale::En, 1) => format!("{head} {id} ends at {until}; 1 alert still fires"),
        (Locale::En, n) => format!("{head} {id} ends at {until}; {n} alerts still fire"),
    }
}

#[cfg(test)]
mod tests {
    use watchbell_engine::fact::MessageKind;
    use watchbell_engine::ids::SilenceId;

    use super::*;
    use crate::words::{Links, page_text};

    fn told(locale: Locale) -> String {
        let sample = include_str!("../../tests/data/page.json");
        let page: Outgoing = serde_json::from_str(sample).expect("the sample is a message");
        let silence = SilenceAbout {
            silence: SilenceId(3),
            until: "2026-11-24T19:15:00Z".parse().expect("an instant"),
            matchers: vec!["service=invoice".parse().expect("a matcher")],
            reason: "deploy\nof the day".into(),
            firing: 2,
        };
        let (page, about) = (Outgoing { page: None, ..page }, None);
        let kind = MessageKind::SilenceExpiring;
        let text = page_text(&Outgoing { kind, about, silence: Some(silence), locale, ..page }, &Links::default());
        assert!(text.buttons.is_empty() && text.subject == text.first_line);
        format!("{}\n{}", text.first_line, text.lines.join("\n"))
    }

    #[test]
    fn an_author_is_told_what_still_fires_and_what_will_happen() {
        assert_eq!(
            told(Locale::ZhCn),
            "静默 SIL-3 将于 03:15 结束,仍有 2 个告警\n静默范围:service=\"invoice\"\n原因:deploy of the day\n\
             03:15(北京时间)起,仍在告警的将呼叫值班人员;需要更久的安静,请延长静默"
        );
        assert_eq!(
            told(Locale::En),
            "Silence SIL-3 ends at 03:15; 2 alerts still fire\nSilences: service=\"invoice\"\nReason: deploy of the day\n\
             From 03:15 (Beijing time) what still fires pages whoever is on duty; extend the silence to keep it quiet"
        );
    }
}
