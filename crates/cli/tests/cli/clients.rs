//! Certificates of clients, asked for with `--client-ca`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::connection::{Connection, Shown};
use crate::process::{Server, countersign, empty_dir, refusal, run, serve, start};

const PATHS: [&str; 4] = ["/v2/", "/_notary_server/health", "/_countersign/live", "/metrics"];

/// Makes an authority with a client `ci` in `dir`/`name`.
fn make(dir: &Path, name: &str) -> PathBuf {
    let made = run(countersign(dir, &["certs", "make", "--out", name, "--client", "ci"]));
    assert_eq!(made.status.code(), Some(0), "{}", made.stderr);
    dir.join(name)
}

/// Runs openssl with arguments that hold no blanks.
fn openssl(dir: &Path, arguments: &str) {
    let mut openssl = Command::new("openssl");
    let made = openssl.args(arguments.split_whitespace()).current_dir(dir).output();
    let made = made.expect("openssl is missing: install the package openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn start_for(dir: &Path, client_ca: &Path) -> Server {
    let mut command = serve(dir);
    command.arg("--client-ca").arg(client_ca);
    start(command)
}

fn authority(dir: &Path) -> PathBuf {
    dir.join("countersign-data/certs/ca.crt")
}

fn answers(server: &Server, dir: &Path, shown: &Shown<'_>, path: &str) -> bool {
    Connection::open(server, &authority(dir), shown).unwrap().answers(path)
}

/// Checklist row C-202.
#[test]
fn with_a_client_authority_every_path_wants_a_certificate_by_it() {
    let dir = empty_dir();
    let (ours, others) = (make(dir.path(), "ours"), make(dir.path(), "others"));
    let server = start_for(dir.path(), &ours.join("ca.crt"));
    for path in PATHS {
        assert!(answers(&server, dir.path(), &Shown::Pair(&ours.join("ci")), path), "{path}");
        assert!(!answers(&server, dir.path(), &Shown::Nothing, path), "{path}");
        assert!(!answers(&server, dir.path(), &Shown::Pair(&others.join("ci")), path), "{path}");
    }
    let said = server.stop().stdout;
    assert!(said.contains("clients must show a certificate by an authority in "), "{said}");
    assert!(said.contains("/client.cert\n") && said.contains(" --tlscert "), "{said}");
}

/// Starts a server with `settings` besides `ours/ca.crt` as the authority of clients.
fn start_with(dir: &Path, settings: &str) -> Server {
    let settings = format!("[tls]\nclient_ca = \"ours/ca.crt\"\n{settings}");
    fs::write(dir.join("c.toml"), settings).unwrap();
    let mut command = serve(dir);
    command.args(["--config", "c.toml"]);
    start(command)
}

/// Issues `NAME.crt` and `NAME.key` by `ours`, with a subject and lines of extensions.
fn issue(dir: &Path, name: &str, subject: &str, extensions: &str) {
    let extensions = format!("extendedKeyUsage = clientAuth\n{extensions}\n");
    fs::write(dir.join("extensions"), extensions).unwrap();
    openssl(
        dir,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key \
             -out {name}.csr -subj {subject}"
        ),
    );
    openssl(
        dir,
        &format!(
            "x509 -req -in {name}.csr -CA ours/ca.crt -CAkey ours/ca.key -set_serial 7 -days 2 \
             -extfile extensions -out {name}.crt"
        ),
    );
}

/// The certificate's name in the line of the log for the next request.
fn named_in_log(server: &mut Server) -> Value {
    let line = server.wait_for_log("\"route\":\"ping\"");
    let line: Value = serde_json::from_str(&line).unwrap();
    line.get("certificate").cloned().unwrap_or_default()
}

#[test]
fn the_common_name_of_a_certificate_is_who_asked_on_every_request_of_a_connection() {
    let dir = empty_dir();
    let pair = make(dir.path(), "ours").join("ci");
    let mut server = start_with(dir.path(), "");
    let shown = Shown::Pair(&pair);
    let mut open = Connection::open(&server, &authority(dir.path()), &shown).unwrap();
    for _ in 0..3 {
        assert!(open.answers("/v2/"));
        assert_eq!(named_in_log(&mut server), "ci");
    }
    server.stop();
}

