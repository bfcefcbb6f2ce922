//! `http`: a request.

use http::{HeaderName, Method, Uri};
use watchbell_engine::time::Millis;

use crate::context::Context;
use crate::fields::not_available;
use crate::mistake::Mistakes;
use crate::model::{HttpCheck, IpChoice, Secret, TlsOptions};
use crate::probe::expect::{self, Asked};
use crate::probe::json;
use crate::scalar::{self, Problem};
use crate::tree::{Node, Value};
use crate::{server, web_address};

const HTTP: [&str; 12] =
    ["url", "method", "headers", "json", "form", "body", "auth", "tls", "redirects", "proxy", "ip", "connection"];
/// Redirects that are followed where nothing is written.
const REDIRECTS: u32 = 5;
/// Most redirects: what browsers follow.
const MAX_REDIRECTS: u64 = 20;
/// Headers that belong to the connection and are written by the prober.
const OURS: [HeaderName; 4] =
    [http::header::CONTENT_LENGTH, http::header::TRANSFER_ENCODING, http::header::CONNECTION, http::header::USER_AGENT];
/// Headers whose value is a secret.
const SECRET: [HeaderName; 3] = [http::header::AUTHORIZATION, http::header::COOKIE, http::header::PROXY_AUTHORIZATION];

/// A URL, or `url` with the rest of the request.
pub(crate) fn read(
    node: &Node,
    expect: Option<&Node>,
    timeout: Option<Millis>,
    context: &Context<'_>,
    out: &mut Mistakes,
) -> Option<HttpCheck> {
    let is_map = matches!(node.value, Value::Map(_));
    let map = if is_map { Some(out.map(node, "`http`", &HTTP)?) } else { None };
    let url = match map {
        Some(map) => out.required(map, "url", "https://api.example.com/healthz").and_then(|n| url(n, out)),
        None => url(node, out),
    };
    let body = map.and_then(|map| body(map, context, out));
    let method = method(map, out);
    let https = url.as_ref().is_some_and(|url| url.scheme_str() == Some("https"));
    // Without a readable address, nothing is said about what only one scheme has.
    let asked = Asked { https: https || url.is_none(), head: method.as_ref() == Some(&Method::HEAD), timeout };
    let expect = expect::read(expect, &asked, out);
    let Some(map) = map else {
        return Some(check(url?, method?, expect?));
    };
    if let Some(node) = map.get("proxy") {
        not_available(out, &node.spot(), "`proxy`", None);
    }
    let mut headers = map.get("headers").map_or_else(Vec::new, |n| headers(n, context, out));
    let body = match body {
        Some((bytes, content_type)) => {
            let written = headers.iter().any(|(name, _)| name == http::header::CONTENT_TYPE);
            if let Some(content_type) = content_type.filter(|_| !written) {
                headers.push((http::header::CONTENT_TYPE, Secret::new(content_type)));
            }
            Some(bytes)
        }
        None => None,
    };
    let authorization = map.get("auth").map(|n| auth(n, context, out));
    let tls = map.get("tls").map(|n| tls(n, asked.https, context, out));
    let redirects = out.optional(map, "redirects", "a number", |t| scalar::whole(t, 0, MAX_REDIRECTS));
    let ip = out.optional(map, "ip", "an address family", ip);
    let reuse = out.optional(map, "connection", "fresh or reuse", |text| match text {
        "fresh" => Ok(false),
        "reuse" => Ok(true),
        other => Err(Problem::new(format!("`{other}` is not one of fresh, reuse"))),
    });
    Some(HttpCheck {
        headers,
        body,
        authorization: authorization.flatten(),
        tls: tls.flatten().unwrap_or_default(),
        redirects: redirects.and_then(|n| u32::try_from(n).ok()).unwrap_or(REDIRECTS),
        ip: ip.unwrap_or_default(),
        reuse: reuse.unwrap_or(false),
        ..check(url?, method?, expect?)
    })
}

