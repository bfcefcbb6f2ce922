//! A DingTalk robot, played by an HTTP server.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use watchbell_config::model::{ChannelSpec, DingtalkSpec, Secret};
use watchbell_engine::fact::MessageKind;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Receipt;

use super::receiver::Receiver;
use super::world::{World, page};

const SECRET: &str = "SEC0123456789abcdef";
const OK: &str = r#"{"errcode":0,"errmsg":"ok"}"#;

async fn world() -> (World, Receiver) {
    let robot = Receiver::start(200).await;
    robot.say(200, &[], OK);
    let url = Secret::new(robot.url("/robot/send?access_token=abc"));
    let spec = ChannelSpec::Dingtalk(DingtalkSpec { url, secret: Some(Secret::new(SECRET)) });
    (World::new(vec![("ding", spec, "13800000000")]), robot)
}

#[tokio::test]
async fn a_page_is_signed_and_mentions_the_person() {
    let (mut world, robot) = world().await;
    assert_eq!(world.send(page("ding")).await.receipt, Receipt::Accepted);
    let got = robot.got().remove(0);
    let query = got.uri.query().expect("a query");
    let part = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let (timestamp, sign) = (part("timestamp").expect("a time"), part("sign").expect("a signature"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let expected = STANDARD.encode(hmac::sign(&key, format!("{timestamp}\n{SECRET}").as_bytes()));
    let expected = expected.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    assert_eq!((sign, part("access_token")), (expected.as_str(), Some("abc")));
    assert_eq!(timestamp.len(), 13, "milliseconds");
    insta::assert_json_snapshot!("dingtalk_page", got.json());
}

#[tokio::test]
async fn an_error_in_a_200_is_an_error() {
    let (mut world, robot) = world().await;
    robot.say(200, &[], r#"{"errcode":310000,"errmsg":"sign not match"}"#);
    let report = world.send(page("ding")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::Refused, Some("errcode 310000: sign not match")));
}

#[tokio::test]
async fn a_robot_that_is_too_fast_is_left_alone() {
    let (mut world, robot) = world().await;
    robot.say(200, &[], r#"{"status":1111,"punish":"deny","wait":5}"#);
    let report = world.send(page("ding")).await;
    assert_eq!((report.receipt, report.retry_after), (Receipt::TryAgain, Some(Millis::secs(5))));
    robot.say(200, &[], OK);
    let report = world.send(page("ding")).await;
    assert_eq!((report.receipt, report.handed_over), (Receipt::TryAgain, None));
    assert!(report.retry_after.is_some_and(|wait| wait <= Millis::secs(5)));
    assert_eq!(robot.got().len(), 1, "it was not asked again");
}

#[tokio::test]
async fn the_nineteenth_message_of_a_minute_gives_way_at_once() {
    let (mut world, robot) = world().await;
    for _ in 0..18 {
        assert_eq!(world.send(page("ding")).await.receipt, Receipt::Accepted);
    }
    let report = world.send(page("ding")).await;
    assert_eq!((report.receipt, report.handed_over), (Receipt::TryAgain, None));
    assert!(report.retry_after.is_some_and(|wait| wait > Millis::secs(30) && wait <= Millis::secs(60)));
    assert_eq!((robot.got().len(), world.counted("ding", "try_again")), (18, 1));
}

#[tokio::test]
async fn follow_ups_leave_room_for_a_page() {
    let (mut world, _robot) = world().await;
    let mut accepted = 0;
    for _ in 0..18 {
        let mut message = page("ding");
        message.kind = MessageKind::Resolved;
        accepted += u32::from(world.send(message).await.receipt == Receipt::Accepted);
    }
    assert_eq!(accepted, 12);
    assert_eq!(world.send(page("ding")).await.receipt, Receipt::Accepted);
}
