//! A small but real mail server: takes mails in memory, or behaves as badly as it is told to.
//!
//! Speaks RFC 5321 as far as a submission client needs it: EHLO, HELO, AUTH PLAIN, MAIL, RCPT, DATA, RSET,
//! NOOP, QUIT. Owns nothing but its inbox. May import: `clock`. Never: delivers a mail onward.

mod mime;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

pub use mime::Mail;

/// The largest mail, bytes; offered as SIZE.
const MAIL_MAX: usize = 1 << 20;

/// The longest line that is read at once, bytes. RFC 5321 allows 1,000.
const LINE_MAX: u64 = 4_096;

/// So many mails are kept; the oldest one goes when another comes.
const MAILS_KEPT: usize = 1_000;

/// A client that says nothing for this long is hung up on (RFC 5321 asks for 5 minutes).
const IDLE: Duration = Duration::from_secs(300);

/// How the server treats mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Takes them.
    Accept,
    /// Answers every recipient with this 4yz code.
    TempFail(u16),
    /// Answers every recipient with 550.
    Reject,
    /// Takes the connection and never answers a MAIL.
    Hang,
}

/// The inbox and its server; cheap to clone.
#[derive(Clone, Debug)]
pub struct SmtpInbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mails: Mutex<VecDeque<Mail>>,
    mode: Mutex<Mode>,
    login: Mutex<Option<(String, String)>>,
    received: watch::Sender<u64>,
    clock: Clock,
    stop: CancellationToken,
}

/// What a command leads to.
enum Next {
    Reply(String),
    Data,
    Silence,
    Goodbye,
}

/// A mail transaction under way.
#[derive(Default)]
struct Transaction {
    signed_in: bool,
    from: Option<String>,
    to: Vec<String>,
}

impl SmtpInbox {
    /// Serves every connection of the listener until the stop.
    pub fn start(listener: TcpListener, stop: CancellationToken) -> Self {
        let inbox = Self::closed(stop.clone());
        let server = inbox.clone();
        tokio::spawn(async move {
            while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
                match accepted {
                    Ok((stream, _)) => {
                        let server = server.clone();
                        tokio::spawn(async move { server.serve(stream, true).await });
                    }
                    // Out of descriptors, most likely: a moment later there may be one.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        inbox
    }

    /// An inbox without a listener, for streams that somebody else accepts.
    pub fn closed(stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            mails: Mutex::default(),
            mode: Mutex::new(Mode::Accept),
            login: Mutex::default(),
            received: watch::Sender::new(0),
            clock: Clock::system(),
            stop,
        }))
    }

    /// The mails that were taken, oldest first.
    pub fn messages(&self) -> Vec<Mail> {
        lock(&self.0.mails).iter().cloned().collect()
    }

    /// Counts the mails that were ever taken; changes with each.
    pub fn received(&self) -> watch::Receiver<u64> {
        self.0.received.subscribe()
    }

    /// From now on, mails are treated like this.
    pub fn set_mode(&self, mode: Mode) {
        *lock(&self.0.mode) = mode;
    }

    /// From now on, only who signs in with this name and password may send.
    pub fn require_login(&self, name: &str, password: &str) {
        *lock(&self.0.login) = Some((name.into(), password.into()));
    }