/// A request with nothing but an address.
fn check(url: Uri, method: Method, expect: crate::model::Expect) -> HttpCheck {
    HttpCheck {
        url,
        method,
        headers: Vec::new(),
        body: None,
        authorization: None,
        tls: TlsOptions::default(),
        redirects: REDIRECTS,
        ip: IpChoice::Any,
        reuse: false,
        expect,
    }
}

fn url(node: &Node, out: &mut Mistakes) -> Option<Uri> {
    let url = out.value(node, "a web address", web_address::uri)?;
    let secret = url.query().is_some_and(|query| {
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_lowercase();
        query.split('&').any(|pair| {
            matches!(name(pair).as_str(), "token" | "access_token" | "api_key" | "apikey" | "password" | "secret")
        })
    });
    if secret && node.text() == Some(node.written()) {
        let hint = Some("send it as a header: headers: { authorization: { env: NAME } }".into());
        out.warn(&node.spot(), "a secret seems to stand in the address", hint);
    }
    Some(url)
}

fn method(map: Option<&Node>, out: &mut Mistakes) -> Option<Method> {
    let has_body = map.is_some_and(|map| ["json", "form", "body"].iter().any(|key| map.get(key).is_some()));
    let Some(node) = map.and_then(|map| map.get("method")) else {
        return Some(if has_body { Method::POST } else { Method::GET });
    };
    let method = out.value(node, "a method", |text| {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let problem = || Problem::new(format!("`{text}` is not one of {}", KNOWN.join(", ")));
        KNOWN.contains(&text).then(|| text.parse().ok()).flatten().ok_or_else(|| {
            let upper = text.to_uppercase();
            if KNOWN.contains(&upper.as_str()) { problem().hint(format!("write {upper}")) } else { problem() }
        })
    })?;
    if has_body && method == Method::HEAD {
        out.error(&node.spot(), "a HEAD request has no body", None);
    }
    Some(method)
}

