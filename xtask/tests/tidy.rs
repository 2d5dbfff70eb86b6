//! The house rules that a program can check.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which of our crates a crate may use. Arrows point down.
const ARROWS: [(&str, &[&str]); 11] = [
    ("countersign-tuf", &[]),
    ("countersign-access", &["countersign-tuf"]),
    ("countersign-storage", &["countersign-tuf"]),
    ("countersign-custody", &["countersign-storage", "countersign-tuf"]),
    ("countersign-trust", &["countersign-custody", "countersign-storage", "countersign-tuf"]),
    ("countersign-server", &["countersign-access", "countersign-trust", "countersign-tuf"]),
    ("countersign-signer", &["countersign-custody", "countersign-tuf"]),
    ("countersign-config", &["countersign-tuf"]),
    (
        "countersign",
        &[
            "countersign-access",
            "countersign-config",
            "countersign-custody",
            "countersign-server",
            "countersign-signer",
            "countersign-storage",
            "countersign-trust",
            "countersign-tuf",
        ],
    ),
    ("countersign-forge", &[]),
    ("xtask", &[]),
];

/// The longest source file, in lines.
const LONGEST_FILE: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn metadata() -> Value {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root())
        .output()
        .expect("cargo is here: it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Files that git tracks or would track.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is needed: install the Debian package git");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let found: Vec<PathBuf> = listed
        .lines()
        .filter(|line| endings.iter().any(|ending| line.ends_with(ending)))
        .map(|line| root().join(line))
        .filter(|path| path.exists())
        .collect();
    assert!(!found.is_empty());
    found
}

#[test]
fn arrows_between_crates_point_down() {
    let metadata = metadata();
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
            continue;
        };
        seen.insert(name.to_owned());
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let is_ours = dependency["path"].is_string();
            if is_ours && dependency["kind"].is_null() {
                assert!(allowed.contains(&used), "{name} must not use {used}");
            }
        }
    }
    let expected: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_core_has_no_async_no_network_and_no_database() {
    let manifest = std::fs::read_to_string(root().join("crates/tuf/Cargo.toml")).unwrap();
    for crate_name in ["tokio", "sqlx", "axum", "reqwest", "futures-util", "rand"] {
        assert!(!manifest.contains(&format!("\n{crate_name}.")), "tuf must not use {crate_name}");
    }
}

#[test]
fn the_product_uses_one_crypto_provider() {
    let metadata = metadata();
    let packages: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let resolved: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| packages[node["id"].as_str().unwrap()])
        .collect();
    assert!(resolved.contains("ring"));
    for refused in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls", "rsa"] {
        assert!(!resolved.contains(refused), "{refused} is in the dependency graph");
    }
}

#[test]
fn ciphers_wipe_the_keys_that_they_were_given() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    for cipher in ["aes", "aes-gcm", "aes-kw", "cbc", "ed25519-dalek", "ghash"] {
        let id = &packages.iter().find(|package| package["name"] == cipher).unwrap()["id"];
        let node = nodes.iter().find(|node| node["id"] == *id).unwrap();
        let wipes = node["features"].as_array().unwrap().iter().any(|f| f == "zeroize");
        assert!(wipes, "{cipher} lacks its feature zeroize");
    }
}

#[test]
fn json_keeps_members_sorted_and_numbers_plain() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let json = packages.iter().find(|p| p["name"] == "serde_json").unwrap()["id"].clone();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["id"] == json).unwrap();
    for refused in ["preserve_order", "arbitrary_precision"] {
        assert!(
            !node["features"].as_array().unwrap().iter().any(|feature| feature == refused),
            "serde_json has {refused}: canonical JSON depends on it being off"
        );
    }
}

#[test]
fn no_source_file_is_longer_than_a_reader_can_hold() {
    for path in files(&[".rs"]) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_test_is_ignored_and_nothing_is_unfinished() {
    let words = ["#[ig", "todo!", "unimpl", "FIX", "XX"];
    let rest = ["nore", "(", "emented!", "ME", "X"];
    for path in files(&[".rs", ".toml", ".sh", ".sql"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in words.iter().zip(rest).map(|(a, b)| format!("{a}{b}")) {
            assert!(!text.contains(&word), "{} contains {word}", path.display());
        }
    }
}

#[test]
fn every_folder_that_the_map_names_exists() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named: BTreeSet<&str> = map
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.contains('/') && !name.contains([' ', '<', '*', '{', ':']))
        .collect();
    assert!(named.len() > 10, "the map names folders in backquotes");
    for name in named {
        assert!(root().join(name).exists(), "ARCHITECTURE.md names {name}, which is not there");
    }
}

#[test]
fn every_crate_is_on_the_map() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(map.contains(&format!("`crates/{name}`")), "ARCHITECTURE.md does not name {name}");
    }
}

#[test]
fn every_decision_is_in_the_index() {
    let folder = root().join("docs/decisions");
    let index = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || index.contains(&name), "{name} is not in the index");
    }
}

/// How much of a guess is right must not show in how long a comparison takes: `subtle` compares
/// secrets, and the crates that verify hashes and codes.
#[test]
fn no_secret_is_compared_by_an_operator_that_stops_early() {
    let product = |path: &PathBuf| {
        let path = path.strip_prefix(root()).unwrap();
        path.starts_with("crates") && path.components().any(|part| part.as_os_str() == "src")
    };
    let mut compared = Vec::new();
    for path in files(&[".rs"]).into_iter().filter(product) {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let exposed = ["expose_secret()", "expose_bytes()"];
        compared.extend(
            code.lines()
                .filter(|line| exposed.iter().any(|name| line.contains(name)))
                .filter(|line| line.contains(" == ") || line.contains(" != "))
                .map(|line| format!("{}: {}", path.display(), line.trim())),
        );
        compared.extend(
            code.split("#[derive(")
                .filter(|item| derives_equality_over_a_secret(item))
                .map(|item| format!("{}: #[derive({item}", path.display())),
        );
    }
    assert!(compared.is_empty(), "compare with subtle: {compared:#?}");
}

/// Whether an item, from its list of derived traits on, compares a secret field by itself.
fn derives_equality_over_a_secret(item: &str) -> bool {
    let (traits, rest) = item.split_once(")]").unwrap_or_default();
    let end = [rest.find("\n}"), rest.find(";\n")].into_iter().flatten().min();
    let body = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    let secrets = ["SecretString", "SecretBox", "Zeroizing<"];
    traits.contains("PartialEq") && secrets.iter().any(|secret| body.contains(secret))
}

#[test]
fn a_derived_comparison_of_a_secret_is_noticed() {
    assert!(derives_equality_over_a_secret("Clone, PartialEq)]\nstruct A {\n a: SecretString,\n}"));
    assert!(derives_equality_over_a_secret("PartialEq)]\nstruct A(Zeroizing<String>);\n"));
    assert!(!derives_equality_over_a_secret("Clone)]\nstruct A(SecretString);\n"));
    let other = "PartialEq)]\nstruct A(u8);\n\nstruct B(SecretString);\n";
    assert!(!derives_equality_over_a_secret(other));
}

#[test]
fn the_readme_begins_with_the_two_commands() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<&str> = readme.split("\n```").skip(1).step_by(2).collect();
    assert_eq!(blocks.first(), Some(&"sh\ncargo run --release --locked -- serve"));
    assert_eq!(blocks.get(1), Some(&"sh\ncargo xtask test"));
}

#[test]
fn links_between_our_pages_lead_somewhere() {
    for path in files(&[".md"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let file = path.parent().unwrap().join(target);
            assert!(file.exists(), "{} links to {target}", path.display());
        }
    }
}
