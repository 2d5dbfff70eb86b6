//! Which settings each of the two programs follows, and why not the others.

use crate::document::known_keys;
use crate::program::Program;

const NO_DOCUMENTS: &str = "a signer stores and serves no metadata";
const NO_REQUESTS: &str = "a signer takes calls of gRPC, with limits of its own";
const CERTIFICATES_ONLY: &str = "who asks a signer is known by a certificate";

/// The sections that a signer does not follow, each with the reason.
const SECTIONS: [(&str, &str); 8] = [
    ("audit", "a signer writes a line of its log for each signature instead"),
    ("caching", NO_DOCUMENTS),
    ("clock", NO_DOCUMENTS),
    ("expiry", "a signer signs what servers give it, and they say until when it is valid"),
    ("repositories", NO_DOCUMENTS),
    ("retention", NO_DOCUMENTS),
    ("signer", "a signer has no other one behind it"),
    ("tokens", CERTIFICATES_ONLY),
];

/// The keys of other sections that it does not follow, each with the reason.
const KEYS: [(&str, &str); 4] = [
    ("keys.algorithm", "whoever wants a key names its algorithm"),
    ("keys.pending_days", "the database of keys is cleared by countersign serve and gc"),
    ("server.handover_seconds", "its health tells servers that it stops"),
    ("server.trusted_hops", CERTIFICATES_ONLY),
];

/// Sections and keys that it refuses where they would do anything.
const REFUSED: [&str; 3] = ["access", "server.read_only", "tls.plain_http"];

/// The limits that it follows; the others are about requests and documents.
const LIMITS: [&str; 7] = [
    "limits.connections",
    "limits.first_request_seconds",
    "limits.handshake_seconds",
    "limits.head_bytes",
    "limits.idle_seconds",
    "limits.pending_keys",
    "limits.streams",
];

/// Whether only a server follows any key of this section.
pub(crate) fn is_of_server_alone(section: &str) -> bool {
    REFUSED.contains(&section) || SECTIONS.iter().any(|(name, _)| *name == section)
}

impl Program {
    /// Why the key of this name changes nothing for this program; `None` when it may.
    ///
    /// A key that it refuses is one that it looks at.
    pub(crate) fn ignores(self, key: &str) -> Option<&'static str> {
        let section = key.split('.').next().unwrap_or_default();
        if self == Self::Server {
            return (section == "signing").then_some("only countersign signer looks at it");
        }
        let of_section = SECTIONS.iter().find(|(name, _)| *name == section);
        let of_key = || KEYS.iter().find(|(name, _)| *name == key);
        if let Some((_, reason)) = of_section.or_else(of_key) {
            return Some(reason);
        }
        (section == "limits" && !LIMITS.contains(&key)).then_some(NO_REQUESTS)
    }

    /// The keys to show as this program's. A server's are all, as it takes a file with any.
    pub(crate) fn shown_keys(self) -> impl Iterator<Item = String> {
        let refuses = |key: &str| {
            let section = key.split('.').next().unwrap_or_default();
            REFUSED.iter().any(|name| *name == key || *name == section)
        };
        let shown = move |key: &String| {
            self == Self::Server || (self.ignores(key).is_none() && !refuses(key))
        };
        known_keys().into_iter().filter(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_in_the_lists_is_a_key_or_a_section() {
        let known = known_keys();
        for (name, _) in KEYS {
            assert!(known.iter().any(|key| key == name), "{name}");
        }
        for name in LIMITS {
            assert!(known.iter().any(|key| key == name), "{name}");
        }
        for (name, _) in SECTIONS {
            assert!(known.iter().any(|key| key.starts_with(&format!("{name}."))), "{name}");
        }
    }

    #[test]
    fn a_signer_shows_what_the_page_of_the_signer_names() {
        let page = include_str!("../../../docs/signer.md");
        let named: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
        for key in Program::Signer.shown_keys() {
            let section = key.split('.').next().unwrap();
            let is_named = named.contains(&key.as_str());
            assert!(is_named || named.contains(&format!("[{section}]").as_str()), "{key}");
        }
    }
}
