//! A server of keys that answers as it is told, and counts.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tempfile::TempDir;

use super::TokenService;
use crate::testing::now;
use crate::tls::generated;

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

/// A server over TLS, and the authority of its certificate.
pub(super) struct TlsKeyServer {
    pub(super) server: KeyServer,
    pub(super) ca: PathBuf,
    _dir: TempDir,
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
        tokio::spawn(async move { axum::serve(listener, router(shared)).await });
        Self { url, state }
    }

    pub(super) fn start_tls(answer: Answer) -> TlsKeyServer {
        let dir = tempfile::tempdir().unwrap();
        let files = generated::ensure(&dir.path().join("certs"), &[], now()).unwrap();
        let chain = CertificateDer::pem_file_iter(&files.cert).unwrap();
        let chain = chain.collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let state = Arc::new(Mutex::new(State { answer, asked: 0 }));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://localhost:{}/jwks", listener.local_addr().unwrap().port());
        let config = RustlsConfig::from_config(Arc::new(config));
        let serving = axum_server::from_tcp_rustls(listener, config).unwrap();
        let service = router(Arc::clone(&state)).into_make_service();
        tokio::spawn(serving.serve(service));
        TlsKeyServer { server: Self { url, state }, ca: files.ca_cert, _dir: dir }
    }

    pub(super) fn set(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    pub(super) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }
}

fn router(state: Arc<Mutex<State>>) -> Router {
    Router::new().fallback(move || {
        let state = Arc::clone(&state);
        async move { state.lock().unwrap().next() }
    })
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
