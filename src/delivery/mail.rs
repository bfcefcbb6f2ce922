//! A message as a mail: headers that thread it, two complete bodies.

use jiff::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart};
use watchbell_engine::fact::MessageKind;
use watchbell_engine::outgoing::{Outgoing, webhook_id};
use watchbell_engine::word::Locale;

use crate::words::{PageText, one_line};

/// The longest subject, characters.
const SUBJECT_MAX: usize = 200;

/// The mail of one message. `from` is also the sender of the envelope.
pub(super) fn mail(
    message: &Outgoing,
    text: &PageText,
    from: Mailbox,
    to: Mailbox,
    now: Timestamp,
) -> Result<lettre::Message, lettre::error::Error> {
    let domain = from.email.domain().to_owned();
    let mut builder = lettre::Message::builder()
        .from(from)
        .to(to)
        .date(now.into())
        .message_id(Some(message_id(message, &domain)))
        .subject(one_line(&text.subject, SUBJECT_MAX));
    if let Some(root) = root_id(message, &domain) {
        builder = builder.references(root.clone()).in_reply_to(root);
    }
    for (name, value) in headers(message) {
        builder = raw(builder, name, value);
    }
    builder.multipart(MultiPart::alternative_plain_html(plain(text), html(text, message.locale)))
}

/// `<inc-42-p7-mail.6741…@domain>`: the same on every try, so that a receiver drops a second copy. The time
/// at its end keeps apart two stores that both count from one (a fresh `watchbell.db`).
fn message_id(message: &Outgoing, domain: &str) -> String {
    let born = message.about.as_ref().map_or(message.decided_at, |about| about.opened_at);
    format!("<{}.{:x}@{domain}>", id_text(&webhook_id(message)), born.as_millisecond())
}

/// One virtual root per ticket, on every mail including the first, so that mail programs thread on it.
fn root_id(message: &Outgoing, domain: &str) -> Option<String> {
    let about = message.about.as_ref()?;
    Some(format!("<{}.{:x}@{domain}>", id_text(&about.ticket.to_string()), about.opened_at.as_millisecond()))
}

