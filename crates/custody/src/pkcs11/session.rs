//! One session with a token, logged in, and the handles that it has given to keys.

use std::collections::HashMap;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::error::TokenError;

/// The most handles that a session remembers: finding a key costs a token with many of them more
/// than signing with it.
const MOST_HANDLES: usize = 4_096;

/// How often objects are looked for that are to be removed.
const MOST_LOOKS: usize = 5;

/// A session. A handle is good in the session that gave it, and nowhere else.
pub(super) struct OpenSession {
    label: String,
    session: Session,
    library: Pkcs11,
    private_keys: HashMap<Vec<u8>, ObjectHandle>,
}

impl OpenSession {
    pub(super) fn new(label: &str, session: Session, library: Pkcs11) -> Self {
        Self { label: label.to_owned(), session, library, private_keys: HashMap::new() }
    }

    /// The session as the library has it.
    pub(super) fn raw(&self) -> &Session {
        &self.session
    }

    /// The library that it belongs to.
    pub(super) fn library(&self) -> &Pkcs11 {
        &self.library
    }

    /// The label of the token.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// What the module said.
    pub(super) fn error(&self, error: &Error) -> TokenError {
        TokenError::of(error, &self.label)
    }

    /// The private key with this `CKA_ID`.
    pub(super) fn private_key(&mut self, id: &[u8]) -> Result<ObjectHandle, TokenError> {
        if let Some(handle) = self.private_keys.get(id) {
            return Ok(*handle);
        }
        let handle = self.find(ObjectClass::PRIVATE_KEY, id)?;
        if self.private_keys.len() >= MOST_HANDLES {
            self.private_keys.clear();
        }
        self.private_keys.insert(id.to_vec(), handle);
        Ok(handle)
    }

    /// The one object of this class with this `CKA_ID`.
    pub(super) fn find(&self, class: ObjectClass, id: &[u8]) -> Result<ObjectHandle, TokenError> {
        let found = self.find_all(class, id)?;
        let (label, id) = (self.label.clone(), hex(id));
        match found.as_slice() {
            [handle] => Ok(*handle),
            [] => Err(TokenError::KeyMissing { label, id }),
            _ => Err(TokenError::KeysAlike { label, id }),
        }
    }

    /// Every object of this class with this `CKA_ID`.
    pub(super) fn find_all(
        &self,
        class: ObjectClass,
        id: &[u8],
    ) -> Result<Vec<ObjectHandle>, TokenError> {
        self.find_like(class, &[Attribute::Id(id.to_vec())])
    }

    /// Every object of this class that is in the token itself and has these attributes.
    pub(super) fn find_like(
        &self,
        class: ObjectClass,
        like: &[Attribute],
    ) -> Result<Vec<ObjectHandle>, TokenError> {
        let mut wanted = vec![Attribute::Class(class), Attribute::Token(true)];
        wanted.extend_from_slice(like);
        self.session.find_objects(&wanted).map_err(|error| self.error(&error))
    }

    /// Removes every object, private and public, with this `CKA_ID`.
    ///
    /// A token that other sessions write to may show an object late, so it is looked for until a
    /// look finds none.
    pub(super) fn destroy(&mut self, id: &[u8]) -> Result<(), TokenError> {
        self.destroy_all(id, &[Attribute::Id(id.to_vec())])
    }

    /// The same of those that have this `CKA_LABEL` too.
    pub(super) fn destroy_labelled(&mut self, id: &[u8], label: &str) -> Result<(), TokenError> {
        let label = Attribute::Label(label.as_bytes().to_vec());
        self.destroy_all(id, &[Attribute::Id(id.to_vec()), label])
    }

    fn destroy_all(&mut self, id: &[u8], like: &[Attribute]) -> Result<(), TokenError> {
        self.private_keys.remove(id);
        for _ in 0..MOST_LOOKS {
            let mut found = self.find_like(ObjectClass::PRIVATE_KEY, like)?;
            found.extend(self.find_like(ObjectClass::PUBLIC_KEY, like)?);
            if found.is_empty() {
                break;
            }
            for handle in found {
                match self.session.destroy_object(handle) {
                    Ok(()) | Err(Error::Pkcs11(RvError::ObjectHandleInvalid, _)) => {}
                    Err(error) => return Err(self.error(&error)),
                }
            }
        }
        Ok(())
    }
}

/// Lower-case hex, as token tools show IDs.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
