//! Certificates as clients put them into root and delegation keys.

use chrono::{DateTime, Datelike as _, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SerialNumber, SigningKey,
};

/// `sha256WithRSAEncryption` and `sha1WithRSAEncryption` as DER: they differ in the last byte.
const RSA_SHA256: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const RSA_SHA1: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05];

/// What a certificate says. [`CertificateShape::of_client`] is what the `notary` client makes;
/// tests change one field.
#[derive(Clone, Debug)]
pub struct CertificateShape {
    /// The subject's common name: the GUN.
    pub common_name: String,
    /// First moment of validity, cut to the day.
    pub not_before: DateTime<Utc>,
    /// Last moment of validity, cut to the day.
    pub not_after: DateTime<Utc>,
    /// What BasicConstraints say.
    pub standing: Standing,
    /// The hash that the certificate says it was signed with.
    pub digest: SignatureDigest,
}

/// What a certificate's BasicConstraints say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// `CA:TRUE`.
    Authority,
    /// `CA:FALSE`.
    Leaf,
}

/// The hash that a certificate names in its signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureDigest {
    /// SHA-1. For RSA keys only; the certificate's own signature is then wrong, and Notary does
    /// not check it.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl CertificateShape {
    /// Ten years from the day before `now`, `CA:FALSE`, SHA-256.
    #[must_use]
    pub fn of_client(gun: &str, now: DateTime<Utc>) -> Self {
        Self {
            common_name: gun.to_owned(),
            not_before: now - Duration::days(1),
            not_after: now + Duration::days(3650),
            standing: Standing::Leaf,
            digest: SignatureDigest::Sha256,
        }
    }

    /// The certificate in PEM, signed by `key` for itself.
    pub(crate) fn issue(&self, key: &impl SigningKey) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.common_name.as_str());
        let day = |moment: DateTime<Utc>| {
            let number = |value: u32| u8::try_from(value).unwrap_or(1);
            rcgen::date_time_ymd(moment.year(), number(moment.month()), number(moment.day()))
        };
        params.not_before = day(self.not_before);
        params.not_after = day(self.not_after);
        params.serial_number = Some(SerialNumber::from(1));
        params.is_ca = match self.standing {
            Standing::Authority => IsCa::Ca(BasicConstraints::Unconstrained),
            Standing::Leaf => IsCa::ExplicitNoCa,
        };
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        #[expect(
            clippy::expect_used,
            reason = "rcgen refuses names and extensions that are never set here"
        )]
        let issued = params.self_signed(key).expect("a self-signed certificate");
        let der = issued.der().as_ref();
        pem(match self.digest {
            SignatureDigest::Sha256 => der.to_vec(),
            SignatureDigest::Sha1 => replace_all(der, RSA_SHA256, RSA_SHA1),
        })
    }
}

/// One `CERTIFICATE` block in Notary's layout: 64 columns, LF.
fn pem(der: Vec<u8>) -> String {
    let layout = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), layout)
}

/// `bytes` with `old` replaced by the equally long `new`, wherever it stands.
fn replace_all(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(old) {
            out.extend_from_slice(new);
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}
