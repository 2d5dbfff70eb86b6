//! A key in a token.

use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::error::TokenError;
use super::objects::{self, Arriving, Wanted};
use super::token::Token;
use super::uri::TokenUri;
use countersign_tuf::keys::{PublicKey, ServerKeyAlgorithm};
use countersign_tuf::names::{Gun, ServerRole};

/// The length of the `CKA_ID` that a pair is made with.
const FIRST_ID_BYTES: usize = 16;

/// A key whose private half is in a token.
#[derive(Clone)]
pub struct TokenKey {
    token: Token,
    public: PublicKey,
    id: Vec<u8>,
}

impl TokenKey {
    /// Makes a key in the token, for this GUN and role. Its private half never leaves.
    ///
    /// # Errors
    /// When the token cannot; then nothing of it stays, as far as the token allows.
    pub async fn make(
        token: &Token,
        algorithm: ServerKeyAlgorithm,
        gun: &Gun,
        role: ServerRole,
    ) -> Result<Self, TokenError> {
        let mut first_id = vec![0; FIRST_ID_BYTES];
        SystemRandom::new().fill(&mut first_id).map_err(|_| TokenError::Refused {
            label: token.label().to_owned(),
            reason: "the system gives no random bytes".to_owned(),
        })?;
        let wanted = Wanted { algorithm, label: label(gun.as_str(), role.as_str()), first_id };
        let (public, id) = token.change(move |session| objects::make(session, &wanted)).await?;
        Ok(Self { token: token.clone(), public, id })
    }

    /// The key that `uri` names, whose public half is `public`. Nothing is asked of the token: that
    /// the halves belong together shows when it signs.
    ///
    /// # Errors
    /// [`TokenError::AnotherToken`] when it is in a token of another label.
    pub fn named(token: &Token, uri: &TokenUri, public: PublicKey) -> Result<Self, TokenError> {
        refuse_another_token(token, uri)?;
        Ok(Self { token: token.clone(), public, id: uri.id().to_vec() })
    }

    /// Proves that the token has it.
    ///
    /// # Errors
    /// When the token does not answer, or has no such key.
    pub async fn is_there(&self) -> Result<(), TokenError> {
        let id = self.id.clone();
        self.token.call(move |session| session.private_key(&id).map(drop)).await
    }

    /// Puts a key into the token whose private half (the scalar, big-endian, or the seed of
    /// Ed25519) is outside. Done already, it is not done twice.
    ///
    /// # Errors
    /// When the token does not take it.
    pub async fn put_in(
        token: &Token,
        public: PublicKey,
        value: Zeroizing<Vec<u8>>,
        gun: &str,
        role: &str,
    ) -> Result<Self, TokenError> {
        let arriving = Arriving { key: public.clone(), value, label: label(gun, role) };
        let id = token.change(move |session| objects::put_in(session, &arriving)).await?;
        Ok(Self { token: token.clone(), public, id })
    }

    /// The private half, if the token gives it out, as it is or wrapped: the scalar, or the seed of
    /// Ed25519.
    ///
    /// # Errors
    /// [`TokenError::NotExtractable`] when it does not, which is what most keys want;
    /// [`TokenError::NotWrapped`] when it might.
    pub async fn take_out(&self) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let id = self.id.clone();
        self.token.change(move |session| objects::take_out(session, &id)).await
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// How a row names it.
    #[must_use]
    pub fn uri(&self) -> TokenUri {
        TokenUri::new(self.token.label(), &self.id)
    }

    /// Signs the whole `message`. The signature has been verified.
    ///
    /// # Errors
    /// When the token does not answer, or has the key no more.
    pub async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let (id, key, message) = (self.id.clone(), self.public.clone(), message.to_vec());
        self.token.call(move |session| objects::sign(session, &id, &key, &message)).await
    }

    /// Removes the key from the token. One that is not there is no error.
    ///
    /// # Errors
    /// When the token does not answer, or does not let go of it.
    pub async fn destroy(self) -> Result<(), TokenError> {
        let id = self.id;
        self.token.change(move |session| session.destroy(&id)).await
    }

    /// Removes the key that `uri` names. One that is not there is no error.
    ///
    /// # Errors
    /// As [`TokenKey::named`] and [`TokenKey::destroy`].
    pub async fn remove(token: &Token, uri: &TokenUri) -> Result<(), TokenError> {
        refuse_another_token(token, uri)?;
        let id = uri.id().to_vec();
        token.change(move |session| session.destroy(&id)).await
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("public", &self.public)
            .field("uri", &self.uri().to_string())
            .finish_non_exhaustive()
    }
}

fn refuse_another_token(token: &Token, uri: &TokenUri) -> Result<(), TokenError> {
    if uri.token() == token.label() {
        return Ok(());
    }
    let (label, configured) = (uri.token().to_owned(), token.label().to_owned());
    Err(TokenError::AnotherToken { label, configured })
}

/// What every label of ours begins with.
const LABEL: &str = "countersign ";

/// What an operator finds it by.
fn label(gun: &str, role: &str) -> String {
    format!("{LABEL}{gun} {role}")
}

/// GUN and role in a label; `None` where it is not ours.
pub(super) fn parts_of_label(label: &str) -> Option<(&str, &str)> {
    let (gun, role) = label.strip_prefix(LABEL)?.rsplit_once(' ')?;
    let is_role = role.is_empty()
        || [ServerRole::Snapshot, ServerRole::Timestamp].iter().any(|known| known.as_str() == role);
    is_role.then_some((gun, role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_gives_gun_and_role_back_and_what_is_not_ours_gives_none() {
        for (gun, role) in [("a/b", "timestamp"), ("a b ", "snapshot"), ("", ""), ("a", "")] {
            assert_eq!(parts_of_label(&label(gun, role)), Some((gun, role)));
        }
        for other in ["", "countersign", "countersign ", "countersign a/b root", "a/b timestamp"] {
            assert_eq!(parts_of_label(other), None, "{other:?}");
        }
    }
}
