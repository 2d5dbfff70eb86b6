//! The built-in token service: its files, its start-up lines, and what it follows while it runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::process::{DEADLINE, Ended, Server, countersign, empty_dir, refusal, run, serve, start};

/// Hashes by bcrypt of cost 5, as published by Openwall, and their passwords.
const ALICE: (&str, &str) =
    ("$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*");
const BOB: (&str, &str) = (
    "$2b$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
);

const SETTINGS: &str = "[tokens]\nusers = 'users.htpasswd'\n\
                        [[tokens.services]]\nname = 'registry.example'\n\
                        prefix = 'registry.example/'\n";

fn write_users(dir: &Path, users: &[(&str, &str)]) {
    let text: String = users.iter().map(|(name, hash)| format!("{name}:{hash}\n")).collect();
    fs::write(dir.join("users.htpasswd"), text).unwrap();
}

fn start_with(dir: &Path, settings: &str) -> Server {
    fs::write(dir.join("c.toml"), settings).unwrap();
    let mut command = serve(dir);
    command.args(["--config", "c.toml"]);
    start(command)
}

/// What a login at the server gets: status and body.
fn log_in(server: &Server, dir: &Path, (name, password): (&str, &str)) -> (u16, Value) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
            .timeout(DEADLINE)
            .build()
            .unwrap();
        let url = format!("{}/token?service=registry.example&offline_token=true", server.url);
        let answer = client.get(url).basic_auth(name, Some(password)).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    })
}

