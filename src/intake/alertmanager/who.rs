//! Who asks: the gate knows whoever shows a token in a header; here it is taken from the path.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::gate::{Access, Caller, Problem};
use crate::intake::Intake;

/// Somebody who may look. Nobody needs a token for that where only this machine can ask.
#[derive(Debug)]
pub(in crate::intake) struct Reads;

/// Somebody who may send alerts and keep things quiet.
#[derive(Debug)]
pub(in crate::intake) struct Writes(pub(in crate::intake) Caller);

/// Parts of the path by their names.
async fn parts_of(parts: &mut Parts) -> Result<HashMap<String, String>, Problem> {
    let named = Path::<HashMap<String, String>>::from_request_parts(parts, &()).await;
    named.map(|Path(named)| named).map_err(|e| Problem::malformed(e.body_text()))
}

/// Whoever the path's token belongs to; `None` for a path without one.
async fn in_path(parts: &mut Parts, intake: &Intake, access: Access) -> Result<Option<Caller>, Problem> {
    let Some(token) = parts_of(parts).await?.remove("token") else { return Ok(None) };
    let caller = intake.gate.caller(&token).await?;
    let caller = caller.ok_or_else(|| Problem::unauthorized("the token in the path is not known, or was revoked"))?;
    if access.permits(caller.role) {
        return Ok(Some(caller));
    }
    let detail = format!("`{}` has the role {}; this needs {}", caller.name, caller.role, access.as_str());
    Err(Problem::forbidden(detail, "ask an admin for a token with that role"))
}

impl FromRequestParts<Intake> for Reads {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, intake: &Intake) -> Result<Self, Problem> {
        in_path(parts, intake, Access::Viewer).await.map(|_| Self)
    }
}

impl FromRequestParts<Intake> for Writes {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, intake: &Intake) -> Result<Self, Problem> {
        if let Some(caller) = in_path(parts, intake, Access::Responder).await? {
            return Ok(Self(caller));
        }
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| Problem::unauthorized("this route needs a token"))
    }
}

/// The `{id}` of the path.
#[derive(Debug)]
pub(in crate::intake) struct Id(pub(in crate::intake) String);

impl FromRequestParts<Intake> for Id {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _intake: &Intake) -> Result<Self, Problem> {
        Ok(Self(parts_of(parts).await?.remove("id").unwrap_or_default()))
    }
}
