//! The servers, all running at once, each with the same collections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::family::Family;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::postgres::Postgres;
use countersign_tests::peers::process::Process;
use countersign_tests::wire::Endpoint;
use tempfile::TempDir;

use crate::floor;
use crate::load::Target;
use crate::material::Material;
use crate::publishers::Publishers;
use crate::side::Side;

/// Our settings in every run; all else is as it is by default.
pub(crate) const SETTINGS: &str = "[log]\nlevel = \"warn\"\n";

/// How long a crash may take to end Notary's server, which first writes down what it was doing, and
/// how often it is looked whether it has.
const DYING: Duration = Duration::from_secs(5);
const LOOKED_AFTER: Duration = Duration::from_millis(20);

/// Our database on the PostgreSQL that Notary's are on.
pub(crate) const DATABASE: &str = "countersign";

/// The same of our server whose keys are at our signer, and of that.
const BESIDE_SIGNER: &str = "countersign_beside_signer";
const OF_SIGNER: &str = "countersign_signer";

/// A server that can be asked, and the processes that it costs.
pub(crate) struct Contender {
    pub(crate) side: Side,
    pub(crate) family: Family,
    pub(crate) target: Target,
    pub(crate) material: Arc<Material>,
    publishers: Option<Mutex<Publishers>>,
}

/// Whoever was asked to be here.
pub(crate) struct Servers {
    /// In the order of [`Side`].
    pub(crate) contenders: Vec<Contender>,
    // Dropped in this order: users before what they use.
    _floor: Option<Process>,
    _ours: Vec<Countersign>,
    _signer: Option<CountersignSigner>,
    database: Option<Database>,
    _directory: TempDir,
}

/// The one PostgreSQL, on which what is committed is on disk.
enum Database {
    Alone(Box<Postgres>),
    OfGo(Box<GoNotary>),
}

impl Database {
    async fn start(sides: &[Side]) -> Result<Option<Self>> {
        if !sides.iter().any(|side| !matches!(side, Side::Floor | Side::Sqlite)) {
            return Ok(None);
        }
        let postgres = Postgres::start_durable().await?;
        if sides.contains(&Side::Go) {
            let go = GoNotary::start_on_postgres(postgres).await?;
            return Ok(Some(Self::OfGo(Box::new(go))));
        }
        Ok(Some(Self::Alone(Box::new(postgres))))
    }

    fn postgres(&self) -> &Postgres {
        match self {
            Self::Alone(postgres) => postgres,
            Self::OfGo(go) => go.postgres(),
        }
    }
}

impl Servers {
    /// Starts those of `sides` and publishes to each.
    pub(crate) async fn start(sides: &[Side]) -> Result<Self> {
        let directory = TempDir::new()?;
        let mut contenders = Vec::new();
        let (mut floor, mut ours, mut our_signer) = (None, Vec::new(), None);
        let database = Database::start(sides).await?;
        // The floor has the answers of ours on SQLite.
        if sides.contains(&Side::Sqlite) || sides.contains(&Side::Floor) {
            let server = Countersign::start_with(SETTINGS).await?;
            let family = Family { servers: vec![server.process_id()], database: None };
            let sqlite = Contender::new(Side::Sqlite, family, server.endpoint()).await?;
            if sides.contains(&Side::Floor) {
                let material = Arc::clone(&sqlite.material);
                let answers = material.answers(server.endpoint()).await?;
                let (process, endpoint) =
                    floor::start(directory.path(), server.endpoint(), &answers).await?;
                let family = Family { servers: vec![process.id()], database: None };
                let target = Target::new(&endpoint)?;
                let side = Side::Floor;
                contenders.push(Contender { side, family, target, material, publishers: None });
                floor = Some(process);
            }
            contenders.push(sqlite);
            ours.push(server);
        }
        if let Some(postgres) = database.as_ref().map(Database::postgres) {
            let id = Some(postgres.process_id());
            if sides.contains(&Side::Postgres) {
                postgres.create_database(DATABASE, "").await?;
                let url = postgres.url("postgres", DATABASE);
                let server = Countersign::start_on_database_with(&url, SETTINGS).await?;
                let family = Family { servers: vec![server.process_id()], database: id };
                contenders.push(Contender::new(Side::Postgres, family, server.endpoint()).await?);
                ours.push(server);
            }
            if sides.contains(&Side::PostgresWithSigner) {
                let (signer, server) = with_signer(postgres).await?;
                let servers = vec![server.process_id(), signer.process_id()];
                let family = Family { servers, database: id };
                let side = Side::PostgresWithSigner;
                contenders.push(Contender::new(side, family, server.endpoint()).await?);
                ours.push(server);
                our_signer = Some(signer);
            }
            if let Some(Database::OfGo(go)) = &database {
                let family = Family { servers: go.process_ids().to_vec(), database: id };
                contenders.push(Contender::new(Side::Go, family, go.endpoint()).await?);
            }
        }
        Ok(Self {
            contenders,
            _floor: floor,
            _ours: ours,
            _signer: our_signer,
            database,
            _directory: directory,
        })
    }

