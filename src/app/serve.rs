//! Listening: plain or with TLS, graceful at the end.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use watchbell_config::TlsFiles;

/// A client has this long for its TLS handshake, and for the head of a request.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Requests that run when the end comes have this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// The pause after a failed accept: out of descriptors is nothing to spin on.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why we cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address.
    #[error("cannot listen on {address} ({why}); {hint}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// The certificate or its key.
    #[error("{} cannot be used as TLS {what} ({why})", path.display())]
    Tls {
        /// Which file.
        path: PathBuf,
        /// `certificate` or `key`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Takes an address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|e| {
        let hint = match e.kind() {
            io::ErrorKind::AddrInUse => "another program has this port: stop it, or change `server.listen`",
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege: use a higher one",
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address: correct `server.listen`",
            _ => "correct `server.listen`",
        };
        ServeError::Bind { address, why: e.to_string(), hint }
    })
}

pub(super) fn address_of(listener: &TcpListener) -> Result<SocketAddr, ServeError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|e| ServeError::Bind { address: unknown, why: e.to_string(), hint: "start again" })
}

/// What answers TLS handshakes with these files.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let broken = |path: &PathBuf, what, why: String| ServeError::Tls { path: path.clone(), what, why };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|e| broken(&files.cert, "certificate", e.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| broken(&files.key, "key", e.to_string()))?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| broken(&files.cert, "certificate", e.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until `stop`; requests that run then may end.
pub(super) async fn serve(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_WITHIN);
    server.http2().timer(TokioTimer::new());
    loop {
        let stream = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (service, watcher) = (TowerToHyperService::new(router.clone()), graceful.watcher());
        let (server, tls) = (server.clone(), tls.clone());
        tokio::spawn(async move {
            let ended = match tls {
                None => watcher.watch(server.serve_connection(TokioIo::new(stream), service).into_owned()).await,
                Some(tls) => {
                    let Some(stream) = handshake(&tls, stream).await else { return };
                    watcher.watch(server.serve_connection(TokioIo::new(stream), service).into_owned()).await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error, "a connection ended early");
            }
        });
    }
    if tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::debug!("some connections were still open at the end");
    }
}

async fn handshake(tls: &TlsAcceptor, stream: TcpStream) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    match tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}