#[test]
fn the_first_start_makes_a_private_key_and_says_what_to_paste_and_later_ones_keep_it() {
    let dir = empty_dir();
    write_users(dir.path(), &[("alice", ALICE.0)]);
    let mut server = start_with(dir.path(), SETTINGS);
    let port = server.address.port();
    server.wait_for_output(&format!("Tokens are given out at https://localhost:{port}/token to 1"));
    server.wait_for_output("  auth:");
    server.wait_for_output("    token:");
    server.wait_for_output(&format!("      realm: \"https://localhost:{port}/token\""));
    server.wait_for_output("      service: \"registry.example\"");
    server.wait_for_output("      issuer: \"countersign\"");
    let certs = dir.path().canonicalize().unwrap().join("countersign-data/certs");
    let line = server.wait_for_output("      rootcertbundle: ");
    assert!(
        line.trim_end().ends_with(&format!("\"{}\"", certs.join("token.crt").display())),
        "{line}"
    );
    let mode = fs::metadata(certs.join("token.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let made =
        (fs::read(certs.join("token.crt")).unwrap(), fs::read(certs.join("token.key")).unwrap());
    server.stop();
    start_with(dir.path(), SETTINGS).stop();
    let kept =
        (fs::read(certs.join("token.crt")).unwrap(), fs::read(certs.join("token.key")).unwrap());
    assert!(made == kept);
}

#[test]
fn without_the_section_nothing_is_made_and_the_path_is_unknown() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    let (status, body) = server.get(&ca, "/token?service=countersign").unwrap();
    assert_eq!((status, &body), (404, &server.get(&ca, "/elsewhere").unwrap().1));
    server.stop();
    assert!(!dir.path().join("countersign-data/certs/token.key").exists());
}

#[test]
fn a_change_of_the_users_counts_without_a_restart_and_a_bad_one_leaves_them() {
    let dir = empty_dir();
    write_users(dir.path(), &[("alice", ALICE.0)]);
    let mut server = start_with(dir.path(), SETTINGS);
    assert_eq!(log_in(&server, dir.path(), ("alice", ALICE.1)).0, 200);
    assert_eq!(log_in(&server, dir.path(), ("bob", BOB.1)).0, 401);
    write_users(dir.path(), &[("bob", BOB.0)]);
    server.wait_for_log("users read again");
    assert_eq!(log_in(&server, dir.path(), ("alice", ALICE.1)).0, 401);
    assert_eq!(log_in(&server, dir.path(), ("bob", BOB.1)).0, 200);
    write_users(dir.path(), &[("bob", "in-the-clear")]);
    server.signal("HUP");
    let line = server.wait_for_log("the users cannot be read again and stay as they were");
    assert!(line.contains("line 1: user bob") && !line.contains("in-the-clear"), "{line}");
    assert_eq!(log_in(&server, dir.path(), ("bob", BOB.1)).0, 200);
    let ended = server.stop();
    for secret in [ALICE.1, BOB.1, ALICE.0, BOB.0] {
        assert!(!ended.stderr.contains(secret) && !ended.stdout.contains(secret), "{secret}");
    }
}

#[test]
fn users_and_keys_that_cannot_be_used_stop_the_start_in_one_line() {
    let dir = empty_dir();
    let refused = |settings: &str| {
        fs::write(dir.path().join("c.toml"), settings).unwrap();
        let mut command = serve(dir.path());
        command.args(["--config", "c.toml"]);
        refusal(command)
    };
    let (code, line) = refused(SETTINGS);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("users.htpasswd cannot be read"), "{line}");
    write_users(dir.path(), &[("alice", ALICE.0), ("bob", "$apr1$x$y")]);
    let (code, line) = refused(SETTINGS);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("users.htpasswd: line 2: user bob: the password is not"), "{line}");
    write_users(dir.path(), &[("alice", ALICE.0)]);
    let (code, line) = refused(&SETTINGS.replace("'registry.example'\n", "'countersign'\n"));
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("this server's own service is called so"), "{line}");
    let own = "[tokens]\nusers = 'users.htpasswd'\ncert = 't.crt'\nkey = 't.key'\n";
    let made = rcgen::generate_simple_self_signed(["tokens".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    fs::write(dir.path().join("t.crt"), made.cert.pem()).unwrap();
    fs::write(dir.path().join("t.key"), other.serialize_pem()).unwrap();
    let (code, line) = refused(own);
    assert_eq!(code, 7, "{line}");
    assert!(line.contains("the certificate is not that of the token key"), "{line}");
}

/// Two replicas that are given the same pair take each other's refresh tokens.
#[test]
fn replicas_with_the_same_key_take_each_others_logins() {
    let (one, other) = (empty_dir(), empty_dir());
    let made = rcgen::generate_simple_self_signed(["tokens".to_owned()]).unwrap();
    let settings = SETTINGS.replace("[tokens]\n", "[tokens]\ncert = 't.crt'\nkey = 't.key'\n");
    for dir in [&one, &other] {
        write_users(dir.path(), &[("alice", ALICE.0)]);
        fs::write(dir.path().join("t.crt"), made.cert.pem()).unwrap();
        fs::write(dir.path().join("t.key"), made.signing_key.serialize_pem()).unwrap();
    }
    let first = start_with(one.path(), &settings);
    let (_, login) = log_in(&first, one.path(), ("alice", ALICE.1));
    first.stop();
    let second = start_with(other.path(), &settings);
    let refresh = login["refresh_token"].as_str().unwrap();
    assert_eq!(refreshed(&second, other.path(), refresh), 200);
    assert_eq!(refreshed(&second, other.path(), &refresh.replace("cs1_", "cs1_A")), 401);
    second.stop();
}

fn refreshed(server: &Server, dir: &Path, token: &str) -> u16 {
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
            .build()
            .unwrap();
        let form =
            format!("grant_type=refresh_token&service=registry.example&refresh_token={token}");
        let answer = client
            .post(format!("{}/token", server.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        answer.status().as_u16()
    })
}

fn checked(dir: &Path, settings: &str) -> Ended {
    fs::write(dir.join("c.toml"), settings).unwrap();
    run(countersign(dir, &["config", "check", "--config", "c.toml"]))
}

#[test]
fn config_check_names_what_is_wrong_with_the_users_and_who_can_read_them() {
    let dir = empty_dir();
    write_users(dir.path(), &[("alice", "plain")]);
    let ended = checked(dir.path(), SETTINGS);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("line 1: user alice"), "{}", ended.stderr);
    write_users(dir.path(), &[("alice", ALICE.0)]);
    let users = dir.path().join("users.htpasswd");
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = checked(dir.path(), SETTINGS);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("other users can look into")
            && ended.stdout.contains("users.htpasswd"),
        "{}",
        ended.stdout
    );
    assert!(!dir.path().join("countersign-data").exists());
}

fn hashed(dir: &Path, name: &str, input: &[u8]) -> Ended {
    fs::write(dir.join("input"), input).unwrap();
    let mut command = countersign(dir, &["access", "hash", name]);
    command.stdin(fs::File::open(dir.join("input")).unwrap());
    run(command)
}

