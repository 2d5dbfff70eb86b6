//! The certificate authority of one directory: made once, then signs the leaves of the server and
//! of clients.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
    SanType, SerialNumber, date_time_ymd,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use zeroize::Zeroizing;

use super::validity::Validity;
use super::{TlsError, files};

/// How long the authority lives.
const AUTHORITY_LIFETIME: TimeDelta = TimeDelta::days(3650);
/// How long a leaf lives; browsers and macOS refuse more than 398 days.
const LEAF_LIFETIME: TimeDelta = TimeDelta::days(397);
/// How far back the validity starts, for clients whose clock is behind.
const CLOCK_SLACK: TimeDelta = TimeDelta::hours(1);
/// Why an authority of another make cannot sign here.
const NOT_OURS: &str = "ca.crt was not made by this program, so ca.key is of no use here";

/// A name that the leaf carries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    /// A host name, in lower case.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// Whom a leaf is for.
pub(super) enum Bearer {
    /// A server that clients reach by these names.
    Server(BTreeSet<Host>),
    /// A client of this name.
    Client(String),
}

/// A certificate authority that can sign.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Leaf,
}

/// What a certificate in a file says of itself.
pub(super) struct Leaf(Certificate);

impl Authority {
    /// A new authority for `key`, and its certificate in PEM form.
    pub(super) fn make(key: KeyPair, now: DateTime<Utc>) -> Result<(Self, String), TlsError> {
        let mut params = authority_params(&authority_name(&key));
        let not_before = now - CLOCK_SLACK;
        set_validity(&mut params, not_before, not_before + AUTHORITY_LIFETIME);
        params.serial_number = Some(random_serial()?);
        let pem = params.self_signed(&key).map_err(issue)?.pem();
        let certificate = Leaf::parse(pem.as_bytes())?;
        Ok((Self { issuer: Issuer::new(params, key), certificate }, pem))
    }

    /// The authority of `cert` and `key`, as [`Authority::make`] made it.
    pub(super) fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let certificate = Leaf::load(cert)?;
        let key_pair = load_key(key)?;
        if certificate.public_key_info()? != key_pair.subject_public_key_info() {
            return Err(TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() });
        }
        let params = authority_params(&authority_name(&key_pair));
        Ok(Self { issuer: Issuer::new(params, key_pair), certificate })
    }

    /// The authority of `dir`: `ca.crt` and `ca.key`.
    pub(super) fn of_dir(dir: &Path) -> Result<Self, TlsError> {
        let (cert, key) = (dir.join("ca.crt"), dir.join("ca.key"));
        for (file, missing) in [(&cert, "ca.crt"), (&key, "ca.key")] {
            if !files::is_there(file)? {
                return Err(TlsError::Incomplete { dir: dir.to_owned(), missing });
            }
        }
        Self::load(&cert, &key)
    }

    /// When it is valid.
    pub(super) fn validity(&self) -> Validity {
        self.certificate.validity()
    }

    /// Whether `name` is that of this authority.
    pub(super) fn is_named(&self, name: &Name) -> bool {
        name == self.certificate.0.tbs_certificate().subject()
    }

    /// A revocation list, in PEM form.
    pub(super) fn sign_list(
        &self,
        list: &CertificateRevocationListParams,
    ) -> Result<String, TlsError> {
        let signed = list.signed_by(&self.issuer).map_err(issue)?;
        let parsed = <CertificateList>::from_der(signed.der()).map_err(issue)?;
        if !self.is_named(&parsed.tbs_cert_list.issuer) {
            return Err(issue(NOT_OURS));
        }
        signed.pem().map_err(issue)
    }

    /// Whether `leaf` names this authority as its issuer.
    pub(super) fn issued(&self, leaf: &Leaf) -> bool {
        self.is_named(leaf.0.tbs_certificate().issuer())
    }

    /// A leaf for `key` and its `bearer`, in PEM form. It never outlives the authority.
    pub(super) fn issue(
        &self,
        bearer: &Bearer,
        key: &KeyPair,
        now: DateTime<Utc>,
    ) -> Result<String, TlsError> {
        let not_before = now - CLOCK_SLACK;
        let last = self.certificate.validity().not_after;
        let mut params = CertificateParams::default();
        set_validity(&mut params, not_before, last.min(not_before + LEAF_LIFETIME));
        params.serial_number = Some(random_serial()?);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        match bearer {
            Bearer::Server(hosts) => {
                params.distinguished_name = common_name("countersign");
                params.subject_alt_names =
                    hosts.iter().map(Host::to_san).collect::<Result<_, _>>()?;
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }
            Bearer::Client(name) => {
                params.distinguished_name = common_name(name);
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }
        }
        params.use_authority_key_identifier_extension = true;
        let pem = params.signed_by(key, &self.issuer).map_err(issue)?.pem();
        if !self.issued(&Leaf::parse(pem.as_bytes())?) {
            return Err(issue(NOT_OURS));
        }
        Ok(pem)
    }
}

impl Leaf {
    /// Reads the first certificate of a PEM file.
    pub(super) fn load(path: &Path) -> Result<Self, TlsError> {
        Self::parse(&super::identity::read(path)?).map_err(|error| TlsError::BadPem {
            path: path.to_owned(),
            expected: "certificate",
            reason: error.to_string(),
        })
    }

