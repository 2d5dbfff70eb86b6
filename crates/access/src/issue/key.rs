//! The key that signs tokens.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use thiserror::Error;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use zeroize::Zeroizing;

use super::RefreshKey;

/// A certificate that ends so soon is carried no more where there is another.
const NEARLY_OVER: TimeDelta = TimeDelta::days(30);

/// The most certificates that a chain may have.
const MAX_CHAIN: usize = 5;

/// A P-256 key with the certificate by which others know it. Printing it shows nothing of the key.
///
/// Tokens carry the certificate (`x5c`) and no `kid`: registries of the second version and Notary
/// look at the certificate first, those of the third know no `kid` of the older form.
pub struct TokenKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// The header of every token, as tokens hold it.
    header: String,
    refresh: RefreshKey,
    not_before: DateTime<Utc>,
    not_after: DateTime<Utc>,
}

/// Why key and certificate cannot sign tokens.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadTokenKey {
    /// The file of certificates does not parse; holds why.
    #[error("the certificate of the token key is no certificate in PEM: {0}")]
    Certificate(String),
    /// None, or too many.
    #[error(
        "the file of the token key's certificate holds {0} certificates: put in 1 to {MAX_CHAIN}, the key's own first"
    )]
    Chain(usize),
    /// The key does not parse, or is of another kind.
    #[error(
        "the token key is no key of the curve P-256 in PEM (PKCS#8): make one with \
         `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
    )]
    Key,
    /// They do not belong together.
    #[error("the certificate is not that of the token key: name the two that belong together")]
    Mismatch,
}

impl TokenKey {
    /// The key in `key_pem` (PKCS#8) and its certificate, first in `cert_pem`, perhaps with those
    /// between it and its root. Where several certificates are the key's, the first counts that
    /// does not end within a month of `now`: those who have an older file know only that one.
    ///
    /// # Errors
    /// [`BadTokenKey`] when they are not what they must be, or do not belong together.
    pub fn from_pem(
        key_pem: &[u8],
        cert_pem: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Self, BadTokenKey> {
        let der = private_key(key_pem)?;
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random)
            .map_err(|_| BadTokenKey::Key)?;
        let chain = chain_of(certificates(cert_pem)?, pair.public_key().as_ref(), now)?;
        let leaf = chain.first().ok_or(BadTokenKey::Mismatch)?;
        let (not_before, not_after) = (leaf.not_before(), leaf.not_after());
        let x5c: Vec<String> = chain.iter().map(|one| STANDARD.encode(&one.der)).collect();
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": x5c }).to_string();
        Ok(Self {
            header: URL_SAFE_NO_PAD.encode(header),
            refresh: RefreshKey::derive(&der),
            not_before,
            not_after,
            pair,
            random,
        })
    }

    /// The compact JWS over `claims`; `None` when the system gives no randomness.
    pub(super) fn sign(&self, claims: &[u8]) -> Option<String> {
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&self.random, token.as_bytes()).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Some(token)
    }

    /// What makes and reads refresh tokens.
    #[must_use]
    pub fn refresh(&self) -> &RefreshKey {
        &self.refresh
    }

    /// Whether registries take tokens by its certificate at `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// When its certificate ends.
    #[must_use]
    pub fn not_after(&self) -> DateTime<Utc> {
        self.not_after
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey(until {})", self.not_after)
    }
}

