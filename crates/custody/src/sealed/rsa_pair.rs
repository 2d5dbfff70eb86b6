//! An RSA key pair. None is made here: they only come in rows that another program put there.
//!
//! PSS with SHA-256 and a salt of 32 bytes (signer spec 2.3). Moduli of 2048 to 4096 bits.

use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{KeyPair as _, RSA_PSS_SHA256};
use zeroize::Zeroizing;

use super::fault::Fault;

/// The DER `RSAPrivateKey` (PKCS#1), known to be good. Ring does not wipe its keys, so it gets
/// these bytes anew for each signature and none of its keys is kept.
pub(super) struct RsaPair(Zeroizing<Vec<u8>>);

impl RsaPair {
    /// Loads PKCS#1, and proves that it belongs to `public`, which is PKCS#1 too.
    pub(super) fn load(public: &[u8], pkcs1: &[u8]) -> Result<Self, Fault> {
        let pair = KeyPair::from_der(pkcs1).map_err(|_| Fault::Plaintext { algorithm: "rsa" })?;
        if pair.public_key().as_ref() != public {
            return Err(Fault::PublicMismatch);
        }
        Ok(Self(Zeroizing::new(pkcs1.to_vec())))
    }

    /// The PKCS#1 that it was loaded from.
    pub(super) fn to_pkcs1(&self) -> Zeroizing<Vec<u8>> {
        self.0.clone()
    }

    /// Signs the whole `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let pair = KeyPair::from_der(&self.0).map_err(|_| Fault::PublicMismatch)?;
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| Fault::Sealing("the system gives no random bytes"))?;
        Ok(signature)
    }
}
