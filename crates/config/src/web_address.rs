//! Web addresses: scheme, host, port, and no secret in them.

use http::Uri;

use crate::scalar::Problem;

/// An absolute http or https address. User info is refused: it is a secret. A query is for those who allow it.
pub(crate) fn http(text: &str, query: bool) -> Result<String, Problem> {
    uri(text)?;
    if !query && let Some(at) = text.find(['?', '#']) {
        return Err(Problem::new("this address has a query or fragment").within(text[..at].chars().count(), 1));
    }
    Ok(text.into())
}

/// The parsed form of what [`http`] accepts.
pub(crate) fn uri(text: &str) -> Result<Uri, Problem> {
    let bad = |why: &str| Problem::new(format!("`{}` is not a web address: {why}", without_user(text)));
    if let Some(at) = text.chars().position(|c| c.is_whitespace() || c.is_control()) {
        return Err(bad("there is a blank in it").within(at, 1));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(bad("it has no scheme").hint("begin it with https:// or http://"));
    };
    if !matches!(scheme, "http" | "https") {
        let width = scheme.chars().count();
        return Err(bad(&format!("the scheme is `{scheme}`")).hint("use https:// or http://").within(0, width));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let hint = "use auth: { basic: { username, password: { env: NAME } } }";
        let problem = Problem::new("a name or password stands in the address, where it would be shown").hint(hint);
        return Err(problem.within(scheme.len() + 3, authority.chars().count()));
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(bad("it has no host"));
    }
    let port = match authority.rsplit_once(']') {
        Some((_, after)) => after.strip_prefix(':'),
        None => authority.split_once(':').map(|(_, port)| port),
    };
    if let Some(port) = port
        && !port.parse::<u16>().is_ok_and(|port| port > 0)
    {
        let at = text.find(authority).unwrap_or(0) + authority.len() - port.len();
        return Err(bad(&format!("the port `{port}` is not a number from 1 to 65535")).within(at, port.chars().count()));
    }
    // A request line has no fragment, and `Uri` refuses what is not ASCII.
    let text = text.split('#').next().unwrap_or_default();
    if let Some(at) = text.chars().position(|c| !c.is_ascii()) {
        return Err(bad("it has characters that must be percent-encoded").within(at, 1));
    }
    text.parse().map_err(|e: http::uri::InvalidUri| bad(&e.to_string()))
}

/// The address without what stands before `@` and after `?`, for messages.
fn without_user(text: &str) -> String {
    let text = text.split_once('?').map_or_else(|| text.to_owned(), |(before, _)| format!("{before}?…"));
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        (_, _) => text,
    }
}

/// The address as a person may see it: without query, which often holds a key.
pub(crate) fn shown(uri: &Uri) -> String {
    let path = if uri.path().is_empty() { "/" } else { uri.path() };
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    format!("{}://{authority}{path}", uri.scheme_str().unwrap_or("http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_scheme_and_host_and_no_secret() {
        assert!(uri("https://api.example.com:8443/v1?q=1").is_ok());
        assert!(uri("http://[::1]:80/").is_ok());
        for bad in [
            "",
            "example.com",
            "ftp://x/",
            "https://",
            "https://:80/",
            "https://x:99999/",
            "https://x:/",
            "https://x/a b",
            "https://me:pw@x/",
            "https://x/发票",
            "http://[::1",
            "https://x:0",
        ] {
            assert!(uri(bad).is_err(), "{bad}");
        }
        let problem = uri("https://me:hunter2@x/ y").expect_err("blank and user info");
        assert!(!format!("{problem:?}").contains("hunter2"));
        assert_eq!(uri("https://x:99999/").expect_err("port").within, Some((10, 5)));
    }
}
