//! `channels`: how each one sends.

use std::collections::BTreeMap;

use watchbell_engine::catalog::{Channel, ChannelKind};
use watchbell_engine::ids::ChannelId;

use crate::context::{Context, Given};
use crate::gather::Doc;
use crate::mistake::Mistakes;
use crate::model::{ChannelSpec, DingtalkSpec, SmtpSpec, SmtpTls, WebhookSpec};
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};
use crate::web_address;

const KINDS: [&str; 3] = ["smtp", "webhook", "dingtalk"];

/// Every channel, for decisions and for sending.
pub(crate) fn read(
    docs: &[Doc],
    context: &Context<'_>,
    out: &mut Mistakes,
) -> BTreeMap<ChannelId, (Channel, ChannelSpec)> {
    let mut channels = BTreeMap::new();
    for section in docs.iter().filter_map(|doc| doc.root.get("channels")) {
        if !matches!(section.value, Value::Map(_) | Value::Null) {
            out.error(&section.spot(), format!("expected a map of channels, found {}", section.what()), None);
        }
        for (key, node) in section.entries() {
            let id = ChannelId::from(key.text.as_str());
            if let Some(read) = channel(&id, node, context, out) {
                channels.insert(id, read);
            }
        }
    }
    channels
}

/// The kind of a channel, where it can be seen without reading it.
pub(crate) fn kind(node: &Node) -> Option<ChannelKind> {
    let kinds = [ChannelKind::Smtp, ChannelKind::Webhook, ChannelKind::Dingtalk];
    kinds.into_iter().find(|kind| node.get(kind.as_str()).is_some())
}

fn channel(id: &ChannelId, node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<(Channel, ChannelSpec)> {
    let map = out.map(node, "a channel", &["smtp", "webhook", "dingtalk", "loud"])?;
    let loud = out.optional(map, "loud", "true or false", scalar::truth);
    let (kind, spec) = match out.exactly_one(map, "a channel", &KINDS)? {
        (key, node) if key == "smtp" => (ChannelKind::Smtp, ChannelSpec::Smtp(smtp(node, context, out)?)),
        (key, node) if key == "webhook" => (ChannelKind::Webhook, ChannelSpec::Webhook(webhook(node, context, out)?)),
        (_, node) => (ChannelKind::Dingtalk, ChannelSpec::Dingtalk(dingtalk(node, context, out)?)),
    };
    // Calls, SMS and urgent chat are loud by themselves; of the kinds there are, none is.
    Some((Channel { id: id.clone(), kind, loud: loud.unwrap_or(false) }, spec))
}

fn smtp(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<SmtpSpec> {
    let map = out.map(node, "`smtp`", &["host", "port", "tls", "from", "username", "password"])?;
    let host = out.required(map, "host", "smtp.example.com").and_then(|n| out.value(n, "a host", self::host));
    let tls_node = map.get("tls");
    let tls = tls_node.map_or(Some(SmtpTls::Starttls), |n| out.value(n, "how the connection is protected", smtp_tls));
    let port = match map.get("port") {
        Some(node) => out.value(node, "a port", self::port),
        None => tls.map(|tls| match tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        }),
    };
    let from = out.required(map, "from", "oncall@example.com").and_then(|n| out.value(n, "an address", mailbox));
    let username = map.get("username").and_then(|n| context.private(n, "the name for the mail server", out));
    let password = map.get("password").and_then(|n| context.secret(n, "the password of the mail server", out));
    match (map.entry("username"), map.entry("password")) {
        (Some((_, node)), None) => out.error(&node.spot(), "`username` needs `password`", None),
        (None, Some((_, node))) => out.error(&node.spot(), "`password` needs `username`", None),
        (Some(_), Some(_)) | (None, None) => (),
    }
    if let (Some(SmtpTls::None), Some(host), Some(node)) = (tls, &host, tls_node)
        && !is_loopback(host)
    {
        let hint = "write tls: starttls or tls: implicit; none is for mail servers on this machine".to_owned();
        out.error(&node.spot(), format!("mail to {host} would be sent unprotected"), Some(hint));
    }
    Some(SmtpSpec {
        host: host?,
        port: port?,
        tls: tls?,
        from: from?,
        username: username.map(|given| given.secret().reveal().to_owned()),
        password: password.map(Given::secret),
    })
}

fn smtp_tls(text: &str) -> Result<SmtpTls, Problem> {
    match text {
        "starttls" => Ok(SmtpTls::Starttls),
        "implicit" => Ok(SmtpTls::Implicit),
        "none" => Ok(SmtpTls::None),
        other => Err(Problem::new(format!("`{other}` is not one of starttls, implicit, none"))),
    }
}

/// A host name or address, without scheme and port.
pub(crate) fn host(text: &str) -> Result<String, Problem> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let ipv6 = inner.contains(':') && inner.parse::<std::net::Ipv6Addr>().is_ok();
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if ipv6 || (!text.is_empty() && text.chars().all(name) && !text.starts_with(['.', '-'])) {
        return Ok(inner.into());
    }
    Err(Problem::new(format!("`{text}` is not a host")).hint("write a name or an address, without scheme and port"))
}

