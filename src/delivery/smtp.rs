//! Mail over SMTP: one fresh connection per message, STARTTLS required, TLS from the first byte, or none.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use watchbell_config::model::{Secret, SmtpSpec, SmtpTls};
use watchbell_engine::outgoing::Outgoing;

use super::mail::mail;
use super::sent::Sent;
use crate::words::PageText;

/// How long the goodbye may take; the message is accepted by then and nobody waits for it.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends mails.
pub(super) struct SmtpSender {
    roots: Option<Vec<u8>>,
    connect_timeout: Duration,
    hello: ClientId,
    /// By host: reading the platform's roots costs milliseconds.
    tls: Mutex<BTreeMap<String, TlsParameters>>,
}

/// How far a conversation came before it failed.
enum Stage {
    /// The message was not handed over: it did not arrive.
    Before,
    /// It was handed over and the answer is missing: it may have arrived.
    After,
}

impl SmtpSender {
    /// A sender that trusts these roots (PEM) alone, or the platform's where `None`.
    pub(super) fn with_roots(roots: Option<Vec<u8>>, connect_timeout: Duration) -> Self {
        Self { roots, connect_timeout, hello: ClientId::default(), tls: Mutex::default() }
    }

    /// One mail, one conversation.
    pub(super) async fn send(
        &self,
        spec: &SmtpSpec,
        address: &Secret,
        message: &Outgoing,
        text: &PageText,
        now: Timestamp,
    ) -> Sent {
        let Ok(from) = spec.from.parse::<Mailbox>() else {
            return Sent::refused(&format!("`from` of channel {} is not a mail address", message.channel));
        };
        let Ok(to) = address.reveal().parse::<Mailbox>() else {
            let (person, channel) = (&message.person, &message.channel);
            return Sent::refused(&format!("the contact of {person} on channel {channel} is not a mail address"));
        };
        let envelope = (from.email.clone(), to.email.clone());
        let bytes = match mail(message, text, from, to, now) {
            Ok(mail) => mail.formatted(),
            Err(e) => return Sent::refused(&format!("the mail could not be written: {e}")),
        };
        let mut connection = match self.connect(spec).await {
            Ok(connection) => connection,
            Err(e) => return failed(&e, &Stage::Before, address),
        };
        let sent = match converse(&mut connection, envelope, &bytes).await {
            Ok(line) => Sent::accepted(&line),
            Err((stage, e)) => failed(&e, &stage, address),
        };
        // The outcome is known; the goodbye must not hold it up.
        tokio::spawn(async move { tokio::time::timeout(QUIT_TIMEOUT, connection.quit()).await.is_ok() });
        sent
    }

    /// A connection that is protected as the configuration asks and signed in.
    async fn connect(&self, spec: &SmtpSpec) -> Result<AsyncSmtpConnection, Error> {
        let server = (spec.host.as_str(), spec.port);
        let from_first_byte = match spec.tls {
            SmtpTls::Implicit => Some(self.tls(&spec.host)?),
            SmtpTls::Starttls | SmtpTls::None => None,
        };
        let limit = Some(self.connect_timeout);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, limit, &self.hello, from_first_byte, None).await?;
        if spec.tls == SmtpTls::Starttls {
            connection.starttls(self.tls(&spec.host)?, &self.hello).await?;
        }
        if let (Some(name), Some(password)) = (&spec.username, &spec.password) {
            let credentials = Credentials::new(name.clone(), password.reveal().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, Error> {
        let mut known = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(host) {
            return Ok(found.clone());
        }
        let builder = TlsParametersBuilder::new(host.to_owned());
        let parameters = match &self.roots {
            Some(pem) => builder
                .certificate_store(CertificateStore::None)
                .add_root_certificate(Certificate::from_pem(pem)?)
                .build_rustls()?,
            None => builder.build_rustls()?,
        };
        known.insert(host.to_owned(), parameters.clone());
        Ok(parameters)
    }
}

/// The mail transaction. The accepting line of the server, or how far it came.
async fn converse(
    connection: &mut AsyncSmtpConnection,
    (from, to): (Address, Address),
    mail: &[u8],
) -> Result<String, (Stage, Error)> {
    let mut parameters = Vec::new();
    let international = !from.to_string().is_ascii() || !to.to_string().is_ascii();
    if international && connection.server_info().supports_feature(Extension::SmtpUtfEight) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let before = |e| (Stage::Before, e);
    connection.command(Mail::new(Some(from), parameters)).await.map_err(before)?;
    connection.command(Rcpt::new(to, Vec::new())).await.map_err(before)?;
    connection.command(Data).await.map_err(before)?;
    let response = connection.message(mail).await.map_err(|e| (Stage::After, e))?;
    Ok(format!("{} {}", response.code(), response.first_line().unwrap_or_default()))
}

/// What to report: 4yz and a broken or refused connection are tried again, 5yz and what the server cannot do
/// at all are final. The address is not repeated, even where the server's line does.
fn failed(error: &Error, stage: &Stage, address: &Secret) -> Sent {
    let said = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let said = said.replace(address.reveal(), "(address)");
    match (error.status(), stage) {
        (Some(code), Stage::Before | Stage::After) if error.is_permanent() => Sent::refused(&format!("{code} {said}")),
        (Some(code), Stage::Before | Stage::After) => Sent::try_again(&format!("{code} {said}")),
        (None, Stage::Before) if error.is_client() => Sent::refused(&said),
        (None, Stage::Before) => Sent::try_again(&format!("no conversation with the mail server: {said}")),
        (None, Stage::After) => Sent::unknown(&format!("no answer after the message was handed over: {said}")),
    }
}