/// Only characters that an id may hold without quoting.
fn id_text(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// The headers beside the standard ones (contract `email.md`).
fn headers(message: &Outgoing) -> Vec<(HeaderName, String)> {
    let name = HeaderName::new_from_ascii_str;
    let mut out = vec![
        (name("Auto-Submitted"), "auto-generated".to_owned()),
        (name("X-Auto-Response-Suppress"), "OOF, AutoReply, DR, RN, NRN".to_owned()),
        (name("X-Page-Id"), message.send.subject.to_string()),
    ];
    if let Some(about) = &message.about {
        out.push((name("X-Incident-Id"), about.ticket.to_string()));
        if message.kind == MessageKind::Page && about.priority.is_urgent() {
            out.push((name("X-Priority"), "1".to_owned()));
            out.push((name("Importance"), "high".to_owned()));
            out.push((name("X-MSMail-Priority"), "High".to_owned()));
        }
    }
    out
}

fn raw(builder: MessageBuilder, name: HeaderName, value: String) -> MessageBuilder {
    builder.raw_header(HeaderValue::new(name, value))
}

fn plain(text: &PageText) -> String {
    let mut out = format!("{}\n{}\n", text.first_line, text.lines.join("\n"));
    for (label, url) in &text.buttons {
        out.push_str(&format!("\n{label}: {url}"));
    }
    out.push('\n');
    out
}

/// Complete without the plain part, and without anything that is loaded from elsewhere.
fn html(text: &PageText, locale: Locale) -> String {
    let lines: Vec<String> = text.lines.iter().map(|line| escaped(line)).collect();
    let buttons: Vec<String> = text.buttons.iter().map(|(label, url)| button(label, url)).collect();
    format!(
        "<!doctype html>\n<html lang=\"{locale}\"><head><meta charset=\"utf-8\"></head>\n\
         <body style=\"font:16px/1.6 sans-serif\">\n<p><strong>{}</strong></p>\n<p>{}</p>\n<p>{}</p>\n</body></html>\n",
        escaped(&text.first_line),
        lines.join("<br>\n"),
        buttons.join("\n"),
    )
}

fn button(label: &str, url: &str) -> String {
    let style = "display:inline-block;padding:10px 18px;margin:4px;border:1px solid #666;border-radius:6px";
    format!("<a style=\"{style}\" href=\"{}\">{}</a>", escaped(url), escaped(label))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use watchbell_engine::catalog::Localized;
    use watchbell_engine::ids::{NoticeId, SendSubject, TicketId};

    use super::*;
    use crate::words::{Links, page_text};

    fn page() -> Outgoing {
        serde_json::from_str(include_str!("../../tests/data/page.json")).expect("the sample is a message")
    }

    fn written(message: &Outgoing) -> String {
        let text = page_text(message, &Links { ack: Some("https://w.example/a/x?a&b".into()), ..Links::default() });
        let from = "watchbell <oncall@ops.acme.example>".parse().expect("a mailbox");
        let to = "li.na@example.com".parse().expect("a mailbox");
        let mail = mail(message, &text, from, to, message.decided_at).expect("a mail");
        String::from_utf8(mail.formatted()).expect("pages are sent in seven bits")
    }

    fn header<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
        let head = mail.split("\r\n\r\n").next()?;
        head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn notice(kind: MessageKind) -> Outgoing {
        let mut message = page();
        message.kind = kind;
        message.send.subject = SendSubject::Notice(NoticeId { ticket: TicketId(42), n: 3 });
        message
    }

    #[test]
    fn headers_of_the_contract() {
        let mail = written(&page());
        for (name, value) in [
            ("To", Some("li.na@example.com")),
            ("Date", Some("Tue, 24 Nov 2026 19:12:10 +0000")),
            ("Auto-Submitted", Some("auto-generated")),
            ("X-Auto-Response-Suppress", Some("OOF, AutoReply, DR, RN, NRN")),
            ("X-Priority", Some("1")),
            ("Importance", Some("high")),
            ("X-MSMail-Priority", Some("High")),
            ("X-Incident-Id", Some("INC-42")),
            ("X-Page-Id", Some("INC-42-p7")),
            ("Precedence", None),
            ("List-Unsubscribe", None),
        ] {
            assert_eq!(header(&mail, name), value, "{name}");
        }
        assert!(mail.is_ascii() && mail.split("\r\n").all(|line| line.len() <= 998), "{mail}");
    }

    #[test]
    fn mails_of_a_ticket_share_a_root_and_differ_otherwise() {
        let (first, notice) = (written(&page()), written(&notice(MessageKind::Resolved)));
        let root = header(&first, "References").expect("a root");
        assert!(root.starts_with("<inc-42.") && root.ends_with("@ops.acme.example>"), "{root}");
        assert_eq!((header(&first, "In-Reply-To"), header(&notice, "References")), (Some(root), Some(root)));
        assert_ne!(header(&first, "Message-ID"), header(&notice, "Message-ID"));
        assert_eq!(header(&notice, "X-Priority"), None, "a follow-up is not urgent");
    }

    #[test]
    fn every_try_of_a_page_has_the_same_message_id() {
        let mut again = page();
        again.send.attempt = 5;
        again.decided_at = again.decided_at.checked_add(jiff::SignedDuration::from_secs(40)).expect("an instant");
        let first = written(&page());
        assert_eq!(header(&first, "Message-ID"), header(&written(&again), "Message-ID"));
        let mut elsewhere = page();
        elsewhere.channel = "mail2".into();
        assert_ne!(header(&first, "Message-ID"), header(&written(&elsewhere), "Message-ID"));
    }

    #[test]
    fn nothing_from_outside_adds_a_header_or_markup() {
        let mut message = page();
        let about = message.about.as_mut().expect("a page is about something");
        about.title = Localized::same("x\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script>");
        about.alert.probe = None;
        message.locale = Locale::En;
        let mail = written(&message);
        assert!(!mail.contains("\r\nBcc:") && header(&mail, "Bcc").is_none(), "{mail}");
        assert!(!mail.contains("<script>alert(1)</script></strong>"), "{mail}");
        assert!(header(&mail, "Subject").is_some_and(|s| s.starts_with("P1 x Bcc: evil@example.com")), "{mail}");
    }
}
