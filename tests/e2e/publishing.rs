//! What a publisher and a reader do all day: init, add, publish, list, lookup, verify, remove,
//! delete. Every command must end and speak against Countersign as against the Go server.

use anyhow::{Result, ensure};
use countersign_tests::compare::alike;
use countersign_tests::peers::certs::Pair;
use countersign_tests::peers::notary_client::ROOT_PASSPHRASE;
use countersign_tests::session::{Session, sha256_hex};

const GUN: &str = "example.com/lab/app";
const NO_TARGETS: &str = "\nNo targets present in this repository.\n";
const NO_TRUST_DATA: &str = "does not have trust data for example.com/lab/app";

#[tokio::test]
async fn a_collection_that_was_never_published_has_no_trust_data() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        s.fails(&alice, &["list", GUN], NO_TRUST_DATA).await?;
        s.fails(&alice, &["lookup", GUN, "v1"], NO_TRUST_DATA).await?;
        s.fails(&alice, &["verify", GUN, "v1"], NO_TRUST_DATA).await?;
        s.fails(&alice, &["delegation", "list", GUN], NO_TRUST_DATA).await?;
        s.ok(&alice, &["init", GUN]).await?;
        s.fails(&alice, &["list", GUN], NO_TRUST_DATA).await?;
        s.ok(&alice, &["status", GUN]).await?;
        s.ok(&alice, &["publish", GUN]).await?;
        s.prints(&alice, &["list", GUN], NO_TARGETS).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_initialised_and_published_collection_lists_no_targets() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        s.prints(&alice, &["init", "-p", GUN], "Successfully published changes").await?;
        let listed = s.ok(&alice, &["list", GUN]).await?;
        ensure!(listed.stdout.trim() == NO_TARGETS.trim(), "{listed:?}");
        s.prints(&s.client("stranger")?, &["list", GUN], NO_TARGETS).await?;
        s.fails(&alice, &["init", "-p", GUN], "could not rotate trust to a new trusted root")
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_published_target_is_listed_looked_up_and_verified_by_anyone() -> Result<()> {
    alike(async |s: &mut Session| {
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
        s.fails(&reader, &["verify", GUN, "v1", "-i", &bad], "checksum for v1 did not match")
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn add_with_publish_needs_one_command_and_publishes_what_was_staged_before() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        s.ok(&alice, &["init", GUN]).await?;
        s.ok(&alice, &["add", GUN, "staged", &file]).await?;
        s.ok(&alice, &["add", "-p", GUN, "published", &file]).await?;
        s.prints(&alice, &["list", GUN], "staged ").await?;
        s.prints(&alice, &["list", GUN], "published ").await?;
        s.ok(&alice, &["publish", GUN]).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn addhash_publishes_digests_without_the_file() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        let digest = sha256_hex(b"content");
        let sha512 = "ab".repeat(64);
        s.ok(&alice, &["init", "-p", GUN]).await?;
        s.ok(&alice, &["addhash", "-p", GUN, "v1", "7", "--sha256", &digest]).await?;
        // The client names the two digests in any order, so this one step is not compared.
        let both = ["addhash", GUN, "v2", "9", "--sha256", &digest, "--sha512", &sha512];
        let staged = alice.run(&both).await?;
        ensure!(staged.succeeded(), "{staged:?}");
        s.ok(&alice, &["publish", GUN]).await?;
        s.prints(&alice, &["lookup", GUN, "v1"], &format!("v1 sha256:{digest} 7\n")).await?;
        s.ok(&alice, &["verify", GUN, "v1", "-i", &file]).await?;
        s.fails(&alice, &["verify", GUN, "v2", "-i", &file], "did not match").await?;
        s.fails(&alice, &["addhash", GUN, "v3", "1", "--sha256", "zz"], "invalid sha256").await?;
        s.ok(&alice, &["list", GUN]).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_removed_target_is_gone_and_the_others_stay() -> Result<()> {
    alike(async |s: &mut Session| {
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
    })
    .await
}

#[tokio::test]
async fn staged_changes_are_shown_and_can_be_dropped() -> Result<()> {
    alike(async |s: &mut Session| {
        let alice = s.client("alice")?;
        let file = s.file("file", b"content")?;
        s.ok(&alice, &["init", "-p", GUN]).await?;
        s.prints(&alice, &["status", GUN], "No unpublished changes").await?;
        for target in ["a", "b", "c"] {
            s.ok(&alice, &["add", GUN, target, &file]).await?;
        }
        s.prints(&alice, &["status", GUN], "create").await?;
        s.ok(&alice, &["reset", GUN, "-n", "0,2"]).await?;
        s.ok(&alice, &["status", GUN]).await?;
        s.ok(&alice, &["publish", GUN]).await?;
        s.prints(&alice, &["lookup", GUN, "b"], "b sha256:").await?;
        s.fails(&alice, &["lookup", GUN, "a"], "No valid trust data for a").await?;
        s.ok(&alice, &["add", GUN, "d", &file]).await?;
        s.ok(&alice, &["reset", GUN, "--all"]).await?;
        s.prints(&alice, &["status", GUN], "No unpublished changes").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn names_with_ports_dots_slashes_and_underscores_are_collections_of_their_own() -> Result<()>
{
    alike(async |s: &mut Session| {
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
            let fits =
                rows.len() == 1 && rows.iter().all(|r| r.starts_with(&format!("v{number} ")));
            ensure!(fits, "{gun}: {listed}");
        }
        s.fails(&alice, &["list", "example.com/a/b/c"], "does not have trust data").await?;
        s.fails(&alice, &["list", "a name with spaces"], "does not have trust data").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_one_publisher_changes_the_other_sees() -> Result<()> {
    alike(async |s: &mut Session| {
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
    })
    .await
}

#[tokio::test]
async fn deleting_locally_keeps_the_collection_and_deleting_remotely_ends_it() -> Result<()> {
    alike(async |s: &mut Session| {
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
    })
    .await
}

///
#[tokio::test]
async fn whoever_cached_a_collection_that_was_deleted_and_made_anew_is_told() -> Result<()> {
    alike(async |s: &mut Session| {
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
    })
    .await
}

#[tokio::test]
async fn a_users_own_root_key_signs_when_its_certificate_names_the_collection() -> Result<()> {
    alike(async |s: &mut Session| {
        let folder = s.directory().to_owned();
        let ecdsa = Pair::ecdsa(&folder, "ecdsa", GUN)?;
        let rsa = Pair::rsa(&folder, "rsa", "example.com/lab/rsa").await?;
        for (pair, gun) in [(ecdsa, GUN), (rsa, "example.com/lab/rsa")] {
            pair.seal(ROOT_PASSPHRASE).await?;
            let (key, certificate) =
                (pair.key.to_string_lossy(), pair.certificate.to_string_lossy());
            let alice = s.client(&gun.replace('/', "-"))?;
            let elsewhere = "example.com/lab/other";
            s.fails(
                &alice,
                &["init", "-p", elsewhere, "--rootkey", &key, "--rootcert", &certificate],
                "unable to retrieve valid leaf certificates",
            )
            .await?;
            s.ok(&alice, &["init", "-p", gun, "--rootkey", &key, "--rootcert", &certificate])
                .await?;
            s.prints(&s.client("reader")?, &["list", gun], NO_TARGETS).await?;
        }
        Ok(())
    })
    .await
}
