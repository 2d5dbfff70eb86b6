//! The section `[tokens]`: what it says by default, and what is refused.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use countersign_config::{ConfigError, Effective, Overrides, Settings};
use tempfile::TempDir;

fn load(text: &str) -> (TempDir, Result<Effective, ConfigError>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    fs::write(&path, text).unwrap();
    let flags = Overrides { config: Some(path), ..Overrides::default() };
    let loaded = Effective::load(&flags, &|_| None);
    (dir, loaded)
}

fn settings(text: &str) -> Settings {
    load(text).1.unwrap().settings
}

fn check_refused(text: &str, expected: &str) {
    let (dir, loaded) = load(text);
    let said = loaded.unwrap_err().to_string();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(said.replace(&format!("{}/", dir.path().display()), ""), expected);
}

#[test]
fn without_users_there_is_no_token_service() {
    let tokens = settings("").tokens;
    assert_eq!((tokens.users.as_ref(), tokens.own_key()), (None, None));
    assert_eq!(tokens.issuer, "countersign");
    assert!(tokens.services.is_empty());
    assert_eq!(tokens.lifetime, Duration::from_secs(300));
    assert_eq!(tokens.refresh, Duration::from_secs(30 * 86_400));
    assert_eq!(tokens.password_checks, 2);
    assert_eq!((tokens.guesses_per_address, tokens.guesses_per_user), (50, 20));
    assert_eq!(tokens.guess_window, Duration::from_secs(600));
}

#[test]
fn every_key_arrives_and_paths_are_taken_from_the_files_directory() {
    let text = "[tokens]\nusers = 'users.toml'\nissuer = 'us'\ncert = 't.crt'\nkey = '/k/t.key'\n\
                lifetime_seconds = 60\nrefresh_hours = 1\npassword_checks = 3\n\
                guesses_per_address = 4\nguesses_per_user = 5\nguess_seconds = 6\n\
                [[tokens.services]]\nname = 'registry'\nprefix = 'registry.example:5000/'\n\
                [[tokens.services]]\nname = 'other'\n";
    let (dir, loaded) = load(text);
    let tokens = loaded.unwrap().settings.tokens;
    assert_eq!(tokens.users, Some(dir.path().join("users.toml")));
    let own = tokens.own_key().unwrap();
    assert_eq!((own.cert, own.key), (dir.path().join("t.crt").as_path(), Path::new("/k/t.key")));
    assert_eq!(tokens.issuer, "us");
    let services: Vec<_> = tokens
        .services
        .iter()
        .map(|one| (one.name.as_str(), one.prefix.as_ref().map(|prefix| prefix.as_str())))
        .collect();
    assert_eq!(services, [("registry", Some("registry.example:5000/")), ("other", None)]);
    assert_eq!(tokens.lifetime, Duration::from_secs(60));
    assert_eq!(tokens.refresh, Duration::from_secs(3600));
    assert_eq!(tokens.password_checks, 3);
    assert_eq!((tokens.guesses_per_address, tokens.guesses_per_user), (4, 5));
    assert_eq!(tokens.guess_window, Duration::from_secs(6));
}

#[test]
fn what_cannot_be_obeyed_is_refused() {
    check_refused(
        "[tokens]\nissuer = 'us'\n",
        "[tokens] is configured without users: name a file of them as tokens.users, or take the \
         section out",
    );
    check_refused(
        "[tokens]\nusers = 'u'\ncert = 'c'\n",
        "the certificate of the token key (tokens.cert) is set without the token key (tokens.key): \
         set both, or neither for a generated certificate",
    );
    check_refused(
        "[tokens]\nusers = 'u'\nlifetime_seconds = 59\n",
        "c.toml:3:20: tokens.lifetime_seconds = 59: invalid value: integer `59`, expected a whole \
         number of seconds from 60 to 86400",
    );
    check_refused(
        "[tokens]\nusers = 'u'\nissuer = ''\n",
        "c.toml:3:10: tokens.issuer = '': write a name of 1 to 255 bytes without control characters",
    );
    check_refused(
        "[tokens]\nuser = 'u'\n",
        "c.toml:2:1: unknown key `tokens.user`: did you mean `tokens.users`?",
    );
}

#[test]
fn a_service_needs_a_name_of_its_own_and_has_no_other_keys() {
    let refused = |services: &str, expected: &str| {
        check_refused(&format!("[tokens]\nusers = 'u'\n{services}"), expected);
    };
    for (services, place, expected) in [
        (
            "[[tokens.services]]\nnmae = 'r'\n",
            "c.toml:4:1: ",
            "unknown key `tokens.services.nmae`: did you mean `tokens.services.name`?",
        ),
        (
            "[[tokens.services]]\nname = 'r'\nprefix = 'registry.example'\n",
            "c.toml:5:10: ",
            "write it with a slash at the end, such as registry.example/",
        ),
    ] {
        let (_dir, loaded) = load(&format!("[tokens]\nusers = 'u'\n{services}"));
        let said = loaded.unwrap_err().to_string();
        assert!(said.contains(place) && said.contains(expected), "{said}");
    }
    refused(
        "services = [{ name = 'r' }, { name = 'r' }]\n",
        "c.toml:3:12: tokens.services = [{ name = 'r' }, { name = 'r' }]: two services are called \
         r: rename one of them",
    );
}

#[test]
fn the_list_of_settings_shows_the_services_in_the_form_of_the_file() {
    let text = "[tokens]\nusers = 'u'\n[[tokens.services]]\nname = 'r'\nprefix = 'e/'\n";
    let listed = load(text).1.unwrap().listed(Path::new("/")).unwrap();
    let services = listed.iter().find(|one| one.key == "tokens.services").unwrap();
    let shown = services.value.as_ref().unwrap().to_string();
    assert_eq!(shown, "[{ name = \"r\", prefix = \"e/\" }]");
}

#[test]
fn realm_and_service_go_without_issuers_where_the_server_is_one() {
    let access = "[access]\nrealm = 'https://proxy.example/token'\nservice = 'trust'\n";
    let both = settings(&format!("{access}[tokens]\nusers = 'u'\n"));
    assert_eq!(both.access.service.as_deref(), Some("trust"));
    assert!(load(access).1.unwrap_err().to_string().contains("access.issuers has no issuer"));
    let empty = "[access]\nservice = ''\n[tokens]\nusers = 'u'\n";
    assert!(load(empty).1.unwrap_err().to_string().contains("access.service is empty"));
}
