//! Rules: how a server follows their file, and what is told of them without a server.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::connection::{Connection, Shown};
use crate::process::{Server, countersign, empty_dir, refusal, run, serve, start};

const SETTINGS: &str = "[access]\nrules = 'rules.toml'\n";
const CHANGEFEED: &str = "/v2/_trust/changefeed?records=1";
const READ_AGAIN: &str = "rules read again";
const NOT_READ: &str = "the rules cannot be read again";

/// The rule that lets everybody read the changefeed of the server.
fn feed(effect: &str) -> String {
    format!("[[rules]]\n{effect} = ['changefeed']\nanyone = true\nguns = ['**']\n")
}

fn write(dir: &Path, rules: &str) {
    fs::write(dir.join("c.toml"), SETTINGS).unwrap();
    fs::write(dir.join("rules.toml"), rules).unwrap();
}

fn start_under(dir: &Path, rules: &str) -> Server {
    write(dir, rules);
    let mut command = serve(dir);
    command.args(["--config", "c.toml"]);
    start(command)
}

fn status(server: &Server, dir: &Path, path: &str) -> u16 {
    let ca = fs::read(dir.join("countersign-data/certs/ca.crt")).unwrap();
    server.get(&ca, path).unwrap().0
}

#[test]
fn a_running_server_takes_over_changed_rules_by_itself() {
    let dir = empty_dir();
    let mut server = start_under(dir.path(), &feed("allow"));
    assert_eq!(status(&server, dir.path(), CHANGEFEED), 200);
    write(dir.path(), &feed("deny"));
    server.wait_for_log(READ_AGAIN);
    assert_eq!(status(&server, dir.path(), CHANGEFEED), 401);
    let said = server.stop();
    assert!(
        said.stdout.contains("the rules in rules.toml (1) say who may do what\n"),
        "{}",
        said.stdout
    );
    assert!(
        said.stderr
            .contains("an anonymous caller may not changefeed: the rule in line 1 denies it"),
        "{}",
        said.stderr
    );
}

#[test]
fn rules_that_cannot_be_used_leave_the_last_good_ones_and_that_can_be_seen() {
    let dir = empty_dir();
    let mut server = start_under(dir.path(), &feed("deny"));
    write(dir.path(), "[[rules]]\nallow = ['changefeed']\n");
    server.signal("HUP");
    let line: Value = serde_json::from_str(&server.wait_for_log(NOT_READ)).unwrap();
    let error = line["error"].as_str().unwrap();
    assert!(error.starts_with("rules.toml:1:1: the rule is about no GUN: "), "{line}");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(status(&server, dir.path(), CHANGEFEED), 401);
    let ca = fs::read(dir.path().join("countersign-data/certs/ca.crt")).unwrap();
    let metrics = server.get(&ca, "/metrics").unwrap().1;
    assert!(metrics.contains("\ncountersign_access_rules_stale 1\n"), "{metrics}");
    write(dir.path(), &feed("allow"));
    server.signal("HUP");
    server.wait_for_log(READ_AGAIN);
    assert_eq!(status(&server, dir.path(), CHANGEFEED), 200);
    server.stop();
}

#[test]
fn rules_that_cannot_be_used_stop_the_start_with_one_line() {
    let dir = empty_dir();
    write(dir.path(), "\n[[rules]]\nallow = ['pul']\n");
    for command in [["serve"].as_slice(), &["config", "check"]] {
        let mut asked = countersign(dir.path(), command);
        asked.args(["--config", "c.toml"]);
        let (code, line) = refusal(asked);
        assert_eq!(code, 2);
        assert_eq!(
            line,
            "countersign: rules.toml:3:10: unknown action \"pul\": did you mean `pull`?"
        );
    }
    fs::remove_file(dir.path().join("rules.toml")).unwrap();
    let mut asked = countersign(dir.path(), &["config", "check"]);
    asked.args(["--config", "c.toml"]);
    let (code, line) = refusal(asked);
    assert_eq!(code, 2);
    assert!(line.contains("the rules rules.toml cannot be read"), "{line}");
}

#[test]
fn a_check_warns_of_rules_that_never_decide() {
    let dir = empty_dir();
    write(dir.path(), &format!("{}{}", feed("allow"), feed("deny")));
    let ended = run(countersign(dir.path(), &["config", "check", "--config", "c.toml"]));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains(
            "warning: rules.toml:5: the rule in line 5 never decides, because the rule in line 1 \
             comes before it: "
        ),
        "{}",
        ended.stdout
    );
}

/// Runs `access explain` and gives its exit code and what it says.
fn explained(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = countersign(dir, &["access", "explain", "--config", "c.toml"]);
    command.args(arguments);
    let ended = run(command);
    (ended.status.code().unwrap(), ended.stdout)
}

const TEAM: &str = "[groups.release]\ncertificates = ['ci']\n\
    [[rules]]\nname = 'team'\nallow = ['push']\nusers = ['anna']\nguns = ['e/*']\nroles = ['targets/a']\n\
    [[rules]]\nallow = ['pull', 'push']\ngroups = ['release']\nguns = ['e/**']\n\
    [[rules]]\ndeny = ['pull']\nanonymous = true\nguns = ['e/**']\n\
    [[rules]]\nallow = ['changefeed']\nusers = ['mirror']\nguns = ['**']\n";

