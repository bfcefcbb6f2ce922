//! What messages say, whole, in both languages.

use watchbell_engine::catalog::Localized;
use watchbell_engine::fact::MessageKind;
use watchbell_engine::ids::{SendSubject, TestId};
use watchbell_engine::outgoing::{About, Outgoing};
use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, Locale, ResolvedAs, Severity};

use super::{Links, PageText, page_text};

fn page() -> Outgoing {
    serde_json::from_str(include_str!("../../tests/data/page.json")).expect("the sample is a message")
}

fn about(change: impl FnOnce(&mut About)) -> Outgoing {
    let mut message = page();
    change(message.about.as_mut().expect("a page is about something"));
    message
}

fn follow_up(kind: MessageKind, by: Option<&str>) -> Outgoing {
    Outgoing { kind, by: by.map(Into::into), ..page() }
}

fn resolved(how: ResolvedAs, by: &str) -> Outgoing {
    let ended = about(|a| {
        a.resolved_as = Some(how);
        a.resolved_at = Some("2026-11-24T19:16:16Z".parse().expect("an instant"));
    });
    Outgoing { kind: MessageKind::Resolved, by: Some(by.into()), ..ended }
}

fn test_page() -> Outgoing {
    let mut message = page();
    message.kind = MessageKind::Test;
    message.send.subject = SendSubject::Test(TestId(3));
    (message.page, message.about, message.by) = (None, None, Some("王磊".into()));
    message
}

fn shown(text: &PageText) -> String {
    let buttons: String = text.buttons.iter().map(|(label, url)| format!("[{label}]({url}) ")).collect();
    format!("Subject: {}\n{}\n{}\n{buttons}\n", text.subject, text.first_line, text.lines.join("\n"))
}

fn in_both(message: &Outgoing) -> String {
    let links = Links { ack: Some("https://w.example/a/x".into()), ..Links::default() };
    let tell = |locale| shown(&page_text(&Outgoing { locale, ..message.clone() }, &links));
    format!("{}\n{}", tell(Locale::ZhCn), tell(Locale::En))
}

#[test]
fn the_page_of_the_design() {
    let links = Links {
        also: Vec::new(),
        ack: Some("https://w.example/a/x".into()),
        escalate: Some("https://w.example/a/x#escalate".into()),
        decline: Some("https://w.example/a/x#decline".into()),
        ticket: Some("https://w.example/tickets/INC-42".into()),
    };
    let text = page_text(&page(), &links);
    let expected = "\
P1 发票验真中断 · HTTP 503
影响:员工无法提交含发票的报销单
03:12:04 起(北京时间),连续 3 次失败,03:11:59 还正常
现象:POST /v1/invoices/verify 返回 503,应为 200
为何是你:expense-primary 值班,至周一 09:00 · 03:14:10 前无人认领则呼叫王磊
预案:① 看网关 5xx ② 回滚最近发布 ③ 切备用通道
INC-42";
    assert_eq!(format!("{}\n{}", text.first_line, text.lines.join("\n")), expected);
    let labels: Vec<&str> = text.buttons.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["认领", "升级", "接不了", "查看"]);
    insta::assert_snapshot!("page_status", in_both(&page()));
}

#[test]
fn pages_of_other_kinds() {
    let refused = about(|a| {
        a.alert.kind = Some(FailureKind::ConnectRefused);
        a.alert.runs = 1;
        a.alert.last_good = None;
        let run = a.alert.run.as_mut().expect("the sample has a run");
        (run.status, run.total) = (None, None);
    });
    insta::assert_snapshot!("page_connect_refused", in_both(&refused));
    let slow = about(|a| {
        a.alert.kind = Some(FailureKind::Latency);
        a.alert.severity = Severity::Warning;
        a.priority = a.alert.severity.priority();
        let run = a.alert.run.as_mut().expect("the sample has a run");
        (run.status, run.total, run.expected) = (Some(200), Some(Millis(1_240)), Some("total at most 800ms".into()));
    });
    insta::assert_snapshot!("page_latency_degraded", in_both(&slow));
    let assertion = about(|a| {
        a.alert.kind = Some(FailureKind::AssertionFailed);
        let run = a.alert.run.as_mut().expect("the sample has a run");
        (run.status, run.expected) = (Some(200), Some("$.verified is true".into()));
    });
    insta::assert_snapshot!("page_assertion", in_both(&assertion));
    let beat = about(|a| {
        a.title = Localized { zh_cn: "夜间入账".into(), en: "Nightly posting".into() };
        (a.impact, a.alert.kind, a.alert.run, a.alert.runs) = (None, Some(FailureKind::HeartbeatMissed), None, 0);
    });
    insta::assert_snapshot!("page_heartbeat", in_both(&beat));
}

#[test]
fn pages_for_other_reasons() {
    let reopened = about(|a| {
        (a.occurrence, a.live_alerts, a.was_silenced) = (2, 4, true);
        a.muted_since = Some("2026-11-22T18:40:00Z".parse().expect("a time"));
        a.next_names.clear();
        let why = a.why.as_mut().expect("the sample has a reason");
        (why.override_, why.layer) = (Some("OVR-3".into()), None);
    });
    insta::assert_snapshot!("page_reopened_override", in_both(&reopened));
    let catch_all = about(|a| {
        let why = a.why.as_mut().expect("the sample has a reason");
        (why.rotation, why.layer, why.until, why.text) = (None, None, None, "catch-all".into());
        a.next_at = None;
    });
    insta::assert_snapshot!("page_catch_all", in_both(&Outgoing { zone: "Europe/Berlin".into(), ..catch_all }));
    let mut declared = about(|a| {
        a.title = Localized::same("Payout file\r\nBcc: x@example.com is \u{202e}wrong");
        (a.impact, a.alert.probe, a.alert.kind, a.alert.run) = (None, None, None, None);
        (a.alert.last_good, a.why) = (None, None);
        a.alert.summary = "Payout file rejected by the bank".into();
        a.runbook.clear();
    });
    declared.room = true;
    insta::assert_snapshot!("page_declared", in_both(&declared));
}

#[test]
fn follow_ups() {
    insta::assert_snapshot!("acknowledged", in_both(&follow_up(MessageKind::Acknowledged, Some("王磊"))));
    insta::assert_snapshot!("escalated", in_both(&follow_up(MessageKind::Escalated, Some("李娜"))));
    insta::assert_snapshot!("cancelled", in_both(&follow_up(MessageKind::Cancelled, None)));
    insta::assert_snapshot!("resolved_by_itself", in_both(&resolved(ResolvedAs::SelfRecovered, "watchbell")));
    insta::assert_snapshot!("resolved_fixed", in_both(&resolved(ResolvedAs::Fixed, "王磊")));
    insta::assert_snapshot!("test", in_both(&test_page()));
}

#[test]
fn a_follow_up_keeps_the_subject_of_its_page() {
    for kind in [MessageKind::Acknowledged, MessageKind::Escalated, MessageKind::Resolved, MessageKind::Cancelled] {
        let subject = page_text(&follow_up(kind, Some("王磊")), &Links::default()).subject;
        assert_eq!(subject, format!("Re: {}", page_text(&page(), &Links::default()).subject));
    }
}

#[test]
fn a_title_that_never_ends_is_cut_between_characters() {
    let long = about(|a| a.title = Localized::same("发票".repeat(400)));
    let text = page_text(&long, &Links::default());
    assert!(text.first_line.chars().count() < 90, "{}", text.first_line);
    assert!(text.first_line.contains("发…中断 · HTTP 503"), "{}", text.first_line);
}
