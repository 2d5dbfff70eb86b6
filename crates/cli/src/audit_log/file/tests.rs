//! Files that are continued, made way for, renamed by others, locked, or something else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use countersign_access::audit::{
    Attempt, Decision, Finding, LineHash, Link, Outcome, Text, Walk, Walked,
};
use countersign_config::sections::audit::Audit as AuditSettings;
use tempfile::TempDir;

use super::*;

fn identity(process: &str) -> Identity {
    Identity { replica: Text::name("one"), process: process.to_owned(), version: "0", pid: 1 }
}

fn rotation(max_bytes: u64, keep_files: u32) -> Rotation {
    let settings = AuditSettings { max_bytes, keep_files, ..AuditSettings::default() };
    Rotation::from(&settings)
}

fn never() -> Rotation {
    rotation(0, 10)
}

fn entry() -> Entry {
    Entry::Decision(Box::new(Decision::new(Attempt::Delete, Outcome::Accepted, 200)))
}

fn append(file: &mut AuditFile, records: usize) {
    for _ in 0..records {
        file.append(SystemClock.now(), &entry()).unwrap();
    }
}

/// The files of a log from the oldest on: `names` that are there.
fn walk(dir: &TempDir, names: &[&str]) -> (Walked, Option<Finding>) {
    let mut walk = Walk::new(LineHash::NONE);
    for (number, name) in names.iter().enumerate() {
        walk.enter(number);
        let bytes = fs::read(dir.path().join(name)).unwrap();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            walk.line(line).unwrap();
        }
    }
    walk.end().unwrap()
}

fn log(dir: &TempDir) -> PathBuf {
    dir.path().join("audit.log")
}

fn open(dir: &TempDir, rotation: Rotation, process: &str) -> AuditFile {
    AuditFile::open(&log(dir), rotation, identity(process)).unwrap()
}

#[test]
fn a_new_file_is_private_and_begins_with_a_start() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(&dir, never(), "a1"), 2);
    let mode = fs::metadata(log(&dir)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (walked, _) = walk(&dir, &["audit.log"]);
    assert_eq!((walked.records, walked.starts), (3, 1));
}

#[test]
fn a_later_process_goes_on_where_the_earlier_one_ended() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(&dir, never(), "a1"), 2);
    append(&mut open(&dir, never(), "b2"), 2);
    let (walked, _) = walk(&dir, &["audit.log"]);
    assert_eq!((walked.records, walked.starts, walked.torn), (6, 2, 0));
}

#[test]
fn wherever_a_line_was_torn_the_next_process_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(&dir, never(), "a1"), 2);
    let whole = fs::read(log(&dir)).unwrap();
    let two = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    for cut in [two + 1, two + 5, whole.len() - 20, whole.len() - 1] {
        fs::write(log(&dir), &whole[..cut]).unwrap();
        append(&mut open(&dir, never(), "b2"), 1);
        let (walked, _) = walk(&dir, &["audit.log"]);
        // Without its newline alone the line is whole.
        let torn = u64::from(cut < whole.len() - 1);
        assert_eq!((walked.records, walked.torn), (5 - torn, torn), "cut at {cut}");
    }
}

#[test]
fn even_the_torn_first_line_of_all_is_continued() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(log(&dir), "{\"v\":1,\"time\":\"20").unwrap();
    append(&mut open(&dir, never(), "b2"), 1);
    let (walked, _) = walk(&dir, &["audit.log"]);
    assert_eq!((walked.records, walked.torn), (2, 1));
}

#[test]
fn full_files_make_way_and_the_chain_goes_on_through_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = open(&dir, rotation(600, 50), "a1");
    append(&mut file, 30);
    let mut names: Vec<String> = (1..50)
        .rev()
        .map(|number| format!("audit.log.{number}"))
        .filter(|name| dir.path().join(name).exists())
        .collect();
    assert!(names.len() > 5, "{names:?}");
    names.push("audit.log".to_owned());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(walk(&dir, &names).0.records, 31);
    for name in &names[..names.len() - 1] {
        assert!(fs::metadata(dir.path().join(name)).unwrap().len() < 1_200, "{name}");
    }
}

