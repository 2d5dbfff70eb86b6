//! One configuration file of Notary's under both servers: what one takes, obeys or refuses, the
//! other does too.

#![cfg(test)]

use std::fs;
use std::path::Path;

use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::process::{Process, Program, find, free_port};
use reqwest::{Client, Method};
use tempfile::TempDir;

/// Keys in mixed case, a list, and an address that the environment replaces.
const YAML: &str = "
Server: { HTTP_Addr: '127.0.0.1:1' }
trust_service: { type: local }
storage: { backend: memory }
repositories:
  gun_prefixes: [docker.io/, example.com/]
caching: { max_age: { current_metadata: 60 } }
logging: { level: ERROR }
surplus: { key: 1 }
";

/// The same, as the smallest JSON.
const JSON: &str = r#"{
  "server": { "http_addr": "127.0.0.1:1" },
  "trust_service": { "type": "local" },
  "storage": { "backend": "memory" },
  "repositories": { "gun_prefixes": ["docker.io/", "example.com/"] }
}"#;

/// The Go server and ours, each with the command line that Go's users write.
fn both(folder: &TempDir) -> [(&'static str, Program); 2] {
    let ours = folder.path().join("notary-server");
    if !ours.exists() {
        std::os::unix::fs::symlink(binary().unwrap(), &ours).unwrap();
    }
    let gos = find("notary-server", "notary").unwrap();
    [("Go", Program::new(gos)), ("ours", Program::new(ours))]
}

fn with_file(program: Program, folder: &TempDir, file: &Path) -> Program {
    program
        .args(["-config".to_owned(), file.to_string_lossy().into_owned()])
        .env("COUNTERSIGN_DATA_DIR", &folder.path().join("data").to_string_lossy())
}

/// Status and body of the same requests, most of them outside the prefixes.
async fn answers(client: &Client, port: u16) -> Vec<(String, u16, String)> {
    let mut answers = Vec::new();
    for (method, path) in [
        (Method::GET, "/v2/"),
        (Method::POST, "/v2/quay.io/app/_trust/tuf/"),
        (Method::POST, "/v2/docker.io/_trust/tuf/"),
        (Method::GET, "/v2/quay.io/app/_trust/tuf/root.json"),
        (Method::GET, "/v2/quay.io/app/_trust/tuf/1.root.json"),
        (Method::GET, "/v2/quay.io/app/_trust/tuf/timestamp.key"),
        (Method::POST, "/v2/quay.io/app/_trust/tuf/snapshot.key"),
        (Method::DELETE, "/v2/quay.io/app/_trust/tuf/"),
        (Method::GET, "/v2/quay.io/app/_trust/changefeed?records=1"),
        (Method::GET, "/v2/docker.io/app/_trust/tuf/root.json"),
        (Method::DELETE, "/v2/example.com/app/_trust/tuf/"),
    ] {
        let url = format!("http://127.0.0.1:{port}{path}");
        let answer = client.request(method.clone(), url).send().await.unwrap();
        let status = answer.status().as_u16();
        answers.push((format!("{method} {path}"), status, answer.text().await.unwrap()));
    }
    answers
}

/// Checklist rows C-160, C-200 and C-201.
#[tokio::test]
async fn one_file_of_notarys_makes_both_servers_answer_the_same() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::builder().no_proxy().build().unwrap();
    for (name, text) in [("c.yaml", YAML), ("c.json", JSON)] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let mut given = Vec::new();
        for (peer, program) in both(&folder) {
            let port = free_port().unwrap();
            let program = with_file(program, &folder, &file)
                .env("NOTARY_SERVER_SERVER_HTTP_ADDR", &format!("127.0.0.1:{port}"));
            let mut server = Process::spawn(peer, &program, None).unwrap();
            server.listens(port).await.unwrap();
            given.push(answers(&client, port).await);
        }
        assert_eq!(given[0], given[1], "{name}");
        let refusals = given[0].iter().filter(|(_, status, _)| *status == 400).count();
        assert_eq!(refusals, 2, "both publishes are refused");
    }
}

/// Checklist row C-204.
#[tokio::test]
async fn what_stops_the_go_server_stops_ours() {
    for (piece, by) in [
        ("docker.io/", "docker.io"),
        ("docker.io/", "/docker.io/"),
        ("docker.io/", "..docker.io/"),
        ("docker.io/", "docker.io//x/"),
        ("\"local\"", "\"elsewhere\""),
        ("\"memory\"", "\"oracle\""),
        ("\"storage\"", "\"logging\": { \"level\": \"loud\" }, \"storage\""),
        (
            "\"storage\"",
            "\"caching\": { \"max_age\": { \"current_metadata\": 31536001 } }, \"storage\"",
        ),
        ("\"127.0.0.1:1\"", "\"127.0.0.1:1\", \"tls_cert_file\": \"only.crt\""),
        ("\"http_addr\": \"127.0.0.1:1\"", ""),
    ] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("c.json");
        assert!(JSON.contains(piece), "{piece}");
        fs::write(&file, JSON.replace(piece, by)).unwrap();
        for (peer, program) in both(&folder) {
            let mut server =
                Process::spawn(peer, &with_file(program, &folder, &file), None).unwrap();
            let status = server.ended().await.unwrap();
            assert!(!status.success(), "{peer} takes {by}");
            assert!(!server.log().is_empty(), "{peer} says nothing of {by}");
        }
        assert!(!folder.path().join("data").exists(), "{by}");
    }
}
