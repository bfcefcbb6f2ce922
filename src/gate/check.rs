//! Who is asking, and whether this route is for them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, header};
use watchbell_engine::catalog::Catalog;
use watchbell_engine::input::{Actor, Via};
use watchbell_engine::time::{Millis, elapsed};

use super::access::{Access, Role};
use super::problem::Problem;
use super::token::{TokenHash, hash_token};
use crate::clock::Clock;
use crate::store::{Store, TokenRow};

/// The cookie in which a browser keeps its token.
pub const COOKIE: &str = "wb_token";

/// How long a token goes unnoted after it was used.
const NOTED_EVERY: Millis = Millis::mins(1);

/// What is needed to tell who is asking.
#[derive(Clone)]
pub struct Gate {
    /// Now, for when a token was last used.
    pub clock: Clock,
    /// Knows the tokens.
    pub store: Store,
    /// Admin tokens that are not in the store.
    pub admins: Arc<[StandingAdmin]>,
    /// Reading needs no token, because only this machine can ask.
    pub loopback: bool,
}

/// An admin token that needs no store: the bootstrap token, and that of the machine's operator.
#[derive(Clone, Debug)]
pub struct StandingAdmin {
    /// Under which name it acts.
    pub name: String,
    /// What is shown must hash to this.
    pub token: TokenHash,
}

/// Whoever showed a good token; an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The token's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

impl Caller {
    /// Who acts: the person of that name where the catalog has one, else the token itself.
    pub fn actor(&self, catalog: &Catalog) -> Actor {
        let person = catalog.people.get(self.name.as_str());
        Actor {
            person: person.map(|p| p.id.clone()),
            name: person.map_or_else(|| self.name.clone(), |p| p.name.clone()),
            via: Via::Api,
        }
    }
}

/// How a token came.
enum Shown {
    Header(String),
    Cookie(String),
}

impl Gate {
    /// Who shows this token; `None` for one that is not known.
    pub async fn caller(&self, token: &str) -> Result<Option<Caller>, Problem> {
        let hash = hash_token(token);
        if let Some(admin) = self.admins.iter().find(|admin| admin.token.is(&hash)) {
            return Ok(Some(Caller { name: admin.name.clone(), role: Role::Admin }));
        }
        let Some(row) = self.store.token_by_hash(&hash.0).await? else { return Ok(None) };
        let role = row.role.parse().map_err(|e| Problem::ours(format!("token `{}`: {e}", row.name)))?;
        self.note_use(&row).await;
        Ok(Some(Caller { name: row.name, role }))
    }

    /// Notes that a token was used; whoever shows it need not wait for a store that cannot write.
    async fn note_use(&self, row: &TokenRow) {
        let now = self.clock.now();
        if row.last_used.is_some_and(|at| elapsed(at, now) < NOTED_EVERY) {
            return;
        }
        if let Err(error) = self.store.touch_token(&row.name, now).await {
            tracing::warn!(%error, token.name = %row.name, "the use of a token could not be noted");
        }
    }

    /// Lets the request through with its [`Caller`], or says why not.
    async fn admit(&self, access: Access, method: &Method, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        let open = match access {
            Access::Public | Access::Link => return Ok(None),
            Access::Viewer => self.loopback,
            Access::Responder | Access::Scheduler | Access::Comms | Access::Admin => false,
        };
        let caller = match shown(headers)? {
            None if open => return Ok(None),
            None => return Err(Problem::unauthorized("this route needs a token")),
            Some(Shown::Header(token)) => self.caller(&token).await?,
            Some(Shown::Cookie(token)) => {
                if !method.is_safe() && !same_origin(headers) {
                    let help = "act from watchbell's own screens, or send the token in the Authorization header";
                    return Err(Problem::forbidden("the request comes from another site", help));
                }
                self.caller(&token).await?
            }
        };
        let caller = caller.ok_or_else(|| Problem::unauthorized("this token is not known, or was revoked"))?;
        if !access.permits(caller.role) {
            let detail = format!("`{}` has the role {}; this needs {}", caller.name, caller.role, access.as_str());
            return Err(Problem::forbidden(detail, "ask an admin for a token with that role"));
        }
        Ok(Some(caller))
    }
}

/// The layer of every route.
pub(super) async fn guard(State((gate, access)): State<(Gate, Access)>, mut request: Request, next: Next) -> Response {
    match gate.admit(access, request.method(), request.headers()).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The token of a request: the header first, else the cookie.
fn shown(headers: &HeaderMap) -> Result<Option<Shown>, Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| text.split_once(' '));
        return match token {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Some(Shown::Header(token.trim().into())))
            }
            // Senders that only know user and password: the token is the password, and the user does not matter.
            Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
                let password = STANDARD.decode(pair.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let password = password.as_deref().and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
                password
                    .map(|token| Some(Shown::Header(token)))
                    .ok_or_else(|| Problem::unauthorized("the Authorization header is not `Basic`, user and password"))
            }
            Some(_) | None => Err(Problem::unauthorized("the Authorization header is not `Bearer` and a token")),
        };
    }
    Ok(cookie(headers, COOKIE).filter(|token| !token.is_empty()).map(|token| Shown::Cookie(token.into())))
}

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whether a browser says that the request comes from our own pages. A request that says nothing is not
/// believed: every browser sends one of the two headers with a form.
pub fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        (None, Some(_), None) | (None, None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (http::HeaderName::from_static(k), http::HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn only_our_own_pages_are_believed() {
        for (pairs, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://w"), ("host", "w")][..], false),
            (&[("sec-fetch-site", "same-site")][..], false),
            (&[("origin", "https://w:1"), ("host", "w:1")][..], true),
            (&[("origin", "https://evil"), ("host", "w:1")][..], false),
            (&[("origin", "null"), ("host", "w:1")][..], false),
            (&[("host", "w:1")][..], false),
        ] {
            assert_eq!(same_origin(&headers(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let h = headers(&[("cookie", "a=1; wb_token=wb_x; wb_token_old=2")]);
        assert_eq!(cookie(&h, COOKIE), Some("wb_x"));
        assert_eq!(cookie(&h, "b"), None);
    }

    #[test]
    fn another_scheme_is_refused_rather_than_ignored() {
        assert!(shown(&headers(&[("authorization", "Basic abc")])).is_err());
        assert!(shown(&headers(&[("authorization", "Digest username=x")])).is_err());
        // `prometheus:wb_x`
        let basic = headers(&[("authorization", "Basic cHJvbWV0aGV1czp3Yl94")]);
        assert!(matches!(shown(&basic), Ok(Some(Shown::Header(t))) if t == "wb_x"));
        assert!(
            matches!(shown(&headers(&[("authorization", "bearer wb_x")])), Ok(Some(Shown::Header(t))) if t == "wb_x")
        );
    }
}
