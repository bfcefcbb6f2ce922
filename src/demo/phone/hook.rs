//! What a message on the phone says, read from the public webhook format or a group robot's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One message as it lies on the lock screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneMessage {
    /// `webhook-id`: the same on every retry.
    pub id: Option<String>,
    /// Whose phone.
    pub person: String,
    /// Over which channel.
    pub channel: String,
    /// `page`, `page.resolved`, …; `robot` for what a group robot was told.
    #[serde(rename = "type")]
    pub kind: String,
    /// `INC-42-p7`.
    pub page: Option<String>,
    /// `INC-42`.
    pub ticket: Option<String>,
    /// What the lock screen shows first.
    pub first_line: String,
    /// What follows.
    pub lines: Vec<String>,
    /// Where to answer; http or https alone.
    pub ack_url: Option<String>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// How often it came again.
    pub repeats: u32,
}

impl PhoneMessage {
    /// Reads our webhook. Unknown fields are ignored, as receivers should.
    pub fn from_webhook(
        person: &str,
        id: Option<String>,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let hook: Hook = serde_json::from_slice(body)?;
        let first_line = hook.first_line();
        let lines = hook.lines();
        Ok(Self {
            id,
            person: person.to_owned(),
            channel: hook.to.channel,
            kind: hook.kind,
            page: hook.page.map(|page| page.id),
            ticket: hook.ticket.map(|ticket| ticket.id),
            first_line,
            lines,
            ack_url: hook.ack_url.filter(|url| is_web_address(url)),
            received_at,
            repeats: 0,
        })
    }

    /// Reads what a DingTalk group robot is told: text, markdown or an action card.
    pub fn from_robot(body: &[u8], received_at: Timestamp) -> Result<Self, serde_json::Error> {
        let told: Robot = serde_json::from_slice(body)?;
        let card = told.markdown.or(told.action_card).unwrap_or_default();
        let text = told.text.map(|text| text.content).or(card.text).unwrap_or_default();
        let mut lines = text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
        let first_line = card.title.or_else(|| lines.next()).unwrap_or_else(|| "(空 empty)".into());
        let lines: Vec<String> = lines.filter(|line| *line != first_line).collect();
        let button = card.single_url.or_else(|| card.btns.into_iter().next().map(|button| button.action_url));
        Ok(Self {
            id: None,
            person: told.at.map(|at| at.mobiles.join(", ")).unwrap_or_default(),
            channel: "ding".into(),
            kind: "robot".into(),
            page: None,
            ticket: None,
            first_line,
            lines,
            ack_url: button.filter(|url| is_web_address(url)),
            received_at,
            repeats: 0,
        })
    }

    /// Whether somebody must act on it.
    pub fn is_page(&self) -> bool {
        self.kind == "page"
    }

    /// The class of its card.
    pub fn css(&self) -> &'static str {
        match self.kind.as_str() {
            "page" => "page",
            "page.resolved" | "page.cancelled" => "end",
            _ => "",
        }
    }

    /// The time of day it arrived, UTC.
    pub fn clock(&self) -> String {
        self.received_at.strftime("%H:%M:%S").to_string()
    }
}

