//! The limits of prefixes: tables in a list.
#![cfg(test)]

use std::fs;

use countersign_config::{ConfigError, Overrides, Settings};

/// What a file with this text says.
fn load(text: &str) -> Result<Settings, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("countersign.toml");
    fs::write(&path, text).unwrap();
    let flags = Overrides { config: Some(path), ..Overrides::default() };
    Settings::load(&flags, &|_| None)
}

#[test]
fn the_limits_of_prefixes_arrive_each_as_it_is_written() {
    let file = "[[repositories.limits]]\nprefix = 'a/'\nrepositories = 3\nbytes = 0\n\
                [[repositories.limits]]\nprefix = 'a/b/'\npublishes_per_minute = 7\n";
    let limits = load(file).unwrap().repositories.limits;
    assert_eq!(limits.len(), 2);
    assert_eq!(limits[0].prefix.as_str(), "a/");
    assert_eq!((limits[0].repositories, limits[0].bytes), (Some(3), Some(0)));
    assert_eq!(limits[0].publishes_per_minute, None);
    assert_eq!(limits[1].prefix.as_str(), "a/b/");
    assert_eq!((limits[1].repositories, limits[1].bytes), (None, None));
    assert_eq!(limits[1].publishes_per_minute.map(std::num::NonZeroU32::get), Some(7));
}

#[test]
fn limits_of_prefixes_that_cannot_be_meant_are_refused_with_their_place() {
    for (inside, expected) in [
        (
            "prefix = 'a/'\nrepository = 3\n",
            "countersign.toml:3:1: unknown key `repositories.limits.repository`: did you mean \
             `repositories.limits.repositories`?",
        ),
        (
            "prefix = 'a'\nbytes = 3\n",
            "countersign.toml:2:10: repositories.limits.prefix = 'a': write it with a slash at \
             the end, such as registry.example/",
        ),
        ("bytes = 3\n", "missing field `prefix`"),
        ("prefix = 'a/'\nbytes = -1\n", "countersign.toml:3:9: repositories.limits.bytes = -1: "),
        (
            "prefix = 'a/'\npublishes_per_minute = 0\n",
            "countersign.toml:3:24: repositories.limits.publishes_per_minute = 0: ",
        ),
        ("prefix = 'a/'\n", "nothing limits a/: write repositories, bytes or publishes_per_minute"),
        (
            "prefix = 'a/'\nbytes = 1\n[[repositories.limits]]\nprefix = 'a/'\nrepositories = 1\n",
            "a/ has two tables: write its limits in one",
        ),
    ] {
        let error = load(&format!("[[repositories.limits]]\n{inside}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = load("repositories.limits = ['a/']\n").unwrap_err().to_string();
    assert!(error.contains("`repositories.limits` is a list of tables"), "{error}");
}
