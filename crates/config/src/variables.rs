//! Environment variables that look like settings and are none.

use crate::nearest::nearest;
use crate::overrides::VARIABLES;
use crate::sections::database::{KEYS_URL_FILE, URL_FILE};
use crate::sections::keys::{PASSPHRASE, PASSPHRASE_FILE};
use crate::sections::pkcs11::{PIN, PIN_FILE};
use crate::{compared, debugging, import_source};

const PREFIX: &str = "COUNTERSIGN_";

/// What to do about the environment variable `name` if it looks like a setting and is none.
///
/// Variables that Kubernetes sets for a service of the name `countersign` are left alone.
#[must_use]
pub fn advice(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let files = [PASSPHRASE, PASSPHRASE_FILE, PIN, PIN_FILE, URL_FILE, KEYS_URL_FILE];
    let known = || {
        VARIABLES
            .into_iter()
            .chain(files)
            .chain(import_source::VARIABLES)
            .chain(compared::VARIABLES)
            .chain(debugging::VARIABLES)
    };
    let of_kubernetes = rest.starts_with("SERVICE_") || rest == "PORT" || rest.starts_with("PORT_");
    if of_kubernetes || known().any(|right| right == name) {
        return None;
    }
    let lead = "has no effect in this version";
    Some(match nearest(name, known()) {
        Some(right) => format!("{lead}: did you mean {right}?"),
        None => format!("{lead}: remove it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised() {
        let expected = "has no effect in this version: did you mean COUNTERSIGN_DATA_DIR?";
        assert_eq!(advice("COUNTERSIGN_DATADIR").unwrap(), expected);
    }

    #[test]
    fn a_setting_of_another_version_is_told() {
        let expected = "has no effect in this version: remove it";
        assert_eq!(advice("COUNTERSIGN_UPSTREAM_REPLICAS").unwrap(), expected);
    }

    #[test]
    fn settings_and_what_others_set_are_left_alone() {
        for name in [
            "COUNTERSIGN_LISTEN",
            "COUNTERSIGN_KEY_PASSPHRASE",
            "COUNTERSIGN_KEY_PASSPHRASE_FILE",
            "COUNTERSIGN_PKCS11_PIN",
            "COUNTERSIGN_PKCS11_PIN_FILE",
            "COUNTERSIGN_DATABASE_URL",
            "COUNTERSIGN_DATABASE_URL_FILE",
            "COUNTERSIGN_KEYS_DATABASE_URL_FILE",
            "COUNTERSIGN_ALLOW_DEBUGGING",
            "COUNTERSIGN_SERVICE_HOST",
            "COUNTERSIGN_PORT",
            "COUNTERSIGN_PORT_4443_TCP_ADDR",
            "PATH",
        ] {
            assert_eq!(advice(name), None, "{name}");
        }
    }
}
