//! The project's tasks: `cargo xtask <task>`. CI calls nothing else.

mod install;
mod task;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <task>

  test    every check and every test; installs what they need
  quick   format, lints and unit tests: what needs no other program
";

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("test") => task::test(),
        Some("quick") => task::quick(),
        _ => bail!("{USAGE}"),
    }
}
