//! SoftHSM: a token in files, with a configuration and a folder for each test.
//!
//! A module in front of it ([`SoftHsm::faulty_module`]) fails on request, where SoftHSM never does.
//! What never comes in: our crates.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use super::process::find;

/// The label of the token that each folder starts with.
pub const LABEL: &str = "countersign";
/// The PIN of its user.
pub const PIN: &str = "planted-pin-4711";
/// The PIN of its security officer.
const OFFICERS_PIN: &str = "officer-0815";

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const FAULTY_MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/peers/faulty_module.c");

/// A folder with tokens. One process sees one: the module reads its configuration once.
#[derive(Debug)]
pub struct SoftHsm {
    folder: TempDir,
}

impl SoftHsm {
    /// One with a token that is [`LABEL`]led and opened by [`PIN`].
    ///
    /// # Errors
    /// SoftHSM is not installed (the message names the package).
    pub fn start() -> Result<Self> {
        Self::start_with("ALL")
    }

    /// The same with these mechanisms only, as SoftHSM's `slots.mechanisms` writes them.
    ///
    /// # Errors
    /// As [`SoftHsm::start`].
    pub fn start_with(mechanisms: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        let tokens = folder.path().join("tokens");
        fs::create_dir(&tokens)?;
        let configuration = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n\
             slots.removable = false\nslots.mechanisms = {mechanisms}\n",
            tokens.display()
        );
        fs::write(folder.path().join("softhsm2.conf"), configuration)?;
        let hsm = Self { folder };
        hsm.add_token(LABEL)?;
        Ok(hsm)
    }

    /// Adds a token that is opened by [`PIN`].
    ///
    /// # Errors
    /// SoftHSM refuses.
    pub fn add_token(&self, label: &str) -> Result<()> {
        self.tool(&[
            "--init-token",
            "--free",
            "--label",
            label,
            "--pin",
            PIN,
            "--so-pin",
            OFFICERS_PIN,
        ])
    }

    /// SoftHSM's own module, which reads its configuration from [`SoftHsm::environment`].
    #[must_use]
    pub fn module(&self) -> &'static Path {
        Path::new(MODULE)
    }

    /// What a process needs in its environment to see these tokens.
    #[must_use]
    pub fn environment(&self) -> (OsString, OsString) {
        ("SOFTHSM2_CONF".into(), self.folder.path().join("softhsm2.conf").into())
    }

    /// A file that holds [`PIN`].
    ///
    /// # Errors
    /// It cannot be written.
    pub fn pin_file(&self) -> Result<PathBuf> {
        let path = self.folder.path().join("pin");
        fs::write(&path, format!("{PIN}\n"))?;
        Ok(path)
    }

    /// A module in front of it that sees these tokens in any process, and fails as
    /// [`SoftHsm::fail`] says.
    ///
    /// # Errors
    /// It cannot be compiled.
    pub fn faulty_module(&self) -> Result<PathBuf> {
        let module = self.folder.path().join("faulty_module.so");
        if module.exists() {
            return Ok(module);
        }
        let output = Command::new(find("cc", "gcc")?)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wno-stringop-truncation", "-o"])
            .arg(&module)
            .arg(format!("-DFOLDER=\"{}\"", self.folder.path().display()))
            .args([FAULTY_MODULE, "-ldl", "-lpthread"])
            .output()?;
        if !output.status.success() {
            bail!("cc: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(module)
    }

    /// What fails from now on, one fault a line; nothing when empty.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn fail(&self, faults: &str) -> Result<()> {
        let next = self.folder.path().join("faults.next");
        fs::write(&next, faults)?;
        Ok(fs::rename(next, self.folder.path().join("faults"))?)
    }

    /// How often this function of the faulty module was called.
    #[must_use]
    pub fn calls(&self, function: &str) -> usize {
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls.lines().filter(|call| *call == function).count()
    }

    /// The folder with the tokens, one folder each.
    #[must_use]
    pub fn tokens(&self) -> PathBuf {
        self.folder.path().join("tokens")
    }

    /// Takes every token away, as if the device was unplugged.
    ///
    /// # Errors
    /// The folder cannot be moved.
    pub fn unplug(&self) -> Result<()> {
        fs::rename(self.tokens(), self.folder.path().join("unplugged"))?;
        Ok(fs::create_dir(self.tokens())?)
    }

    /// Puts back what [`SoftHsm::unplug`] took.
    ///
    /// # Errors
    /// The folder cannot be moved.
    pub fn plug_in(&self) -> Result<()> {
        fs::remove_dir_all(self.tokens())?;
        Ok(fs::rename(self.folder.path().join("unplugged"), self.tokens())?)
    }

    fn tool(&self, arguments: &[&str]) -> Result<()> {
        let (name, value) = self.environment();
        let output = Command::new(find("softhsm2-util", "softhsm2")?)
            .args(arguments)
            .env(name, value)
            .output()
            .context("softhsm2-util does not start")?;
        if !output.status.success() {
            bail!("softhsm2-util: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}
