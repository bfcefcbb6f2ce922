//! Runs an HTTP/1.1 probe over our own connector, each phase timed apart. Everything that can be made
//! once is made once; a run builds one request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use watchbell_config::{HttpCheck, IpChoice};
use watchbell_engine::ids::ProbeId;
use watchbell_engine::observation::Certificate;
use watchbell_engine::word::FailureKind;

use super::assert::{Expectation, Head};
use super::certificate::FactsCache;
use super::connect::connect;
use super::fault::{Fault, find};
use super::mask::{HARMLESS, Mask};
use super::redirect::{self, Hop};
use super::run::Tools;
use super::target::Target;
use super::trace::{Stage, Trace};
use super::{body, tls};

/// A kept connection is renewed after so many runs, so that DNS and certificate are looked at again.
const RUNS_PER_CONNECTION: u32 = 100;

/// An HTTP probe, ready to run.
pub(super) struct HttpRunner {
    tools: Arc<Tools>,
    first: Hop,
    /// For the server that the probe names.
    headers: HeaderMap,
    /// For servers that redirects lead to: nothing that may be secret.
    foreign_headers: HeaderMap,
    body: Bytes,
    redirects: u32,
    ip: IpChoice,
    reuse: bool,
    server_name: Option<String>,
    tls: Result<Arc<ClientConfig>, String>,
    expectation: Expectation,
    mask: Mask,
    request_line: String,
    facts: FactsCache,
    kept: Mutex<Option<Connection>>,
}

/// An open connection.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    remote: SocketAddr,
    certificate: Option<Certificate>,
    /// How many runs it has served.
    runs: u32,
    _driver: Driver,
}

