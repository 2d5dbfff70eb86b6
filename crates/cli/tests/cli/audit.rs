//! `audit verify`: logs that are whole, and what is said of those that are not.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use countersign_access::audit::{
    Attempt, Chain, Decision, Entry, Extent, Identity, LineHash, Next, Outcome, Tail, Text,
};
use countersign_trust::{Clock as _, SystemClock};
use serde_json::Value;

use crate::process::{Ended, countersign, empty_dir, refusal, run, serve, start};

fn verify(dir: &Path, arguments: &[&str]) -> Ended {
    let mut command = countersign(dir, &["audit", "verify"]);
    command.args(arguments);
    run(command)
}

/// The lines of one process that goes on where `before` ends.
fn process(replica: &str, name: &str, records: usize, before: &[u8]) -> Vec<String> {
    let now: DateTime<Utc> = SystemClock.now();
    let tail = Tail::read(before, Extent::Whole, Next::NewFile).unwrap();
    let identity = Identity {
        replica: Text::name(replica),
        process: name.to_owned(),
        version: "0.1.0",
        pid: 7,
    };
    let (mut chain, first) = Chain::begin(identity, &tail, now);
    let entry = Entry::Decision(Box::new(Decision::new(Attempt::Delete, Outcome::Accepted, 200)));
    let rest = (1..records).map(|_| chain.seal(now, &entry));
    std::iter::once(first).chain(rest).map(|line| String::from_utf8(line).unwrap()).collect()
}

fn lines(records: usize) -> Vec<String> {
    process("one", "a1", records, b"")
}

fn last(lines: &[String]) -> String {
    LineHash::of(lines.last().unwrap().as_bytes()).to_string()
}

#[test]
fn a_whole_log_is_told_with_its_last_hash() {
    let dir = empty_dir();
    let lines = lines(5);
    fs::write(dir.path().join("a.log"), lines.concat()).unwrap();
    let ended = verify(dir.path(), &["a.log", "--holds", &last(&lines[..3])]);
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    let mut told = ended.stdout.lines();
    let first = told.next().unwrap();
    assert!(first.starts_with("one: whole: 5 records in 1 files, 1 starts, 20"), "{first}");
    assert_eq!(told.next(), Some(format!("  last     {}", last(&lines)).as_str()));
    assert_eq!(told.next(), None);
}

#[test]
fn rotated_files_find_their_order_and_replicas_are_told_apart() {
    let dir = empty_dir();
    let mut lines = lines(7);
    lines.extend(process("one", "b2", 2, lines.concat().as_bytes()));
    for (name, part) in [("x.log", &lines[..3]), ("b.log", &lines[3..8]), ("a.log", &lines[8..])] {
        fs::write(dir.path().join(name), part.concat()).unwrap();
    }
    fs::write(dir.path().join("empty.log"), "").unwrap();
    fs::write(dir.path().join("c.log"), process("two", "c3", 2, b"").concat()).unwrap();
    let files = ["a.log", "b.log", "c.log", "empty.log", "x.log"];
    let ended = verify(dir.path(), &[&files[..], &["--format", "json"]].concat());
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    let told: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let one = told.iter().find(|log| log["replica"] == "one").unwrap();
    assert_eq!(one["files"], serde_json::json!(["x.log", "b.log", "a.log"]));
    assert_eq!((&one["records"], &one["starts"]), (&9.into(), &2.into()));
    assert_eq!((&one["whole"], &one["fault"]), (&true.into(), &Value::Null));
    assert_eq!(one["last"], last(&lines));
    let two = told.iter().find(|log| log["replica"] == "two").unwrap();
    assert_eq!(two["records"], 2);
}

#[test]
fn the_first_fault_is_told_with_file_line_and_kind() {
    let dir = empty_dir();
    let lines = lines(8);
    let write = |name: &str, lines: &[&[String]]| {
        fs::write(dir.path().join(name), lines.concat().concat()).unwrap();
    };
    write("1.log", &[&lines[..4]]);
    let changed = [lines[4].replace("accepted", "refused")];
    for (second, place, kind) in [
        (vec![&lines[5..]], "2.log:1", "removed: number 5 of its process"),
        (vec![&changed[..], &lines[5..]], "2.log:1", "the line was changed"),
        (vec![&lines[4..5], &lines[6..7], &lines[5..6]], "2.log:2", "not in its place"),
        (vec![&lines[4..], &lines[2..3]], "2.log:5", "there twice"),
        (vec![&lines[4..6], &lines[7..]], "2.log:3", "removed: number 7 of its process"),
    ] {
        write("2.log", &second);
        let ended = verify(dir.path(), &["1.log", "2.log"]);
        assert_eq!(ended.status.code(), Some(17), "{}", ended.stdout);
        assert!(ended.stderr.starts_with("countersign: 1 of 1 audit logs are not whole"));
        let line = ended.stdout.lines().nth(1).unwrap();
        assert!(line.starts_with(&format!("  broken   {place}: ")), "{line}");
        assert!(line.contains(kind), "{line}");
    }
}

