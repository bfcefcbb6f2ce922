//! The gate that every HTTP route stands behind: who may use it, who is asking, and how a refusal reads.
//!
//! Owns: roles and tokens, the access table that is built together with the router, problem documents,
//! the reading of JSON bodies within their limit. May import: `inbox`, `clock`, `store`, the engine crate.
//! Never: what a route does. It stands one floor above `store` and one below the serving rooms, so that
//! `web` and `intake` share it without knowing each other.

mod access;
mod ask;
mod body;
mod check;
mod problem;
mod token;

#[cfg(test)]
pub(crate) mod test_world;

pub use access::{Access, Declared, Role, Routes};
pub use ask::Once;
pub use body::{Asked, BODY_LIMIT, JsonBody, Params};
pub use check::{COOKIE, Caller, Gate, StandingAdmin, cookie, same_origin};
pub use problem::Problem;
pub use token::{TokenHash, fresh_token, hash_token};
