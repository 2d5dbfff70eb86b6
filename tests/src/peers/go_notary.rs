//! The reference pair: Go `notary-server` and `notary-signer` on a PostgreSQL or a MariaDB of their
//! own.
//!
//! TLS everywhere, server-held keys ECDSA, tables as their migrations leave them (server spec 6.1,
//! signer spec 3.1).
//! What never comes in: patience with its defects; scenarios that need a sane server are not
//! played against it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tempfile::TempDir;

use super::certs::{Authority, Pair};
use super::mariadb::MariaDb;
use super::postgres::Postgres;
use super::process::{Process, Program, find, free_port, steady_port};
use crate::wire::{Endpoint, Wire};

/// The server's tables, as its migrations leave them.
pub const SERVER_TABLES: &str = "
CREATE TABLE tuf_files (
    id serial PRIMARY KEY,
    created_at timestamp, updated_at timestamp, deleted_at timestamp,
    gun varchar(255) NOT NULL, role varchar(255) NOT NULL, version integer NOT NULL,
    data bytea NOT NULL, sha256 char(64),
    UNIQUE (gun, role, version)
);
CREATE INDEX tuf_files_sha256_idx ON tuf_files (sha256);
CREATE TABLE change_category (category varchar(20) PRIMARY KEY);
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (
    id serial PRIMARY KEY,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    gun varchar(255) NOT NULL, version integer NOT NULL, sha256 char(64),
    category varchar(20) NOT NULL DEFAULT 'update' REFERENCES change_category
);
CREATE INDEX idx_changefeed_gun ON changefeed (gun);
";

/// The signer's table, as its migrations leave it.
pub const SIGNER_TABLES: &str = "
CREATE TABLE private_keys (
    id serial PRIMARY KEY,
    created_at timestamp, updated_at timestamp, deleted_at timestamp,
    key_id varchar(255) NOT NULL,
    encryption_alg varchar(255) NOT NULL, keywrap_alg varchar(255) NOT NULL,
    algorithm varchar(50) NOT NULL, passphrase_alias varchar(50) NOT NULL,
    public bytea NOT NULL, private bytea NOT NULL,
    gun varchar(255) NOT NULL, role varchar(255) NOT NULL,
    last_used timestamp,
    CONSTRAINT key_id UNIQUE (key_id),
    CONSTRAINT key_id_2 UNIQUE (key_id, algorithm)
);
";

/// The server's file of settings in the pair's directory.
const SERVER_CONFIG: &str = "server.json";

/// The same of the signer.
const SIGNER_CONFIG: &str = "signer.json";

