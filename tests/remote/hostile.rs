//! Our server on a signer that lies, dawdles or is away: a publish is refused and leaves nothing,
//! reads go on, and all is well again when the signer is.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::hostile_signer::{HostileSigner, Manner};
use countersign_tests::peers::link::Link;
use countersign_tests::upload;
use countersign_tests::wire::{Answer, Wire};
use tempfile::TempDir;
use tokio::process::Command;
use tonic::Code;

const GUN: &str = "example.com/lab/app";

/// A server on a signer, and a collection that was published once; the signer has its timestamp
/// and its snapshot key.
struct Published {
    signer: HostileSigner,
    server: Countersign,
    wire: Wire,
    collection: Repository,
}

impl Published {
    async fn start() -> Result<Self> {
        let signer = HostileSigner::start().await?;
        Self::by(signer.port(), signer).await
    }

    async fn by(port: u16, signer: HostileSigner) -> Result<Self> {
        let server = Countersign::start_with(&signer.settings(port)).await?;
        let wire = Wire::to(server.endpoint())?;
        let collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
        let mut published = Self { signer, server, wire, collection };
        let answer = published.publish().await?;
        ensure!(answer.status == 200, "{answer:?}\n{}", published.server.log());
        Ok(published)
    }

    /// Publishes one more target.
    async fn publish(&mut self) -> Result<Answer> {
        let first = self.collection.document("targets").is_some_and(|first| first.version() == 1);
        let roles = if first { &["root", "targets"][..] } else { &["targets"] };
        let answer = upload::publish(&self.wire, GUN, &self.collection.parts(roles)).await?;
        if answer.status == 200 {
            self.collection.bump("targets");
        }
        Ok(answer)
    }

    /// All that a reader sees, and the changefeed.
    async fn seen(&self) -> Result<Vec<(u16, Vec<u8>)>> {
        let mut seen = Vec::new();
        for file in ["root.json", "timestamp.json", "snapshot.json", "targets.json"] {
            let answer = self.wire.document(GUN, file).await?;
            seen.push((answer.status, answer.body));
        }
        let feed = self.wire.get("/v2/_trust/changefeed?records=100").await?;
        seen.push((feed.status, feed.body));
        Ok(seen)
    }
}

#[tokio::test]
async fn a_signer_that_lies_gets_nothing_stored_and_is_used_again_when_it_does_not() -> Result<()> {
    let mut published = Published::start().await?;
    let before = published.seen().await?;
    ensure!(before.iter().all(|(status, _)| *status == 200), "{before:?}");
    for (manner, statuses) in [
        (Manner::AnotherKeysSignature, [500, 500]),
        (Manner::AnotherMessage, [500, 500]),
        (Manner::AnotherKey, [500, 500]),
        (Manner::AnothersId, [500, 500]),
        (Manner::EmptyReply, [500, 500]),
        (Manner::Huge, [503, 503]),
        (Manner::Refuses(Code::FailedPrecondition), [500, 500]),
        (Manner::Refuses(Code::Internal), [503, 503]),
        (Manner::Refuses(Code::PermissionDenied), [503, 503]),
        (Manner::Refuses(Code::Unavailable), [503, 503]),
    ] {
        published.signer.behave(manner);
        let answer = published.publish().await?;
        ensure!(statuses.contains(&answer.status), "{manner:?}: {answer:?}");
        let retry = answer.header("retry-after");
        ensure!((answer.status == 503) != retry.is_empty(), "{manner:?}: {answer:?}");
        ensure!(published.seen().await? == before, "{manner:?} changed what is stored");
    }
    published.signer.behave(Manner::Honest);
    let answer = published.publish().await?;
    ensure!(answer.status == 200, "{answer:?}\n{}", published.server.log());
    ensure!(published.seen().await? != before);
    Ok(())
}

