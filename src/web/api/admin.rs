//! Test pages, reload, tokens.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use tokio::sync::oneshot;
use tokio::time::timeout;
use watchbell_engine::ids::TestId;
use watchbell_engine::input::{Answer, Deed};
use watchbell_engine::view::TestView;

use super::super::App;
use super::shapes::{NewToken, ReloadAsk, TestAsk, TokenAsk, TokenView, Tokens};
use super::{act, id, unexpected};
use crate::gate::{Caller, JsonBody, Once, Params, Problem, fresh_token, hash_token};
use crate::inbox::{Control, ReloadDone, ReloadRefused};
use crate::store::CreateTokenError;

/// How long a reload may take: the configuration of 10,000 probes is read in a second.
const RELOAD_WITHIN: Duration = Duration::from_secs(30);

/// The longest name of a token, characters.
const NAME_MAX: usize = 64;

/// `POST test-pages`: 202; `GET test-pages/{id}` tells what became of it.
pub(super) async fn test_page(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    once: Once,
    JsonBody(ask): JsonBody<TestAsk>,
) -> Result<(StatusCode, Json<serde_json::Value>), Problem> {
    let deed = Deed::TestPage { person: ask.person.clone(), channel: ask.channel.clone() };
    match act(&app, &once, &caller, deed).await? {
        Answer::Test(id) => {
            let known = app.live.view.load().tests.iter().find(|t| t.id == id).cloned();
            let body = known.map_or_else(
                || serde_json::json!({ "id": id, "person": ask.person, "channel": ask.channel, "at": null, "receipt": null, "detail": null }),
                |test| serde_json::json!(test),
            );
            Ok((StatusCode::ACCEPTED, Json(body)))
        }
        other => Err(unexpected(&other)),
    }
}

/// `GET test-pages/{id}`
pub(super) async fn tested(State(app): State<App>, Params(text): Params<String>) -> Result<Json<TestView>, Problem> {
    let test: TestId = id(&text)?;
    let known = app.live.view.load().tests.iter().find(|t| t.id == test).cloned();
    known.map(Json).ok_or_else(|| Problem::not_found(format!("{test} is not among the last test pages")))
}

/// `POST reload`: reads the configuration again and puts it in force, or changes nothing.
pub(super) async fn reload(
    State(app): State<App>,
    JsonBody(ask): JsonBody<ReloadAsk>,
) -> Result<Json<ReloadDone>, Problem> {
    let (reply, answer) = oneshot::channel();
    let control = Control::Reload { accept_shift_change: ask.accept_shift_change, reply };
    app.live.control.try_send(control).map_err(|_| Problem::unavailable("another reload is under way"))?;
    match timeout(RELOAD_WITHIN, answer).await {
        Ok(Ok(Ok(done))) => Ok(Json(done)),
        Ok(Ok(Err(refused))) => Err(not_reloaded(refused)),
        Ok(Err(_)) => Err(Problem::unavailable("watchbell is stopping")),
        Err(_) => Err(Problem::unavailable("the reload did not end in time; it may still take place")),
    }
}

fn not_reloaded(refused: ReloadRefused) -> Problem {
    let problem = if refused.shift_change {
        Problem::conflict(&refused.summary).help("look at the change, then ask again with accept_shift_change: true")
    } else {
        Problem::invalid(&refused.summary)
            .help("nothing was changed; `watchbell check` shows every mistake with its place")
    };
    problem
        .with("mistakes", refused.mistakes)
        .with("shift_change", refused.shift_change)
        .with("changes", serde_json::json!(refused.changes))
}

/// `GET tokens`: names and roles, never a token.
pub(super) async fn tokens(State(app): State<App>) -> Result<Json<Tokens>, Problem> {
    let rows = app.store.tokens().await?;
    let tokens = rows
        .into_iter()
        .map(|r| TokenView { name: r.name, role: r.role, created_at: r.created_at, last_used: r.last_used })
        .collect();
    Ok(Json(Tokens { tokens, next: None }))
}

/// `POST tokens`: 201 with the token, which is shown this once.
pub(super) async fn create_token(
    State(app): State<App>,
    JsonBody(ask): JsonBody<TokenAsk>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let name = ask.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(char::is_control) || name.contains('/') {
        return Err(Problem::invalid(format!("`name` must have 1 to {NAME_MAX} characters and no slash")));
    }
    let token = fresh_token(&SystemRandom::new()).ok_or_else(|| Problem::ours("the system gives no random bytes"))?;
    match app.store.create_token(&name, ask.role.as_str(), &hash_token(&token).0, app.clock.now()).await {
        Ok(()) => (),
        Err(taken @ CreateTokenError::NameTaken(_)) => return Err(Problem::conflict(taken.to_string())),
        Err(CreateTokenError::Store(error)) => return Err(error.into()),
    }
    tracing::info!(token.name = %name, token.role = %ask.role, "a token was made");
    Ok((StatusCode::CREATED, Json(NewToken { name, role: ask.role, token })))
}

/// `DELETE tokens/{name}`: 204.
pub(super) async fn revoke_token(State(app): State<App>, Params(name): Params<String>) -> Result<StatusCode, Problem> {
    if app.store.revoke_token(&name).await? {
        tracing::info!(token.name = %name, "a token was revoked");
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found(format!("there is no token `{name}`")).help("GET /api/v1/tokens lists them"))
}