/// The server's tables on MySQL, as its migrations leave them.
pub const MYSQL_SERVER_TABLES: &str = "
CREATE TABLE tuf_files (
    id int(11) NOT NULL AUTO_INCREMENT,
    created_at timestamp NULL DEFAULT NULL, updated_at timestamp NULL DEFAULT NULL,
    deleted_at timestamp NULL DEFAULT NULL,
    gun varchar(255) NOT NULL, role varchar(255) NOT NULL, version int(11) NOT NULL,
    data longblob NOT NULL, sha256 char(64) DEFAULT NULL,
    PRIMARY KEY (id), UNIQUE KEY gun (gun, role, version), KEY sha256 (sha256)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE change_category (
    category varchar(20) NOT NULL, PRIMARY KEY (category)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (
    id int(11) NOT NULL AUTO_INCREMENT,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    gun varchar(255) NOT NULL, version int(11) NOT NULL, sha256 char(64) DEFAULT NULL,
    category varchar(20) NOT NULL DEFAULT 'update',
    PRIMARY KEY (id), KEY idx_changefeed_gun (gun),
    FOREIGN KEY (category) REFERENCES change_category (category)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
";

/// The signer's table on MySQL, as its migrations leave it.
pub const MYSQL_SIGNER_TABLES: &str = "
CREATE TABLE private_keys (
    id int(11) NOT NULL AUTO_INCREMENT,
    created_at timestamp NULL DEFAULT NULL, updated_at timestamp NULL DEFAULT NULL,
    deleted_at timestamp NULL DEFAULT NULL,
    key_id varchar(255) NOT NULL,
    encryption_alg varchar(255) NOT NULL, keywrap_alg varchar(255) NOT NULL,
    algorithm varchar(50) NOT NULL, passphrase_alias varchar(50) NOT NULL,
    public blob NOT NULL, private blob NOT NULL,
    gun varchar(255) NOT NULL, role varchar(255) NOT NULL,
    last_used datetime NULL DEFAULT NULL,
    PRIMARY KEY (id), UNIQUE KEY key_id (key_id), UNIQUE KEY key_id_2 (key_id, algorithm)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
";

/// A running Go pair, on PostgreSQL unless told.
#[derive(Debug)]
pub struct GoNotary {
    // Dropped in this order: users before what they use.
    server: Process,
    signer: Process,
    database: Database,
    storage: Storage,
    port: u16,
    signer_port: u16,
    endpoint: Endpoint,
    directory: TempDir,
}

/// What the pair's databases run on.
#[derive(Debug)]
pub(super) enum Database {
    MariaDb(MariaDb),
    Postgres(Postgres),
}

/// How both programs name and reach their databases.
#[derive(Debug)]
pub(super) struct Storage {
    backend: &'static str,
    server: String,
    signer: String,
}

impl Storage {
    /// Both databases, with Notary's tables, on a PostgreSQL of their own.
    pub(super) async fn on_postgres() -> Result<(Self, Database)> {
        Self::on_this_postgres(Postgres::start().await?).await
    }

    /// The same on one that runs.
    async fn on_this_postgres(postgres: Postgres) -> Result<(Self, Database)> {
        postgres.create_database(GoNotary::SERVER_DATABASE, SERVER_TABLES).await?;
        postgres.create_database(GoNotary::SIGNER_DATABASE, SIGNER_TABLES).await?;
        let url = |name| {
            format!("postgres://postgres@127.0.0.1:{}/{name}?sslmode=disable", postgres.port())
        };
        let (server, signer) = (url(GoNotary::SERVER_DATABASE), url(GoNotary::SIGNER_DATABASE));
        let storage = Self { backend: "postgres", server, signer };
        Ok((storage, Database::Postgres(postgres)))
    }

    /// The same on a MariaDB of their own.
    pub(super) async fn on_mariadb() -> Result<(Self, Database)> {
        let mariadb = MariaDb::start().await?;
        mariadb.create_database(GoNotary::SERVER_DATABASE, MYSQL_SERVER_TABLES).await?;
        mariadb.create_database(GoNotary::SIGNER_DATABASE, MYSQL_SIGNER_TABLES).await?;
        let url = |name| format!("root@tcp(127.0.0.1:{})/{name}?parseTime=True", mariadb.port());
        let (server, signer) = (url(GoNotary::SERVER_DATABASE), url(GoNotary::SIGNER_DATABASE));
        Ok((Self { backend: "mysql", server, signer }, Database::MariaDb(mariadb)))
    }
}

impl GoNotary {
    /// The name of the server's database.
    pub const SERVER_DATABASE: &str = "notaryserver";

    /// The name of the signer's database.
    pub const SIGNER_DATABASE: &str = "notarysigner";

    /// The alias of the signer's keys, and of its environment: `NOTARY_SIGNER_FIRST`.
    pub const ALIAS: &str = "first";

    /// The passphrase of that alias.
    pub const PASSPHRASE: &str = "throwaway passphrase";

    /// Where both databases are.
    ///
    /// # Panics
    /// The pair was not started on PostgreSQL.
    #[must_use]
    #[expect(clippy::panic, reason = "whoever started it knows on what")]
    pub fn postgres(&self) -> &Postgres {
        match &self.database {
            Database::Postgres(postgres) => postgres,
            Database::MariaDb(_) => panic!("this pair is not on PostgreSQL"),
        }
    }

    /// Where both databases are.
    ///
    /// # Panics
    /// The pair was not started on MariaDB.
    #[must_use]
    #[expect(clippy::panic, reason = "whoever started it knows on what")]
    pub fn mariadb(&self) -> &MariaDb {
        match &self.database {
            Database::MariaDb(mariadb) => mariadb,
            Database::Postgres(_) => panic!("this pair is not on MariaDB"),
        }
    }

    /// Starts PostgreSQL, signer and server, and asks the server for one thing after another.
    ///
    /// The Go server crashes when its first reads come at once, hence the slow start.
    ///
    /// # Errors
    /// A program is not installed (the message names the package) or does not start.
    pub async fn start() -> Result<Self> {
        let (storage, database) = Storage::on_postgres().await?;
        Self::on(storage, database).await
    }

    /// The same pair on a PostgreSQL that runs, which ends with it.
    ///
    /// # Errors
    /// As [`GoNotary::start`].
    pub async fn start_on_postgres(postgres: Postgres) -> Result<Self> {
        let (storage, database) = Storage::on_this_postgres(postgres).await?;
        Self::on(storage, database).await
    }

    /// The same pair on MariaDB.
    ///
    /// # Errors
    /// As [`GoNotary::start`].
    pub async fn start_on_mariadb() -> Result<Self> {
        let (storage, database) = Storage::on_mariadb().await?;
        Self::on(storage, database).await
    }

    async fn on(storage: Storage, database: Database) -> Result<Self> {
        find("notary-server", "notary")?;
        let directory = TempDir::new()?;
        let authority = Authority::create(directory.path(), "Go pair's CA")?;
        authority.leaf("server")?;
        authority.leaf("signer")?;

        let signer_port = steady_port()?;
        let mut signer = start_signer(directory.path(), signer_port, &storage)?;
        signer.listens(signer_port).await?;

        let port = free_port()?;
        write_server_config(directory.path(), port, signer_port, &storage)?;
        let mut server = start_server(directory.path())?;
        server.listens(port).await?;

        let endpoint = Endpoint::new(port, authority.certificate());
        let pair =
            Self { server, signer, database, storage, port, signer_port, endpoint, directory };
        pair.warm().await?;
        Ok(pair)
    }

    /// Where the server answers.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The numbers of its processes, server and signer, for whoever reads below `/proc`.
    #[must_use]
    pub fn process_ids(&self) -> [u32; 2] {
        [self.server.id(), self.signer.id()]
    }

    /// Whether the server has ended by itself, as it does when requests write to its maps at once.
    pub fn has_crashed(&mut self) -> bool {
        self.server.still_runs().is_err()
    }

    /// What the server has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Kills the server; signer and database stay.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn stop(&mut self) -> Result<()> {
        self.server.kill9()
    }

    /// The server's file of settings, as its operator wrote it.
    #[must_use]
    pub fn server_config(&self) -> PathBuf {
        self.directory.path().join(SERVER_CONFIG)
    }

    /// The signer's file of settings.
    #[must_use]
    pub fn signer_config(&self) -> PathBuf {
        self.directory.path().join(SIGNER_CONFIG)
    }

    /// Where the signer answers, on loopback.
    #[must_use]
    pub fn signer_port(&self) -> u16 {
        self.signer_port
    }

    /// The certificate and key that the server shows to the signer; `ca.crt` beside them is the
    /// authority of both.
    #[must_use]
    pub fn server_pair(&self) -> Pair {
        let path = |file: &str| self.directory.path().join(file);
        Pair { certificate: path("server.crt"), key: path("server.key") }
    }

    /// A section `[signer]` of ours that names this pair's signer, as its own server does.
    #[must_use]
    pub fn signer_settings(&self) -> String {
        let file = |name: &str| self.directory.path().join(name).display().to_string();
        format!(
            "[signer]\naddress = \"127.0.0.1:{}\"\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n",
            self.signer_port,
            file("ca.crt"),
            file("server.crt"),
            file("server.key")
        )
    }

    /// Kills the signer; server and databases stay.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn stop_signer(&mut self) -> Result<()> {
        self.signer.kill9()
    }

    /// Starts the signer again, on the same port and tables.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_signer_again(&mut self) -> Result<()> {
        self.signer = start_signer(self.directory.path(), self.signer_port, &self.storage)?;
        self.signer.listens(self.signer_port).await
    }

    /// Ends server and signer; the databases stay.
    ///
    /// # Errors
    /// They cannot be killed.
    pub fn stop_both(&mut self) -> Result<()> {
        self.server.kill9()?;
        self.signer.kill9()
    }

    /// Starts both again, on the same ports and tables.
    ///
    /// # Errors
    /// They do not start.
    pub async fn start_both(&mut self) -> Result<()> {
        self.signer = start_signer(self.directory.path(), self.signer_port, &self.storage)?;
        self.signer.listens(self.signer_port).await?;
        self.start_again().await
    }

    /// Starts the server again, on the same port and tables.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_again(&mut self) -> Result<()> {
        self.server = start_server(self.directory.path())?;
        self.server.listens(self.port).await?;
        self.warm().await
    }

    async fn warm(&self) -> Result<()> {
        warm(&self.endpoint).await.with_context(|| self.log())
    }
}

