//! The log on standard error.

use serde_json::Value;

use crate::process::{empty_dir, serve, start};

fn log_of(arguments: &[&str]) -> String {
    let dir = empty_dir();
    let mut command = serve(dir.path());
    command.args(arguments);
    start(command).stop().stderr
}

#[test]
fn without_a_terminal_each_line_is_json_with_stable_names() {
    let log = log_of(&[]);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listening = lines.iter().find(|line| line["message"] == "listening").unwrap();
    assert_eq!(listening["level"], "INFO");
    assert_eq!(listening["version"], env!("CARGO_PKG_VERSION"));
    for line in &lines {
        for name in ["timestamp", "level", "target", "message"] {
            assert!(line[name].is_string(), "{name} in {line}");
        }
    }
}

#[test]
fn the_form_for_people_has_no_json_and_off_a_terminal_no_colours() {
    let log = log_of(&["--log-format", "human"]);
    let line = log.lines().find(|line| line.contains("listening")).unwrap();
    assert!(line.contains(" INFO ") && !line.contains('{') && !line.contains('\u{1b}'), "{line}");
}

#[test]
fn a_higher_level_leaves_lesser_lines_out() {
    assert_eq!(log_of(&["--log-level", "error"]), "");
}

#[test]
fn a_variable_that_is_no_setting_is_warned_of() {
    let dir = empty_dir();
    let mut command = serve(dir.path());
    command.env("COUNTERSIGN_DATADIR", "elsewhere");
    let log = start(command).stop().stderr;
    let line = log.lines().find(|line| line.contains("COUNTERSIGN_DATADIR")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "WARN");
    assert!(line["advice"].as_str().unwrap().contains("COUNTERSIGN_DATA_DIR"), "{line}");
}
