//! A daemon, a registry and a trust server for one test, and the users who share them.
//!
//! What never comes in: what a test expects of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::docker_client::DockerClient;
use countersign_tests::peers::dockerd::Dockerd;
use countersign_tests::peers::notary_client::{NotaryClient, Outcome};
use countersign_tests::peers::process::find;
use countersign_tests::peers::registry::Registry;
use countersign_tests::wire::Endpoint;
use tempfile::TempDir;

/// The path of the repository that most tests use.
pub(crate) const APP: &str = "team/app";

/// Everything that one test talks to.
pub(crate) struct World {
    // Dropped in this order: what runs ends before the directory of the users goes.
    daemon: Dockerd,
    pub(crate) registry: Registry,
    pub(crate) server: Countersign,
    folder: TempDir,
    readers: AtomicUsize,
}

impl World {
    /// Starts all three, and packs the files of the images to be.
    pub(crate) async fn start() -> Result<Self> {
        let (daemon, registry, server) =
            tokio::try_join!(Dockerd::start(), Registry::start(), Countersign::start())?;
        let folder = TempDir::new()?;
        pack_image(folder.path())?;
        Ok(Self { daemon, registry, server, folder, readers: AtomicUsize::new(0) })
    }

    /// The name of [`APP`] with the registry before it: what docker calls it, and its GUN.
    pub(crate) fn app(&self) -> String {
        self.registry.repository(APP)
    }

    /// A directory that ends with the world.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A user with an empty home but for the CA of the trust server.
    pub(crate) fn user(&self, name: &str) -> Result<DockerClient> {
        self.user_of(name, self.server.endpoint())
    }

    /// The same with another trust server.
    pub(crate) fn user_of(&self, name: &str, trust_server: &Endpoint) -> Result<DockerClient> {
        DockerClient::new(&self.folder().join(name), &self.daemon, trust_server)
    }

    /// The same user with the `notary` client, on the same keys and trust data.
    pub(crate) fn with_notary(&self, user: &DockerClient) -> Result<NotaryClient> {
        NotaryClient::new(&user.trust_dir(), self.server.endpoint())
    }

    /// Makes an image that prints `word` when it is run.
    pub(crate) async fn image(&self, name: &str, word: &str) -> Result<()> {
        self.image_for(name, word, &[]).await
    }

    /// The same with more options of `docker import`.
    pub(crate) async fn image_for(&self, name: &str, word: &str, options: &[&str]) -> Result<()> {
        let change = format!("CMD [\"/bin/busybox\", \"echo\", \"{word}\"]");
        let tar = self.folder().join(IMAGE_TAR).to_string_lossy().into_owned();
        let import = [&["import", "--change", &change], options, &[&tar, name]].concat();
        ok(&self.user("maker")?.without_trust(), &import).await?;
        Ok(())
    }

    /// Pushes without content trust, as anybody may who reaches the registry.
    pub(crate) async fn push_unsigned(&self, name: &str) -> Result<Pushed> {
        let outcome = ok(&self.user("maker")?.without_trust(), &["push", name]).await?;
        Pushed::told_by(&outcome)
    }

    /// Removes every image and container from the daemon, so that the next pull asks the registry.
    pub(crate) async fn forget_images(&self) -> Result<()> {
        let maker = self.user("maker")?.without_trust();
        ok(&maker, &["container", "prune", "--force"]).await?;
        let listed = ok(&maker, &["images", "--all", "--quiet"]).await?.stdout;
        let mut images: Vec<&str> = listed.lines().collect();
        images.sort_unstable();
        images.dedup();
        if !images.is_empty() {
            ok(&maker, &[&["rmi", "--force"], images.as_slice()].concat()).await?;
        }
        Ok(())
    }

    /// What a newcomer with the `notary` client finds signed in a repository: tag, digest and role
    /// of every row, in the order of the tags.
    pub(crate) async fn signed(&self, gun: &str) -> Result<Vec<(String, String, String)>> {
        let number = self.readers.fetch_add(1, Ordering::Relaxed);
        let trust_dir = self.folder().join(format!("reader-{number}"));
        let reader = NotaryClient::new(&trust_dir, self.server.endpoint())?;
        let listed = reader.run(&["list", gun]).await?;
        ensure!(listed.succeeded(), "{listed:?}");
        let rows = listed.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        Ok(rows
            .filter_map(|row| match row.as_slice() {
                [tag, digest, _size, role] if digest.len() == 64 => {
                    Some(((*tag).to_owned(), (*digest).to_owned(), (*role).to_owned()))
                }
                _ => None,
            })
            .collect())
    }

