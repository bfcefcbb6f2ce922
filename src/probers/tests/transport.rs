//! TLS: every reason for which a handshake fails, and the certificate's facts in all of them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use watchbell_config::TlsFiles;

use super::server::{Act, Server, answer};
use super::*;

/// A certificate authority that lives as long as its test.
struct Authority {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    file: TempFile,
}

struct TempFile(PathBuf);

impl TempFile {
    fn new(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("watchbell-probers-{}-{}.pem", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// A certificate with its key.
struct Leaf {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params
}

impl Authority {
    fn new() -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let mut params = params("throw-away authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        let file = TempFile::new(&cert.pem());
        Self { der: cert.der().clone(), issuer: Issuer::new(params, key), file }
    }

    fn leaf(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = params(name);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        Leaf { der: cert.der().clone(), pem: cert.pem(), key }
    }
}

impl Leaf {
    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }

    fn server(&self) -> ServerConfig {
        let config = ServerConfig::builder().with_no_client_auth();
        config.with_single_cert(vec![self.der.clone()], self.key()).expect("a configuration")
    }
}

async fn serving(leaf: &Leaf) -> Server {
    Server::behind_tls(leaf.server(), vec![Act::Read, answer("200 OK", "fine")]).await
}

fn trusting(authority: &Authority, url: &str) -> HttpCheck {
    let tls = TlsOptions { ca: Some(authority.file.0.clone()), ..TlsOptions::default() };
    HttpCheck { tls, ..http_check(url) }
}

fn https(server: &Server) -> String {
    format!("https://localhost:{}/", server.port())
}

#[tokio::test]
async fn a_trusted_certificate_is_up_and_its_facts_are_kept() {
    let authority = Authority::new();
    let server = serving(&authority.leaf("localhost", |_| ())).await;
    let run = run(trusting(&authority, &https(&server)), PATIENT).await;
    assert_eq!(found(&run), UP);
    assert!(run.phases_ms.tls.is_some_and(|ms| ms > 0.0));
    let certificate = run.evidence.certificate.expect("facts");
    assert_eq!(
        (certificate.names, certificate.issuer.as_str()),
        (vec!["localhost".to_owned()], "CN=throw-away authority")
    );
}

#[tokio::test]
async fn certificates_that_are_refused_have_their_kind_and_their_facts() {
    let authority = Authority::new();
    let judge = async |leaf: &Leaf| {
        let server = serving(leaf).await;
        let run = run(trusting(&authority, &https(&server)), PATIENT).await;
        assert!(run.evidence.certificate.is_some(), "facts are kept though it is refused");
        found(&run)
    };
    let expired = authority.leaf("localhost", |p| p.not_after = rcgen::date_time_ymd(2020, 1, 1));
    assert_eq!(judge(&expired).await, down(FailureKind::TlsExpired));
    let future = authority.leaf("localhost", |p| p.not_before = rcgen::date_time_ymd(2090, 1, 1));
    assert_eq!(judge(&future).await, down(FailureKind::TlsNotYetValid));
    assert_eq!(judge(&authority.leaf("other.example", |_| ())).await, down(FailureKind::TlsNameMismatch));
    let stranger = Authority::new();
    let mut untrusted = stranger.leaf("localhost", |_| ());
    assert_eq!(judge(&untrusted).await, down(FailureKind::TlsUntrusted));
    untrusted.der = params("localhost").self_signed(&untrusted.key).expect("a certificate").der().clone();
    assert_eq!(judge(&untrusted).await, down(FailureKind::TlsSelfSigned));
}

#[tokio::test]
async fn what_a_name_mismatch_says() {
    let authority = Authority::new();
    let server = serving(&authority.leaf("other.example", |_| ())).await;
    let check = trusting(&authority, &https(&server));
    let run_it = run(check.clone(), PATIENT).await;
    assert_eq!(run_it.message.as_deref(), Some("the certificate is not for localhost but for other.example"));
    let tls = TlsOptions { server_name: Some("other.example".into()), ..check.tls.clone() };
    assert_eq!(found(&run(HttpCheck { tls, ..check }, PATIENT).await), UP, "asked for by that name");
}

#[tokio::test]
async fn insecure_accepts_and_records() {
    let authority = Authority::new();
    let server = serving(&authority.leaf("other.example", |_| ())).await;
    let tls = TlsOptions { insecure: true, ..TlsOptions::default() };
    let run = run(HttpCheck { tls, ..http_check(&https(&server)) }, PATIENT).await;
    assert_eq!(found(&run), UP);
    assert_eq!(run.evidence.certificate.map(|c| c.names), Some(vec!["other.example".to_owned()]));
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_degraded_and_hides_no_outage() {
    let authority = Authority::new();
    let leaf = authority.leaf("localhost", |p| p.not_after = rcgen::date_time_ymd(2090, 1, 1));
    let server = serving(&leaf).await;
    let mut check = trusting(&authority, &https(&server));
    check.expect.min_days_left = Some(14);
    assert_eq!(found(&run(check.clone(), PATIENT).await), UP);
    check.expect.min_days_left = Some(40_000);
    let run_it = run(check.clone(), PATIENT).await;
    assert_eq!(found(&run_it), (Outcome::Degraded, Some(FailureKind::CertExpiring)));
    assert!(run_it.message.is_some_and(|m| m.ends_with("at 2090-01-01T00:00:00Z")));
    check.expect.total = at_most(None, Some(0));
    assert_eq!(found(&run(check.clone(), PATIENT).await).1, Some(FailureKind::CertExpiring), "slowness may pass");
    check.expect.total = at_most(Some(0), None);
    assert_eq!(found(&run(check.clone(), PATIENT).await), down(FailureKind::Latency), "an outage counts first");
    check.expect.total = at_most(None, None);
    check.expect.body.contains = vec!["not there".into()];
    assert_eq!(found(&run(check, PATIENT).await), down(FailureKind::AssertionFailed));
}

#[tokio::test]
async fn handshakes_that_break() {
    let judge = async |script: Vec<Act>, timeout| {
        let server = Server::with(script).await;
        let tls = TlsOptions { insecure: true, ..TlsOptions::default() };
        let url = format!("https://{}/", server.address);
        found(&run(HttpCheck { tls, ..http_check(&url) }, timeout).await)
    };
    let handshake_failure = vec![0x15, 3, 3, 0, 2, 2, 40];
    let plain = Act::Send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    assert_eq!(judge(vec![Act::ReadSome, plain, Act::Hold], PATIENT).await, down(FailureKind::TlsNotTls));
    let alert = Act::Send(handshake_failure);
    assert_eq!(judge(vec![Act::ReadSome, alert, Act::Hold], PATIENT).await, down(FailureKind::TlsHandshake));
    assert_eq!(judge(vec![Act::ReadSome], PATIENT).await, down(FailureKind::TlsHandshake), "closed");
    assert_eq!(judge(vec![Act::ReadSome, Act::Reset], PATIENT).await, down(FailureKind::ConnectReset));
    assert_eq!(judge(vec![Act::Hold], SHORT).await, down(FailureKind::TlsTimeout));
}

#[tokio::test]
async fn no_version_in_common() {
    let authority = Authority::new();
    let leaf = authority.leaf("localhost", |_| ());
    let server = serving(&leaf).await;
    drop(server);
    // A server that insists on a cipher that we do not offer.
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups.retain(|group| group.name() == rustls::NamedGroup::secp384r1);
    provider.cipher_suites.retain(|suite| suite.version() == &rustls::version::TLS12);
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version");
    let config = config.with_no_client_auth().with_single_cert(vec![leaf.der.clone()], leaf.key()).expect("a server");
    let server = Server::behind_tls(config, vec![Act::Read, answer("200 OK", "")]).await;
    assert_eq!(found(&run(trusting(&authority, &https(&server)), PATIENT).await), UP, "TLS 1.2 is spoken too");
}

#[tokio::test]
async fn client_certificates_are_shown_and_asked_for() {
    let authority = Authority::new();
    let leaf = authority.leaf("localhost", |_| ());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).expect("a root");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots.clone())).build().expect("a verifier");
        let config = ServerConfig::builder_with_protocol_versions(&[version]).with_client_cert_verifier(verifier);
        let config = config.with_single_cert(vec![leaf.der.clone()], leaf.key()).expect("a server");
        let server = Server::behind_tls(config, vec![Act::Read, answer("200 OK", "")]).await;
        let mut check = trusting(&authority, &https(&server));
        assert_eq!(found(&run(check.clone(), PATIENT).await), down(FailureKind::TlsClientCert), "{version:?}");
        let client = authority.leaf("probe", |_| ());
        let (cert, key) = (TempFile::new(&client.pem), TempFile::new(&client.key.serialize_pem()));
        check.tls.client = Some(TlsFiles { cert: cert.0.clone(), key: key.0.clone() });
        assert_eq!(found(&run(check, PATIENT).await), UP, "{version:?}");
    }
}

