//! `cargo xtask chaos`: a long run of the servers under faults, and its figures.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::install;
use crate::task::run;

/// How many faults there are when nobody says.
const FAULTS: u32 = 200;

/// The seed when nobody says.
const SEED: u64 = 20_261_129;

/// Which run, and how long.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    test: &'static str,
    faults: u32,
    seed: u64,
}

/// Three replicas on PostgreSQL, or with `--sqlite` one process on its file, under as many faults
/// as `--faults` says, which follow from `--seed`.
pub(crate) fn chaos(arguments: &[&str]) -> Result<()> {
    let wish = wish(arguments)?;
    install::debian_packages()?;
    let build = ["build", "--locked", "--bin", "countersign"];
    run(Command::new("cargo").args(build))?;
    let figures = std::env::temp_dir().join(format!("chaos-{}.txt", std::process::id()));
    let mut test = Command::new("cargo");
    test.args(["test", "--locked", "--quiet", "--package", "countersign-tests"]);
    test.args(["--test", "chaos", "--", "--exact", wish.test]);
    test.env("CHAOS_FAULTS", wish.faults.to_string()).env("CHAOS_SEED", wish.seed.to_string());
    let played = run(test.env("CHAOS_FIGURES", &figures));
    if let Ok(text) = std::fs::read_to_string(&figures) {
        crate::say(&text);
        std::fs::remove_file(&figures).context("could not remove the file of figures")?;
    }
    played
}

fn wish(arguments: &[&str]) -> Result<Wish> {
    let postgres = "weather::three_replicas_on_postgresql_keep_every_promise_while_anything_fails";
    let sqlite = "weather::one_process_on_its_own_file_keeps_every_promise_while_anything_fails";
    let mut wish = Wish { test: postgres, faults: FAULTS, seed: SEED };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut number = || rest.next().with_context(|| format!("{name} needs a number"));
        match *name {
            "--sqlite" => wish.test = sqlite,
            "--faults" => {
                let text = number()?;
                wish.faults = text.parse().with_context(|| format!("{text:?} is no number"))?;
            }
            "--seed" => {
                let text = number()?;
                wish.seed = text.parse().with_context(|| format!("{text:?} is no seed"))?;
            }
            other => bail!("{other:?} is none of --faults N, --seed N and --sqlite"),
        }
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_seed_are_taken_and_have_defaults() {
        let default = wish(&[]).unwrap();
        assert_eq!((default.faults, default.seed), (FAULTS, SEED));
        let wish = wish(&["--seed", "5", "--sqlite", "--faults", "300"]).unwrap();
        assert_eq!((wish.faults, wish.seed), (300, 5));
        assert_ne!(wish.test, default.test);
    }

    #[test]
    fn what_is_no_number_is_named() {
        for (arguments, named) in [
            (&["--faults", "many"][..], "\"many\" is no number"),
            (&["--seed"], "--seed needs a number"),
            (&["--fault", "5"], "\"--fault\" is none of"),
        ] {
            let refusal = format!("{:#}", wish(arguments).unwrap_err());
            assert!(refusal.contains(named), "{refusal}");
        }
    }
}
