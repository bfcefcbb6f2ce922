//! Names to addresses, with a shared cache of at most 30 s and a memory of whether our own resolver
//! answers at all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use watchbell_config::IpChoice;
use watchbell_engine::word::FailureKind;

use super::fault::{Fault, find};

/// The longest an answer is believed, whatever its time to live: a moved service must be noticed.
const CACHE_AT_MOST: Duration = Duration::from_secs(30);

/// How many names are remembered; a bound against names that come and go with redirects.
const CACHE_NAMES: usize = 20_000;

/// A question is repeated after this long, so that one lost datagram fits into a probe's timeout.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long the silence about another name counts as a sign that our own resolver is dead.
const SILENCE_COUNTS_FOR: Duration = Duration::from_secs(15);

/// The shared resolver.
pub(super) struct Dns {
    /// Why there is none, where the system's configuration cannot be read.
    resolver: Result<TokioResolver, String>,
    cache: Mutex<HashMap<(Box<str>, IpChoiceKey), Cached>>,
    health: Mutex<Health>,
}

type IpChoiceKey = u8;

struct Cached {
    until: Instant,
    addresses: Arc<[IpAddr]>,
}

/// What is known of our own resolver.
#[derive(Default)]
struct Health {
    /// When it last answered anything, be it that a name does not exist.
    answered: Option<Instant>,
    /// The last names it was silent about, newest last.
    silent: Vec<(Box<str>, Instant)>,
}

impl Dns {
    /// The system's resolver and hosts file, as they are now.
    pub(super) fn system() -> Self {
        let built = hickory_resolver::system_conf::read_system_conf()
            .and_then(|(config, options)| build(config, options))
            .map_err(|e| e.to_string());
        Self::with(built)
    }

    /// A resolver that asks the given servers.
    #[cfg(test)]
    pub(super) fn asking(config: ResolverConfig) -> Self {
        Self::with(build(config, ResolverOpts::default()).map_err(|e| e.to_string()))
    }

    fn with(resolver: Result<TokioResolver, String>) -> Self {
        Self { resolver, cache: Mutex::default(), health: Mutex::default() }
    }

    /// The addresses of a host, IPv6 first where both are wanted. Never empty.
    pub(super) async fn resolve(&self, host: &str, ip: IpChoice) -> Result<Arc<[IpAddr]>, Fault> {
        if let Some(addresses) = without_asking(host, ip) {
            return if addresses.is_empty() { Err(no_address(host, ip)) } else { Ok(addresses.into()) };
        }
        let key = (Box::from(host), ip as IpChoiceKey);
        let now = Instant::now();
        if let Some(hit) = lock(&self.cache).get(&key).filter(|c| c.until > now) {
            return Ok(Arc::clone(&hit.addresses));
        }
        let resolver = self.resolver.as_ref().map_err(|why| {
            Fault::down(FailureKind::SelfDns, format!("this machine's resolver configuration cannot be read: {why}"))
        })?;
        let (addresses, until) = match ask(resolver, host, ip).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.explain(host, ip, &error)),
        };
        lock(&self.health).answered = Some(Instant::now());
        if addresses.is_empty() {
            return Err(no_address(host, ip));
        }
        let addresses: Arc<[IpAddr]> = addresses.into();
        let mut cache = lock(&self.cache);
        if cache.len() >= CACHE_NAMES {
            cache.retain(|_, c| c.until > now);
        }
        if cache.len() < CACHE_NAMES {
            let until = until.min(now + CACHE_AT_MOST);
            cache.insert(key, Cached { until, addresses: Arc::clone(&addresses) });
        }
        Ok(addresses)
    }

    /// Nobody answered for this name. Ours where the resolver has been silent about another name too and
    /// has answered nothing since.
    pub(super) fn silent(&self, host: &str, otherwise: Fault) -> Fault {
        let mut health = lock(&self.health);
        let now = Instant::now();
        health.silent.retain(|(name, at)| now - *at < SILENCE_COUNTS_FOR && **name != *host);
        let answered = health.answered;
        let others = health.silent.iter().any(|(_, at)| answered.is_none_or(|answered| answered < *at));
        health.silent.push((host.into(), now));
        if others {
            return Fault::down(FailureKind::SelfDns, "this machine's resolver answers for no name at all");
        }
        otherwise
    }

    fn explain(&self, host: &str, ip: IpChoice, error: &NetError) -> Fault {
        if let Some(own) = find::<std::io::Error>(error).and_then(Fault::own_resources) {
            return own;
        }
        let timeout = || Fault::down(FailureKind::DnsTimeout, format!("the resolver does not answer for {host}"));
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => {
                lock(&self.health).answered = Some(Instant::now());
                match none.response_code {
                    ResponseCode::NXDomain => {
                        Fault::down(FailureKind::DnsNxdomain, format!("the name {host} does not exist"))
                    }
                    ResponseCode::NoError => no_address(host, ip),
                    code => server_error(host, code),
                }
            }
            NetError::Dns(DnsError::ResponseCode(code)) => {
                lock(&self.health).answered = Some(Instant::now());
                server_error(host, *code)
            }
            NetError::Timeout | NetError::NoConnections => self.silent(host, timeout()),
            NetError::Proto(_) if host.len() > 253 => {
                Fault::down(FailureKind::DnsNxdomain, format!("{host} is not a name"))
            }
            // The resolver's port is closed, or what came back is not DNS: nothing is said about the name.
            other => self.silent(
                host,
                Fault::down(FailureKind::DnsServerError, format!("the resolver failed for {host}: {other}")),
            ),
        }
    }
}