#[tokio::test]
async fn a_redirect_away_from_tls_is_blocked() {
    let authority = Authority::new();
    let leaf = authority.leaf("localhost", |_| ());
    let script = vec![Act::Read, answer("302 Found\r\nlocation: http://localhost/x?token=1", "")];
    let server = Server::behind_tls(leaf.server(), script).await;
    let run = run(trusting(&authority, &https(&server)), PATIENT).await;
    assert_eq!(found(&run), down(FailureKind::RedirectBlocked));
    assert!(run.message.is_some_and(|m| m.contains("http://localhost/x, which is not protected by TLS")));
}

#[tokio::test]
async fn files_that_cannot_be_read_are_our_fault() {
    let server = Server::with(vec![Act::Hold]).await;
    let tls = TlsOptions { ca: Some("/nowhere/ca.pem".into()), ..TlsOptions::default() };
    let check = HttpCheck { tls, ..http_check(&format!("https://{}/", server.address)) };
    let run = run(check, PATIENT).await;
    assert_eq!(found(&run), (Outcome::Inconclusive, Some(FailureKind::SelfResources)));
    assert!(run.message.is_some_and(|m| m.starts_with("tls.ca /nowhere/ca.pem cannot be read")));
}

#[test]
fn addresses_in_certificates_are_names() {
    let key = KeyPair::generate().expect("a key");
    let mut params = params("a.example");
    params.subject_alt_names.push(rcgen::SanType::IpAddress(IpAddr::from([127, 0, 0, 1])));
    let cert = params.self_signed(&key).expect("a certificate");
    let facts = super::super::certificate::FactsCache::default().facts(cert.der()).expect("facts");
    assert_eq!(facts.names, ["a.example", "127.0.0.1"]);
}
