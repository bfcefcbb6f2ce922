//! What is outside: the watched service, phones, and a mail server.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};
use watchbell::demo::smtp::{Mail, SmtpInbox};

use super::hooks::{Got, Hooks};
use super::target::Target;

/// Signs webhooks: `watchbell-story-hook-0001` in base64.
pub(super) const HOOK_SECRET: &str = "whsec_d2F0Y2hiZWxsLXN0b3J5LWhvb2stMDAwMQ==";

/// The password of the mail account in the shipped configuration.
pub(super) const SMTP_PASSWORD: &str = "mail-password-of-the-story";

/// The name of that account.
const SMTP_USER: &str = "oncall@expense.example";

/// Something that happened outside, for whoever waits for the right moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The service answered 503.
    Failing,
    /// A webhook arrived.
    Hook,
    /// A mail arrived.
    Mail,
    /// Somebody is about to press a button.
    Press,
}

pub(super) struct Town {
    pub(super) target: Target,
    pub(super) hooks: Hooks,
    pub(super) mail: SmtpInbox,
    pub(super) events: broadcast::Sender<Event>,
    smtp_port: u16,
    _stop: DropGuard,
}

impl Town {
    pub(super) async fn start() -> Self {
        let (events, _) = broadcast::channel(1_024);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let smtp_port = listener.local_addr().expect("bound").port();
        let mail = SmtpInbox::start(listener, stop.clone());
        let (mut received, postman) = (mail.received(), events.clone());
        tokio::spawn(async move {
            while received.changed().await.is_ok() {
                postman.send(Event::Mail).unwrap_or_default(); // nobody may be listening
            }
        });
        Self {
            target: Target::start(events.clone()).await,
            hooks: Hooks::start(events.clone()).await,
            mail,
            events,
            smtp_port,
            _stop: stop.drop_guard(),
        }
    }

    /// The mail server wants the account of the shipped configuration.
    pub(super) fn ask_mail_login(&self) {
        self.mail.require_login(SMTP_USER, SMTP_PASSWORD);
    }

    pub(super) fn smtp_port(&self) -> u16 {
        self.smtp_port
    }

    /// The variables that point the shipped configuration here.
    pub(super) fn vars(&self) -> Vec<String> {
        let vars = [
            ("expense_api", self.target.base().to_owned()),
            ("smtp_host", "127.0.0.1".to_owned()),
            ("smtp_port", self.smtp_port.to_string()),
            ("smtp_tls", "none".to_owned()),
            ("hook_base", self.hooks.base().to_owned()),
        ];
        vars.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// The first webhook that fits, as soon as it is there.
    pub(super) async fn hook(&self, what: &str, limit: Duration, fits: impl Fn(&Got) -> bool) -> Got {
        let mut events = self.events.subscribe();
        let wait = async {
            loop {
                if let Some(got) = self.hooks.got().into_iter().find(&fits) {
                    return got;
                }
                // Lagging is fine: everything is looked through again.
                events.recv().await.map(drop).unwrap_or_default();
            }
        };
        tokio::time::timeout(limit, wait).await.unwrap_or_else(|_| panic!("no webhook came: {what}"))
    }

    /// The first mail that fits, as soon as it is there.
    pub(super) async fn mail(&self, what: &str, limit: Duration, fits: impl Fn(&Mail) -> bool) -> Mail {
        let mut received = self.mail.received();
        let wait = async {
            loop {
                if let Some(mail) = self.mail.messages().into_iter().find(&fits) {
                    return mail;
                }
                received.changed().await.expect("the inbox lives as long as the test");
            }
        };
        tokio::time::timeout(limit, wait).await.unwrap_or_else(|_| panic!("no mail came: {what}"))
    }
}
