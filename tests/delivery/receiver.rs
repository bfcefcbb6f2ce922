//! An HTTP server that keeps what it gets and answers as it is told.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// A request that came in.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Say {
    /// A status, headers and a body.
    Answer(StatusCode, Vec<(&'static str, &'static str)>, String),
    /// Nothing, ever.
    Nothing,
}

#[derive(Clone)]
pub(super) struct Receiver(Arc<Inner>);

struct Inner {
    base: String,
    got: Mutex<Vec<Got>>,
    say: Mutex<Say>,
}

impl Receiver {
    pub(super) async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let receiver = Self(Arc::new(Inner { base, got: Mutex::default(), say: Mutex::new(Say::Nothing) }));
        receiver.say(status, &[], "");
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    pub(super) fn say(&self, status: u16, headers: &[(&'static str, &'static str)], body: &str) {
        let status = StatusCode::from_u16(status).expect("a status");
        *lock(&self.0.say) = Say::Answer(status, headers.to_vec(), body.into());
    }

    pub(super) fn hang(&self) {
        *lock(&self.0.say) = Say::Nothing;
    }

    /// An address below it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.base)
    }

    pub(super) fn got(&self) -> Vec<Got> {
        lock(&self.0.got).clone()
    }
}

async fn take(State(receiver): State<Receiver>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    lock(&receiver.0.got).push(Got { method, uri, headers, body });
    let say = lock(&receiver.0.say).clone();
    match say {
        Say::Nothing => std::future::pending().await,
        Say::Answer(status, headers, body) => {
            let mut response = (status, body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().expect("a header value"));
            }
            response
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
