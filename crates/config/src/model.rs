//! What a configuration directory says, checked and complete.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;
use watchbell_engine::catalog::Catalog;
use watchbell_engine::detect::DetectRule;
use watchbell_engine::ids::{CalendarId, ChannelId, PersonId, ProbeId};
use watchbell_engine::label::Labels;
use watchbell_engine::time::Millis;
use watchbell_engine::word::Severity;

/// A text that is never printed: not by `Debug`, not by `Display`, not by serde.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself; for the one place that must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A calendar that comes from a web address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarFeed {
    /// Where it is fetched; many such addresses hold a key.
    pub url: Secret,
    /// Where the last good copy is kept.
    pub copy: PathBuf,
}

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory it was read from.
    pub dir: PathBuf,
    /// What decisions need.
    pub catalog: Arc<Catalog>,
    /// Where the server listens.
    pub server: Server,
    /// Where facts are kept.
    pub store: StoreUrl,
    /// How each channel sends. The same keys as `catalog.channels`.
    pub channels: BTreeMap<ChannelId, ChannelSpec>,
    /// The address of each person on each channel. The same keys as `Person::channels`.
    pub contacts: BTreeMap<PersonId, BTreeMap<ChannelId, Secret>>,
    /// How each probe is run. The same keys as `catalog.probes`.
    pub probes: BTreeMap<ProbeId, ProbeSpec>,
    /// The outside dead-man's service.
    pub watchdog: Option<Watchdog>,
    /// The systems that tell us of alerts.
    pub integrations: Integrations,
    /// How often watchbell tries itself out; `None` where that is switched off.
    pub canary: Option<Canary>,
    /// Calendars that are fetched.
    pub calendar_feeds: BTreeMap<CalendarId, CalendarFeed>,
    /// What was not written and was filled in, one sentence each, in the order of the parts.
    pub filled_in: Vec<String>,
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// UI, API, metrics.
    pub listen: SocketAddr,
    /// The base of links in pages, without a slash at its end.
    pub public_url: String,
    /// Only `/a/*`, `/ical/*`, `/status*`, `/ping/*`, provider callbacks and `/healthz`.
    pub edge: Option<SocketAddr>,
    /// For `edge`, and for `listen` when it is not loopback.
    pub tls: Option<TlsFiles>,
}

/// A certificate chain and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where facts are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A file; relative ones are resolved against the configuration directory.
    Sqlite(PathBuf),
    /// A server, with its password.
    Postgres(Secret),
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://(secret)"),
        }
    }
}

/// An outside dead-man's service.
#[derive(Clone, Debug)]
pub struct Watchdog {
    /// Asked with GET.
    pub ping: Secret,
    /// How often.
    pub every: Millis,
}

/// The systems that tell us of alerts.
#[derive(Clone, Debug, Default)]
pub struct Integrations {
    /// Prometheus, or whatever else speaks Alertmanager's API.
    pub alertmanager: AlertSource,
    /// Alertmanagers whose webhooks reach us, by the last part of their address; `default` is the one without.
    pub webhooks: BTreeMap<String, AlertSource>,
    /// Who may send PagerDuty events.
    pub pagerduty: Vec<PagerdutyKey>,
}

/// What is to be known of a sender of Prometheus alerts.
#[derive(Clone, Debug)]
pub struct AlertSource {
    /// Of alerts without a `severity` that we know.
    pub severity: Severity,
    /// An alert that is not said again for so long is over.
    pub resolve_after: Option<Millis>,
    /// Added to every alert, where it has none of that name.
    pub labels: Labels,
    /// Alerts that always fire, by their names, and the heartbeat that each keeps beating.
    pub heartbeats: BTreeMap<String, ProbeId>,
}

impl Default for AlertSource {
    fn default() -> Self {
        let (labels, heartbeats) = (Labels::new(), BTreeMap::new());
        Self { severity: Severity::Error, resolve_after: None, labels, heartbeats }
    }
}

