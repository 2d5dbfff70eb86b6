//! Whom a client's certificate names. Pure.
//!
//! A name is taken only when it can be read in one way: the certificate has exactly one of the
//! chosen kind, in an encoding and in characters that every reader shows alike. In every other case
//! there is none, and the client is let in as nobody in particular.
//! Never in here: whether the certificate counts; whoever asks has verified it.

use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Decode as _, Tag, Tagged as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The longest name, in bytes.
const MAX_BYTES: usize = 255;

/// Which part of a client's certificate is its user's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameSource {
    /// The subject's common name, as it is.
    #[default]
    CommonName,
    /// The DNS name among the alternative names, in lower case.
    Dns,
    /// The address of mail among them, its part after the `@` in lower case.
    Email,
    /// The URI among them, as it is.
    Uri,
}

/// Why a certificate names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Nameless {
    /// The name has characters, or an encoding, that not every reader shows alike.
    #[error("the name in it is empty, too long, or has characters that a name may not have")]
    Dubious,
    /// There is no name of the chosen kind.
    #[error("it has no name of the kind that tls.client_name says")]
    Missing,
    /// There are several, and no rule says which one counts.
    #[error("it has several names of the kind that tls.client_name says")]
    Several,
}

/// The one name of the kind `source` in `leaf`.
pub(super) fn user_name(leaf: &CertificateDer<'_>, source: NameSource) -> Result<String, Nameless> {
    let certificate = Certificate::from_der(leaf).map_err(|_| Nameless::Dubious)?;
    let name = match source {
        NameSource::CommonName => common_name(&certificate)?,
        NameSource::Dns => alternative(&certificate, |name| match name {
            GeneralName::DnsName(name) => Some(name.as_str()),
            _ => None,
        })?
        .to_ascii_lowercase(),
        NameSource::Email => {
            let address = alternative(&certificate, |name| match name {
                GeneralName::Rfc822Name(address) => Some(address.as_str()),
                _ => None,
            })?;
            mail_address(&address)?
        }
        NameSource::Uri => alternative(&certificate, |name| match name {
            GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
            _ => None,
        })?,
    };
    let has_no_blank = source == NameSource::CommonName || !name.contains(' ');
    if is_plain(&name) && has_no_blank { Ok(name) } else { Err(Nameless::Dubious) }
}

fn common_name(certificate: &Certificate) -> Result<String, Nameless> {
    let subject = certificate.tbs_certificate().subject();
    let found = only(subject.iter().filter(|part| part.oid == COMMON_NAME))?;
    text(found).ok_or(Nameless::Dubious)
}

/// The value, in one of the encodings of which there is only one reading.
fn text(part: &AttributeTypeAndValue) -> Option<String> {
    let value = &part.value;
    Some(match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::PrintableString => {
            value.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().to_owned()
        }
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.as_str().to_owned(),
        _ => return None,
    })
}

