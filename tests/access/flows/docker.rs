//! `docker` with a registry and a trust server that both believe one token service.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::docker_client::DockerClient;
use countersign_tests::peers::dockerd::Dockerd;
use countersign_tests::peers::notary_client::Outcome;
use countersign_tests::peers::process::find;
use countersign_tests::peers::registry::{NAME, Registry, TokenAuth};
use countersign_tests::peers::token_service::Refresh;

use super::{ES256_BY_X5C, ISSUER, Make, NOT_AUTHORIZED, PASSWORD, RS256_BY_KID, Trust, bundle};
use crate::server::Whose;

/// The name under which the registry takes tokens.
const REGISTRY_SERVICE: &str = "registry.test";

/// Everybody and everything for one test.
struct World {
    // Dropped in this order: what runs ends before its directory goes.
    daemon: Dockerd,
    registry: Registry,
    trust: Trust,
}

impl World {
    async fn start(whose: Whose, make: Make, refresh: Refresh) -> Result<Self> {
        let trust = Trust::start(whose, make, refresh).await?;
        let auth = TokenAuth {
            realm: trust.service.realm(),
            service: REGISTRY_SERVICE.to_owned(),
            issuer: ISSUER.to_owned(),
            bundle: bundle(trust.folder.path()),
        };
        let registry = Registry::start_with_tokens(&auth).await?;
        let world = Self { daemon: Dockerd::start().await?, registry, trust };
        world.make_image().await?;
        Ok(world)
    }

    /// A name for the one image.
    fn tag(&self, tag: &str) -> String {
        format!("{}:{tag}", self.registry.repository("team/app"))
    }

    /// A user with an empty home.
    fn stranger(&self, name: &str) -> Result<DockerClient> {
        let home = self.trust.folder.path().join(name);
        DockerClient::new(&home, &self.daemon, &self.trust.endpoint)
    }

    /// A user who has logged in.
    async fn user(&self, name: &str) -> Result<DockerClient> {
        let user = self.stranger(name)?;
        let registry = format!("{NAME}:{}", self.registry.port());
        let login = ["login", "--username", name, "--password", PASSWORD, &registry];
        let outcome = ok(&user, &login).await?;
        ensure!(outcome.says("Login Succeeded"), "{outcome:#?}");
        Ok(user)
    }

    /// Imports a small image under two names.
    async fn make_image(&self) -> Result<()> {
        let folder = self.trust.folder.path();
        let tar = folder.join("image.tar");
        let packed = Command::new(find("tar", "tar")?)
            .arg("--create")
            .arg("--file")
            .arg(&tar)
            .arg("--directory")
            .arg(folder)
            .arg("notary.json")
            .status()?;
        ensure!(packed.success(), "tar ended with {packed}");
        let maker = self.stranger("maker")?.without_trust();
        ok(&maker, &["import", &tar.to_string_lossy(), &self.tag("one")]).await?;
        ok(&maker, &["tag", &self.tag("one"), &self.tag("two")]).await?;
        Ok(())
    }

    /// What `docker` keeps of a user's login.
    fn login_of(&self, name: &str) -> Result<String> {
        let file = self.trust.folder.path().join(name).join(".docker/config.json");
        fs::read_to_string(file).context("docker keeps no login")
    }
}

/// Copies a directory in place of another.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::remove_dir_all(to)?;
    let status = Command::new(find("cp", "coreutils")?).arg("-r").args([from, to]).status()?;
    ensure!(status.success(), "cp ended with {status}");
    Ok(())
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

/// Push, sign, pull and revoke, by those who may and those who may not.
async fn life(world: &World) -> Result<()> {
    let (one, two) = (world.tag("one"), world.tag("two"));
    let nobody = world.stranger("nobody")?;
    fails(&nobody, &["push", &one], "denied").await?;
    let registry = format!("{NAME}:{}", world.registry.port());
    let guess = ["login", "--username", "alice", "--password", "a guess", &registry];
    fails(&nobody, &guess, "unauthorized").await?;

    let alice = world.user("alice").await?;
    let pushed = ok(&alice, &["push", &one]).await?;
    ensure!(pushed.says(&format!("Successfully signed {one}")), "{pushed:#?}");
    let signed = ok(&alice, &["trust", "sign", &two]).await?;
    ensure!(signed.says(&format!("Successfully signed {two}")), "{signed:#?}");

    let bob = world.user("bob").await?;
    for tag in [&one, &two] {
        let pulled = ok(&bob, &["pull", tag]).await?;
        ensure!(pulled.says("Tagging"), "{pulled:#?}");
    }
    let inspected = ok(&bob, &["trust", "inspect", &one]).await?;
    ensure!(inspected.says("SignedTags"), "{inspected:#?}");

    fails(&nobody, &["pull", &one], NOT_AUTHORIZED).await?;
    fails(&world.user("carol").await?, &["pull", &one], NOT_AUTHORIZED).await?;
    fails(&bob, &["push", &one], "denied").await?;
    // With Alice's keys he still has no right to use them here.
    copy(&alice.trust_dir(), &bob.trust_dir())?;
    fails(&bob, &["trust", "revoke", "--yes", &one], NOT_AUTHORIZED).await?;
    ok(&bob, &["pull", &one]).await?;

    ok(&alice, &["trust", "revoke", "--yes", &one]).await?;
    fails(&bob, &["pull", &one], "No valid trust data for one").await
}

#[tokio::test]
async fn docker_lives_with_the_tokens_that_docker_auth_issues() -> Result<()> {
    for whose in Whose::EACH {
        let world = World::start(*whose, RS256_BY_KID, Refresh::Unknown).await?;
        life(&world).await?;
        let gun = world.registry.repository("team/app");
        world.trust.gave("basic", "alice", &format!("repository:{gun}:pull,push"))?;
        world.trust.gave("basic", "bob", &format!("repository:{gun}:pull"))?;
    }
    Ok(())
}

#[tokio::test]
async fn docker_lives_with_refresh_tokens_in_place_of_a_password() -> Result<()> {
    for whose in Whose::EACH {
        let world = World::start(*whose, ES256_BY_X5C, Refresh::Given).await?;
        life(&world).await?;
        ensure!(world.login_of("alice")?.contains("identitytoken"), "{}", world.login_of("alice")?);
        let gun = world.registry.repository("team/app");
        world.trust.gave("refresh", "alice", &format!("repository:{gun}:pull,push"))?;
    }
    Ok(())
}
