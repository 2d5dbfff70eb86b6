//! The project's tasks: `cargo xtask <task>`. CI calls nothing else.

mod chaos;
mod fuzz;
mod install;
mod task;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <task>

  test    every check and every test; installs what they need
  quick   format, lints and unit tests: what needs no other program
  fuzz <target> [seconds]
          feed a fuzz target for 60 seconds or as long as told; installs cargo-fuzz
  chaos [--faults N] [--seed N] [--sqlite]
          publishers and readers on three replicas and PostgreSQL, or on one process and its file,
          under 200 faults or as many as told, and what came of it
  bench [--row NAME]... [--rounds N] [--seconds S] [--json FILE] [--list]
          measure how fast the server is beside Notary's and beside a bare handler
  access-cost [--rounds N] [--reads N]
          measure what a check of a token costs on the read path
  custody-cost [--rounds N] [--signatures N] [--only TEXT]
          measure what a signature costs in each custody
  growth [--guns 100,10000,1000000] [--engine sqlite,postgres]
          measure how reads and publishes grow with the number of collections; takes
          half an hour and 12 GB
  scale [--guns N] [--pulls N] [--cost NAME=NUMBER]... [--into FILE]
          compute what very many collections and pulls need, from what bench and growth left;
          --help has the rest
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["test"] => task::test(),
        ["quick"] => task::quick(),
        ["chaos", arguments @ ..] => chaos::chaos(arguments),
        ["fuzz", target] => fuzz::fuzz(target, fuzz::SECONDS),
        ["fuzz", target, seconds] => fuzz::fuzz(target, seconds),
        ["bench", rest @ ..] => task::bench(rest),
        ["access-cost", rest @ ..] => task::access_cost(rest),
        ["custody-cost", rest @ ..] => task::custody_cost(rest),
        ["growth", rest @ ..] => task::growth(rest),
        ["scale", rest @ ..] => task::scale(rest),
        _ => bail!("{USAGE}"),
    }
}

#[expect(clippy::print_stdout, reason = "what a task found is for who asked for it")]
fn say(text: &str) {
    println!("{text}");
}
