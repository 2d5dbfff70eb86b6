//! Whose signatures count for one issuer.

use std::collections::HashMap;

use super::algorithm::Algorithm;
use super::bundle::CertificateBundle;
use super::jwks::Jwks;
use super::public_key::PublicKey;

/// The keys of one issuer, as they are at one time.
#[derive(Clone, Debug)]
pub struct TrustedKeys {
    bundle: CertificateBundle,
    /// By what a token may call them.
    named: HashMap<String, Vec<SigningKey>>,
    rules: KeyRules,
    completeness: Completeness,
}

/// A key, and what it may be used with.
#[derive(Clone, Debug)]
pub(super) struct SigningKey {
    pub(super) key: PublicKey,
    /// The only algorithm it takes, if there is one.
    pub(super) algorithm: Option<Algorithm>,
}

/// By which rules keys are named and taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyRules {
    /// As Notary has them.
    Notary,
    /// With Ed25519, thumbprints and the names of key sets as well.
    Ours,
}

/// Whether all keys there are have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// All that are configured.
    Complete,
    /// A source of keys has not answered: a key that is not known may yet be one.
    Lacking,
}

impl TrustedKeys {
    /// Those of a `rootcertbundle`, by Notary's rules.
    #[must_use]
    pub fn notary(bundle: CertificateBundle) -> Self {
        let mut keys = Self::none(KeyRules::Notary);
        for key in bundle.keys() {
            keys.name(key.key_id().as_str(), key, None);
        }
        keys.bundle = bundle;
        keys
    }

    /// Those of certificates and key sets.
    #[must_use]
    pub fn of(bundle: CertificateBundle, jwks: &[&Jwks], completeness: Completeness) -> Self {
        let mut keys = Self { completeness, ..Self::none(KeyRules::Ours) };
        for key in bundle.keys() {
            keys.name_by_content(key, None);
        }
        for jwk in jwks.iter().flat_map(|jwks| jwks.keys()) {
            keys.name_by_content(&jwk.key, jwk.algorithm);
            if let Some(kid) = &jwk.kid {
                keys.name(kid, &jwk.key, jwk.algorithm);
            }
        }
        keys.bundle = bundle;
        keys
    }

    fn none(rules: KeyRules) -> Self {
        Self {
            bundle: CertificateBundle::default(),
            named: HashMap::new(),
            rules,
            completeness: Completeness::Complete,
        }
    }

    fn name_by_content(&mut self, key: &PublicKey, algorithm: Option<Algorithm>) {
        self.name(key.key_id().as_str(), key, algorithm);
        self.name(key.thumbprint().as_str(), key, algorithm);
    }

    fn name(&mut self, name: &str, key: &PublicKey, algorithm: Option<Algorithm>) {
        let named = self.named.entry(name.to_owned()).or_default();
        if !named.iter().any(|one| one.key == *key && one.algorithm == algorithm) {
            named.push(SigningKey { key: key.clone(), algorithm });
        }
    }

    /// The keys of this name: one, unless a key set gives one name to several.
    pub(super) fn by_name(&self, name: &str) -> &[SigningKey] {
        self.named.get(name).map_or(&[], Vec::as_slice)
    }

    /// The same key, if it is trusted.
    pub(super) fn by_content(&self, key: &PublicKey) -> &[SigningKey] {
        self.by_name(key.key_id().as_str())
    }

    pub(super) fn bundle(&self) -> &CertificateBundle {
        &self.bundle
    }

    /// Whether keys of this kind count at all.
    pub(super) fn takes(&self, key: &PublicKey) -> bool {
        self.rules == KeyRules::Ours || !key.is_ed25519()
    }

    /// Whether a key of a key set needs no chain.
    pub(super) fn trusts_without_chain(&self, key: &PublicKey) -> bool {
        self.rules == KeyRules::Ours
            && !self.by_content(key).is_empty()
            && !self.bundle.keys().any(|trusted| trusted == key)
    }

    /// Whether a key whose chain leads nowhere may yet be one of a key set.
    pub(super) fn may_lack(&self, key: &PublicKey) -> bool {
        self.completeness == Completeness::Lacking
            || (self.bundle.keys().next().is_none() && self.by_content(key).is_empty())
    }

    pub(super) fn completeness(&self) -> Completeness {
        self.completeness
    }
}

impl SigningKey {
    /// One that takes every algorithm of its kind.
    pub(super) fn plain(key: PublicKey) -> Self {
        Self { key, algorithm: None }
    }

    /// Whether `signature` by `algorithm` is this key's over `message`.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.algorithm.is_none_or(|only| only == algorithm)
            && algorithm.verify(&self.key, message, signature)
    }
}
