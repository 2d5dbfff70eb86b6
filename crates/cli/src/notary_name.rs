//! The command lines of Go's programs: what the binary takes when it is called `notary-server` or
//! `notary-signer`.
//!
//! Turns them into those of [`serve`](crate::commands::serve) and
//! [`signer`](crate::commands::signer) before these are parsed; flags of ours may stand beside Go's.
//! Source: server spec 7.1, signer spec 4.1.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::exit::Failure;

/// The names of Go's binaries, each with the command that has its place.
const NAMES: [(&str, &str); 2] = [("notary-server", "serve"), ("notary-signer", "signer")];

/// A command line of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The arguments, the program's own name first.
    pub(crate) arguments: Vec<OsString>,
    /// What has no counterpart; each one line for the operator.
    pub(crate) notes: Vec<&'static str>,
}

/// The command line in our words: `arguments` as they are, unless the first one has the name of
/// one of Go's programs.
pub(crate) fn translate(arguments: Vec<OsString>) -> Result<Line, Failure> {
    let called = arguments.first().and_then(|first| Path::new(first).file_name());
    let found = NAMES.iter().find(|(name, _)| called == Some(OsStr::new(name)));
    let Some((_, command)) = found else {
        return Ok(Line { arguments, notes: Vec::new() });
    };
    let mut line =
        Line { arguments: vec!["countersign".into(), (*command).into()], notes: Vec::new() };
    let mut configured = false;
    let mut rest = arguments.into_iter().skip(1);
    while let Some(argument) = rest.next() {
        let Some((flag, value)) = argument.to_str().and_then(of_go) else {
            line.arguments.push(argument);
            continue;
        };
        if value == Some("false") && flag != "config" && flag != "logf" {
            continue;
        }
        let mut value = || value.map(OsString::from).or_else(|| rest.next());
        match flag {
            "version" => return Ok(plain("version")),
            "h" | "help" => return Ok(Line { arguments: help(command), notes: Vec::new() }),
            "config" => {
                configured = true;
                let file = value().ok_or(usage("-config FILE: the file is missing"))?;
                line.arguments.extend(["--config".into(), file]);
            }
            "logf" => {
                let form = value().unwrap_or_default();
                line.arguments.extend(["--log-format".into(), log_format(&form)?.into()]);
            }
            "debug" => line.notes.push(
                "-debug has no effect: there is no profiling server; use --log-level debug and \
                 /metrics",
            ),
            _ => {
                return Err(usage(
                    "-bootstrap: leave it out: missing tables are made at the start",
                ));
            }
        }
    }
    if configured { Ok(line) } else { Err(usage("-config FILE is missing: name Notary's file")) }
}

/// The name of Go's flag, and the value behind its equals sign; one dash or two.
fn of_go(argument: &str) -> Option<(&str, Option<&str>)> {
    let name = argument.strip_prefix('-')?;
    let name = name.strip_prefix('-').unwrap_or(name);
    let (name, value) = match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    };
    let known = ["config", "logf", "debug", "bootstrap", "version", "h", "help"];
    known.contains(&name).then_some((name, value))
}

fn log_format(form: &OsStr) -> Result<&'static str, Failure> {
    match form.to_str() {
        Some("json") => Ok("json"),
        Some("logfmt") => Ok("human"),
        _ => Err(usage("-logf: write json or logfmt")),
    }
}

fn plain(command: &str) -> Line {
    Line { arguments: vec!["countersign".into(), command.into()], notes: Vec::new() }
}

fn help(command: &str) -> Vec<OsString> {
    ["countersign", command, "--help"].map(OsString::from).into()
}

fn usage(text: &str) -> Failure {
    Failure::Usage(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(arguments: &[&str]) -> Result<String, String> {
        let line = translate(arguments.iter().map(OsString::from).collect());
        let words = |line: Line| line.arguments.join(OsStr::new(" ")).into_string().unwrap();
        line.map(words).map_err(|failure| failure.to_string())
    }

    #[test]
    fn under_another_name_nothing_changes() {
        assert_eq!(
            translated(&["x/countersign", "-config", "a"]).unwrap(),
            "x/countersign -config a"
        );
    }

    #[test]
    fn every_way_to_write_a_flag_of_gos_is_taken() {
        let expected = "countersign serve --config a.json";
        for written in ["-config=a.json", "--config=a.json", "-config a.json", "--config a.json"] {
            let words: Vec<&str> =
                ["/usr/bin/notary-server"].into_iter().chain(written.split(' ')).collect();
            assert_eq!(translated(&words).unwrap(), expected, "{written}");
        }
    }

    #[test]
    fn the_form_of_the_log_is_ours() {
        let with = |form: &str| translated(&["notary-server", "-config=a", form]);
        assert!(with("-logf=json").unwrap().ends_with("--log-format json"));
        assert!(with("-logf=logfmt").unwrap().ends_with("--log-format human"));
        assert_eq!(with("-logf=xml").unwrap_err(), "-logf: write json or logfmt");
    }

    #[test]
    fn debugging_is_noted_and_our_flags_pass() {
        let words = ["notary-server", "-debug", "-config=a", "--data-dir", "d"];
        let line = translate(words.iter().map(OsString::from).collect()).unwrap();
        assert_eq!(line.notes.len(), 1);
        assert_eq!(line.arguments, ["countersign", "serve", "--config", "a", "--data-dir", "d"]);
    }

    #[test]
    fn version_and_help_need_no_file_and_serving_does() {
        assert_eq!(translated(&["notary-server", "-version"]).unwrap(), "countersign version");
        assert_eq!(translated(&["notary-server", "-help"]).unwrap(), "countersign serve --help");
        assert!(translated(&["notary-server"]).unwrap_err().starts_with("-config FILE is missing"));
        assert!(translated(&["notary-server", "-config"]).is_err());
    }

    /// Signer spec 4.1.
    #[test]
    fn the_signers_flags_are_those_of_the_server() {
        let expected = "countersign signer --config a.json --log-format json";
        let words = ["/usr/sbin/notary-signer", "-config", "a.json", "-logf=json"];
        assert_eq!(translated(&words).unwrap(), expected);
        assert_eq!(translated(&["notary-signer", "-version"]).unwrap(), "countersign version");
        assert_eq!(translated(&["notary-signer", "-h"]).unwrap(), "countersign signer --help");
        let refused = translated(&["notary-signer", "-config=a", "-bootstrap"]).unwrap_err();
        assert!(refused.starts_with("-bootstrap: leave it out"), "{refused}");
        assert!(translated(&["notary-signer"]).unwrap_err().starts_with("-config FILE is missing"));
    }

    #[test]
    fn making_tables_beforehand_is_refused() {
        let refused = translated(&["notary-server", "-config=a", "-bootstrap"]).unwrap_err();
        assert!(refused.starts_with("-bootstrap: leave it out"), "{refused}");
    }
}
