//! Roles, and the one table that says which route is for whom.

use std::fmt;
use std::str::FromStr;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, on};
use http::Method;
use serde::{Deserialize, Serialize};

use super::check::{Gate, guard};

/// What a token may do. `admin` may do everything; every role may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Answers pages, works on tickets, sends signals, keeps things quiet.
    Responder,
    /// Changes who is on duty.
    Scheduler,
    /// Speaks to the public.
    Comms,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Responder, Self::Scheduler, Self::Comms, Self::Admin];

    /// The word in JSON, SQL and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Scheduler => "scheduler",
            Self::Comms => "comms",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role; write viewer, responder, scheduler, comms or admin")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| UnknownRole(word.into()))
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever holds the unguessable address: a page's link, a heartbeat's token. The route checks it.
    Link,
    /// Any token; nobody needs one where `listen` is loopback.
    Viewer,
    /// A responder's token.
    Responder,
    /// A scheduler's token, or a responder's: whoever is on duty arranges a stand-in.
    Scheduler,
    /// A token of whoever speaks to the public.
    Comms,
    /// An admin's token.
    Admin,
}

impl Access {
    /// Whether a token of this role opens the route.
    pub const fn permits(self, role: Role) -> bool {
        match self {
            Self::Public | Self::Link | Self::Viewer => true,
            Self::Responder => matches!(role, Role::Responder | Role::Admin),
            Self::Scheduler => matches!(role, Role::Responder | Role::Scheduler | Role::Admin),
            Self::Comms => matches!(role, Role::Comms | Role::Admin),
            Self::Admin => matches!(role, Role::Admin),
        }
    }

    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Link => "link",
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Scheduler => "scheduler",
            Self::Comms => "comms",
            Self::Admin => "admin",
        }
    }
}

/// One line of the access table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The method; GET answers HEAD too.
    pub method: Method,
    /// The path as axum writes it.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// A router that grows together with its access table: a route cannot be added without saying who may use it.
pub struct Routes<S> {
    gate: Gate,
    router: Router<S>,
    table: Vec<Declared>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet, all to stand behind `gate`.
    pub fn new(gate: Gate) -> Self {
        Self { gate, router: Router::new(), table: Vec::new() }
    }

    /// `GET path`.
    pub fn get<H: Handler<T, S>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::GET, MethodFilter::GET, path, access, handler)
    }

    /// `POST path`.
    pub fn post<H: Handler<T, S>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::POST, MethodFilter::POST, path, access, handler)
    }

    /// `DELETE path`.
    pub fn delete<H: Handler<T, S>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add(Method::DELETE, MethodFilter::DELETE, path, access, handler)
    }

    fn add<H: Handler<T, S>, T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        access: Access,
        handler: H,
    ) -> Self {
        let guarded = on(filter, handler).route_layer(from_fn_with_state((self.gate.clone(), access), guard));
        self.router = self.router.route(path, guarded);
        self.table.push(Declared { method, path, access });
        self
    }

    /// Adds all routes of another table.
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self
    }

    /// Who may use what.
    pub fn table(&self) -> &[Declared] {
        &self.table
    }

    /// The router, still in want of its state.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reads_back_and_an_unknown_one_says_which_there_are() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        let err = "root".parse::<Role>().expect_err("no such role");
        assert_eq!(err.to_string(), "`root` is not a role; write viewer, responder, scheduler, comms or admin");
    }

    #[test]
    fn only_the_admin_opens_everything() {
        for access in [Access::Viewer, Access::Responder, Access::Scheduler, Access::Comms, Access::Admin] {
            assert!(access.permits(Role::Admin), "{}", access.as_str());
        }
        assert!(!Access::Responder.permits(Role::Viewer) && !Access::Responder.permits(Role::Scheduler));
        assert!(Access::Scheduler.permits(Role::Responder), "whoever is on duty arranges a stand-in");
        assert!(!Access::Admin.permits(Role::Comms) && !Access::Comms.permits(Role::Responder));
    }
}