/// Asks a Go server that was started just now for one thing after another.
pub(super) async fn warm(endpoint: &Endpoint) -> Result<()> {
    let wire = Wire::to(endpoint)?;
    for path in [
        "/v2/",
        "/v2/warm/_trust/tuf/timestamp.key",
        "/v2/warm/_trust/tuf/root.json",
        "/v2/warm/_trust/tuf/timestamp.json",
        "/_notary_server/health",
    ] {
        let status = wire.get(path).await?.status;
        ensure!(status != 500, "the Go server answers {status} to {path}");
    }
    Ok(())
}

fn start_signer(directory: &Path, port: u16, storage: &Storage) -> Result<Process> {
    let file = write_signer_config(directory, port, storage)?;
    run_signer(&file)
}

/// The signer's file of settings, as its operator wrote it.
pub(super) fn write_signer_config(
    directory: &Path,
    port: u16,
    storage: &Storage,
) -> Result<PathBuf> {
    let config = json!({
        "server": {
            "grpc_addr": format!("127.0.0.1:{port}"),
            "tls_cert_file": "signer.crt",
            "tls_key_file": "signer.key",
            "client_ca_file": "ca.crt",
        },
        "logging": { "level": "error" },
        "storage": {
            "backend": storage.backend,
            "db_url": storage.signer,
            "default_alias": GoNotary::ALIAS,
        },
    });
    let file = directory.join(SIGNER_CONFIG);
    fs::write(&file, config.to_string())?;
    Ok(file)
}