fn private_key(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, BadTokenKey> {
    let blocks = pem::parse_many(text).map_err(|_| BadTokenKey::Key)?;
    let key = blocks.into_iter().find(|block| block.tag() == "PRIVATE KEY");
    key.map(|block| Zeroizing::new(block.into_contents())).ok_or(BadTokenKey::Key)
}

/// A certificate, and the bytes that it is of.
struct Certified {
    der: Vec<u8>,
    parsed: Certificate,
}

impl Certified {
    fn is_of(&self, public_key: &[u8]) -> bool {
        let info = self.parsed.tbs_certificate().subject_public_key_info();
        info.subject_public_key.raw_bytes() == public_key
    }

    fn not_before(&self) -> DateTime<Utc> {
        self.parsed.tbs_certificate().validity().not_before.to_system_time().into()
    }

    fn not_after(&self) -> DateTime<Utc> {
        self.parsed.tbs_certificate().validity().not_after.to_system_time().into()
    }
}

/// The certificates that tokens carry, the key's own first.
fn chain_of(
    mut all: Vec<Certified>,
    public_key: &[u8],
    now: DateTime<Utc>,
) -> Result<Vec<Certified>, BadTokenKey> {
    if !all.first().is_some_and(|first| first.is_of(public_key)) {
        return Err(BadTokenKey::Mismatch);
    }
    if all.iter().filter(|one| one.is_of(public_key)).count() == 1 {
        return Ok(all);
    }
    all.retain(|one| one.is_of(public_key));
    let lasting = all.iter().position(|one| one.not_after() - now > NEARLY_OVER);
    let chosen = lasting.unwrap_or(all.len().saturating_sub(1));
    Ok(all.into_iter().skip(chosen).take(1).collect())
}

fn certificates(text: &[u8]) -> Result<Vec<Certified>, BadTokenKey> {
    let blocks =
        pem::parse_many(text).map_err(|error| BadTokenKey::Certificate(error.to_string()))?;
    let ders = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
    let parse = |block: pem::Pem| {
        let der = block.into_contents();
        match Certificate::from_der(&der) {
            Ok(parsed) => Ok(Certified { der, parsed }),
            Err(error) => Err(BadTokenKey::Certificate(error.to_string())),
        }
    };
    let all = ders.map(parse).collect::<Result<Vec<_>, _>>()?;
    match all.len() {
        1..=MAX_CHAIN => Ok(all),
        other => Err(BadTokenKey::Chain(other)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384};

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    /// A certificate of `key` that is good until so many days from now.
    fn until(key: &KeyPair, days: u64) -> String {
        let mut params = CertificateParams::default();
        let seconds = 1_800_000_000 + days * 86_400;
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        params.self_signed(key).unwrap().pem()
    }

    #[test]
    fn of_several_certificates_of_the_key_the_oldest_counts_until_a_month_before_its_end() {
        let key = KeyPair::generate().unwrap();
        let text = key.serialize_pem();
        for (first, second, expected) in
            [(31, 3000, 31), (30, 3000, 3000), (0, 3000, 3000), (31, 20, 31), (9, 20, 20)]
        {
            let both = format!("{}{}", until(&key, first), until(&key, second));
            let chosen = of(&text, &both).unwrap();
            assert_eq!((chosen.not_after() - now()).num_days(), expected, "{first} {second}");
        }
        let other = KeyPair::generate().unwrap();
        let chain = format!("{}{}", until(&key, 9), until(&other, 3000));
        assert_eq!((of(&text, &chain).unwrap().not_after() - now()).num_days(), 9, "a chain");
    }

    fn certificate(key: &KeyPair) -> String {
        CertificateParams::default().self_signed(key).unwrap().pem()
    }

    fn of(key: &str, certificate: &str) -> Result<TokenKey, BadTokenKey> {
        TokenKey::from_pem(key.as_bytes(), certificate.as_bytes(), now())
    }

    #[test]
    fn key_and_certificate_must_belong_together() {
        let (one, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        of(&one.serialize_pem(), &certificate(&one)).unwrap();
        let refused = of(&one.serialize_pem(), &certificate(&other)).unwrap_err();
        assert_eq!(refused, BadTokenKey::Mismatch);
    }

    #[test]
    fn what_is_no_key_or_no_certificate_is_refused() {
        let key = KeyPair::generate().unwrap();
        let (text, certificate_text) = (key.serialize_pem(), certificate(&key));
        for (key, certificate, expected) in [
            ("", certificate_text.as_str(), BadTokenKey::Key),
            ("no PEM", &certificate_text, BadTokenKey::Key),
            (&certificate_text, &certificate_text, BadTokenKey::Key),
            (&text, "", BadTokenKey::Chain(0)),
            (&text, &text, BadTokenKey::Chain(0)),
            (&text, &certificate_text.repeat(6), BadTokenKey::Chain(6)),
        ] {
            assert_eq!(of(key, certificate).unwrap_err(), expected);
        }
        let larger = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let refused = of(&larger.serialize_pem(), &certificate(&larger)).unwrap_err();
        assert_eq!(refused, BadTokenKey::Key);
        let torn = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(matches!(of(&text, torn), Err(BadTokenKey::Certificate(_))));
    }

    #[test]
    fn nothing_of_the_key_is_printed() {
        let key = KeyPair::generate().unwrap();
        let shown = format!("{:?}", of(&key.serialize_pem(), &certificate(&key)).unwrap());
        assert!(shown.starts_with("TokenKey(until ") && shown.len() < 60, "{shown}");
    }
}