#[test]
fn a_file_that_is_missing_in_between_is_noticed_and_one_before_can_be_named() {
    let dir = empty_dir();
    let lines = lines(9);
    for (name, part) in [("1.log", &lines[..3]), ("2.log", &lines[3..6]), ("3.log", &lines[6..])] {
        fs::write(dir.path().join(name), part.concat()).unwrap();
    }
    let ended = verify(dir.path(), &["1.log", "3.log"]);
    assert_eq!(ended.status.code(), Some(17));
    assert!(ended.stdout.contains("3.log:1: lines before this one were removed: numbers 4 to 6"));
    let ended = verify(dir.path(), &["3.log", "2.log"]);
    assert_eq!(ended.status.code(), Some(17));
    assert!(ended.stdout.contains("2.log:1: what comes before this line is missing"));
    let ended = verify(dir.path(), &["3.log", "2.log", "--continues", &last(&lines[..3])]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stdout);
}

#[test]
fn a_torn_last_line_is_told_and_no_fault_and_the_next_start_goes_on() {
    let dir = empty_dir();
    let mut lines = lines(4);
    let torn: String = lines.pop().unwrap().chars().take(50).collect();
    let before = format!("{}{torn}", lines.concat());
    fs::write(dir.path().join("1.log"), &before).unwrap();
    let told = "  torn     1.log:4: 50 bytes of a line that was not written to its end";
    for files in [&["1.log"][..], &["1.log", "2.log"]] {
        let ended = verify(dir.path(), files);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stdout);
        assert!(ended.stdout.contains(told), "{}", ended.stdout);
        let next = process("one", "b2", 2, before.as_bytes());
        fs::write(dir.path().join("2.log"), next.concat()).unwrap();
    }
}

#[test]
fn an_end_that_was_cut_off_is_noticed_by_a_hash_that_was_kept() {
    let dir = empty_dir();
    let lines = lines(5);
    fs::write(dir.path().join("a.log"), lines[..4].concat()).unwrap();
    let kept = last(&lines);
    let ended = verify(dir.path(), &["a.log", "--holds", &kept]);
    assert_eq!(ended.status.code(), Some(17));
    assert!(ended.stderr.contains(&format!("no line has the hash {kept}")), "{}", ended.stderr);
}

#[test]
fn what_is_no_audit_log_is_told_as_such() {
    let dir = empty_dir();
    fs::write(dir.path().join("a.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    fs::write(dir.path().join("other"), "root:x:0:0\n").unwrap();
    for (file, code, cause) in [
        ("a.gz", 18, "a.gz: it is compressed: unpack it"),
        ("missing", 18, "missing: No such file or directory (os error 2): check that"),
        ("other", 17, "1 of 1 audit logs are not whole"),
    ] {
        let ended = verify(dir.path(), &[file]);
        assert_eq!(ended.status.code(), Some(code), "{}", ended.stdout);
        assert!(ended.stderr.starts_with(&format!("countersign: {cause}")), "{}", ended.stderr);
    }
    assert_eq!(verify(dir.path(), &["other", "--holds", "ab"]).status.code(), Some(2));
    assert_eq!(verify(dir.path(), &[]).status.code(), Some(2));
}

/// `serve` with an audit log `audit.log`, and its data in `data`.
fn serve_with_log(dir: &Path, data: &str) -> std::process::Command {
    fs::write(dir.join("c.toml"), "[audit]\nfile = \"audit.log\"\n").unwrap();
    let mut command = serve(dir);
    command.args(["--config", "c.toml", "--data-dir", data]);
    command
}

#[test]
fn two_servers_with_one_file_are_one_too_many() {
    let dir = empty_dir();
    let server = start(serve_with_log(dir.path(), "one"));
    let (code, line) = refusal(serve_with_log(dir.path(), "two"));
    assert_eq!(code, 18);
    assert!(line.contains("audit.log: another process writes it: stop that one"), "{line}");
    server.stop();
    start(serve_with_log(dir.path(), "two")).stop();
    let ended = verify(dir.path(), &["audit.log", "--format", "json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["starts"], &told["whole"]), (&2.into(), &true.into()), "{told}");
    assert_eq!(told["torn"], serde_json::json!([]));
}

#[test]
fn a_file_that_is_no_audit_log_ends_the_start_and_config_check_says_so() {
    let dir = empty_dir();
    fs::write(dir.path().join("audit.log"), "something else\n").unwrap();
    let (code, line) = refusal(serve_with_log(dir.path(), "data"));
    assert_eq!(code, 18);
    assert!(
        line.contains("audit.log: it is no audit log of countersign's: name another"),
        "{line}"
    );
    let (code, checked) =
        refusal(countersign(dir.path(), &["config", "check", "--config", "c.toml"]));
    assert_eq!((code, checked), (18, line));
    assert_eq!(fs::read(dir.path().join("audit.log")).unwrap(), b"something else\n");
    assert!(!dir.path().join("audit.log.lock").exists());
}
