//! Where a request goes: an absolute address taken apart once.

use http::Uri;
use http::header::HeaderValue;
use http::uri::Scheme;
use rustls::pki_types::ServerName;
use watchbell_engine::word::FailureKind;

use super::fault::Fault;
use super::mask::without_query;

/// An http or https address.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) https: bool,
    /// Without the brackets of an IPv6 literal.
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `host:`; without the scheme's own port.
    pub(super) authority: HeaderValue,
    /// The path and query, as the request line has them.
    pub(super) path: Uri,
    /// The address for people: no query, no user info.
    pub(super) shown: String,
}

impl Target {
    /// Takes an absolute address apart; `Err` says what is missing.
    pub(super) fn of(uri: &Uri) -> Result<Self, String> {
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(other) => return Err(format!("{other}:// is neither http nor https")),
            None => return Err(format!("{uri} has no scheme")),
        };
        let host = uri.host().filter(|h| !h.is_empty()).ok_or_else(|| "the address has no host".to_owned())?;
        let default_port = if https { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let authority = if port == default_port { host.to_owned() } else { format!("{host}:{port}") };
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        Ok(Self {
            https,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            shown: format!("{}://{authority}{}", if https { "https" } else { "http" }, without_query(path)),
            authority: HeaderValue::try_from(authority).map_err(|_| format!("`{host}` is no host name"))?,
            path: path.parse().map_err(|_| "the path is malformed".to_owned())?,
        })
    }

    /// Whether both are the same server, so that secrets may be sent on.
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        self.https == other.https && self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// The name to ask for and to verify in TLS.
    pub(super) fn server_name(&self, instead: Option<&str>) -> Result<ServerName<'static>, Fault> {
        let name = instead.unwrap_or(&self.host);
        ServerName::try_from(name.to_owned()).map_err(|_| {
            Fault::down(FailureKind::TlsNameMismatch, format!("`{name}` is no name that a certificate can be for"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let target = Target::of(&"https://[::1]:8443/a?token=secret".parse().expect("a uri")).expect("a target");
        assert_eq!((target.https, target.host.as_str(), target.port), (true, "::1", 8443));
        assert_eq!(
            (target.authority.to_str().ok(), target.shown.as_str()),
            (Some("[::1]:8443"), "https://[::1]:8443/a")
        );
        assert_eq!(target.path, "/a?token=secret");
        let plain = Target::of(&"http://user:pw@a.example".parse().expect("a uri")).expect("a target");
        assert_eq!((plain.shown.as_str(), plain.port), ("http://a.example/", 80));
        assert!(Target::of(&"ftp://a.example/".parse().expect("a uri")).is_err());
    }
}
