//! The addresses of calendar feeds.

use axum::Json;
use axum::extract::State;

use super::super::App;
use super::super::feed::Feed;
use super::key;
use super::shapes::FeedView;
use crate::gate::{Params, Problem};

/// `GET people/{id}/feed`
pub(super) async fn of_person(State(app): State<App>, Params(text): Params<String>) -> Result<Json<FeedView>, Problem> {
    let config = app.live.config.load_full();
    let (id, _) = key(&config.catalog.people, &text, "person")?;
    Ok(Json(address(&app, &Feed::Person(id.clone()))))
}

/// `GET rotations/{id}/feed`
pub(super) async fn of_rotation(
    State(app): State<App>,
    Params(text): Params<String>,
) -> Result<Json<FeedView>, Problem> {
    let config = app.live.config.load_full();
    let (id, _) = key(&config.catalog.rotations, &text, "rotation")?;
    Ok(Json(address(&app, &Feed::Rotation(id.clone()))))
}

fn address(app: &App, feed: &Feed) -> FeedView {
    let base = app.live.config.load().server.public_url.clone();
    let path = app.links.feed_path(feed);
    let webcal = match base.split_once("://") {
        Some(("https", rest)) => format!("webcals://{rest}{path}"),
        Some((_, rest)) => format!("webcal://{rest}{path}"),
        None => format!("{base}{path}"),
    };
    FeedView { url: format!("{base}{path}"), webcal }
}
