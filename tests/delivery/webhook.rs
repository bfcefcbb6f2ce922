//! Webhooks against an HTTP server.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use watchbell_config::model::{ChannelSpec, Secret, WebhookSpec};
use watchbell_engine::fact::MessageKind;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Receipt;

use super::receiver::Receiver;
use super::world::{World, closed_port, page};

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn world(secret: Option<String>, address: &str) -> World {
    let spec = WebhookSpec { secret: secret.map(Secret::new) };
    World::new(vec![("hook", ChannelSpec::Webhook(spec), address)])
}

#[tokio::test]
async fn a_page_is_signed_and_the_same_on_every_try() {
    let receiver = Receiver::start(204).await;
    let mut world = world(Some(format!("whsec_{SECRET}")), &receiver.url("/li.na"));
    let mut again = page("hook");
    again.send.attempt = 2;
    let report = world.send(page("hook")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::Accepted, Some("204 No Content")));
    assert!(report.handed_over.is_some());
    world.send(again).await;

    let got = receiver.got();
    assert_eq!((got.len(), got[0].method.as_str(), got[0].uri.path()), (2, "POST", "/li.na"));
    assert_eq!(got[0].header("webhook-id"), Some("INC-42-p7-hook"));
    assert_eq!(got[1].header("webhook-id"), got[0].header("webhook-id"));
    assert_eq!(got[0].header("content-type"), Some("application/json"));
    assert!(got[0].header("user-agent").is_some_and(|agent| agent.starts_with("watchbell/")));
    let json = got[0].json();
    assert_eq!(json["type"], "page");
    assert_eq!(json["page"], serde_json::json!({ "id": "INC-42-p7", "attempt": 1 }));
    assert_eq!(json["ack_url"], "https://watch.example/a/INC-42-p7-hook");
    let text = String::from_utf8_lossy(&got[0].body);
    assert!(text.starts_with(r#"{"type":"page","page":{"id":"INC-42-p7","attempt":1},"to":"#), "{text}");

    // As a receiver checks it: over the bytes as they came.
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET).expect("base64"));
    for request in &got {
        let signed = request.header("webhook-signature").expect("signed").strip_prefix("v1,").expect("v1");
        let mut content = b"INC-42-p7-hook.".to_vec();
        content.extend_from_slice(request.header("webhook-timestamp").expect("a time").as_bytes());
        content.push(b'.');
        content.extend_from_slice(&request.body);
        hmac::verify(&key, &content, &STANDARD.decode(signed).expect("base64")).expect("the signature holds");
    }
    assert_eq!(world.counted("hook", "accepted"), 2);
}

#[tokio::test]
async fn without_a_secret_it_is_unsigned_and_with_a_broken_one_it_is_not_sent() {
    let receiver = Receiver::start(200).await;
    let mut unsigned = world(None, &receiver.url("/"));
    assert_eq!(unsigned.send(page("hook")).await.receipt, Receipt::Accepted);
    assert_eq!(receiver.got()[0].header("webhook-signature"), None);

    let mut broken = world(Some("whsec_not base64".into()), &receiver.url("/"));
    let report = broken.send(page("hook")).await;
    assert_eq!(report.receipt, Receipt::Refused);
    let detail = report.detail.expect("why");
    assert_eq!(detail, "the secret of this channel is not base64 after its mark; copy it again from the receiver");
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn follow_ups_have_their_own_identity() {
    let receiver = Receiver::start(200).await;
    let mut world = world(None, &receiver.url("/"));
    let mut resolved = page("hook");
    resolved.kind = MessageKind::Resolved;
    resolved.send = "INC-42-n3/1".parse().expect("an outbox key");
    world.send(resolved).await;
    let got = receiver.got();
    assert_eq!(got[0].header("webhook-id"), Some("INC-42-p7-hook-INC-42-n3"));
    assert_eq!(got[0].json()["type"], "page.resolved");
    assert_eq!(got[0].json()["page"]["id"], "INC-42-p7");
}

#[tokio::test]
async fn statuses_become_receipts() {
    let receiver = Receiver::start(503).await;
    let mut world = world(None, &receiver.url("/"));
    receiver.say(503, &[("retry-after", "7")], "down for maintenance");
    let report = world.send(page("hook")).await;
    assert_eq!((report.receipt, report.retry_after), (Receipt::TryAgain, Some(Millis::secs(7))));
    assert_eq!(report.detail.as_deref(), Some("503 Service Unavailable: down for maintenance"));
    receiver.say(429, &[("retry-after", "3")], "");
    let report = world.send(page("hook")).await;
    assert_eq!((report.receipt, report.retry_after), (Receipt::TryAgain, Some(Millis::secs(3))));
    receiver.say(410, &[], "<html>gone</html>");
    let report = world.send(page("hook")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::Refused, Some("410 Gone")));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let receiver = Receiver::start(200).await;
    receiver.say(307, &[("location", "/elsewhere")], "");
    let mut world = world(None, &receiver.url("/first"));
    let report = world.send(page("hook")).await;
    assert_eq!(report.receipt, Receipt::Refused);
    assert_eq!(report.detail.as_deref(), Some("307 Temporary Redirect: redirects are not followed"));
    assert_eq!(receiver.got().iter().map(|got| got.uri.path().to_owned()).collect::<Vec<_>>(), ["/first"]);
}

#[tokio::test]
async fn a_long_reply_is_read_only_so_far() {
    let receiver = Receiver::start(200).await;
    receiver.say(400, &[], &"发".repeat(1 << 20));
    let mut world = world(None, &receiver.url("/"));
    let report = world.send(page("hook")).await;
    assert_eq!(report.receipt, Receipt::Refused);
    assert!(report.detail.expect("why").chars().count() <= 200);
}

#[tokio::test]
async fn silence_is_unknown_and_a_closed_port_is_tried_again() {
    let receiver = Receiver::start(200).await;
    receiver.hang();
    let spec = ChannelSpec::Webhook(WebhookSpec { secret: None });
    let mut hanging = World::hasty(vec![("hook", spec, &receiver.url("/"))]);
    let report = hanging.send(page("hook")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::Unknown, Some("no answer within 300ms")));
    assert_eq!(hanging.counted("hook", "unknown"), 1);

    let address = format!("http://127.0.0.1:{}/token-of-li-na", closed_port().await);
    let report = world(None, &address).send(page("hook")).await;
    assert_eq!(report.receipt, Receipt::TryAgain);
    let detail = report.detail.expect("why");
    assert!(detail.starts_with("could not connect: ") && !detail.contains("token"), "{detail}");
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_showing_it() {
    let report = world(None, "no address at all").send(page("hook")).await;
    assert_eq!(report.receipt, Receipt::Refused);
    let detail = report.detail.expect("why");
    assert!(detail.starts_with("the address cannot be used") && !detail.contains("at all"), "{detail}");
}
