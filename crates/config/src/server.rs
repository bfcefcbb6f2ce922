//! `server`, `store`, `watchdog`, `canary`.

use std::net::SocketAddr;
use std::path::PathBuf;

use watchbell_engine::time::Millis;

use crate::context::{Context, Given};
use crate::mistake::Mistakes;
use crate::model::{Canary, Server, StoreUrl, TlsFiles, Watchdog};
use crate::scalar::Problem;
use crate::tree::Node;
use crate::web_address;

const LISTEN: &str = "127.0.0.1:7247";
const STORE: &str = "watchbell.db";
/// How often the outside dead-man's service hears from us.
const WATCHDOG_EVERY: Millis = Millis::secs(30);
/// The canary needs some runs of its probe in every round.
const CANARY_EVERY_MIN: Millis = Millis::secs(1);
/// The alarm waits for so many rounds at least: one that got lost is no reason to wake anybody.
const CANARY_ROUNDS: u64 = 3;

/// Where the server listens; 127.0.0.1:7247 where nothing is written.
pub(crate) fn server(
    node: Option<&Node>,
    context: &Context<'_>,
    filled_in: &mut Vec<String>,
    out: &mut Mistakes,
) -> Option<Server> {
    let map = match node {
        Some(node) => Some(out.map(node, "`server`", &["listen", "public_url", "edge", "tls"])?),
        None => None,
    };
    let listen_node = map.and_then(|m| m.get("listen"));
    let listen = match listen_node {
        Some(node) => out.value(node, "an address", address),
        None => {
            filled_in.push(format!("no server.listen: the server listens on {LISTEN}"));
            LISTEN.parse().ok()
        }
    };
    let public_url = match map.and_then(|m| m.get("public_url")) {
        Some(node) => out.value(node, "an address", |text| web_address::http(text, false)),
        None => listen.map(|listen| {
            filled_in.push(format!("no server.public_url: links in pages begin with http://{listen}"));
            format!("http://{listen}")
        }),
    };
    let edge = map.and_then(|m| m.get("edge"));
    let edge_address = edge.and_then(|node| out.value(node, "an address", address));
    let tls = map.and_then(|m| m.get("tls")).and_then(|node| tls_files(node, context, out));
    for (node, address) in [(listen_node, listen), (edge, edge_address)] {
        if let (Some(node), Some(address), None) = (node, address, map.and_then(|m| m.get("tls")))
            && !address.ip().is_loopback()
        {
            let hint = "write tls: { cert, key }, or put a proxy that speaks TLS in front";
            out.warn(&node.spot(), "this address is reached from other machines without TLS", Some(hint.into()));
        }
    }
    Some(Server { listen: listen?, public_url: public_url?.trim_end_matches('/').to_owned(), edge: edge_address, tls })
}

fn address(text: &str) -> Result<SocketAddr, Problem> {
    // A name would be resolved, which the reader of a configuration never does.
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| {
        Problem::new(format!("`{text}` is not an address")).hint("write it as 127.0.0.1:7247 or [::]:7247")
    })
}

/// A certificate and its key; that the files are there is checked as secrets are.
pub(crate) fn tls_files(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<TlsFiles> {
    let map = out.map(node, "`tls`", &["cert", "key"])?;
    let cert = out.required(map, "cert", "cert.pem").and_then(|n| file(n, context, out));
    let key = out.required(map, "key", "key.pem").and_then(|n| file(n, context, out));
    Some(TlsFiles { cert: cert?, key: key? })
}

/// The path of a file that must be there where the server runs: `path` or `{ file: path }`.
pub(crate) fn file(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<PathBuf> {
    let node = match node.entries() {
        [] => node,
        _ => out.map(node, "a file", &["file"]).and_then(|map| out.required(map, "file", "PATH"))?,
    };
    let path = context.dir.join(out.text(node, "the path of a file")?);
    if let Err(error) = std::fs::File::open(&path) {
        context.recorded(node, format!("the file {} cannot be read: {error}", node.written()), None, out)?;
    }
    Some(path)
}

/// Where facts are kept; a SQLite file beside the YAML where nothing is written.
pub(crate) fn store(
    node: Option<&Node>,
    context: &Context<'_>,
    filled_in: &mut Vec<String>,
    out: &mut Mistakes,
) -> Option<StoreUrl> {
    let Some(node) = node else {
        filled_in.push(format!("no store: facts are kept in {STORE} beside {}", crate::files::ROOT_FILE));
        return Some(StoreUrl::Sqlite(context.dir.join(STORE)));
    };
    let given = context.private(node, "the address of a store", out)?;
    let Given::Known(url) = given else { return Some(StoreUrl::Postgres(given.secret())) };
    let text = url.reveal();
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.is_empty() {
            return Some(StoreUrl::Sqlite(context.dir.join(path)));
        }
    } else if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
        let literal = node.text().is_some_and(|t| t == node.written());
        if literal && rest.split('@').next().is_some_and(|user| rest.contains('@') && user.contains(':')) {
            let hint = "write store: { env: NAME }, or keep the password in PGPASSWORD".to_owned();
            out.warn(&node.secret_spot(), "the password of the store stands in the file", Some(hint));
        }
        return Some(StoreUrl::Postgres(url));
    }
    let hint = "write sqlite://watchbell.db or postgres://user@host/database".to_owned();
    out.error(&node.secret_spot(), "this is not the address of a store", Some(hint));
    None
}

/// How watchbell tries itself out; `Some(None)` where that is switched off.
pub(crate) fn canary(node: &Node, out: &mut Mistakes) -> Option<Option<Canary>> {
    if matches!(node.text(), Some("off" | "false")) {
        return Some(None);
    }
    let map = out.map(node, "`canary`", &["every", "alarm_after"])?;
    let length = |out: &mut Mistakes, key: &str, default: Millis| match map.get(key) {
        Some(node) => out.value(node, "a length of time", crate::probe::every),
        None => Some(default),
    };
    let every = length(out, "every", Canary::default().every);
    let alarm_after = length(out, "alarm_after", every.map_or(Canary::default().alarm_after, |e| e.times(4)));
    let (every, alarm_after) = (every?, alarm_after?);
    let at = |key: &str| map.get(key).unwrap_or(map).spot();
    if every < CANARY_EVERY_MIN {
        let hint = format!("write at least {CANARY_EVERY_MIN}");
        out.error(&at("every"), "the canary cannot go and come back as fast as that", Some(hint));
        return None;
    }
    let least = every.times(CANARY_ROUNDS);
    if alarm_after < least {
        let hint = format!("write at least {least}, {CANARY_ROUNDS} rounds: one that got lost must wake nobody");
        out.error(&at("alarm_after"), format!("{alarm_after} is too soon with a round every {every}"), Some(hint));
        return None;
    }
    Some(Some(Canary { every, alarm_after }))
}

/// The outside dead-man's service.
pub(crate) fn watchdog(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<Watchdog> {
    let map = out.map(node, "`watchdog`", &["ping", "every"])?;
    let every = match map.get("every") {
        Some(node) => out.value(node, "a length of time", crate::probe::every),
        None => Some(WATCHDOG_EVERY),
    };
    let ping = out.required(map, "ping", "https://…")?;
    let given = context.private(ping, "the address of a dead-man's service", out)?;
    if let Some(url) = given.known()
        && web_address::http(url, true).is_err()
    {
        out.error(&ping.secret_spot(), "this is not a web address", Some("write it as https://host/path".into()));
        return None;
    }
    Some(Watchdog { ping: given.secret(), every: every? })
}
