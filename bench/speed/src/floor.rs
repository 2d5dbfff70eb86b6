//! The floor: what a server costs that only has to find bytes in memory.
//!
//! A bare axum handler, in a process of its own, with our TLS set-up, our certificate and the
//! answers that our server gave, headers and all. It has none of our server's bounds on
//! connections and requests: they are part of what is compared with it.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use countersign_server::tls::{ClientPolicy, Identity, LiveTls};
use countersign_tests::peers::process::{Process, Program, steady_port};
use countersign_tests::wire::{Answer, Endpoint};
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use hyper_util::rt::TokioTimer;
use serde::{Deserialize, Serialize};

/// How long a connection may be idle, as with our server.
const IDLE: Duration = Duration::from_secs(60);

/// What the process of the floor is told.
#[derive(Debug, Args)]
pub(crate) struct FloorArguments {
    /// The file of the answers
    #[arg(long)]
    answers: PathBuf,
    /// The directory of `server.crt` and `server.key`
    #[arg(long)]
    certs: PathBuf,
    /// The port on loopback
    #[arg(long)]
    port: u16,
}

/// One answer, as the file has it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct KeptAnswer {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl KeptAnswer {
    /// What the server answered to a GET of `path`, without what HTTP adds by itself.
    pub(crate) fn of(path: &str, answer: &Answer) -> Result<Self> {
        let mut headers = Vec::new();
        for (name, value) in &answer.headers {
            if *name != DATE && *name != CONTENT_LENGTH {
                headers.push((name.to_string(), value.to_str()?.to_owned()));
            }
        }
        Ok(Self { path: path.to_owned(), headers, body: STANDARD.encode(&answer.body) })
    }
}

type Answers = HashMap<String, (HeaderMap, Bytes)>;

/// Starts the floor in a process of its own, with the certificates of the server whose `answers`
/// it gives.
pub(crate) async fn start(
    directory: &Path,
    server: &Endpoint,
    answers: &[KeptAnswer],
) -> Result<(Process, Endpoint)> {
    let file = directory.join("answers.json");
    fs::write(&file, serde_json::to_vec(answers)?)?;
    let certs = server.ca().parent().context("a certificate without a directory")?;
    let port = steady_port()?;
    let program = Program::new(std::env::current_exe()?)
        .args(["floor", "--answers", &file.to_string_lossy()])
        .args(["--certs", &certs.to_string_lossy(), "--port", &port.to_string()]);
    let mut process = Process::spawn("the floor", &program, None)?;
    process.listens(port).await?;
    Ok((process, server.at(port)))
}

/// Is the floor, until it is killed.
pub(crate) async fn serve(arguments: FloorArguments) -> Result<()> {
    let answers = read(&arguments.answers)?;
    let (cert, key) = (arguments.certs.join("server.crt"), arguments.certs.join("server.key"));
    let tls = LiveTls::new(Identity::load(&cert, &key)?, &ClientPolicy::Anyone)?;
    let config = RustlsConfig::from_config(tls.configuration());
    let acceptor = RustlsAcceptor::new(config).acceptor(NoDelayAcceptor::new());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port))?;
    listener.set_nonblocking(true)?;
    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor);
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    let router = Router::new().fallback(answer).with_state(Arc::new(answers));
    Ok(server.serve(router.into_make_service()).await?)
}

async fn answer(State(answers): State<Arc<Answers>>, uri: Uri) -> Response {
    match answers.get(uri.path()) {
        Some((headers, body)) => (headers.clone(), body.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn read(file: &Path) -> Result<Answers> {
    let kept: Vec<KeptAnswer> = serde_json::from_slice(&fs::read(file)?)?;
    let mut answers = Answers::new();
    for KeptAnswer { path, headers, body } in kept {
        let mut named = HeaderMap::new();
        for (name, value) in headers {
            named.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::try_from(value)?);
        }
        answers.insert(path, (named, Bytes::from(STANDARD.decode(body)?)));
    }
    Ok(answers)
}
