//! One request for the keys behind a URL, bounded in every way.

use std::sync::Arc;
use std::time::Duration;

use countersign_access::token::Jwks;
use futures_util::StreamExt as _;
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::settings::JwksUrl;
use super::sources::{TokenKeysError, contents};

/// How long one request may take in all.
const WITHIN: Duration = Duration::from_secs(5);

/// The largest key set, in bytes.
const MAX_BYTES: usize = 512 << 10;

/// The key set behind a URL, fetched once. A redirect is not followed.
pub(super) async fn fetch_keys_once(from: &JwksUrl) -> Result<Jwks, TokenKeysError> {
    let failed = |cause: String| TokenKeysError::Fetch { url: from.url.clone(), cause };
    let roots = from.clone();
    let config = tokio::task::spawn_blocking(move || tls(&roots)).await;
    let config = config.map_err(|error| failed(error.to_string()))??;
    let client = Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(Policy::none())
        .no_proxy()
        .timeout(WITHIN)
        .build()
        .map_err(|error| failed(reason(&error)))?;
    let answer = client.get(&from.url).header(ACCEPT, "application/json").send().await;
    let answer = answer.map_err(|error| failed(reason(&error)))?;
    let text = body(answer).await.map_err(failed)?;
    Jwks::parse(&text).map_err(|cause| failed(format!("the answer is no key set: {cause}")))
}

async fn body(answer: Response) -> Result<Vec<u8>, String> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(format!("it answers {status}, which is not followed: name the last URL"));
    }
    if status != 200 {
        return Err(format!("it answers {status}"));
    }
    let mut pieces = answer.bytes_stream();
    let mut text = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| reason(&error))?;
        if text.len().saturating_add(piece.len()) > MAX_BYTES {
            return Err(format!("the answer has more than {MAX_BYTES} bytes"));
        }
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

fn tls(from: &JwksUrl) -> Result<ClientConfig, TokenKeysError> {
    let failed = |cause: String| TokenKeysError::Fetch { url: from.url.clone(), cause };
    let mut roots = RootCertStore::empty();
    match &from.ca {
        Some(path) => {
            let text = contents(path)?;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                let certificate = certificate
                    .map_err(|error| failed(format!("{}: no PEM: {error}", path.display())))?;
                roots.add(certificate).map_err(|error| {
                    failed(format!("{}: no authority: {error}", path.display()))
                })?;
            }
            if roots.is_empty() {
                return Err(failed(format!("{}: no certificate in it", path.display())));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// What went wrong, to the bottom, without the URL, which is named anyway.
fn reason(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if error.is_timeout() {
        format!("no answer within {} seconds", WITHIN.as_secs())
    } else if text.is_empty() {
        "it cannot be reached".to_owned()
    } else {
        text
    }
}

/// Whether the authorities of `from` can be read.
pub(super) fn check(from: &JwksUrl) -> Result<(), TokenKeysError> {
    match from.ca {
        Some(_) => tls(from).map(|_| ()),
        None => Ok(()),
    }
}
