//! Limits below prefixes, met by the real client.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::process::{Server, empty_dir, serve, start};

const SETTINGS: &str = "[[repositories.limits]]\nprefix = 'few/'\nrepositories = 1\n\
    [[repositories.limits]]\nprefix = 'small/'\nbytes = 100\n\
    [[repositories.limits]]\nprefix = 'slow/'\npublishes_per_minute = 1\n";

fn notary(server: &Server, dir: &Path, arguments: &[&str]) -> Output {
    let mut notary = Command::new("notary");
    notary
        .args(["-s", &server.url, "-d", "trust", "--tlscacert"])
        .arg(dir.join("countersign-data/certs/ca.crt"))
        .args(arguments)
        .current_dir(dir)
        .env("NOTARY_ROOT_PASSPHRASE", "root passphrase")
        .env("NOTARY_TARGETS_PASSPHRASE", "targets passphrase")
        .env("NOTARY_SNAPSHOT_PASSPHRASE", "snapshot passphrase")
        .stdin(Stdio::null());
    notary.output().expect("notary is missing: install the package notary")
}

#[test]
fn the_notary_client_is_told_which_limit_of_a_prefix_it_met() {
    let dir = empty_dir();
    fs::write(dir.path().join("c.toml"), SETTINGS).unwrap();
    let mut command = serve(dir.path());
    command.args(["--config", "c.toml"]);
    let server = start(command);
    let done = |arguments: &[&str]| {
        let ended = notary(&server, dir.path(), arguments);
        assert!(ended.status.success(), "{arguments:?}: {ended:?}");
    };
    let refused = |arguments: &[&str], words: &str| {
        let ended = notary(&server, dir.path(), arguments);
        let said = format!("{ended:?}");
        assert!(!ended.status.success() && said.contains(words), "{said}");
    };
    let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    let is_there =
        |gun: &str| server.get(&ca, &format!("/v2/{gun}/_trust/tuf/root.json")).unwrap().0 == 200;

    done(&["init", "-p", "few/a"]);
    refused(&["init", "-p", "few/b"], "below few/ repositories are limited to 1, and 1 are there");
    assert!(is_there("few/a") && !is_there("few/b"));
    done(&["delete", "--remote", "few/a"]);
    done(&["publish", "few/b"]);
    assert!(!is_there("few/a") && is_there("few/b"));

    refused(&["init", "-p", "small/a"], "below small/ bytes are limited to 100, and 0 are used; ");
    assert!(!is_there("small/a"));

    done(&["init", "-p", "slow/a"]);
    refused(&["init", "-p", "slow/b"], "429");
    assert!(!is_there("slow/b"));
    done(&["init", "-p", "other/a"]);
    server.stop();
}