#[test]
fn the_kind_of_name_that_is_chosen_is_who_asked() {
    let dir = empty_dir();
    make(dir.path(), "ours");
    let names =
        "subjectAltName = DNS:CI.example.com, email:ci@Example.com, URI:spiffe://example/ci";
    issue(dir.path(), "whole", "/CN=ci/O=unit", names);
    issue(dir.path(), "bare", "/O=unit", "");
    issue(dir.path(), "twice", "/CN=a/CN=b", "subjectAltName = DNS:a.example, DNS:b.example");
    for (kind, name) in [
        ("common-name", "ci"),
        ("dns", "ci.example.com"),
        ("email", "ci@example.com"),
        ("uri", "spiffe://example/ci"),
    ] {
        let mut server = start_with(dir.path(), &format!("client_name = \"{kind}\"\n"));
        for (stem, name) in [("whole", name.into()), ("bare", Value::Null), ("twice", Value::Null)]
        {
            let pair = dir.path().join(stem);
            assert!(answers(&server, dir.path(), &Shown::Pair(&pair), "/v2/"), "{stem}");
            assert_eq!(named_in_log(&mut server), name, "{kind} {stem}");
        }
        server.stop();
    }
}

#[test]
fn where_certificates_are_optional_a_client_without_one_is_nobody_and_a_bad_one_is_refused() {
    let dir = empty_dir();
    let (ours, others) = (make(dir.path(), "ours"), make(dir.path(), "others"));
    let mut server = start_with(dir.path(), "client_certificates = \"optional\"\n");
    assert!(answers(&server, dir.path(), &Shown::Nothing, "/v2/"));
    assert_eq!(named_in_log(&mut server), Value::Null);
    assert!(answers(&server, dir.path(), &Shown::Pair(&ours.join("ci")), "/v2/"));
    assert_eq!(named_in_log(&mut server), "ci");
    assert!(!answers(&server, dir.path(), &Shown::Pair(&others.join("ci")), "/v2/"));
    let said = server.stop().stdout;
    assert!(said.contains("clients may show a certificate by an authority in "), "{said}");
}

/// Writes `ours.crl`, by openssl: the list of `ours` with the certificates `NAME.crt` in it.
fn revoke(dir: &Path, names: &[&str]) {
    fs::write(
        dir.join("ca.cnf"),
        "[ca]\ndefault_ca = ours\n[ours]\ndatabase = index.txt\ncrlnumber = number\n\
         default_md = sha256\ndefault_crl_days = 1\ncrl_extensions = extensions\n\
         [extensions]\nauthorityKeyIdentifier = keyid\n",
    )
    .unwrap();
    fs::write(dir.join("index.txt"), "").unwrap();
    fs::write(dir.join("number"), "01\n").unwrap();
    let authority = "-config ca.cnf -cert ours/ca.crt -keyfile ours/ca.key";
    for name in names {
        openssl(dir, &format!("ca {authority} -revoke {name}.crt"));
    }
    openssl(dir, &format!("ca {authority} -gencrl -out ours.crl"));
}

#[test]
fn a_list_that_changes_locks_out_and_lets_in_without_a_signal() {
    let dir = empty_dir();
    let ci = make(dir.path(), "ours").join("ci");
    revoke(dir.path(), &[]);
    let nobody = fs::read(dir.path().join("ours.crl")).unwrap();
    let mut server = start_with(dir.path(), "client_crl = \"ours.crl\"\n");
    let shown = Shown::Pair(&ci);
    let mut open = Connection::open(&server, &authority(dir.path()), &shown).unwrap();
    assert!(open.answers("/v2/"));

    revoke(dir.path(), &["ours/ci"]);
    server.wait_for_log("revocation lists read again");
    let (status, _) = open.get("/v2/").unwrap();
    assert_eq!(status, "HTTP/1.1 401 Unauthorized");
    assert!(!answers(&server, dir.path(), &shown, "/v2/"));
    let line = server.wait_for_log("a client's certificate is refused");
    assert!(line.contains("Revoked"), "{line}");

    fs::write(dir.path().join("ours.crl"), "broken").unwrap();
    let line = server.wait_for_log("the revocation lists cannot be read again");
    assert!(line.contains("ours.crl") && line.contains("replace it"), "{line}");
    assert!(!answers(&server, dir.path(), &shown, "/v2/"), "the list in use stays");

    // Another file that is in the way is named, and needs no second change of this one.
    let ca = dir.path().join("ours/ca.crt");
    let kept = fs::read(&ca).unwrap();
    fs::write(&ca, "broken").unwrap();
    fs::write(dir.path().join("ours.crl"), nobody).unwrap();
    server.wait_for_log("ca.crt holds no certificate");
    assert!(!answers(&server, dir.path(), &shown, "/v2/"));
    fs::write(&ca, kept).unwrap();
    server.wait_for_log("revocation lists read again");
    assert!(answers(&server, dir.path(), &shown, "/v2/"));
    server.stop();
}

