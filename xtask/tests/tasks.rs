//! What the tasks refuse before they do anything.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

fn refusal(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?} is refused");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_unknown_task_gets_the_list() {
    for arguments in [&[][..], &["tset"], &["test", "more"], &["fuzz"]] {
        assert!(refusal(arguments).contains("usage: cargo xtask <task>"), "{arguments:?}");
    }
}

#[test]
fn an_unknown_fuzz_target_and_a_time_that_is_none_are_named() {
    let words = refusal(&["fuzz", "../roots"]);
    assert!(words.contains("\"../roots\" is no fuzz target"), "{words}");
    let words = refusal(&["fuzz", "root", "soon"]);
    assert!(words.contains("\"soon\" is no time in seconds"), "{words}");
}

#[test]
fn a_long_run_that_is_asked_for_wrongly_is_not_begun() {
    let words = refusal(&["chaos", "--faults", "many"]);
    assert!(words.contains("\"many\" is no number"), "{words}");
    let words = refusal(&["chaos", "--postgres"]);
    assert!(words.contains("\"--postgres\" is none of --faults N"), "{words}");
}
