//! Publishers, readers, and collections that come and go.

use anyhow::{Result, ensure};
use countersign_tests::session::{Session, sha256_hex};

pub(crate) const GUN: &str = "example.com/lab/app";
pub(crate) const NO_TARGETS: &str = "\nNo targets present in this repository.\n";
pub(crate) const NO_TRUST_DATA: &str = "does not have trust data for example.com/lab/app";

pub(crate) async fn a_published_target_is_listed_looked_up_and_verified_by_anyone(
    s: &mut Session,
) -> Result<()> {
    let (alice, reader) = (s.client("alice")?, s.client("reader")?);
    let (good, bad) = (s.file("good", b"hello\n")?, s.file("bad", b"hullo\n")?);
    let row = format!("v1 sha256:{} 6\n", sha256_hex(b"hello\n"));
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["add", GUN, "v1", &good]).await?;
    s.prints(&reader, &["list", GUN], NO_TARGETS).await?;
    s.ok(&alice, &["publish", GUN]).await?;
    s.prints(&reader, &["list", GUN], &sha256_hex(b"hello\n")).await?;
    s.prints(&reader, &["lookup", GUN, "v1"], &row).await?;
    s.fails(&reader, &["lookup", GUN, "v2"], "No valid trust data for v2").await?;
    s.prints(&reader, &["verify", GUN, "v1", "-i", &good], "hello\n").await?;
    s.ok(&reader, &["verify", GUN, "v1", "-q", "-i", &good]).await?;
    s.fails(&reader, &["verify", GUN, "v1", "-i", &bad], "checksum for v1 did not match").await?;
    Ok(())
}

pub(crate) async fn a_removed_target_is_gone_and_the_others_stay(s: &mut Session) -> Result<()> {
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", GUN]).await?;
    s.ok(&alice, &["add", GUN, "stays", &file]).await?;
    s.ok(&alice, &["add", "-p", GUN, "goes", &file]).await?;
    s.ok(&alice, &["remove", GUN, "goes"]).await?;
    s.prints(&alice, &["lookup", GUN, "goes"], "goes sha256:").await?;
    s.ok(&alice, &["publish", GUN]).await?;
    s.fails(&alice, &["lookup", GUN, "goes"], "No valid trust data for goes").await?;
    s.prints(&alice, &["lookup", GUN, "stays"], "stays sha256:").await?;
    s.ok(&alice, &["remove", "-p", GUN, "never-there"]).await?;
    s.ok(&alice, &["remove", "-p", GUN, "stays"]).await?;
    s.prints(&alice, &["list", GUN], NO_TARGETS).await?;
    Ok(())
}

pub(crate) async fn names_with_ports_dots_slashes_and_underscores_are_collections_of_their_own(
    s: &mut Session,
) -> Result<()> {
    let alice = s.client("alice")?;
    let guns = [
        "localhost:5000/team/app",
        "192.0.2.7:8443/a.b/c_d",
        "docker.io/library/alpine",
        "example.com/a",
        "example.com/a/b",
        "example.com/a/b/c/d/e/f",
        "example.com/-_.__x/UPPER-Case",
        "plain",
    ];
    for (number, gun) in guns.into_iter().enumerate() {
        let file = s.file("file", gun.as_bytes())?;
        s.ok(&alice, &["init", gun]).await?;
        s.ok(&alice, &["add", "-p", gun, &format!("v{number}"), &file]).await?;
    }
    for (number, gun) in guns.into_iter().enumerate() {
        let listed = s.ok(&alice, &["list", gun]).await?.stdout;
        let rows: Vec<_> = listed.lines().skip(2).collect();
        let fits = rows.len() == 1 && rows.iter().all(|r| r.starts_with(&format!("v{number} ")));
        ensure!(fits, "{gun}: {listed}");
    }
    s.fails(&alice, &["list", "example.com/a/b/c"], "does not have trust data").await?;
    s.fails(&alice, &["list", "a name with spaces"], "does not have trust data").await?;
    Ok(())
}

