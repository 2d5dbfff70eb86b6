//! Names and other short texts that are parsed once, at the edge.

use countersign_tuf::digest::Sha256Digest;
use countersign_tuf::keys::{KeyType, SignatureMethod};
use countersign_tuf::names::{GUN_MAX_CHARS, Gun, ROLE_MAX_BYTES, RoleName};
use countersign_tuf::time::{Expires, to_rfc3339};

/// Parses `data` as every kind of name: what parses prints as it came and is safe to store.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(gun) = Gun::parse(text) {
        assert_eq!(gun.as_str(), text);
        assert!((1..=GUN_MAX_CHARS).contains(&text.chars().count()));
        assert!(!text.chars().any(char::is_control));
    }
    if let Ok(role) = RoleName::parse(text) {
        role_name(&role, text);
    }
    if let Some(digest) = Sha256Digest::from_hex(text) {
        assert_eq!(digest.to_hex(), text);
    }
    assert_eq!(KeyType::parse(text).as_str(), text);
    let method = SignatureMethod::parse(text);
    assert_eq!(SignatureMethod::parse(method.as_str()), method, "a method's name is its own");
    if let Some(expires) = Expires::parse(text) {
        let printed = to_rfc3339(expires.at());
        assert_eq!(Expires::parse(&printed).map(|again| again.at()), Some(expires.at()));
    }
}

/// A role's name holds nothing that a path, a URL or a database could read as more than a name,
/// and leads up to `targets` in as many steps as it has slashes.
fn role_name(role: &RoleName, text: &str) {
    assert_eq!(role.as_str(), text);
    assert!(text.len() <= ROLE_MAX_BYTES);
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'/');
    assert!(text.bytes().all(plain) && !text.contains("//") && !text.ends_with('/'));
    let above = role.ancestors();
    assert_eq!(above.len(), text.matches('/').count());
    assert_eq!(above.last(), role.parent().as_ref());
    if let Some(first) = above.first() {
        assert_eq!(*first, RoleName::Targets);
    }
}