/// Contract section 3: a signer that denies a key or cannot find it never leads to another.
#[tokio::test]
async fn a_key_that_the_signer_denies_is_never_replaced_unasked() -> Result<()> {
    let mut published = Published::start().await?;
    let named = published.wire.document(GUN, "timestamp.key").await?;
    ensure!(named.status == 200);
    let before = published.seen().await?;
    let keys = published.signer.keys();
    published.signer.behave(Manner::Refuses(Code::NotFound));
    let lost = published.wire.document(GUN, "timestamp.key").await?;
    ensure!((lost.status, &lost.body) == (200, &named.body), "{lost:?}");
    // As with a key that the server itself has lost (C-069).
    let answer = published.publish().await?;
    ensure!(answer.status == 400, "{answer:?}");
    ensure!(String::from_utf8_lossy(&answer.body).contains("does not hold"), "{answer:?}");
    for code in [Code::Unavailable, Code::PermissionDenied, Code::Unknown] {
        published.signer.behave(Manner::Refuses(code));
        let denied = published.wire.document(GUN, "timestamp.key").await?;
        ensure!(denied.status == 503, "{code:?}: {denied:?}");
        let answer = published.publish().await?;
        ensure!(answer.status == 503, "{code:?}: {answer:?}");
    }
    ensure!(published.signer.keys() == keys, "a key was made");
    ensure!(published.seen().await? == before);
    published.signer.behave(Manner::Honest);
    ensure!(published.wire.document(GUN, "timestamp.key").await?.body == named.body);
    ensure!(published.publish().await?.status == 200);
    Ok(())
}

/// The server is started while the signer is away, says so, and goes on when it is there.
#[tokio::test]
async fn a_server_starts_without_its_signer_and_uses_it_as_soon_as_it_is_there() -> Result<()> {
    let signer = HostileSigner::start().await?;
    let link = Link::to(signer.port()).await?;
    link.stall();
    let mut server = Countersign::start_unready(&signer.settings(link.port())).await?;
    let wire = Wire::to(server.endpoint())?;
    let health = wire.get("/_notary_server/health").await?;
    ensure!(health.status == 503, "{health:?}");
    let said = String::from_utf8_lossy(&health.body).into_owned();
    ensure!(said.contains("Trust operational"), "{said}");
    link.resume();
    link.break_all();
    server.healthy().await?;
    ensure!(server.log().contains(&format!("the signer at localhost:{}", link.port())));
    let mut collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    collection.bump("targets");
    let parts = collection.parts(&["root", "targets"]);
    let answer = upload::publish(&wire, GUN, &parts).await?;
    ensure!(answer.status == 200, "{answer:?}\n{}", server.log());
    Ok(())
}

/// An endless delay: the publish ends with 503 in its time, and reads go on meanwhile.
#[tokio::test]
async fn reads_go_on_while_the_signer_does_not_answer() -> Result<()> {
    let signer = HostileSigner::start().await?;
    let settings = format!("{}deadline_seconds = 2\n", signer.settings(signer.port()));
    let server = Countersign::start_with(&settings).await?;
    let wire = Wire::to(server.endpoint())?;
    let collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    let mut published = Published { signer, server, wire, collection };
    ensure!(published.publish().await?.status == 200);
    let before = published.seen().await?;
    published.signer.behave(Manner::Silent);
    let calls = published.signer.calls().len();
    let parts = published.collection.parts(&["targets"]);
    let publishing = upload::publish(&published.wire, GUN, &parts);
    let reading = async {
        published.signer.called_since(calls).await;
        published.seen().await
    };
    let (answer, seen) = tokio::join!(publishing, reading);
    ensure!(seen? == before, "what is stored is read while a publish waits");
    let answer = answer?;
    ensure!(answer.status == 503 && !answer.header("retry-after").is_empty(), "{answer:?}");
    published.signer.behave(Manner::Honest);
    ensure!(published.seen().await? == before);
    ensure!(published.publish().await?.status == 200);
    Ok(())
}

