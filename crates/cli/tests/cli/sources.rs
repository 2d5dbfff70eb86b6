//! Where settings come from, seen by their effect.

use std::fs;

use crate::process::{countersign, empty_dir, serve, start};

/// Each source names another loopback address, so the one that wins is seen.
#[test]
fn flags_beat_the_environment_and_that_beats_the_file() {
    let dir = empty_dir();
    fs::write(dir.path().join("c.toml"), "[server]\nlisten = '127.0.0.3:0'\n").unwrap();
    let with_file = || countersign(dir.path(), &["serve", "--config", "c.toml"]);
    let address = |command| {
        let server = start(command);
        let ip = server.address.ip().to_string();
        server.stop();
        ip
    };
    assert_eq!(address(with_file()), "127.0.0.3");

    let mut command = with_file();
    command.env("COUNTERSIGN_LISTEN", "127.0.0.4:0");
    assert_eq!(address(command), "127.0.0.4");

    let mut command = with_file();
    command.env("COUNTERSIGN_LISTEN", "127.0.0.4:0").args(["--listen", "127.0.0.5:0"]);
    assert_eq!(address(command), "127.0.0.5");
}

#[test]
fn the_file_can_be_named_by_the_environment_and_its_paths_start_beside_it() {
    let dir = empty_dir();
    fs::create_dir(dir.path().join("etc")).unwrap();
    let config = dir.path().join("etc/c.toml");
    fs::write(&config, "[server]\ndata_dir = 'data'\nlisten = '127.0.0.1:0'\n").unwrap();
    let mut command = countersign(dir.path(), &["serve"]);
    command.env("COUNTERSIGN_CONFIG", &config);
    start(command).stop();
    assert!(dir.path().join("etc/data/countersign.db").exists());
    assert!(!dir.path().join("countersign-data").exists());
}

#[test]
fn a_passphrase_file_is_believed_wherever_it_is_named() {
    let dir = empty_dir();
    fs::write(dir.path().join("secret"), "one and the same\n").unwrap();
    fs::write(
        dir.path().join("c.toml"),
        "[server]\nlisten = '127.0.0.1:0'\n[keys]\npassphrase_file = 'secret'\n",
    )
    .unwrap();
    start(countersign(dir.path(), &["serve", "--config", "c.toml"])).stop();
    let mut by_file = serve(dir.path());
    by_file.env("COUNTERSIGN_KEY_PASSPHRASE_FILE", dir.path().join("secret"));
    start(by_file).stop();
    let mut by_value = serve(dir.path());
    by_value.env("COUNTERSIGN_KEY_PASSPHRASE", "one and the same");
    start(by_value).stop();
}

#[test]
fn listening_beyond_loopback_is_said_loudly_in_one_line_at_every_start() {
    let dir = empty_dir();
    for _ in 0..2 {
        let ended = start(countersign(dir.path(), &["serve", "--listen", "0.0.0.0:0"])).stop();
        let loud = ended.stdout.lines().filter(|line| line.starts_with("WARNING: ")).count();
        assert_eq!(loud, 1, "{}", ended.stdout);
        assert!(ended.stdout.contains("no authentication"), "{}", ended.stdout);
    }
    let ended = start(serve(dir.path())).stop();
    assert!(!ended.stdout.contains("WARNING"), "{}", ended.stdout);
}

#[test]
fn the_start_up_lines_can_be_pasted() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let port = server.address.port();
    let ca = dir.path().join("countersign-data/certs/ca.crt");
    let ca = ca.canonicalize().unwrap().display().to_string();
    let ended = server.stop();
    for line in [
        format!("listening on https://localhost:{port} (address 127.0.0.1:{port})"),
        "  export DOCKER_CONTENT_TRUST=1".to_owned(),
        format!("  export DOCKER_CONTENT_TRUST_SERVER=https://localhost:{port}"),
        format!("  mkdir -p ~/.docker/tls/localhost:{port}"),
        format!("  cp {ca} ~/.docker/tls/localhost:{port}/ca.crt"),
        format!("  notary -s https://localhost:{port} --tlscacert {ca} -d ~/.notary list GUN"),
    ] {
        assert!(ended.stdout.lines().any(|found| found == line), "{line}\n{}", ended.stdout);
    }
}
