//! `countersign keys` where the keys are at a signer: what it tells while the signer is there, while
//! it is away, and of a key that it has lost.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use countersign_custody::remote::protocol::KeyId;
use countersign_tests::grpc::call;
use countersign_tests::key_commands::{keys, named, objects, text};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::countersign_signer::CountersignSigner;
use countersign_tests::peers::go_notary::GoNotary;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use http::Method;
use prost::Message as _;
use serde_json::Value;

use crate::real_signer::RealSigner;

const GUN: &str = "example.com/lab/app";
const ROLES: [&str; 2] = ["timestamp", "snapshot"];

/// A server on `signer`, and a collection whose keys are both there.
async fn published(signer: &impl RealSigner) -> Result<Countersign> {
    let server = Countersign::start_with(&signer.section()).await?;
    let wire = Wire::to(server.endpoint())?;
    let collection = upload::collection_with_server_snapshot(&wire, GUN).await?;
    let parts = collection.parts(&["root", "targets"]);
    let answer = upload::publish(&wire, GUN, &parts).await?;
    ensure!(answer.status == 200, "{answer:?}\n{}", server.log());
    Ok(server)
}

/// What is told of the keys without asking the signer.
async fn told(server: &Countersign) -> Result<Vec<Value>> {
    let (data, wire) = (server.data(), Wire::to(server.endpoint())?);
    let listed = objects(data, &["list", "--gun", GUN]).await?;
    for role in ROLES {
        let id = named(&wire, GUN, role).await?;
        let row = listed.iter().find(|key| key["key_id"] == *id);
        let row = row.with_context(|| format!("{id} is not in {listed:?}"))?;
        ensure!(row["role"] == role && row["held_by"] == "remote", "{row}");
        ensure!(row["in_root"] == "yes" && row["last_used"].is_string(), "{row}");
        ensure!(row["passphrase_alias"].is_null(), "{row}");
        let shown = objects(data, &["show", &id]).await?.remove(0);
        ensure!(shown["gun"] == GUN && shown["held_by"] == "remote", "{shown}");
        ensure!(shown["first_root"] == 1 && shown["current_root"] == 1, "{shown}");
    }
    Ok(listed)
}

/// Prepares the next key of a role.
async fn rotate(server: &Countersign, role: &str) -> Result<(i32, String)> {
    keys(server.data(), &["rotate", GUN, role, "--to", "remote"]).await
}

