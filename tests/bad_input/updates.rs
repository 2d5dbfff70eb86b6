//! Updates that break a rule: refused with their kind, and nothing changed.

use anyhow::Result;
use countersign_forge::repository::{Repository, ServerKeys};
use serde_json::json;

use crate::bench::{Bench, collection, form, member, server_key};

const SIGNED_BY_CLIENT: [&str; 3] = ["targets", "targets/a", "snapshot"];

#[tokio::test]
async fn a_wrong_signature_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    bench.refuses_update(&bench.damaged("signature-wrong", "targets")?, "ErrBadTargets").await
}

#[tokio::test]
async fn fewer_signatures_than_the_threshold_are_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let mut repository = bench.next();
    let keys = vec![repository.new_ecdsa_key(), repository.new_ecdsa_key()];
    repository.rotate_to_many("targets", keys, 2);
    repository.damage("targets", |targets| targets.signatures.truncate(1));
    bench.refuses_update(&repository.all_parts(), "ErrBadTargets").await
}

#[tokio::test]
async fn a_key_that_is_not_the_roles_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let parts = bench.damaged("signature-of-strange-key", "targets")?;
    bench.refuses_update(&parts, "ErrBadTargets").await
}

#[tokio::test]
async fn a_root_that_skips_a_version_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let mut repository = bench.next();
    repository.bump("root");
    repository.bump("root");
    bench.refuses_update(&repository.all_parts(), "ErrBadRoot").await
}

#[tokio::test]
async fn a_rollback_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let old = form(&bench.repository.parts(&SIGNED_BY_CLIENT));
    bench.goes_on().await?;
    bench.refuses(old, 400, "VERSION").await?;
    let mut further = bench.next();
    further.bump_all();
    let parts = further.parts(&["root", "targets", "targets/a", "snapshot"]);
    bench.accepts(&parts).await
}

#[tokio::test]
async fn expired_metadata_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    for (role, kind) in
        [("root", "ErrBadRoot"), ("targets", "ErrBadTargets"), ("snapshot", "ErrBadSnapshot")]
    {
        let mut repository = bench.next();
        if role == "root" {
            repository.bump("root");
        }
        let yesterday = repository.in_days(-1);
        repository.edit(role, |signed| signed["expires"] = json!(yesterday));
        let detail = bench.refuses(form(&repository.all_parts()), 400, "INVALID_UPDATE").await?;
        anyhow::ensure!(member(&detail, "/Name") == kind, "{role}: {detail}");
    }
    bench.goes_on().await
}

#[tokio::test]
async fn a_snapshot_that_does_not_match_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let parts = bench.damaged("targets-hash-wrong", "snapshot")?;
    bench.refuses_update(&parts, "ErrBadSnapshot").await
}

#[tokio::test]
async fn a_delegation_that_its_parent_does_not_list_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let parts = bench.damaged("delegation-not-listed", "targets/a")?;
    bench.refuses_update(&parts, "ErrBadTargets").await
}

#[tokio::test]
async fn an_unknown_role_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let mut parts = bench.next().parts(&SIGNED_BY_CLIENT);
    parts.push(("mirrors".to_owned(), b"{}".to_vec()));
    bench.refuses(form(&parts), 400, "INVALID_ROLE").await?;
    bench.goes_on().await
}

#[tokio::test]
async fn a_role_signed_by_a_removed_key_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let before_rotation = bench.next();
    let mut rotated = before_rotation.clone();
    let key = rotated.new_ecdsa_key();
    rotated.rotate("targets", key);
    bench.accepts(&rotated.all_parts()).await?;

    let mut after = rotated.clone();
    after.bump("snapshot");
    after.damage("targets", |targets| {
        targets.edit(|signed| signed["version"] = json!(9));
        targets.sign(before_rotation.keys("targets"));
    });
    let parts = after.parts(&["targets", "snapshot"]);
    let detail = bench.refuses(form(&parts), 400, "INVALID_UPDATE").await?;
    anyhow::ensure!(member(&detail, "/Name") == "ErrBadTargets", "{detail}");
    rotated.bump("targets");
    rotated.bump("snapshot");
    bench.accepts(&rotated.parts(&["targets", "snapshot"])).await
}

#[tokio::test]
async fn a_server_key_of_another_gun_is_refused() -> Result<()> {
    let bench = Bench::start().await?;
    let (own, other) = ("example.com/lab/own", "example.com/lab/other");
    let keys = ServerKeys {
        timestamp: server_key(&bench.wire, other, "timestamp").await?,
        snapshot: None,
    };
    let stolen = Repository::new(own, 5, bench.repository.now(), &keys);
    let before = bench.state().await?;
    let answer = publish_to(&bench, own, &stolen).await?;
    let detail = crate::bench::check_refusal(&answer, 400, "INVALID_UPDATE")?;
    anyhow::ensure!(member(&detail, "/Name") == "ErrBadRoot", "{detail}");
    anyhow::ensure!(bench.state().await? == before);
    anyhow::ensure!(bench.wire.document(own, "root.json").await?.status == 404);
    let honest = collection(&bench.wire, own).await?;
    anyhow::ensure!(publish_to(&bench, own, &honest).await?.status == 200);
    Ok(())
}

async fn publish_to(
    bench: &Bench,
    gun: &str,
    repository: &Repository,
) -> Result<countersign_tests::wire::Answer> {
    let content_type = http::HeaderValue::from_static("multipart/form-data; boundary=edge");
    let (path, body) = (crate::bench::publish_path(gun), form(&repository.all_parts()));
    bench.wire.send(http::Method::POST, &path, Some(&content_type), body).await
}