#[test]
fn after_sighup_a_list_holds_at_once_and_one_that_is_gone_from_the_settings_does_not() {
    let dir = empty_dir();
    let ci = make(dir.path(), "ours").join("ci");
    revoke(dir.path(), &["ours/ci"]);
    let mut server = start_with(dir.path(), "");
    let shown = Shown::Pair(&ci);
    assert!(answers(&server, dir.path(), &shown, "/v2/"));
    let with = "[tls]\nclient_ca = \"ours/ca.crt\"\nclient_crl = \"ours.crl\"\n";
    for (settings, expected) in [(with, false), ("tls.client_ca = \"ours/ca.crt\"\n", true)] {
        fs::write(dir.path().join("c.toml"), settings).unwrap();
        server.signal("HUP");
        server.wait_for_log("certificates read again");
        assert_eq!(answers(&server, dir.path(), &shown, "/v2/"), expected);
    }
    server.stop();
}

#[test]
fn a_list_that_does_not_load_stops_the_start_and_config_check_says_so() {
    let dir = empty_dir();
    make(dir.path(), "ours");
    fs::copy(dir.path().join("ours/ca.crt"), dir.path().join("wrong.crl")).unwrap();
    for (file, words) in [
        ("wrong.crl", "wrong.crl holds no revocation list"),
        ("missing.crl", "missing.crl: No such file"),
    ] {
        let settings = format!("tls.client_ca = 'ours/ca.crt'\ntls.client_crl = '{file}'\n");
        fs::write(dir.path().join("c.toml"), settings).unwrap();
        let mut command = serve(dir.path());
        command.args(["--config", "c.toml"]);
        let check = countersign(dir.path(), &["config", "check", "--config", "c.toml"]);
        for command in [command, check] {
            let (code, line) = refusal(command);
            assert_eq!(code, 7, "{line}");
            assert!(line.contains(words), "{line}");
        }
    }
}

#[test]
fn a_list_that_has_ended_or_is_missing_refuses_its_clients_and_the_log_says_so() {
    let dir = empty_dir();
    let ci = make(dir.path(), "ours").join("ci");
    revoke(dir.path(), &[]);
    fs::copy(dir.path().join("ours.crl"), dir.path().join("whole.crl")).unwrap();
    let dates = "-crl_lastupdate 20200101000000Z -crl_nextupdate 20200102000000Z";
    let ca = "-config ca.cnf -cert ours/ca.crt -keyfile ours/ca.key";
    openssl(dir.path(), &format!("ca {ca} -gencrl {dates} -out ours.crl"));
    let log = |settings: &str, pair: &Path| {
        fs::write(dir.path().join("c.toml"), settings).unwrap();
        let mut command = serve(dir.path());
        command.args(["--config", "c.toml"]);
        let server = start(command);
        assert!(!answers(&server, dir.path(), &Shown::Pair(pair), "/v2/"));
        let checked = run(countersign(dir.path(), &["config", "check", "--config", "c.toml"]));
        assert_eq!(checked.status.code(), Some(0), "{}", checked.stderr);
        server.stop().stderr + &checked.stdout
    };
    let said = log("tls.client_ca = 'ours/ca.crt'\ntls.client_crl = 'ours.crl'\n", &ci);
    assert!(said.contains("a revocation list has ended"), "{said}");
    assert!(said.contains("\nwarning: a list in ours.crl has ended on 2020-01-02"), "{said}");
    let other = make(dir.path(), "others").join("ci");
    let said = log("tls.client_ca = 'others/ca.crt'\ntls.client_crl = 'whole.crl'\n", &other);
    assert!(said.contains("an authority of clients has no revocation list"), "{said}");
    assert!(said.contains("\nwarning: whole.crl holds no list of the authority CN="), "{said}");
}