fn build(config: ResolverConfig, mut options: ResolverOpts) -> Result<TokioResolver, NetError> {
    options.cache_size = 0; // ours is asked first, so that an answer here is a sign of life
    options.timeout = options.timeout.min(ASK_AGAIN_AFTER);
    options.attempts = options.attempts.max(2);
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build()
}

async fn ask(resolver: &TokioResolver, host: &str, ip: IpChoice) -> Result<(Vec<IpAddr>, Instant), NetError> {
    let answer: LookupIp = match ip {
        IpChoice::Any => resolver.lookup_ip(host).await?,
        IpChoice::V4 => resolver.ipv4_lookup(host).await?.into(),
        IpChoice::V6 => resolver.ipv6_lookup(host).await?.into(),
    };
    let mut addresses: Vec<_> = answer.iter().collect();
    addresses.sort_by_key(IpAddr::is_ipv4); // stable: the server's order within a family
    Ok((addresses, answer.valid_until()))
}

/// Literals, and the one name that must work without a resolver. Empty where none is of the wanted family.
fn without_asking(host: &str, ip: IpChoice) -> Option<Vec<IpAddr>> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    if let Ok(address) = host.parse::<IpAddr>() {
        let fits = match ip {
            IpChoice::Any => true,
            IpChoice::V4 => address.is_ipv4(),
            IpChoice::V6 => address.is_ipv6(),
        };
        return Some(if fits { vec![address] } else { Vec::new() });
    }
    let local = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    local.then(|| match ip {
        // Services listen on the first one; ::1 is often not there, and a refusal there says nothing.
        IpChoice::Any => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        IpChoice::V4 => vec![Ipv4Addr::LOCALHOST.into()],
        IpChoice::V6 => vec![Ipv6Addr::LOCALHOST.into()],
    })
}

fn no_address(host: &str, ip: IpChoice) -> Fault {
    let family = match ip {
        IpChoice::Any => "address",
        IpChoice::V4 => "IPv4 address",
        IpChoice::V6 => "IPv6 address",
    };
    Fault::down(FailureKind::DnsNoAddress, format!("{host} has no {family}"))
}

fn server_error(host: &str, code: ResponseCode) -> Fault {
    Fault::down(FailureKind::DnsServerError, format!("the resolver answered {code} for {host}"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
