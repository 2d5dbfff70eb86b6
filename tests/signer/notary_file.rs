//! The files of Notary's signer as ours takes them, and what stops the start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use countersign_custody::remote::protocol::CreateKeyRequest;
use countersign_tests::grpc::{call, connect};
use countersign_tests::peers::certs::{Authority, Pair};
use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::process::{Process, Program, free_port};
use prost::Message as _;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with certificates and a file of Notary's.
struct Site {
    folder: TempDir,
    client: Pair,
    port: u16,
}

impl Site {
    fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        let authority = Authority::create(folder.path(), "CA of the signer and its clients")?;
        authority.leaf("signer")?;
        let client = authority.leaf("client")?;
        Ok(Self { folder, client, port: free_port()? })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// What a signer without a database is told, with the folder's certificates.
    fn config(&self) -> Value {
        json!({
            "server": {
                "grpc_addr": format!("127.0.0.1:{}", self.port),
                "tls_cert_file": "signer.crt",
                "tls_key_file": "signer.key",
                "client_ca_file": "ca.crt",
            },
            "storage": { "backend": "memory" },
            "logging": { "level": "info" },
            "reporting": { "bugsnag": { "api_key": "x" } },
        })
    }

    fn command(&self, config: &Value) -> Result<Command> {
        let file = self.path("signer-config.json");
        fs::write(&file, config.to_string())?;
        let mut command = Command::new(binary()?);
        command.args(["signer", "--config"]).arg(file).arg("--data-dir").arg(self.path("data"));
        Ok(command)
    }

    /// What a start that is refused says.
    fn refusal(&self, config: &Value, environment: &[(&str, &str)]) -> Result<(i32, String)> {
        let mut command = self.command(config)?;
        command.envs(environment.iter().copied());
        let Output { status, stderr, .. } = command.output()?;
        Ok((status.code().unwrap_or(-1), String::from_utf8(stderr)?))
    }

    async fn start(&self, data: &Path) -> Result<Process> {
        let file = self.path("signer-config.json").to_string_lossy().into_owned();
        let data = data.to_string_lossy().into_owned();
        let arguments =
            ["signer".to_owned(), "--config".to_owned(), file, "--data-dir".to_owned(), data];
        let program = Program::new(binary()?).args(arguments);
        let mut process = Process::spawn("countersign signer", &program, None)?;
        process.line(|line| line.starts_with("(or the authority").then_some(())).await?;
        Ok(process)
    }

    async fn pending(&self) -> Result<Vec<u8>> {
        let channel = connect(self.port, &self.path("ca.crt"), Some(&self.client)).await?;
        let wanted = CreateKeyRequest {
            algorithm: "ed25519".to_owned(),
            gun: "registry.example/app".to_owned(),
            role: "snapshot".to_owned(),
        };
        Ok(call(&channel, "/proto.KeyManagement/CreateKey", wanted.encode_to_vec()).await?)
    }
}

#[tokio::test]
async fn keys_that_notary_has_in_memory_only_are_kept_and_that_is_said() -> Result<()> {
    let site = Site::new()?;
    site.command(&site.config())?;
    let data = site.path("data");
    let mut signer = site.start(&data).await?;
    let log = signer.log();
    for said in [
        "note: storage.backend memory: keys are kept sealed in the data directory",
        "note: reporting.bugsnag.api_key has no effect: nothing is reported to Bugsnag",
        "clients must show a certificate of ",
    ] {
        ensure!(log.contains(said), "{said} is missing\n{log}");
    }
    let key = site.pending().await?;
    let (code, said) = site.refusal(&site.config(), &[])?;
    ensure!(code == 4 && said.contains("uses the data directory"), "{code}: {said}");
    signer.signal(Signal::TERM)?;
    ensure!(signer.ended().await?.success(), "{}", signer.log());
    let _signer = site.start(&data).await?;
    ensure!(site.pending().await? == key, "the pending key did not outlive a restart");
    Ok(())
}

#[test]
fn what_a_signer_of_notarys_would_start_with_and_should_not_is_refused() -> Result<()> {
    let site = Site::new()?;
    let without = |section: &str, key: &str| {
        let mut config = site.config();
        if let Some(section) = config[section].as_object_mut() {
            section.remove(key);
        }
        config
    };
    let database = |storage: Value| {
        let mut config = site.config();
        config["storage"] = storage;
        config
    };
    let server = json!({
        "server": { "http_addr": ":4443" },
        "trust_service": { "type": "local" },
        "storage": { "backend": "memory" },
    });
    let url = "postgres://signer@127.0.0.1:1/notarysigner?sslmode=disable";
    let named = json!({ "backend": "postgres", "db_url": url, "default_alias": "first" });
    let nameless = json!({ "backend": "postgres", "db_url": url });
    let wrong =
        json!({ "backend": "postgres", "db_url": url, "default_alias": "server_grpc_addr" });
    let anyone = [("COUNTERSIGN_TLS_KEY", ""), ("NOTARY_SIGNER_SERVER_CLIENT_CA_FILE", "")];
    for (config, environment, code, said) in [
        (without("server", "client_ca_file"), &anyone[..], 2, "anyone could have anything signed"),
        (without("server", "tls_cert_file"), &[], 2, "its key (--tls-key, COUNTERSIGN_TLS_KEY or"),
        (without("server", "grpc_addr"), &[], 2, "server.grpc_addr: it is not set"),
        (without("storage", "backend"), &[], 2, "storage.backend: it is not set"),
        (server, &[], 2, "this is the configuration of notary-server"),
        (database(nameless), &[], 2, "must provide a default alias for the key DB"),
        (database(wrong), &[], 2, "cannot be an alias"),
        (database(named), &[], 2, "NOTARY_SIGNER_FIRST is not set"),
        (
            database(json!({ "backend": "sqlite3", "db_url": "/x", "default_alias": "a" })),
            &[],
            2,
            "opens no SQLite database",
        ),
    ] {
        let (found, told) = site.refusal(&config, environment)?;
        ensure!(found == code && told.contains(said), "{found}, not {said:?}: {told}");
        ensure!(told.lines().count() == 1, "{told}");
    }
    ensure!(!site.path("data/countersign.db").exists(), "something was made");
    Ok(())
}
