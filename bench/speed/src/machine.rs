//! What the figures were measured on.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// The machine and the programs that are not ours.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Machine {
    processors: usize,
    model: String,
    kernel: String,
    /// Debian's packages and their versions.
    packages: Vec<String>,
}

impl Machine {
    pub(crate) fn look() -> Result<Self> {
        let processors = std::thread::available_parallelism()?.get();
        let listed = fs::read_to_string("/proc/cpuinfo")?;
        let model = listed.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.and_then(|rest| rest.split_once(':')).map(|(_, model)| model.trim());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned();
        let asked = Command::new("dpkg-query")
            .args(["--show", "--showformat", "${Package} ${Version}\n", "notary", "postgresql"])
            .output()
            .context("dpkg-query did not start")?;
        let packages = String::from_utf8_lossy(&asked.stdout).lines().map(str::to_owned).collect();
        let model = model.unwrap_or("an unnamed processor").to_owned();
        Ok(Self { processors, model, kernel, packages })
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "{} processors ({}), Linux {}, {}.",
            self.processors,
            self.model,
            self.kernel,
            self.packages.join(", ")
        )
    }
}
