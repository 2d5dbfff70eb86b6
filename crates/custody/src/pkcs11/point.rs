//! Public halves between the forms of a token and those of metadata.

use countersign_tuf::keys::{Curve, KeyType, PlainKey, PublicKey, ServerKeyAlgorithm};

/// The DER of the object identifiers that name curves in `CKA_EC_PARAMS`.
const P224: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x21];
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
const P521: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x23];
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];

/// What precedes the point in the `SubjectPublicKeyInfo` of a key on P-256.
const P256_INFO: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 3, 1, 7, 3, 0x42, 0,
];

/// 4 ‖ x ‖ y on P-256.
const P256_POINT_BYTES: usize = 65;
const ED25519_BYTES: usize = 32;

/// The `CKA_EC_PARAMS` of new keys.
pub(super) fn curve_of(algorithm: ServerKeyAlgorithm) -> &'static [u8] {
    match algorithm {
        ServerKeyAlgorithm::Ecdsa => P256,
        ServerKeyAlgorithm::Ed25519 => ED25519,
    }
}

/// Curve (`CKA_EC_PARAMS`) and point (`CKA_EC_POINT`) of a public key; `None` for keys that are on
/// no curve.
pub(super) fn curve_and_point(key: &PublicKey) -> Option<(&'static [u8], Vec<u8>)> {
    let (curve, point) = match (key.key_type(), PlainKey::from_spki(key.public())) {
        (KeyType::Ecdsa, Some(PlainKey::Ec { curve, point })) => (curve_bytes(curve), point),
        (KeyType::Ed25519, _) => (ED25519, key.public()),
        _ => return None,
    };
    Some((curve, octet_string(point)?))
}

fn curve_bytes(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::P224 => P224,
        Curve::P256 => P256,
        Curve::P384 => P384,
        Curve::P521 => P521,
    }
}

/// The public key that a new pair's `CKA_EC_POINT` is; `None` for a point of another form.
pub(super) fn public_key(algorithm: ServerKeyAlgorithm, ec_point: &[u8]) -> Option<PublicKey> {
    let public = match algorithm {
        ServerKeyAlgorithm::Ecdsa => {
            let point = stripped(ec_point, P256_POINT_BYTES)?;
            [P256_INFO, point].concat()
        }
        ServerKeyAlgorithm::Ed25519 => stripped(ec_point, ED25519_BYTES)?.to_vec(),
    };
    let key = PublicKey::new(algorithm.key_type(), public);
    let is_whole =
        algorithm == ServerKeyAlgorithm::Ed25519 || PlainKey::from_spki(key.public()).is_some();
    is_whole.then_some(key)
}

/// The bytes inside a DER OCTET STRING. Some tokens leave the wrapping out.
fn stripped(ec_point: &[u8], bytes: usize) -> Option<&[u8]> {
    if ec_point.len() == bytes {
        return Some(ec_point);
    }
    let (tag, rest) = ec_point.split_first()?;
    let (length, content) = rest.split_first()?;
    (*tag == 4 && usize::from(*length) == bytes && content.len() == bytes).then_some(content)
}

/// A DER OCTET STRING around a point of fewer than 256 bytes.
fn octet_string(point: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(point.len()).ok()?;
    let head: &[u8] = if length < 0x80 { &[4, length] } else { &[4, 0x81, length] };
    Some([head, point].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p256_point() -> Vec<u8> {
        let mut point = vec![4];
        point.extend(1..=64);
        point
    }

    #[test]
    fn a_point_is_taken_with_and_without_its_wrapping() {
        let bare = p256_point();
        let wrapped = octet_string(&bare).unwrap();
        assert_eq!(wrapped.len(), 67);
        let key = public_key(ServerKeyAlgorithm::Ecdsa, &wrapped).unwrap();
        assert_eq!(public_key(ServerKeyAlgorithm::Ecdsa, &bare).unwrap(), key);
        assert_eq!(key.public().len(), 91);
        assert_eq!(curve_and_point(&key).unwrap(), (P256, wrapped));
        let seed = [7; 32];
        let key = public_key(ServerKeyAlgorithm::Ed25519, &octet_string(&seed).unwrap()).unwrap();
        assert_eq!(key.public(), seed);
        assert_eq!(curve_and_point(&key).unwrap().0, ED25519);
    }

    #[test]
    fn a_point_of_another_form_is_no_key() {
        let compressed = octet_string(&[2; 33]).unwrap();
        let mut hybrid = p256_point();
        hybrid[0] = 6;
        for point in [&compressed[..], &hybrid, &p256_point()[..64], &[], &[4], &[4, 65]] {
            assert_eq!(public_key(ServerKeyAlgorithm::Ecdsa, point), None, "{point:?}");
        }
        assert_eq!(public_key(ServerKeyAlgorithm::Ed25519, &[5; 33]), None);
    }
}