#[test]
fn a_line_that_access_hash_makes_lets_its_user_log_in() {
    let dir = empty_dir();
    let made = hashed(dir.path(), "ada", "pass wörd\n".as_bytes());
    assert_eq!((made.status.code(), made.stderr.as_str()), (Some(0), ""));
    assert!(made.stdout.starts_with("ada:$2y$11$") && made.stdout.ends_with('\n'));
    let again = hashed(dir.path(), "ada", "pass wörd".as_bytes());
    assert_ne!(made.stdout, again.stdout, "each has a salt of its own");
    fs::write(dir.path().join("users.htpasswd"), made.stdout).unwrap();
    let server = start_with(dir.path(), SETTINGS);
    assert_eq!(log_in(&server, dir.path(), ("ada", "pass wörd")).0, 200);
    assert_eq!(log_in(&server, dir.path(), ("ada", "pass wörd\n")).0, 401);
    server.stop();
}

#[test]
fn access_hash_makes_no_line_that_would_let_nobody_in() {
    let dir = empty_dir();
    for (name, input, why) in [
        ("ada", &b""[..], "a password has 1 to 72 bytes"),
        ("ada", &[b'x'; 73], "a password has 1 to 72 bytes"),
        ("ada", b"a\0b", "none of them NUL"),
        ("ada", b"\xff", "give up to 72 bytes of UTF-8"),
        ("a:b", b"password", "the name of a user holds no colon"),
    ] {
        let ended = hashed(dir.path(), name, input);
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(2), ""), "{why}");
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
}

/// Without a word of `[access]`, the server asks for the tokens that it gives out.
#[test]
fn the_server_takes_its_own_tokens_and_no_request_without_one() {
    let dir = empty_dir();
    write_users(dir.path(), &[("alice", ALICE.0)]);
    let mut server = start_with(dir.path(), SETTINGS);
    server.wait_for_output("clients need a token of https://HOST/token");
    let port = server.address.port();
    let path = "/v2/registry.example/app/_trust/tuf/root.json";
    let (status, challenge) = asked(&server, dir.path(), path, None);
    assert_eq!(status, 401);
    let expected = format!(
        "Bearer realm=\"https://localhost:{port}/token\",service=\"countersign\",\
         scope=\"repository:registry.example/app:pull\""
    );
    assert_eq!(challenge, expected);
    let scope = "scope=repository:registry.example/app:pull";
    let (_, answer) = token_for(&server, dir.path(), &format!("service=countersign&{scope}"));
    let token = answer["token"].as_str().unwrap();
    assert_eq!(asked(&server, dir.path(), path, Some(token)).0, 404);
    let (_, answer) = token_for(&server, dir.path(), &format!("service=registry.example&{scope}"));
    let other = answer["token"].as_str().unwrap();
    let (status, challenge) = asked(&server, dir.path(), path, Some(other));
    assert!(status == 401 && challenge.ends_with("error=\"invalid_token\""), "{challenge}");
    let refresh = log_in(&server, dir.path(), ("alice", ALICE.1)).1["refresh_token"].take();
    let (status, challenge) = asked(&server, dir.path(), path, refresh.as_str());
    assert!(status == 401 && challenge.ends_with("error=\"invalid_token\""), "{challenge}");
    server.stop();
}

#[test]
fn realm_and_service_can_be_named() {
    let dir = empty_dir();
    write_users(dir.path(), &[("alice", ALICE.0)]);
    let access = "[access]\nrealm = 'https://proxy.example/t'\nservice = 'trust.example'\n";
    let mut server = start_with(dir.path(), &format!("{access}{SETTINGS}"));
    server.wait_for_output("clients need a token of https://proxy.example/t for trust.example");
    server.wait_for_output("      realm: \"https://proxy.example/t\"");
    let (status, challenge) = asked(&server, dir.path(), "/v2/", None);
    let expected = "Bearer realm=\"https://proxy.example/t\",service=\"trust.example\",\
                    scope=\"registry:catalog:*\"";
    assert_eq!((status, challenge.as_str()), (401, expected));
    let (status, answer) = token_for(&server, dir.path(), "service=trust.example");
    assert_eq!(status, 200, "{answer}");
    server.stop();
}

fn client(dir: &Path) -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .timeout(DEADLINE)
        .build()
        .unwrap()
}

/// What alice gets for a query to the token service.
fn token_for(server: &Server, dir: &Path, query: &str) -> (u16, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("{}/token?{query}", server.url);
        let request = client(dir).get(url).basic_auth("alice", Some(ALICE.1));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    })
}

/// The status of an answer, and its challenge.
fn asked(server: &Server, dir: &Path, path: &str, token: Option<&str>) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut request = client(dir).get(format!("{}{path}", server.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let challenge = answer.headers().get("www-authenticate");
        let challenge = challenge.map_or("", |value| value.to_str().unwrap());
        (answer.status().as_u16(), challenge.to_owned())
    })
}
