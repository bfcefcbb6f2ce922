//! `tcp`: a connection.

use watchbell_engine::time::Millis;

use crate::channels;
use crate::mistake::Mistakes;
use crate::model::TcpCheck;
use crate::probe::expect;
use crate::scalar::Problem;
use crate::tree::{Node, Value};

/// `host:port` or `{ host, port }`.
pub(crate) fn read(
    node: &Node,
    expect: Option<&Node>,
    timeout: Option<Millis>,
    out: &mut Mistakes,
) -> Option<TcpCheck> {
    let total = match expect {
        Some(node) => match out.map(node, "`expect` of a tcp probe", &["total"]) {
            Some(map) => expect::levels(map.get("total"), timeout, out),
            None => Default::default(),
        },
        None => Default::default(),
    };
    let (host, port) = match node.value {
        Value::Map(_) => {
            let map = out.map(node, "`tcp`", &["host", "port"])?;
            let host = out.required(map, "host", "db.example.com").and_then(|n| out.value(n, "a host", channels::host));
            let port = out.required(map, "port", "5432").and_then(|n| out.value(n, "a port", channels::port));
            (host?, port?)
        }
        Value::Null | Value::Scalar(_) | Value::List(_) => out.value(node, "host:port", address)?,
    };
    Some(TcpCheck { host, port, total })
}

fn address(text: &str) -> Result<(String, u16), Problem> {
    let bad = || {
        Problem::new(format!("`{text}` is not a host and a port")).hint("write it as db.example.com:5432 or [::1]:5432")
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    if host.contains(':') && !host.starts_with('[') {
        return Err(bad());
    }
    Ok((channels::host(host).map_err(|_| bad())?, channels::port(port).map_err(|_| bad())?))
}
