//! A server that does what it is told, byte by byte.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// One thing that the server does on a connection.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Reads until a request's head and body are there, and notes them.
    Read,
    /// Reads whatever comes first.
    ReadSome,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes until nobody takes them.
    SendForever(Vec<u8>),
    /// Does nothing for so long.
    Pause(Duration),
    /// Keeps the connection open until the peer goes.
    Hold,
    /// Ends it with a reset.
    Reset,
}

/// `HTTP/1.1 <status line and headers>`, blank line, body.
pub(super) fn answer(head: &str, body: &str) -> Act {
    Act::Send(format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

pub(super) fn raw(bytes: &str) -> Act {
    Act::Send(bytes.as_bytes().to_vec())
}

/// A running server; ends when dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
    task: AbortHandle,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    requests: Mutex<Vec<(usize, String)>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Plays the n-th script on the n-th connection, and the last one on all further ones.
    pub(super) async fn playing(scripts: Vec<Vec<Act>>) -> Self {
        Self::start(scripts, None).await
    }

    /// The same on every connection.
    pub(super) async fn with(script: Vec<Act>) -> Self {
        Self::playing(vec![script]).await
    }

    /// The same behind TLS.
    pub(super) async fn behind_tls(config: rustls::ServerConfig, script: Vec<Act>) -> Self {
        Self::start(vec![script], Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(scripts: Vec<Vec<Act>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Seen::default());
        let notes = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let n = notes.connections.fetch_add(1, Ordering::SeqCst);
                let script = scripts[n.min(scripts.len() - 1)].clone();
                tokio::spawn(serve(stream, script, tls.clone(), n, Arc::clone(&notes)));
            }
        });
        Self { address, seen, task: task.abort_handle() }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The most connections that were open at once.
    pub(super) fn most_open(&self) -> usize {
        self.seen.most_open.load(Ordering::SeqCst)
    }

    /// The number of the connection and the text of every request, in order.
    pub(super) fn requests(&self) -> Vec<(usize, String)> {
        self.seen.requests.lock().expect("not poisoned").clone()
    }
}

async fn serve(stream: TcpStream, script: Vec<Act>, tls: Option<TlsAcceptor>, n: usize, seen: Arc<Seen>) {
    let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most_open.fetch_max(open, Ordering::SeqCst);
    match tls {
        None => {
            let resets = script.iter().any(|act| matches!(act, Act::Reset));
            if resets {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
            }
            play(stream, script, n, &seen).await;
        }
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                play(stream, script, n, &seen).await;
            }
        }
    }
    seen.open.fetch_sub(1, Ordering::SeqCst);
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: Vec<Act>, n: usize, seen: &Seen) {
    let mut buffer = vec![0; 64 * 1024];
    for act in script {
        match act {
            Act::Read => {
                let Some(request) = read_request(&mut stream).await else { return };
                seen.requests.lock().expect("not poisoned").push((n, request));
            }
            Act::ReadSome => drop(stream.read(&mut buffer).await),
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::SendForever(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Act::Pause(pause) => tokio::time::sleep(pause).await,
            Act::Hold => while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {},
            Act::Reset => return,
        }
    }
    let _gone = stream.shutdown().await;
}

/// A head and as much body as it announces; `None` when the peer goes first.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.and_then(|l| l.trim().parse().ok()).unwrap_or(0) {
                return Some(String::from_utf8_lossy(&request).into_owned());
            }
        }
        request.push(stream.read_u8().await.ok()?);
    }
}
