//! Requests that are one too many, and the address by which they count.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::connection::{Connection, Shown};
use crate::process::{Server, countersign, empty_dir, run, serve, start};

fn start_with(dir: &Path, settings: &str) -> Server {
    fs::write(dir.join("c.toml"), settings).unwrap();
    let mut command = serve(dir);
    command.args(["--config", "c.toml"]);
    start(command)
}

fn notary(server: &Server, dir: &Path, arguments: &[&str]) -> Output {
    let mut notary = Command::new("notary");
    notary
        .args(["-s", &server.url, "-d", "trust", "--tlscacert"])
        .arg("countersign-data/certs/ca.crt")
        .args(arguments)
        .current_dir(dir)
        .env("NOTARY_ROOT_PASSPHRASE", "root passphrase")
        .env("NOTARY_TARGETS_PASSPHRASE", "targets passphrase")
        .env("NOTARY_SNAPSHOT_PASSPHRASE", "snapshot passphrase")
        .stdin(Stdio::null());
    notary.output().expect("notary is missing: install the package notary")
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

/// Busy never looks like unsigned.
#[test]
fn the_notary_client_reports_a_refused_request_and_takes_nothing_for_unsigned() {
    const GUN: &str = "example.com/app";
    let dir = empty_dir();
    let server = start_with(dir.path(), "");
    let published = notary(&server, dir.path(), &["init", "-p", GUN]);
    assert!(published.status.success(), "{}", said(&published));
    server.stop();

    let limit = "limits.address_requests_per_minute = 1\nlimits.address_request_burst = 1\n";
    let mut server = start_with(dir.path(), limit);
    let ca = dir.path().join("countersign-data/certs/ca.crt");
    let mut open = Connection::open(&server, &ca, &Shown::Nothing).unwrap();
    let path = format!("/v2/{GUN}/_trust/tuf/root.json");
    assert!(open.answers(&path));
    let (status, body) = open.get(&path).unwrap();
    assert_eq!(status, "HTTP/1.1 429 Too Many Requests");
    assert!(body.contains("too many requests from this address"), "{body}");
    server.wait_for_log("over the limit on requests per address");

    fs::rename(dir.path().join("trust"), dir.path().join("publisher")).unwrap();
    for arguments in [vec!["list", GUN], vec!["lookup", GUN, "latest"]] {
        let refused = notary(&server, dir.path(), &arguments);
        let said = said(&refused);
        assert!(!refused.status.success(), "{said}");
        assert!(said.contains("unable to reach trust server at this time: 429"), "{said}");
        assert!(!said.contains("does not have trust data"), "{said}");
    }
    fs::remove_dir_all(dir.path().join("trust")).ok();
    fs::rename(dir.path().join("publisher"), dir.path().join("trust")).unwrap();
    let list = notary(&server, dir.path(), &["list", GUN]);
    assert!(!list.status.success() && said(&list).contains("429"), "{}", said(&list));
    server.stop();
}

#[test]
fn one_user_is_limited_from_everywhere_and_another_is_not() {
    let dir = empty_dir();
    let made = ["certs", "make", "--out", "ours", "--client", "ci", "--client", "alice"];
    assert_eq!(run(countersign(dir.path(), &made)).status.code(), Some(0));
    let server = start_with(
        dir.path(),
        "tls.client_ca = 'ours/ca.crt'\nlimits.user_requests_per_minute = 1\n\
         limits.user_request_burst = 2\n",
    );
    let ca = dir.path().join("countersign-data/certs/ca.crt");
    let status = |name: &str| {
        let pair = dir.path().join("ours").join(name);
        let mut open = Connection::open(&server, &ca, &Shown::Pair(&pair)).unwrap();
        open.get("/elsewhere").unwrap().0
    };
    assert_eq!(["ci"; 3].map(|name| status(name).contains(" 429 ")), [false, false, true]);
    assert!(status("alice").contains(" 404 "));
    server.stop();
}

#[test]
fn the_log_has_the_address_that_a_trusted_proxy_tells() {
    let dir = empty_dir();
    for (hops, remote) in [(0, "\"remote\":\"127.0.0.1:"), (1, "\"remote\":\"192.0.2.1\"")] {
        let mut server = start_with(dir.path(), &format!("server.trusted_hops = {hops}\n"));
        let ca = dir.path().join("countersign-data/certs/ca.crt");
        let mut open = Connection::open(&server, &ca, &Shown::Nothing).unwrap();
        open.get("/v2/ HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9, 192.0.2.1\r\nX-Rest:").unwrap();
        let line = server.wait_for_log("\"route\":\"ping\"");
        assert!(line.contains(remote), "{line}");
        server.stop();
    }
}
