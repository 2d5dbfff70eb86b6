//! What a publisher and a reader do all day: init, add, publish, list, lookup, verify, remove,
//! delete. Every command must end and speak against Countersign as against the Go server.

use anyhow::{Result, ensure};
use countersign_tests::compare::alike;
use countersign_tests::peers::certs::Pair;
use countersign_tests::peers::notary_client::ROOT_PASSPHRASE;
use countersign_tests::session::{Session, sha256_hex};

#[path = "flows/publishing.rs"]
mod flows;

use flows::{GUN, NO_TARGETS, NO_TRUST_DATA};

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
    alike(flows::a_published_target_is_listed_looked_up_and_verified_by_anyone).await
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
    alike(flows::a_removed_target_is_gone_and_the_others_stay).await
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
    alike(flows::names_with_ports_dots_slashes_and_underscores_are_collections_of_their_own).await
}

#[tokio::test]
async fn what_one_publisher_changes_the_other_sees() -> Result<()> {
    alike(flows::what_one_publisher_changes_the_other_sees).await
}

#[tokio::test]
async fn deleting_locally_keeps_the_collection_and_deleting_remotely_ends_it() -> Result<()> {
    alike(flows::deleting_locally_keeps_the_collection_and_deleting_remotely_ends_it).await
}

///
#[tokio::test]
async fn whoever_cached_a_collection_that_was_deleted_and_made_anew_is_told() -> Result<()> {
    alike(flows::whoever_cached_a_collection_that_was_deleted_and_made_anew_is_told).await
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
