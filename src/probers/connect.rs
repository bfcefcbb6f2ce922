//! A TCP connection to the first address that answers (RFC 8305, without its refinements).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use rustix::io::Errno;
use tokio::net::TcpStream;
use watchbell_engine::word::FailureKind;

use super::fault::Fault;

/// How long one address may hesitate before the next is tried beside it (RFC 8305, section 5).
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// How many addresses of a name are tried; the deadline seldom leaves room for more.
const ADDRESSES_TRIED: usize = 6;

/// Connects to one of `addresses`; `name` is the host as it was written. All of it is bounded by the caller.
pub(super) async fn connect(name: &str, addresses: &[IpAddr], port: u16) -> Result<(TcpStream, SocketAddr), Fault> {
    let mut order = interleaved(addresses);
    order.truncate(ADDRESSES_TRIED);
    let all_v6 = order.iter().all(IpAddr::is_ipv6);
    let mut waiting = order.into_iter();
    let mut trying = FuturesUnordered::new();
    let mut failed: Option<(SocketAddr, io::Error)> = None;
    let attempt = |ip: IpAddr| async move {
        let address = SocketAddr::new(ip, port);
        (address, TcpStream::connect(address).await)
    };
    trying.extend(waiting.next().map(attempt));
    loop {
        let done = if waiting.len() == 0 {
            trying.next().await
        } else {
            match tokio::time::timeout(NEXT_AFTER, trying.next()).await {
                Ok(done) => done,
                Err(_hesitates) => {
                    trying.extend(waiting.next().map(attempt));
                    continue;
                }
            }
        };
        match done {
            Some((address, Ok(stream))) => {
                // Our requests are one small write; waiting for more only distorts the first byte.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return Ok((stream, address));
            }
            Some((address, Err(error))) => {
                // What the first address says counts, unless it only says that its family is missing here.
                let tells_more =
                    failed.as_ref().is_none_or(|(_, e)| Errno::from_io_error(e) == Some(Errno::NETUNREACH));
                if tells_more {
                    failed = Some((address, error));
                }
                trying.extend(waiting.next().map(attempt));
            }
            None => break,
        }
    }
    Err(match failed {
        Some((address, error)) => explain(name, address, &error, all_v6),
        None => Fault::down(FailureKind::DnsNoAddress, format!("{name} has no address")),
    })
}

/// The families by turns, beginning with that of the first address.
fn interleaved(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (mut one, mut other) = (
        addresses.iter().filter(|a| a.is_ipv6() == first_is_v6),
        addresses.iter().filter(|a| a.is_ipv6() != first_is_v6),
    );
    let mut out = Vec::with_capacity(addresses.len());
    loop {
        let pair = [one.next(), other.next()];
        if pair == [None, None] {
            return out;
        }
        out.extend(pair.into_iter().flatten());
    }
}

fn explain(name: &str, address: SocketAddr, error: &io::Error, all_v6: bool) -> Fault {
    let errno = Errno::from_io_error(error);
    if errno == Some(Errno::NETUNREACH) && all_v6 && name.parse::<IpAddr>().is_err() {
        let message = format!("{name} has IPv6 addresses only, and this machine has no IPv6");
        return Fault::down(FailureKind::DnsNoAddress, message);
    }
    if let Some(own) = Fault::own_resources(error) {
        return own;
    }
    match errno {
        Some(Errno::CONNREFUSED) => {
            Fault::down(FailureKind::ConnectRefused, format!("connection refused by {address}"))
        }
        Some(Errno::CONNRESET | Errno::CONNABORTED) => {
            Fault::down(FailureKind::ConnectReset, format!("connection reset by {address}"))
        }
        Some(Errno::TIMEDOUT) => {
            Fault::down(FailureKind::ConnectTimeout, format!("{address} does not answer connection attempts"))
        }
        _ => Fault::down(FailureKind::ConnectUnreachable, format!("{address} cannot be reached: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let ip = |s: &str| s.parse::<IpAddr>().expect("an address");
        let all = ["::1", "::2", "::3", "1.1.1.1"].map(ip);
        assert_eq!(interleaved(&all), ["::1", "1.1.1.1", "::2", "::3"].map(ip));
    }

    #[test]
    fn errors_of_the_system_have_their_kind() {
        let at = "192.0.2.1:443".parse().expect("an address");
        let kinds = [
            Errno::CONNREFUSED,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::MFILE,
            Errno::ADDRNOTAVAIL,
            Errno::TIMEDOUT,
        ]
        .map(|errno| explain("a.example", at, &io::Error::from(errno), false).kind);
        use FailureKind::{ConnectRefused, ConnectTimeout, ConnectUnreachable, SelfResources};
        let expected =
            [ConnectRefused, ConnectUnreachable, SelfResources, SelfResources, SelfResources, ConnectTimeout];
        assert_eq!(kinds, expected);
        let v6 = "[2001:db8::1]:443".parse().expect("an address");
        let only_v6 = explain("a.example", v6, &io::Error::from(Errno::NETUNREACH), true);
        assert_eq!(only_v6.kind, FailureKind::DnsNoAddress);
    }
}
