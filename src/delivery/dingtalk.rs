//! A DingTalk group robot: markdown that mentions the person (contract `dingtalk-robot.md`).

use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use watchbell_config::model::{DingtalkSpec, Secret};
use watchbell_engine::fact::MessageKind;
use watchbell_engine::time::Millis;

use super::http::{HttpClient, Reply};
use super::robots::Robots;
use super::sent::Sent;
use super::sign;
use crate::words::{PageText, clip_bytes};

/// The robot takes 20,000 bytes of title and text; this leaves room for the JSON around them.
const TEXT_MAX: usize = 18_000;

/// How long to wait when the robot says "too fast" and not for how long.
const TOO_FAST: Millis = Millis::secs(60);

/// Sends to robots.
pub(super) struct Dingtalk {
    http: HttpClient,
    robots: Robots,
}

/// The answer; HTTP 200 even for errors. Overload answers have `status` and `wait` instead of `errcode`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    errcode: Option<i64>,
    errmsg: String,
    status: Option<i64>,
    wait: Option<u64>,
}

impl Dingtalk {
    pub(super) fn new(http: HttpClient) -> Self {
        Self { http, robots: Robots::default() }
    }

    /// Takes a message out of the robot's minute; `Err` at once when it is used up, so that the person's next
    /// channel begins.
    pub(super) fn reserve(&self, spec: &DingtalkSpec, kind: MessageKind, now: Instant) -> Result<(), Sent> {
        let follow_up = match kind {
            MessageKind::Page | MessageKind::Test => false,
            MessageKind::Acknowledged
            | MessageKind::Escalated
            | MessageKind::Resolved
            | MessageKind::Cancelled
            | MessageKind::DutyHandoff
            | MessageKind::DutyReminder
            | MessageKind::DutyCover
            | MessageKind::SilenceExpiring => true,
        };
        self.robots.reserve(spec.url.reveal(), follow_up, now).map_err(|wait| {
            Sent::try_again("the robot may speak 20 times a minute and has; this waits for room").after(Some(wait))
        })
    }

    /// One message to the group, which mentions the person.
    pub(super) async fn send(&self, spec: &DingtalkSpec, mobile: &Secret, text: &PageText, now: Timestamp) -> Sent {
        let body = body(text, mobile.reveal());
        let at = now.as_millisecond();
        let signed = spec.secret.as_ref().map(|secret| sign::dingtalk(at, secret.reveal()));
        let reply = self.http.post(spec.url.reveal(), now, |request| {
            let request = match signed {
                Some(sign) => request.query(&[("timestamp", at.to_string()), ("sign", sign)]),
                None => request,
            };
            request.json(&body)
        });
        let sent = match reply.await {
            Ok(reply) => judge(&reply),
            Err(sent) => sent,
        };
        if let Some(wait) = sent.retry_after {
            self.robots.block(spec.url.reveal(), wait, Instant::now());
        }
        sent
    }
}

/// `title` is what the phone shows; the mention works only when the text holds it too.
fn body(text: &PageText, mobile: &str) -> Value {
    let mobile = mobile.trim();
    let mention = !mobile.is_empty() && mobile.trim_start_matches('+').chars().all(|c| c.is_ascii_digit() || c == '-');
    let buttons: Vec<String> = text.buttons.iter().map(|(label, url)| format!("[{label}]({url})")).collect();
    let mut tail = format!("\n\n{}", buttons.join(" · "));
    if mention {
        tail.push_str(&format!("\n\n@{mobile}"));
    }
    let head = format!("#### {}\n\n{}", inert(&text.first_line), inert(&text.lines.join("  \n")));
    let head = clip_bytes(&head, TEXT_MAX.saturating_sub(tail.len() + text.first_line.len()));
    let mobiles: Vec<&str> = if mention { vec![mobile] } else { Vec::new() };
    json!({
        "msgtype": "markdown",
        "markdown": { "title": text.first_line, "text": format!("{head}{tail}") },
        "at": { "atMobiles": mobiles, "isAtAll": false },
    })
}

/// A title or summary from outside must not become a link or an image.
fn inert(text: &str) -> String {
    text.replace("](", "] (")
}