/// The Go signer with a file of settings.
pub(super) fn run_signer(file: &Path) -> Result<Process> {
    let program = Program::new(find("notary-signer", "notary")?)
        .args(["-config".to_owned(), file.to_string_lossy().into_owned()])
        .env("NOTARY_SIGNER_DEFAULT_ALIAS", GoNotary::ALIAS)
        .env("NOTARY_SIGNER_FIRST", GoNotary::PASSPHRASE);
    Process::spawn("notary-signer", &program, None)
}

/// The server's file of settings, as its operator wrote it.
pub(super) fn write_server_config(
    directory: &Path,
    port: u16,
    signer: u16,
    storage: &Storage,
) -> Result<PathBuf> {
    let config = json!({
        "server": {
            "http_addr": format!("127.0.0.1:{port}"),
            "tls_cert_file": "server.crt",
            "tls_key_file": "server.key",
        },
        "trust_service": {
            "type": "remote",
            "hostname": "127.0.0.1",
            "port": signer.to_string(),
            "key_algorithm": "ecdsa",
            "tls_ca_file": "ca.crt",
            "tls_client_cert": "server.crt",
            "tls_client_key": "server.key",
        },
        "logging": { "level": "error" },
        "storage": { "backend": storage.backend, "db_url": storage.server },
    });
    let file = directory.join(SERVER_CONFIG);
    fs::write(&file, config.to_string())?;
    Ok(file)
}

fn start_server(directory: &Path) -> Result<Process> {
    run_server(&directory.join(SERVER_CONFIG))
}

/// The Go server with a file of settings.
pub(super) fn run_server(file: &Path) -> Result<Process> {
    let file = file.to_string_lossy().into_owned();
    let program = Program::new(find("notary-server", "notary")?).args(["-config".to_owned(), file]);
    Process::spawn("notary-server", &program, None)
}
