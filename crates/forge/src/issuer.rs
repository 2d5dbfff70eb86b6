//! rcgen's view of the forge's keys, which sign the certificates that list them.
//!
//! rcgen's own keys sign with fresh randomness; these make the same certificate every time.

use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer as _;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::KeyPair as _;

use crate::key::rsa_sign;

/// rcgen's view of a P-256 key.
pub(crate) struct EcdsaIssuer<'a> {
    private: &'a p256::ecdsa::SigningKey,
    point: Vec<u8>,
}

impl<'a> EcdsaIssuer<'a> {
    pub(crate) fn new(private: &'a p256::ecdsa::SigningKey) -> Self {
        let point = private.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { private, point }
    }
}

impl rcgen::PublicKeyData for EcdsaIssuer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for EcdsaIssuer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: Signature = self.private.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// rcgen's view of a P-384 key. Its certificates are signed with SHA-384, as `openssl` does.
pub(crate) struct P384Issuer<'a> {
    private: &'a p384::ecdsa::SigningKey,
    point: Vec<u8>,
}

impl<'a> P384Issuer<'a> {
    pub(crate) fn new(private: &'a p384::ecdsa::SigningKey) -> Self {
        let point = private.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { private, point }
    }
}

impl rcgen::PublicKeyData for P384Issuer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P384_SHA384
    }
}

impl rcgen::SigningKey for P384Issuer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: p384::ecdsa::Signature = self.private.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// rcgen's view of an RSA public key in PKCS#1.
pub(crate) struct RsaPublic<'a>(pub(crate) &'a [u8]);

impl rcgen::PublicKeyData for RsaPublic<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

pub(crate) struct RsaIssuer<'a>(pub(crate) &'a RsaKeyPair);

impl rcgen::PublicKeyData for RsaIssuer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for RsaIssuer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(rsa_sign(self.0, &ring::signature::RSA_PKCS1_SHA256, message))
    }
}
