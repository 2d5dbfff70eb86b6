//! Refresh tokens: who has one needs no password for a while.
//!
//! Nothing is stored: a token names its user and its end, and an authentication code over both and
//! the hash of the user's password proves that it was made here and that the password has not
//! changed since. It is no JWS, so that nothing can take it for an access token.
//! It counts for every service of the issuer: docker sends the one that it got at the login to a
//! registry to the trust server's realm as well.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::{hkdf, hmac};
use secrecy::{ExposeSecret as _, SecretString};

use crate::users::{PasswordHash, Users};

/// What every refresh token begins with; no base64 of JSON does.
const PREFIX: &str = "cs1_";
const PURPOSE: &[u8] = b"countersign refresh token 1";
const CODE_BYTES: usize = 32;
/// A name of 255 bytes with date and code takes 296 bytes, and four thirds of it in base64.
const MAX_TOKEN_BYTES: usize = 512;

/// What makes and reads refresh tokens; comes from the key of access tokens, so that servers which
/// share that share this.
pub struct RefreshKey(hmac::Key);

/// A refresh token as it is given out. Printing it gives no part of it.
pub struct RefreshToken(SecretString);

impl RefreshKey {
    pub(super) fn derive(token_key: &[u8]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, PURPOSE);
        let purpose = [PURPOSE];
        let derived = salt.extract(token_key);
        #[expect(clippy::expect_used, reason = "the length asked for is the digest's own")]
        let output = derived.expand(&purpose, hmac::HMAC_SHA256).expect("32 of 8160 bytes");
        Self(hmac::Key::from(output))
    }

    /// A token for the user called `name` with this hash of a password, good until `end`.
    #[must_use]
    pub fn issue(
        &self,
        issuer: &str,
        name: &str,
        hash: &PasswordHash,
        end: DateTime<Utc>,
    ) -> RefreshToken {
        let mut content = end.timestamp().to_be_bytes().to_vec();
        content.extend_from_slice(name.as_bytes());
        let code = hmac::sign(&self.0, &authenticated(issuer, hash, &content));
        content.splice(0..0, code.as_ref().iter().copied());
        RefreshToken(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&content)).into())
    }

    /// The user whose token it is, if it was made here for `issuer`, has not ended at `now`, and the
    /// user is there with the same hash.
    #[must_use]
    pub fn user<'a>(
        &self,
        issuer: &str,
        token: &str,
        users: &'a Users,
        now: DateTime<Utc>,
    ) -> Option<(&'a str, &'a PasswordHash)> {
        let encoded = token.strip_prefix(PREFIX).filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (code, content) = bytes.split_at_checked(CODE_BYTES)?;
        let (end, name) = content.split_first_chunk()?;
        let name = std::str::from_utf8(name).ok()?;
        let (name, hash) = users.find(name)?;
        hmac::verify(&self.0, &authenticated(issuer, hash, content), code).ok()?;
        (now.timestamp() < i64::from_be_bytes(*end)).then_some((name, hash))
    }
}

/// Each part with its length before it, so that none can pass for the end of another.
fn authenticated(issuer: &str, hash: &PasswordHash, content: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for part in [issuer.as_bytes(), hash.expose().as_bytes(), content] {
        all.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        all.extend_from_slice(part);
    }
    all
}

impl RefreshToken {
    /// The token as clients send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(secret)")
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::users::Format;

    // Any three hashes: nothing here looks at a password.
    const ALICE: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    const CHANGED: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK";
    const BOB: &str = "$2b$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";

    fn users(lines: &[(&str, &str)]) -> Users {
        let text: String = lines.iter().map(|(name, hash)| format!("{name}:{hash}\n")).collect();
        Users::parse(&text, Format::Htpasswd).unwrap()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn issued(key: &RefreshKey, users: &Users, name: &str) -> String {
        let end = now() + TimeDelta::days(30);
        key.issue("issuer", name, users.find(name).unwrap().1, end).expose().to_owned()
    }

    #[test]
    fn a_token_is_good_until_its_end() {
        let (key, users) = (RefreshKey::derive(b"key"), users(&[("alice", ALICE), ("bob", BOB)]));
        let token = issued(&key, &users, "alice");
        let user = |at| key.user("issuer", &token, &users, at).map(|(name, _)| name);
        assert_eq!(user(now()), Some("alice"));
        assert_eq!(user(now() + TimeDelta::days(30) - TimeDelta::seconds(1)), Some("alice"));
        assert_eq!(user(now() + TimeDelta::days(30)), None);
    }

    #[test]
    fn a_changed_password_a_removed_user_and_a_renamed_one_end_it() {
        let key = RefreshKey::derive(b"key");
        let before = users(&[("alice", ALICE), ("bob", BOB)]);
        let token = issued(&key, &before, "alice");
        for after in [
            users(&[("alice", CHANGED), ("bob", BOB)]),
            users(&[("bob", BOB)]),
            users(&[("Alice", ALICE)]),
            users(&[]),
        ] {
            assert!(key.user("issuer", &token, &after, now()).is_none());
        }
        assert!(key.user("issuer", &token, &users(&[("alice", ALICE)]), now()).is_some());
    }

    #[test]
    fn another_key_or_issuer_does_not_take_it() {
        let (key, users) = (RefreshKey::derive(b"key"), users(&[("alice", ALICE)]));
        let token = issued(&key, &users, "alice");
        assert!(RefreshKey::derive(b"other").user("issuer", &token, &users, now()).is_none());
        assert!(key.user("other", &token, &users, now()).is_none());
        assert!(RefreshKey::derive(b"key").user("issuer", &token, &users, now()).is_some());
    }

    #[test]
    fn any_changed_byte_makes_it_worthless() {
        let (key, users) = (RefreshKey::derive(b"key"), users(&[("alice", ALICE), ("alicf", BOB)]));
        let token = issued(&key, &users, "alice");
        let content = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX).unwrap()).unwrap();
        for at in 0..content.len() {
            for bit in 0..8 {
                let mut changed = content.clone();
                changed[at] ^= 1 << bit;
                let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
                assert!(key.user("issuer", &changed, &users, now()).is_none(), "{at} {bit}");
            }
        }
        for cut in 0..token.len() {
            let (begun, _) = token.split_at(cut);
            assert!(key.user("issuer", begun, &users, now()).is_none(), "{cut}");
        }
    }

    #[test]
    fn the_longest_name_fits_and_nothing_is_printed() {
        let name = "n".repeat(255);
        let (key, users) = (RefreshKey::derive(b"key"), users(&[(&name, ALICE)]));
        let token = issued(&key, &users, &name);
        assert!(token.len() <= MAX_TOKEN_BYTES, "{}", token.len());
        assert!(key.user("issuer", &token, &users, now()).is_some());
        assert!(!token.contains('.'), "an access token has dots");
        assert_eq!(format!("{:?}", RefreshToken(token.into())), "RefreshToken(secret)");
    }

    proptest! {
        #[test]
        fn no_text_panics_or_names_a_user(text in "(cs1_)?[A-Za-z0-9_=-]{0,600}") {
            let (key, users) = (RefreshKey::derive(b"key"), users(&[("alice", ALICE)]));
            prop_assert!(key.user("issuer", &text, &users, now()).is_none());
        }
    }
}
