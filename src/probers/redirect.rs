//! Which redirects are followed, and with what.

use http::header::{self, HeaderMap};
use http::{Method, StatusCode, Uri};
use watchbell_engine::word::FailureKind;

use super::fault::Fault;
use super::mask::{cut, without_query};
use super::target::Target;

/// One request of a run.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) target: Target,
    pub(super) method: Method,
    pub(super) send_body: bool,
    /// Whether it is still the server that the probe names, which alone gets its headers and secrets.
    pub(super) trusted: bool,
}

/// Where an answer sends us: `Ok(None)` where it is no redirect. `hops` are the addresses asked so far,
/// the present one last.
pub(super) fn next(
    hop: &Hop,
    status: StatusCode,
    headers: &HeaderMap,
    hops: &[String],
    limit: u32,
) -> Result<Option<Hop>, Fault> {
    let becomes_get = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => hop.method == Method::POST,
        StatusCode::SEE_OTHER => hop.method != Method::GET && hop.method != Method::HEAD,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return Ok(None),
    };
    let Some(location) = headers.get(header::LOCATION) else { return Ok(None) };
    let blocked = |why: &str, to: &str| {
        let to = cut(without_query(to), 120);
        Fault::down(FailureKind::RedirectBlocked, format!("{} redirects to {to}, {why}", hop.target.shown))
    };
    let text = location.to_str().map_err(|_| blocked("which is no address", "an unreadable place"))?;
    let uri = resolve(&hop.target, text).ok_or_else(|| blocked("which is no address", text))?;
    let target = Target::of(&uri).map_err(|_| blocked("which is neither http nor https", text))?;
    if hop.target.https && !target.https {
        return Err(blocked("which is not protected by TLS", &target.shown));
    }
    let trusted = hop.trusted && hop.target.same_origin(&target);
    let send_body = hop.send_body && !becomes_get;
    if send_body && !trusted {
        // The body may hold credentials, and whoever wrote the probe named another receiver.
        return Err(blocked("which would hand the body to another server", &target.shown));
    }
    let to_itself = target.path == hop.target.path && hop.target.same_origin(&target) && !becomes_get;
    if to_itself || hops.len() > limit as usize {
        let why = if to_itself { "to itself".to_owned() } else { format!("more than {limit} times") };
        let message = format!("redirected {why}: {}", cut(&hops.join(" → "), 400));
        return Err(Fault::down(FailureKind::RedirectLoop, message));
    }
    let method = if becomes_get { Method::GET } else { hop.method.clone() };
    Ok(Some(Hop { target, method, send_body, trusted }))
}

/// A reference against the address it came from (RFC 3986, section 5.2, without dot segments inside).
fn resolve(base: &Target, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().unwrap_or(reference).trim();
    let scheme = if base.https { "https" } else { "http" };
    let authority = base.authority.to_str().ok()?;
    let has_scheme = reference.find(':').is_some_and(|colon| !reference[..colon].contains(['/', '?']));
    let absolute = if has_scheme {
        reference.to_owned()
    } else if let Some(rest) = reference.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if reference.starts_with('/') {
        format!("{scheme}://{authority}{reference}")
    } else if reference.starts_with('?') || reference.is_empty() {
        format!("{scheme}://{authority}{}{reference}", base.path.path())
    } else {
        let folder = base.path.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let (mut folder, mut rest) = (folder, reference);
        loop {
            if let Some(after) = rest.strip_prefix("../") {
                rest = after;
                folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
            } else if let Some(after) = rest.strip_prefix("./") {
                rest = after;
            } else {
                break format!("{scheme}://{authority}{folder}/{rest}");
            }
        }
    };
    absolute.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::of(&url.parse().expect("a uri")).expect("a target")
    }

    #[test]
    fn references_are_resolved() {
        let base = target("https://a.example/x/y?q=1");
        let shown = |reference| resolve(&base, reference).map(|u| u.to_string());
        let cases = [
            ("/z", "https://a.example/z"),
            ("z", "https://a.example/x/z"),
            ("../z?p=2", "https://a.example/z?p=2"),
            ("?p=2", "https://a.example/x/y?p=2"),
            ("//b.example/z", "https://b.example/z"),
            ("http://b.example/#top", "http://b.example/"),
        ];
        for (reference, expected) in cases {
            assert_eq!(shown(reference).as_deref(), Some(expected), "{reference}");
        }
    }

    #[test]
    fn a_body_is_not_handed_to_another_server() {
        let hop = Hop { target: target("https://a.example/"), method: Method::POST, send_body: true, trusted: true };
        let headers = HeaderMap::from_iter([(header::LOCATION, "https://b.example/".parse().expect("a value"))]);
        let hops = ["https://a.example/".to_owned()];
        let kept = next(&hop, StatusCode::TEMPORARY_REDIRECT, &headers, &hops, 5).expect_err("blocked");
        assert_eq!(kept.kind, FailureKind::RedirectBlocked);
        let get = next(&hop, StatusCode::SEE_OTHER, &headers, &hops, 5).expect("followed").expect("a redirect");
        assert_eq!((get.method, get.send_body, get.trusted), (Method::GET, false, false));
    }
}
