//! DNS: what the resolver says, and what its silence means.

use std::net::{Ipv4Addr, SocketAddr};

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use super::super::dns::Dns;
use super::super::tls::TlsSetups;
use super::server::{Act, Server, answer};
use super::*;

/// What a name gets for an answer.
#[derive(Clone, Copy)]
enum Reply {
    Silence,
    Code(u8),
    Address(Ipv4Addr),
    Nothing,
}

/// A name server with hand-made answers; ends when dropped.
struct NameServer {
    address: SocketAddr,
    task: AbortHandle,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NameServer {
    async fn answering(reply: fn(&str) -> Reply) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let task = tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((n, from)) = socket.recv_from(&mut question).await {
                if let Some(answer) = message(&question[..n], reply) {
                    socket.send_to(&answer, from).await.expect("sent");
                }
            }
        });
        Self { address, task: task.abort_handle() }
    }

    fn tools(&self) -> Arc<Tools> {
        let mut server = NameServerConfig::udp(self.address.ip());
        server.connections.iter_mut().for_each(|c| c.port = self.address.port());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let keepalive_races = Metrics::new().keepalive_races;
        Arc::new(Tools { dns: Dns::asking(config), tls: TlsSetups::new(), clock: Clock::system(), keepalive_races })
    }
}

/// The answer to one question (RFC 1035, section 4): header, the question again, one record.
fn message(question: &[u8], reply: fn(&str) -> Reply) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while question[at] != 0 {
        let end = at + 1 + question[at] as usize;
        labels.push(String::from_utf8_lossy(&question[at + 1..end]).into_owned());
        at = end;
    }
    let after_question = at + 5;
    let wants_v4 = question[at + 2] == 1;
    let (code, address) = match reply(&labels.join(".")) {
        Reply::Silence => return None,
        Reply::Code(code) => (code, None),
        Reply::Address(address) => (0, Some(address).filter(|_| wants_v4)),
        Reply::Nothing => (0, None),
    };
    let mut out = question[..2].to_vec();
    out.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    out.extend(&question[12..after_question]);
    if let Some(address) = address {
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        out.extend(address.octets());
    }
    Some(out)
}

fn naming(host: &str, port: u16, timeout: Millis) -> ProbeSpec {
    spec(Check::Http(Box::new(http_check(&format!("http://{host}:{port}/")))), timeout)
}

#[tokio::test]
async fn a_name_with_an_address_is_reached_and_remembered() {
    let names = NameServer::answering(|_| Reply::Address(Ipv4Addr::LOCALHOST)).await;
    let server = Server::with(vec![Act::Read, answer("200 OK", "")]).await;
    let tools = names.tools();
    let probe = naming("api.test.example", server.port(), PATIENT);
    let run = run_with(&tools, &probe).await;
    assert_eq!(found(&run), UP);
    assert_eq!(run.evidence.addresses, ["127.0.0.1"]);
    drop(names);
    assert_eq!(found(&run_with(&tools, &probe).await), UP, "within the time to live nobody is asked");
}

#[tokio::test]
async fn what_the_resolver_says_has_its_kind() {
    let names = NameServer::answering(|name| match name {
        "gone.test.example" => Reply::Code(3),
        "broken.test.example" => Reply::Code(2),
        "refused.test.example" => Reply::Code(5),
        _ => Reply::Nothing,
    })
    .await;
    let cases = [
        ("gone", FailureKind::DnsNxdomain),
        ("broken", FailureKind::DnsServerError),
        ("refused", FailureKind::DnsServerError),
        ("empty", FailureKind::DnsNoAddress),
    ];
    let tools = names.tools();
    for (host, kind) in cases {
        let run = run_with(&tools, &naming(&format!("{host}.test.example"), 80, PATIENT)).await;
        assert_eq!(found(&run), down(kind), "{host}");
        assert!(run.phases_ms.dns.is_some() && run.phases_ms.connect.is_none());
    }
}

#[tokio::test]
async fn silence_about_one_name_is_its_own_fault_and_about_all_is_ours() {
    let names = NameServer::answering(|name| match name {
        "well.test.example" => Reply::Address(Ipv4Addr::LOCALHOST),
        _ => Reply::Silence,
    })
    .await;
    let tools = names.tools();
    let ask = async |host: &str| found(&run_with(&tools, &naming(host, 1, SHORT)).await);
    assert_eq!(ask("one.test.example").await, down(FailureKind::DnsTimeout));
    assert_eq!(ask("one.test.example").await, down(FailureKind::DnsTimeout), "the same name says nothing new");
    assert_eq!(ask("two.test.example").await, (Outcome::Inconclusive, Some(FailureKind::SelfDns)));
    assert_eq!(ask("well.test.example").await, down(FailureKind::ConnectRefused), "the resolver lives");
    assert_eq!(ask("one.test.example").await, down(FailureKind::DnsTimeout));
}

#[tokio::test]
async fn a_resolver_that_is_gone_is_our_fault_as_soon_as_two_names_say_so() {
    let names = NameServer::answering(|_| Reply::Nothing).await;
    let tools = names.tools();
    drop(names);
    let ask = async |host: &str| found(&run_with(&tools, &naming(host, 1, PATIENT)).await);
    let first = ask("one.test.example").await;
    assert!([down(FailureKind::DnsTimeout), down(FailureKind::DnsServerError)].contains(&first), "{first:?}");
    assert_eq!(ask("two.test.example").await, (Outcome::Inconclusive, Some(FailureKind::SelfDns)));
}