/// Keys of A in a root of B: nothing is signed for B, and A goes on.
#[tokio::test]
async fn a_root_that_names_another_collections_key_gets_no_signature() -> Result<()> {
    let mut published = Published::start().await?;
    let before = published.seen().await?;
    let stolen = upload::server_key(&published.wire, GUN, "timestamp").await?;
    let other = "example.com/lab/thief";
    let snapshot = Some(upload::server_key(&published.wire, other, "snapshot").await?);
    let keys = ServerKeys { timestamp: stolen, snapshot };
    let thief = Repository::new(other, 12, upload::now(), &keys);
    let answer =
        upload::publish(&published.wire, other, &thief.parts(&["root", "targets"])).await?;
    // As with a key that the server has lost.
    ensure!(answer.status == 400, "{answer:?}");
    ensure!(
        String::from_utf8_lossy(&answer.body).contains("no timestamp keys exist"),
        "{answer:?}"
    );
    ensure!(published.wire.document(other, "root.json").await?.status == 404);
    ensure!(published.seen().await? == before);
    ensure!(published.publish().await?.status == 200);
    Ok(())
}

/// The settings of a server on `signer` that knows it by the file `ca`.
fn knowing_by(signer: &HostileSigner, ca: &Path) -> String {
    let named = signer.authority().display().to_string();
    signer.settings(signer.port()).replace(&named, &ca.display().to_string())
}

/// Notary's samples name the other side's own certificate as its authority.
#[tokio::test]
async fn a_signer_is_known_by_its_own_certificate() -> Result<()> {
    let signer = HostileSigner::start().await?;
    let server = Countersign::start_with(&knowing_by(&signer, &signer.certificate())).await?;
    let wire = Wire::to(server.endpoint())?;
    ensure!(wire.document(GUN, "timestamp.key").await?.status == 200);
    Ok(())
}

/// Whoever has another certificate is not asked for anything; a file that is put right counts
/// after SIGHUP.
#[tokio::test]
async fn a_strangers_signer_is_not_used_and_the_right_file_counts_after_sighup() -> Result<()> {
    let (signer, stranger) = (HostileSigner::start().await?, HostileSigner::start().await?);
    let folder = TempDir::new()?;
    let ca = folder.path().join("signer-ca.pem");
    fs::copy(stranger.authority(), &ca)?;
    let mut server = Countersign::start_unready(&knowing_by(&signer, &ca)).await?;
    let wire = Wire::to(server.endpoint())?;
    let refused = wire.document(GUN, "timestamp.key").await?;
    ensure!(refused.status == 503, "{refused:?}");
    ensure!(signer.calls().is_empty(), "{:?}", signer.calls());
    fs::copy(signer.authority(), &ca)?;
    server.hang_up()?;
    server.healthy().await?;
    ensure!(wire.document(GUN, "timestamp.key").await?.status == 200);
    Ok(())
}

/// A key that no root names yet stays its collection's across a restart, and is not asked for anew.
#[tokio::test]
async fn for_whom_a_pending_key_is_outlives_a_restart() -> Result<()> {
    let mut published = Published::start().await?;
    let (owner, thief) = ("example.com/lab/new", "example.com/lab/thief");
    let pending = upload::server_key(&published.wire, owner, "timestamp").await?;
    published.server.restart().await?;
    let wire = Wire::to(published.server.endpoint())?;
    let before = published.signer.calls().len();
    ensure!(upload::server_key(&wire, owner, "timestamp").await? == pending);
    let calls = published.signer.calls();
    let since: Vec<&str> = calls.iter().skip(before).map(|call| call.method).collect();
    ensure!(since == ["GetKeyInfo"], "{since:?}");
    let snapshot = Some(upload::server_key(&wire, thief, "snapshot").await?);
    let keys = ServerKeys { timestamp: pending.clone(), snapshot };
    let forged = Repository::new(thief, 12, upload::now(), &keys);
    let answer = upload::publish(&wire, thief, &forged.parts(&["root", "targets"])).await?;
    ensure!(answer.status == 400, "{answer:?}");
    let snapshot = Some(upload::server_key(&wire, owner, "snapshot").await?);
    let keys = ServerKeys { timestamp: pending, snapshot };
    let own = Repository::new(owner, 13, upload::now(), &keys);
    let answer = upload::publish(&wire, owner, &own.parts(&["root", "targets"])).await?;
    ensure!(answer.status == 200, "{answer:?}\n{}", published.server.log());

    // What is checked without asking the signer.
    let data = published.server.data();
    let mut check = Command::new(binary()?);
    check.args(["check", "--config"]).arg(data.join("countersign.toml"));
    let checked = check.arg("--data-dir").arg(data).output().await?;
    ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    Ok(())
}
