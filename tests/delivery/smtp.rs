//! Mail in real SMTP conversations.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use watchbell::delivery::Tuning;
use watchbell::demo::smtp::{Mode, SmtpInbox};
use watchbell_config::model::{ChannelSpec, Secret, SmtpSpec, SmtpTls};
use watchbell_engine::fact::MessageKind;
use watchbell_engine::word::{Locale, Receipt};

use super::tls::{Protected, TlsFront};
use super::world::{LIMIT, World, closed_port, config, page};

fn spec(host: &str, port: u16, tls: SmtpTls) -> SmtpSpec {
    let from = "watchbell 值班 <oncall@ops.acme.example>".into();
    SmtpSpec { host: host.into(), port, tls, from, username: None, password: None }
}

async fn inbox() -> (SmtpInbox, World) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    let inbox = SmtpInbox::start(listener, CancellationToken::new());
    let spec = ChannelSpec::Smtp(spec("127.0.0.1", port, SmtpTls::None));
    (inbox, World::new(vec![("mail", spec, "li.na@example.com")]))
}

/// A world that trusts nobody but this front.
fn protected(front: &TlsFront, spec: SmtpSpec) -> World {
    let tuning = Tuning { send_timeout: LIMIT, smtp_roots: Some(front.root_pem.clone()), ..Tuning::default() };
    World::tuned(vec![("mail", ChannelSpec::Smtp(spec), "li.na@example.com")], tuning)
}

#[tokio::test]
async fn a_page_arrives_as_it_was_written() {
    let (inbox, mut world) = inbox().await;
    let report = world.send(page("mail")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::Accepted, Some("250 kept")));
    let mail = inbox.messages().remove(0);
    assert_eq!((mail.from.as_str(), mail.to.as_str()), ("oncall@ops.acme.example", "li.na@example.com"));
    assert_eq!(mail.subject, "P1 发票验真中断 · HTTP 503 (INC-42)");
    assert_eq!(mail.header("From"), Some("watchbell 值班 <oncall@ops.acme.example>"));
    insta::assert_snapshot!("mail_text", mail.text);

    let mut resolved = page("mail");
    resolved.kind = MessageKind::Resolved;
    resolved.send = "INC-42-n3/1".parse().expect("an outbox key");
    world.send(resolved).await;
    let end = inbox.messages().remove(1);
    assert_eq!(end.subject, format!("Re: {}", mail.subject));
    assert_eq!(end.header("References"), mail.header("References"));
    assert_ne!(end.header("Message-ID"), mail.header("Message-ID"));
    assert_eq!(world.counted("mail", "accepted"), 2);
}

#[tokio::test]
async fn lines_that_begin_with_a_dot_survive() {
    let (inbox, mut world) = inbox().await;
    let mut message = page("mail");
    message.locale = Locale::En;
    let about = message.about.as_mut().expect("a page is about something");
    about.alert.probe = None;
    (about.alert.kind, about.alert.summary) = (None, ".hidden file".into());
    about.impact = None;
    world.send(message).await;
    assert!(inbox.messages()[0].text.contains(".hidden file"));
}

#[tokio::test]
async fn replies_become_receipts() {
    let (inbox, mut world) = inbox().await;
    inbox.set_mode(Mode::TempFail(451));
    let report = world.send(page("mail")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::TryAgain, Some("451 try again later")));
    inbox.set_mode(Mode::Reject);
    let report = world.send(page("mail")).await;
    assert_eq!(report.receipt, Receipt::Refused);
    assert_eq!(report.detail.as_deref(), Some("550 no mailbox (address) here"), "the address is not repeated");
    assert!(inbox.messages().is_empty());
    inbox.set_mode(Mode::Accept);
    assert_eq!(world.send(page("mail")).await.receipt, Receipt::Accepted);
}

#[tokio::test]
async fn a_server_that_hangs_is_cut_off() {
    let (inbox, world) = inbox().await;
    inbox.set_mode(Mode::Hang);
    let spec = world.live.config.load().channels["mail"].clone();
    let mut world = World::hasty(vec![("mail", spec, "li.na@example.com")]);
    let report = world.send(page("mail")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::Unknown, Some("no answer within 300ms")));
    assert!(report.handed_over.is_some());
}