/// The bytes to send and their type.
fn body(map: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<(Secret, Option<&'static str>)> {
    const BODIES: [&str; 3] = ["json", "form", "body"];
    map.entries().iter().find(|(key, _)| BODIES.contains(&key.text.as_str()))?;
    match out.exactly_one(map, "a request", &BODIES)? {
        (key, node) if key == "json" => {
            json::text(node, context, out).map(|json| (Secret::new(json), Some("application/json")))
        }
        (key, node) if key == "form" => {
            form(node, context, out).map(|form| (Secret::new(form), Some("application/x-www-form-urlencoded")))
        }
        (_, node) => context.private(node, "a body", out).map(|given| (given.secret(), None)),
    }
}

fn form(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<String> {
    if !matches!(node.value, Value::Map(_)) {
        out.error(&node.spot(), format!("expected a map of fields, found {}", node.what()), None);
        return None;
    }
    let mut pairs = Vec::new();
    for (key, value) in node.entries() {
        let given = context.private(value, "the value of a field", out)?;
        pairs.push(format!("{}={}", encoded(&key.text), encoded(given.secret().reveal())));
    }
    Some(pairs.join("&"))
}

/// As forms are encoded: letters, digits and `*-._` stay, a blank is `+`.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn headers(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Vec<(HeaderName, Secret)> {
    if !matches!(node.value, Value::Map(_)) {
        out.error(&node.spot(), format!("expected a map of headers, found {}", node.what()), None);
    }
    let mut headers = Vec::new();
    for (key, value) in node.entries() {
        let spot = key.spot(value);
        let name = match HeaderName::from_bytes(key.text.as_bytes()) {
            Ok(name) if OURS.contains(&name) => {
                out.error(&spot, format!("the header `{name}` is written by watchbell"), None);
                continue;
            }
            Ok(name) => name,
            Err(_) => {
                out.error(&spot, format!("`{}` is not the name of a header", key.text), None);
                continue;
            }
        };
        let given = if SECRET.contains(&name) {
            context.secret(value, "the value of this header", out)
        } else {
            context.private(value, "a header's value", out)
        };
        let Some(given) = given else { continue };
        if given.known().is_some_and(|text| http::HeaderValue::from_str(text).is_err()) {
            out.error(&value.secret_spot(), "a header's value has visible ASCII characters only", None);
            continue;
        }
        headers.push((name, given.secret()));
    }
    headers
}

/// The value of `authorization`.
fn auth(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<Secret> {
    let map = out.map(node, "`auth`", &["basic", "bearer", "oauth2"])?;
    match out.exactly_one(map, "`auth`", &["basic", "bearer", "oauth2"])? {
        (key, node) if key == "bearer" => {
            let given = context.secret(node, "the bearer token", out)?;
            if given.known().is_some_and(|text| text.contains(|c: char| !c.is_ascii_graphic())) {
                out.error(&node.secret_spot(), "a bearer token has no blanks and only ASCII characters", None);
                return None;
            }
            Some(Secret::new(format!("Bearer {}", given.secret().reveal())))
        }
        (key, node) if key == "basic" => {
            let map = out.map(node, "`basic`", &["username", "password"])?;
            let username = out.required(map, "username", "probe").and_then(|n| context.private(n, "a user name", out));
            let password = out.required(map, "password", "{ env: NAME }");
            let password = password.and_then(|n| context.secret(n, "the password", out));
            let pair = format!("{}:{}", username?.secret().reveal(), password?.secret().reveal());
            Some(Secret::new(format!("Basic {}", base64(pair.as_bytes()))))
        }
        (_, node) => {
            not_available(out, &node.spot(), "`oauth2`", Some("use bearer with a token from the environment"));
            None
        }
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let six = usize::try_from((group >> (18 - 6 * i)) & 63).unwrap_or(0);
            text.push(if i <= chunk.len() { char::from(ALPHABET[six]) } else { '=' });
        }
    }
    text
}

fn tls(node: &Node, https: bool, context: &Context<'_>, out: &mut Mistakes) -> Option<TlsOptions> {
    let map = out.map(node, "`tls`", &["ca", "cert", "key", "server_name", "insecure"])?;
    if !https {
        out.error(&node.spot(), "`tls` means nothing on http://", Some("use https:// in the address".into()));
        return None;
    }
    let ca = map.get("ca").and_then(|n| server::file(n, context, out));
    let client = match (map.get("cert"), map.get("key")) {
        (Some(cert), Some(key)) => {
            let (cert, key) = (server::file(cert, context, out), server::file(key, context, out));
            cert.zip(key).map(|(cert, key)| crate::model::TlsFiles { cert, key })
        }
        (Some(alone), None) | (None, Some(alone)) => {
            out.error(&alone.spot(), "a client certificate needs both `cert` and `key`", None);
            None
        }
        (None, None) => None,
    };
    let server_name = out.optional(map, "server_name", "a host", crate::channels::host);
    let insecure = out.optional(map, "insecure", "true or false", scalar::truth).unwrap_or(false);
    if let Some(node) = map.get("insecure").filter(|_| insecure) {
        let hint = Some("name the issuer instead: tls: { ca: { file: ca.pem } }".into());
        out.warn(&node.spot(), "the certificate is not verified: anybody between can answer", hint);
    }
    Some(TlsOptions { ca, client, server_name, insecure })
}

fn ip(text: &str) -> Result<IpChoice, Problem> {
    match text {
        "any" => Ok(IpChoice::Any),
        "4" => Ok(IpChoice::V4),
        "6" => Ok(IpChoice::V6),
        other => Err(Problem::new(format!("`{other}` is not one of any, 4, 6"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_those_of_the_standards() {
        // RFC 4648, section 10.
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(encoded("a b&c=发"), "a+b%26c%3D%E5%8F%91");
    }
}
