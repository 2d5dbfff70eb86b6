//! The Go server and ours, each started with one and the same file of Notary's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;
use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::process::{Process, Program, find, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::routes::PREFIX;

/// The claims that both servers want, and where they send for tokens.
pub(crate) const ISSUER: &str = "auth.test";
pub(crate) const SERVICE: &str = "notary.test";
pub(crate) const REALM: &str = "https://auth.test/token";

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Go,
    #[expect(dead_code, reason = "started once it obeys the section `auth`")]
    Ours,
}

impl Whose {
    /// Everybody who is asked.
    pub(crate) const EACH: &[Self] = &[Self::Go];
}

/// A running server without TLS, which keeps everything in memory.
pub(crate) struct Server {
    // Dropped in this order: the process ends before its directory goes.
    process: Process,
    pub(crate) whose: Whose,
    pub(crate) port: u16,
    _data: TempDir,
}

impl Server {
    /// Starts it with a file of Notary's, whose address it finds replaced in its environment.
    pub(crate) async fn start(whose: Whose, file: &Path) -> Result<Self> {
        let (data, port) = (TempDir::new()?, free_port()?);
        let mut process = spawn(whose, file, data.path(), port)?;
        process.listens(port).await?;
        Ok(Self { process, whose, port, _data: data })
    }

    /// Fails when it has ended.
    pub(crate) fn still_runs(&mut self) -> Result<()> {
        self.process.still_runs()
    }
}

/// Starts a server that may not come up.
pub(crate) fn spawn(whose: Whose, file: &Path, data: &Path, port: u16) -> Result<Process> {
    let (name, program) = match whose {
        Whose::Go => ("notary-server", find("notary-server", "notary")?),
        Whose::Ours => ("countersign", ours(data)?),
    };
    let program = Program::new(program)
        .args(["-config".to_owned(), file.to_string_lossy().into_owned()])
        .env("NOTARY_SERVER_SERVER_HTTP_ADDR", &format!("127.0.0.1:{port}"))
        .env("COUNTERSIGN_DATA_DIR", &data.join("data").to_string_lossy());
    Process::spawn(name, &program, None)
}

/// Our binary under the name that makes it take the command line of Go's.
fn ours(data: &Path) -> Result<PathBuf> {
    let name = data.join("notary-server");
    symlink(binary()?, &name)?;
    Ok(name)
}

/// Writes a file of Notary's in which tokens are signed by who is in the bundle.
pub(crate) fn write_config(folder: &Path, bundle: &str) -> Result<PathBuf> {
    let bundle_file = folder.join("bundle.pem");
    fs::write(&bundle_file, bundle)?;
    let mut config = open_config();
    config["auth"] = json!({
        "type": "token",
        "options": {
            "realm": REALM,
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": bundle_file,
        },
    });
    let file = folder.join("notary.json");
    fs::write(&file, config.to_string())?;
    Ok(file)
}

fn open_config() -> Value {
    json!({
        "server": { "http_addr": "127.0.0.1:1" },
        "trust_service": { "type": "local" },
        "storage": { "backend": "memory" },
        "repositories": { "gun_prefixes": [PREFIX] },
        "logging": { "level": "error" },
    })
}
