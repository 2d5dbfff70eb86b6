//! Debian's `docker-registry` on a storage directory of its own.
//!
//! Its name is known only inside the namespaces that [`super::dockerd`] and
//! [`super::docker_client`] make: docker does not check the certificates of a trust server when the
//! registry's name leads to loopback, so the client must believe that it does not.
//! What never comes in: docker's view of images.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use http::header::CONTENT_TYPE;
use tempfile::TempDir;

use super::process::{Process, Program, free_port, missing};
use crate::wire::install_provider;

/// The host name of the registry, which no real name server knows.
pub const NAME: &str = "registry.example";

const PROGRAM: &str = "/usr/bin/docker-registry";

/// Whose tokens a registry takes.
#[derive(Debug, Clone)]
pub struct TokenAuth {
    /// The URL of the token service.
    pub realm: String,
    /// The name that tokens are for.
    pub service: String,
    /// Who issues them.
    pub issuer: String,
    /// The certificates that are trusted, a PEM file.
    pub bundle: PathBuf,
}

/// A running registry without TLS, and without accounts unless told.
#[derive(Debug)]
pub struct Registry {
    // Dropped in this order: the process ends before its directory goes.
    _process: Process,
    port: u16,
    directory: TempDir,
}

impl Registry {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// It is not installed (the message names the package) or does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with("").await
    }

    /// The same for those only who bring a token.
    ///
    /// # Errors
    /// As [`Registry::start`].
    pub async fn start_with_tokens(auth: &TokenAuth) -> Result<Self> {
        let TokenAuth { realm, service, issuer, bundle } = auth;
        Self::start_with(&format!(
            "auth: {{token: {{realm: \"{realm}\", service: \"{service}\", \
             issuer: \"{issuer}\", rootcertbundle: \"{}\"}}}}\n",
            bundle.display()
        ))
        .await
    }

    /// The same with more lines in its file of settings.
    ///
    /// # Errors
    /// As [`Registry::start`], or the settings are refused.
    pub async fn start_with(settings: &str) -> Result<Self> {
        if !Path::new(PROGRAM).is_file() {
            return Err(missing(PROGRAM, "docker-registry"));
        }
        let (directory, port) = (TempDir::new()?, free_port()?);
        let file = directory.path().join("registry.yml");
        let storage = directory.path().join("storage");
        let text = format!(
            "version: 0.1\nlog: {{level: warn}}\n\
             storage: {{filesystem: {{rootdirectory: \"{}\"}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"}}\n{settings}",
            storage.display()
        );
        fs::write(&file, text)?;
        let program = Program::new(PROGRAM.into())
            .args(["serve".to_owned(), file.to_string_lossy().into_owned()]);
        let mut process = Process::spawn("docker-registry", &program, None)?;
        process.listens(port).await?;
        Ok(Self { _process: process, port, directory })
    }

    /// The port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The full name of a repository, as docker takes it and as its GUN.
    #[must_use]
    pub fn repository(&self, path: &str) -> String {
        format!("{NAME}:{}/{path}", self.port)
    }

    /// The file that holds the bytes with a SHA-256: a manifest, a configuration or a layer.
    #[must_use]
    pub fn blob(&self, sha256: &str) -> PathBuf {
        let first_two: String = sha256.chars().take(2).collect();
        let blobs = self.directory.path().join("storage/docker/registry/v2/blobs/sha256");
        blobs.join(first_two).join(sha256).join("data")
    }

    /// Stores a manifest under a tag, as `PUT /v2/PATH/manifests/TAG` does.
    ///
    /// # Errors
    /// The registry does not take it.
    pub async fn put_manifest(
        &self,
        path: &str,
        tag: &str,
        media_type: &str,
        manifest: &str,
    ) -> Result<()> {
        install_provider();
        let url = format!("http://127.0.0.1:{}/v2/{path}/manifests/{tag}", self.port);
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()?
            .put(url)
            .header(CONTENT_TYPE, media_type)
            .body(manifest.to_owned())
            .send()
            .await
            .context("no answer from docker-registry")?;
        let status = answer.status();
        ensure!(status.is_success(), "docker-registry said {status}: {}", answer.text().await?);
        Ok(())
    }
}