#[tokio::test]
async fn a_closed_port_is_tried_again() {
    let spec = ChannelSpec::Smtp(spec("127.0.0.1", closed_port().await, SmtpTls::None));
    let report = World::new(vec![("mail", spec, "li.na@example.com")]).send(page("mail")).await;
    assert_eq!(report.receipt, Receipt::TryAgain);
    let detail = report.detail.expect("why");
    assert!(detail.starts_with("no conversation with the mail server: "), "{detail}");
}

#[tokio::test]
async fn a_contact_that_is_none_is_refused() {
    let (inbox, world) = inbox().await;
    let spec = world.live.config.load().channels["mail"].clone();
    let mut odd = World::new(vec![("mail", spec, "li.na@example.com\r\nRCPT TO:<x@example.com>")]);
    let report = odd.send(page("mail")).await;
    assert_eq!(report.receipt, Receipt::Refused);
    assert_eq!(report.detail.as_deref(), Some("the contact of li.na on channel mail is not a mail address"));
    assert!(inbox.messages().is_empty());
}

#[tokio::test]
async fn what_is_gone_from_the_configuration_is_refused_by_name() {
    let (_inbox, mut world) = inbox().await;
    let spec = world.live.config.load().channels["mail"].clone();
    let mut without = config(vec![("mail", spec, "x")]);
    without.contacts.clear();
    world.live.config.store(without.into());
    let report = world.send(page("mail")).await;
    assert_eq!((report.receipt, report.handed_over), (Receipt::Refused, None));
    assert_eq!(report.detail.as_deref(), Some("li.na has no contact on channel mail any more"));
    world.live.config.store(config(Vec::new()).into());
    let report = world.send(page("mail")).await;
    assert_eq!(report.detail.as_deref(), Some("there is no channel mail in the configuration any more"));
}

#[tokio::test]
async fn starttls_is_required_and_verified() {
    let front = TlsFront::start(Protected::AfterStarttls).await;
    let mut world = protected(&front, spec("localhost", front.port, SmtpTls::Starttls));
    assert_eq!(world.send(page("mail")).await.detail.as_deref(), Some("250 kept"));
    assert_eq!(front.inbox.messages().len(), 1);

    let stranger = TlsFront::start(Protected::AfterStarttls).await;
    let mut world = protected(&front, spec("localhost", stranger.port, SmtpTls::Starttls));
    assert_eq!(world.send(page("mail")).await.receipt, Receipt::TryAgain, "its certificate is not ours");
    assert!(stranger.inbox.messages().is_empty());

    let (plain, world) = inbox().await;
    let ChannelSpec::Smtp(spec) = world.live.config.load().channels["mail"].clone() else { panic!("a mail channel") };
    let mut world = protected(&front, SmtpSpec { tls: SmtpTls::Starttls, ..spec });
    let report = world.send(page("mail")).await;
    assert_eq!(report.receipt, Receipt::Refused);
    assert_eq!(report.detail.as_deref(), Some("STARTTLS is not supported on this server"));
    assert!(plain.messages().is_empty(), "nothing goes out unprotected");
}

#[tokio::test]
async fn implicit_tls_with_a_login() {
    let front = TlsFront::start(Protected::FromFirstByte).await;
    front.inbox.require_login("bot", "s3cret");
    let plain = spec("localhost", front.port, SmtpTls::Implicit);
    let report = protected(&front, plain.clone()).send(page("mail")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::Refused, Some("530 sign in first")));
    let login = |password: &str| SmtpSpec {
        username: Some("bot".into()),
        password: Some(Secret::new(password)),
        ..plain.clone()
    };
    let report = protected(&front, login("wr0ng")).send(page("mail")).await;
    assert_eq!((report.receipt, report.detail.as_deref()), (Receipt::Refused, Some("535 wrong name or password")));
    let report = protected(&front, login("s3cret")).send(page("mail")).await;
    assert_eq!(report.receipt, Receipt::Accepted);
    assert_eq!(front.inbox.messages().len(), 1);
}
