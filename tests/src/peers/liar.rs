//! A server that breaks its promises when it is told to: a proxy before an honest one.
//!
//! What never comes in: which promise is broken when, and who should notice.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, Uri};

use super::front::{Front, pass_on};
use crate::upload;
use crate::wire::{Endpoint, Wire};

/// A liar on a port of its own.
#[derive(Debug)]
pub struct Liar {
    front: Front,
    act: Arc<Act>,
}

#[derive(Debug)]
struct Act {
    wire: Wire,
    /// What the next GET of a path gets.
    answers: Mutex<HashMap<String, Vec<u8>>>,
    /// The role that publishes with it are robbed of.
    loses: Mutex<Option<String>>,
    told: AtomicUsize,
}

impl Liar {
    /// Opens one before `server`, with a certificate made in `folder`.
    ///
    /// # Errors
    /// No port is free or the folder cannot be written.
    pub async fn open(folder: &Path, server: &Endpoint) -> Result<Self> {
        let act = Arc::new(Act {
            wire: Wire::to(server)?,
            answers: Mutex::default(),
            loses: Mutex::default(),
            told: AtomicUsize::new(0),
        });
        let router = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&act));
        let front = Front::open(folder, "liar", router).await?;
        Ok(Self { front, act })
    }

    /// Where clients come to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.front.endpoint()
    }

    /// Answers the next GET of this path with these bytes.
    pub fn answer_once(&self, path: &str, bytes: Vec<u8>) {
        let mut answers = self.act.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(path.to_owned(), bytes);
    }

    /// From now on takes `role` out of each publish that has it and another one, passes on the rest,
    /// and says what the server says to that; one that is refused is no lie.
    pub fn lose_parts(&self, role: &str) {
        *self.act.loses.lock().unwrap_or_else(PoisonError::into_inner) = Some(role.to_owned());
    }

    /// How many lies were told.
    #[must_use]
    pub fn told(&self) -> usize {
        self.act.told.load(Ordering::SeqCst)
    }
}

async fn answer(
    State(act): State<Arc<Act>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::GET {
        let lie = act.answers.lock().unwrap_or_else(PoisonError::into_inner).remove(uri.path());
        if let Some(bytes) = lie {
            act.told.fetch_add(1, Ordering::SeqCst);
            return bytes.into_response();
        }
    }
    let Some(rest) = act.rob(&method, &body) else {
        return pass_on(&act.wire, method, &uri, &headers, body).await;
    };
    let response = pass_on(&act.wire, method, &uri, &headers, rest).await;
    if response.status().is_success() {
        act.told.fetch_add(1, Ordering::SeqCst);
    }
    response
}

impl Act {
    /// The body without the part that is to be lost, if it has that one.
    fn rob(&self, method: &Method, body: &Bytes) -> Option<Bytes> {
        let loses = self.loses.lock().unwrap_or_else(PoisonError::into_inner);
        let role = loses.as_ref().filter(|_| method == Method::POST)?;
        let text = std::str::from_utf8(body).ok()?;
        let parts: Vec<(String, Vec<u8>)> = text.split("--edge\r\n").filter_map(part).collect();
        let rest: Vec<_> = parts.iter().filter(|(name, _)| name != role).cloned().collect();
        let is_robbed = !rest.is_empty() && rest.len() < parts.len();
        is_robbed.then(|| upload::form(&rest).into())
    }
}

/// Role and bytes of a part as [`upload::form`] writes it.
fn part(text: &str) -> Option<(String, Vec<u8>)> {
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let role = head.split_once("filename=\"")?.1.strip_suffix('"')?;
    let bytes = rest.split_once("\r\n")?.0;
    Some((role.to_owned(), bytes.as_bytes().to_vec()))
}