    /// Reads every certificate of a PEM file, each with its own PEM text.
    pub(super) fn load_all(path: &Path) -> Result<Vec<(Self, String)>, TlsError> {
        let bad = |reason: String| TlsError::BadPem {
            path: path.to_owned(),
            expected: "certificate",
            reason,
        };
        let text = String::from_utf8(super::identity::read(path)?)
            .map_err(|error| bad(error.to_string()))?;
        const END: &str = "-----END CERTIFICATE-----";
        let blocks = text.split_inclusive(END).filter(|block| block.ends_with(END));
        blocks
            .map(|block| {
                let leaf = Self::parse(block.as_bytes()).map_err(|error| bad(error.to_string()))?;
                Ok((leaf, format!("{}\n", block.trim_start())))
            })
            .collect()
    }

    fn parse(pem: &[u8]) -> Result<Self, TlsError> {
        let der = CertificateDer::from_pem_slice(pem).map_err(issue)?;
        Certificate::from_der(&der).map(Self).map_err(issue)
    }

    /// When it is valid.
    pub(super) fn validity(&self) -> Validity {
        Validity::of(&self.0)
    }

    /// Its serial number, as big-endian bytes.
    pub(super) fn serial(&self) -> Vec<u8> {
        self.0.tbs_certificate().serial_number().as_bytes().to_vec()
    }

    /// The names it carries; those of other kinds are left out.
    pub(super) fn hosts(&self) -> BTreeSet<Host> {
        let names = self.0.tbs_certificate().get_extension::<SubjectAltName>();
        let Ok(Some((_, names))) = names else { return BTreeSet::new() };
        names.0.iter().filter_map(Host::from_general_name).collect()
    }

    /// The last common name of its subject.
    pub(super) fn common_name(&self) -> Option<String> {
        let subject = self.0.tbs_certificate().subject().to_string();
        let name = subject.split(',').find_map(|part| part.strip_prefix("CN="));
        name.map(str::to_owned)
    }

    fn public_key_info(&self) -> Result<Vec<u8>, TlsError> {
        self.0.tbs_certificate().subject_public_key_info().to_der().map_err(issue)
    }
}

impl Host {
    /// A host name or an IP address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match rustls_pki_types::ServerName::try_from(text).ok()? {
            rustls_pki_types::ServerName::DnsName(name) => {
                Some(Self::Name(name.as_ref().to_ascii_lowercase()))
            }
            rustls_pki_types::ServerName::IpAddress(address) => Some(Self::Address(address.into())),
            _ => None,
        }
    }

    fn from_general_name(name: &GeneralName) -> Option<Self> {
        match name {
            GeneralName::DnsName(name) => Some(Self::Name(name.as_str().to_ascii_lowercase())),
            GeneralName::IpAddress(raw) => {
                let raw = raw.as_bytes();
                let v4 = <[u8; 4]>::try_from(raw).map(IpAddr::from);
                v4.or_else(|_| <[u8; 16]>::try_from(raw).map(IpAddr::from)).ok().map(Self::Address)
            }
            _ => None,
        }
    }

    fn to_san(&self) -> Result<SanType, TlsError> {
        Ok(match self {
            Self::Name(name) => SanType::DnsName(name.as_str().try_into().map_err(issue)?),
            Self::Address(address) => SanType::IpAddress(*address),
        })
    }
}

/// A new ECDSA P-256 key.
pub(super) fn make_key() -> Result<KeyPair, TlsError> {
    KeyPair::generate().map_err(issue)
}

/// The key in a PEM file (PKCS#8).
pub(super) fn load_key(path: &Path) -> Result<KeyPair, TlsError> {
    let bad = |reason: String| TlsError::BadPem {
        path: path.to_owned(),
        expected: "private key",
        reason,
    };
    let bytes = Zeroizing::new(super::identity::read(path)?);
    let text = std::str::from_utf8(&bytes).map_err(|error| bad(error.to_string()))?;
    KeyPair::from_pem(text).map_err(|error| bad(error.to_string()))
}

fn issue(error: impl std::fmt::Display) -> TlsError {
    TlsError::Issue { reason: error.to_string() }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A name of its own for each authority, so that a client that trusts two of them can tell them
/// apart; made from the key, so that it can be made again when only the files are there.
fn authority_name(key: &KeyPair) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info());
    let short: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("Countersign local CA {short}")
}

fn common_name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

pub(super) fn random_serial() -> Result<SerialNumber, TlsError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| issue("the system gave no randomness"))?;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Sets the dates, to the second, kept within the years that a certificate can state.
pub(crate) fn set_validity(params: &mut CertificateParams, from: DateTime<Utc>, to: DateTime<Utc>) {
    const LAST_SECOND: i64 = 253_402_300_799;
    let since_epoch = |time: DateTime<Utc>| {
        Duration::from_secs(u64::try_from(time.timestamp().clamp(0, LAST_SECOND)).unwrap_or(0))
    };
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(from);
    params.not_after = epoch + since_epoch(to);
}
