//! The help texts, pinned: they are what most operators read.

use crate::process::{countersign, empty_dir, refusal, run};

fn printed(arguments: &[&str]) -> String {
    let ended = run(countersign(empty_dir().path(), arguments));
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.stderr, "");
    ended.stdout
}

#[test]
fn the_help_of_the_program() {
    insta::assert_snapshot!(printed(&["--help"]));
}

#[test]
fn the_help_of_serve() {
    insta::assert_snapshot!(printed(&["serve", "--help"]));
}

#[test]
fn the_help_of_signer() {
    insta::assert_snapshot!(printed(&["signer", "--help"]));
}

#[test]
fn the_help_of_access_hash() {
    insta::assert_snapshot!(printed(&["access", "hash", "--help"]));
}

#[test]
fn the_help_of_access_explain() {
    insta::assert_snapshot!(printed(&["access", "explain", "--help"]));
}

#[test]
fn the_help_of_audit_verify() {
    insta::assert_snapshot!(printed(&["audit", "verify", "--help"]));
}

#[test]
fn the_help_of_backup() {
    insta::assert_snapshot!(printed(&["backup", "--help"]));
}

#[test]
fn the_help_of_keys_rotate_passphrase() {
    insta::assert_snapshot!(printed(&["keys", "rotate-passphrase", "--help"]));
}

#[test]
fn the_help_of_restore() {
    insta::assert_snapshot!(printed(&["restore", "--help"]));
}

#[test]
fn the_help_of_gc() {
    insta::assert_snapshot!(printed(&["gc", "--help"]));
}

#[test]
fn the_help_of_certs_make() {
    insta::assert_snapshot!(printed(&["certs", "make", "--help"]));
}

#[test]
fn the_help_of_certs_revoke() {
    insta::assert_snapshot!(printed(&["certs", "revoke", "--help"]));
}

#[test]
fn the_help_of_certs_show() {
    insta::assert_snapshot!(printed(&["certs", "show", "--help"]));
}

#[test]
fn the_help_of_check() {
    insta::assert_snapshot!(printed(&["check", "--help"]));
}

#[test]
fn the_help_of_completions() {
    insta::assert_snapshot!(printed(&["completions", "--help"]));
}

#[test]
fn the_help_of_config_check() {
    insta::assert_snapshot!(printed(&["config", "check", "--help"]));
}

#[test]
fn the_help_of_config_convert() {
    insta::assert_snapshot!(printed(&["config", "convert", "--help"]));
}

#[test]
fn the_help_of_config_show() {
    insta::assert_snapshot!(printed(&["config", "show", "--help"]));
}

#[test]
fn the_help_of_doctor() {
    insta::assert_snapshot!(printed(&["doctor", "--help"]));
}

#[test]
fn the_help_of_import() {
    insta::assert_snapshot!(printed(&["import", "--help"]));
}

#[test]
fn the_help_of_keys_import() {
    insta::assert_snapshot!(printed(&["keys", "import", "--help"]));
}

#[test]
fn the_help_of_keys_list() {
    insta::assert_snapshot!(printed(&["keys", "list", "--help"]));
}

#[test]
fn the_help_of_each_other_thing_to_do_with_keys() {
    for command in ["show", "rotate", "retire", "purge", "verify"] {
        let name = format!("the_help_of_keys_{command}");
        insta::assert_snapshot!(name, printed(&["keys", command, "--help"]));
    }
}

/// Whether `shell` takes the completions as a program of its own.
fn parses(shell: &str, package: &str) {
    let dir = empty_dir();
    let file = dir.path().join("completions");
    std::fs::write(&file, printed(&["completions", shell])).unwrap();
    let checked = std::process::Command::new(shell).arg("-n").arg(&file).status();
    let checked = checked.unwrap_or_else(|_| panic!("{shell} is missing: install {package}"));
    assert!(checked.success(), "{shell}");
}

#[test]
fn bash_takes_its_completions() {
    parses("bash", "bash");
}

#[test]
fn completions_for_each_shell_name_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = printed(&["completions", shell]);
        for command in ["serve", "doctor", "keys", "config"] {
            assert!(text.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn without_a_command_the_refusal_names_the_commands() {
    let (code, line) = refusal(countersign::<&str>(empty_dir().path(), &[]));
    assert_eq!(code, 2, "{line}");
    assert!(
        line.contains(
            "backup, certs, check, completions, config, doctor, gc, import, keys, restore, \
             serve, signer, version"
        ),
        "{line}"
    );
}

#[test]
fn both_ways_to_ask_for_the_version_answer_the_same() {
    let expected = format!("countersign {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed(&["--version"]), expected);
    assert_eq!(printed(&["version"]), expected);
}

#[test]
fn the_help_of_serve_names_every_variable_and_exit_code() {
    let help = printed(&["serve", "--help"]);
    for name in [
        "CONFIG",
        "DATA_DIR",
        "LISTEN",
        "HOSTS",
        "TLS_CERT",
        "TLS_KEY",
        "CLIENT_CA",
        "LOG_LEVEL",
        "LOG_FORMAT",
        "KEY_PASSPHRASE",
        "KEY_PASSPHRASE_FILE",
        "PKCS11_PIN",
        "PKCS11_PIN_FILE",
    ] {
        assert!(help.contains(&format!("COUNTERSIGN_{name}")), "{name}");
    }
    for code in 0..=11 {
        assert!(help.lines().any(|line| line.starts_with(&format!("  {code:>2}  "))), "{code}");
    }
}