#[test]
fn no_more_renamed_files_are_kept_than_is_said() {
    for keep in [1, 3] {
        let dir = tempfile::tempdir().unwrap();
        append(&mut open(&dir, rotation(1, keep), "a1"), 10);
        let there = |number: u32| dir.path().join(format!("audit.log.{number}")).exists();
        assert!((1..=keep).all(there));
        assert!(!there(keep + 1));
    }
}

#[test]
fn a_process_that_finds_only_the_renamed_file_continues_that() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(&dir, never(), "a1"), 2);
    let mut torn = fs::read(log(&dir)).unwrap();
    torn.extend(b"{\"v\":1,\"ti");
    fs::write(dir.path().join("audit.log.1"), torn).unwrap();
    fs::remove_file(log(&dir)).unwrap();
    append(&mut open(&dir, never(), "b2"), 1);
    let (walked, _) = walk(&dir, &["audit.log.1", "audit.log"]);
    assert_eq!((walked.records, walked.starts, walked.torn), (5, 2, 1));
}

#[test]
fn a_file_that_others_renamed_is_left_when_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = open(&dir, never(), "a1");
    append(&mut file, 1);
    assert_eq!(file.reopen().unwrap(), Reopened::Same);
    fs::rename(log(&dir), dir.path().join("old")).unwrap();
    append(&mut file, 1);
    assert!(!log(&dir).exists());
    assert_eq!(file.reopen().unwrap(), Reopened::Other);
    append(&mut file, 2);
    assert_eq!(walk(&dir, &["old", "audit.log"]).0.records, 5);
}

#[test]
fn a_strange_file_in_its_place_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = open(&dir, never(), "a1");
    fs::rename(log(&dir), dir.path().join("old")).unwrap();
    fs::write(log(&dir), "something else\n").unwrap();
    let error = file.reopen().unwrap_err();
    assert!(error.to_string().contains("holds something else"), "{error}");
    append(&mut file, 1);
    assert_eq!(fs::read(log(&dir)).unwrap(), b"something else\n");
    assert_eq!(walk(&dir, &["old"]).0.records, 2);
}

#[test]
fn one_process_at_a_time_may_have_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = open(&dir, never(), "a1");
    let before = fs::read(log(&dir)).unwrap();
    let refused = AuditFile::open(&log(&dir), never(), identity("b2")).err().unwrap();
    assert!(refused.to_string().contains("another process writes it"), "{refused}");
    assert_eq!(fs::read(log(&dir)).unwrap(), before);
    drop(file);
    open(&dir, never(), "b2");
}

#[test]
fn what_is_no_audit_log_is_never_written_to() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(log(&dir), "root:x:0:0\n").unwrap();
    let refused = AuditFile::open(&log(&dir), never(), identity("a1")).err().unwrap();
    assert!(refused.to_string().contains("no audit log of countersign's"), "{refused}");
    assert!(look(&log(&dir)).is_err());
    assert_eq!(fs::read(log(&dir)).unwrap(), b"root:x:0:0\n");
    let missing = dir.path().join("missing/audit.log");
    assert!(AuditFile::open(&missing, never(), identity("a1")).is_err());
    assert!(look(&missing).is_err());
    assert!(AuditFile::open(Path::new("/dev/full"), never(), identity("a1")).is_err());
    assert!(AuditFile::open(dir.path(), never(), identity("a1")).is_err());
}

#[test]
fn a_look_finds_what_can_be_opened_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    look(&log(&dir)).unwrap();
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
    append(&mut open(&dir, never(), "a1"), 1);
    look(&log(&dir)).unwrap();
}

#[test]
fn a_line_longer_than_what_is_read_first_is_continued() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = open(&dir, never(), "a1");
    let mut decision = Decision::new(Attempt::Publish, Outcome::Refused, 400);
    decision.cause = Some(Text::cut(&"x".repeat(300_000), 300_000));
    file.append(SystemClock.now(), &Entry::Decision(Box::new(decision))).unwrap();
    drop(file);
    open(&dir, never(), "b2");
    let bytes = fs::read(log(&dir)).unwrap();
    let mut links =
        bytes.split_inclusive(|byte| *byte == b'\n').map(|line| Link::parse(line).unwrap());
    assert_eq!(links.next_back().unwrap().process, "b2");
    assert_eq!(walk(&dir, &["audit.log"]).0.records, 3);
}
