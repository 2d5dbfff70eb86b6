//! docker's registry, asked without a client: which tokens it takes.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::registry::Registry;
use countersign_trust::{Clock as _, SystemClock};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, date_time_ymd,
};
use reqwest::{Certificate, Client};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::world::{Issuing, PASSWORD, REGISTRY_SERVICE};

/// A client of both, which trusts the server's CA.
fn client(issuing: &Issuing) -> Result<Client> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let ca = Certificate::from_pem(&fs::read(issuing.server.endpoint().ca())?)?;
    Ok(Client::builder().no_proxy().tls_certs_only([ca]).build()?)
}

/// A token for `scope` as `user`, or as nobody.
async fn token(issuing: &Issuing, user: Option<&str>, scope: &str) -> Result<String> {
    let url = format!("{}/token", issuing.server.endpoint().url());
    let query = [("service", REGISTRY_SERVICE), ("scope", scope)];
    let mut request = client(issuing)?.get(url).query(&query);
    if let Some(user) = user {
        request = request.basic_auth(user, Some(PASSWORD));
    }
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    Ok(answer["token"].as_str().context("no token")?.to_owned())
}

/// What the registry answers to a request for the tags of a repository.
async fn tags(issuing: &Issuing, registry: &Registry, path: &str, token: &str) -> Result<u16> {
    let url = format!("http://127.0.0.1:{}/v2/{path}/tags/list", registry.port());
    Ok(client(issuing)?.get(url).bearer_auth(token).send().await?.status().as_u16())
}

#[tokio::test]
async fn a_registry_with_the_printed_lines_takes_the_tokens_and_no_wider_ones() -> Result<()> {
    let issuing = Issuing::start_under_rules().await?;
    let registry = Registry::start_with(&issuing.registry_settings()?).await?;
    // 404: let in, and nothing there.
    for (user, path, expected) in [
        (Some("alice"), "team/app", 404),
        (Some("bob"), "team/app", 404),
        (Some("carol"), "team/app", 401),
        (None, "team/app", 401),
        (Some("carol"), "public/app", 404),
        (None, "public/app", 404),
        (Some("bob"), "elsewhere/app", 401),
    ] {
        let token = token(&issuing, user, &format!("repository:{path}:pull")).await?;
        let status = tags(&issuing, &registry, path, &token).await?;
        ensure!(status == expected, "{user:?} {path}: {status}");
    }
    let other = token(&issuing, Some("alice"), "repository:team/other:pull").await?;
    let status = tags(&issuing, &registry, "team/app", &other).await?;
    ensure!(status == 401, "a token for another repository: {status}");
    Ok(())
}

/// The certificate of the server's token key as it was made 2,500 of its 3,650 days ago.
fn aged(key_pem: &str) -> Result<String> {
    let key = KeyPair::from_pem(key_pem)?;
    let digest = Sha256::digest(key.subject_public_key_info());
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Countersign tokens {short}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    let (now, day) = (SystemClock.now().timestamp(), 86_400);
    let at = |time: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(time.unsigned_abs());
    params.not_before = at(now - 2500 * day);
    params.not_after = at(now + 1150 * day);
    Ok(params.self_signed(&key)?.pem())
}

#[tokio::test]
async fn a_registry_with_the_certificate_from_before_its_renewal_goes_on_taking_tokens()
-> Result<()> {
    let mut issuing = Issuing::start("").await?;
    let certs = issuing.server.data().join("certs");
    let old = aged(&fs::read_to_string(certs.join("token.key"))?)?;
    let (cert, kept) = (certs.join("token.crt"), issuing.folder().join("kept.crt"));
    fs::write(&cert, &old)?;
    fs::write(&kept, &old)?;
    issuing.server.restart().await?;
    let renewed = fs::read_to_string(&cert)?;
    ensure!(renewed.starts_with(&old) && renewed != old, "another one follows it: {renewed}");

    let token = token(&issuing, Some("alice"), "repository:team/app:pull").await?;
    let printed = issuing.registry_settings()?;
    let with_kept = printed.replace(&*cert.to_string_lossy(), &kept.to_string_lossy());
    ensure!(with_kept != printed, "{printed}");
    for lines in [with_kept, printed] {
        let registry = Registry::start_with(&lines).await?;
        let status = tags(&issuing, &registry, "team/app", &token).await?;
        ensure!(status == 404, "{status} with {lines}");
    }
    Ok(())
}
