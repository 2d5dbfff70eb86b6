//! Which keys are in a token, by what they are labelled with.

use std::collections::BTreeSet;

use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};

use super::error::TokenError;
use super::point;
use super::session::OpenSession;
use countersign_tuf::keys::{PublicKey, ServerKeyAlgorithm};

/// A key that is labelled, or a half of one.
pub(super) struct LabelledKey {
    pub(super) label: String,
    pub(super) id: Vec<u8>,
    /// Its public half, where the token has that and it could be a new key's.
    pub(super) public: Option<PublicKey>,
}

/// Every key in the token that has a `CKA_LABEL` and a `CKA_ID`; both halves of a pair are one.
pub(super) fn labelled(session: &OpenSession) -> Result<Vec<LabelledKey>, TokenError> {
    let (mut keys, mut seen) = (Vec::new(), BTreeSet::new());
    // Public halves say more.
    for class in [ObjectClass::PUBLIC_KEY, ObjectClass::PRIVATE_KEY] {
        for handle in session.find_like(class, &[])? {
            let Some(key) = labelled_key(session, handle)? else { continue };
            if seen.insert((key.label.clone(), key.id.clone())) {
                keys.push(key);
            }
        }
    }
    Ok(keys)
}

/// `None` for an object without these names, and for one that was removed meanwhile.
fn labelled_key(
    session: &OpenSession,
    handle: ObjectHandle,
) -> Result<Option<LabelledKey>, TokenError> {
    let asked = [AttributeType::Label, AttributeType::Id, AttributeType::EcPoint];
    let said = match session.raw().get_attributes(handle, &asked) {
        Ok(said) => said,
        Err(Error::Pkcs11(RvError::ObjectHandleInvalid, _)) => return Ok(None),
        Err(error) => return Err(session.error(&error)),
    };
    let (mut label, mut id, mut public) = (None, None, None);
    for attribute in said {
        match attribute {
            Attribute::Label(bytes) => label = String::from_utf8(bytes).ok(),
            Attribute::Id(bytes) if !bytes.is_empty() => id = Some(bytes),
            Attribute::EcPoint(point) => {
                let both = [ServerKeyAlgorithm::Ecdsa, ServerKeyAlgorithm::Ed25519];
                public = both.iter().find_map(|kind| point::public_key(*kind, &point));
            }
            _ => {}
        }
    }
    Ok(label.zip(id).map(|(label, id)| LabelledKey { label, id, public }))
}