/// Who may send PagerDuty events.
#[derive(Clone, Debug)]
pub struct PagerdutyKey {
    /// Part of the key of every alert; named as its source.
    pub id: String,
    /// The `routing_key` of the events, 32 characters; empty where it is not set on this machine.
    pub key: Secret,
    /// Instead of what the events say.
    pub severity: Option<Severity>,
    /// Added to every alert, where it has none of that name.
    pub labels: Labels,
}

/// Watchbell tries itself out: a target of its own breaks, and a page must come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Time between rounds.
    pub every: Millis,
    /// Without a page that came back for so long, `self:canary` is raised.
    pub alarm_after: Millis,
}

/// On, where nothing is written: two minutes are four rounds, so that one that got lost wakes nobody.
impl Default for Canary {
    fn default() -> Self {
        Self { every: Millis::secs(30), alarm_after: Millis::secs(120) }
    }
}

/// How a channel sends.
#[derive(Clone, Debug)]
pub enum ChannelSpec {
    /// Mail.
    Smtp(SmtpSpec),
    /// Standard Webhooks; the contact is the address to POST to.
    Webhook(WebhookSpec),
    /// A DingTalk group robot; the contact is the mobile number to mention.
    Dingtalk(DingtalkSpec),
}

/// A mail submission server.
#[derive(Clone, Debug)]
pub struct SmtpSpec {
    /// Host name or address.
    pub host: String,
    /// Default 587 for starttls, 465 for implicit, 25 for none.
    pub port: u16,
    /// How the connection is protected. `none` is accepted for loopback hosts only.
    pub tls: SmtpTls,
    /// `watchbell <oncall@example.com>`.
    pub from: String,
    /// Name for AUTH.
    pub username: Option<String>,
    /// Password for AUTH.
    pub password: Option<Secret>,
}

/// How a mail connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Upgraded; refused when the server does not offer it.
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// An outgoing webhook.
#[derive(Clone, Debug)]
pub struct WebhookSpec {
    /// `whsec_…`; unsigned where `None`.
    pub secret: Option<Secret>,
}

/// A DingTalk group robot.
#[derive(Clone, Debug)]
pub struct DingtalkSpec {
    /// `https://oapi.dingtalk.com/robot/send?access_token=…`
    pub url: Secret,
    /// `SEC…`
    pub secret: Option<Secret>,
}

/// How a probe is run.
#[derive(Clone, Debug)]
pub struct ProbeSpec {
    /// Its id.
    pub id: ProbeId,
    /// Time between starts; not used by heartbeats.
    pub every: Millis,
    /// From resolve to last byte; less than `every`.
    pub timeout: Millis,
    /// What is checked.
    pub check: Check,
    /// How runs become a verdict.
    pub detect: DetectRule,
    /// The ceiling of `detect_within` that was asked or defaulted.
    pub detect_within: Option<Millis>,
    /// A ceiling on runs a day, confirmations included.
    pub runs_per_day: Option<u64>,
    /// Worst case from fault to the first page handed over; `None` for heartbeats.
    pub worst_case: Option<Millis>,
}

/// What a probe checks.
#[derive(Clone, Debug)]
pub enum Check {
    /// An HTTP request.
    Http(Box<HttpCheck>),
    /// A TCP connection.
    Tcp(TcpCheck),
    /// Beats that a job sends to `/ping/{token}`; the rule is in `ProbeInfo::heartbeat`.
    Heartbeat {
        /// The last part of the address.
        token: Secret,
    },
}

/// A TCP connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpCheck {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Upper bounds on the time to connect.
    pub total: LatencyLevels,
}

/// Which address family to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpChoice {
    /// Whichever the name has, IPv6 first, the other one after 250 ms (RFC 8305).
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

/// An HTTP request and what is expected of the answer.
#[derive(Clone, Debug)]
pub struct HttpCheck {
    /// Absolute, http or https, without user info.
    pub url: http::Uri,
    /// Default GET; POST where there is a body.
    pub method: http::Method,
    /// In the order of the YAML; values may be secret.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// The bytes to send.
    pub body: Option<Secret>,
    /// Basic or bearer, as the value of `authorization`; not sent on to another host.
    pub authorization: Option<Secret>,
    /// TLS settings.
    pub tls: TlsOptions,
    /// How many redirects are followed; default 5.
    pub redirects: u32,
    /// Which address family to use.
    pub ip: IpChoice,
    /// Keep the connection between runs.
    pub reuse: bool,
    /// What is expected.
    pub expect: Expect,
}

