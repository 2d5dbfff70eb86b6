//! The check of a signer's certificate in a handshake.
//!
//! Never in here: files. The chain is judged by rustls; added is what Go allows and rustls does
//! not: a certificate that is itself in the file counts for itself, also if it is an authority.
//! Notary's samples name the signer's own certificate as its authority.
//!
//! Source: signer spec 1.5.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage};

use super::signer_tls::BadTls;

/// The purposes in RFC 5280, 4.2.1.12, that fit a server.
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Takes a signer that shows one of the given certificates, or one that an authority among them
/// issued, if the certificate is for the name that was asked for.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    given: Vec<CertificateDer<'static>>,
    issued: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerVerifier {
    pub(super) fn new(
        certificates: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, BadTls> {
        let mut authorities = RootCertStore::empty();
        for der in &certificates {
            let parsed = Certificate::from_der(der).map_err(BadTls::authority)?;
            // rustls would let every anchor issue, whatever it says of itself.
            if is_authority(&parsed) {
                authorities.add(der.clone()).map_err(BadTls::authority)?;
            }
        }
        let issued = if authorities.is_empty() {
            None
        } else {
            let (authorities, provider) = (Arc::new(authorities), Arc::clone(provider));
            let built = WebPkiServerVerifier::builder_with_provider(authorities, provider).build();
            Some(built.map_err(BadTls::authority)?)
        };
        Ok(Self { given: certificates, issued, provider: Arc::clone(provider) })
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.given.contains(end_entity) {
            verify_given(end_entity, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        match &self.issued {
            Some(issued) => issued.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate that is in the file needs no issuer; but dates and purpose count as for any.
fn verify_given(der: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let parsed = Certificate::from_der(der).map_err(|_| CertificateError::BadEncoding)?;
    let contents = parsed.tbs_certificate();
    let now = UNIX_EPOCH.checked_add(Duration::from_secs(now.as_secs()));
    let now = now.ok_or(CertificateError::Expired)?;
    if now < contents.validity().not_before.to_system_time() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > contents.validity().not_after.to_system_time() {
        return Err(CertificateError::Expired.into());
    }
    let usage =
        contents.get_extension::<ExtendedKeyUsage>().map_err(|_| CertificateError::BadEncoding)?;
    let fits = |usages: &ExtendedKeyUsage| {
        usages.0.iter().any(|usage| [SERVER_AUTH, ANY_PURPOSE].contains(usage))
    };
    match usage {
        Some((_, usages)) if !fits(&usages) => Err(CertificateError::InvalidPurpose.into()),
        _ => Ok(()),
    }
}

fn is_authority(certificate: &Certificate) -> bool {
    let constraints = certificate.tbs_certificate().get_extension::<BasicConstraints>();
    matches!(constraints, Ok(Some((_, constraints))) if constraints.ca)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints as Constraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyPair, KeyUsagePurpose, date_time_ymd,
    };

    use super::*;

    /// A moment between the dates of every certificate here.
    const WITHIN: u64 = 1_900_000_000;
    const BEFORE: u64 = 1_500_000_000;
    const AFTER: u64 = 2_300_000_000;

    struct Made {
        params: CertificateParams,
        key: KeyPair,
    }

    impl Made {
        fn new(is_ca: IsCa, usages: &[ExtendedKeyUsagePurpose]) -> Self {
            let mut params = CertificateParams::new(["signer.example".to_owned()]).unwrap();
            (params.not_before, params.not_after) =
                (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
            params.is_ca = is_ca;
            params.key_usages =
                vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
            params.extended_key_usages = usages.to_vec();
            Self { params, key: KeyPair::generate().unwrap() }
        }

        fn authority() -> Self {
            Self::new(IsCa::Ca(Constraints::Unconstrained), &[])
        }

        fn leaf() -> Self {
            Self::new(IsCa::ExplicitNoCa, &[ExtendedKeyUsagePurpose::ServerAuth])
        }

        fn signed_by_itself(&self) -> CertificateDer<'static> {
            self.params.self_signed(&self.key).unwrap().der().clone()
        }

        fn signed_by(&self, issuer: &Self) -> CertificateDer<'static> {
            let issuer = Issuer::from_params(&issuer.params, &issuer.key);
            self.params.signed_by(&self.key, &issuer).unwrap().der().clone()
        }
    }

    fn takes(given: &CertificateDer<'static>, shown: &CertificateDer<'_>) -> bool {
        takes_at(given, shown, "signer.example", WITHIN)
    }

    fn takes_at(
        given: &CertificateDer<'static>,
        shown: &CertificateDer<'_>,
        name: &'static str,
        at: u64,
    ) -> bool {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = ServerVerifier::new(vec![given.clone()], &provider).unwrap();
        let (name, at) = (ServerName::try_from(name).unwrap(), Duration::from_secs(at));
        let at = UnixTime::since_unix_epoch(at);
        verifier.verify_server_cert(shown, &[], &name, &[], at).is_ok()
    }

    #[test]
    fn what_an_authority_in_the_file_issued_is_taken_and_nothing_else() {
        let (authority, leaf) = (Made::authority(), Made::leaf());
        let given = authority.signed_by_itself();
        assert!(takes(&given, &leaf.signed_by(&authority)));
        assert!(!takes(&given, &leaf.signed_by(&Made::authority())));
        assert!(!takes(&given, &leaf.signed_by_itself()));
        assert!(!takes_at(&given, &leaf.signed_by(&authority), "signer.example", AFTER));
        assert!(!takes_at(&given, &leaf.signed_by(&authority), "other.example", WITHIN));
    }

    #[test]
    fn a_certificate_in_the_file_counts_for_itself_within_its_dates_and_for_its_names() {
        let (issuer, leaf) = (Made::authority(), Made::leaf());
        for given in [issuer.signed_by_itself(), leaf.signed_by_itself(), leaf.signed_by(&issuer)] {
            assert!(takes(&given, &given));
            assert!(!takes_at(&given, &given, "signer.example", BEFORE));
            assert!(!takes_at(&given, &given, "signer.example", AFTER));
            assert!(!takes_at(&given, &given, "other.example", WITHIN));
        }
    }

    #[test]
    fn a_certificate_in_the_file_that_is_for_clients_only_is_refused() {
        let client = Made::new(IsCa::ExplicitNoCa, &[ExtendedKeyUsagePurpose::ClientAuth]);
        let given = client.signed_by_itself();
        assert!(!takes(&given, &given));
        let any = Made::new(IsCa::NoCa, &[ExtendedKeyUsagePurpose::Any]).signed_by_itself();
        assert!(takes(&any, &any));
    }

    /// Whoever holds the key of a server that the file names could else pass as any other.
    #[test]
    fn what_a_certificate_in_the_file_that_is_no_authority_issued_is_refused() {
        for is_ca in [IsCa::ExplicitNoCa, IsCa::NoCa] {
            let server = Made::new(is_ca, &[ExtendedKeyUsagePurpose::ServerAuth]);
            let issued = Made::leaf().signed_by(&server);
            assert!(!takes(&server.signed_by_itself(), &issued));
        }
    }
}
