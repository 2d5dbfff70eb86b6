//! `docker` with a registry and a trust server that share the token service.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::docker_client::DockerClient;
use countersign_tests::peers::dockerd::Dockerd;
use countersign_tests::peers::notary_client::Outcome;
use countersign_tests::peers::process::find;
use countersign_tests::peers::registry::{NAME, Registry};

use crate::world::{Issuing, NOT_AUTHORIZED, PASSWORD};

/// Everybody and everything for one test.
struct World {
    // Dropped in this order: what runs ends before its directory goes.
    daemon: Dockerd,
    registry: Registry,
    issuing: Issuing,
}

impl World {
    async fn start(issuing: Issuing) -> Result<Self> {
        let registry = Registry::start_with(&issuing.registry_settings()?).await?;
        let world = Self { daemon: Dockerd::start().await?, registry, issuing };
        world.make_images().await?;
        Ok(world)
    }

    fn tag(&self, path: &str, tag: &str) -> String {
        format!("{}:{tag}", self.registry.repository(path))
    }

    /// Where docker logs in.
    fn host(&self) -> String {
        format!("{NAME}:{}", self.registry.port())
    }

    /// A user with an empty home.
    fn stranger(&self, name: &str) -> Result<DockerClient> {
        let home = self.issuing.folder().join(format!("docker-{name}"));
        DockerClient::new(&home, &self.daemon, self.issuing.server.endpoint())
    }

    /// A user who has logged in.
    async fn user(&self, name: &str) -> Result<DockerClient> {
        let user = self.stranger(name)?;
        let login = ["login", "--username", name, "--password", PASSWORD, &self.host()];
        let outcome = ok(&user, &login).await?;
        ensure!(outcome.says("Login Succeeded"), "{outcome:#?}");
        Ok(user)
    }

    /// Imports a small image under the names that the tests use.
    async fn make_images(&self) -> Result<()> {
        let folder = self.issuing.folder();
        let tar = folder.join("image.tar");
        let packed = Command::new(find("tar", "tar")?)
            .arg("--create")
            .arg("--file")
            .arg(&tar)
            .arg("--directory")
            .arg(folder)
            .arg("rules.toml")
            .status()?;
        ensure!(packed.success(), "tar ended with {packed}");
        let maker = self.stranger("maker")?.without_trust();
        let one = self.tag("team/app", "one");
        ok(&maker, &["import", &tar.to_string_lossy(), &one]).await?;
        for name in [self.tag("team/app", "two"), self.tag("public/app", "one")] {
            ok(&maker, &["tag", &one, &name]).await?;
        }
        Ok(())
    }
}

async fn ok(user: &DockerClient, arguments: &[&str]) -> Result<Outcome> {
    let outcome = user.run(arguments).await?;
    ensure!(outcome.succeeded(), "`docker {}` was to succeed: {outcome:#?}", arguments.join(" "));
    Ok(outcome)
}

async fn fails(user: &DockerClient, arguments: &[&str], text: &str) -> Result<()> {
    let outcome = user.run(arguments).await?;
    let fits = outcome.code == Some(1) && outcome.says(text);
    ensure!(fits, "`docker {}` was to say {text:?}: {outcome:#?}", arguments.join(" "));
    Ok(())
}

/// Copies a directory in place of another.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::remove_dir_all(to)?;
    let status = Command::new(find("cp", "coreutils")?).arg("-r").args([from, to]).status()?;
    ensure!(status.success(), "cp ended with {status}");
    Ok(())
}

#[tokio::test]
async fn docker_logs_in_pushes_signs_pulls_and_revokes_with_our_tokens() -> Result<()> {
    let world = World::start(Issuing::start("").await?).await?;
    let (one, two) = (world.tag("team/app", "one"), world.tag("team/app", "two"));
    let nobody = world.stranger("nobody")?;
    fails(&nobody, &["push", &one], "denied").await?;
    for (name, password) in [("alice", "a guess"), ("mallory", PASSWORD)] {
        let guess = ["login", "--username", name, "--password", password, &world.host()];
        fails(&nobody, &guess, "unauthorized: incorrect user name or password").await?;
    }

    let alice = world.user("alice").await?;
    let kept = world.issuing.folder().join("docker-alice/.docker/config.json");
    let kept = fs::read_to_string(kept).context("docker keeps no login")?;
    ensure!(kept.contains("identitytoken"), "the password is not kept: {kept}");
    let pushed = ok(&alice, &["push", &one]).await?;
    ensure!(pushed.says(&format!("Successfully signed {one}")), "{pushed:#?}");
    let signed = ok(&alice, &["trust", "sign", &two]).await?;
    ensure!(signed.says(&format!("Successfully signed {two}")), "{signed:#?}");

    let bob = world.user("bob").await?;
    for tag in [&one, &two] {
        ensure!(ok(&bob, &["pull", tag]).await?.says("Tagging"));
    }
    ensure!(ok(&bob, &["trust", "inspect", &one]).await?.says("SignedTags"));
    fails(&nobody, &["pull", &one], NOT_AUTHORIZED).await?;
    fails(&nobody.without_trust(), &["pull", &one], "denied").await?;
    ok(&alice, &["trust", "revoke", "--yes", &one]).await?;
    fails(&bob, &["pull", &one], "No valid trust data for one").await
}

#[tokio::test]
async fn docker_under_rules_may_what_they_allow_at_both_servers() -> Result<()> {
    let world = World::start(Issuing::start_under_rules().await?).await?;
    let (team, public) = (world.tag("team/app", "one"), world.tag("public/app", "one"));
    let alice = world.user("alice").await?;
    for tag in [&team, &public] {
        let pushed = ok(&alice, &["push", tag]).await?;
        ensure!(pushed.says(&format!("Successfully signed {tag}")), "{pushed:#?}");
    }
    let (bob, carol) = (world.user("bob").await?, world.user("carol").await?);
    let nobody = world.stranger("nobody")?;
    for reader in [&bob, &carol, &nobody] {
        ensure!(ok(reader, &["pull", &public]).await?.says("Tagging"));
    }
    ensure!(ok(&bob, &["pull", &team]).await?.says("Tagging"));
    for stranger in [&carol, &nobody] {
        fails(stranger, &["pull", &team], NOT_AUTHORIZED).await?;
        fails(&stranger.without_trust(), &["pull", &team], "denied").await?;
    }
    fails(&bob, &["push", &team], "denied").await?;
    fails(&bob.without_trust(), &["push", &team], "denied").await?;
    // With Alice's keys he still has no right to use them here.
    copy(&alice.trust_dir(), &bob.trust_dir())?;
    fails(&bob, &["trust", "revoke", "--yes", &team], NOT_AUTHORIZED).await?;
    ok(&bob, &["pull", &team]).await?;
    Ok(())
}
