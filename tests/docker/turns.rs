//! One repository, used by `docker` and by `notary` in turn on the same keys.

use anyhow::{Result, ensure};
use countersign_tests::peers::notary_client::{NotaryClient, Outcome};
use countersign_tests::session::sha256_hex;
use serde_json::json;

use crate::world::{APP, World, fails, ok, runs};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

async fn notary(client: &NotaryClient, arguments: &[&str]) -> Result<Outcome> {
    let outcome = client.run(arguments).await?;
    ensure!(outcome.succeeded(), "`notary {}`: {outcome:#?}", arguments.join(" "));
    Ok(outcome)
}

#[tokio::test]
async fn docker_and_notary_see_each_others_changes() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let alice = world.user("alice")?;
    let (one, two, three) = (format!("{app}:one"), format!("{app}:two"), format!("{app}:three"));
    for (tag, word) in [(&one, "one"), (&two, "two"), (&three, "three")] {
        world.image(tag, word).await?;
    }
    ok(&alice, &["push", &one]).await?;
    let alices_notary = world.with_notary(&alice)?;
    let listed = notary(&alices_notary, &["list", &app]).await?;
    ensure!(listed.says("one "), "{listed:?}");

    let pushed = world.push_unsigned(&two).await?;
    fails(&alice, &["pull", &two], "No valid trust data for two").await?;
    let add = ["addhash", "-p", &app, "two", &pushed.size, "--sha256", &pushed.sha256];
    notary(&alices_notary, &add).await?;
    world.forget_images().await?;
    ok(&alice, &["pull", &two]).await?;
    runs(&alice, &two, "two").await?;

    notary(&alices_notary, &["remove", "-p", &app, "one"]).await?;
    fails(&alice, &["pull", &one], "No valid trust data for one").await?;
    for role in ["timestamp", "snapshot"] {
        notary(&alices_notary, &["key", "rotate", &app, role, "-r"]).await?;
    }
    notary(&alices_notary, &["key", "rotate", &app, "targets"]).await?;
    world.image(&three, "three").await?;
    ok(&alice, &["push", &three]).await?;
    ensure!(notary(&alices_notary, &["lookup", &app, "three"]).await?.says("three sha256:"));
    ensure!(world.signed_tags(&app).await? == ["three", "two"]);
    ok(&world.user("newcomer")?, &["pull", &three]).await?;
    Ok(())
}

#[tokio::test]
async fn an_index_signed_by_notary_is_pulled_by_its_tag() -> Result<()> {
    let world = World::start().await?;
    let app = world.app();
    let (here, elsewhere) = match std::env::consts::ARCH {
        "aarch64" => ("arm64", "amd64"),
        _ => ("amd64", "arm64"),
    };
    let mut manifests = Vec::new();
    for architecture in [elsewhere, here] {
        let tag = format!("{app}:{architecture}");
        let platform = format!("linux/{architecture}");
        world.image_for(&tag, architecture, &["--platform", &platform]).await?;
        let pushed = world.push_unsigned(&tag).await?;
        manifests.push(json!({
            "mediaType": MANIFEST,
            "digest": format!("sha256:{}", pushed.sha256),
            "size": pushed.size.parse::<u64>()?,
            "platform": {"os": "linux", "architecture": architecture},
        }));
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string();
    world.registry.put_manifest(APP, "multi", INDEX, &index).await?;
    world.forget_images().await?;

    let alice = world.user("alice")?;
    let (sha256, size) = (sha256_hex(index.as_bytes()), index.len().to_string());
    let alices_notary = world.with_notary(&alice)?;
    notary(&alices_notary, &["init", "-p", &app]).await?;
    let add = ["addhash", "-p", &app, "multi", &size, "--sha256", &sha256];
    notary(&alices_notary, &add).await?;
    let bob = world.user("bob")?;
    let pulled = ok(&bob, &["pull", &format!("{app}:multi")]).await?;
    ensure!(pulled.says(&format!("Digest: sha256:{sha256}")), "{pulled:?}");
    runs(&bob, &format!("{app}:multi"), here).await?;
    fails(&bob, &["pull", &format!("{app}:{here}")], "No valid trust data").await?;
    Ok(())
}