/// A link on the phone leads to the web and nowhere else: `javascript:` is not a place to answer.
fn is_web_address(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// The public webhook (design section 8), as far as a phone shows it.
#[derive(Deserialize)]
struct Hook {
    #[serde(rename = "type")]
    kind: String,
    page: Option<HookPage>,
    to: HookTo,
    ticket: Option<HookTicket>,
    alert: Option<HookAlert>,
    ack_url: Option<String>,
}

#[derive(Deserialize)]
struct HookPage {
    id: String,
}

#[derive(Deserialize)]
struct HookTo {
    channel: String,
}

#[derive(Deserialize)]
struct HookTicket {
    id: String,
    title: String,
    priority: Option<String>,
    impact: Option<String>,
    next_step: Option<HookNext>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct HookNext {
    at: Option<Timestamp>,
    #[serde(default)]
    to: Vec<String>,
}

#[derive(Deserialize)]
struct HookAlert {
    summary: Option<String>,
}

impl Hook {
    fn first_line(&self) -> String {
        let word = match self.kind.as_str() {
            "page" => "",
            "page.acknowledged" => "已认领 acknowledged · ",
            "page.escalated" => "已升级 escalated · ",
            "page.resolved" => "已恢复 resolved · ",
            "page.cancelled" => "已取消 cancelled · ",
            "test" => "测试 test · ",
            other => other,
        };
        let Some(ticket) = &self.ticket else { return format!("{word}watchbell") };
        let priority = ticket.priority.as_deref().map(|p| format!("{p} ")).unwrap_or_default();
        let summary = self.alert.as_ref().and_then(|alert| alert.summary.as_deref());
        let finding = summary.filter(|_| self.kind == "page").map(|s| format!(" · {s}")).unwrap_or_default();
        format!("{word}{priority}{}{finding}", ticket.title)
    }

    fn lines(&self) -> Vec<String> {
        let Some(ticket) = &self.ticket else { return Vec::new() };
        let impact = ticket.impact.as_ref().map(|impact| format!("影响 Impact: {impact}"));
        let reason = ticket.reason.as_ref().map(|reason| format!("为何是你 Why you: {reason}"));
        let next = ticket.next_step.as_ref().and_then(|next| {
            let at = next.at?.strftime("%H:%M:%S").to_string();
            Some(format!("{at} UTC 前无人认领则呼叫 · if nobody answers, then: {}", next.to.join(", ")))
        });
        let to_act = reason.into_iter().chain(next).filter(|_| self.kind == "page");
        impact.into_iter().chain(to_act).chain([ticket.id.clone()]).collect()
    }
}

#[derive(Deserialize)]
struct Robot {
    text: Option<RobotText>,
    markdown: Option<RobotCard>,
    #[serde(rename = "actionCard")]
    action_card: Option<RobotCard>,
    at: Option<RobotAt>,
}

#[derive(Deserialize)]
struct RobotText {
    content: String,
}

#[derive(Default, Deserialize)]
struct RobotCard {
    title: Option<String>,
    text: Option<String>,
    #[serde(rename = "singleURL")]
    single_url: Option<String>,
    #[serde(default)]
    btns: Vec<RobotButton>,
}

#[derive(Deserialize)]
struct RobotButton {
    #[serde(rename = "actionURL")]
    action_url: String,
}

#[derive(Deserialize)]
struct RobotAt {
    #[serde(default, rename = "atMobiles")]
    mobiles: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"{"type":"page","page":{"id":"INC-42-p7","attempt":1},"to":{"person":"li.na","channel":"hook"},
        "ticket":{"id":"INC-42","title":"发票验真中断","state":"triggered","priority":"P1","opened_at":"2026-11-24T19:12:10Z",
        "impact":"员工无法提交含发票的报销单","next_step":{"at":"2026-11-24T19:14:10Z","to":["wang.lei"]},"reason":"expense-primary 值班"},
        "alert":{"dedup_key":"probe:invoice-verify","probe":"invoice-verify","kind":"status","summary":"HTTP 503","labels":{},
        "started_at":"2026-11-24T19:12:04Z"},"ack_url":"http://127.0.0.1:7247/a/x"}"#;

    #[test]
    fn a_page_shows_what_broke_and_why_it_is_you() {
        let m =
            PhoneMessage::from_webhook("li.na", Some("INC-42-p7-hook".into()), PAGE.as_bytes(), Timestamp::UNIX_EPOCH)
                .expect("our own format");
        assert_eq!(m.first_line, "P1 发票验真中断 · HTTP 503");
        assert_eq!(m.lines[0], "影响 Impact: 员工无法提交含发票的报销单");
        assert!(m.lines[2].starts_with("19:14:10 UTC") && m.lines[2].ends_with("wang.lei"), "{:?}", m.lines);
        assert_eq!((m.ticket.as_deref(), m.page.as_deref()), (Some("INC-42"), Some("INC-42-p7")));
        assert!(m.is_page());
    }

    #[test]
    fn the_end_says_so_and_a_test_needs_no_ticket() {
        let end = PAGE.replace(r#""type":"page""#, r#""type":"page.resolved""#);
        let m = PhoneMessage::from_webhook("li.na", None, end.as_bytes(), Timestamp::UNIX_EPOCH).expect("a follow-up");
        assert_eq!(m.first_line, "已恢复 resolved · P1 发票验真中断");
        assert_eq!(m.lines, ["影响 Impact: 员工无法提交含发票的报销单", "INC-42"], "nobody has to act any more");
        let test = r#"{"type":"test","page":{"id":"TEST-1"},"to":{"person":"li.na","channel":"hook"},"ticket":null,"alert":null,"ack_url":null}"#;
        let m = PhoneMessage::from_webhook("li.na", None, test.as_bytes(), Timestamp::UNIX_EPOCH).expect("a test page");
        assert_eq!(m.first_line, "测试 test · watchbell");
    }

    #[test]
    fn a_link_leads_to_the_web_alone() {
        let bad = PAGE.replace("http://127.0.0.1:7247/a/x", "javascript:alert(1)");
        let m =
            PhoneMessage::from_webhook("li.na", None, bad.as_bytes(), Timestamp::UNIX_EPOCH).expect("our own format");
        assert_eq!(m.ack_url, None);
    }

    #[test]
    fn a_robot_is_understood_in_three_forms() {
        let texts = [
            r#"{"msgtype":"text","text":{"content":"P1 A\n@13800000000"},"at":{"atMobiles":["13800000000"]}}"#,
            r#"{"msgtype":"markdown","markdown":{"title":"P1 A","text":"P1 A\n\n@13800000000"},"at":{"atMobiles":["13800000000"]}}"#,
            r#"{"msgtype":"actionCard","actionCard":{"title":"P1 A","text":"x","btns":[{"title":"认领","actionURL":"http://h/a/1"}]}}"#,
        ];
        let read =
            texts.map(|t| PhoneMessage::from_robot(t.as_bytes(), Timestamp::UNIX_EPOCH).expect("a robot message"));
        assert!(read.iter().all(|m| m.first_line == "P1 A"));
        assert_eq!((read[0].person.as_str(), read[1].person.as_str()), ("13800000000", "13800000000"));
        assert_eq!(read[2].ack_url.as_deref(), Some("http://h/a/1"));
    }
}
