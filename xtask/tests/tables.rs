//! The tables of `docs/` that say which test shows what: no row is missing, and every test is
//! there.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The rows of the compatibility checklist.
const CHECKLIST: [RangeInclusive<u16>; 8] =
    [1..=19, 30..=42, 50..=92, 100..=106, 120..=131, 150..=161, 170..=180, 200..=209];

/// The places where an attacker may stand.
const POSITIONS: [&str; 18] = [
    "The network, without a certificate that the reader accepts",
    "A mirror, cache or proxy that the reader accepts as the server",
    "The registry that holds the images",
    "Whoever reaches a server where access is open",
    "Whoever reaches a server that asks for tokens, rules or certificates, and has none that count",
    "A user with a token, a login or a certificate",
    "The server's database without the passphrase",
    "Another process of the server's user, its core dumps, or the machine's swap",
    "A signer that lies, or whoever stands in its place",
    "Whoever has a certificate that the signer lets in",
    "The server's database with the passphrase, where keys are in a token",
    "The audit log's file",
    "A stolen timestamp key, at a mirror's place",
    "The server itself, or all its keys, snapshot keys among them",
    "A stolen delegation key",
    "A stolen targets key",
    "A stolen root key",
    "The reader's machine",
];

/// What is promised about faults.
const PROMISES: [&str; 18] = [
    "Nothing acknowledged is lost",
    "What is acknowledged is visible at once",
    "Versions never go back",
    "A publish is whole or not there",
    "One publish wins",
    "A commit whose end nobody heard is looked for",
    "Who polls the changefeed misses nothing",
    "Failures never look like absence",
    "Answers are normal again",
    "Who stands still holds up no other",
    "Full disks refuse publishes only",
    "What stands in the way of the database is told",
    "With the database away, documents by digest are served from memory",
    "A start waits for the database",
    "Restarting replicas in turn loses no request",
    "What is due is signed again once",
    "One damaged row concerns one repository",
    "Nothing is changed that cannot be recorded",
];

/// What is planted in real runs to show that a broken promise is noticed.
const PLANTED: [&str; 6] = [
    "nothing is lost",
    "versions never go back",
    "visible at once",
    "whole or not there",
    "pollers miss nothing",
    "(none)",
];

/// The bug classes.
const CLASSES: RangeInclusive<u16> = 1..=38;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// First and last cell of every row of those tables of a page whose head begins with `head`.
fn rows(page: &str, head: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with(&format!("| {head} | ")) {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && line.starts_with("| ") {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert!(cells.len() > 2, "{line}");
            found.push((cells[0].to_owned(), cells[cells.len() - 1].to_owned()));
        }
    }
    found
}

/// The names of all functions in the Rust files of a room.
fn functions(room: &str) -> String {
    let folder = match room {
        "tests" => root().join("tests"),
        "fuzz" => root().join("fuzz/targets"),
        "xtask" => root().join("xtask/tests"),
        room => root().join("crates").join(room),
    };
    assert!(folder.is_dir(), "{room} is no room");
    let mut found = String::new();
    let mut waiting = vec![folder];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// Checks one cell: groups of tests by room, or words that say why there are none.
fn check(id: &str, shown_by: &str, rooms: &mut BTreeMap<String, String>) {
    for group in shown_by.split("; ") {
        let (room, named) = group.split_once(": ").unwrap_or_else(|| panic!("{id}: {group}"));
        if matches!(room, "later" | "cannot occur" | "no test") {
            assert!(!named.contains('`') && named.len() > 5, "{id}: {group}");
            continue;
        }
        let written = rooms.entry(room.to_owned()).or_insert_with(|| functions(room));
        for name in named.split(", ") {
            let name = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
            let name = name.unwrap_or_else(|| panic!("{id}: {named} is no list of tests"));
            assert!(written.contains(&format!("fn {name}(")), "{id}: {room} has no {name}");
        }
    }
}

fn check_page(page: &str, head: &str, expected: &[String]) {
    let rows = rows(page, head);
    let ids: Vec<&String> = rows.iter().map(|(id, _)| id).collect();
    let expected: Vec<&String> = expected.iter().collect();
    assert_eq!(ids, expected, "{page} has every row once, in order");
    let mut rooms = BTreeMap::new();
    for (id, shown_by) in &rows {
        check(id, shown_by, &mut rooms);
    }
}

#[test]
fn every_row_of_the_checklist_names_tests_that_exist_or_later_work() {
    let ids = CHECKLIST.into_iter().flatten().map(|number| format!("C-{number:03}"));
    check_page("checklist.md", "ID", &ids.collect::<Vec<_>>());
}

#[test]
fn every_bug_class_names_tests_that_exist_or_why_there_are_none() {
    let ids: Vec<String> = CLASSES.map(|number| number.to_string()).collect();
    check_page("security-model.md", "number", &ids);
}

#[test]
fn every_attackers_position_names_tests_that_exist_or_why_there_are_none() {
    check_page("security-model.md", "position", &POSITIONS.map(str::to_owned));
}

#[test]
fn every_promise_about_faults_names_tests_that_exist() {
    let promises = PROMISES.into_iter().chain(PLANTED).map(str::to_owned);
    check_page("reliability.md", "promise", &promises.collect::<Vec<_>>());
}