    /// The tags of [`World::signed`].
    pub(crate) async fn signed_tags(&self, gun: &str) -> Result<Vec<String>> {
        Ok(self.signed(gun).await?.into_iter().map(|(tag, ..)| tag).collect())
    }

    /// A directory for `docker build` with one Dockerfile.
    pub(crate) fn build_context(&self, name: &str, dockerfile: &str) -> Result<String> {
        let folder = self.folder().join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("Dockerfile"), dockerfile)?;
        Ok(folder.to_string_lossy().into_owned())
    }
}

/// What `docker push` says of the manifest that it has stored.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) sha256: String,
    pub(crate) size: String,
}

impl Pushed {
    pub(crate) fn told_by(outcome: &Outcome) -> Result<Self> {
        let told = outcome.stdout.lines().find_map(|line| {
            let (_, rest) = line.split_once("digest: sha256:")?;
            let (sha256, size) = rest.split_once(" size: ")?;
            Some(Self { sha256: sha256.to_owned(), size: size.trim().to_owned() })
        });
        told.with_context(|| format!("docker push names no digest: {outcome:?}"))
    }
}

/// Runs a command that must end with exit code 0.
pub(crate) async fn ok(user: &DockerClient, arguments: &[&str]) -> Result<Outcome> {
    let outcome = user.run(arguments).await?;
    ensure!(outcome.succeeded(), "`docker {}` was to succeed: {outcome:#?}", arguments.join(" "));
    Ok(outcome)
}

/// Runs a command that must end with exit code 0 and say `text`.
pub(crate) async fn prints(user: &DockerClient, arguments: &[&str], text: &str) -> Result<Outcome> {
    let outcome = ok(user, arguments).await?;
    ensure!(outcome.says(text), "{arguments:?} was to say {text:?}: {outcome:#?}");
    Ok(outcome)
}

/// Runs a command that must end with exit code 1 and say `text`.
pub(crate) async fn fails(user: &DockerClient, arguments: &[&str], text: &str) -> Result<Outcome> {
    fails_with(user, 1, arguments, text).await
}

/// Runs a `docker run` that must start nothing (exit code 125) and say `text`.
pub(crate) async fn runs_nothing(user: &DockerClient, image: &str, text: &str) -> Result<Outcome> {
    let outcome = fails_with(user, 125, &["run", "--rm", "--network=none", image], text).await?;
    ensure!(outcome.stdout.is_empty(), "something ran: {outcome:#?}");
    Ok(outcome)
}

/// Runs an image, which must print exactly `word`.
pub(crate) async fn runs(user: &DockerClient, image: &str, word: &str) -> Result<Outcome> {
    let outcome = ok(user, &["run", "--rm", "--network=none", image]).await?;
    ensure!(outcome.stdout == format!("{word}\n"), "{image} was to print {word}: {outcome:#?}");
    Ok(outcome)
}

async fn fails_with(
    user: &DockerClient,
    code: i32,
    arguments: &[&str],
    text: &str,
) -> Result<Outcome> {
    let outcome = user.run(arguments).await?;
    let fits = outcome.code == Some(code) && outcome.says(text);
    ensure!(fits, "{arguments:?} was to end with {code} and say {text:?}: {outcome:#?}");
    Ok(outcome)
}

const IMAGE_TAR: &str = "image.tar";

/// Packs a file system that holds one static program.
fn pack_image(folder: &Path) -> Result<PathBuf> {
    let files = folder.join("files");
    fs::create_dir_all(files.join("bin"))?;
    fs::copy(find("busybox", "busybox-static")?, files.join("bin/busybox"))?;
    let tar = folder.join(IMAGE_TAR);
    let status = Command::new(find("tar", "tar")?)
        .arg("--create")
        .arg("--file")
        .arg(&tar)
        .arg("--directory")
        .arg(&files)
        .arg("bin")
        .status()?;
    ensure!(status.success(), "tar ended with {status}");
    Ok(tar)
}
