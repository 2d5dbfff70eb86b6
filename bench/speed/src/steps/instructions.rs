//! Instructions of a step, counted by valgrind: what so many more repetitions take more.

use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::process::find;

/// How many repetitions are compared: the difference is that of the second alone.
const TIMES: [u32; 2] = [1, 5];

/// Instructions of one.
pub(super) fn of(name: &str) -> Result<u64> {
    let [few, more] = TIMES;
    // Both at once: what else the machine does changes no count.
    let [begun, begun_more] = [begin(name, few)?, begin(name, more)?];
    let (counted, counted_more) = (end(begun)?, end(begun_more)?);
    let each =
        counted_more.checked_sub(counted).context("more repetitions took fewer instructions")?;
    Ok(each / u64::from(more - few))
}

fn begin(name: &str, times: u32) -> Result<Child> {
    Command::new(find("valgrind", "valgrind")?)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["step", name, "--times", &times.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("valgrind did not start")
}

fn end(begun: Child) -> Result<u64> {
    let output = begun.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind failed: {said}");
    // "==PID== Collected : NUMBER"
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = collected.with_context(|| format!("valgrind counted nothing: {said}"))?;
    number.trim().parse().with_context(|| format!("{number:?} is no number"))
}
