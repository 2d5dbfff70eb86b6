//! The Go server with the certificate of our token service as its bundle.

use std::fs;

use anyhow::{Result, ensure};
use countersign_tests::peers::certs::Authority;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::process::{Process, Program, find, free_port};
use countersign_tests::wire::Endpoint;
use serde_json::json;

use crate::world::{Issuing, NOT_AUTHORIZED, PASSWORD, notary_fails, notary_ok};

const GUN: &str = "registry.example/team/app";
const SERVICE: &str = "notary.example";

/// A Go server that takes the tokens of `issuer`, and an endpoint whose CA file vouches for both.
async fn go_server(issuing: &Issuing, issuer: &Countersign) -> Result<(Process, Endpoint)> {
    let folder = issuing.folder();
    let (authority, port) = (Authority::create(folder, "CA of the Go server")?, free_port()?);
    let pair = authority.leaf("server")?;
    let config = json!({
        "server": {
            "http_addr": format!("127.0.0.1:{port}"),
            "tls_cert_file": pair.certificate,
            "tls_key_file": pair.key,
        },
        "trust_service": { "type": "local" },
        "storage": { "backend": "memory" },
        "logging": { "level": "info" },
        "auth": { "type": "token", "options": {
            "realm": format!("{}/token", issuer.endpoint().url()),
            "service": SERVICE,
            "issuer": "countersign",
            "rootcertbundle": issuer.data().join("certs/token.crt"),
        } },
    });
    let file = folder.join("notary.json");
    fs::write(&file, config.to_string())?;
    let program = Program::new(find("notary-server", "notary")?)
        .args(["-config".to_owned(), file.to_string_lossy().into_owned()]);
    let mut process = Process::spawn("notary-server", &program, None)?;
    process.listens(port).await?;
    let both = folder.join("both.crt");
    let cas = [authority.certificate(), issuer.endpoint().ca().to_owned()];
    let cas: Result<Vec<String>, _> = cas.iter().map(fs::read_to_string).collect();
    fs::write(&both, cas?.concat())?;
    Ok((process, Endpoint::new(port, both)))
}

#[tokio::test]
async fn the_go_server_takes_our_tokens_by_the_certificate_of_their_key() -> Result<()> {
    let issuing = Issuing::start(&format!("[[tokens.services]]\nname = '{SERVICE}'\n")).await?;
    let (_go, endpoint) = go_server(&issuing, &issuing.server).await?;
    let client = |name: &str| NotaryClient::new(&issuing.folder().join(name), &endpoint);
    let alice = client("alice")?.named("alice", PASSWORD);
    let file = issuing.folder().join("file");
    fs::write(&file, "content")?;
    notary_ok(&alice, &["init", "--publish", GUN]).await?;
    notary_ok(&alice, &["add", "--publish", GUN, "v1", &file.to_string_lossy()]).await?;
    notary_ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    ensure!(notary_ok(&alice, &["list", GUN]).await?.says("v1"));
    let bob = client("bob")?.named("bob", PASSWORD);
    ensure!(notary_ok(&bob, &["list", GUN]).await?.says("v1"));
    notary_fails(&client("nobody")?, &["list", GUN], NOT_AUTHORIZED).await?;
    let guessing = client("guessing")?.named("bob", "a guess");
    notary_fails(&guessing, &["list", GUN], "incorrect user name or password").await?;
    notary_ok(&alice, &["delete", "--remote", GUN]).await?;
    Ok(())
}
