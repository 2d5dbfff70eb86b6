//! What each task runs, in order. The first command that fails ends the task.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::install;

/// Every check and every test. The test runner comes last, so that its summary is the last line.
pub(crate) fn test() -> Result<()> {
    install::debian_packages()?;
    install::cargo_tools(&install::FOR_TESTS)?;
    install::check_programs()?;
    format_and_lints()?;
    cargo(&["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])?;
    cargo(&["test", "--workspace", "--locked", "--doc", "--quiet"])?;
    cargo(&["nextest", "run", "--workspace", "--locked", "--profile", "ci"])
}

/// What needs no other program than cargo.
pub(crate) fn quick() -> Result<()> {
    format_and_lints()?;
    cargo(&["test", "--workspace", "--locked", "--lib", "--bins", "--quiet"])
}

/// The harness in `bench/growth`, built as the server is built for users.
pub(crate) fn growth(arguments: &[&str]) -> Result<()> {
    let run = ["run", "--release", "--locked", "--quiet", "--package", "countersign-growth", "--"];
    cargo(&[&run[..], arguments].concat())
}

/// The harness in `bench/access`, with the server built as for users.
pub(crate) fn access_cost(arguments: &[&str]) -> Result<()> {
    cargo(&["build", "--release", "--locked", "--quiet", "--bin", "countersign"])?;
    let package = "countersign-access-cost";
    let run = ["run", "--release", "--locked", "--quiet", "--package", package, "--"];
    cargo(&[&run[..], arguments].concat())
}

/// The harness in `bench/custody`, with the server built as for users.
pub(crate) fn custody_cost(arguments: &[&str]) -> Result<()> {
    cargo(&["build", "--release", "--locked", "--quiet", "--bin", "countersign"])?;
    let package = "countersign-custody-cost";
    let run = ["run", "--release", "--locked", "--quiet", "--package", package, "--"];
    cargo(&[&run[..], arguments].concat())
}

/// The harness in `bench/speed`, with the server built as for users.
pub(crate) fn bench(arguments: &[&str]) -> Result<()> {
    cargo(&["build", "--release", "--locked", "--quiet", "--bin", "countersign"])?;
    let run = ["run", "--release", "--locked", "--quiet", "--package", "countersign-speed", "--"];
    cargo(&[&run[..], arguments].concat())
}

/// The model in `bench/scale`, from what `bench` and `growth` left.
pub(crate) fn scale(arguments: &[&str]) -> Result<()> {
    let run = ["run", "--release", "--locked", "--quiet", "--package", "countersign-scale", "--"];
    cargo(&[&run[..], arguments].concat())
}

fn format_and_lints() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    let lint = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet"];
    cargo(&[&lint[..], &["--", "--deny", "warnings"]].concat())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    run(Command::new("cargo").args(arguments))
}

/// Runs a command to its end; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command.status().with_context(|| format!("could not start {shown}"))?;
    if !status.success() {
        bail!("{shown} failed: {status}");
    }
    Ok(())
}
