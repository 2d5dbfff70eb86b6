//! A deployment of Notary's kind, server and signer on databases of their own, of which each half is
//! Go's or ours; which one it is can change while the databases and the files of settings stay.
//!
//! What never comes in: anything that its operator would write anew for another half.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::{Duration, Instant, interval};

use super::certs::Authority;
use super::countersign::{binary, healthy};
use super::go_notary::{
    Database, GoNotary, Storage, run_server, run_signer, warm, write_server_config,
    write_signer_config,
};
use super::process::{PATIENCE, Process, Program, steady_port};
use crate::wire::{Endpoint, Wire};

const POLL: Duration = Duration::from_millis(50);

/// Whose program a half is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Notary's own.
    Go,
    /// Countersign.
    Ours,
}

/// What the databases run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// MariaDB.
    MariaDb,
    /// PostgreSQL.
    Postgres,
}

/// A running deployment.
#[derive(Debug)]
pub struct Mixed {
    // Dropped in this order: users before what they use.
    server: (Half, Process),
    signer: (Half, Process),
    database: Database,
    files: Files,
    endpoint: Endpoint,
}

/// What the operator wrote once.
#[derive(Debug)]
struct Files {
    server: PathBuf,
    signer: PathBuf,
    signer_port: u16,
    directory: TempDir,
}

impl Mixed {
    /// Starts the databases, with the tables that Notary makes, and both halves.
    ///
    /// # Errors
    /// A program is not installed (the message names the package) or does not start.
    pub async fn start(engine: Engine, server: Half, signer: Half) -> Result<Self> {
        let (storage, database) = match engine {
            Engine::MariaDb => Storage::on_mariadb().await?,
            Engine::Postgres => Storage::on_postgres().await?,
        };
        let directory = TempDir::new()?;
        let authority = Authority::create(directory.path(), "operator's CA")?;
        authority.leaf("server")?;
        authority.leaf("signer")?;
        // Ports that stay free while a half is down.
        let (port, signer_port) = (steady_port()?, steady_port()?);
        let files = Files {
            server: write_server_config(directory.path(), port, signer_port, &storage)?,
            signer: write_signer_config(directory.path(), signer_port, &storage)?,
            signer_port,
            directory,
        };
        let endpoint = Endpoint::new(port, authority.certificate());
        let signer = (signer, files.start_signer(signer).await?);
        let server = (server, files.start_server(server, &endpoint).await?);
        Ok(Self { server, signer, database, files, endpoint })
    }

    /// Ends those halves that are to be others, and starts the others.
    ///
    /// # Errors
    /// One of ours does not end in good order, or one does not start.
    pub async fn become_of(&mut self, server: Half, signer: Half) -> Result<()> {
        if signer != self.signer.0 {
            end(&mut self.signer).await?;
            self.signer = (signer, self.files.start_signer(signer).await?);
        }
        if server != self.server.0 {
            end(&mut self.server).await?;
            self.server = (server, self.files.start_server(server, &self.endpoint).await?);
        }
        self.reaches_signer().await
    }

    /// Waits until the server has noticed that there is a signer again: Go's tries after a second,
    /// and refuses until then.
    async fn reaches_signer(&self) -> Result<()> {
        let wire = Wire::to(&self.endpoint)?;
        let deadline = Instant::now() + PATIENCE;
        let mut pace = interval(POLL);
        loop {
            let answer = wire.document("warm", "timestamp.key").await?;
            if answer.status == 200 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "no key: {answer:?}\n{}", self.log());
            pace.tick().await;
        }
    }

    /// Where the server answers.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What both halves have written so far.
    #[must_use]
    pub fn log(&self) -> String {
        let (server, signer) = (self.server.1.log(), self.signer.1.log());
        format!("server ({:?}):\n{server}\nsigner ({:?}):\n{signer}", self.server.0, self.signer.0)
    }

    /// How many keys of this GUN the signer's database holds that have signed.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn keys_in_use(&self, gun: &str) -> Result<u32> {
        let sql = format!(
            "SELECT count(*) FROM private_keys WHERE gun = '{gun}' AND last_used IS NOT NULL;"
        );
        let answer = match &self.database {
            Database::MariaDb(mariadb) => mariadb.ask(GoNotary::SIGNER_DATABASE, &sql).await?,
            Database::Postgres(postgres) => postgres.ask(GoNotary::SIGNER_DATABASE, &sql).await?,
        };
        Ok(answer.trim().parse()?)
    }

    /// Kills the server; all else stays.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn stop_server(&mut self) -> Result<()> {
        self.server.1.kill9()
    }

    /// Starts the server again.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_server_again(&mut self) -> Result<()> {
        self.server.1 = self.files.start_server(self.server.0, &self.endpoint).await?;
        Ok(())
    }
}

impl Files {
    async fn start_signer(&self, half: Half) -> Result<Process> {
        match half {
            Half::Go => {
                let mut signer = run_signer(&self.signer)?;
                signer.listens(self.signer_port).await?;
                Ok(signer)
            }
            Half::Ours => {
                let program = self
                    .ours("signer", &self.signer)?
                    .env("NOTARY_SIGNER_DEFAULT_ALIAS", GoNotary::ALIAS)
                    .env("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE);
                let mut signer = Process::spawn("countersign signer", &program, None)?;
                // It says so once it has its keys, and answers before that that they are away.
                signer.line(|line| line.starts_with("listening on ").then_some(())).await?;
                Ok(signer)
            }
        }
    }

    async fn start_server(&self, half: Half, endpoint: &Endpoint) -> Result<Process> {
        match half {
            Half::Go => {
                let mut server = run_server(&self.server)?;
                server.listens(endpoint.port()).await?;
                match warm(endpoint).await {
                    Ok(()) => Ok(server),
                    Err(error) => bail!("{error:#}\n{}", server.log()),
                }
            }
            Half::Ours => {
                let mut server =
                    Process::spawn("countersign serve", &self.ours("serve", &self.server)?, None)?;
                healthy(&mut server, endpoint).await?;
                Ok(server)
            }
        }
    }

    /// Our binary with a file of Notary's as it stands.
    fn ours(&self, command: &str, config: &Path) -> Result<Program> {
        let data = self.directory.path().join(format!("data-of-{command}"));
        fs::create_dir_all(&data)?;
        let (config, data) = (config.to_string_lossy(), data.to_string_lossy());
        Ok(Program::new(binary()?).args([command, "--config", &config, "--data-dir", &data]))
    }
}

async fn end((half, process): &mut (Half, Process)) -> Result<()> {
    match half {
        // It takes no signal in good order.
        Half::Go => process.kill9(),
        Half::Ours => {
            process.signal(Signal::TERM)?;
            let status = process.ended().await?;
            ensure!(status.success(), "{status}\n{}", process.log());
            Ok(())
        }
    }
}