#[test]
fn explain_names_the_rule_that_decides_and_ends_with_its_verdict() {
    let dir = empty_dir();
    write(dir.path(), TEAM);
    for (arguments, code, expected) in [
        (
            ["anna", "push", "e/a"].as_slice(),
            0,
            "\"anna\" may push e/a: the rule \"team\" in line 3 allows it (rules.toml)\n",
        ),
        (
            &["anna", "push", "e/a", "--role", "targets/b"],
            19,
            "\"anna\" may not push targets/b of e/a: no rule allows it (rules.toml)\n",
        ),
        (
            &["-", "pull", "e/a"],
            19,
            "an anonymous caller may not pull e/a: the rule in line 13 denies it (rules.toml)\n",
        ),
        (
            &["-", "pull", "e/a", "--certificate", "ci"],
            0,
            "\"ci\" may pull e/a: the rule in line 9 allows it (rules.toml)\n",
        ),
        (
            &["mirror", "changefeed"],
            0,
            "\"mirror\" may changefeed the whole server: the rule in line 17 allows it (rules.toml)\n",
        ),
    ] {
        assert_eq!(explained(dir.path(), arguments), (code, expected.to_owned()), "{arguments:?}");
    }
    let (code, text) =
        explained(dir.path(), &["anna", "push", "e/a", "--role", "targets/a", "--format", "json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 0);
    assert_eq!(
        json,
        serde_json::json!({
            "allowed": true, "user": "anna", "certificate": null, "action": "push", "gun": "e/a",
            "role": "targets/a", "rules": "rules.toml", "rule": { "line": 3, "name": "team" },
        })
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is made");
}

#[test]
fn explain_without_rules_says_that_there_are_none() {
    let dir = empty_dir();
    fs::write(dir.path().join("c.toml"), "").unwrap();
    let expected = "\"a\" may pull e: there are no rules (access.rules)\n".to_owned();
    assert_eq!(explained(dir.path(), &["a", "pull", "e"]), (0, expected));
}

#[test]
fn explain_refuses_what_cannot_be_asked() {
    let dir = empty_dir();
    write(dir.path(), TEAM);
    for (arguments, words) in [
        (["a", "publish", "e"].as_slice(), "ACTION \"publish\": write one of changefeed, delete"),
        (&["a", "pull"], "ACTION \"pull\": write the GUN after it"),
        (&["a", "pull", "e\u{7}"], "GUN \"e\\u{7}\": a GUN holds no control characters"),
        (&["a", "push", "e", "--role", "x"], "--role \"x\": not a role name"),
        (&["a", "pull", "e", "--role", "root"], "--role \"root\": roles are for push only"),
    ] {
        let mut command = countersign(dir.path(), &["access", "explain", "--config", "c.toml"]);
        command.args(arguments);
        let (code, line) = refusal(command);
        assert_eq!(code, 2);
        assert!(line.contains(words), "{line}");
    }
}

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
fn the_notary_client_may_what_the_rules_allow_its_certificate_and_caches_are_told() {
    let dir = empty_dir();
    let make = ["certs", "make", "--out", "ours", "--client", "ci"];
    assert_eq!(run(countersign(dir.path(), &make)).status.code(), Some(0));
    write(
        dir.path(),
        "[[rules]]\nallow = ['pull', 'push']\ncertificates = ['ci']\nguns = ['e/**']\n\
         [[rules]]\nallow = ['pull']\nanonymous = true\nguns = ['e/open']\n",
    );
    let settings =
        format!("{SETTINGS}[tls]\nclient_ca = 'ours/ca.crt'\nclient_certificates = 'optional'\n");
    fs::write(dir.path().join("c.toml"), settings).unwrap();
    let mut command = serve(dir.path());
    command.args(["--config", "c.toml"]);
    let server = start(command);

    let pair = ["--tlscert", "ours/ci.crt", "--tlskey", "ours/ci.key"];
    for gun in ["e/open", "e/closed"] {
        let with = notary(&server, dir.path(), &[pair.as_slice(), &["init", "-p", gun]].concat());
        assert!(with.status.success(), "{with:?}");
    }
    for arguments in [["init", "-p", "e/without"], ["list", "-v", "e/closed"]] {
        let without = notary(&server, dir.path(), &arguments);
        let said = format!("{without:?}");
        assert!(!without.status.success() && said.contains("401"), "{said}");
    }

    let ca = dir.path().join("countersign-data/certs/ca.crt");
    let ci = dir.path().join("ours/ci");
    let told = |shown: &Shown<'_>, gun: &str| {
        let mut connection = Connection::open(&server, &ca, shown).unwrap();
        let answer = connection.exchange(&format!("/v2/{gun}/_trust/tuf/root.json")).unwrap();
        let cache = answer.1.lines().find_map(|line| line.strip_prefix("cache-control: "));
        (answer.0.split(' ').nth(1).unwrap().to_owned(), cache.map(ToOwned::to_owned))
    };
    let private = Some("private, max-age=300, must-revalidate".to_owned());
    let public = Some("public, max-age=300, s-maxage=300, must-revalidate".to_owned());
    assert_eq!(told(&Shown::Pair(&ci), "e/closed"), ("200".to_owned(), private.clone()));
    assert_eq!(told(&Shown::Pair(&ci), "e/open"), ("200".to_owned(), private));
    assert_eq!(told(&Shown::Nothing, "e/open"), ("200".to_owned(), public));
    assert_eq!(told(&Shown::Nothing, "e/closed"), ("401".to_owned(), None));
    assert_eq!(told(&Shown::Nothing, "e/missing"), ("401".to_owned(), None));
    assert_eq!(told(&Shown::Pair(&ci), "e/without"), ("404".to_owned(), None));
    server.stop();
}