/// What the robot said (contract, limits and error codes): an unknown code is a failure, never a success.
fn judge(reply: &Reply) -> Sent {
    if !reply.status.is_success() {
        return reply.judge();
    }
    let answer: Answer = serde_json::from_str(&reply.body).unwrap_or_default();
    let said = |code: i64| format!("errcode {code}: {}", answer.errmsg);
    match (answer.errcode, answer.status) {
        (Some(0), _) => Sent::accepted("errcode 0"),
        (Some(code @ (130_101 | 410_100)), _) => Sent::try_again(&said(code)).after(Some(TOO_FAST)),
        (Some(code), _) if says_too_fast(&answer.errmsg) => Sent::try_again(&said(code)).after(Some(TOO_FAST)),
        (Some(-1), _) => Sent::try_again(&said(-1)),
        (Some(code), _) => Sent::refused(&said(code)),
        (None, Some(1_111)) => {
            let wait = answer.wait.map_or(TOO_FAST, |secs| Millis::secs(secs.min(600)));
            Sent::try_again("status 1111: the robot is limited").after(Some(wait))
        }
        (None, Some(_) | None) => Sent::refused("the answer of the robot has no errcode"),
    }
}

/// By the words, for codes that are not listed. "exceed 20000 bytes" is about size and will not pass.
fn says_too_fast(errmsg: &str) -> bool {
    let exceeds = errmsg.contains("exceed") && !errmsg.contains("bytes");
    exceeds || errmsg.contains("too fast") || errmsg.contains("限流")
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use watchbell_engine::word::Receipt;

    use super::*;

    fn judged(status: u16, body: &str) -> Sent {
        let status = StatusCode::from_u16(status).expect("a status");
        judge(&Reply { status, retry_after: None, body: body.into() })
    }

    #[test]
    fn answers_of_the_contract() {
        use Receipt::{Accepted, Refused, TryAgain};
        for (body, receipt, wait) in [
            (r#"{"errcode":0,"errmsg":"ok"}"#, Accepted, None),
            (r#"{"errcode":310000,"errmsg":"keywords not in content"}"#, Refused, None),
            (r#"{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}"#, TryAgain, Some(60)),
            (r#"{"errcode":410100,"errmsg":"发送速度太快而限流"}"#, TryAgain, Some(60)),
            (r#"{"errcode":999999,"errmsg":"发送速度太快而限流"}"#, TryAgain, Some(60)),
            (r#"{"errcode":-1,"errmsg":"系统繁忙"}"#, TryAgain, None),
            (r#"{"errcode":300001,"errmsg":"token is not exist"}"#, Refused, None),
            (r#"{"errcode":300005,"errmsg":"token is not exist"}"#, Refused, None),
            (r#"{"errcode":400101,"errmsg":"no such token"}"#, Refused, None),
            (r#"{"errcode":400013,"errmsg":"group dissolved"}"#, Refused, None),
            (r#"{"errcode":400102,"errmsg":"robot stopped"}"#, Refused, None),
            (r#"{"errcode":400105,"errmsg":"unsupported msgtype"}"#, Refused, None),
            (r#"{"errcode":40035,"errmsg":"missing parameter"}"#, Refused, None),
            (r#"{"errcode":40035,"errmsg":"message too long, exceed 20000 bytes"}"#, Refused, None),
            (r#"{"errcode":43004,"errmsg":"bad Content-Type"}"#, Refused, None),
            (r#"{"errcode":430101,"errmsg":"unsafe link"}"#, Refused, None),
            (r#"{"errcode":777777,"errmsg":"never seen before"}"#, Refused, None),
            (r#"{"status":1111,"punish":"deny","wait":5}"#, TryAgain, Some(5)),
            ("<html>", Refused, None),
        ] {
            let sent = judged(200, body);
            assert_eq!((sent.receipt, sent.retry_after), (receipt, wait.map(Millis::secs)), "{body}");
        }
        assert_eq!(judged(502, "").receipt, TryAgain);
        assert_eq!(judged(404, "").receipt, Refused);
    }

    #[test]
    fn the_mention_stands_in_text_and_list_and_the_size_is_kept() {
        let text = PageText {
            subject: String::new(),
            first_line: "P1 [x](https://evil.example)".into(),
            lines: vec!["发票".repeat(8_000)],
            buttons: vec![("认领".into(), "https://w.example/a/x".into())],
        };
        let body = body(&text, "13800000000");
        let shown = body["markdown"]["text"].as_str().expect("a text");
        assert!(shown.ends_with("[认领](https://w.example/a/x)\n\n@13800000000"), "{shown}");
        assert!(!shown.contains("](https://evil"), "{shown}");
        assert!(shown.len() + text.first_line.len() <= TEXT_MAX);
        assert_eq!(body["at"], json!({ "atMobiles": ["13800000000"], "isAtAll": false }));
    }
}
