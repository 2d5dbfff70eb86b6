//! A Notary that has been lived in: two hundred repositories, some of them damaged.

use anyhow::{Context, Result, bail, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::peers::notary_client::NotaryClient;
use countersign_tests::session::{Server, Session};
use countersign_tests::signer::Signer;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;

/// How many repositories are forged.
pub(crate) const FORGED: usize = 198;

/// Published by the real client, each for one of the servers that follow.
pub(crate) const BY_CLIENT: [&str; 2] = ["example.com/lab/first", "example.com/lab/second"];

/// How many publishes are under way at once.
const AT_ONCE: usize = 4;

pub(crate) fn forged(number: usize) -> String {
    format!("example.com/team-{}/app-{number:03}", number % 7)
}

/// The current targets document was changed in the database.
pub(crate) fn tampered() -> String {
    forged(41)
}

/// The row with the snapshot is gone.
pub(crate) fn torn() -> String {
    forged(83)
}

/// Its timestamp key is sealed under an alias that nobody has a passphrase of.
pub(crate) fn without_alias() -> String {
    forged(120)
}

/// The Notary, and its users.
pub(crate) struct Notary {
    pub(crate) session: Session,
    pub(crate) owner: NotaryClient,
    pub(crate) reader: NotaryClient,
    pub(crate) file: String,
    /// A forged repository, to be published to again.
    pub(crate) busy: Repository,
}

impl Notary {
    /// On PostgreSQL, with some repositories damaged.
    pub(crate) async fn start() -> Result<Self> {
        let notary = Self::filled(GoNotary::start().await?, FORGED).await?;
        notary.spoil().await?;
        Ok(notary)
    }

    /// With what real clients published, and so many forged repositories.
    pub(crate) async fn filled(go: GoNotary, forged: usize) -> Result<Self> {
        let mut s = Session::with(Server::Go(Box::new(go)))?;
        let (owner, file) = (s.client("owner")?, s.file("file", b"content")?);
        let reader = s.client("reader")?;
        for gun in BY_CLIENT {
            s.ok(&owner, &["init", "-p", gun]).await?;
            s.ok(&owner, &["key", "rotate", gun, "snapshot", "-r"]).await?;
            let delegate = Signer::with_ecdsa(&mut s, &gun.replace('/', "-")).await?;
            let add = ["delegation", "add", "-p", gun, "targets/team", &delegate.certificate];
            s.ok(&owner, &[&add[..], &["--all-paths"]].concat()).await?;
            s.ok(&owner, &["key", "rotate", gun, "timestamp", "-r"]).await?;
            s.ok(&owner, &["add", "-p", gun, "v1", &file]).await?;
            s.prints(&reader, &["list", gun], "v1").await?;
        }
        let busy = fill(&s, forged).await?;
        Ok(Self { session: s, owner, reader, file, busy })
    }

    pub(crate) fn go(&self) -> Result<&GoNotary> {
        match self.session.server() {
            Server::Go(go) => Ok(go),
            other => bail!("{other:?} is no Go pair"),
        }
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        match self.session.server_mut() {
            Server::Go(go) => go.stop_both(),
            other => bail!("{other:?} is no Go pair"),
        }
    }

    /// Somebody publishes, and somebody deletes, while the import is on its way.
    pub(crate) async fn goes_on(&mut self) -> Result<()> {
        let wire = Wire::to(self.session.server().endpoint())?;
        self.busy.add_target("targets", "later", b"later");
        self.busy.bump("snapshot");
        let parts = self.busy.parts(&["targets", "snapshot"]);
        let answer = upload::publish(&wire, self.busy.gun(), &parts).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let path = upload::publish_path(&forged(7));
        let answer = wire.send(Method::DELETE, &path, None, Vec::new()).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    }

    async fn spoil(&self) -> Result<()> {
        let go = self.go()?;
        let server = format!(
            "UPDATE tuf_files SET data = data || '\\x20' WHERE gun = '{}' AND role = 'targets'
                AND version = (SELECT max(version) FROM tuf_files WHERE gun = '{}' AND role = 'targets');
             DELETE FROM tuf_files WHERE gun = '{}' AND role = 'snapshot'",
            tampered(),
            tampered(),
            torn()
        );
        go.postgres().psql(GoNotary::SERVER_DATABASE, &server).await?;
        let signer = format!(
            "UPDATE private_keys SET passphrase_alias = 'lost' WHERE gun = '{}';
             INSERT INTO private_keys (created_at, deleted_at, key_id, encryption_alg, keywrap_alg,
                algorithm, passphrase_alias, public, private, gun, role)
             SELECT now(), now(), md5(key_id) || md5('x'), encryption_alg, keywrap_alg, algorithm,
                passphrase_alias, public, private, gun, role FROM private_keys LIMIT 3",
            without_alias()
        );
        go.postgres().psql(GoNotary::SIGNER_DATABASE, &signer).await
    }
}

/// Publishes the forged repositories, and gives back the first.
async fn fill(s: &Session, forged: usize) -> Result<Repository> {
    let wire = Wire::to(s.server().endpoint())?;
    let wire = &wire;
    let mut first = publish(wire, 0).await?;
    first.bump("snapshot");
    let publishes = stream::iter(1..forged).map(|number| publish(wire, number));
    publishes.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
    first.bump("targets");
    Ok(first)
}

/// One repository: with the snapshot key here or there, with delegations, with a rotated root.
async fn publish(wire: &Wire, number: usize) -> Result<Repository> {
    let gun = forged(number);
    let mut repository = match number % 4 {
        1 => upload::collection_with_server_snapshot(wire, &gun).await?,
        _ => upload::collection(wire, &gun).await?,
    };
    if number % 4 == 2 {
        let (parent, child) = (repository.new_ecdsa_key(), repository.new_ed25519_key());
        repository.add_delegation("targets/releases", parent);
        repository.add_delegation("targets/releases/candidates", child);
        repository.add_target("targets/releases", "v1", b"one");
    }
    let answer = upload::publish(wire, &gun, &repository.all_parts()).await?;
    ensure!(answer.status == 200, "{gun}: {answer:?}");
    if number % 4 == 3 {
        let key = repository.new_root_key();
        repository.rotate("root", key);
        repository.bump("snapshot");
        let answer = upload::publish(wire, &gun, &repository.parts(&["root", "snapshot"])).await;
        ensure!(answer.with_context(|| gun.clone())?.status == 200, "{gun}");
    }
    Ok(repository)
}
