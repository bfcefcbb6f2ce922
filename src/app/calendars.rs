//! Keeping a good copy of every calendar that comes from a web address: fetched when the server starts and every
//! day, kept beside the configuration, taken into force when it changed. Whatever comes that is not a calendar
//! leaves the copy as it is.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use watchbell_config::{CalendarFeed, ICAL_MAX_BYTES, IcalProblem, Secret, ical_days};
use watchbell_engine::ids::CalendarId;
use watchbell_engine::time::{Millis, after};

use crate::clock::Clock;
use crate::inbox::{Control, Live};
use crate::telemetry::Metrics;

/// How often a calendar is fetched that came well.
const EVERY: Millis = Millis::hours(24);

/// How soon one is tried again that did not.
const AGAIN: Millis = Millis::hours(1);

/// How often we look whether something is due, or new in the configuration.
const LOOK: Duration = Duration::from_secs(30);

/// A fetch has this long in all.
const WITHIN: Duration = Duration::from_secs(10);

/// Public calendars move to other addresses now and then.
const REDIRECTS: usize = 5;

/// Named in every request.
const USER_AGENT: &str = concat!("watchbell/", env!("CARGO_PKG_VERSION"));

/// What the keeper needs.
pub(super) struct Deps {
    pub(super) live: Arc<Live>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

/// Why there is no new copy.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    /// The address is left out: it may hold a key.
    #[error("it could not be fetched: {0}")]
    Http(reqwest::Error),
    #[error("it is larger than 2 MiB")]
    TooLarge,
    #[error("it is not UTF-8")]
    NotText,
    #[error(transparent)]
    NotACalendar(#[from] IcalProblem),
    #[error("the copy could not be written: {0}")]
    Write(#[from] std::io::Error),
    #[error("the work was broken off")]
    BrokenOff,
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

/// Keeps the copies of the configuration in force until `stop`.
pub(super) async fn run(deps: Deps, stop: CancellationToken) {
    let client = match client() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "calendars cannot be fetched"),
    };
    let mut due: BTreeMap<CalendarId, (Secret, Timestamp)> = BTreeMap::new();
    loop {
        let feeds = deps.live.config.load().calendar_feeds.clone();
        due.retain(|id, (url, _)| feeds.get(id).is_some_and(|feed| feed.url == *url));
        let mut changed = false;
        for (id, feed) in &feeds {
            if due.get(id).is_some_and(|(_, at)| *at > deps.clock.now()) {
                continue;
            }
            let fetched = tokio::select! {
                () = stop.cancelled() => return,
                fetched = renew(&client, feed) => fetched,
            };
            let outcome = if fetched.is_ok() { "ok" } else { "failed" };
            deps.metrics.calendar_fetches.with_label_values(&[id.as_str(), outcome]).inc();
            let pause = match fetched {
                Ok(is_new) => {
                    tracing::info!(calendar = %id, is_new, "calendar fetched");
                    changed |= is_new;
                    EVERY
                }
                Err(error) => {
                    tracing::warn!(calendar = %id, %error, "the calendar stays as it was last fetched");
                    AGAIN
                }
            };
            due.insert(id.clone(), (feed.url.clone(), after(deps.clock.now(), pause)));
        }
        if changed {
            reload(&deps.live).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    let redirects = reqwest::redirect::Policy::limited(REDIRECTS);
    reqwest::Client::builder().user_agent(USER_AGENT).redirect(redirects).no_proxy().timeout(WITHIN).build()
}

/// Fetches one and keeps it where it is good; says whether it is another one than before.
async fn renew(client: &reqwest::Client, feed: &CalendarFeed) -> Result<bool, FetchError> {
    let text = fetch(client, feed.url.reveal()).await?;
    ical_days(&text)?;
    let copy = feed.copy.clone();
    let written = tokio::task::spawn_blocking(move || keep(&copy, &text)).await;
    Ok(written.map_err(|_| FetchError::BrokenOff)??)
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<String, FetchError> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > ICAL_MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| FetchError::NotText)
}

/// Writes the copy whole or not at all; says whether it is another one than before.
fn keep(copy: &Path, text: &str) -> std::io::Result<bool> {
    if std::fs::read(copy).is_ok_and(|before| before == text.as_bytes()) {
        return Ok(false);
    }
    let dir = copy.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(copy)?;
    Ok(true)
}

/// Puts the new days in force. Where that would change who is on duty at this moment, a person decides.
async fn reload(live: &Live) {
    let (reply, outcome) = oneshot::channel();
    if live.control.send(Control::Reload { accept_shift_change: false, reply }).await.is_err() {
        return; // the process is ending
    }
    if let Ok(Err(refused)) = outcome.await {
        let why = refused.mistakes.join("; ");
        tracing::warn!(why, "a calendar changed and is not in force yet: {}", refused.summary);
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use http::StatusCode;

    use super::*;

    const GOOD: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260501\nEND:VEVENT\nEND:VCALENDAR\n";

    async fn site() -> String {
        let routes = Router::new()
            .route("/good", get(|| async { GOOD }))
            .route("/empty", get(|| async { "BEGIN:VCALENDAR\nEND:VCALENDAR\n" }))
            .route("/page", get(|| async { "<html>please sign in</html>" }))
            .route("/gone", get(|| async { StatusCode::GONE }))
            .route("/large", get(|| async { vec![b' '; ICAL_MAX_BYTES + 1] }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn only_a_calendar_takes_the_place_of_the_last_good_copy() {
        let (site, dir) = (site().await, tempfile::tempdir().expect("a directory"));
        let copy = dir.path().join("calendars/own.ics");
        let client = client().expect("a client");
        let renewed = async |path: &str| {
            let feed = CalendarFeed { url: Secret::new(format!("{site}{path}")), copy: copy.clone() };
            renew(&client, &feed).await.map_err(|error| error.to_string())
        };
        assert_eq!(renewed("/good").await, Ok(true));
        assert_eq!(renewed("/good").await, Ok(false), "the same again is nothing new");
        for path in ["/empty", "/page", "/gone", "/large", "/missing"] {
            let why = renewed(path).await.expect_err(path);
            assert!(!why.contains("127.0.0.1"), "the address is not told: {why}");
            assert_eq!(std::fs::read_to_string(&copy).expect("the copy"), GOOD, "{path}");
        }
        let files = std::fs::read_dir(copy.parent().expect("a directory")).expect("readable").count();
        assert_eq!(files, 1, "nothing is left behind");
    }
}
