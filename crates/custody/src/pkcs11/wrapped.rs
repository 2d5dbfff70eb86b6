//! A private key on its way out of a token that gives it out only wrapped: under a key of our own,
//! which is in the token for that one call.
//!
//! Source: PKCS#11 2.40 (`C_WrapKey`); RFC 3394 and RFC 5649 (key wrap); RFC 5958 (what is wrapped).

use aes_kw::{KeyInit as _, KwAes256, KwpAes256};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use p256::pkcs8::DecodePrivateKey as _;
use p256::pkcs8::der::{Reader as _, SliceReader};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::{Zeroize as _, Zeroizing};

use super::error::TokenError;
use super::session::{OpenSession, hex};

/// The length of the key that wraps: AES-256.
const KEY_BYTES: usize = 32;

/// How a key was wrapped.
#[derive(Clone, Copy)]
enum Wrapping {
    /// As it is (RFC 3394).
    Bare,
    /// With padding, whatever its length (RFC 5649).
    Padded,
}

/// The private half of the key `private` with the `CKA_ID` `id`: the scalar, or the seed of Ed25519.
pub(super) fn take_out(
    session: &OpenSession,
    id: &[u8],
    private: ObjectHandle,
) -> Result<Zeroizing<Vec<u8>>, TokenError> {
    let label = session.label();
    let not_wrapped =
        |reason: String| TokenError::NotWrapped { label: label.to_owned(), id: hex(id), reason };
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let filled = SystemRandom::new().fill(&mut *key);
    filled.map_err(|_| not_wrapped("the system gives no random bytes".to_owned()))?;
    // A token that is away says so; whatever else it says is about this key.
    let of = |error: Error| match session.error(&error) {
        TokenError::Refused { reason, .. } => not_wrapped(reason),
        other => other,
    };
    let wrapping_key = put_in(session, &*key).map_err(of)?;
    let wrapped = wrap(session, wrapping_key, private);
    // Where it stays, the session ends with this error, and the key with the session.
    session.raw().destroy_object(wrapping_key).map_err(of)?;
    let (wrapping, wrapped) = wrapped.map_err(of)?;
    let pkcs8 = unwrap(&*key, wrapping, &wrapped)
        .ok_or_else(|| not_wrapped("what it gave does not unwrap".to_owned()))?;
    value_of(&pkcs8)
        .ok_or_else(|| not_wrapped("what it gave is no key of a kind that moves".to_owned()))
}

/// Puts the key that wraps into the session.
fn put_in(session: &OpenSession, key: &[u8]) -> Result<ObjectHandle, Error> {
    let mut wanted = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Wrap(true),
        Attribute::Value(key.to_vec()),
    ];
    let put = session.raw().create_object(&wanted);
    for attribute in &mut wanted {
        if let Attribute::Value(value) = attribute {
            value.zeroize();
        }
    }
    put
}

/// With padding where the token knows that: the length of a key on a curve is seldom one that needs
/// none.
fn wrap(
    session: &OpenSession,
    wrapping_key: ObjectHandle,
    private: ObjectHandle,
) -> Result<(Wrapping, Vec<u8>), Error> {
    match session.raw().wrap_key(&Mechanism::AesKeyWrapPad, wrapping_key, private) {
        Err(Error::Pkcs11(RvError::MechanismInvalid, _)) => {
            let bare = session.raw().wrap_key(&Mechanism::AesKeyWrap, wrapping_key, private)?;
            Ok((Wrapping::Bare, bare))
        }
        padded => Ok((Wrapping::Padded, padded?)),
    }
}

fn unwrap(key: &[u8], wrapping: Wrapping, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; wrapped.len()]);
    let length = match wrapping {
        Wrapping::Bare => {
            KwAes256::new_from_slice(key).ok()?.unwrap_key(wrapped, &mut bytes).ok()?.len()
        }
        Wrapping::Padded => {
            KwpAes256::new_from_slice(key).ok()?.unwrap_key(wrapped, &mut bytes).ok()?.len()
        }
    };
    bytes.truncate(length);
    Some(bytes)
}

/// The DER value without the zeros that some tokens fill the last block with.
fn unfilled(der: &[u8]) -> Option<&[u8]> {
    let whole = SliceReader::new(der).ok()?.tlv_bytes().ok()?;
    let filling = der.get(whole.len()..)?;
    filling.iter().all(|byte| *byte == 0).then_some(whole)
}

/// The scalar on P-256, or the seed of Ed25519, in this PKCS#8.
fn value_of(pkcs8: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let pkcs8 = unfilled(pkcs8)?;
    if let Ok(key) = p256::SecretKey::from_pkcs8_der(pkcs8) {
        let scalar = Zeroizing::new(key.to_bytes());
        return Some(Zeroizing::new(scalar.to_vec()));
    }
    let key = ed25519_dalek::SigningKey::from_pkcs8_der(pkcs8).ok()?;
    let seed = Zeroizing::new(key.to_bytes());
    Some(Zeroizing::new(seed.to_vec()))
}

#[cfg(test)]
mod tests {
    use p256::pkcs8::EncodePrivateKey as _;

    use super::*;

    #[test]
    fn what_was_wrapped_either_way_is_unwrapped_and_nothing_else() {
        let (key, content) = ([7; KEY_BYTES], [9; 40]);
        let mut bytes = [0; 48];
        let bare = KwAes256::new_from_slice(&key).unwrap().wrap_key(&content, &mut bytes).unwrap();
        assert_eq!(*unwrap(&key, Wrapping::Bare, bare).unwrap(), content);
        assert!(unwrap(&key, Wrapping::Padded, bare).is_none());
        let mut bytes = [0; 48];
        let padded = KwpAes256::new_from_slice(&key).unwrap();
        let padded = padded.wrap_key(&content[..37], &mut bytes).unwrap();
        assert_eq!(*unwrap(&key, Wrapping::Padded, padded).unwrap(), content[..37]);
        let mut spoilt = padded.to_vec();
        spoilt[11] ^= 1;
        for damaged in [&spoilt[..], &padded[1..], &[]] {
            assert!(unwrap(&key, Wrapping::Padded, damaged).is_none());
        }
        assert!(unwrap(&[8; KEY_BYTES], Wrapping::Padded, padded).is_none());
    }

    #[test]
    fn the_private_half_is_found_in_its_envelope_and_other_kinds_are_not_taken_for_it() {
        let scalar = p256::SecretKey::from_slice(&[5; 32]).unwrap();
        let der = scalar.to_pkcs8_der().unwrap();
        assert_eq!(*value_of(der.as_bytes()).unwrap(), [5; 32]);
        let filled = [der.as_bytes(), &[0; 5]].concat();
        assert_eq!(*value_of(&filled).unwrap(), [5; 32]);
        for followed in [[der.as_bytes(), &[0, 1]].concat(), filled[..filled.len() - 9].to_vec()] {
            assert!(value_of(&followed).is_none());
        }
        let seed = ed25519_dalek::SigningKey::from_bytes(&[6; 32]);
        let der = seed.to_pkcs8_der().unwrap();
        assert_eq!(*value_of(der.as_bytes()).unwrap(), [6; 32]);
        let other = p384::SecretKey::from_slice(&[5; 48]).unwrap().to_pkcs8_der().unwrap();
        assert!(value_of(other.as_bytes()).is_none());
        assert!(value_of(b"no key").is_none());
    }
}
