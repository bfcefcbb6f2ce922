//! Channels beside each other.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use watchbell::delivery::Tuning;
use watchbell::demo::smtp::SmtpInbox;
use watchbell_config::model::{ChannelSpec, SmtpSpec, SmtpTls, WebhookSpec};
use watchbell_engine::outgoing::Outgoing;
use watchbell_engine::word::Receipt;

use super::receiver::Receiver;
use super::world::{LIMIT, World, page, until};

/// A webhook that never answers and a mail server that does; nothing is cut off while a test runs.
async fn hung_hook() -> (World, Receiver) {
    hung_hook_with(Tuning::default()).await
}

async fn hung_hook_with(tuning: Tuning) -> (World, Receiver) {
    let receiver = Receiver::start(200).await;
    receiver.hang();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    SmtpInbox::start(listener, CancellationToken::new());
    let (from, tls) = ("oncall@acme.example".into(), SmtpTls::None);
    let smtp = SmtpSpec { host: "127.0.0.1".into(), port, tls, from, username: None, password: None };
    let channels = [
        ("hook", ChannelSpec::Webhook(WebhookSpec { secret: None }), receiver.url("/")),
        ("mail", ChannelSpec::Smtp(smtp), "li.na@example.com".into()),
    ];
    let channels = channels.iter().map(|(id, spec, to)| (*id, spec.clone(), to.as_str())).collect();
    (World::tuned(channels, Tuning { send_timeout: LIMIT * 3, ..tuning }), receiver)
}

#[tokio::test]
async fn a_hung_channel_delays_no_other() {
    let (mut world, receiver) = hung_hook().await;
    for _ in 0..40 {
        let decided_at = "2026-01-01T00:00:00Z".parse().expect("an instant");
        world.delivery.send(Outgoing { decided_at, ..page("hook") });
    }
    until("every place of the hung channel is taken", || receiver.got().len() == 16).await;
    world.delivery.send(page("mail"));
    let first = world.report().await;
    assert_eq!((first.receipt, first.detail.as_deref()), (Receipt::Accepted, Some("250 kept")));
    assert_eq!(receiver.got().len(), 16, "no more than that at once");
    assert!(world.metrics.outbox_oldest.get() > 0.0, "those that wait are seen");
}

#[tokio::test]
async fn a_stop_gives_back_what_still_waits() {
    let (mut world, receiver) = hung_hook().await;
    for _ in 0..17 {
        world.delivery.send(page("hook"));
    }
    until("every place of the hung channel is taken", || receiver.got().len() == 16).await;
    world.stop.cancel();
    let report = world.report().await;
    assert_eq!((report.receipt, report.handed_over), (Receipt::TryAgain, None));
    assert_eq!(world.metrics.outbox_oldest.get(), 0.0);
}

#[tokio::test]
async fn a_message_that_waits_too_long_for_a_place_is_given_back() {
    let (mut world, receiver) =
        hung_hook_with(Tuning { place_timeout: Duration::from_millis(50), ..Tuning::default() }).await;
    for _ in 0..17 {
        world.delivery.send(page("hook"));
    }
    let report = world.report().await;
    assert_eq!((report.receipt, report.handed_over), (Receipt::TryAgain, None), "before the engine takes it for lost");
    assert_eq!(receiver.got().len(), 16);
    assert_eq!(world.metrics.outbox_oldest.get(), 0.0);
}

#[tokio::test]
async fn every_message_of_a_burst_has_one_report() {
    let (mut world, receiver) = hung_hook().await;
    receiver.say(200, &[], "");
    let mut sent = std::collections::BTreeSet::new();
    for attempt in 1..=200 {
        let mut message = page("hook");
        message.send.attempt = attempt;
        sent.insert(message.send);
        world.delivery.send(message);
    }
    for _ in 0..200 {
        let report = world.report().await;
        assert_eq!(report.receipt, Receipt::Accepted);
        assert!(sent.remove(&report.send), "{} is reported twice", report.send);
    }
    assert_eq!(receiver.got().len(), 200);
    let more = tokio::time::timeout(Duration::from_millis(50), world.report()).await;
    assert!(more.is_err(), "nothing is reported that was not sent");
}