#[test]
fn a_client_that_certs_revoke_names_is_locked_out_and_its_next_pair_is_let_in() {
    let dir = empty_dir();
    let ours = make(dir.path(), "ours");
    let certs = |verb: &str, rest: &[&str]| {
        let done =
            run(countersign(dir.path(), &[&["certs", verb, "--out", "ours"], rest].concat()));
        assert_eq!(done.status.code(), Some(0), "{}", done.stderr);
        done.stdout
    };
    certs("make", &["--client", "old"]);
    certs("revoke", &["old"]);
    let mut server = start_with(dir.path(), "client_crl = \"ours/ca.crl\"\n");
    assert!(answers(&server, dir.path(), &Shown::Pair(&ours.join("ci")), "/v2/"));
    let said = certs("revoke", &["ci"]);
    assert!(said.contains("in the list for tls.client_crl, of 2: "), "{said}");
    let aside =
        said.lines().find_map(|line| line.strip_prefix("certificate of client ci, revoked: "));
    let aside = Path::new(aside.unwrap()).with_extension("");
    server.wait_for_log("revocation lists read again");
    certs("make", &["--client", "ci"]);
    for (pair, expected) in [(aside, false), (ours.join("ci"), true)] {
        let shown = [".crt", ".key"].map(|end| PathBuf::from(format!("{}{end}", pair.display())));
        let there = shown.iter().all(|path| path.exists());
        assert!(there, "{}", pair.display());
        assert_eq!(answers(&server, dir.path(), &Shown::Pair(&pair), "/v2/"), expected);
    }
    server.stop();
}

#[test]
fn certs_revoke_refuses_a_client_that_is_not_there() {
    let dir = empty_dir();
    make(dir.path(), "ours");
    let (code, line) =
        refusal(countersign(dir.path(), &["certs", "revoke", "--out", "ours", "bob"]));
    assert_eq!(code, 7, "{line}");
    assert!(line.contains("bob.crt"), "{line}");
    assert!(!dir.path().join("ours/ca.crl").exists());
}

#[test]
fn without_a_client_authority_no_certificate_is_wanted() {
    let dir = empty_dir();
    let server = start(serve(dir.path()));
    for path in PATHS {
        assert!(answers(&server, dir.path(), &Shown::Nothing, path), "{path}");
    }
    server.stop();
}

#[test]
fn after_sighup_another_client_authority_holds_for_new_connections_and_open_ones() {
    let dir = empty_dir();
    let (first, second) = (make(dir.path(), "first"), make(dir.path(), "second"));
    let file = dir.path().join("clients.pem");
    fs::copy(first.join("ca.crt"), &file).unwrap();
    let mut server = start_for(dir.path(), &file);
    let (first, second) = (first.join("ci"), second.join("ci"));
    let shown = Shown::Pair(&first);
    let mut open = Connection::open(&server, &authority(dir.path()), &shown).unwrap();
    assert!(open.answers("/v2/"));
    assert!(!answers(&server, dir.path(), &Shown::Pair(&second), "/v2/"));

    fs::copy(dir.path().join("second/ca.crt"), &file).unwrap();
    server.signal("HUP");
    server.wait_for_log("certificates read again");
    assert!(answers(&server, dir.path(), &Shown::Pair(&second), "/v2/"));
    assert!(!answers(&server, dir.path(), &Shown::Pair(&first), "/v2/"));
    let (status, body) = open.get("/v2/").unwrap();
    assert_eq!(status, "HTTP/1.1 401 Unauthorized", "nor does it hold for an open connection");
    assert!(body.contains("does not count any more"), "{body}");
    assert!(open.get("/v2/").is_err(), "which is closed");

    fs::write(&file, "").unwrap();
    server.signal("HUP");
    server.wait_for_log("clients.pem holds no certificate");
    assert!(!answers(&server, dir.path(), &Shown::Nothing, "/v2/"), "it does not open up");
    assert!(answers(&server, dir.path(), &Shown::Pair(&second), "/v2/"));
    server.stop();
}

#[test]
fn a_self_signed_certificate_in_the_file_is_its_own_authority() {
    let dir = empty_dir();
    openssl(
        dir.path(),
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key \
         -out self.crt -days 2 -subj /CN=self",
    );
    let server = start_for(dir.path(), &dir.path().join("self.crt"));
    assert!(answers(&server, dir.path(), &Shown::Pair(&dir.path().join("self")), "/v2/"));
    assert!(!answers(&server, dir.path(), &Shown::Nothing, "/v2/"));
    server.stop();
}