async fn tells(signer: &mut impl RealSigner) -> Result<()> {
    let server = published(signer).await?;
    let (data, wire) = (server.data(), Wire::to(server.endpoint())?);
    ensure!(told(&server).await?.len() == ROLES.len(), "no others");
    let (code, said) = keys(data, &["verify"]).await?;
    ensure!(code == 0 && said.matches("signs, held by: remote").count() == 2, "{code}: {said}");

    // The prepared key is the one that the owner's client is given, and it is prepared once.
    let prepared = objects(data, &["rotate", GUN, "timestamp"]).await?.remove(0);
    let again = objects(data, &["rotate", GUN, "timestamp"]).await?.remove(0);
    ensure!(prepared == again && prepared["held_by"] == "remote", "{prepared} {again}");
    let path = format!("/v2/{GUN}/_trust/tuf/timestamp.key");
    let answer = wire.send(Method::POST, &path, None, Vec::new()).await?;
    let offered: Value = serde_json::from_slice(&answer.body)?;
    ensure!(offered["keyval"]["public"] == prepared["public"], "{offered} {prepared}");
    ensure!(named(&wire, GUN, "timestamp").await? != text(&prepared, "key_id")?);

    let before = told(&server).await?;
    signer.kill()?;
    ensure!(told(&server).await? == before, "what is known here is told without the signer");
    let address = signer.port().to_string();
    let (code, said) = keys(data, &["verify"]).await?;
    ensure!(code == 21 && said.matches("COULD NOT BE ASKED").count() == 2, "{code}: {said}");
    ensure!(said.contains(&address) && !said.contains("NOT HELD"), "{said}");
    for role in ROLES {
        let (code, said) = rotate(&server, role).await?;
        ensure!(code == 10 && said.contains(&address), "{role}: {code}: {said}");
        ensure!(said.contains("mend that and give the same command again"), "{said}");
        ensure!(!said.contains("notary key rotate"), "{said}");
    }
    ensure!(told(&server).await? == before, "nothing has changed");

    signer.start_again().await?;
    let (code, said) = keys(data, &["verify"]).await?;
    ensure!(code == 0, "{code}: {said}");
    let (code, said) = rotate(&server, "snapshot").await?;
    ensure!(code == 0 && said.contains(&format!("notary key rotate {GUN} snapshot -r")), "{said}");

    // Lost at the signer: that is another finding than a signer that cannot be asked.
    for (role, signing) in [("snapshot", 1), ("timestamp", 0)] {
        let id = named(&wire, GUN, role).await?;
        let lost = KeyId { id: id.clone() }.encode_to_vec();
        call(&signer.channel().await?, "/proto.KeyManagement/DeleteKey", lost).await?;
        let (code, said) = keys(data, &["verify"]).await?;
        let line = said.lines().find(|line| line.contains(&id)).context(said.clone())?;
        ensure!(code == 21 && line.contains("NOT HELD by any home"), "{code}: {said}");
        ensure!(said.matches("signs, held by: remote").count() == signing, "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn keys_at_our_signer_are_told_of_tried_out_and_prepared() -> Result<()> {
    tells(&mut CountersignSigner::start().await?).await
}

#[tokio::test]
async fn keys_at_notarys_signer_are_told_of_tried_out_and_prepared() -> Result<()> {
    tells(&mut GoNotary::start().await?).await
}

/// A certificate of the right authority that is not on the list.
#[tokio::test]
async fn whom_the_signer_denies_is_told_so_and_nothing_is_prepared() -> Result<()> {
    let signer = CountersignSigner::start_with("[signing]\nclients = ['client']", &[]).await?;
    let server = published(&signer).await?;
    let before = told(&server).await?;
    let (client, other) = (signer.client(), signer.authority().leaf("other")?);
    let mut settings = signer.section();
    for (from, to) in [(&client.certificate, &other.certificate), (&client.key, &other.key)] {
        settings = settings.replace(&from.display().to_string(), &to.display().to_string());
    }
    fs::write(server.data().join("countersign.toml"), settings)?;
    let (code, said) = keys(server.data(), &["verify"]).await?;
    ensure!(code == 21 && said.matches("COULD NOT BE ASKED").count() == 2, "{code}: {said}");
    ensure!(said.contains("PermissionDenied"), "{said}");
    let (code, said) = rotate(&server, "timestamp").await?;
    ensure!(code == 10 && said.contains("PermissionDenied"), "{code}: {said}");
    ensure!(told(&server).await? == before, "nothing has changed");
    Ok(())
}

/// The signer has no roots, so it cannot know which of its keys are in use.
#[tokio::test]
async fn a_key_in_use_is_not_retired_at_our_signer_unless_the_roots_are_known() -> Result<()> {
    let signer = CountersignSigner::start().await?;
    let server = published(&signer).await?;
    let wire = Wire::to(server.endpoint())?;
    let id = named(&wire, GUN, "timestamp").await?;
    let there = signer.folder().join("data");
    fs::copy(signer.settings(), there.join("countersign.toml"))?;
    let before = objects(&there, &["list"]).await?;
    ensure!(before.len() == 2, "{before:?}");
    for arguments in [&["retire", &id][..], &["retire", "--gun", GUN]] {
        let (code, said) = keys(&there, arguments).await?;
        ensure!(code == 21 && said.contains("--roots-elsewhere"), "{code}: {said}");
        ensure!(objects(&there, &["list"]).await? == before, "nothing has changed");
    }
    let (code, said) = keys(server.data(), &["verify"]).await?;
    ensure!(code == 0, "{code}: {said}");

    let retired = objects(&there, &["retire", &id, "--roots-elsewhere"]).await?;
    ensure!(retired.len() == 1 && retired[0]["done"] == "retired", "{retired:?}");
    let (code, said) = keys(server.data(), &["verify"]).await?;
    ensure!(code == 21 && said.contains("NOT HELD"), "{code}: {said}");
    ensure!(objects(&there, &["retire", "--undo", &id]).await?.len() == 1);
    let (code, said) = keys(server.data(), &["verify"]).await?;
    ensure!(code == 0, "{code}: {said}");
    Ok(())
}