    /// Whether all of `sides` are here.
    pub(crate) fn have(&self, sides: &[Side]) -> bool {
        sides.iter().all(|side| self.contender(*side).is_ok())
    }

    /// Starts Notary's server again if it has crashed, and asks it for each document once as after
    /// its first start; says whether it had.
    pub(crate) async fn mend_go(&mut self) -> Result<bool> {
        let Some(Database::OfGo(go)) = &mut self.database else { return Ok(false) };
        let deadline = Instant::now() + DYING;
        while !go.has_crashed() {
            if Instant::now() > deadline {
                return Ok(false);
            }
            tokio::time::sleep(LOOKED_AFTER).await;
        }
        go.start_again().await?;
        let of_go = self.contenders.iter_mut().find(|contender| contender.side == Side::Go);
        let contender = of_go.context("Notary's server was not started")?;
        contender.family.servers = go.process_ids().to_vec();
        contender.material.answers(go.endpoint()).await?;
        Ok(true)
    }

    /// The one of `side`.
    pub(crate) fn contender(&self, side: Side) -> Result<&Contender> {
        let found = self.contenders.iter().find(|contender| contender.side == side);
        found.with_context(|| format!("{} was not started", side.name()))
    }
}

/// Our server and our signer, each with a database of its own.
async fn with_signer(postgres: &Postgres) -> Result<(CountersignSigner, Countersign)> {
    postgres.create_database(BESIDE_SIGNER, "").await?;
    postgres.create_database(OF_SIGNER, "").await?;
    let keys = format!("{SETTINGS}[database]\nurl = '{}'\n", postgres.url("postgres", OF_SIGNER));
    let signer = CountersignSigner::start_with(&keys, &[]).await?;
    let pair = signer.client();
    let settings = format!(
        "{SETTINGS}[signer]\naddress = '{}'\nca = '{}'\ncert = '{}'\nkey = '{}'\n",
        signer.address(),
        signer.authority().certificate().display(),
        pair.certificate.display(),
        pair.key.display()
    );
    let url = postgres.url("postgres", BESIDE_SIGNER);
    let server = Countersign::start_on_database_with(&url, &settings).await?;
    Ok((signer, server))
}

impl Contender {
    async fn new(side: Side, family: Family, endpoint: &Endpoint) -> Result<Self> {
        let publishing = || format!("publishing to {}", side.name());
        let material = Material::publish(endpoint).await.with_context(publishing)?;
        let publishers = Publishers::begin(endpoint).await.with_context(publishing)?;
        Ok(Self {
            side,
            family,
            target: Target::new(endpoint)?,
            material: Arc::new(material),
            publishers: Some(Mutex::new(publishers)),
        })
    }

    /// Whoever changes what the server holds.
    pub(crate) fn publishers(&self) -> Result<MutexGuard<'_, Publishers>> {
        let publishers = self.publishers.as_ref().context("nobody publishes to the floor")?;
        Ok(publishers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
