//! `serve --read-only`: said at the start, and nothing is made.

use std::fs;

use crate::process::{countersign, empty_dir, refusal, run, serve, start};

#[test]
fn a_server_that_only_reads_says_so_and_makes_no_key() {
    for by_variable in [false, true] {
        let dir = empty_dir();
        let mut command = serve(dir.path());
        if by_variable {
            command.env("COUNTERSIGN_READ_ONLY", "true");
        } else {
            command.arg("--read-only");
        }
        let server = start(command);
        let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
        let (status, body) = server.get(&ca, "/v2/a/b/_trust/tuf/timestamp.key").unwrap();
        assert_eq!(status, 503, "{body}");
        assert!(body.contains("\"UNKNOWN\""), "{body}");
        assert_eq!(server.get(&ca, "/_countersign/ready").unwrap().0, 200);
        let ended = server.stop();
        assert!(ended.stdout.contains("\nWARNING: read-only: publishes"), "{}", ended.stdout);
        let keys = run(countersign(dir.path(), &["keys", "list"]));
        assert_eq!(keys.stdout, "no keys\n");
    }
}

#[test]
fn another_value_of_the_variable_is_refused() {
    let dir = empty_dir();
    let mut command = serve(dir.path());
    command.env("COUNTERSIGN_READ_ONLY", "perhaps");
    let (code, line) = refusal(command);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("COUNTERSIGN_READ_ONLY = \"perhaps\""), "{line}");
}
