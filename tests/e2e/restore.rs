//! `countersign restore`: readers and publishers go on, what is lost is told, and a restore that
//! was broken off goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::session::{Server, Session};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Duration, Instant, interval};

const GUN: &str = "example.com/lab/app";

/// How a command ended, and all that it said.
struct Ended {
    code: Option<i32>,
    said: String,
}

async fn countersign(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Ended> {
    let done = Command::new(binary()?)
        .args(arguments)
        .envs(variables.iter().copied())
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8([done.stdout, done.stderr].concat())?;
    Ok(Ended { code: done.status.code(), said })
}

async fn ok(arguments: &[&str]) -> Result<String> {
    let Ended { code, said } = countersign(arguments, &[]).await?;
    ensure!(code == Some(0), "{arguments:?}: {code:?}: {said}");
    Ok(said)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

/// A backup of a server, and where its damaged data is kept.
struct Disaster {
    place: TempDir,
}

impl Disaster {
    fn new() -> Result<Self> {
        Ok(Self { place: TempDir::new()? })
    }

    fn backup(&self) -> PathBuf {
        self.place.path().join("backup")
    }

    fn old(&self) -> PathBuf {
        self.place.path().join("old")
    }

    async fn back_up(&self, server: &Countersign) -> Result<()> {
        ok(&["backup", text(&self.backup())?, "--data-dir", text(server.data())?]).await?;
        Ok(())
    }

    /// The server dies and its data is moved away; then the backup is put back and served.
    async fn strike(&self, s: &mut Session, arguments: &[&str]) -> Result<String> {
        let data = ours(s)?.data().to_owned();
        s.server_dies()?;
        fs::create_dir(self.old())?;
        for entry in fs::read_dir(&data)? {
            let entry = entry?;
            fs::rename(entry.path(), self.old().join(entry.file_name()))?;
        }
        let backup = self.backup();
        let command = ["restore", text(&backup)?, "--data-dir", text(&data)?];
        let said = ok(&[&command, arguments].concat()).await?;
        fs::write(data.join("countersign.toml"), "")?;
        s.server_returns().await?;
        Ok(said)
    }
}

fn ours(s: &Session) -> Result<&Countersign> {
    match s.server() {
        Server::Countersign(server) => Ok(server),
        _ => anyhow::bail!("another server"),
    }
}

/// Nothing that a publisher signs is new; the server's documents are.
async fn sign_again(wire: &Wire) -> Result<()> {
    let nothing = [("timestamp".to_owned(), br#"{"signed":{},"signatures":[]}"#.to_vec())];
    let answer = upload::publish(wire, GUN, &nothing).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// A session with a published collection whose snapshot the server signs.
async fn published() -> Result<(Session, countersign_tests::peers::notary_client::NotaryClient)> {
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
    Ok((s, alice))
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_saw_newer_versions_than_the_backup_holds_go_on() -> Result<()> {
    let (mut s, alice) = published().await?;
    let (reader, file) = (s.client("reader")?, s.file("file", b"content")?);
    let disaster = Disaster::new()?;
    disaster.back_up(ours(&s)?).await?;
    let wire = Wire::to(s.server().endpoint())?;
    for _ in 0..5 {
        sign_again(&wire).await?;
    }
    s.prints(&reader, &["list", GUN], "v1 ").await?;
    s.ok(&alice, &["list", GUN]).await?;
    let old = disaster.old().join("countersign.db");
    let said = disaster.strike(&mut s, &["--compare", text(&old)?]).await?;
    ensure!(said.contains("1 signed again"), "{said}");
    ensure!(said.contains("nothing that was published is lost"), "{said}");
    s.prints(&reader, &["list", GUN], "v1 ").await?;
    s.ok(&alice, &["add", "-p", GUN, "v2", &file]).await?;
    s.prints(&reader, &["list", GUN], "v2 ").await?;
    s.prints(&s.client("new")?, &["list", GUN], "v2 ").await?;
    Ok(())
}

/// The client forgets which targets it saw, so it lists what is there; the operator is told what is
/// not.
#[tokio::test(flavor = "multi_thread")]
async fn lost_publishes_are_listed_and_who_saw_them_goes_on_with_what_is_there() -> Result<()> {
    let (mut s, alice) = published().await?;
    let (reader, file) = (s.client("reader")?, s.file("file", b"content")?);
    let disaster = Disaster::new()?;
    disaster.back_up(ours(&s)?).await?;
    for round in ["v2", "v3"] {
        s.ok(&alice, &["add", "-p", GUN, round, &file]).await?;
    }
    s.prints(&reader, &["list", GUN], "v3 ").await?;
    let old = disaster.old().join("countersign.db");
    let said = disaster.strike(&mut s, &["--compare", text(&old)?]).await?;
    ensure!(said.contains(&format!("lost: {GUN}: targets versions ")), "{said}");
    ensure!(said.contains("1 GUNs lost something"), "{said}");
    for reader in [&reader, &alice, &s.client("new")?] {
        let listed = s.prints(reader, &["list", GUN], "v1 ").await?;
        ensure!(!listed.says("v2 ") && !listed.says("v3 "), "{listed:?}");
    }
    s.ok(&alice, &["add", "-p", GUN, "v2", &file]).await?;
    s.prints(&reader, &["list", GUN], "v2 ").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_use_and_a_damaged_backup_are_refused_and_nothing_changes() -> Result<()> {
    let (s, _) = published().await?;
    let disaster = Disaster::new()?;
    disaster.back_up(ours(&s)?).await?;
    let (backup, data) = (disaster.backup(), ours(&s)?.data().to_owned());
    let before = fs::read(data.join("countersign.db"))?;
    let refused =
        countersign(&["restore", text(&backup)?, "--data-dir", text(&data)?], &[]).await?;
    ensure!(refused.code == Some(15) && refused.said.contains("is not empty"), "{}", refused.said);
    ensure!(fs::read(data.join("countersign.db"))? == before);
    let place = disaster.place.path().join("data");
    for (file, content) in [("certs/ca.crt", "other"), ("manifest.json", "{}")] {
        let path = backup.join(file);
        let kept = fs::read(&path)?;
        fs::write(&path, content)?;
        let arguments = ["restore", text(&backup)?, "--data-dir", text(&place)?];
        let refused = countersign(&arguments, &[]).await?;
        ensure!(refused.code == Some(15) && refused.said.contains(file), "{}", refused.said);
        ensure!(!place.exists() && !place.with_extension("restoring").exists());
        fs::write(&path, kept)?;
    }
    ok(&["restore", text(&backup)?, "--data-dir", text(&place)?]).await?;
    for (name, mode) in [("", 0o700), ("countersign.db", 0o600), ("secrets/key-passphrase", 0o600)]
    {
        let found = place.join(name).metadata()?.permissions().mode() & 0o777;
        ensure!(found == mode, "{name}: {found:o}");
    }
    Ok(())
}

/// A wrong passphrase and a kill in the middle: nothing is in place until all is done, and no GUN
/// is signed twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_broken_off_goes_on_where_it_was() -> Result<()> {
    const GUNS: usize = 60;
    let server = Countersign::start().await?;
    let wire = Wire::to(server.endpoint())?;
    for number in 0..GUNS {
        let gun = format!("example.com/lab/app-{number}");
        let collection = upload::collection_with_server_snapshot(&wire, &gun).await?;
        let answer = upload::publish(&wire, &gun, &collection.all_parts()).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    let disaster = Disaster::new()?;
    disaster.back_up(&server).await?;
    let (backup, place) = (disaster.backup(), disaster.place.path().join("data"));
    let restoring = disaster.place.path().join("data.restoring");
    let arguments = ["restore", text(&backup)?, "--data-dir", text(&place)?];
    let wrong = [("COUNTERSIGN_KEY_PASSPHRASE", "another one")];
    let refused = countersign(&arguments, &wrong).await?;
    ensure!(refused.code == Some(5), "{:?}: {}", refused.code, refused.said);
    ensure!(!place.exists() && restoring.exists());

    let mut child = Command::new(binary()?).args(arguments).kill_on_drop(true).spawn()?;
    let url = format!("sqlite:{}", restoring.join("countersign.db").display());
    let mut database = SqliteConnection::connect(&url).await?;
    let timestamps = "SELECT count(*) FROM tuf_files WHERE role = 'timestamp'";
    let deadline = Instant::now() + PATIENCE;
    let mut pace = interval(Duration::from_millis(1));
    let begun = i64::try_from(GUNS)? + 3;
    while sqlx::query_scalar::<_, i64>(timestamps).fetch_one(&mut database).await? < begun {
        pace.tick().await;
        ensure!(Instant::now() < deadline, "it does not sign");
    }
    child.kill().await?;
    database.close().await?;
    ensure!(!place.exists(), "it was done before it was killed");

    let said = ok(&arguments).await?;
    ensure!(!said.contains(" 0 by an earlier run") && said.contains("0 could not be"), "{said}");
    ensure!(place.exists() && !restoring.exists());
    let url = format!("sqlite:{}", place.join("countersign.db").display());
    let mut database = SqliteConnection::connect(&url).await?;
    for role in ["timestamp", "snapshot"] {
        let twice = format!(
            "SELECT count(*) FROM (SELECT gun FROM tuf_files WHERE role = '{role}' \
             GROUP BY gun HAVING count(*) <> 2 OR max(version) <= 100000)"
        );
        let odd: i64 = sqlx::query_scalar(AssertSqlSafe(twice)).fetch_one(&mut database).await?;
        ensure!(odd == 0, "{odd} GUNs were not signed once: {role}");
    }
    let lowest = "SELECT min(id) FROM (SELECT id FROM changefeed ORDER BY id DESC LIMIT 60)";
    let lowest: i64 = sqlx::query_scalar(lowest).fetch_one(&mut database).await?;
    ensure!(lowest > 100_000, "change {lowest} may be one that readers know");
    Ok(())
}

/// `--in-place` on the embedded database refuses while a server runs on it.
#[tokio::test(flavor = "multi_thread")]
async fn signing_in_place_beside_a_server_is_refused() -> Result<()> {
    let (s, _) = published().await?;
    let data = ours(&s)?.data().to_owned();
    let arguments =
        ["restore", "--in-place", "--taken-at", "2026-01-01T00:00:00Z", "--data-dir", text(&data)?];
    let refused = countersign(&arguments, &[]).await?;
    ensure!(refused.code == Some(4), "{:?}: {}", refused.code, refused.said);
    Ok(())
}