/// The task that moves a connection's bytes; ends with its owner.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl HttpRunner {
    /// Prepares a probe; `Err` says why it can never run.
    pub(super) fn new(probe: &ProbeId, check: &HttpCheck, tools: Arc<Tools>) -> Result<Self, String> {
        let target = Target::of(&check.url)?;
        let agent = concat!("watchbell/", env!("CARGO_PKG_VERSION"), " probe/");
        let agent = HeaderValue::try_from(format!("{agent}{probe}")).map_err(|_| format!("`{probe}` in a header"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &check.headers {
            let value =
                HeaderValue::try_from(value.reveal()).map_err(|_| format!("header {name} holds a line break"))?;
            headers.append(name, value);
        }
        if let Some(value) = &check.authorization {
            let value = HeaderValue::try_from(value.reveal()).map_err(|_| "auth holds a line break".to_owned())?;
            headers.insert(header::AUTHORIZATION, value);
        }
        let ours: [(HeaderName, HeaderValue); 3] = [
            (header::USER_AGENT, agent),
            (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
            (header::CONNECTION, HeaderValue::from_static(if check.reuse { "keep-alive" } else { "close" })),
        ];
        headers.extend(ours);
        let harmless =
            |name: &HeaderName| *name != header::HOST && (HARMLESS.contains(name) || *name == header::CONNECTION);
        let foreign_headers = headers.iter().filter(|(name, _)| harmless(name));
        let foreign_headers = foreign_headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Self {
            tls: tools.tls.get(&check.tls),
            tools,
            request_line: format!("{} {}", check.method, target.shown),
            first: Hop { target, method: check.method.clone(), send_body: check.body.is_some(), trusted: true },
            headers,
            foreign_headers,
            body: check.body.as_ref().map_or_else(Bytes::new, |b| Bytes::copy_from_slice(b.reveal().as_bytes())),
            redirects: check.redirects,
            ip: check.ip,
            reuse: check.reuse,
            server_name: check.tls.server_name.clone(),
            expectation: Expectation::new(check.expect.clone()),
            mask: Mask::of(check),
            facts: FactsCache::default(),
            kept: Mutex::default(),
        })
    }

    pub(super) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The host that DNS is asked for first.
    pub(super) fn host(&self) -> &str {
        &self.first.target.host
    }

    /// Runs once. The caller bounds the time; `trace` tells how far it came.
    pub(super) async fn run(&self, fresh: bool, at: Timestamp, trace: &mut Trace) -> Result<(), Fault> {
        trace.evidence.request = Some(self.request_line.clone());
        let (head, incoming, connection) = self.follow(fresh, trace).await?;
        trace.enter(Stage::Body);
        let encoding = head.headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok());
        let encoding = encoding.map(|e| e.trim().to_ascii_lowercase());
        let (bounds, needed) = (self.expectation.bounds(), self.expectation.needs_body());
        body::read(incoming, encoding.as_deref(), bounds, needed, &mut trace.body).await?;
        trace.finish();
        self.keep(connection, &head);
        self.judge(&head, at, trace)
    }

    fn judge(&self, head: &Head, at: Timestamp, trace: &mut Trace) -> Result<(), Fault> {
        let out = &mut trace.assertions;
        self.expectation.head(head, &self.mask, out)?;
        self.expectation.body(head, &trace.body, &self.mask, out)?;
        let times = self.expectation.times(&trace.phases, out);
        let days_left = self.expectation.days_left(trace.evidence.certificate.as_ref(), at, out);
        match times {
            Err(slow) if slow.outcome == watchbell_engine::word::Outcome::Down => Err(slow),
            // A certificate that ends does not pass by itself; slowness may, and would hide it.
            times => days_left.and(times),
        }
    }

    /// Asks, and goes where redirects lead.
    async fn follow(&self, fresh: bool, trace: &mut Trace) -> Result<(Head, Incoming, Connection), Fault> {
        let mut hops = Vec::new();
        let mut redirected: Option<Hop> = None;
        loop {
            let hop = redirected.as_ref().unwrap_or(&self.first);
            let (response, connection) = self.exchange(hop, fresh || !hops.is_empty(), trace).await?;
            let (parts, incoming) = response.into_parts();
            trace.evidence.status = Some(parts.status.as_u16());
            let head = Head { status: parts.status.as_u16(), headers: parts.headers };
            trace.evidence.headers = self.mask.headers(&head.headers);
            if self.expectation.wants(head.status) || !parts.status.is_redirection() {
                return Ok((head, incoming, connection));
            }
            if !head.headers.contains_key(header::LOCATION) || self.redirects == 0 {
                return Ok((head, incoming, connection)); // judged as it is
            }
            hops.push(hop.target.shown.clone());
            trace.evidence.redirects.clone_from(&hops);
            match redirect::next(hop, parts.status, &head.headers, &hops, self.redirects)? {
                Some(next) => redirected = Some(next),
                None => return Ok((head, incoming, connection)),
            }
        }
    }

    /// One request and the head of its answer, over a kept connection where that is allowed.
    async fn exchange(
        &self,
        hop: &Hop,
        fresh: bool,
        trace: &mut Trace,
    ) -> Result<(Response<Incoming>, Connection), Fault> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut kept) = kept.filter(|_| !fresh)
            && kept.sender.ready().await.is_ok()
        {
            trace.enter(Stage::Head);
            match kept.sender.send_request(self.request(hop)).await {
                Ok(response) => {
                    trace.evidence.remote = Some(kept.remote.to_string());
                    trace.saw_certificate(kept.certificate.clone());
                    return Ok((response, kept));
                }
                Err(error) if is_keepalive_race(&error) => self.tools.keepalive_races.inc(),
                Err(error) => return Err(self.no_answer(&error, hop)),
            }
        }
        let mut connection = self.open(hop, trace).await?;
        trace.enter(Stage::Head);
        match connection.sender.send_request(self.request(hop)).await {
            Ok(response) => Ok((response, connection)),
            Err(error) => Err(self.no_answer(&error, hop)),
        }
    }

    fn request(&self, hop: &Hop) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(if hop.send_body { self.body.clone() } else { Bytes::new() }));
        *request.method_mut() = hop.method.clone();
        *request.uri_mut() = hop.target.path.clone();
        let headers = request.headers_mut();
        headers.clone_from(if hop.trusted { &self.headers } else { &self.foreign_headers });
        if !hop.send_body {
            headers.remove(header::CONTENT_TYPE);
        }
        if !headers.contains_key(header::HOST) {
            headers.insert(header::HOST, hop.target.authority.clone());
        }
        request
    }

    /// A new connection: resolve, connect, shake hands.
    async fn open(&self, hop: &Hop, trace: &mut Trace) -> Result<Connection, Fault> {
        let target = &hop.target;
        trace.enter(Stage::Dns);
        let addresses = self.tools.dns.resolve(&target.host, self.ip).await?;
        trace.enter(Stage::Connect);
        trace.evidence.addresses = addresses.iter().map(ToString::to_string).collect();
        let (stream, remote) = connect(&target.host, &addresses, target.port).await?;
        trace.evidence.remote = Some(remote.to_string());
        if !target.https {
            return self.serve(stream, remote, None).await;
        }
        trace.enter(Stage::Tls);
        let config = self.tls.clone().map_err(|why| Fault::down(FailureKind::SelfResources, why))?;
        // Another name than the host's is meant for the server that the probe names, not for others.
        let instead = self.server_name.as_deref().filter(|_| hop.trusted);
        let name = target.server_name(instead)?;
        let (done, leaf) = tls::handshake(config, name, stream).await;
        let certificate = leaf.as_ref().and_then(|der| self.facts.facts(der));
        trace.saw_certificate(certificate.clone());
        let stream = done.map_err(|e| {
            let names = certificate.as_ref().map_or(&[][..], |c| &c.names);
            tls::explain(&e, instead.unwrap_or(&target.host), leaf.as_ref().map(CertificateDer::as_ref), names)
        })?;
        self.serve(stream, remote, certificate).await
    }

    async fn serve<S>(&self, io: S, remote: SocketAddr, certificate: Option<Certificate>) -> Result<Connection, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(io))
            .await
            .map_err(|e| Fault::down(FailureKind::HttpProtocol, format!("no HTTP with {remote}: {e}")))?;
        // Its errors reach us through the request that they spoil.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { sender, remote, certificate, runs: 0, _driver: Driver(task.abort_handle()) })
    }

    /// Why a request got no head.
    fn no_answer(&self, error: &hyper::Error, hop: &Hop) -> Fault {
        let name = &hop.target.host;
        if let Some(io) = find::<std::io::Error>(error) {
            if find::<rustls::Error>(io).is_some() {
                return tls::explain(io, name, None, &[]);
            }
            let message = format!("{name} reset the connection before it answered");
            return Fault::own_resources(io).unwrap_or_else(|| Fault::down(FailureKind::ConnectReset, message));
        }
        if error.is_incomplete_message() {
            let message = format!("{name} closed the connection before a whole answer");
            return Fault::down(FailureKind::HttpProtocol, message);
        }
        Fault::down(FailureKind::HttpProtocol, format!("{name} does not answer as HTTP has it: {error}"))
    }

    /// Keeps a connection for the next run, where both sides want that.
    fn keep(&self, mut connection: Connection, head: &Head) {
        let closing =
            head.headers.get_all(header::CONNECTION).iter().any(|v| {
                v.to_str().is_ok_and(|v| v.split(',').any(|token| token.trim().eq_ignore_ascii_case("close")))
            });
        connection.runs += 1;
        if self.reuse && !closing && connection.runs < RUNS_PER_CONNECTION {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        }
    }
}

/// Whether a request failed because the server had closed the idle connection: nothing came back.
fn is_keepalive_race(error: &hyper::Error) -> bool {
    let reset = find::<std::io::Error>(error).is_some_and(|io| find::<rustls::Error>(io).is_none());
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || reset
}