/// C-202 in `docs/compatibility.md`.
#[test]
fn a_client_certificate_of_version_1_or_on_p_521_is_refused_and_the_log_says_why() {
    let dir = empty_dir();
    make(dir.path(), "ours");
    fs::write(dir.path().join("extensions"), "extendedKeyUsage = clientAuth\n").unwrap();
    let mut command = serve(dir.path());
    command.args(["--client-ca", "ours/ca.crt", "--log-level", "debug"]);
    let mut server = start(command);
    for (name, curve, extensions, reason) in [
        ("good", "P-256", "-extfile extensions", None),
        ("old", "P-256", "", Some("UnsupportedCertVersion")),
        ("long", "P-521", "-extfile extensions", Some("peer sent no certificates")),
    ] {
        openssl(
            dir.path(),
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout {name}.key \
                 -out {name}.csr -subj /CN={name}"
            ),
        );
        openssl(
            dir.path(),
            &format!(
                "x509 -req -in {name}.csr -CA ours/ca.crt -CAkey ours/ca.key -set_serial 7 -days 2 \
                 {extensions} -out {name}.crt"
            ),
        );
        // openssl's own client, since ours cannot show what ring does not know.
        let mut client = Command::new("openssl");
        client
            .args(["s_client", "-quiet", "-connect", &server.address.to_string()])
            .args(["-cert", &format!("{name}.crt"), "-key", &format!("{name}.key")])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut client = client.spawn().unwrap();
        let request = b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        // One that is refused may have gone already.
        client.stdin.as_mut().unwrap().write_all(request).ok();
        let said = String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(said.starts_with("HTTP/1.1 200 OK"), reason.is_none(), "{name}: {said}");
        if let Some(reason) = reason {
            server.wait_for_log(reason);
        }
    }
    server.stop();
}

#[test]
fn a_client_authority_that_does_not_load_stops_the_start() {
    let dir = empty_dir();
    fs::write(dir.path().join("empty.pem"), "").unwrap();
    for (file, words) in [
        ("empty.pem", "empty.pem holds no certificate"),
        ("missing.pem", "cannot read missing.pem"),
    ] {
        let mut command = serve(dir.path());
        command.args(["--client-ca", file]);
        let (code, line) = refusal(command);
        assert_eq!(code, 7, "{line}");
        assert!(line.contains(words), "{line}");
    }
}

#[test]
fn beyond_loopback_a_client_authority_takes_the_warnings_place() {
    let dir = empty_dir();
    let ours = make(dir.path(), "ours");
    let mut command = countersign(dir.path(), &["serve", "--listen", "0.0.0.0:0", "--client-ca"]);
    command.arg(ours.join("ca.crt"));
    let said = start(command).stop().stdout;
    assert!(!said.contains("WARNING"), "{said}");
}

#[test]
fn beyond_loopback_certificates_that_are_optional_leave_the_warning() {
    let dir = empty_dir();
    make(dir.path(), "ours");
    let settings = "tls.client_ca = 'ours/ca.crt'\ntls.client_certificates = 'optional'\n";
    fs::write(dir.path().join("c.toml"), settings).unwrap();
    let command =
        countersign(dir.path(), &["serve", "--listen", "0.0.0.0:0", "--config", "c.toml"]);
    let said = start(command).stop().stdout;
    assert!(said.contains("WARNING: other machines can reach"), "{said}");
}

#[test]
fn the_notary_client_publishes_with_its_certificate_and_not_without() {
    let dir = empty_dir();
    let ours = make(dir.path(), "ours");
    let server = start_for(dir.path(), &ours.join("ca.crt"));
    let publish = |gun: &str, pair: &[&str]| {
        let mut notary = Command::new("notary");
        notary
            .args(["-s", &server.url, "-d", "trust", "--tlscacert"])
            .arg(authority(dir.path()))
            .args(pair)
            .args(["init", "-p", gun])
            .current_dir(dir.path())
            .env("NOTARY_ROOT_PASSPHRASE", "root passphrase")
            .env("NOTARY_TARGETS_PASSPHRASE", "targets passphrase")
            .env("NOTARY_SNAPSHOT_PASSPHRASE", "snapshot passphrase")
            .stdin(Stdio::null());
        notary.output().expect("notary is missing: install the package notary")
    };
    let pair = ["--tlscert", "ours/ci.crt", "--tlskey", "ours/ci.key"];
    let with = publish("example.com/with", &pair);
    assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stderr));
    assert!(!publish("example.com/without", &[]).status.success());
    let mut ours = Connection::open(
        &server,
        &authority(dir.path()),
        &Shown::Pair(&dir.path().join("ours/ci")),
    )
    .unwrap();
    assert!(ours.answers("/v2/example.com/with/_trust/tuf/root.json"));
    assert!(!ours.answers("/v2/example.com/without/_trust/tuf/root.json"));
    server.stop();
}
