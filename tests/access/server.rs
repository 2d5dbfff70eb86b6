//! The Go server and ours, each started with one and the same file of Notary's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;
use countersign_tests::peers::certs::Authority;
use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::process::{Process, Program, find, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::routes::PREFIX;
use crate::stage::Stage;

/// The claims that both servers want, and where they send for tokens.
pub(crate) const ISSUER: &str = "auth.test";
pub(crate) const SERVICE: &str = "notary.test";
pub(crate) const REALM: &str = "https://auth.test/token";

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Go,
    Ours,
}

impl Whose {
    /// Everybody who is asked.
    pub(crate) const EACH: &[Self] = &[Self::Go, Self::Ours];
}

/// A running server, which keeps everything in memory.
pub(crate) struct Server {
    // Dropped in this order: the process ends before its directory goes.
    process: Process,
    pub(crate) port: u16,
    _data: TempDir,
}

impl Server {
    /// Starts it with a file of Notary's, whose address it finds replaced in its environment.
    pub(crate) async fn start(whose: Whose, file: &Path) -> Result<Self> {
        let (data, port) = (TempDir::new()?, free_port()?);
        let mut process = spawn(whose, file, data.path(), port)?;
        process.listens(port).await?;
        Ok(Self { process, port, _data: data })
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

/// The section of Notary's file that says whose tokens count.
pub(crate) struct Auth<'a> {
    pub(crate) realm: &'a str,
    pub(crate) issuer: &'a str,
    /// The trusted certificates, in PEM.
    pub(crate) bundle: &'a str,
}

/// Writes a file of Notary's for a server without TLS, in which tokens are signed by who is in the
/// bundle.
pub(crate) fn write_config(folder: &Path, bundle: &str) -> Result<PathBuf> {
    write(folder, &Auth { realm: REALM, issuer: ISSUER, bundle }, json!({}), &[PREFIX])
}

/// The same for a server with TLS and for all GUNs; the authority is `ca.crt` in the folder.
pub(crate) fn write_tls_config(folder: &Path, auth: &Auth<'_>) -> Result<PathBuf> {
    let pair = Authority::create(folder, "CA of the trust server")?.leaf("server")?;
    let tls = json!({ "tls_cert_file": pair.certificate, "tls_key_file": pair.key });
    write(folder, auth, tls, &[])
}

fn write(folder: &Path, auth: &Auth<'_>, server: Value, prefixes: &[&str]) -> Result<PathBuf> {
    let bundle_file = folder.join("bundle.pem");
    fs::write(&bundle_file, auth.bundle)?;
    let mut config = json!({
        "server": server,
        "trust_service": { "type": "local" },
        "storage": { "backend": "memory" },
        "logging": { "level": "error" },
        "auth": {
            "type": "token",
            "options": {
                "realm": auth.realm,
                "service": SERVICE,
                "issuer": auth.issuer,
                "rootcertbundle": bundle_file,
            },
        },
    });
    config["server"]["http_addr"] = "127.0.0.1:1".into();
    if !prefixes.is_empty() {
        config["repositories"] = json!({ "gun_prefixes": prefixes });
    }
    let file = folder.join("notary.json");
    fs::write(&file, config.to_string())?;
    Ok(file)
}

/// The same in a file of our own settings, with more lines for the section `[access]`.
pub(crate) fn settings(stage: &Stage, access: &str) -> Result<String> {
    let bundle = stage.folder().join("bundle.pem");
    fs::write(&bundle, stage.bundle())?;
    Ok(format!(
        "[repositories]\n\
         gun_prefixes = [\"{PREFIX}\"]\n\
         [access]\n\
         realm = \"{REALM}\"\n\
         service = \"{SERVICE}\"\n\
         {access}\
         [[access.issuers]]\n\
         issuer = \"{ISSUER}\"\n\
         root_cert_bundle = \"{}\"\n\
         like_notary = true\n",
        bundle.display(),
    ))
}