    /// One conversation over a stream of any kind. Without a greeting, it goes on after STARTTLS. An error of
    /// the stream ends it; the client knows best what that means.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, greet: bool) {
        let talk = async {
            // A client that goes away in the middle is no event for a mail server.
            self.talk(BufReader::new(stream), greet).await.is_ok()
        };
        self.0.stop.run_until_cancelled(talk).await;
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: BufReader<S>, greet: bool) -> io::Result<()> {
        let mut open = Transaction::default();
        if greet {
            reply(&mut stream, "220 inbox.example ESMTP watchbell demo").await?;
        }
        loop {
            let line = tokio::time::timeout(IDLE, piece(&mut stream)).await??;
            let Some(line) = line else { return Ok(()) };
            match self.command(line.trim_end(), &mut open) {
                Next::Reply(text) => reply(&mut stream, &text).await?,
                Next::Data => {
                    reply(&mut stream, "354 end with a dot on a line of its own").await?;
                    let answer = self.take(&mut stream, &mut open).await?;
                    reply(&mut stream, answer).await?;
                }
                Next::Silence => std::future::pending().await,
                Next::Goodbye => return reply(&mut stream, "221 goodbye").await,
            }
        }
    }

    fn command(&self, line: &str, open: &mut Transaction) -> Next {
        let mode = *lock(&self.0.mode);
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => {
                let auth = if lock(&self.0.login).is_some() { "250-AUTH PLAIN\r\n" } else { "" };
                format!("250-inbox.example\r\n{auth}250-SIZE {MAIL_MAX}\r\n250-SMTPUTF8\r\n250 8BITMIME")
            }
            "HELO" => "250 inbox.example".into(),
            "NOOP" => "250 ok".into(),
            "RSET" => {
                *open = Transaction { signed_in: open.signed_in, ..Transaction::default() };
                "250 ok".into()
            }
            "QUIT" => return Next::Goodbye,
            "AUTH" => {
                open.signed_in = self.knows(line);
                if open.signed_in { "235 welcome".into() } else { "535 wrong name or password".into() }
            }
            "MAIL" if mode == Mode::Hang => return Next::Silence,
            "MAIL" if !open.signed_in && lock(&self.0.login).is_some() => "530 sign in first".into(),
            "MAIL" => {
                open.from = Some(path(line));
                open.to.clear();
                "250 ok".into()
            }
            "RCPT" => self.recipient(line, mode, open),
            "DATA" if open.to.is_empty() => "503 no recipient".into(),
            "DATA" => return Next::Data,
            _ => "500 no such command".into(),
        };
        Next::Reply(answer)
    }

    fn recipient(&self, line: &str, mode: Mode, open: &mut Transaction) -> String {
        match (mode, &open.from) {
            (_, None) => "503 MAIL comes first".into(),
            (Mode::TempFail(code), Some(_)) => format!("{code} try again later"),
            (Mode::Reject, Some(_)) => format!("550 no mailbox {} here", path(line)),
            (Mode::Accept | Mode::Hang, Some(_)) => {
                open.to.push(path(line));
                "250 ok".into()
            }
        }
    }

    /// `AUTH PLAIN` with an initial response (RFC 4616): nothing, name and password, parted by NUL.
    fn knows(&self, line: &str) -> bool {
        let initial = line.split(' ').nth(2).unwrap_or_default();
        let given = base64::engine::general_purpose::STANDARD.decode(initial).unwrap_or_default();
        let login = lock(&self.0.login);
        login.as_ref().is_some_and(|(name, password)| given == format!("\0{name}\0{password}").into_bytes())
    }

    /// Reads a mail up to its dot, undoes dot-stuffing, and keeps it unless it is too large.
    async fn take<S: AsyncRead + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        open: &mut Transaction,
    ) -> io::Result<&'static str> {
        let (mut mail, mut line_start, mut too_large) = (String::new(), true, false);
        loop {
            let text = tokio::time::timeout(IDLE, piece(stream)).await??;
            let text = text.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line_start && text.trim_end() == "." {
                break;
            }
            let unstuffed = if line_start { text.strip_prefix('.').unwrap_or(&text) } else { &text };
            too_large |= mail.len() + unstuffed.len() > MAIL_MAX;
            if !too_large {
                mail.push_str(unstuffed);
            }
            line_start = text.ends_with('\n');
        }
        let (from, to) = (open.from.take().unwrap_or_default(), std::mem::take(&mut open.to));
        if too_large {
            return Ok("552 too large");
        }
        self.keep(Mail::read(from, to, &mail, self.0.clock.now()));
        Ok("250 kept")
    }

    fn keep(&self, mail: Mail) {
        let mut mails = lock(&self.0.mails);
        if mails.len() == MAILS_KEPT {
            mails.pop_front();
        }
        mails.push_back(mail);
        drop(mails);
        self.0.received.send_modify(|count| *count += 1);
    }
}

/// What stands between the angle brackets.
fn path(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(path, _)| path.into()).unwrap_or_default()
}

/// A line, or the first part of one that is too long; `None` at the end of the stream.
async fn piece<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    stream.take(LINE_MAX).read_until(b'\n', &mut bytes).await?;
    Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

async fn reply<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) -> io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