/// TLS settings of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Own roots, PEM, instead of the platform's.
    pub ca: Option<PathBuf>,
    /// A client certificate and its key.
    pub client: Option<TlsFiles>,
    /// The name to ask for and to verify, instead of the host.
    pub server_name: Option<String>,
    /// Do not verify; facts of the certificate are recorded all the same.
    pub insecure: bool,
}

/// What is expected of an answer.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// Which status.
    pub status: StatusSet,
    /// Bounds on the whole run.
    pub total: LatencyLevels,
    /// Bounds on the time to the first byte.
    pub ttfb: LatencyLevels,
    /// Bounds on headers, by name.
    pub headers: Vec<(http::HeaderName, HeaderRule)>,
    /// Bounds on the body.
    pub body: BodyRule,
    /// Assertions on the JSON of the body.
    pub json: Vec<JsonRule>,
    /// Least days until the certificate ends, for `cert_expiring`; default 14 for https.
    pub min_days_left: Option<u32>,
}

/// Which status is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet(pub Vec<(u16, u16)>);

/// 2xx.
impl Default for StatusSet {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl StatusSet {
    /// Whether the status is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&status))
    }
}

/// As a person would write it: `200`, `2xx`, `200, 204`.
impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (from, to)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match (from, to) {
                (from, to) if from == to => write!(f, "{comma}{from}")?,
                (from, to) if from % 100 == 0 && *to == from + 99 => write!(f, "{comma}{}xx", from / 100)?,
                (from, to) => write!(f, "{comma}{from}-{to}")?,
            }
        }
        Ok(())
    }
}

/// Upper bounds on a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyLevels {
    /// Slower than this is degraded.
    pub degraded: Option<Millis>,
    /// Slower than this is down, if all confirming runs are.
    pub down: Option<Millis>,
}

/// What is expected of one header.
#[derive(Clone, Debug)]
pub enum HeaderRule {
    /// It is there (true) or not (false).
    Exists(bool),
    /// It is exactly this.
    Is(String),
    /// It holds this.
    Contains(String),
    /// It matches.
    Matches(Regex),
}

/// What is expected of the body.
#[derive(Clone, Debug, Default)]
pub struct BodyRule {
    /// It holds each of these.
    pub contains: Vec<String>,
    /// It matches.
    pub matches: Option<Regex>,
    /// It has at most so many decoded bytes; also the cap of what is read. Default 1 MiB.
    pub at_most: Option<u64>,
}

/// One assertion on JSON.
#[derive(Clone, Debug)]
pub struct JsonRule {
    /// The path as written, RFC 9535.
    pub at: String,
    /// The path, ready to run.
    pub path: serde_json_path::JsonPath,
    /// What must hold of the value it finds.
    pub test: JsonTest,
}

/// What must hold of a JSON value.
#[derive(Clone, Debug)]
pub enum JsonTest {
    /// It equals this.
    Is(serde_json::Value),
    /// It equals anything but this.
    IsNot(serde_json::Value),
    /// It is this number, digits compared as decimals; a JSON text or number.
    IsDecimal(String),
    /// It is a number below this decimal.
    Below(String),
    /// It is a number above this decimal.
    Above(String),
    /// It is a text that matches.
    Matches(Regex),
    /// It equals one of these.
    OneOf(Vec<serde_json::Value>),
    /// It is there (true) or not (false).
    Exists(bool),
    /// It is a text, list or object of this length.
    Length(u64),
}

/// The severity above which `detect_within` is enforced without being asked.
pub const ENFORCED_FROM: Severity = Severity::Critical;

/// The default of `detect_within`.
pub const DETECT_WITHIN: Millis = Millis::secs(30);
