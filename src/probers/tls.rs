//! The TLS handshake: shared configurations, the server's certificate kept even when it is refused,
//! and the kind of every failure.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use watchbell_config::TlsOptions;
use watchbell_engine::word::FailureKind;

use super::certificate::is_self_signed;
use super::fault::{Fault, find};

tokio::task_local! {
    /// The server's own certificate, as the verifier of this handshake saw it. The configuration and its
    /// verifier are shared by all probes; the handshake is not.
    static SEEN: RefCell<Option<CertificateDer<'static>>>;
}

/// What makes two configurations the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    ca: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
    insecure: bool,
}

/// Client configurations, one for each combination of options, read from their files once.
pub(super) struct TlsSetups {
    provider: Arc<CryptoProvider>,
    made: Mutex<HashMap<Key, Result<Arc<ClientConfig>, String>>>,
}

impl TlsSetups {
    pub(super) fn new() -> Self {
        Self { provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()), made: Mutex::default() }
    }

    /// The configuration for these options; `Err` says which file cannot be used and why.
    pub(super) fn get(&self, options: &TlsOptions) -> Result<Arc<ClientConfig>, String> {
        let client = options.client.as_ref().map(|files| (files.cert.clone(), files.key.clone()));
        let key = Key { ca: options.ca.clone(), client, insecure: options.insecure };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(key).or_insert_with_key(|key| self.make(key)).clone()
    }

    fn make(&self, key: &Key) -> Result<Arc<ClientConfig>, String> {
        let inner = if key.insecure { None } else { Some(self.verifier(key.ca.as_deref())?) };
        let verifier = Arc::new(Recorder { inner, provider: Arc::clone(&self.provider) });
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &key.client {
            None => config.with_no_client_auth(),
            Some((cert, private)) => {
                let key = PrivateKeyDer::from_pem_file(private)
                    .map_err(|e| format!("tls.key {} cannot be read: {e}", private.display()))?;
                config
                    .with_client_auth_cert(certificates("tls.cert", cert)?, key)
                    .map_err(|e| format!("tls.cert {} and its key cannot be used: {e}", cert.display()))?
            }
        };
        // A resumed session shows no certificate, and skips what a new user would have to pass.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    fn verifier(&self, ca: Option<&Path>) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let Some(ca) = ca else {
            let platform = rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider));
            let platform = platform.map_err(|e| format!("this machine's trusted certificates cannot be read: {e}"))?;
            return Ok(Arc::new(platform));
        };
        let mut roots = RootCertStore::empty();
        for cert in certificates("tls.ca", ca)? {
            roots.add(cert).map_err(|e| format!("tls.ca {} cannot be used: {e}", ca.display()))?;
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
            .map_err(|e| format!("tls.ca {} cannot be used: {e}", ca.display()))
    }
}

fn certificates(what: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let certs = read().map_err(|e| format!("{what} {} cannot be read: {e}", path.display()))?;
    if certs.is_empty() {
        return Err(format!("{what} {} holds no certificate", path.display()));
    }
    Ok(certs)
}

/// Notes the server's certificate, then lets the real verifier decide.
struct Recorder {
    /// `None` accepts everything.
    inner: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("verifies", &self.inner.is_some()).finish()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let noted = SEEN.try_with(|seen| *seen.borrow_mut() = Some(end_entity.clone().into_owned()));
        debug_assert!(noted.is_ok(), "every handshake runs inside the scope of SEEN");
        match &self.inner {
            Some(inner) => inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Shakes hands, and returns the server's certificate (DER) in any case in which it came.
pub(super) async fn handshake(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: TcpStream,
) -> (Result<TlsStream<TcpStream>, io::Error>, Option<CertificateDer<'static>>) {
    SEEN.scope(RefCell::new(None), async move {
        let done = TlsConnector::from(config).connect(name, stream).await;
        (done, SEEN.with(|seen| seen.borrow_mut().take()))
    })
    .await
}

/// Why a handshake failed, or what a peer's alert during the request means. `name` is whom we asked for.
pub(super) fn explain(error: &io::Error, name: &str, leaf: Option<&[u8]>, names: &[String]) -> Fault {
    match find::<rustls::Error>(error) {
        Some(error) => explain_tls(error, name, leaf, names),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            Fault::down(FailureKind::TlsHandshake, format!("{name} closed the connection during the handshake"))
        }
        None => Fault::down(FailureKind::ConnectReset, format!("{name} reset the connection during the handshake")),
    }
}

fn explain_tls(error: &rustls::Error, name: &str, leaf: Option<&[u8]>, names: &[String]) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(why) => explain_certificate(why, name, leaf, names),
        rustls::Error::NoCertificatesPresented => {
            Fault::down(FailureKind::TlsUntrusted, format!("{name} shows no certificate"))
        }
        rustls::Error::InvalidMessage(_) | rustls::Error::PeerSentOversizedRecord => {
            Fault::down(FailureKind::TlsNotTls, format!("{name} does not speak TLS on this port"))
        }
        rustls::Error::AlertReceived(alert) if is_about_our_certificate(*alert) => {
            let message = format!("{name} refuses our client certificate, or wants one (alert {alert:?})");
            Fault::down(FailureKind::TlsClientCert, message)
        }
        other => Fault::down(FailureKind::TlsHandshake, format!("no TLS handshake with {name}: {other}")),
    }
}

fn is_about_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    [
        A::CertificateRequired,
        A::NoCertificate,
        A::BadCertificate,
        A::UnsupportedCertificate,
        A::CertificateRevoked,
        A::CertificateExpired,
        A::CertificateUnknown,
        A::UnknownCA,
        A::AccessDenied,
    ]
    .contains(&alert)
}

fn explain_certificate(why: &CertificateError, name: &str, leaf: Option<&[u8]>, names: &[String]) -> Fault {
    use CertificateError as E;
    match why {
        E::Expired | E::ExpiredContext { .. } => {
            Fault::down(FailureKind::TlsExpired, format!("the certificate of {name} has expired"))
        }
        E::NotValidYet | E::NotValidYetContext { .. } => {
            Fault::down(FailureKind::TlsNotYetValid, format!("the certificate of {name} is not valid yet"))
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            let message = format!("the certificate is not for {name} but for {}", list(names));
            Fault::down(FailureKind::TlsNameMismatch, message)
        }
        _ if leaf.is_some_and(is_self_signed) => {
            Fault::down(FailureKind::TlsSelfSigned, format!("the certificate of {name} is signed by itself"))
        }
        E::UnknownIssuer => {
            let message = format!("the issuer of {name}'s certificate is not trusted, or an intermediate is missing");
            Fault::down(FailureKind::TlsUntrusted, message)
        }
        other => Fault::down(FailureKind::TlsUntrusted, format!("the certificate of {name} is refused: {other}")),
    }
}

/// The first few names, so that a certificate with hundreds stays readable.
fn list(names: &[String]) -> String {
    match names {
        [] => "no name at all".to_owned(),
        names if names.len() <= 5 => names.join(", "),
        names => format!("{} and {} more", names[..5].join(", "), names.len() - 5),
    }
}
