//! What `docker-compose.yml` starts, as processes: two servers, PostgreSQL, haproxy and a registry,
//! under the same configuration files with other addresses and folders; and what a client sees of
//! it when one dies.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::{binary, healthy};
use countersign_tests::peers::haproxy::Haproxy;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::peers::process::{PATIENCE, Process, Program, steady_port};
use countersign_tests::peers::registry::Registry;
use countersign_tests::session::sha256_hex;
use countersign_tests::wire::{Endpoint, Wire};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Duration, Instant, interval};

use crate::compose_files::{file, make_secrets, replaced};

const INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// One server, and how it is started again.
struct Server {
    process: Process,
    endpoint: Endpoint,
    data: PathBuf,
    database_url: PathBuf,
}

impl Server {
    async fn start(data: PathBuf, secrets: &Path, database_url: &Path) -> Result<Self> {
        fs::create_dir(&data)?;
        let port = steady_port()?;
        let settings = replaced(
            &file("countersign.toml")?,
            &[
                ("/data", &data.to_string_lossy()),
                ("0.0.0.0:4443", &format!("127.0.0.1:{port}")),
                ("/run/secrets", &secrets.to_string_lossy()),
            ],
        )?;
        fs::write(settings_of(&data), settings)?;
        let endpoint = Endpoint::new(port, secrets.join("authority"));
        let mut process = spawn(&data, database_url)?;
        healthy(&mut process, &endpoint).await?;
        Ok(Self { process, endpoint, data, database_url: database_url.to_owned() })
    }

    async fn start_again(&mut self) -> Result<()> {
        self.process = spawn(&self.data, &self.database_url)?;
        healthy(&mut self.process, &self.endpoint).await
    }
}

fn settings_of(data: &Path) -> PathBuf {
    data.with_extension("toml")
}

fn spawn(data: &Path, database_url: &Path) -> Result<Process> {
    let settings = settings_of(data).to_string_lossy().into_owned();
    let program = Program::new(binary()?)
        .args(["serve".to_owned(), "--config".to_owned(), settings])
        .env("COUNTERSIGN_DATABASE_URL_FILE", &database_url.to_string_lossy());
    Process::spawn("countersign", &program, None)
}

struct Topology {
    // Dropped in this order.
    balancer: Haproxy,
    servers: [Server; 2],
    database: Postgres,
    registry: Registry,
    /// Where clients ask.
    endpoint: Endpoint,
    directory: TempDir,
}

impl Topology {
    async fn start() -> Result<Self> {
        let directory = TempDir::new()?;
        let secrets = directory.path().join("secrets");
        make_secrets(&secrets).await?;
        let database = Postgres::start().await?;
        database.psql("postgres", "CREATE ROLE countersign LOGIN").await?;
        database.psql("postgres", "CREATE DATABASE countersign OWNER countersign").await?;
        let url_file = secrets.join("database-url");
        let here = format!("127.0.0.1:{}", database.port());
        let url = replaced(&fs::read_to_string(&url_file)?, &[("database:5432", &here)])?;
        fs::write(&url_file, url)?;
        let start = |name| Server::start(directory.path().join(name), &secrets, &url_file);
        // Both on an empty database at the same time, as compose starts them.
        let (one, two) = tokio::join!(start("trust-1"), start("trust-2"));
        let servers = [one?, two?];
        let port = steady_port()?;
        let place = |server: &Server| format!("127.0.0.1:{}", server.endpoint.port());
        let configuration = replaced(
            &file("haproxy.cfg")?,
            &[
                ("bind :4443", &format!("bind 127.0.0.1:{port}")),
                ("trust-1:4443", &place(&servers[0])),
                ("trust-2:4443", &place(&servers[1])),
                ("/run/secrets", &secrets.to_string_lossy()),
            ],
        )?;
        let balancer = Haproxy::start(&configuration, port).await?;
        let endpoint = Endpoint::new(port, secrets.join("authority"));
        let registry = Registry::start().await?;
        Ok(Self { balancer, servers, database, registry, endpoint, directory })
    }

