//! `countersign gc` beside a running server, and the same in the background: readers of every age
//! go on, and what nobody needs is gone.

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::process::PATIENCE;
use countersign_tests::session::{Server, Session, sha256_hex};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use sqlx::{Connection as _, SqliteConnection};
use tokio::process::Command;
use tokio::time::{Duration, Instant, interval};

const GUN: &str = "example.com/lab/app";

/// Runs `countersign gc` on a server's data and gives back what it says.
async fn gc(server: &Countersign, arguments: &[&str]) -> Result<String> {
    let done = Command::new(binary()?)
        .arg("gc")
        .arg("--data-dir")
        .arg(server.data())
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8([done.stdout, done.stderr].concat())?;
    ensure!(done.status.success(), "{}: {said}", done.status);
    Ok(said)
}

fn ours(session: &Session) -> Result<&Countersign> {
    match session.server() {
        Server::Countersign(server) => Ok(server),
        _ => anyhow::bail!("another server"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_with_old_caches_and_new_ones_go_on_after_a_clearing() -> Result<()> {
    let mut s = Session::with(Server::Countersign(Countersign::start().await?))?;
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    let early = s.copy(&alice, "early")?;
    s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
    s.ok(&alice, &["key", "rotate", GUN, "snapshot", "-r"]).await?;
    let middle = s.client("middle")?;
    s.prints(&middle, &["list", GUN], "v1 ").await?;
    s.ok_with_input(&alice, &["key", "rotate", GUN, "root"], "yes\n").await?;
    for round in ["v2", "v3", "v4"] {
        s.ok(&alice, &["add", "-p", GUN, round, &file]).await?;
    }
    let told = gc(ours(&s)?, &["--keep-versions", "1", "--dry-run"]).await?;
    let done = gc(ours(&s)?, &["--keep-versions", "1"]).await?;
    ensure!(told.contains("would remove 1") && done.contains("removed 1"), "{told}{done}");
    let again = gc(ours(&s)?, &["--keep-versions", "1"]).await?;
    ensure!(again.contains("removed 0 versions"), "{again}");
    for reader in [&early, &middle, &alice, &s.client("new")?] {
        s.prints(reader, &["list", GUN], "v4 ").await?;
    }
    s.ok(&alice, &["add", "-p", GUN, "v5", &file]).await?;
    s.prints(&early, &["list", GUN], "v5 ").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_current_answers_by_hash_and_what_is_old_is_gone() -> Result<()> {
    let mut server = Countersign::start().await?;
    let wire = Wire::to(server.endpoint())?;
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    let mut old = Vec::new();
    for round in 0..4 {
        let answer = upload::publish(&wire, GUN, &collection.all_parts()).await?;
        ensure!(answer.status == 200, "round {round}: {answer:?}");
        old.extend(by_hash(&wire).await?);
        collection.bump("targets");
        collection.bump("root");
    }
    let current: Vec<String> = by_hash(&wire).await?;
    let before = size(&server)?;
    gc(&server, &["--keep-versions", "1", "--changefeed-days", "1"]).await?;
    for file in &current {
        let status = wire.document(GUN, file).await?.status;
        ensure!(status == 200, "{file}: {status}");
    }
    let after = size(&server)?;
    ensure!(after < before, "{after} of {before} bytes");
    // What is old may be answered from memory until then.
    server.restart().await?;
    let wire = Wire::to(server.endpoint())?;
    for file in &old {
        let stays = current.contains(file) || file.starts_with("root.");
        let status = wire.document(GUN, file).await?.status;
        ensure!((status == 200) == stays, "{file}: {status}");
    }
    for version in 1..=4 {
        let status = wire.document(GUN, &format!("{version}.root.json")).await?.status;
        ensure!(status == 200, "{version}.root.json: {status}");
    }
    Ok(())
}

/// What the database takes on disk, its log included.
fn size(server: &Countersign) -> Result<u64> {
    let mut bytes = 0;
    for name in ["countersign.db", "countersign.db-wal"] {
        bytes += server.data().join(name).metadata()?.len();
    }
    Ok(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_clears_by_itself_when_it_is_told_to() -> Result<()> {
    let settings = "[retention]\ninterval_seconds = 1\nkeep_versions = 1\nkeep_days = 0\n";
    let server = Countersign::start_with(settings).await?;
    let wire = Wire::to(server.endpoint())?;
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    ensure!(upload::publish(&wire, GUN, &collection.all_parts()).await?.status == 200);
    collection.bump("targets");
    ensure!(upload::publish(&wire, GUN, &collection.parts(&["targets"])).await?.status == 200);
    let url = format!("sqlite:{}?mode=ro", server.data().join("countersign.db").display());
    let mut database = SqliteConnection::connect(&url).await?;
    let versions = "SELECT count(*) FROM tuf_files WHERE role <> 'root'";
    let deadline = Instant::now() + PATIENCE;
    let mut pace = interval(Duration::from_millis(50));
    while sqlx::query_scalar::<_, i64>(versions).fetch_one(&mut database).await? != 3 {
        pace.tick().await;
        ensure!(Instant::now() < deadline, "{}", server.log());
    }
    for file in by_hash(&wire).await? {
        let status = wire.document(GUN, &file).await?.status;
        ensure!(status == 200, "{file}: {status}");
    }
    Ok(())
}

/// The current documents, by the names that ask for them by hash.
async fn by_hash(wire: &Wire) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for role in ["root", "targets", "snapshot", "timestamp"] {
        let answer = wire.document(GUN, &format!("{role}.json")).await?;
        ensure!(answer.status == 200, "{role}: {answer:?}");
        files.push(format!("{role}.{}.json", sha256_hex(&answer.body)));
    }
    Ok(files)
}