/// 1 to 65535.
pub(crate) fn port(text: &str) -> Result<u16, Problem> {
    scalar::whole(text, 1, 65_535).map(|port| u16::try_from(port).unwrap_or(u16::MAX))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `oncall@example.com` or `watchbell <oncall@example.com>`.
pub(crate) fn mailbox(text: &str) -> Result<String, Problem> {
    let address = match text.strip_suffix('>').and_then(|t| t.rsplit_once('<')) {
        Some((_, address)) => address,
        None => text,
    };
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';');
    match address.rsplit_once('@') {
        Some((user, host)) if !user.is_empty() && self::host(host).is_ok() && !address.contains(bad) => Ok(text.into()),
        Some(_) | None => Err(Problem::new(format!("`{text}` is not a mail address"))),
    }
}

fn webhook(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<WebhookSpec> {
    let map = match node.value {
        Value::Null => node,
        Value::Scalar(_) | Value::List(_) | Value::Map(_) => out.map(node, "`webhook`", &["secret"])?,
    };
    let Some(secret) = map.get("secret") else {
        let hint = Some("write secret: { env: HOOK_SECRET }".into());
        out.warn(&node.spot(), "webhooks are sent unsigned: receivers cannot tell them from forged ones", hint);
        return Some(WebhookSpec { secret: None });
    };
    let given = context.secret(secret, "the signing secret", out)?;
    if given.known().is_some_and(|text| !is_signing_secret(text)) {
        let hint = "a Standard Webhooks secret is whsec_ and the base64 of 24 to 64 random bytes".to_owned();
        out.warn(&secret.secret_spot(), "this does not look like a signing secret", Some(hint));
    }
    Some(WebhookSpec { secret: Some(given.secret()) })
}

fn is_signing_secret(text: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    text.strip_prefix("whsec_").is_some_and(|key| (32..=88).contains(&key.len()) && key.chars().all(base64))
}

fn dingtalk(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<DingtalkSpec> {
    let map = out.map(node, "`dingtalk`", &["url", "secret"])?;
    let url_node = out.required(map, "url", "{ env: DING_URL }");
    let url = url_node.and_then(|node| {
        let given = context.private(node, "the address of the robot", out)?;
        match given.known().map(|text| web_address::http(text, true)) {
            Some(Err(_)) => {
                let hint = "it reads https://oapi.dingtalk.com/robot/send?access_token=…".to_owned();
                out.error(&node.secret_spot(), "this is not the address of a robot", Some(hint));
                None
            }
            Some(Ok(_)) | None => Some(given.secret()),
        }
    });
    if url_node.is_some_and(|node| node.text().is_some_and(|t| t.contains("access_token=") && t == node.written())) {
        let hint = Some("write url: { env: DING_URL }".into());
        out.warn(&url_node?.secret_spot(), "the access token of the robot stands in the file", hint);
    }
    let secret = match map.get("secret") {
        Some(node) => Some(context.secret(node, "the secret of the robot", out)?.secret()),
        None => {
            let hint = Some("choose 加签 in the robot's settings and write secret: { env: DING_SECRET }".into());
            out.warn(&node.spot(), "messages to the robot are sent unsigned", hint);
            None
        }
    };
    Some(DingtalkSpec { url: url?, secret })
}
