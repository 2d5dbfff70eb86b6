//! A server of keys that answers as it is told, and counts.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::TokenService;

/// What is answered.
#[derive(Clone)]
pub(super) enum Answer {
    Body(String),
    Status(StatusCode),
    RedirectTo(String),
}

struct State {
    answer: Answer,
    asked: usize,
}

/// The server, for as long as the test's runtime lives.
pub(super) struct KeyServer {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

impl KeyServer {
    pub(super) async fn start(answer: Answer) -> Self {
        let state = Arc::new(Mutex::new(State { answer, asked: 0 }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let shared = Arc::clone(&state);
        let router = Router::new().fallback(move || {
            let shared = Arc::clone(&shared);
            async move { shared.lock().unwrap().next() }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub(super) fn set(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    pub(super) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }
}

impl State {
    fn next(&mut self) -> Response {
        self.asked += 1;
        match &self.answer {
            Answer::Body(text) => text.clone().into_response(),
            Answer::Status(status) => status.into_response(),
            Answer::RedirectTo(url) => {
                (StatusCode::FOUND, [(header::LOCATION, url.clone())]).into_response()
            }
        }
    }
}

/// The key set of `signers`.
pub(super) fn keys_of(signers: &[&TokenService]) -> Answer {
    let keys: Vec<_> = signers.iter().map(|signer| signer.named_jwk()).collect();
    Answer::Body(json!({ "keys": keys }).to_string())
}
