//! The page with which people break the expense service, and its state as JSON.
//!
//! May import: nothing beside this room. Never: the watchbell side; what breaking leads to is for the
//! probes to find out.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Json, Router};
use serde::Deserialize;

use super::service::{BreakState, Fault, Service};

/// The value of the button that mends everything.
pub const HEAL: &str = "heal";

/// `GET|POST /break` and `GET /break.json`.
pub fn router(service: Service) -> Router {
    Router::new().route("/break", get(show).post(switch)).route("/break.json", get(state)).with_state(service)
}

#[derive(Template)]
#[template(path = "demo/break.html")]
struct BreakPage {
    rows: Vec<Row>,
    healthy: bool,
    served: u64,
}

struct Row {
    name: &'static str,
    zh: &'static str,
    en: &'static str,
    /// Since when, in UTC; `None` while it works.
    since: Option<String>,
}

async fn show(State(service): State<Service>) -> Response {
    let state = service.state();
    let row = |fault: Fault| {
        let (zh, en) = fault.button();
        let since = state.faults.get(&fault).map(|at| at.strftime("%H:%M:%S").to_string());
        Row { name: fault.as_str(), zh, en, since }
    };
    let page = BreakPage {
        rows: Fault::ALL.into_iter().map(row).collect(),
        healthy: state.faults.is_empty(),
        served: state.served.values().sum(),
    };
    show_page(&page)
}

#[derive(Deserialize)]
struct Switch {
    #[serde(rename = "do")]
    what: String,
}

async fn switch(State(service): State<Service>, Form(asked): Form<Switch>) -> Response {
    match (asked.what.as_str(), Fault::named(&asked.what)) {
        (HEAL, _) => service.heal(),
        (_, Some(fault)) => service.break_it(fault),
        (_, None) => {
            let known = Fault::ALL.map(Fault::as_str).join(", ");
            return (StatusCode::BAD_REQUEST, format!("`do` takes {known} or {HEAL}\n")).into_response();
        }
    }
    Redirect::to("/demo/break").into_response()
}

async fn state(State(service): State<Service>) -> Json<BreakState> {
    Json(service.state())
}

/// A rendered page, or a plain 500: a template that fails is our own mistake, and the demo goes on.
pub(super) fn show_page(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, format!("the page cannot be shown: {e}\n")).into_response(),
    }
}
