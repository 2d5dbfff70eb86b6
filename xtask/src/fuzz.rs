//! `cargo xtask fuzz`: one fuzz target, fed by libFuzzer for a while.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::install;
use crate::task::run;

/// How long a target is fed when nobody says.
pub(crate) const SECONDS: &str = "60";

/// Feeds `target` for `seconds`, beginning with its corpus.
///
/// Inputs that reach new code go to `fuzz/found`, those that break something to
/// `fuzz/artifacts`; git ignores both. No sanitizer is asked for: our code has no `unsafe`, and
/// sanitizers need another compiler than ours.
pub(crate) fn fuzz(target: &str, seconds: &str) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a folder above xtask")?;
    if !root.join("fuzz/fuzz_targets").join(format!("{target}.rs")).is_file() {
        bail!("{target:?} is no fuzz target: they are the files in fuzz/fuzz_targets");
    }
    let seconds: u32 =
        seconds.parse().with_context(|| format!("{seconds:?} is no time in seconds"))?;
    install::cargo_tools(&install::FOR_FUZZING)?;
    let found = format!("fuzz/found/{target}");
    std::fs::create_dir_all(root.join(&found))
        .with_context(|| format!("could not make {found}"))?;
    // What is fuzzed is built from the versions that ship.
    std::fs::copy(root.join("Cargo.lock"), root.join("fuzz/Cargo.lock"))
        .context("could not copy Cargo.lock to fuzz")?;
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["fuzz", "run", "--sanitizer", "none", target]);
    command.args([found, format!("fuzz/corpus/{target}")]);
    command.args(["--".to_owned(), format!("-max_total_time={seconds}")]);
    run(&mut command)
}
