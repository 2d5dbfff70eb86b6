//! The systemd units: their syntax, how much they give away, and that the server's command runs as
//! a user who may do nothing.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::process::{Process, Program, find};
use rustix::process::Signal;
use tempfile::TempDir;

/// Debian's user for those who own nothing.
const NOBODY: u32 = 65534;

/// The most that `systemd-analyze security` may find open, of 10.
const EXPOSURE: f64 = 1.5;

/// The server's and the signer's.
const UNITS: [&str; 2] = ["countersign.service", "countersign-signer.service"];

fn unit(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// What stands after `name=` in the server's unit.
fn value(name: &str) -> String {
    let start = format!("{name}=");
    unit(UNITS[0]).lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
}

/// The unit with our binary where the installed one would be.
fn unit_here(name: &str, folder: &TempDir) -> PathBuf {
    let path = folder.path().join(name);
    let here =
        unit(name).replace("/usr/local/bin/countersign", binary().unwrap().to_str().unwrap());
    fs::write(&path, here).unwrap();
    path
}

fn analyze(arguments: &[&str], unit: &Path) -> Output {
    let systemd_analyze = find("systemd-analyze", "systemd").unwrap();
    Command::new(systemd_analyze).args(arguments).arg(unit).output().unwrap()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    for name in UNITS {
        let folder = TempDir::new().unwrap();
        let output = analyze(&["verify", "--man=no"], &unit_here(name, &folder));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && words.is_empty(), "{words}");
    }
}

#[test]
fn the_units_give_little_away() {
    for name in UNITS {
        let folder = TempDir::new().unwrap();
        let asked = ["security", "--offline=true", "--no-pager"];
        let output = analyze(&asked, &unit_here(name, &folder));
        let words = String::from_utf8(output.stdout).unwrap();
        let (_, verdict) = words.rsplit_once(&format!("level for {name}: ")).unwrap();
        let exposure: f64 = verdict.split_whitespace().next().unwrap().parse().unwrap();
        assert!(exposure <= EXPOSURE, "{words}");
    }
}

#[tokio::test]
async fn the_units_command_runs_as_a_user_without_rights_in_one_directory() {
    let folder = TempDir::new().unwrap();
    // A copy that everybody may run, wherever the tests were built.
    let installed = folder.path().join("countersign");
    fs::copy(binary().unwrap(), &installed).unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    for path in [folder.path(), &state] {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let command = value("ExecStart")
        .replace("/usr/local/bin/countersign", installed.to_str().unwrap())
        .replace("/var/lib/countersign", state.to_str().unwrap());
    let umask = value("UMask");
    let program = Program::new(find("setpriv", "util-linux").unwrap())
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"])
        .args(["--bounding-set=-all", "--inh-caps=-all", "--", "/bin/sh", "-c"])
        .args([format!("umask {umask}; exec {command}")])
        .env("COUNTERSIGN_LISTEN", "127.0.0.1:0")
        .env("HOME", "/nonexistent")
        .within(Path::new("/"));
    let mut server = Process::spawn("the unit's server", &program, None).unwrap();
    let listening = |line: &str| line.starts_with("listening on https://").then_some(());
    server.line(listening).await.unwrap();
    assert!(state.join("countersign.db").is_file() && state.join("certs/ca.crt").is_file());
    server.signal(Signal::TERM).unwrap();
    assert!(server.ended().await.unwrap().success(), "{}", server.log());
}
