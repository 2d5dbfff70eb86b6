//! An impostor between a client and a server: a host whose certificate the client accepts, and
//! that serves what it likes. What it does not lie about, it passes on.
//!
//! What never comes in: which lie is told when, and what a client must make of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::front::{Front, pass_on};
use crate::wire::{Endpoint, Wire};

/// Every document of a collection at one moment, by role.
pub type Recording = BTreeMap<String, Vec<u8>>;

/// One piece of an answer without end.
static PIECE: [u8; 65_536] = [b' '; 65_536];

/// An impostor on a port of its own.
#[derive(Debug)]
pub struct Impostor {
    front: Front,
    act: Arc<Act>,
}

/// What is answered instead of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lie {
    /// These bytes, under whatever name or digest the role was asked for.
    Bytes(Vec<u8>),
    /// Bytes without end, and without saying how many.
    Endless,
    /// An error with this status: 404, that there is nothing; 503, that it cannot be looked up.
    Status(u16),
}

impl Impostor {
    /// Opens one before `server`, with a certificate made in `folder`.
    ///
    /// # Errors
    /// No port is free or the folder cannot be written.
    pub async fn open(folder: &Path, server: &Endpoint) -> Result<Self> {
        let act = Arc::new(Act {
            wire: Wire::to(server)?,
            lies: Mutex::default(),
            told: Mutex::default(),
            endless_bytes: AtomicUsize::new(0),
        });
        let router = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&act));
        let front = Front::open(folder, "impostor", router).await?;
        Ok(Self { front, act })
    }

    /// Where clients come to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.front.endpoint()
    }

    /// Lies about `role` from now on.
    pub fn lie(&self, role: &str, lie: Lie) {
        lock(&self.act.lies).insert(role.to_owned(), lie);
    }

    /// Serves all of a recording from now on.
    pub fn show(&self, recording: &Recording) {
        for (role, bytes) in recording {
            self.lie(role, Lie::Bytes(bytes.clone()));
        }
    }

    /// Tells the truth from now on.
    pub fn repent(&self) {
        lock(&self.act.lies).clear();
    }

    /// The roles that were lied about since [`Impostor::forget_told`], in the order of the
    /// requests.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        lock(&self.act.told).clone()
    }

    /// Forgets which lies were told; they are told all the same.
    pub fn forget_told(&self) {
        lock(&self.act.told).clear();
    }

    /// How many bytes of answers without end were fetched so far.
    #[must_use]
    pub fn endless_bytes(&self) -> usize {
        self.act.endless_bytes.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Act {
    wire: Wire,
    lies: Mutex<BTreeMap<String, Lie>>,
    told: Mutex<Vec<String>>,
    endless_bytes: AtomicUsize,
}

async fn answer(
    State(act): State<Arc<Act>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let role = role_asked_for(uri.path()).filter(|_| method == Method::GET);
    let lie = role.and_then(|role| Some((role, lock(&act.lies).get(role).cloned()?)));
    let Some((role, lie)) = lie else {
        return pass_on(&act.wire, method, &uri, &headers, body).await;
    };
    lock(&act.told).push(role.to_owned());
    match lie {
        Lie::Bytes(bytes) => bytes.into_response(),
        Lie::Endless => Body::from_stream(stream::repeat_with(move || {
            act.endless_bytes.fetch_add(PIECE.len(), Ordering::SeqCst);
            Ok::<_, Infallible>(Bytes::from_static(&PIECE))
        }))
        .into_response(),
        Lie::Status(status) => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY).into_response()
        }
    }
}

/// The role in `…/ROLE.json`, `…/ROLE.DIGEST.json` or `…/VERSION.ROLE.json`.
fn role_asked_for(path: &str) -> Option<&str> {
    let (_, file) = path.split_once("/_trust/tuf/")?;
    let file = file.strip_suffix(".json")?;
    match file.split_once('.') {
        None => Some(file),
        Some((version, role)) if version.bytes().all(|byte| byte.is_ascii_digit()) => Some(role),
        Some((role, _digest)) => Some(role),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_known_by_name_digest_and_version() {
        for (file, role) in [
            ("timestamp.json", Some("timestamp")),
            ("targets/a.0a1b.json", Some("targets/a")),
            ("2.root.json", Some("root")),
            ("timestamp.key", None),
        ] {
            assert_eq!(role_asked_for(&format!("/v2/gun/_trust/tuf/{file}")), role, "{file}");
        }
        assert_eq!(role_asked_for("/v2/"), None);
    }
}