    fn client(&self, name: &str) -> Result<NotaryClient> {
        NotaryClient::new(&self.directory.path().join(name), &self.endpoint)
    }

    /// An image index in the registry, as the words that `notary addhash` wants of it.
    async fn image(&self, tag: &str) -> Result<[String; 3]> {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "tag": tag});
        let index = index.to_string();
        self.registry.put_manifest("team/app", tag, INDEX, &index).await?;
        Ok([tag.to_owned(), index.len().to_string(), sha256_hex(index.as_bytes())])
    }
}

async fn ok(client: &NotaryClient, arguments: &[&str]) -> Result<String> {
    let outcome = client.run(arguments).await?;
    ensure!(outcome.succeeded(), "{arguments:?}: {outcome:?}");
    Ok(outcome.stdout)
}

/// Signs an image of the registry, and another client finds it.
async fn sign_and_find(topology: &Topology, gun: &str, tag: &str) -> Result<()> {
    let [alice, bob] = ["alice", "bob"].map(|name| topology.client(name));
    let [tag, size, sha256] = topology.image(tag).await?;
    ok(&alice?, &["addhash", "-p", gun, &tag, &size, "--sha256", &sha256]).await?;
    let found = ok(&bob?, &["lookup", gun, &tag]).await?;
    ensure!(found.contains(&sha256), "{found}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_signed_and_found_while_either_server_is_dead() -> Result<()> {
    let mut topology = Topology::start().await?;
    let gun = topology.registry.repository("team/app");
    ok(&topology.client("alice")?, &["init", "-p", &gun]).await?;
    sign_and_find(&topology, &gun, "both").await?;
    for (number, name) in [(0, "ready/one"), (1, "ready/two")] {
        // At once, before the balancer can have noticed it, and afterwards.
        topology.servers[number].process.kill9()?;
        for round in 0..3 {
            sign_and_find(&topology, &gun, &format!("without-{number}-{round}")).await?;
        }
        topology.balancer.says(&format!("Server {name} is DOWN")).await?;
        sign_and_find(&topology, &gun, &format!("without-{number}-seen")).await?;
        topology.servers[number].start_again().await?;
        topology.balancer.says(&format!("Server {name} is UP")).await?;
    }
    let listed = ok(&topology.client("carol")?, &["list", &gun]).await?;
    ensure!(listed.matches("without-").count() == 8, "{listed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_clients_are_told_so_and_memory_is_served() -> Result<()> {
    let mut topology = Topology::start().await?;
    let gun = topology.registry.repository("team/app");
    ok(&topology.client("alice")?, &["init", "-p", &gun]).await?;
    let wire = Wire::in_http1(&topology.endpoint)?;
    let root = wire.document(&gun, "root.json").await?;
    let by_digest = format!("root.{}.json", sha256_hex(&root.body));
    for server in &topology.servers {
        let answer = Wire::to(&server.endpoint)?.document(&gun, &by_digest).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    topology.database.crash().await?;
    for name in ["ready/one", "ready/two"] {
        topology.balancer.says(&format!("Server {name} is DOWN")).await?;
    }
    let wire = Wire::in_http1(&topology.endpoint)?;
    let (by_name, by_digest) =
        (wire.document(&gun, "root.json").await?, wire.document(&gun, &by_digest).await?);
    ensure!(by_name.status == 503 && !by_name.header("retry-after").is_empty(), "{by_name:?}");
    ensure!(by_digest.status == 200 && by_digest.body == root.body, "{by_digest:?}");
    topology.database.start_again().await?;
    let deadline = Instant::now() + PATIENCE;
    let mut pace = interval(Duration::from_millis(100));
    while wire.document(&gun, "root.json").await?.status != 200 {
        pace.tick().await;
        ensure!(Instant::now() < deadline, "{}", topology.balancer.log());
    }
    sign_and_find(&topology, &gun, "afterwards").await
}