pub(crate) async fn what_one_publisher_changes_the_other_sees(s: &mut Session) -> Result<()> {
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    let bob = s.copy(&alice, "bob")?;
    let reader = s.client("reader")?;
    s.ok(&bob, &["add", "-p", GUN, "from-bob", &file]).await?;
    s.prints(&alice, &["list", GUN], "from-bob ").await?;
    s.prints(&reader, &["list", GUN], "from-bob ").await?;
    s.ok(&alice, &["add", "-p", GUN, "from-alice", &file]).await?;
    s.ok(&alice, &["remove", "-p", GUN, "from-bob"]).await?;
    s.prints(&bob, &["list", GUN], "from-alice ").await?;
    s.fails(&bob, &["lookup", GUN, "from-bob"], "No valid trust data").await?;
    s.ok(&bob, &["add", "-p", GUN, "again", &file]).await?;
    s.ok(&reader, &["list", GUN]).await?;
    Ok(())
}

pub(crate) async fn deleting_locally_keeps_the_collection_and_deleting_remotely_ends_it(
    s: &mut Session,
) -> Result<()> {
    let alice = s.client("alice")?;
    let file = s.file("file", b"content")?;
    let neighbour = "example.com/lab/app2";
    s.ok(&alice, &["init", "-p", neighbour]).await?;
    s.ok(&alice, &["init", GUN]).await?;
    s.ok(&alice, &["add", "-p", GUN, "v1", &file]).await?;
    let reader = s.client("reader")?;
    s.ok(&reader, &["list", GUN]).await?;
    s.prints(&alice, &["delete", GUN], "Successfully deleted local trust data").await?;
    s.prints(&alice, &["list", GUN], "v1 ").await?;
    s.prints(&alice, &["delete", "--remote", GUN], "local and remote trust data").await?;
    s.fails(&alice, &["list", GUN], NO_TRUST_DATA).await?;
    s.ok(&reader, &["list", GUN]).await?;
    s.fails(&s.client("stranger")?, &["list", GUN], NO_TRUST_DATA).await?;
    s.ok(&alice, &["delete", "--remote", GUN]).await?;
    s.prints(&alice, &["list", neighbour], NO_TARGETS).await?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.prints(&alice, &["list", GUN], NO_TARGETS).await?;
    s.fails(&reader, &["list", GUN], "").await?;
    Ok(())
}

///
pub(crate) async fn whoever_cached_a_collection_that_was_deleted_and_made_anew_is_told(
    s: &mut Session,
) -> Result<()> {
    let (alice, reader) = (s.client("alice")?, s.client("reader")?);
    let file = s.file("file", b"content")?;
    let untrusted = "could not rotate trust to a new trusted root";
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok_with_input(&alice, &["key", "rotate", GUN, "root"], "yes\n").await?;
    s.ok(&alice, &["add", "-p", GUN, "old", &file]).await?;
    s.ok(&reader, &["list", GUN]).await?;
    let publisher = s.copy(&alice, "publisher")?;
    s.ok(&alice, &["delete", "--remote", GUN]).await?;
    s.prints(&reader, &["list", GUN], "old ").await?;
    s.ok(&alice, &["init", "-p", GUN]).await?;
    s.ok(&alice, &["add", "-p", GUN, "new", &file]).await?;
    s.prints(&s.client("stranger")?, &["list", GUN], "new ").await?;
    s.fails(&reader, &["list", GUN], untrusted).await?;
    s.fails(&reader, &["lookup", GUN, "new"], untrusted).await?;
    s.fails(&publisher, &["add", "-p", GUN, "lost", &file], untrusted).await?;
    s.ok(&reader, &["delete", GUN]).await?;
    let listed = s.prints(&reader, &["list", GUN], "new ").await?;
    ensure!(!listed.says("old ") && !listed.says("lost "), "{listed:?}");
    Ok(())
}
