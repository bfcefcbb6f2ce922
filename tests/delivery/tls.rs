//! TLS around the demo's mail server, with a certificate of its own.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use watchbell::demo::smtp::SmtpInbox;

/// From when on the connection is protected.
#[derive(Clone, Copy)]
pub(super) enum Protected {
    FromFirstByte,
    AfterStarttls,
}

/// A mail server behind TLS.
pub(super) struct TlsFront {
    pub(super) inbox: SmtpInbox,
    pub(super) port: u16,
    pub(super) root_pem: Vec<u8>,
}

impl TlsFront {
    pub(super) async fn start(protected: Protected) -> Self {
        // A second call in the same process finds the first one's provider, which is the same.
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap_or_default();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("a key that fits");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let inbox = SmtpInbox::closed(CancellationToken::new());
        let server = inbox.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), server.clone(), protected));
            }
        });
        Self { inbox, port, root_pem: made.cert.pem().into_bytes() }
    }
}

/// A client that does not trust us goes away in the handshake; the test sees that from its side.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor, inbox: SmtpInbox, protected: Protected) -> io::Result<()> {
    match protected {
        Protected::FromFirstByte => inbox.serve(acceptor.accept(stream).await?, true).await,
        Protected::AfterStarttls => {
            let stream = until_starttls(stream).await?;
            inbox.serve(acceptor.accept(stream).await?, false).await;
        }
    }
    Ok(())
}

async fn until_starttls(stream: TcpStream) -> io::Result<TcpStream> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 front.example ESMTP\r\n").await?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let answer: &[u8] = match line.split_whitespace().next() {
            Some("EHLO") => b"250-front.example\r\n250 STARTTLS\r\n",
            Some("STARTTLS") => {
                stream.write_all(b"220 go ahead\r\n").await?;
                return Ok(stream.into_inner());
            }
            Some(_) => b"530 STARTTLS first\r\n",
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        stream.write_all(answer).await?;
    }
}
