//! Notary's own signer on PostgreSQL.

use std::fs;
use std::path::Path;

use anyhow::Result;
use countersign_tests::peers::certs::Authority;
use countersign_tests::peers::go_notary::{GoNotary, SIGNER_TABLES};
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::peers::process::{Process, Program, find, free_port};
use serde_json::json;

use crate::signer::{Running, Signer};

/// What it is.
pub(crate) const NAME: &str = "Notary's signer, on PostgreSQL";

/// Starts it, and has keys made.
pub(crate) async fn start(directory: &Path, keys: usize) -> Result<Signer> {
    let postgres = Postgres::start().await?;
    postgres.create_database(GoNotary::SIGNER_DATABASE, SIGNER_TABLES).await?;
    let authority = Authority::create(directory, "CA of the Go signer")?;
    authority.leaf("signer")?;
    authority.leaf("client")?;
    let port = free_port()?;
    let config = json!({
        "server": {
            "grpc_addr": format!("127.0.0.1:{port}"),
            "tls_cert_file": "signer.crt",
            "tls_key_file": "signer.key",
            "client_ca_file": "ca.crt",
        },
        "logging": { "level": "error" },
        "storage": {
            "backend": "postgres",
            "db_url": format!(
                "postgres://postgres@127.0.0.1:{}/{}?sslmode=disable",
                postgres.port(),
                GoNotary::SIGNER_DATABASE
            ),
            "default_alias": GoNotary::ALIAS,
        },
    });
    let file = directory.join("signer.json");
    fs::write(&file, config.to_string())?;
    let program = Program::new(find("notary-signer", "notary")?)
        .args(["-config".to_owned(), file.to_string_lossy().into_owned()])
        .env("NOTARY_SIGNER_DEFAULT_ALIAS", GoNotary::ALIAS)
        .env("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE);
    let mut process = Process::spawn("notary-signer", &program, None)?;
    process.listens(port).await?;
    Signer::ask(NAME, directory, port, Running::Go(process, postgres), keys).await
}