fn alternative(
    certificate: &Certificate,
    of_kind: impl Fn(&GeneralName) -> Option<&str>,
) -> Result<String, Nameless> {
    let names = certificate.tbs_certificate().get_extension::<SubjectAltName>();
    let (_, SubjectAltName(names)) =
        names.map_err(|_| Nameless::Dubious)?.ok_or(Nameless::Missing)?;
    only(names.iter().filter_map(of_kind)).map(str::to_owned)
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Result<T, Nameless> {
    let first = found.next().ok_or(Nameless::Missing)?;
    if found.next().is_some() { Err(Nameless::Several) } else { Ok(first) }
}

fn mail_address(address: &str) -> Result<String, Nameless> {
    match address.split_once('@') {
        Some((user, domain)) if !user.is_empty() && !domain.is_empty() && !domain.contains('@') => {
            Ok(format!("{user}@{}", domain.to_ascii_lowercase()))
        }
        _ => Err(Nameless::Dubious),
    }
}

/// Whether nothing in the name is invisible, changes the direction of writing, stands for other
/// names (`*`), or gets lost at its ends.
fn is_plain(name: &str) -> bool {
    let fits = (1..=MAX_BYTES).contains(&name.len());
    let ends = |c: char| c == ' ';
    let plain = |c: char| c.is_alphanumeric() || c == ' ' || (c.is_ascii_punctuation() && c != '*');
    fits && !name.starts_with(ends) && !name.ends_with(ends) && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, SanType};

    use super::*;

    fn certificate(subject: Vec<DnValue>, names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for value in subject {
            params.distinguished_name.push(DnType::CommonName, value);
        }
        params.distinguished_name.push(DnType::OrganizationName, "unit");
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn common(name: &str) -> Result<String, Nameless> {
        let subject = vec![DnValue::Utf8String(name.to_owned())];
        user_name(&certificate(subject, Vec::new()), NameSource::CommonName)
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn mail(address: &str) -> SanType {
        SanType::Rfc822Name(address.try_into().unwrap())
    }

    fn uri(uri: &str) -> SanType {
        SanType::URI(uri.try_into().unwrap())
    }

    #[test]
    fn a_common_name_is_taken_as_it_is() {
        for name in ["ci", "Alice Example", "José", "team/ci", "a.b_c-d", "CN=x, O=y", "李雷"] {
            assert_eq!(common(name).as_deref(), Ok(name));
        }
        let printable = DnValue::PrintableString("ci".try_into().unwrap());
        let printed = certificate(vec![printable], Vec::new());
        assert_eq!(user_name(&printed, NameSource::CommonName).as_deref(), Ok("ci"));
    }

    #[test]
    fn a_name_that_readers_could_take_for_another_counts_for_nobody() {
        let long = "x".repeat(256);
        for name in [
            "",
            " ci",
            "ci ",
            "ci\0.evil",
            "ci\n",
            "a\tb",
            "a\u{a0}b",
            "a\u{200b}b",
            "\u{202e}ic",
            "Jose\u{301}",
            "*",
            "*.example.com",
            &long,
        ] {
            assert_eq!(common(name), Err(Nameless::Dubious), "{name:?}");
        }
        let longest = "x".repeat(255);
        assert_eq!(common(&longest).as_deref(), Ok(longest.as_str()));
    }

    #[test]
    fn an_encoding_of_two_readings_counts_for_nobody() {
        for value in [
            DnValue::TeletexString("ci".try_into().unwrap()),
            DnValue::BmpString("ci".try_into().unwrap()),
        ] {
            let made = certificate(vec![value], Vec::new());
            assert_eq!(user_name(&made, NameSource::CommonName), Err(Nameless::Dubious));
        }
    }

    #[test]
    fn without_a_name_of_the_kind_or_with_several_there_is_none() {
        let bare = certificate(Vec::new(), Vec::new());
        let sources = [NameSource::CommonName, NameSource::Dns, NameSource::Email, NameSource::Uri];
        for source in sources {
            assert_eq!(user_name(&bare, source), Err(Nameless::Missing), "{source:?}");
        }
        let two = vec![dns("a.example"), dns("b.example"), mail("a@b"), mail("a@c")];
        let two = certificate(Vec::new(), two);
        assert_eq!(user_name(&two, NameSource::Dns), Err(Nameless::Several));
        assert_eq!(user_name(&two, NameSource::Email), Err(Nameless::Several));
        assert_eq!(user_name(&two, NameSource::Uri), Err(Nameless::Missing));
    }

    #[test]
    fn each_kind_of_alternative_name_has_its_form() {
        let names =
            vec![dns("CI.Example.COM"), mail("Alice@Example.COM"), uri("spiffe://Example.com/CI")];
        let made = certificate(vec![DnValue::Utf8String("x".to_owned())], names);
        for (source, expected) in [
            (NameSource::CommonName, "x"),
            (NameSource::Dns, "ci.example.com"),
            (NameSource::Email, "Alice@example.com"),
            (NameSource::Uri, "spiffe://Example.com/CI"),
        ] {
            assert_eq!(user_name(&made, source).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn alternative_names_that_are_none_count_for_nobody() {
        for (name, source) in [
            (dns("*.example.com"), NameSource::Dns),
            (mail("alice"), NameSource::Email),
            (mail("@example.com"), NameSource::Email),
            (mail("a@b@example.com"), NameSource::Email),
            (mail("al ice@example.com"), NameSource::Email),
            (uri("urn:a b"), NameSource::Uri),
            (uri(""), NameSource::Uri),
        ] {
            let made = certificate(Vec::new(), vec![name]);
            assert_eq!(user_name(&made, source), Err(Nameless::Dubious), "{source:?}");
        }
    }

    /// RFC 4514 lets a subject have several; which one is "the" name is a matter of the reader.
    #[test]
    fn a_second_common_name_takes_the_first_away() {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "bob");
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        assert_eq!(user_name(made.der(), NameSource::CommonName), Err(Nameless::Several));
    }
}
